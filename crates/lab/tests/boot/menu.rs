//! The menu of a real machine: what cannot run here is told before anything is fetched, the log is a key away, and a PIN
//! stands before every shell. Its server is a laptop at a switch: an interface without an address, and nobody who gives one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::{Classroom, Machine, Nic, Spec, Stop, until};
use report::{ShellFrom, Step};

use crate::room::{BOOT, MIB, SOON, bt_server, keep, open_at, wait_for_step};

const PIN: &str = "2468";

/// A program for another processor, and a system that is larger than the machine.
fn furnish(oss: &Path) -> anyhow::Result<()> {
    let foreign = oss.join("a-foreign");
    fs::create_dir(&foreign)?;
    // ELF with 64 bits, low byte first; an executable for ARM64 (elf(5)).
    let mut program = vec![0; 64];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (program[16], program[18]) = (2, 183);
    fs::write(foreign.join("tool"), program)?;
    let config = "dispname: A foreign tool\nmethod: bin\nbin: tool\n";
    fs::write(foreign.join("config.yaml"), config)?;
    let large = oss.join("b-large");
    fs::create_dir(&large)?;
    fs::write(large.join("run.sh"), "#!/bin/sh\n")?;
    fs::File::create(large.join("data"))?.set_len(600 * MIB as u64)?;
    let config = "dispname: A large system\nmethod: bin\nbin: run.sh\n";
    Ok(fs::write(large.join("config.yaml"), config)?)
}

/// The line that `bt-server pin` prints.
fn pin_line() -> String {
    let mut program = Command::new(bt_server());
    let piped = program.arg("pin").stdin(Stdio::piped());
    let mut child = piped.stdout(Stdio::piped()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    writeln!(typed, "{PIN}").unwrap();
    drop(typed);
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).unwrap()
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_a_menu_that_says_what_cannot_run_and_asks_for_a_pin() {
    let logs = tempfile::tempdir().unwrap();
    let line = pin_line();
    assert!(line.starts_with("  shell: $argon2id$"), "{line}");
    let settings =
        format!("boottorrent:\n  version: 0\n  timeout: 5\n  default_os: b-large\n{line}");
    let mut class = open_at(false, &settings, logs.path(), furnish);
    assert!(addresses(&class).contains("inet 10.77.0.1/24"));
    let spec = Spec {
        memory_mib: 512,
        ..Spec::new("first", Nic::E1000, 1)
    };
    let mut machine = class.machine(&spec).unwrap();

    // The default is not tried: the server is told, and the menu waits.
    let told = until("the refusal in the journal", BOOT, &Stop::never(), || {
        let all = class.machines()?;
        let steps = all.machine(&spec.mac).map(|one| one.steps.clone());
        let mut steps = steps.unwrap_or_default().into_iter();
        Ok(steps.find_map(|timed| match timed.step {
            Step::Failed { during, what } => Some((during, what)),
            _ => None,
        }))
    });
    let (during, what) = told.unwrap_or_else(|error| panic!("{error:#}\n{}", machine.evidence()));
    assert_eq!(during, "starting A large system");
    assert!(what.contains("629.1 MB of memory"), "{what}");
    let screen = shown(&mut machine, "The default cannot run on this machine.");
    assert!(
        screen.contains("Cannot run here. This system needs"),
        "{screen}"
    );
    assert!(screen.contains("(e1000), 1000 Mbit/s"), "{screen}");
    keep(&mut machine, "menu-refused");
    press(&mut machine, &["up"]);
    shown(&mut machine, "tool is a program for ARM64");
    press(&mut machine, &["ret"]);
    shown(&mut machine, "This did not work");
    keep(&mut machine, "failed");
    press(&mut machine, &["m"]);
    shown(&mut machine, "Choose an operating system");

    press(&mut machine, &["l"]);
    let log = shown(&mut machine, "What happened on this machine");
    for line in [
        "awake: ",
        "menu of 2 systems",
        "a-foreign chosen by a person",
    ] {
        assert!(log.contains(line), "no {line:?}\n{log}");
    }
    keep(&mut machine, "log");
    press(&mut machine, &["l"]);
    shown(&mut machine, "Choose an operating system");

    // The menu's key: a wrong PIN, a pause, the right one.
    press(&mut machine, &["ctrl", "s"]);
    shown(&mut machine, "PIN for a shell");
    type_in(&mut machine, "1357");
    shown(&mut machine, "That is not the PIN.");
    shown(&mut machine, "the next one is in");
    until("the next question", BOOT, &Stop::never(), || {
        let screen = machine.screen_text()?;
        Ok((screen.matches("PIN for a shell").count() == 2).then_some(()))
    })
    .unwrap();
    keep(&mut machine, "pin");
    let console = "tty1".to_owned();
    wait_for_step(&class, &spec.mac, &Step::PinRefused { console });
    type_in(&mut machine, PIN);
    let screen = shown(&mut machine, "A shell of phase 1.");
    assert!(!screen.contains(PIN), "{screen}");
    let from = ShellFrom::Machine;
    wait_for_step(&class, &spec.mac, &Step::Shell { from });
    type_in(&mut machine, "exit");
    shown(&mut machine, "Choose an operating system");

    // The serial line has no way around it.
    machine.console().type_text("\x13").unwrap();
    machine.console().wait_for("PIN for a shell", BOOT).unwrap();
    machine.console().type_text("\x1b").unwrap();

    // Nor has the second screen.
    press(&mut machine, &["alt", "f2"]);
    shown(&mut machine, "Press Enter for a shell.");
    press(&mut machine, &["ret"]);
    shown(&mut machine, "PIN for a shell");
    type_in(&mut machine, PIN);
    type_in(&mut machine, "tty");
    shown(&mut machine, "/dev/tty2");
    keep(&mut machine, "second-screen");

    // The interface is left as it was found.
    let (status, _) = class.server().interrupt().unwrap();
    assert!(status.success(), "{status}\n{}", class.server().said());
    until("no address", SOON, &Stop::never(), || {
        Ok(addresses(&class).is_empty().then_some(()))
    })
    .unwrap();
}

/// The addresses of the server's interface, as `ip` prints them.
fn addresses(class: &Classroom) -> String {
    let mut ip = class.host().command("ip");
    let shown = ip.args(["-4", "-oneline", "address", "show", "dev", "eth0"]);
    let shown = shown.output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap()
}

fn press(machine: &mut Machine, keys: &[&str]) {
    machine.press(keys).unwrap();
}

/// Types digits or letters, and Enter.
fn type_in(machine: &mut Machine, text: &str) {
    for letter in text.chars() {
        machine.press(&[letter.to_string().as_str()]).unwrap();
    }
    machine.press(&["ret"]).unwrap();
}

/// Waits for a text on the screen; hands back all of it.
fn shown(machine: &mut Machine, text: &str) -> String {
    let what = format!("{text:?} on the screen");
    let screen = until(&what, BOOT, &Stop::never(), || {
        let screen = machine.screen_text()?;
        Ok(screen.contains(text).then_some(screen))
    });
    screen.unwrap_or_else(|error| panic!("{error:#}\n{}", machine.evidence()))
}
