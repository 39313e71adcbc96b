//! A stranger's bytes: nothing panics, nothing is answered with more than a frame.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use pxe::{Action, Loader, Responder, Settings};

use crate::client::{Client, mac, settings};

fn check(responder: &mut Responder, bytes: &[u8], now: Duration, in_use: bool) {
    let mut action = responder.handle(bytes, now);
    for _ in 0..4 {
        let Action::ProbeAddress(question) = action else {
            break;
        };
        action = responder.probed(question, in_use, now);
    }
    if let Action::Reply { bytes, to, steps } = action {
        assert!((300..=1472).contains(&bytes.len()), "{}", bytes.len());
        assert_eq!(to.port(), 68);
        assert!(to.ip().is_broadcast() || to.ip().octets()[..3] == [10, 77, 0]);
        assert!(steps.len() <= 2);
    }
    let _ = pxe::probe::foreign_choice(bytes, &[]);
    let _ = pxe::probe::foreign_reply(bytes, settings().server, &[]);
}

fn clients() -> impl Strategy<Value = Client> {
    let any_client = prop_oneof![
        Just(Client::bios as fn(report::Mac) -> Client),
        Just(Client::ipxe as fn(report::Mac) -> Client),
        Just(Client::udhcpc as fn(report::Mac) -> Client),
    ];
    let options = vec((any::<u8>(), vec(any::<u8>(), 0..=255)), 0..4);
    (any_client, 0..20_u16, options).prop_map(|(make, number, options)| {
        let mut client = make(mac(number));
        client.options.extend(options);
        client
    })
}

fn loaders() -> impl Strategy<Value = Loader> {
    prop::sample::select(vec![
        Loader::Auto,
        Loader::Ipxe,
        Loader::Lpxelinux,
        Loader::Pxelinux,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise(bytes in vec(any::<u8>(), 0..700), in_use: bool) {
        check(&mut Responder::new(settings()).unwrap(), &bytes, Duration::ZERO, in_use);
    }

    #[test]
    fn noise_behind_a_good_header(tail in vec(any::<u8>(), 0..700), in_use: bool) {
        let mut bytes = Client::bios(mac(1)).datagram(1);
        bytes.truncate(243);
        bytes.extend(tail);
        check(&mut Responder::new(settings()).unwrap(), &bytes, Duration::ZERO, in_use);
    }

    #[test]
    fn sessions_of_spoilt_packets(
        loader in loaders(),
        packets in vec((clients(), 0..10_u8, vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<bool>(), 0..4000_u64), 1..24),
    ) {
        let dns = vec![settings().server; 40];
        let mut responder =
            Responder::new(Settings { loader, dns, router: Some([10, 77, 0, 3].into()), ..settings() }).unwrap();
        let mut now = Duration::ZERO;
        for (client, kind, spoil, in_use, wait) in packets {
            now += Duration::from_secs(wait);
            let mut bytes = client.datagram(kind);
            for (place, value) in spoil {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            check(&mut responder, &bytes, now, in_use);
        }
        prop_assert!(responder.leases().iter().count() <= 24);
    }
}
