//! `cargo xtask demo`: two virtual machines, from power-on to their operating system, in a private room.
//!
//! Needs no hardware and touches no network of this computer. What it saw stays in `target/demo/`.

mod story;

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{chown, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use lab::{Accelerator, Classroom, Machine, Nic, Plan, Spec, Start, Stop, TargetOs, until};

use crate::{dist, places, run};
pub(crate) use story::Story;

/// Incompressible bytes in the target system, so that there is something to share.
const PADDING: usize = 12 << 20;
/// From power-on to the target system, for emulated machines on a busy computer.
const PATIENCE: Duration = Duration::from_secs(300);
/// A countdown long enough to be seen, and a machine that has everything stays for the slower one.
const SETTINGS: &str = "boottorrent:\n  version: 0\n  timeout: 8\n  seed_time: 15\n";

/// What the person may say on the command line.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the room running at the end, until Enter or Ctrl-C
    #[arg(long)]
    keep: bool,
    /// RAM of each machine in MiB
    #[arg(long, default_value_t = 320)]
    memory: u32,
    /// What the server's network card sends at most, in Mbit/s
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    built: bool,
}

/// Runs the demo.
pub(crate) fn run(args: Args) -> Result<()> {
    if !args.built {
        let began = Instant::now();
        dist::build()?;
        println!(
            "Built in {:.0} s: {}",
            began.elapsed().as_secs_f64(),
            places::server().display()
        );
    }
    if !run::is_root() {
        return again_as_root();
    }
    let folder = fresh_folder("demo")?;
    let stop = Stop::on_signals()?;
    let shown = show(&args, &folder, &stop);
    give_back(&folder)?;
    println!("\nLogs and pictures are in {}", folder.display());
    shown
}

/// The same command again, as root: only the room needs it, what was built belongs to the person.
pub(crate) fn again_as_root() -> Result<()> {
    println!("The room's network namespaces need root: going on through sudo.");
    let mut command = Command::new("sudo");
    command.arg("--preserve-env=CARGO_TARGET_DIR,BT_LAB_ACCELERATOR");
    command
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--built");
    run::run(&mut command)
}

/// `target/NAME`, empty.
pub(crate) fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = places::target().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Gives what root has written to the person who called sudo.
pub(crate) fn give_back(folder: &Path) -> Result<()> {
    let id = |name| env::var(name).ok().and_then(|id| id.parse().ok());
    match (id("SUDO_UID"), id("SUDO_GID")) {
        (Some(user), Some(group)) => give(folder, user, group),
        _ => Ok(()),
    }
}

fn give(folder: &Path, user: u32, group: u32) -> Result<()> {
    chown(folder, Some(user), Some(group))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), user, group)?;
        } else {
            lchown(entry.path(), Some(user), Some(group))?;
        }
    }
    Ok(())
}

fn show(args: &Args, folder: &Path, stop: &Stop) -> Result<()> {
    let system = TargetOs::build(&places::phase1(), "small", PADDING)?;
    println!(
        "Opening a private room: a switch, a server at {}, two machines.",
        Classroom::SERVER
    );
    let plan = Plan {
        program: &places::server(),
        settings: SETTINGS,
        start: Start::Flags,
        options: &[],
        has_address: true,
        server_rate: Some(args.rate),
        beside: None,
        logs: folder,
    };
    let mut class = Classroom::open(&plan, |oss| system.write_to(oss), stop)?;
    println!("bt-server serves, as process {}.", class.server().pid());
    let emulated = match Accelerator::here() {
        Accelerator::Kvm => "The machines run on KVM.",
        Accelerator::Tcg => {
            "KVM does not work here, so the machines are emulated: expect a minute or two."
        }
    };
    println!("{emulated}\n");

    // The paravirtual card boots a few seconds faster, so this one really is the first.
    let mut first = Spec::new("first", Nic::Virtio, 1);
    let mut second = Spec::new("second", Nic::E1000, 2);
    first.memory_mib = args.memory;
    second.memory_mib = args.memory;
    let mut machines = vec![class.machine(&first)?, class.machine(&second)?];
    let mut story = Story::new(&machines);
    watch(&mut class, &mut machines, &mut story, folder, stop)?;

    story.print_times();
    story.print_shares();
    println!();
    for machine in &mut machines {
        let name = machine.spec().name.clone();
        machine.photograph(&folder.join(format!("{name}-system.png")))?;
        println!(
            "{name} says: {}",
            machine
                .console()
                .line_with(TargetOs::MARKER)
                .unwrap_or_default()
        );
    }
    if args.keep {
        keep(&mut class, stop)?;
    }
    let (status, took) = class.server().interrupt()?;
    println!(
        "bt-server ended {:.1} s after Ctrl-C: {status}",
        took.as_secs_f64()
    );
    ensure!(
        status.success(),
        "bt-server ended badly:\n{}",
        class.server().said()
    );
    Ok(())
}

/// Tells the story while it happens, until both machines have said hello from their system.
fn watch(
    class: &mut Classroom,
    machines: &mut [Machine],
    story: &mut Story,
    folder: &Path,
    stop: &Stop,
) -> Result<()> {
    let menu = folder.join("menu.png");
    let watched = until("the hello of both machines", PATIENCE, stop, || {
        if let Some(status) = class.server().ended()? {
            bail!("bt-server ended ({status}):\n{}", class.server().said());
        }
        let told = class.machines()?;
        story.follow(&told);
        let mut all_there = true;
        for machine in machines.iter_mut() {
            if let Some(one) = told.machine(&machine.spec().mac) {
                let name = &machine.spec().name;
                ensure!(one.stage != "failed", "{name}: {}", one.state);
                if one.stage == "menu" && !menu.exists() {
                    machine.photograph(&menu)?;
                }
            }
            all_there &= hello(machine, story)?;
        }
        Ok(all_there.then_some(()))
    });
    watched.map_err(|error| with_evidence(error, machines, stop))
}

/// A failure, with what can be seen of the machines; an interruption stays as it is.
pub(crate) fn with_evidence(error: Error, machines: &mut [Machine], stop: &Stop) -> Error {
    if stop.requested() {
        return error;
    }
    let evidence: String = machines.iter_mut().map(Machine::evidence).collect();
    anyhow!("{error:#}\n{evidence}")
}

/// Whether the machine's system has said hello, and notes when it did.
pub(crate) fn hello(machine: &mut Machine, story: &mut Story) -> Result<bool> {
    let Some(line) = machine.console().line_with(TargetOs::MARKER) else {
        ensure!(
            machine.is_on(),
            "{} switched itself off",
            machine.spec().name
        );
        return Ok(false);
    };
    if !line.contains("cmdline") {
        return Ok(false);
    }
    let at = machine
        .console()
        .wait_for(TargetOs::MARKER, Duration::ZERO)?;
    story.hello(&machine.spec().mac, at);
    ensure!(
        line.contains(TargetOs::INTACT),
        "its system arrived damaged: {line}"
    );
    Ok(true)
}

/// Leaves everything running until somebody has seen enough.
fn keep(class: &mut Classroom, stop: &Stop) -> Result<()> {
    let pid = class.server().pid();
    println!("\nThe room stays. Inside it, for example:");
    println!(
        "    nsenter --net=/proc/{pid}/ns/net curl http://{}:6969/api/v1/machines",
        Classroom::SERVER
    );
    println!("Enter or Ctrl-C ends it.");
    let enter = thread::spawn(|| io::stdin().read_line(&mut String::new()));
    while !enter.is_finished() && !stop.requested() {
        thread::sleep(Duration::from_millis(100));
    }
    // Without a keyboard (standard input at its end) only a signal ends it.
    let pressed = enter.is_finished() && matches!(enter.join(), Ok(Ok(1..)));
    while !pressed && !stop.requested() {
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
