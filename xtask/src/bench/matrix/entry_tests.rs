//! What results come to, as tables: the figure, the verdict, and who was not behind.

use super::super::super::engine::Engine;
use super::super::super::run::TooSlow;
use super::super::rows::ROWS;
use super::*;

/// A line of `engine` whose last machine took so many seconds, and whose server sent so many copies.
fn line(engine: Engine, last: f64, copies: f64) -> Line {
    let figures = Figures {
        last,
        last_from: last,
        last_to: last,
        median: last / 2.0,
        last_by_bound: None,
        median_by_bound: Some(1.0),
        copies: Some(copies),
        joined_last: None,
        last_of: [(BTTUI, last)].into(),
        server_cpu: 0.0,
        client_cpu: 0.0,
        busy: 0.5,
        busy_before: 0.0,
        busy_own: 0.1,
        cpu_was_the_limit: false,
    };
    Line::without_runs(engine, Outcome::Measured(figures))
}

fn ended(engine: Engine, after: f64) -> Line {
    let slow = TooSlow {
        after,
        missing: 1,
        machines: 8,
    };
    let outcome = Outcome::TooSlow {
        slow,
        after_by_bound: None,
    };
    Line::without_runs(engine, outcome)
}

fn failed(engine: Engine) -> Line {
    Line::without_runs(engine, Outcome::Failed("it\nbroke".to_owned()))
}

fn entry(name: &str, all: &[Line], undisturbed: Option<&Line>) -> Entry {
    let row = ROWS.iter().find(|row| row.name == name).expect(name);
    let lines = Lines { all, undisturbed };
    Entry::of(
        row,
        row.plan,
        &lines,
        ["room", "computer", "commit"].map(str::to_owned),
    )
}

/// The figure to the thousandth, and the verdict.
fn judged(name: &str, all: &[Line]) -> (String, String) {
    let entry = entry(name, all, None);
    let measured = entry.measured.map(|ratio| format!("{ratio:.3}"));
    (measured.unwrap_or_default(), entry.verdict)
}

/// The bound of `equal-8` is 26.8 s.
#[test]
fn time_and_copies_both_count_and_the_limit_itself_is_met() {
    let bound = ROWS[0].plan.bound().expect("a bound");
    for (last, copies, expected) in [
        (1.10, 1.10, "met"),
        (1.101, 1.0, "missed: 1.101 of the bound"),
        (1.0, 1.2, "missed: 1.200 copies"),
        (1.5, 2.0, "missed: 1.500 of the bound, 2.000 copies"),
    ] {
        // A hair below, for the division may round up.
        let lines = [line(Engine::Ours, last * bound * (1.0 - 1e-12), copies)];
        let (measured, verdict) = judged("equal-8", &lines);
        assert_eq!(
            (measured, verdict.as_str()),
            (format!("{last:.3}"), expected)
        );
    }
    // Where the server is the scarce cable, its copies are not promised.
    let lines = [line(Engine::Ours, 67.2, 9.0)];
    assert_eq!(judged("slow-server", &lines).1, "met");
}

#[test]
fn a_room_in_which_somebody_never_finishes_is_missed() {
    let mixed = [ended(Engine::Mixed, 67.0), line(Engine::Aria2, 40.0, 1.0)];
    let said = "missed: mixed was ended: 1 of 8 machines had not everything after 67 s";
    assert_eq!(judged("mixed", &mixed), (String::new(), said.to_owned()));
    let broke = [failed(Engine::Ours)];
    let said = "missed: ours: it".to_owned();
    assert_eq!(judged("equal-8", &broke), (String::new(), said));
}

#[test]
fn who_is_ahead_is_told_with_those_that_were_ended_and_computed() {
    let computed = Outcome::Computed {
        last: 214.7,
        last_by_bound: 8.0,
        copies: 8.0,
    };
    let mut lines = vec![
        line(Engine::Ours, 29.3, 1.07),
        Line::without_runs(Engine::Http, computed),
        ended(Engine::Transmission, 134.2),
        failed(Engine::Libtorrent),
        line(Engine::Aria2, 42.2, 1.4),
        line(Engine::Udpcast, 30.5, 1.0),
    ];
    let told = entry("equal-8", &lines, None);
    assert_eq!(told.ahead.as_deref(), Some("yes"));
    let others: Vec<_> = told.others.iter().map(Standing::in_words).collect();
    let expected = [
        "udpcast 1.14",
        "aria2 1.57",
        "transmission > 5.00 (ended)",
        "http 8.00 (computed)",
        "libtorrent failed",
    ];
    assert_eq!(others, expected);

    lines[0] = line(Engine::Ours, 42.2, 1.07);
    let told = entry("equal-8", &lines, None);
    assert_eq!(told.ahead.as_deref(), Some("no: udpcast, aria2"));
    // Nobody else ran: nothing is claimed.
    assert_eq!(entry("equal-8", &lines[..1], None).ahead, None);
}

#[test]
fn a_ratio_is_of_the_fastest_that_is_named_and_of_nobody_else() {
    let lines = [
        line(Engine::Ours, 9.0, 1.0),
        line(Engine::Http, 9.0, 1.0),
        line(Engine::Aria2, 4.0, 1.0),
    ];
    assert_eq!(judged("one-1gbit", &lines), ("1.000".into(), "met".into()));
    let lines = [
        line(Engine::Ours, 3.0, 1.0),
        line(Engine::Sha1, 1.0, 1.0),
        failed(Engine::Aria2),
        line(Engine::Libtorrent, 5.0, 1.0),
        line(Engine::Transmission, 4.0, 1.0),
    ];
    let met = "met; the aim of 0.50 is missed".to_owned();
    assert_eq!(judged("one-unlimited", &lines), ("0.750".into(), met));
    let alone = &lines[..1];
    assert_eq!(
        judged("one-unlimited", alone).1,
        "not measured: no engine to compare with has finished"
    );
}

#[test]
fn churn_is_held_against_the_undisturbed_room_and_mixed_against_the_better_aria2() {
    let rest = [line(Engine::Ours, 16.0, 1.0), line(Engine::Aria2, 9.0, 1.0)];
    let told = |without: &Line| {
        let entry = entry("churn", &rest, Some(without));
        (entry.measured, entry.verdict)
    };
    assert_eq!(
        told(&line(Engine::Ours, 16.0, 1.0)),
        (Some(1.0), "met".into())
    );
    let missed = (Some(1.28), "missed: 1.280".into());
    assert_eq!(told(&line(Engine::Ours, 12.5, 1.0)), missed);
    assert_eq!(told(&failed(Engine::Ours)).1, "not measured: ours: it");
    assert_eq!(
        judged("churn", &rest).1,
        "not measured: the undisturbed room was not run"
    );

    let mut mixed = line(Engine::Mixed, 30.0, 1.0);
    if let Outcome::Measured(figures) = &mut mixed.outcome {
        // The last with aria2 needed 30 s, the last with ours 20.
        figures.last_of = [(BTTUI, 20.0), ("aria2", 30.0)].into();
    }
    let aria2 = [
        line(Engine::Aria2, 40.0, 1.0),
        line(Engine::Aria2Here, 16.0, 1.0),
    ];
    let all: Vec<Line> = aria2.into_iter().chain([mixed]).collect();
    assert_eq!(
        judged("mixed", &all),
        ("1.250".into(), "missed: 1.250".into())
    );
}
