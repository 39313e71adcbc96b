//! Ways through the menu as tables: what comes in, at which second, and what is to be done.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use bttui::app::{Action, App, Event, Screen};
use bttui::keys::Key;
use catalog::Method;
use catalog::manifest::{MachineEntry, Manifest};
use report::{ChosenBy, Exit, Step};
use scenes::{after, manifest, menu, progress, seconds, three};

/// Only the first system of the three.
fn one(timeout: i64) -> Manifest {
    let mut manifest = manifest(timeout, None, three().systems);
    manifest.systems.truncate(1);
    manifest
}

fn with_timeout(timeout: i64, default: Option<&str>) -> Manifest {
    manifest(timeout, default, three().systems)
}

fn press(app: &mut App, key: Key, at: u64) -> Vec<Action> {
    app.handle(Event::Key { console: 1, key }, seconds(at))
}

fn chosen_by(actions: &[Action]) -> Option<ChosenBy> {
    actions.iter().find_map(|action| match action {
        Action::Report(Step::Chosen { by, .. }) => Some(*by),
        _ => None,
    })
}

/// The menu is reached at second 5.
#[test]
fn the_countdown_follows_the_configuration() {
    let table = [
        (
            "default named",
            with_timeout(30, Some("debian")),
            Some((35, ChosenBy::Timeout)),
        ),
        (
            "at once",
            with_timeout(0, Some("debian")),
            Some((5, ChosenBy::Timeout)),
        ),
        ("for ever", with_timeout(-1, Some("debian")), None),
        ("none named of several", with_timeout(30, None), None),
        ("an unknown one named", with_timeout(30, Some("gone")), None),
        ("the only one", one(30), Some((35, ChosenBy::Timeout))),
        ("the only one at once", one(0), Some((5, ChosenBy::Only))),
        ("the only one, for ever", one(-1), None),
        ("none at all", manifest(30, None, vec![]), None),
    ];
    for (name, manifest, expected) in table {
        let mut app = scenes::awake();
        let mut started = None;
        for second in 5..500 {
            let event = if second == 5 {
                Event::Offers(Box::new(manifest.clone().into()))
            } else {
                Event::Tick
            };
            let actions = app.handle(event, seconds(second));
            if let Some(by) = chosen_by(&actions) {
                assert!(actions.contains(&Action::Fetch(0)), "{name}: {actions:?}");
                started.get_or_insert((second, by));
            }
        }
        assert_eq!(started, expected, "{name}");
    }
}

/// The machine is 52:54:00:12:34:56, as in all scenes.
#[test]
fn a_machine_picks_its_own_default_and_timeout() {
    let entry = |pattern: &str, default: Option<&str>, timeout| MachineEntry {
        pattern: pattern.parse().expect("a pattern"),
        name: None,
        default: default.map(str::to_owned),
        timeout,
    };
    let group = || entry("52:54:00:*", Some("memtest"), 2);
    let own = entry("52:54:00:12:34:56", Some("debian"), 0);
    let other = entry("52:54:00:12:34:57", Some("debian"), 0);
    for (machines, expected) in [
        (vec![], None),
        (vec![other.clone(), entry("02:*", Some("debian"), 0)], None),
        (vec![group(), other], Some((7, "memtest"))),
        (vec![own, group()], Some((5, "debian"))),
        (vec![group(), entry("52:54:00:12:34:56", None, -1)], None),
    ] {
        let manifest = Manifest {
            machines,
            layer: Some(scenes::entry("qemu", "QEMU", Method::Local, 1)),
            ..with_timeout(-1, None)
        };
        let mut app = scenes::awake();
        let mut chosen = None;
        for second in 5..100 {
            let event = match second {
                5 => Event::Offers(Box::new(manifest.clone().into())),
                _ => Event::Tick,
            };
            for action in app.handle(event, seconds(second)) {
                if let Action::Report(Step::Chosen { system, .. }) = action {
                    chosen.get_or_insert((second, system));
                }
            }
        }
        let chosen = chosen
            .as_ref()
            .map(|(second, system)| (*second, system.as_str()));
        assert_eq!(chosen, expected, "{:?}", manifest.machines);
    }
}

#[test]
fn waking_up_is_reported_before_anything_else() {
    let mut app = App::new(seconds(0));
    let Screen::Waiting { .. } = app.screen else {
        panic!("{:?}", app.screen)
    };
    let lease = scenes::awake().lease.expect("a lease");
    let facts = scenes::awake().facts.expect("facts");
    let actions = app.handle(
        Event::Network {
            lease: lease.clone(),
            facts: facts.clone(),
        },
        seconds(4),
    );
    assert_eq!(
        actions,
        [
            Action::Report(Step::Awake {
                facts: facts.clone()
            }),
            Action::ReadOffers
        ]
    );
    // A renewal starts nothing again.
    assert_eq!(app.handle(Event::Network { lease, facts }, seconds(5)), []);
    let actions = app.handle(Event::Offers(Box::new(three().into())), seconds(5));
    assert_eq!(
        actions,
        [Action::Report(Step::Menu {
            systems: 3,
            timeout_s: 30
        })]
    );
}

/// Ctrl+C, moving about and opening a shell all mean that somebody is here.
#[test]
fn a_person_stops_the_countdown() {
    for key in [Key::CtrlC, Key::Down, Key::Up, Key::End, Key::CtrlS] {
        let mut app = after(menu(three()), [key], 6);
        assert_eq!(app.handle(Event::Tick, seconds(10_000)), [], "{key:?}");
    }
    // A key that means nothing does not.
    let mut app = after(menu(three()), [Key::Char('x'), Key::Escape], 6);
    assert_eq!(
        chosen_by(&app.handle(Event::Tick, seconds(35))),
        Some(ChosenBy::Timeout)
    );
}

#[test]
fn enter_starts_what_is_selected() {
    let mut app = after(menu(one(30)), [Key::Down, Key::Down, Key::Up], 6);
    let actions = press(&mut app, Key::Enter, 7);
    let chosen = Action::Report(Step::Chosen {
        system: "debian".to_owned(),
        by: ChosenBy::Person,
    });
    assert_eq!(actions, [chosen, Action::Fetch(0)]);
    // An empty menu has nothing to start.
    assert_eq!(
        press(&mut menu(manifest(30, None, vec![])), Key::Enter, 7),
        []
    );
}

/// Nothing of it is fetched, and trying again is asking the server again.
#[test]
fn the_own_disk_is_started_at_once() {
    let mut app = after(menu(three()), [Key::End], 6);
    let actions = press(&mut app, Key::Enter, 7);
    let chosen = Action::Report(Step::Chosen {
        system: "disk".to_owned(),
        by: ChosenBy::Person,
    });
    assert_eq!(actions, [chosen, Action::Start(2)]);
    let what = "the server did not answer".to_owned();
    app.handle(Event::Broken { what }, seconds(13));
    assert!(matches!(app.screen, Screen::Failed(_)), "{:?}", app.screen);
    let again = [Action::Report(Step::Retry), Action::Start(2)];
    assert_eq!(press(&mut app, Key::Char('r'), 14), again);
}

#[test]
fn progress_is_reported_once_a_second() {
    let mut app = after(menu(three()), [Key::Enter], 20);
    let mut reports = 0;
    for tenth in 0..100u64 {
        let event = Event::Progress {
            progress: progress(tenth << 20),
            trouble: None,
        };
        reports += app
            .handle(
                event,
                seconds(20) + std::time::Duration::from_millis(tenth * 100),
            )
            .len();
    }
    assert_eq!(reports, 9);
}

#[test]
fn escape_leaves_a_download_for_a_menu_that_waits() {
    let mut app = after(menu(three()), [Key::Enter], 20);
    // The server is told, or other machines would go on waiting for this one.
    let back = Action::Report(Step::Menu {
        systems: 3,
        timeout_s: -1,
    });
    assert_eq!(press(&mut app, Key::Escape, 21), [back, Action::Abandon]);
    assert!(
        matches!(
            app.screen,
            Screen::Menu {
                selected: 0,
                deadline: None
            }
        ),
        "{:?}",
        app.screen
    );
    // What the abandoned download still says changes nothing.
    assert_eq!(
        app.handle(
            Event::Fetched {
                progress: progress(1)
            },
            seconds(22)
        ),
        []
    );
    assert_eq!(
        app.handle(
            Event::Broken {
                what: "late".to_owned()
            },
            seconds(22)
        ),
        []
    );
    assert_eq!(app.handle(Event::Tick, seconds(10_000)), []);
}

/// Whatever is typed and whatever happens, in any order, the model answers.
#[test]
fn no_order_of_events_breaks_the_model() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..200 {
        let mut app = App::new(seconds(0));
        let fresh = scenes::awake();
        for now in 0..300 {
            let key = |code: u8| Event::Key {
                console: usize::from(code),
                key: [
                    Key::Up,
                    Key::Down,
                    Key::Enter,
                    Key::Escape,
                    Key::CtrlC,
                    Key::CtrlS,
                    Key::Char('r'),
                    Key::Char('m'),
                    [Key::Char('x'), Key::Char('l')][(now % 2) as usize],
                ][usize::from(code)],
            };
            let event = match random.random_range(0..20u8) {
                code @ 0..9 => key(code),
                9 => {
                    let manifest = match random.random_range(0..3) {
                        0 => three(),
                        1 => scenes::with_program(3),
                        _ => manifest(0, None, vec![]),
                    };
                    Event::Offers(Box::new(manifest.into()))
                }
                10 => Event::Network {
                    lease: fresh.lease.clone().expect("a lease"),
                    facts: fresh.facts.clone().expect("facts"),
                },
                11 => Event::Progress {
                    progress: progress(now),
                    trouble: None,
                },
                12 => Event::Fetched {
                    progress: progress(now),
                },
                13 => Event::Broken {
                    what: "broken".to_owned(),
                },
                14 => Event::NoNetwork {
                    why: "why".to_owned(),
                },
                17 => Event::Started {
                    console: "tty1".to_owned(),
                    how: String::new(),
                },
                18 => Event::Ended {
                    exit: Exit::Itself { status: 1 },
                },
                19 => Event::NotStarted {
                    what: "empty".to_owned(),
                },
                15 if now % 2 == 0 => Event::ShellOpened {
                    is_remote: now % 4 == 0,
                },
                15 => scenes::waiting_for(&[2; 3][..random.random_range(0..3)]),
                _ => Event::Tick,
            };
            for action in app.handle(event, seconds(now)) {
                if let Action::Fetch(system) | Action::Start(system) | Action::Run { system, .. } =
                    action
                {
                    assert!(system < app.systems().len());
                }
            }
        }
    }
}
