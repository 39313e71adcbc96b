//! Systems that run beside phase 1, as tables: when they start, who sees them, and what comes after their end.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use bttui::app::{Action, App, Event, Screen};
use bttui::keys::Key;
use report::{Exit, Step};
use scenes::{after, menu, of_program, running, seconds, to_run, with_program};

const WELL: Exit = Exit::Itself { status: 0 };
const BADLY: Exit = Exit::Itself { status: 3 };

fn fetched() -> Event {
    Event::Fetched {
        progress: of_program(0),
    }
}

fn started() -> Event {
    Event::Started {
        console: "tty1".to_owned(),
        how: String::new(),
    }
}

/// It shares while it runs, so it waits for nobody, whatever the configuration says of sharing first.
#[test]
fn a_program_starts_with_its_last_byte_where_it_was_chosen() {
    for seed_time in [None, Some(900)] {
        let mut manifest = with_program(30);
        manifest.seed_time = seed_time;
        for (console, at, keys) in [
            (Some(0), 21, vec![Key::End, Key::Enter]),
            (None, 40, vec![]),
        ] {
            let mut app = menu(manifest.clone());
            for key in keys {
                app.handle(Event::Key { console: 0, key }, seconds(20));
            }
            app.handle(Event::Tick, seconds(at));
            let actions = app.handle(fetched(), seconds(at + 1));
            assert!(
                matches!(actions[0], Action::Report(Step::Fetched { .. })),
                "{actions:?}"
            );
            let system = 3;
            assert_eq!(actions[1..], [Action::Run { system, console }]);
            assert!(matches!(app.screen, Screen::Starting { system: 3 }));
        }
    }
}

#[test]
fn its_start_and_its_end_are_told() {
    let mut app = to_run();
    let system = "inventory".to_owned();
    let console = "tty1".to_owned();
    let told = Step::Running {
        system: system.clone(),
        console,
        how: String::new(),
    };
    assert_eq!(app.handle(started(), seconds(22)), [Action::Report(told)]);
    let actions = app.handle(Event::Ended { exit: BADLY }, seconds(30));
    let exit = BADLY;
    let back = Step::Menu {
        systems: 4,
        timeout_s: -1,
    };
    let ended = Step::Ended { system, exit };
    assert_eq!(actions, [ended, back].map(Action::Report));
    // Only once, and late words of an earlier one change nothing.
    for late in [Event::Ended { exit: WELL }, started()] {
        assert_eq!(app.handle(late, seconds(31)), []);
    }
    assert!(matches!(app.screen, Screen::Menu { selected: 3, .. }));
    assert_eq!(app.outcome.map(|outcome| outcome.exit), Some(BADLY));
}

/// The second at which it is chosen again by itself, when it ends at 100; `None` within 1000 seconds.
fn again(mut app: App, exit: Exit) -> Option<u64> {
    app.handle(Event::Ended { exit }, seconds(100));
    (100..1100).find(|second| {
        let actions = app.handle(Event::Tick, seconds(*second));
        actions.contains(&Action::Fetch(3))
    })
}

/// The countdown ran out, every byte came, it runs.
fn alone(timeout: i64) -> App {
    let mut app = menu(with_program(timeout));
    for event in [Event::Tick, fetched(), started()] {
        app.handle(event, seconds(90));
    }
    assert!(matches!(app.screen, Screen::Running(_)), "{:?}", app.screen);
    app
}

#[test]
fn the_menu_waits_for_a_person_and_counts_down_where_there_is_none() {
    assert_eq!(again(running(), BADLY), None);
    assert_eq!(again(running(), WELL), None);
    assert_eq!(again(alone(30), WELL), Some(130));
    // Never at once, or a program that ends immediately would keep the machine busy.
    assert_eq!(again(alone(0), WELL), Some(105));
    assert_eq!(again(alone(0), BADLY), Some(110));
    // Whoever ended it is there.
    assert_eq!(again(after(alone(0), [Key::Char('x')], 95), WELL), None);
}

#[test]
fn one_that_keeps_failing_is_tried_ever_less_often() {
    let mut app = alone(0);
    let mut now = 100;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        app.handle(Event::Ended { exit: BADLY }, seconds(now));
        let begin = now;
        while !app
            .handle(Event::Tick, seconds(now))
            .contains(&Action::Fetch(3))
        {
            now += 1;
        }
        pauses.push(now - begin);
        app.handle(fetched(), seconds(now));
        app.handle(started(), seconds(now));
    }
    assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
}

#[test]
fn what_cannot_be_run_is_told_and_tried_again() {
    let what = "inventory is empty".to_owned();
    let broken = Event::NotStarted { what: what.clone() };
    let mut app = to_run();
    let during = "starting Hardware inventory".to_owned();
    let failed = Action::Report(Step::Failed { during, what });
    assert_eq!(app.handle(broken, seconds(22)), [failed]);
    let again = [Action::Report(Step::Retry), Action::Fetch(3)];
    let key = Key::Char('r');
    assert_eq!(
        app.handle(Event::Key { console: 0, key }, seconds(23)),
        again
    );
}

/// The download shares on: what it says is shown, never the end of the program.
#[test]
fn trouble_with_sharing_does_not_end_it() {
    let what = "the disk is full".to_owned();
    for mut app in [to_run(), running()] {
        let before = std::mem::discriminant(&app.screen);
        let broken = Event::Broken { what: what.clone() };
        assert_eq!(app.handle(broken, seconds(95)), []);
        assert_eq!(std::mem::discriminant(&app.screen), before);
    }
}

#[test]
fn what_it_gives_to_others_is_told_when_it_changes() {
    let mut app = running();
    let mut news = |uploaded: u64, at| {
        let progress = of_program(uploaded);
        let trouble = None;
        app.handle(Event::Progress { progress, trouble }, seconds(at))
            .len()
    };
    assert_eq!(news(9 << 20, 91), 0, "as before");
    assert_eq!(news(10 << 20, 92), 1);
    assert_eq!(news(11 << 20, 92), 0, "within the same second");
    assert_eq!(news(11 << 20, 93), 1, "the last figures are not lost");
    assert_eq!(news(11 << 20, 94), 0);
}

#[test]
fn it_can_be_ended_from_another_console() {
    let mut app = running();
    let key = Key::Char('x');
    let end = Event::Key { console: 1, key };
    assert_eq!(app.handle(end.clone(), seconds(95)), [Action::EndProgram]);
    assert_eq!(app.handle(end, seconds(96)), [Action::EndProgram]);
    // Escape and Enter mean nothing here.
    for key in [Key::Escape, Key::Enter] {
        assert_eq!(app.handle(Event::Key { console: 1, key }, seconds(97)), []);
    }
}
