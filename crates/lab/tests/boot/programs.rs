//! Programs that run beside phase 1: on the screen and on the serial line, over a folder that they may spoil, while
//! another machine fetches it from them.

use std::fs;
use std::path::Path;

use lab::{Classroom, Machine, Nic, Spec, Stop, built, noise, until};
use report::{Exit, Step};
use sha2::{Digest, Sha256};

use crate::look;
use crate::room::{BOOT, MIB, SOON, has_its_disk, keep, open, target, wait_for_stage, with_disk};

/// What the machine's Debian calls its loader; no phase 1 has it.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Says what it finds on its terminal, spoils its folder, and reads a line. That it is up is told on the serial line, too.
const TOOL: &str = "\
echo \"tool: args $*, in $(pwd), tty $(tty)\"
echo \"tool: variables $(env | grep -v -e ^SHLVL -e ^PWD | sort | xargs)\"
sha256sum -cs payload.sha256 && echo 'tool: payload intact'
./bin/helper
echo spoiled >payload && rm payload.sha256 && echo \"tool: payload $(cat payload)\"
sleep 1000 &
echo \"tool: up on $(tty)\" >/dev/ttyS0
read -r line
echo \"tool: read $line\"
exit 3
";

/// A folder with a program from a torrent: no file of it is runnable.
fn furnish(oss: &Path) -> anyhow::Result<()> {
    let tool = oss.join("a-tool");
    fs::create_dir_all(tool.join("bin"))?;
    fs::copy(built::busybox(target())?, tool.join("busybox"))?;
    fs::write(tool.join("tool.sh"), TOOL)?;
    fs::write(tool.join("bin/helper"), "#!/bin/sh\necho 'tool: helped'\n")?;
    let payload = noise(8 * MIB);
    let sum: String = Sha256::digest(&payload)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    fs::write(tool.join("payload"), payload)?;
    fs::write(tool.join("payload.sha256"), format!("{sum}  payload\n"))?;
    let config = "dispname: A tool\nmethod: bin\nbin: busybox\nbinargs: sh tool.sh one two\n";
    fs::write(tool.join("config.yaml"), config)?;
    // A program of this computer, with the loader it needs.
    let broken = oss.join("b-broken");
    fs::create_dir_all(&broken)?;
    fs::copy("/usr/bin/env", broken.join("env"))?;
    let config = "dispname: A program without its libraries\nmethod: bin\nbin: env\n";
    Ok(fs::write(broken.join("config.yaml"), config)?)
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_programs_that_run_while_others_fetch_them() {
    let logs = tempfile::tempdir().unwrap();
    let settings = "boottorrent: {version: 0, timeout: -1, remote_shell: yes}\n";
    let mut class = open(settings, logs.path(), furnish);
    let spec = with_disk(Spec::new("first", Nic::E1000, 1), logs.path());
    let mut first = class.machine(&spec).unwrap();
    let mut second = class.machine(&Spec::new("second", Nic::Virtio, 2)).unwrap();
    wait_for_stage(&class, &mut first, "menu");
    wait_for_stage(&class, &mut second, "menu");
    look::at_the_menu(&mut class, &first, "e1000");

    // Chosen at the keyboard: it runs on the screen.
    first.press(&["ret"]).unwrap();
    said(&first, "tool: up on /dev/tty1");
    let screen = wait_for_screen(&mut first, "tool: payload spoiled");
    keep(&mut first, "program");
    for line in [
        "tool: args one two, in /run/system/files, tty /dev/tty1",
        "tool: variables HOME=/ PATH=/sbin:/usr/sbin:/bin:/usr/bin TERM=linux",
        "tool: payload intact",
        "tool: helped",
    ] {
        assert!(screen.contains(line), "no {line:?}\n{screen}");
    }
    wait_for_stage(&class, &mut first, "running");
    // The other console says so.
    said(&first, "A tool is running");

    // Chosen on the serial line, where it runs then. Its bytes come from the first, whose program has spoiled its own view.
    second.console().type_text("\r").unwrap();
    for line in ["tool: payload intact", "tool: up on /dev/ttyS0"] {
        said(&second, line);
    }
    let all = class.machines().unwrap();
    let address = all.machine(&first.spec().mac).unwrap().address.unwrap();
    let told = all.machine(&second.spec().mac).unwrap();
    assert!(told.bytes_from(address) > 0, "{:?}", told.sources);
    // The first tells what it gave, while its program runs.
    until("the first's word on it", SOON, &Stop::never(), || {
        Ok(uploaded(&class, &first).filter(|bytes| *bytes > 0))
    })
    .unwrap();
    wait_for_stage(&class, &mut first, "running");

    // Ctrl+C is a signal there: the terminal is the program's own.
    second.console().type_text("\x03").unwrap();
    ended(&class, &mut second, Exit::Signal { signal: 2 }, 1);
    said(
        &second,
        "A tool was ended by signal 2 (SIGINT). Press a key",
    );
    second.console().type_text("x").unwrap();

    for key in ["h", "i", "ret"] {
        first.press(&[key]).unwrap();
    }
    let screen = wait_for_screen(&mut first, "Press a key for the menu.");
    assert!(screen.contains("tool: read hi"), "{screen}");
    ended(&class, &mut first, Exit::Itself { status: 3 }, 1);
    first.press(&["spc"]).unwrap();
    let menu = wait_for_screen(&mut first, "Choose an operating system");
    assert!(menu.contains("A tool ended with exit status 3."), "{menu}");
    keep(&mut first, "program-ended");

    // Once more: what it did to its folder is forgotten.
    first.press(&["ret"]).unwrap();
    let screen = wait_for_screen(&mut first, "tool: payload spoiled");
    assert!(screen.contains("tool: payload intact"), "{screen}");
    // From another console it can be ended.
    first.console().type_text("x").unwrap();
    ended(&class, &mut first, Exit::Signal { signal: 15 }, 2);

    // One that needs a loader which is not there.
    second.console().type_text("\x1b[B").unwrap();
    second.console().type_text("\r").unwrap();
    let what = until("the failure", BOOT, &Stop::never(), || {
        let all = class.machines()?;
        let told = all.machine(&second.spec().mac).unwrap();
        Ok(told.steps.iter().find_map(|timed| match &timed.step {
            Step::Failed { what, .. } => Some(what.clone()),
            _ => None,
        }))
    });
    let what = what.unwrap_or_else(|error| panic!("{error:#}\n{}", second.evidence()));
    assert!(what.contains(LOADER), "{what}");
    assert!(has_its_disk(&first), "its own disk has changed");
}

fn said(machine: &Machine, text: &str) {
    machine.console().wait_for(text, BOOT).unwrap();
}

/// Waits for a text on the screen; hands back all of it.
fn wait_for_screen(machine: &mut Machine, text: &str) -> String {
    let shown = until(
        &format!("{text:?} on the screen"),
        BOOT,
        &Stop::never(),
        || {
            let screen = machine.screen_text()?;
            Ok(screen.contains(text).then_some(screen))
        },
    );
    shown.unwrap_or_else(|error| panic!("{error:#}\n{}", machine.evidence()))
}

/// Waits until the journal has this end of a program, as the machine's `number`th.
fn ended(class: &Classroom, machine: &mut Machine, exit: Exit, number: usize) {
    let mac = machine.spec().mac.clone();
    let told = until(
        &format!("end {number} of a program"),
        SOON,
        &Stop::never(),
        || {
            let all = class.machines()?;
            let steps = &all.machine(&mac).unwrap().steps;
            let ends = steps.iter().filter_map(|timed| match &timed.step {
                Step::Ended { system, exit } => Some((system.clone(), *exit)),
                _ => None,
            });
            Ok(ends.collect::<Vec<_>>().get(number - 1).cloned())
        },
    );
    let told = told.unwrap_or_else(|error| panic!("{error:#}\n{}", machine.evidence()));
    assert_eq!(told, ("a-tool".to_owned(), exit));
}

/// What a machine says that it gave to others, when it last told.
fn uploaded(class: &Classroom, machine: &Machine) -> Option<u64> {
    let all = class.machines().ok()?;
    let steps = &all.machine(&machine.spec().mac)?.steps;
    steps.iter().rev().find_map(|timed| match &timed.step {
        Step::Progress(progress) => Some(progress.uploaded),
        _ => None,
    })
}
