//! What the model does when something fails: whom it asks, when it tries again, how one gets away.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use bttui::app::{Action, App, During, Event, Screen};
use bttui::keys::Key;
use bttui::ui::{self, Look};
use catalog::Method;
use catalog::cmdline::LONGEST;
use catalog::manifest::Manifest;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use report::{ChosenBy, Step};
use scenes::{after, menu, seconds, three};

fn press(app: &mut App, key: Key, at: u64) -> Vec<Action> {
    app.handle(Event::Key { console: 1, key }, seconds(at))
}

#[test]
fn nobody_there_means_trying_again_with_longer_pauses() {
    let mut app = menu(three());
    app.handle(Event::Tick, seconds(35));
    let mut now = 35;
    for pause in [5, 10, 20, 40, 60, 60, 60] {
        app.handle(
            Event::Broken {
                what: "no peer".to_owned(),
            },
            seconds(now),
        );
        let Screen::Failed(failure) = &app.screen else {
            panic!("{:?}", app.screen)
        };
        assert_eq!(failure.retry_at, Some(seconds(now + pause)));
        assert_eq!(failure.during, During::Fetching(0));
        assert_eq!(app.handle(Event::Tick, seconds(now + pause - 1)), []);
        now += pause;
        assert_eq!(
            app.handle(Event::Tick, seconds(now)),
            [Action::Report(Step::Retry), Action::Fetch(0)]
        );
    }
}

#[test]
fn a_person_is_asked_instead() {
    let mut app = after(menu(three()), [Key::Enter], 20);
    let actions = app.handle(
        Event::Broken {
            what: "no peer".to_owned(),
        },
        seconds(30),
    );
    let said = Step::Failed {
        during: "fetching Debian 12 with GNOME".to_owned(),
        what: "no peer".to_owned(),
    };
    assert_eq!(actions, [Action::Report(said)]);
    assert_eq!(app.handle(Event::Tick, seconds(629)), []);
    let again = [Action::Report(Step::Retry), Action::Fetch(0)];
    assert_eq!(press(&mut app, Key::Char('r'), 629), again);
}

/// They chose, and went away: the machine goes on as one that nobody attends.
#[test]
fn a_person_who_does_not_answer_is_taken_to_be_gone() {
    let mut app = after(menu(three()), [Key::Enter], 20);
    let broken = || Event::Broken {
        what: "no peer".to_owned(),
    };
    app.handle(broken(), seconds(30));
    let again = [Action::Report(Step::Retry), Action::Fetch(0)];
    assert_eq!(app.handle(Event::Tick, seconds(630)), again);
    let actions = app.handle(broken(), seconds(640));
    assert!(
        matches!(actions[..], [Action::Report(Step::Failed { .. })]),
        "{actions:?}"
    );
    assert_eq!(app.handle(Event::Tick, seconds(650)), again, "the back-off");
}

/// Whatever a machine without people is doing when it fails, it tells the server and tries again by itself.
#[test]
fn every_failure_of_an_unattended_machine_is_told_and_goes_on() {
    let broken = || Event::Broken {
        what: "broken".to_owned(),
    };
    let not_started = || Event::NotStarted {
        what: "broken".to_owned(),
    };
    let fetching = || {
        let mut app = menu(three());
        app.handle(Event::Tick, seconds(35));
        app
    };
    let sharing = || {
        let mut app = fetching();
        app.handle(scenes::fetched(), seconds(36));
        app
    };
    let starting = || {
        let mut app = sharing();
        app.handle(scenes::waiting_for(&[]), seconds(37));
        app
    };
    let program = || {
        let mut app = menu(scenes::with_program(30));
        app.handle(Event::Tick, seconds(35));
        let progress = scenes::of_program(0);
        app.handle(Event::Fetched { progress }, seconds(36));
        app
    };
    for (name, mut app, event) in [
        ("reading", scenes::awake(), broken()),
        ("fetching", fetching(), broken()),
        ("sharing", sharing(), broken()),
        ("starting", starting(), broken()),
        ("a program", program(), not_started()),
    ] {
        let told = app.handle(event, seconds(40));
        let is_told = |action: &Action| matches!(action, Action::Report(Step::Failed { .. }));
        assert!(told.iter().any(is_told), "{name}: {told:?}");
        let went_on = app.handle(Event::Tick, seconds(45));
        assert!(went_on.contains(&Action::Report(Step::Retry)), "{name}");
        assert!(!matches!(app.screen, Screen::Failed(_)), "{name}");
    }
}

/// The default needs more memory than there is: that is told once, and nothing is tried again and again.
#[test]
fn a_default_that_cannot_run_here_is_told_and_never_tried() {
    let mut app = scenes::small(three(), 611_000_000);
    let Screen::Menu { deadline: None, .. } = app.screen else {
        panic!("{:?}", app.screen)
    };
    let said: Vec<&str> = app.history.lines().map(|line| &*line.text).collect();
    assert!(
        said.last().is_some_and(
            |last| last.contains("starting Debian 12 with GNOME") && last.contains("738.0 MB")
        ),
        "{said:?}"
    );
    for second in 6..5_000 {
        assert_eq!(app.handle(Event::Tick, seconds(second)), []);
    }
    // Who comes is told why, and chooses something else.
    let actions = press(&mut app, Key::Enter, 5_000);
    assert!(!actions.contains(&Action::Fetch(0)), "{actions:?}");
    let Screen::Failed(failure) = &app.screen else {
        panic!("{:?}", app.screen)
    };
    assert_eq!(failure.retry_at, Some(seconds(5_600)));
    let mut left = app.clone();
    press(&mut app, Key::Char('m'), 5_001);
    press(&mut app, Key::End, 5_002);
    assert!(press(&mut app, Key::Enter, 5_003).contains(&Action::Start(2)));
    // Who goes away instead leaves the menu as it was: still waiting, and the server knows why.
    let actions = left.handle(Event::Tick, seconds(5_600));
    assert!(
        matches!(
            actions[..],
            [
                Action::Report(Step::Menu { timeout_s: -1, .. }),
                Action::Report(Step::Failed { .. })
            ]
        ),
        "{actions:?}"
    );
    assert!(
        matches!(
            left.screen,
            Screen::Menu {
                selected: 0,
                deadline: None
            }
        ),
        "{:?}",
        left.screen
    );
    assert_eq!(left.handle(Event::Tick, seconds(50_000)), []);
}

/// Somebody chose what cannot run here, read why, and went away: the room's own default comes after its countdown.
#[test]
fn who_leaves_a_refused_choice_alone_does_not_keep_the_machine() {
    let refused = || after(menu(three()), [Key::Down, Key::Enter], 20);
    let mut app = refused();
    assert_eq!(app.handle(Event::Tick, seconds(619)), []);
    let menu = Action::Report(Step::Menu {
        systems: 3,
        timeout_s: 30,
    });
    assert_eq!(app.handle(Event::Tick, seconds(620)), [menu]);
    assert_eq!(app.handle(Event::Tick, seconds(649)), []);
    let chosen = Action::Report(Step::Chosen {
        system: "debian".to_owned(),
        by: ChosenBy::Timeout,
    });
    let fetches = [chosen, Action::Fetch(0)];
    assert_eq!(app.handle(Event::Tick, seconds(650)), fetches);
    // Who is still there says so.
    let mut app = after(refused(), [Key::CtrlC], 21);
    assert_eq!(app.handle(Event::Tick, seconds(10_000)), []);
}

/// What stands before the method of each of the three in the menu: `x` where this machine cannot run it.
fn marks(app: &App) -> [String; 3] {
    let mut drawn = Buffer::empty(Rect::new(0, 0, 80, 24));
    ui::draw(&mut drawn, app, seconds(6), Look::Ascii);
    // The list begins below the title, the frame and an empty line; see `screens/menu-too-large.serial.txt`.
    [3, 4, 5].map(|row| drawn[(53, row)].symbol().to_owned())
}

/// The template fits, and what this machine's address makes of it does not.
#[test]
fn a_command_line_that_is_too_long_here_is_refused_before_anything_is_fetched() {
    let with = |length: usize| {
        let mut manifest = three();
        if let Method::Kexec { cmdline, .. } = &mut manifest.systems[0].method {
            *cmdline = format!("{{ip}}{}", "x".repeat(length));
        }
        manifest
    };
    // The machine is 10.77.0.21, ten letters.
    let fits = menu(with(LONGEST - 10));
    assert_eq!(fits.refusal(0), None);
    let mut app = menu(with(LONGEST - 9));
    let why = app.refusal(0).expect("it is too long");
    assert!(why.contains("shorten cmdline in its config.yaml"), "{why}");
    assert_eq!(marks(&fits), [" ", "x", " "], "there is no QEMU");
    assert_eq!(marks(&app), ["x", "x", " "]);
    assert_eq!(app.handle(Event::Tick, seconds(50_000)), []);
    let actions = press(&mut app, Key::Enter, 50_001);
    assert!(!actions.contains(&Action::Fetch(0)), "{actions:?}");
    let Screen::Failed(failure) = &app.screen else {
        panic!("{:?}", app.screen)
    };
    assert_eq!(
        (failure.during, &failure.what),
        (During::Unsupported(0), &why)
    );
}

#[test]
fn the_way_on_from_a_failure_can_be_stopped_and_left() {
    let failed = || {
        let mut app = menu(three());
        app.handle(Event::Tick, seconds(35));
        app.handle(
            Event::Broken {
                what: "no peer".to_owned(),
            },
            seconds(36),
        );
        app
    };
    for key in [Key::CtrlC, Key::Char('s')] {
        let mut app = after(failed(), [key], 37);
        assert_eq!(app.handle(Event::Tick, seconds(10_000)), [], "{key:?}");
    }
    for key in [Key::Char('m'), Key::Escape] {
        let mut app = failed();
        let actions = press(&mut app, key, 37);
        assert_eq!(actions.last(), Some(&Action::Abandon), "{key:?}");
        assert!(
            matches!(app.screen, Screen::Menu { deadline: None, .. }),
            "{key:?}"
        );
    }
}

#[test]
fn a_failed_start_fetches_again_which_verifies_what_is_there() {
    let mut app = scenes::complete(three());
    app.handle(scenes::waiting_for(&[]), seconds(41));
    app.handle(
        Event::Broken {
            what: "not a kernel".to_owned(),
        },
        seconds(42),
    );
    let Screen::Failed(failure) = &app.screen else {
        panic!("{:?}", app.screen)
    };
    assert_eq!(failure.during, During::Starting(0));
    assert!(press(&mut app, Key::Char('r'), 43).contains(&Action::Fetch(0)));
}

#[test]
fn a_guest_without_qemu_is_not_fetched_and_not_tried_again() {
    let mut app = menu(three());
    press(&mut app, Key::Down, 6);
    let actions = press(&mut app, Key::Enter, 7);
    let is_fetch = |action: &Action| matches!(action, Action::Fetch(_));
    assert!(!actions.iter().any(is_fetch), "{actions:?}");
    let Screen::Failed(failure) = &app.screen else {
        panic!("{:?}", app.screen)
    };
    assert!(failure.what.contains("has no QEMU"), "{}", failure.what);
    assert_eq!(press(&mut app, Key::Char('r'), 8), []);
    press(&mut app, Key::Char('m'), 9);
    assert!(
        matches!(app.screen, Screen::Menu { selected: 1, .. }),
        "{:?}",
        app.screen
    );
    // With it, it is fetched, and runs where it was chosen.
    let layer = Some(scenes::entry("qemu", "QEMU", Method::Local, 1));
    let mut app = menu(Manifest { layer, ..three() });
    press(&mut app, Key::Down, 6);
    assert!(press(&mut app, Key::Enter, 7).contains(&Action::Fetch(1)));
    let progress = scenes::progress(1);
    let actions = app.handle(Event::Fetched { progress }, seconds(8));
    let (system, console) = (1, Some(1));
    assert_eq!(actions.last(), Some(&Action::Run { system, console }));
}

#[test]
fn offers_that_cannot_be_read_are_read_again() {
    let mut app = scenes::awake();
    app.handle(
        Event::Broken {
            what: "damaged".to_owned(),
        },
        seconds(5),
    );
    // There is no menu to go back to.
    assert_eq!(press(&mut app, Key::Char('m'), 6), []);
    assert_eq!(
        app.handle(Event::Tick, seconds(10)),
        [Action::Report(Step::Retry), Action::ReadOffers]
    );
    app.handle(Event::Offers(Box::new(three().into())), seconds(10));
    assert!(matches!(app.screen, Screen::Menu { .. }));
}
