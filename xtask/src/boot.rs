//! `cargo xtask boot`: boots one virtual machine, of any firmware the lab has, and says how long each part took and what
//! travelled. The loaders of bt-server are compared with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use lab::{Classroom, Firmware, Machine, Nic, OwnDisk, Plan, Spec, Start, Stop, TargetOs, until};

use crate::demo::{Story, again_as_root, fresh_folder, give_back, hello, with_evidence};
use crate::{dist, installed, places, run};

/// From power-on to the goal, for an emulated machine on a busy computer.
const PATIENCE: Duration = Duration::from_secs(240);
/// What each MiB that is handed on may take besides: it is fetched, hashed three times, copied and compared.
const PATIENCE_A_MIB: Duration = Duration::from_millis(500);

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The machine's firmware
    #[arg(long, value_enum, default_value_t = Kind::Bios)]
    firmware: Kind,
    /// The machine's network card [default: e1000 with a BIOS, virtio with UEFI]
    #[arg(long, value_enum)]
    nic: Option<Card>,
    /// The loader bt-server hands out, by its own names
    #[arg(long, default_value = "auto")]
    loader: String,
    /// Who gives addresses: bt-server, or a dnsmasq beside it, or the former as bt-server decides by itself
    #[arg(long, value_enum, default_value_t = Dhcp::Auto)]
    dhcp: Dhcp,
    /// How far [default: to the menu; arm64: to its loader, since there is no phase 1 for it]
    #[arg(long, value_enum)]
    to: Option<Goal>,
    /// RAM of the machine in MiB [default: what its firmware needs]
    #[arg(long)]
    memory: Option<u32>,
    /// The system also has a file of so many MiB, which its kernel finds in its root (initrd_files)
    #[arg(long, value_name = "MIB", default_value_t = 0)]
    handed_on: u32,
    /// A folder with another phase 1 and other loaders than those inside bt-server
    #[arg(long, value_name = "DIR")]
    phase1: Option<PathBuf>,
    /// Boot so often, one after the other, and print the median
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    built: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Card {
    E1000,
    Virtio,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    Bios,
    Uefi,
    UefiHttp,
    SecureBoot,
    SecureBootHttp,
    UefiIa32,
    Arm64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Dhcp {
    Auto,
    Full,
    Proxy,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Goal {
    /// The loader that bt-server sent has asked for its script
    Loader,
    /// The menu is on the screen
    Menu,
    /// The chosen system says hello
    System,
    /// Its own disk says hello, since the configuration leaves the machine to that
    Disk,
}

impl Kind {
    fn firmware(self) -> Firmware {
        match self {
            Kind::Bios => Firmware::Bios,
            Kind::Uefi => Firmware::Uefi,
            Kind::UefiHttp => Firmware::UefiHttp,
            Kind::SecureBoot => Firmware::SecureBoot,
            Kind::SecureBootHttp => Firmware::SecureBootHttp,
            Kind::UefiIa32 => Firmware::UefiIa32,
            Kind::Arm64 => Firmware::UefiArm64,
        }
    }
}

impl Args {
    fn goal(&self) -> Goal {
        self.to.unwrap_or(match self.firmware {
            Kind::Arm64 => Goal::Loader,
            _ => Goal::Menu,
        })
    }

    fn spec(&self) -> Spec {
        let nic = match (self.nic, self.firmware) {
            (Some(Card::E1000), _) | (None, Kind::Bios) => Nic::E1000,
            (Some(Card::Virtio), _) | (None, _) => Nic::Virtio,
        };
        let spec = Spec::new("machine", nic, 1).with(self.firmware.firmware());
        match self.memory {
            Some(memory_mib) => Spec { memory_mib, ..spec },
            None => spec,
        }
    }

    /// The packages of this firmware, beside those that every task needs.
    fn ensure_packages(&self) -> Result<()> {
        let option = format!("--firmware {}:", name(&self.firmware));
        let needs = installed::needs(include_str!("../packages-boot.txt"));
        installed::ensure_all(needs.filter(|need| need.why.starts_with(&option)))
    }
}

/// A value as it is written on the command line.
fn name(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Goal {
    /// The milestone of the journal that it is; the system's hello is not told to the server.
    fn milestone(self) -> Option<&'static str> {
        match self {
            Goal::Loader => Some("its loader runs"),
            Goal::Menu => Some("shows the menu"),
            Goal::System | Goal::Disk => None,
        }
    }
}

/// Boots one machine, or the same machine several times.
pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(args.runs > 0, "--runs 0 boots nothing");
    if !args.built {
        args.ensure_packages()?;
        dist::build()?;
    }
    if !run::is_root() {
        return again_as_root();
    }
    let folder = fresh_folder("boot")?;
    let stop = Stop::on_signals()?;
    let mut times = Vec::new();
    for _ in 0..args.runs {
        times.push(boot(args, &folder, &stop)?);
    }
    give_back(&folder)?;
    times.sort();
    println!(
        "\npower-on to {}, {} with {}, loader {}: {:.1} s (median of {})",
        name(&args.goal()),
        name(&args.firmware),
        args.spec().nic.device(),
        args.loader,
        times[times.len() / 2].as_secs_f64(),
        times.len()
    );
    println!("Logs and pictures are in {}", folder.display());
    Ok(())
}

/// One boot in a room of its own; how long it took to the goal.
fn boot(args: &Args, folder: &Path, stop: &Stop) -> Result<Duration> {
    let handed_on = args.handed_on as usize * (1 << 20);
    let system = TargetOs::build(&places::phase1(), "small", handed_on)?;
    // The menu waits for a person, or nobody has a say.
    let settings = match args.goal() {
        Goal::System => "boottorrent:\n  version: 0\n  timeout: 0\n",
        Goal::Disk => {
            "boottorrent:\n  version: 0\nmachines:\n  list:\n    - {match: \"*\", boot: local}\n"
        }
        _ => "boottorrent:\n  version: 0\n  timeout: -1\n",
    };
    let mode = name(&args.dhcp);
    let mut options = vec!["--loader", &args.loader, "--dhcp", &mode];
    let other = args
        .phase1
        .as_ref()
        .map(|folder| folder.display().to_string());
    options.extend(other.iter().flat_map(|folder| ["--phase1", folder]));
    let plan = Plan {
        program: &places::server(),
        settings,
        start: Start::Flags,
        options: &options,
        has_address: true,
        server_rate: None,
        beside: (args.dhcp == Dhcp::Proxy).then_some(&[][..]),
        logs: folder,
    };
    let write = |oss: &Path| match handed_on {
        0 => system.write_to(oss),
        _ => system.write_in_parts(oss, ""),
    };
    let mut class = Classroom::open(&plan, write, stop)?;
    let mut spec = args.spec();
    if args.goal() == Goal::Disk {
        spec.disk = Some(OwnDisk::build(&places::phase1(), folder)?.path().to_owned());
    }
    let mut machine = class.machine(&spec)?;
    let mut story = Story::new(std::slice::from_ref(&machine));
    let patience = PATIENCE + PATIENCE_A_MIB * args.handed_on;
    let reached = wait(
        args.goal(),
        patience,
        &mut class,
        &mut machine,
        &mut story,
        stop,
    );
    machine.photograph(&folder.join("screen.png"))?;
    let took =
        reached.map_err(|error| with_evidence(error, std::slice::from_mut(&mut machine), stop))?;
    story.print_times();
    let told = class.machines()?;
    if let Some(one) = told.machine(&machine.spec().mac) {
        println!("  {} bytes before phase 1 woke", one.loaded());
    }
    Ok(took)
}

/// Tells the story until the goal is reached; how long after power-on that was.
fn wait(
    goal: Goal,
    patience: Duration,
    class: &mut Classroom,
    machine: &mut Machine,
    story: &mut Story,
    stop: &Stop,
) -> Result<Duration> {
    let mac = machine.spec().mac.clone();
    until(&name(&goal), patience, stop, || {
        if let Some(status) = class.server().ended()? {
            bail!("bt-server ended ({status}):\n{}", class.server().said());
        }
        story.follow(&class.machines()?);
        match (goal, goal.milestone()) {
            (_, Some(milestone)) => Ok(story.reached(&mac, milestone)),
            (Goal::Disk, None) => Ok(machine
                .console()
                .contains(OwnDisk::MARKER)
                .then(|| machine.age())),
            (_, None) => Ok(hello(machine, story)?.then(|| machine.age())),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_for_one_firmware_names_it() {
        let kinds = Kind::value_variants();
        for need in installed::needs(include_str!("../packages-boot.txt")) {
            let is_named = |kind: &&Kind| {
                need.why
                    .starts_with(&format!("--firmware {}:", name(*kind)))
            };
            assert!(kinds.iter().any(|kind| is_named(&kind)), "{}", need.why);
        }
    }
}
