use super::*;
use crate::probe::Claim;

mod company;
mod twins;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const OWN_MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 10]);
const A_MACHINE: Mac = Mac([0x52, 0x54, 0, 0, 0, 77]);
const NOBODY: Place = Place {
    leased: None,
    gateway: None,
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn stranger() -> Foreign {
    Foreign {
        address: STRANGER,
        server_id: Some(STRANGER),
        offered: Some(Ipv4Addr::new(10, 77, 0, 57)),
        to: Some(OWN_MAC),
        ours: None,
    }
}

/// Another bt-server, whose address ends in `last`.
fn sister(last: u8) -> Foreign {
    let address = Ipv4Addr::new(10, 77, 0, last);
    Foreign {
        address,
        server_id: Some(address),
        offered: None,
        to: Some(OWN_MAC),
        ours: Some(SocketAddrV4::new(address, 6969)),
    }
}

/// Looks from `from` to `to` as the caller does, a few times a second, while the link is up. Hands back when it asked.
fn look(watch: &mut Watch, from: u64, to: u64) -> Vec<u64> {
    let mut asked = Vec::new();
    for millis in (from..=to).step_by(250) {
        watch.link(true, ms(millis));
        if watch.is_question_due(ms(millis)) {
            watch.asked(ms(millis));
            asked.push(millis);
        }
    }
    asked
}

fn why(role: Option<Role>) -> String {
    match role {
        Some(Role::Proxy { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_silent_wire_is_ours_after_eight_seconds_and_four_questions() {
    let mut watch = Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC);
    let asked = look(&mut watch, 3000, 10_750);
    assert_eq!(asked, [3000, 5000, 7000, 9000]);
    assert_eq!(watch.role(ms(10_999)), None);
    assert_eq!(watch.role(ms(11_000)), Some(Role::Full));
    // It goes on asking, more rarely.
    let asked = look(&mut watch, 11_000, 60_000);
    assert_eq!(asked, [11_000, 26_000, 41_000, 56_000]);
}

#[test]
fn time_without_a_link_or_without_questions_proves_nothing() {
    let mut watch = Watch::new(Wish::Full, NOBODY, OWN, OWN_MAC);
    watch.link(false, ms(0));
    assert!(!watch.is_question_due(ms(0)), "nobody would hear it");
    assert_eq!(watch.role(ms(100_000)), None);
    watch.link(true, ms(100_000));
    assert_eq!(watch.role(ms(200_000)), None, "it never asked");
    watch.asked(ms(200_000));
    assert_eq!(watch.role(ms(300_000)), None, "it asked once");
    watch.asked(ms(300_000));
    assert_eq!(watch.role(ms(300_000)), Some(Role::Full));
}

#[test]
fn what_speaks_against_a_full_server_is_named_with_the_flag() {
    let leased = Place {
        leased: Some(OWN),
        ..NOBODY
    };
    let routed = Place {
        gateway: Some(STRANGER),
        ..NOBODY
    };
    let table = [
        (Wish::Auto, NOBODY, None),
        (Wish::Auto, leased, Some(("10.77.0.10", "--dhcp full"))),
        (Wish::Auto, routed, Some(("10.77.0.2", "--dhcp full"))),
        (Wish::Full, NOBODY, None),
        (Wish::Full, leased, None),
        (Wish::Full, routed, None),
        (
            Wish::Proxy,
            NOBODY,
            Some(("nobody was heard", "--dhcp proxy")),
        ),
    ];
    for (wish, place, expected) in table {
        let mut watch = Watch::new(wish, place, OWN, OWN_MAC);
        look(&mut watch, 0, 8000);
        let role = watch.role(ms(8000));
        let Some((whose, flag)) = expected else {
            assert_eq!(role, Some(Role::Full), "{wish:?} {place:?}");
            continue;
        };
        let why = why(role);
        assert!(why.contains(whose) && why.contains(flag), "{why}");
    }
}

#[test]
fn who_answers_is_named_whatever_is_wished() {
    for wish in [Wish::Auto, Wish::Full, Wish::Proxy] {
        let mut watch = Watch::new(wish, NOBODY, OWN, OWN_MAC);
        look(&mut watch, 0, 2000);
        watch.heard(stranger(), ms(2100));
        assert_eq!(watch.role(ms(3000)), None, "others may answer too");
        let why = why(watch.role(ms(3100)));
        assert_eq!(
            why,
            "another DHCP server answers, 10.77.0.2 (it offered 10.77.0.57)"
        );
    }
}

#[test]
fn a_server_that_appears_later_ends_the_full_role() {
    let mut watch = Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC);
    look(&mut watch, 0, 8000);
    assert_eq!(watch.role(ms(8000)), Some(Role::Full));
    watch.settle();
    watch.heard(stranger(), ms(20_000));
    assert_eq!(watch.role(ms(20_000)), None, "no longer full");
    assert!(why(watch.role(ms(21_000))).contains("10.77.0.2"));
    // Until the cable is pulled: then it may be another wire.
    watch.link(false, ms(22_000));
    assert_eq!(watch.role(ms(22_000)), None);
    look(&mut watch, 23_000, 31_000);
    assert_eq!(watch.role(ms(31_000)), Some(Role::Full));
}

#[test]
fn what_must_not_be_given_is_not_given_whoever_is_gone() {
    let mut watch = Watch::new(Wish::Full, NOBODY, OWN, OWN_MAC);
    watch.bar("there are no addresses".to_owned());
    look(&mut watch, 0, 8000);
    assert_eq!(why(watch.role(ms(8000))), "there are no addresses");
}

#[test]
fn the_second_bt_server_makes_way_and_of_two_twins_the_higher() {
    let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 30), 6969);
    let mut watch = Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC);
    look(&mut watch, 0, 250);
    watch.heard(sister(30), ms(300));
    watch.heard(stranger(), ms(400));
    assert_eq!(watch.role(ms(1300)), Some(Role::Second { first }));

    let settled = || {
        let mut watch = Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC);
        look(&mut watch, 0, 8000);
        watch.settle();
        watch
    };
    let mut lower = settled();
    lower.heard(sister(30), ms(9000));
    assert_eq!(lower.role(ms(10_000)), Some(Role::Full));
    let mut higher = settled();
    higher.heard(sister(1), ms(9000));
    let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 6969);
    assert_eq!(higher.role(ms(10_000)), Some(Role::Second { first }));
}
