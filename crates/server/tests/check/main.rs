//! What `check` says of two thousand generated configurations: it never panics, every error has a file, a line of
//! that file and a remedy, and what is right is accepted. In [`start`]: what it accepts, the server starts.
//!
//! Every environment is made from its number alone, so that a failure can be repeated.

mod broken;
#[path = "../common/mod.rs"]
mod common;
mod guests;
mod hostile;
mod refused;
mod start;
mod valid;
mod words;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bt_server::plan;
use catalog::Problem;

use world::{Case, Kind, World, lines};

/// How many environments are tried.
const CASES: u64 = 2000;

/// What became of the environments of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    accepted: u32,
    refused: u32,
}

#[test]
fn two_thousand_configurations_are_accepted_or_refused_with_file_line_and_remedy() {
    let world = World::new();
    let mut counts = [Count::default(); Kind::ALL.len()];
    for number in 0..CASES {
        let case = Case::generate(number);
        world.write(&case);
        let checked = catch_unwind(AssertUnwindSafe(|| {
            plan::check_on(&world.serve(), &world.host())
        }));
        let Ok(checked) = checked else {
            panic!("check panics on {}", case.told());
        };
        let refused = checked.problems.iter().any(Problem::is_error);
        let files: Vec<(String, u64)> = case
            .files()
            .map(|(name, bytes)| (world.path(name), lines(bytes)))
            .collect();
        for problem in &checked.problems {
            if let Err(flaw) = flaw(problem, &files) {
                panic!("{flaw}\nin\n{problem}\nof {}", case.told());
            }
        }
        let said = || world.said(&checked.problems);
        assert!(
            case.is_told(&checked.problems),
            "{}of {}",
            said(),
            case.told()
        );
        match case.kind {
            Kind::Valid => assert!(!refused, "{}of {}", said(), case.told()),
            Kind::Broken => assert!(refused, "nothing is wrong with {}", case.told()),
            Kind::Mutated | Kind::Hostile => {}
        }
        let count = &mut counts[case.kind as usize];
        if refused {
            count.refused += 1;
        } else {
            count.accepted += 1;
        }
    }
    let [valid, broken, mutated, hostile] = counts;
    println!("valid {valid:?}, broken {broken:?}, mutated {mutated:?}, hostile {hostile:?}");
    assert_eq!(
        (valid.accepted, broken.refused),
        (500, 500),
        "a quarter each"
    );
    assert!(
        mutated.refused >= 200 && mutated.accepted >= 30,
        "{mutated:?}"
    );
    assert!(
        hostile.refused >= 350 && hostile.accepted >= 10,
        "{hostile:?}"
    );
}

/// What keeps a problem from being a good message; `files` are the YAML files, with how many lines they have.
fn flaw(problem: &Problem, files: &[(String, u64)]) -> Result<(), String> {
    let Some((_, most)) = files.iter().find(|(file, _)| *file == problem.file) else {
        return match problem.is_error() {
            true => Err(format!("{} is none of the YAML files", problem.file)),
            false => Ok(()),
        };
    };
    match problem.line {
        Some(line) if (1..=*most).contains(&line) => {}
        None if !problem.is_error() => {}
        line => return Err(format!("line {line:?} of a file of {most} lines")),
    }
    if problem.what.trim().is_empty() || problem.remedy.trim().is_empty() {
        return Err("no fault or no remedy".to_owned());
    }
    let message = problem.to_string();
    if message.lines().count() != 2 || message.replace('\n', "").contains(char::is_control) {
        return Err("the message breaks the screen".to_owned());
    }
    if message.len() > 4000 {
        return Err(format!("a message of {} bytes", message.len()));
    }
    Ok(())
}

/// The same number gives the same environment: a failure can be looked at again.
#[test]
fn an_environment_follows_from_its_number() {
    for number in [0, 1, 2, 3, 1999] {
        assert_eq!(Case::generate(number), Case::generate(number));
    }
}
