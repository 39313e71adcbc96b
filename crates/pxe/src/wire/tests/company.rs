//! Others who come, stay and go, and bt-servers among themselves.

use super::*;

const S: u64 = 1000;

/// A wire with a server that answers questions as `answers` says, by the second. Looks from `from` to `to` (in
/// milliseconds) and hands back when the role changed, and to what.
fn live(
    watch: &mut Watch,
    (from, to): (u64, u64),
    answers: impl Fn(u64) -> Option<Foreign>,
) -> Vec<(u64, Option<Role>)> {
    let mut changes = Vec::new();
    let mut last = watch.role(ms(from));
    for millis in (from..=to).step_by(250) {
        watch.link(true, ms(millis));
        if watch.is_question_due(ms(millis)) {
            watch.asked(ms(millis));
            if let Some(foreign) = answers(millis / S) {
                watch.heard(foreign, ms(millis + 5));
            }
        }
        let role = watch.role(ms(millis + 10));
        if role != last {
            if role.is_some() {
                watch.settle();
            }
            changes.push((millis / S, role.clone()));
            last = role;
        }
    }
    changes
}

fn auto() -> Watch {
    Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC).to_serve(6969)
}

fn is_proxy(role: Option<&Role>) -> bool {
    matches!(role, Some(Role::Proxy { .. }))
}

#[test]
fn one_forged_offer_costs_two_minutes_and_the_next_one_four() {
    let mut watch = auto();
    live(&mut watch, (0, 60 * S), |_| None);
    let forged = Foreign {
        to: Some(A_MACHINE),
        ..stranger()
    };
    let mut begun = 61 * S;
    for patience in [120, 240, 480, 960, 1920, 3600, 3600] {
        watch.heard(forged, ms(begun));
        assert_eq!(watch.role(ms(begun)), None, "not full any more");
        let changes = live(&mut watch, (begun + 250, begun + 3699 * S), |_| None);
        let [(proxy, role), (anew, None), (full, Some(Role::Full))] = &changes[..] else {
            panic!("{changes:?}");
        };
        assert!(is_proxy(role.as_ref()) && *proxy <= begun / S + 2);
        let cost = full - begun / S;
        assert!((patience + 8..patience + 20).contains(&cost), "{cost}");
        assert_eq!(full - anew, 8, "looked at as at the start");
        begun += 3700 * S;
    }
    // An hour of peace, and it begins anew.
    begun += 3700 * S;
    live(&mut watch, (begun - 3700 * S, begun), |_| None);
    watch.heard(forged, ms(begun));
    let changes = live(&mut watch, (begun + 250, begun + 140 * S), |_| None);
    assert_eq!(
        changes.last().map(|(_, role)| role),
        Some(&Some(Role::Full))
    );
}

#[test]
fn a_server_that_answers_is_asked_ever_more_rarely_and_stays() {
    let mut watch = auto();
    let mut asked = Vec::new();
    for millis in (0..3600 * S).step_by(250) {
        watch.link(true, ms(millis));
        if watch.is_question_due(ms(millis)) {
            watch.asked(ms(millis));
            watch.heard(stranger(), ms(millis));
            asked.push(millis / S);
        }
        let role = watch.role(ms(millis + 10));
        assert!(role.is_none() == (millis < S) || is_proxy(role.as_ref()));
        watch.settle();
    }
    let between: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(between[..5], [15, 30, 60, 120, 240]);
    assert!(
        between[5..].iter().all(|seconds| *seconds == 240),
        "{between:?}"
    );
}

#[test]
fn a_router_that_is_switched_off_and_on_again_is_made_way_for() {
    let mut watch = auto();
    // It is away from 100 s on, and there again from 1000 s on.
    let answers = |second| (!(100..1000).contains(&second)).then(stranger);
    let changes = live(&mut watch, (0, 3000 * S), answers);
    let roles: Vec<_> = changes.iter().map(|(_, role)| role.clone()).collect();
    let [first, None, Some(Role::Full), None, again] = &roles[..] else {
        panic!("{changes:?}");
    };
    assert!(is_proxy(first.as_ref()) && is_proxy(again.as_ref()));
    let full = changes[2].0;
    assert!((228..480).contains(&full), "{full}");
    assert!(changes[4].0 - 1000 <= 17, "{changes:?}");
}

#[test]
fn a_server_that_misses_questions_is_still_there() {
    let mut watch = auto();
    let answers = |second: u64| (second / 60).is_multiple_of(2).then(stranger);
    let changes = live(&mut watch, (0, 7200 * S), answers);
    assert_eq!(changes.len(), 1, "{changes:?}");
}

#[test]
fn a_machine_that_finds_nobody_makes_us_ask() {
    let mut watch = auto();
    live(&mut watch, (0, 600 * S), |_| Some(stranger()));
    // The server is gone. Without a machine it would be asked four minutes after its last answer.
    for second in 600..780 {
        watch.overheard(Overheard::Wants, ms(second * S));
        live(&mut watch, (second * S, second * S + 900), |_| None);
    }
    assert_eq!(watch.role(ms(780 * S)), Some(Role::Full));
}

#[test]
fn what_speaks_against_addresses_does_so_when_the_other_server_is_gone_too() {
    let routed = Place {
        gateway: Some(STRANGER),
        ..NOBODY
    };
    let mut watch = Watch::new(Wish::Auto, routed, OWN, OWN_MAC);
    let answers = |second| (second < 20).then(stranger);
    live(&mut watch, (0, 2000 * S), answers);
    assert!(why(watch.role(ms(2000 * S))).contains("--dhcp full"));
}

#[test]
fn another_server_gives_the_reason_its_name_once_the_first_one_is_long_gone() {
    let mut watch = auto();
    let heir = Foreign {
        server_id: Some(Ipv4Addr::new(10, 77, 0, 3)),
        ..stranger()
    };
    let answers = |second| Some(if second < 60 { stranger() } else { heir });
    let changes = live(&mut watch, (0, 2000 * S), answers);
    let [(_, first), (when, second)] = &changes[..] else {
        panic!("{changes:?}");
    };
    assert!(why(first.clone()).contains("10.77.0.2") && why(second.clone()).contains("10.77.0.3"));
    assert!((600..900).contains(when), "{when}");
}

#[test]
fn the_second_takes_over_when_the_first_is_gone() {
    let mut watch = auto();
    let answers = |second| (second < 300).then(|| sister(30));
    let changes = live(&mut watch, (0, 900 * S), answers);
    let roles: Vec<_> = changes.iter().map(|(_, role)| role).collect();
    assert!(
        matches!(
            roles[..],
            [Some(Role::Second { .. }), None, Some(Role::Full)]
        ),
        "{changes:?}"
    );
}

#[test]
fn a_bt_servers_offers_are_explained_by_its_greeting_and_a_dhcp_servers_are_not() {
    let offer = |to| Foreign {
        address: Ipv4Addr::new(10, 77, 0, 30),
        server_id: Some(Ipv4Addr::new(10, 77, 0, 30)),
        to: Some(to),
        ..stranger()
    };
    // Offered to a machine; then it says who it is, and makes way.
    let mut watch = auto();
    live(&mut watch, (0, 60 * S), |_| None);
    watch.heard(offer(A_MACHINE), ms(61 * S));
    assert!(watch.is_question_due(ms(61 * S)), "who is that?");
    watch.asked(ms(61 * S));
    watch.heard(sister(30), ms(61 * S + 5));
    assert_eq!(watch.role(ms(61 * S + 10)), Some(Role::Full));
    watch.heard(offer(A_MACHINE), ms(62 * S));
    assert_eq!(
        watch.role(ms(62 * S)),
        Some(Role::Full),
        "not yet heard of us"
    );
    watch.heard(offer(A_MACHINE), ms(99 * S));
    assert_eq!(watch.role(ms(99 * S)), None, "it had time enough");
    // No bt-server offers one of us an address: that is another server at the same address.
    let mut watch = auto();
    live(&mut watch, (0, 60 * S), |_| None);
    watch.heard(offer(OWN_MAC), ms(61 * S));
    watch.heard(sister(30), ms(61 * S + 5));
    assert!(is_proxy(watch.role(ms(63 * S)).as_ref()));
}

#[test]
fn a_twin_with_a_lower_address_is_waited_for_but_not_for_ever() {
    let twin = |last: u8| {
        Overheard::Question(Some(Claim {
            address: Ipv4Addr::new(10, 77, 0, last),
            mac: A_MACHINE,
            http: 6969,
        }))
    };
    for (last, decided) in [(30, 8), (9, 60)] {
        let mut watch = auto();
        let mut full = None;
        watch.link(true, ms(0));
        for second in 0..100 {
            if watch.claim().is_some() {
                watch.overheard(twin(last), ms(second * S));
            }
            live(&mut watch, (second * S, second * S + 900), |_| None);
            if watch.role(ms(second * S + 950)) == Some(Role::Full) {
                full.get_or_insert(second);
            }
        }
        assert_eq!(full, Some(decided), "{last}");
    }
    // Who only looks waits for nobody, and nobody for it.
    let mut looks = Watch::new(Wish::Auto, NOBODY, OWN, OWN_MAC);
    assert_eq!(looks.claim(), None);
    looks.link(true, ms(0));
    looks.overheard(twin(1), ms(0));
    look(&mut looks, 0, 8000);
    assert_eq!(looks.role(ms(8000)), Some(Role::Full));
}

/// A second whose first one has made way for another hears of that one, and does not take over.
#[test]
fn the_one_that_answers_takes_the_place_of_the_one_that_does_not() {
    for heir in [1, 40] {
        let mut watch = auto();
        let answers = |second| {
            Some(if second < 60 {
                sister(30)
            } else {
                sister(heir)
            })
        };
        let changes = live(&mut watch, (0, 400 * S), answers);
        let last = changes.last().and_then(|(_, role)| role.clone());
        let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, heir), 6969);
        assert_eq!(last, Some(Role::Second { first }));
        let is_full = |(_, role): &(u64, Option<Role>)| *role == Some(Role::Full);
        assert!(!changes.iter().any(is_full), "{changes:?}");
    }
}

/// Who looks anew begins anew: it claims the wire, and makes way for who serves, whatever the addresses.
#[test]
fn after_a_pulled_cable_the_one_that_serves_goes_on() {
    let mut watch = auto();
    live(&mut watch, (0, 60 * S), |_| None);
    assert!(watch.claim().is_none() && watch.serves().is_some());
    watch.link(false, ms(61 * S));
    watch.link(true, ms(62 * S));
    assert!(watch.claim().is_some() && watch.serves().is_none());
    live(&mut watch, (62 * S, 70 * S), |_| Some(sister(30)));
    assert!(matches!(watch.role(ms(70 * S)), Some(Role::Second { .. })));
    assert!(watch.claim().is_none() && watch.serves().is_none());
}

#[test]
fn of_two_interfaces_of_this_computer_on_one_wire_the_later_one_is_silent() {
    let elsewhere = Ipv4Addr::new(10, 78, 0, 1);
    let says = |address| Foreign {
        address,
        server_id: Some(address),
        offered: None,
        to: Some(OWN_MAC),
        ours: Some(SocketAddrV4::new(address, 6969)),
    };
    let role = |said: Option<Ipv4Addr>| {
        let mut watch = auto();
        watch.computer(&[Ipv4Addr::LOCALHOST, OWN, elsewhere]);
        live(&mut watch, (0, 12 * S), |_| said.map(says));
        watch.role(ms(12 * S))
    };
    let served_from = elsewhere;
    assert_eq!(role(Some(elsewhere)), Some(Role::SameWire { served_from }));
    // What it hears of its own words is nobody's.
    assert_eq!(role(Some(OWN)), Some(Role::Full));
    let first = SocketAddrV4::new(STRANGER, 6969);
    assert_eq!(role(Some(STRANGER)), Some(Role::Second { first }));
    // Nobody who begins is greeted from here, and once the other interface is gone, this one serves.
    let mut watch = auto();
    watch.computer(&[OWN, elsewhere]);
    let answers = |second| (second < 60).then(|| says(elsewhere));
    let changes = live(&mut watch, (0, 50 * S), answers);
    assert_eq!(
        changes.last(),
        Some(&(1, Some(Role::SameWire { served_from })))
    );
    assert_eq!(watch.serves(), None);
    let changes = live(&mut watch, (51 * S, 400 * S), answers);
    assert_eq!(
        changes.last().map(|(_, role)| role),
        Some(&Some(Role::Full))
    );
}
