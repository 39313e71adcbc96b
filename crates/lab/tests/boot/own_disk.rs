//! Machines that start from their own disk: those that the configuration leaves to it, and one where it was chosen in
//! the menu.

use lab::{Classroom, Firmware, Machine, Nic, OwnDisk, Spec};
use report::Step;

use crate::room::{BOOT, open, target, wait_for_stage};

const SETTINGS: &str = "\
boottorrent: {version: 0, timeout: -1}
machines:
  list:
    - {match: \"52:54:00:00:00:02\", boot: local}
    - {match: \"52:54:00:00:00:03\", boot: local}
";

#[test]
#[ignore = "needs root, QEMU, mtools and target/dist/bt-server; cargo xtask test runs it"]
fn boot_from_the_machines_own_disk() {
    let logs = tempfile::tempdir().unwrap();
    let disk = OwnDisk::build(&target().join("phase1"), logs.path()).unwrap();
    let mut class = open(SETTINGS, logs.path(), |oss| {
        std::fs::create_dir(oss.join("disk"))?;
        let config = "dispname: This machine's own disk\nmethod: local\n";
        Ok(std::fs::write(oss.join("disk/config.yaml"), config)?)
    });
    let specs = [
        Spec::new("chosen", Nic::E1000, 1),
        Spec::new("uefi", Nic::Virtio, 2).with(Firmware::Uefi),
        Spec::new("secure", Nic::Virtio, 3).with(Firmware::SecureBoot),
    ];
    let mut machines = specs.map(|spec| {
        let disk = Some(disk.path().to_owned());
        class.machine(&Spec { disk, ..spec }).unwrap()
    });
    let [chosen, uefi, secure] = &mut machines;
    for machine in [uefi, secure] {
        starts_from_disk(machine);
        let asked = asked(&class, machine);
        // Once more where its first answer was late, on a busy computer.
        assert!(asked <= 2, "{} asked {asked} times", machine.spec().name);
    }
    wait_for_stage(&class, chosen, "menu");
    chosen.press(&["ret"]).unwrap();
    starts_from_disk(chosen);
    wait_for_stage(&class, chosen, "own_disk");
}

fn starts_from_disk(machine: &mut Machine) {
    let hello = machine.console().wait_for(OwnDisk::MARKER, BOOT);
    if let Err(error) = hello {
        panic!("{error:#}\n{}", machine.evidence());
    }
}

/// How often its firmware asked for an address by PXE. One that is named nothing to load asks four times within a minute.
/// EDK2 has an entry for HTTP Boot between its card's and the disk, which asks too.
fn asked(class: &Classroom, machine: &Machine) -> u32 {
    let all = class.machines().unwrap();
    let told = all.machine(&machine.spec().mac).unwrap();
    let discovers = told.steps.iter().filter_map(|timed| match &timed.step {
        Step::Discover { firmware } if firmware.ends_with("PXE") => Some(timed.times),
        _ => None,
    });
    discovers.sum()
}
