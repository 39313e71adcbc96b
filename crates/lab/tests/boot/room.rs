//! What the boot tests share: the finished program, a room with it, and the wait for a machine.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{Classroom, Machine, Plan, Spec, Start, Stop, built, noise, until};
use report::Step;

pub(crate) const SERVER: Ipv4Addr = Classroom::SERVER;
/// Another host of the room.
pub(crate) const FOREIGN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// A machine under emulation, on a computer that may be busy with something else.
pub(crate) const BOOT: Duration = Duration::from_secs(240);
/// From a decision of a program to its effect.
pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const MIB: usize = 1 << 20;

/// Cargo's target folder: the one that holds its folder for tests.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

pub(crate) fn bt_server() -> PathBuf {
    built::bt_server(target()).unwrap()
}

pub(crate) fn open(
    settings: &str,
    logs: &Path,
    furnish: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> Classroom {
    open_at(true, settings, logs, furnish)
}

/// The same, with or without an address at the server's interface.
pub(crate) fn open_at(
    has_address: bool,
    settings: &str,
    logs: &Path,
    furnish: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> Classroom {
    let plan = Plan {
        program: &bt_server(),
        settings,
        start: Start::Flags,
        options: &[],
        has_address,
        server_rate: Some(200),
        beside: None,
        logs,
    };
    Classroom::open(&plan, furnish, &Stop::never()).unwrap()
}

/// Waits until the server says that `machine` is at `stage`.
pub(crate) fn wait_for_stage(class: &Classroom, machine: &mut Machine, stage: &str) {
    let spec = machine.spec().clone();
    let what = format!("{} at stage {stage}", spec.name);
    let reached = until(&what, BOOT, &Stop::never(), || {
        let all = class.machines()?;
        let Some(one) = all.machine(&spec.mac) else {
            return Ok(None);
        };
        anyhow::ensure!(one.stage != "failed", "{}: {}", spec.name, one.state);
        Ok((one.stage == stage).then_some(()))
    });
    if let Err(error) = reached {
        panic!("{error:#}\n{}", machine.evidence());
    }
}

/// Waits until the journal has this step of the machine with the hardware address `mac`.
pub(crate) fn wait_for_step(class: &Classroom, mac: &str, step: &Step) {
    let told = until(&format!("{step:?} of {mac}"), SOON, &Stop::never(), || {
        let all = class.machines()?;
        let mut steps = all.machine(mac).into_iter().flat_map(|one| &one.steps);
        Ok(steps.any(|timed| timed.step == *step).then_some(()))
    });
    told.unwrap();
}

/// Leaves a photograph of the screen where a person finds it.
pub(crate) fn keep(machine: &mut Machine, name: &str) {
    let folder = target().join("screens");
    std::fs::create_dir_all(&folder).unwrap();
    machine
        .photograph(&folder.join(format!("{name}.png")))
        .unwrap();
}

/// The same machine with a disk of its own, in the folder `at`, to which nothing may be written that starts on it.
pub(crate) fn with_disk(spec: Spec, at: &Path) -> Spec {
    let disk = at.join(format!("{}.disk", spec.name));
    std::fs::write(&disk, noise(MIB)).unwrap();
    Spec {
        disk: Some(disk),
        keeps_disk: true,
        ..spec
    }
}

/// Whether that disk is byte for byte what it was.
pub(crate) fn has_its_disk(machine: &Machine) -> bool {
    let disk = machine.spec().disk.as_ref().unwrap();
    std::fs::read(disk).unwrap() == noise(MIB)
}
