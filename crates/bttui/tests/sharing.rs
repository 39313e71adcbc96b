//! When a machine that has everything starts, as tables: what the configuration says, when the server
//! answers what, and at which second the system starts. Every byte is there at second 41.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use bttui::app::{Action, App, Event, Screen};
use bttui::keys::Key;
use catalog::manifest::{Manifest, SeedUntil};
use report::Step;
use scenes::{after, complete, fetched, menu, seconds, three, waiting_for};

fn with(seed_time: Option<i64>, seed_max: Option<u64>) -> Manifest {
    Manifest {
        seed_time,
        seed_until: seed_time.is_none().then_some(SeedUntil::Room),
        seed_max,
        ..three()
    }
}

/// The second at which the system starts; `None` within 1000 seconds. The server is asked once a
/// second, and `answer` says what it answers then; it may be silent.
fn starts(mut app: App, answer: impl Fn(u64) -> Option<Vec<u8>>) -> Option<u64> {
    for second in 41..1041 {
        let event = answer(second).map_or(Event::Tick, |machines| waiting_for(&machines));
        let actions = app.handle(event, seconds(second));
        if actions.contains(&Action::Start(0)) {
            assert!(matches!(app.screen, Screen::Starting { system: 0 }));
            return Some(second);
        }
        assert_eq!(actions, [], "at second {second}");
    }
    None
}

#[test]
fn seed_time_is_a_minimum_whoever_waits() {
    for (seed_time, expected) in [(-5, 41), (0, 41), (1, 42), (60, 101), (900, 941)] {
        let mut app = after(menu(with(Some(seed_time), Some(7))), [Key::Enter], 20);
        let actions = app.handle(fetched(), seconds(41));
        let Some(Action::Report(Step::Fetched { millis: 21_000, .. })) = actions.first() else {
            panic!("{actions:?}")
        };
        assert!(
            !actions.contains(&Action::AskWhoWaits(0)),
            "nobody is asked"
        );
        let started = match actions.contains(&Action::Start(0)) {
            true => Some(41),
            // What a server says unasked changes nothing.
            false => starts(app, |second| (second % 2 == 0).then(Vec::new)),
        };
        assert_eq!(started, Some(expected), "seed_time {seed_time}");
    }
}

type Server = fn(u64) -> Option<Vec<u8>>;

#[test]
fn without_seed_time_the_room_decides() {
    let table: [(&str, Option<u64>, Server, u64); 11] = [
        ("nobody waits", None, |_| Some(vec![]), 41),
        (
            "nobody waits, told later",
            None,
            |at| (at >= 43).then(Vec::new),
            43,
        ),
        (
            "one waits until 50",
            None,
            |at| Some(vec![22; usize::from(at < 50)]),
            50,
        ),
        (
            "one after another",
            None,
            |at| {
                Some(if at < 60 {
                    vec![(at % 3) as u8 + 20]
                } else {
                    vec![]
                })
            },
            60,
        ),
        ("somebody always waits", None, |_| Some(vec![22, 23]), 101),
        (
            "somebody always waits, short",
            Some(7),
            |_| Some(vec![22]),
            48,
        ),
        (
            "somebody always waits, long",
            Some(600),
            |_| Some(vec![22]),
            641,
        ),
        ("the server is silent", None, |_| None, 46),
        (
            "the server is silent, seed_max is shorter",
            Some(3),
            |_| None,
            44,
        ),
        (
            "the server falls silent",
            None,
            |at| (at <= 50).then(|| vec![22]),
            55,
        ),
        (
            "the server stutters",
            None,
            |at| (at % 4 == 0 || at > 70).then(|| vec![22; usize::from(at < 80)]),
            80,
        ),
    ];
    for (name, seed_max, server, expected) in table {
        let app = complete(with(None, seed_max));
        assert_eq!(starts(app, server), Some(expected), "{name}");
    }
}

#[test]
fn the_server_is_asked_as_soon_as_everything_is_there() {
    let mut app = after(menu(with(None, None)), [Key::Enter], 20);
    let actions = app.handle(fetched(), seconds(41));
    assert_eq!(actions.last(), Some(&Action::AskWhoWaits(0)));
    // With seed_max: 0 there is nothing to ask.
    let mut app = after(menu(with(None, Some(0))), [Key::Enter], 20);
    let actions = app.handle(fetched(), seconds(41));
    assert_eq!(actions.last(), Some(&Action::Start(0)));
    assert!(!actions.contains(&Action::AskWhoWaits(0)), "{actions:?}");
}

/// A manifest that says nothing means the default.
#[test]
fn a_silent_manifest_means_the_room() {
    assert_eq!(starts(complete(three()), |_| Some(vec![22])), Some(101));
}

#[test]
fn a_person_may_start_at_any_time() {
    for manifest in [with(Some(900), None), with(None, Some(900))] {
        let mut app = complete(manifest);
        app.handle(waiting_for(&[22]), seconds(42));
        let enter = Event::Key {
            console: 1,
            key: Key::Enter,
        };
        assert_eq!(app.handle(enter.clone(), seconds(43)), [Action::Start(0)]);
        // Once is enough.
        assert_eq!(app.handle(enter, seconds(44)), []);
    }
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut app = complete(with(None, None));
    app.handle(
        Event::Key {
            console: 0,
            key: Key::Escape,
        },
        seconds(42),
    );
    assert_eq!(app.handle(waiting_for(&[]), seconds(43)), []);
    assert!(
        matches!(app.screen, Screen::Menu { deadline: None, .. }),
        "{:?}",
        app.screen
    );
    let mut app = after(menu(with(None, None)), [Key::Enter], 20);
    assert_eq!(app.handle(waiting_for(&[]), seconds(30)), []);
    assert!(
        matches!(app.screen, Screen::Fetching { .. }),
        "{:?}",
        app.screen
    );
}

/// Numbers of a configuration that nobody checked.
#[test]
fn no_number_is_too_large() {
    for manifest in [with(Some(i64::MAX), None), with(None, Some(u64::MAX))] {
        let app = complete(manifest);
        assert_eq!(starts(app, |_| Some(vec![22])), None);
    }
}
