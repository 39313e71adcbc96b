//! A machine that boots once, from its first question to the one after its start.

use std::net::Ipv4Addr;

use pxe::{Action, Loader, Responder, Settings};

use super::*;

const ONE: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 1]);
const TWO: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 2]);
const ALWAYS: Mac = Mac([0x52, 0x54, 0, 0x99, 0, 1]);

fn machines() -> Machines {
    let rule = pxe::machines::Rule {
        boot: Boot::Once,
        ..Default::default()
    };
    let pattern = "52:54:00:12:*".parse().expect("a pattern");
    Machines::new([(pattern, rule)], Boot::Always).expect("sound")
}

fn starting() -> Step {
    Step::Starting {
        system: "debian".into(),
        method: "kexec".into(),
    }
}

fn failed() -> Step {
    Step::Failed {
        during: "starting debian".into(),
        what: "no memory".into(),
    }
}

/// What a machine's BIOS asks.
fn discover(mac: Mac) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[28..34].copy_from_slice(&mac.0);
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, 1, 93, 2, 0, 0, 60, 9]);
    bytes.extend(b"PXEClient\xff");
    bytes
}

/// Whether it is offered an address, and whether a loader.
fn offered(once: &Once, mac: Mac) -> (bool, bool) {
    let mut responder = Responder::new(Settings {
        server: Ipv4Addr::new(10, 77, 0, 1),
        prefix: 24,
        range: None,
        lease: Duration::from_secs(3600),
        router: None,
        dns: Vec::new(),
        ntp: Vec::new(),
        domain: None,
        subnets: Vec::new(),
        machines: once.0.machines.clone(),
        http_port: 6969,
        loader: Loader::Auto,
    })
    .expect("sound");
    responder.set_started(once.watch().borrow().clone());
    let now = pxe::record::BEGIN;
    let action = match responder.handle(&discover(mac), now) {
        Action::ProbeAddress(question) => responder.probed(question, false, now),
        other => other,
    };
    let Action::Reply { bytes, .. } = action else {
        return (false, false);
    };
    let has_file = bytes[108..236].iter().any(|byte| *byte != 0);
    (bytes[16..20] != [0; 4], has_file)
}

fn heard(once: &Once, mac: Mac, step: &Step) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let heard = runtime.expect("a runtime").block_on(once.heard(mac, step));
    heard.expect("nothing to refuse");
}

#[test]
fn after_its_start_a_machine_is_left_to_its_own_disk_in_the_next_run_too() {
    let state = tempfile::tempdir().expect("a folder");
    let once = Once::open(state.path(), machines(), &[]);
    for mac in [ONE, TWO, ALWAYS] {
        assert_eq!(offered(&once, mac), (true, true), "{mac}");
    }
    heard(
        &once,
        ONE,
        &Step::Shell {
            from: report::ShellFrom::Machine,
        },
    );
    assert_eq!(offered(&once, ONE), (true, true), "it has not started");
    heard(&once, ONE, &starting());
    heard(&once, ALWAYS, &starting());
    for run in ["this", "next"] {
        let once = match run {
            "this" => once.clone(),
            _ => Once::open(state.path(), machines(), &[]),
        };
        assert_eq!(offered(&once, ONE), (true, false), "{run}");
        assert_eq!(offered(&once, TWO), (true, true), "{run}");
        assert_eq!(offered(&once, ALWAYS), (true, true), "{run}");
    }
    let again = Once::open(state.path(), machines(), &[Again::Machine(ONE)]);
    assert_eq!(offered(&again, ONE), (true, true));
    let last = Once::open(state.path(), machines(), &[]);
    assert_eq!(
        offered(&last, ONE),
        (true, true),
        "that is written down too"
    );
}

#[test]
fn a_start_that_fails_is_none() {
    let state = tempfile::tempdir().expect("a folder");
    let once = Once::open(state.path(), machines(), &[]);
    heard(&once, ONE, &starting());
    heard(&once, ONE, &failed());
    assert_eq!(offered(&once, ONE), (true, true));
    // In a later run, or much later, anybody could say so.
    heard(&once, TWO, &starting());
    let next = Once::open(state.path(), machines(), &[]);
    heard(&next, TWO, &failed());
    assert_eq!(offered(&next, TWO), (true, false));
    let later = Instant::now() + TAKEN_BACK;
    once.0.take_in(TWO, false, later);
    assert_eq!(offered(&once, TWO), (true, false));
}

#[test]
fn a_line_that_a_person_removes_lets_the_machine_boot_again() {
    let state = tempfile::tempdir().expect("a folder");
    let once = Once::open(state.path(), machines(), &[]);
    for mac in [ONE, TWO] {
        heard(&once, mac, &starting());
    }
    let file = state.path().join(FILE);
    let text = fs::read_to_string(&file).expect("written");
    assert!(
        text.starts_with('#') && text.contains(&ONE.to_string()),
        "{text}"
    );
    let without: String = text
        .lines()
        .filter(|line| !line.contains(&ONE.to_string()))
        .map(|line| format!("{line}\n"))
        .collect();
    let heard_before = once.watch();
    once.0.look();
    assert!(!heard_before.has_changed().expect("open"), "as we wrote it");
    fs::write(&file, without).expect("edited");
    once.0.look();
    assert_eq!(offered(&once, ONE), (true, true));
    assert_eq!(offered(&once, TWO), (true, false));
    fs::remove_file(&file).expect("removed");
    once.0.look();
    assert_eq!(offered(&once, TWO), (true, true));
}

#[test]
fn a_file_that_cannot_be_had_is_no_obstacle() {
    let state = tempfile::tempdir().expect("a folder");
    fs::create_dir(state.path().join(FILE)).expect("a folder in its place");
    let once = Once::open(state.path(), machines(), &[Again::All]);
    heard(&once, ONE, &starting());
    assert_eq!(offered(&once, ONE), (true, false), "in memory");
    once.0.look();
    assert_eq!(offered(&once, ONE), (true, false));
}

#[test]
fn who_boots_again_is_a_machine_or_all() {
    assert_eq!("all".parse(), Ok(Again::All));
    assert_eq!("52-54-00-12-34-01".parse(), Ok(Again::Machine(ONE)));
    for wrong in ["", "ALL", "52:54:00:*", "pc01"] {
        let said = wrong.parse::<Again>().expect_err(wrong);
        assert!(said.contains("write all"), "{said}");
    }
}

fn own_disk() -> Step {
    Step::Starting {
        system: "disk".into(),
        method: "local".into(),
    }
}

#[test]
fn whoever_chose_its_own_disk_is_left_to_it_for_some_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let once = Once::open(folder.path(), machines(), &[]);
    let _door = once.watch();
    for mac in [ONE, ALWAYS] {
        heard(&once, mac, &own_disk());
        assert_eq!(offered(&once, mac), (true, false), "{mac}");
    }
    // The file is read again meanwhile, and says nothing about it: no system of ours has started.
    once.0.read();
    assert_eq!(offered(&once, ONE), (true, false));
    let begun = Instant::now();
    once.0.kept().come_back(ONE, begun);
    once.0.tell_all();
    assert_eq!(offered(&once, ONE), (true, false), "too early");
    once.0.kept().come_back(ONE, begun + LEFT_FOR);
    once.0.tell_all();
    assert_eq!(offered(&once, ONE), (true, true));
    assert_eq!(offered(&once, ALWAYS), (true, false));
}

#[test]
fn where_nobody_answers_firmware_the_own_disk_is_refused() {
    let once = Once::open(Path::new("/nonexistent"), machines(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let heard = runtime
        .expect("a runtime")
        .block_on(once.heard(ONE, &own_disk()));
    assert!(heard.expect_err("nobody listens").contains("dhcp is off"));
}
