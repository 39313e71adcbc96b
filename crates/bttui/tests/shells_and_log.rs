//! The keys that all screens have: one for a shell, where anybody may have one, and one for the log.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use bttui::app::{Action, App, Event, Screen};
use bttui::keys::Key;
use catalog::Shell;
use catalog::manifest::Manifest;
use catalog::shell::{PinHash, SALT};
use report::{ShellFrom, Step};
use scenes::{after, menu, progress, seconds, three};

fn press(app: &mut App, key: Key, at: u64) -> Vec<Action> {
    app.handle(Event::Key { console: 1, key }, seconds(at))
}

/// It is told when it is there: before that a PIN may be asked for.
#[test]
fn the_shell_opens_where_it_was_asked_for() {
    let open = [Action::Shell(1)];
    let allowing = |mut app: App| {
        app.shell = Shell::Yes;
        app
    };
    let mut early = allowing(App::new(seconds(0)));
    assert_eq!(press(&mut early, Key::CtrlS, 1), open);
    assert_eq!(press(&mut menu(three()), Key::CtrlS, 6), open);
    let mut failed = after(menu(three()), [Key::Down, Key::Enter], 6);
    assert_eq!(press(&mut failed, Key::Char('s'), 7), open);
    assert_eq!(failed.handle(opened(false), seconds(8)), TOLD);
}

const TOLD: [Action; 1] = [Action::Report(Step::Shell {
    from: ShellFrom::Machine,
})];
const TOLD_BY_SERVER: [Action; 1] = [Action::Report(Step::Shell {
    from: ShellFrom::Server,
})];

fn opened(is_remote: bool) -> Event {
    Event::ShellOpened { is_remote }
}

/// Whoever passes by and does not know the PIN stops nothing by asking; who knows it does, and the server's shell does not.
#[test]
fn with_a_pin_only_an_open_shell_stops_what_starts_by_itself() {
    let pin = PinHash::of("2468", &[7; SALT]).expect("a hash");
    let counting = || {
        let shell = Shell::Pin(pin.clone());
        menu(Manifest { shell, ..three() })
    };
    let failed = || {
        let mut app = counting();
        app.handle(Event::Tick, seconds(35));
        let what = "broken".to_owned();
        app.handle(Event::Broken { what }, seconds(36));
        app
    };
    for (app, key, at) in [
        (counting(), Key::CtrlS, 35),
        (failed(), Key::CtrlS, 41),
        (failed(), Key::Char('s'), 41),
    ] {
        let asked = || {
            let mut app = app.clone();
            assert_eq!(press(&mut app, key, at - 3), [Action::Shell(1)]);
            app
        };
        let goes_on = |mut app: App| {
            let actions = app.handle(Event::Tick, seconds(at));
            actions.contains(&Action::Fetch(0))
        };
        assert!(goes_on(asked()), "refused: {key:?} at {at}");
        let mut by_server = asked();
        assert_eq!(
            by_server.handle(opened(true), seconds(at - 2)),
            TOLD_BY_SERVER
        );
        assert!(goes_on(by_server), "the server's: {key:?} at {at}");
        let mut unknown = asked();
        let console = "tty1".to_owned();
        let refused = Step::PinRefused {
            console: console.clone(),
        };
        let event = Event::PinRefused { console };
        assert_eq!(
            unknown.handle(event, seconds(at - 2)),
            [Action::Report(refused)]
        );
        let log = unknown.history.lines().next_back().expect("a line");
        assert_eq!(&*log.text, "a PIN for a shell was refused on tty1");
        assert!(goes_on(unknown), "refused: {key:?} at {at}");
        let mut admitted = asked();
        assert_eq!(admitted.handle(opened(false), seconds(at - 2)), TOLD);
        assert_eq!(admitted.handle(Event::Tick, seconds(10_000)), []);
    }
}

#[test]
fn where_nobody_may_have_a_shell_no_key_opens_one_or_stops_anything() {
    let closed = || Manifest {
        shell: Shell::No,
        ..three()
    };
    let mut app = menu(closed());
    assert_eq!(press(&mut app, Key::CtrlS, 6), []);
    assert!(
        app.handle(Event::Tick, seconds(35))
            .contains(&Action::Fetch(0))
    );
    assert_eq!(press(&mut app, Key::CtrlS, 36), []);
    let what = "broken".to_owned();
    app.handle(Event::Broken { what }, seconds(37));
    assert_eq!(press(&mut app, Key::Char('s'), 38), []);
    assert!(!app.handle(Event::Tick, seconds(42)).is_empty());
    assert_eq!(press(&mut App::new(seconds(0)), Key::CtrlS, 1), []);
}

/// It covers every screen, and whatever is below goes on; a menu that somebody reads beside waits for them.
#[test]
fn the_log_is_read_on_every_screen_and_chooses_nothing() {
    for scenes::Scene { name, mut app, now } in scenes::all() {
        let press = |app: &mut App, key| app.handle(Event::Key { console: 1, key }, now);
        app.reading_log = None;
        let below = std::mem::discriminant(&app.screen);
        press(&mut app, Key::Char('l'));
        assert_eq!(app.reading_log, Some(0), "{name}");
        for key in [Key::Up, Key::Char('x'), Key::Char('m'), Key::CtrlC] {
            assert_eq!(press(&mut app, key), [], "{name}: {key:?}");
        }
        press(&mut app, Key::Enter);
        assert_eq!(app.reading_log, None, "{name}");
        assert_eq!(std::mem::discriminant(&app.screen), below, "{name}");
    }
    let mut app = after(menu(three()), [Key::Char('l')], 6);
    assert_eq!(app.handle(Event::Tick, seconds(10_000)), []);
    let mut app = menu(three());
    app.handle(Event::Tick, seconds(35));
    press(&mut app, Key::Char('l'), 36);
    app.handle(scenes::fetched(), seconds(40));
    assert!(
        matches!(app.screen, Screen::Sharing { .. }),
        "{:?}",
        app.screen
    );
}

#[test]
fn what_happened_is_in_the_log_and_figures_are_not() {
    let mut app = menu(three());
    app.handle(Event::Tick, seconds(35));
    let trouble = Some("the tracker does not answer".to_owned());
    for second in 36..46 {
        let (progress, trouble) = (progress(second << 20), trouble.clone());
        app.handle(Event::Progress { progress, trouble }, seconds(second));
    }
    let said: Vec<String> = app
        .history
        .lines()
        .map(|line| line.text.to_string())
        .collect();
    let [awake, menu, chosen, hindered] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(
        awake.contains("16.7 GB") && menu.contains("3 systems"),
        "{said:?}"
    );
    assert!(
        chosen.contains("debian chosen by the countdown"),
        "{said:?}"
    );
    assert_eq!(hindered, "the tracker does not answer");
}
