//! A stranger's bytes: nothing panics, nothing is answered with more than a frame.

use std::net::SocketAddrV4;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use pxe::{Action, Loader, Mode, RelayedSubnet, Responder, Settings};

use crate::client::{Client, Reply, mac, settings};

/// Both ports get the bytes. Whatever comes, replies fit a frame and go to the subnets that are
/// served, to a relay agent, or back to where port 4011 was asked from.
fn check(responder: &mut Responder, bytes: &[u8], now: Duration, in_use: bool) {
    let giaddr = bytes.get(24..28).unwrap_or(&[0; 4]).to_vec();
    let mut action = responder.handle(bytes, now);
    for _ in 0..4 {
        let Action::ProbeAddress(question) = action else {
            break;
        };
        action = responder.probed(question, in_use, now);
    }
    if let Action::Reply { bytes, to, steps } = action {
        fits(responder.mode(), &bytes, &steps);
        let relayed = to.ip().octets()[..] == giaddr[..];
        assert_eq!(to.port(), if relayed { 67 } else { 68 });
        let near = to.ip().octets()[..3] == [10, 77, 0] || to.ip().octets()[..3] == [10, 78, 0];
        let by_any_relay = relayed && responder.mode() == Mode::Proxy;
        assert!(to.ip().is_broadcast() || near || by_any_relay, "{to}");
    }
    let from = SocketAddrV4::new([10, 77, 0, 99].into(), 4011);
    if let Action::Reply { bytes, to, steps } = responder.handle_4011(bytes, from, now) {
        fits(Mode::Proxy, &bytes, &steps);
        assert_eq!(to, from);
    }
    let _ = pxe::probe::overheard(bytes, &[]);
    let _ = pxe::probe::foreign_reply(bytes, settings().server, &[]);
}

fn fits(mode: Mode, bytes: &[u8], steps: &[(report::Mac, report::Step)]) {
    assert!((300..=1472).contains(&bytes.len()), "{}", bytes.len());
    assert!(steps.len() <= 2);
    if mode == Mode::Proxy {
        assert_eq!(bytes[16..20], [0; 4], "a proxy gives no address");
    }
}

fn clients() -> impl Strategy<Value = Client> {
    let any_client = prop_oneof![
        Just(Client::bios as fn(report::Mac) -> Client),
        Just(Client::ipxe as fn(report::Mac) -> Client),
        Just(Client::uefi as fn(report::Mac) -> Client),
        Just(Client::http_boot as fn(report::Mac) -> Client),
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
        Loader::Shim,
    ])
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Full, Mode::Proxy])
}

/// A responder with everything set that makes replies long.
fn responder(mode: Mode, loader: Loader) -> Responder {
    let server = settings().server;
    let mut responder = Responder::new(Settings {
        loader,
        dns: vec![server; 40],
        ntp: vec![server; 40],
        domain: Some("d".repeat(253)),
        router: Some([10, 77, 0, 3].into()),
        subnets: vec![RelayedSubnet {
            network: [10, 78, 0, 0].into(),
            prefix: 24,
            range: None,
            router: None,
        }],
        ..settings()
    })
    .unwrap();
    responder.set_mode(mode);
    responder
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise(bytes in vec(any::<u8>(), 0..700), mode in modes(), in_use: bool) {
        check(&mut responder(mode, Loader::Auto), &bytes, Duration::ZERO, in_use);
    }

    #[test]
    fn noise_behind_a_good_header(
        tail in vec(any::<u8>(), 0..700),
        mode in modes(),
        relay in prop::option::of(any::<[u8; 4]>()),
        in_use: bool,
    ) {
        let mut bytes = Client::bios(mac(1)).datagram(1);
        bytes.truncate(243);
        bytes.extend(tail);
        bytes[24..28].copy_from_slice(&relay.unwrap_or_default());
        check(&mut responder(mode, Loader::Auto), &bytes, Duration::ZERO, in_use);
    }

    #[test]
    fn sessions_of_spoilt_packets(
        loader in loaders(),
        packets in vec((
            clients(),
            0..10_u8,
            vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            any::<bool>(),
            0..4000_u64,
            modes(),
            prop::sample::select(vec![[0; 4], [10, 78, 0, 1], [10, 77, 0, 7], [10, 79, 0, 1]]),
        ), 1..24),
    ) {
        let mut responder = responder(Mode::Full, loader);
        let mut now = Duration::ZERO;
        for (client, kind, spoil, in_use, wait, mode, relay) in packets {
            now += Duration::from_secs(wait);
            responder.set_mode(mode);
            let mut bytes = client.behind(relay.into()).datagram(kind);
            for (place, value) in spoil {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            check(&mut responder, &bytes, now, in_use);
        }
        prop_assert!(responder.leases().iter().count() <= 24);
    }

    /// Whatever a relay agent says comes back as it was, in every reply.
    #[test]
    fn option_82_comes_back_byte_for_byte(
        said in vec(any::<u8>(), 0..=255),
        client in clients(),
        mode in modes(),
        kind in prop::sample::select(vec![1_u8, 3, 8]),
    ) {
        let mut client = client.behind([10, 78, 0, 1].into()).at([10, 78, 0, 9].into());
        client.options.retain(|(code, _)| ![0, 82, 255].contains(code));
        let mut bytes = client.datagram(kind);
        bytes.pop();
        bytes.extend([82, u8::try_from(said.len()).unwrap()]);
        bytes.extend(&said);
        bytes.push(255);
        let action = responder(mode, Loader::Auto).handle(&bytes, Duration::ZERO);
        if let Action::Reply { bytes, to, steps } = action {
            let reply = Reply::read(&bytes, to, steps);
            prop_assert_eq!(reply.options.get(&82), Some(&said));
        }
    }
}
