//! `cargo xtask boot`: boots one virtual machine to its menu and says how long each part took. The loaders of
//! bt-server are compared with it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use lab::{Classroom, Firmware, Nic, Plan, Spec, Start, Stop, TargetOs, until};

use crate::demo::{Story, again_as_root, fresh_folder, give_back, with_evidence};
use crate::{dist, places, run};

/// From power-on to the menu, for an emulated machine on a busy computer.
const PATIENCE: Duration = Duration::from_secs(240);
const MENU: &str = "shows the menu";

/// What the person may say on the command line.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// The machine's network card
    #[arg(long, value_enum, default_value_t = Card::E1000)]
    nic: Card,
    /// The loader bt-server hands out
    #[arg(long, value_enum, default_value_t = Loader::Auto)]
    loader: Loader,
    /// The machine's firmware
    #[arg(long, value_enum, default_value_t = Kind::Bios)]
    firmware: Kind,
    /// RAM of the machine in MiB
    #[arg(long, default_value_t = 320)]
    memory: u32,
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

/// By bt-server's own names.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Loader {
    Auto,
    Ipxe,
    Lpxelinux,
    Pxelinux,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Bios,
}

impl Loader {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Boots one machine, or the same machine several times.
pub(crate) fn run(args: Args) -> Result<()> {
    ensure!(args.runs > 0, "--runs 0 boots nothing");
    if !args.built {
        dist::build()?;
    }
    if !run::is_root() {
        return again_as_root();
    }
    let folder = fresh_folder("boot")?;
    let stop = Stop::on_signals()?;
    let mut times = Vec::new();
    for _ in 0..args.runs {
        times.push(boot(&args, &folder, &stop)?);
    }
    give_back(&folder)?;
    times.sort();
    let median = times[times.len() / 2].as_secs_f64();
    println!(
        "\npower-on to menu, loader {}: {median:.1} s (median of {})",
        args.loader.name(),
        times.len()
    );
    println!("Logs and pictures are in {}", folder.display());
    Ok(())
}

/// One boot in a room of its own; how long it took to the menu.
fn boot(args: &Args, folder: &Path, stop: &Stop) -> Result<Duration> {
    let system = TargetOs::build(&places::phase1(), "small", 0)?;
    let loader = args.loader.name();
    let plan = Plan {
        program: &places::server(),
        settings: "boottorrent:\n  version: 0\n  timeout: -1\n",
        start: Start::Flags,
        options: &["--loader", &loader],
        server_rate: None,
        logs: folder,
    };
    let mut class = Classroom::open(&plan, |oss| system.write_to(oss), stop)?;
    let nic = match args.nic {
        Card::E1000 => Nic::E1000,
        Card::Virtio => Nic::Virtio,
    };
    let mut spec = Spec::new("machine", nic, 1);
    let Kind::Bios = args.firmware;
    spec.firmware = Firmware::Bios;
    spec.memory_mib = args.memory;
    let mut machine = class.machine(&spec)?;
    let mut story = Story::new(std::slice::from_ref(&machine));
    let shown = until("the menu", PATIENCE, stop, || {
        if let Some(status) = class.server().ended()? {
            bail!("bt-server ended ({status}):\n{}", class.server().said());
        }
        story.follow(&class.machines()?);
        Ok(story.reached(&spec.mac, MENU))
    });
    machine.photograph(&folder.join("screen.png"))?;
    let took =
        shown.map_err(|error| with_evidence(error, std::slice::from_mut(&mut machine), stop))?;
    story.print_times();
    Ok(took)
}
