//! All that PCs are sold with, in one room: BIOS, UEFI by PXE, and Secure Boot by PXE and by HTTP Boot.

use lab::{Classroom, Firmware, Machine, Nic, Spec, TargetOs};
use report::{Door, Step};

use crate::room::{BOOT, MIB, SOON, open, target};

/// Long enough for the menu to be drawn, and nobody has to press a key.
const SETTINGS: &str = "boottorrent:\n  version: 0\n  timeout: 3\n  seed_time: 0\n";
/// What the menu says where the kernel starts signed kernels alone.
const LOCKED: &str = "Secure Boot is on";

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_every_firmware_of_a_pc() {
    let logs = tempfile::tempdir().unwrap();
    let system = TargetOs::build(&target().join("phase1"), "small", MIB).unwrap();
    let mut class = open(SETTINGS, logs.path(), |oss| system.write_to(oss));
    let specs = [
        Spec::new("bios", Nic::E1000, 1),
        Spec::new("uefi", Nic::Virtio, 2).with(Firmware::Uefi),
        Spec::new("http", Nic::Virtio, 3).with(Firmware::SecureBootHttp),
        Spec::new("secure", Nic::Virtio, 4).with(Firmware::SecureBoot),
    ];
    let mut machines = specs.map(|spec| class.machine(&spec).unwrap());
    for machine in &mut machines {
        says_hello(machine);
    }
    for machine in &machines {
        let is_locked = machine.console().contains(LOCKED);
        let secure_boot = [Firmware::SecureBoot, Firmware::SecureBootHttp];
        let has_secure_boot = secure_boot.contains(&machine.spec().firmware);
        assert_eq!(is_locked, has_secure_boot, "{}", machine.spec().name);
    }
    let [_, uefi, http, secure] = &machines;
    // Of each chain the file that only this chain fetches.
    for (machine, door, name) in [
        (uefi, Door::Tftp, "grub/grub.cfg"),
        (http, Door::Http, "grub/grub.cfg"),
        (secure, Door::Tftp, "shimx64.efi"),
    ] {
        let files = files(&class, machine);
        assert!(files.contains(&(door, name.to_owned())), "{files:?}");
    }
}

/// Waits until the machine's own system has spoken, and all of it had arrived.
pub(crate) fn says_hello(machine: &mut Machine) -> String {
    let hello = machine.console().wait_for(TargetOs::MARKER, BOOT);
    if let Err(error) = hello {
        panic!("{error:#}\n{}", machine.evidence());
    }
    machine.console().wait_for("kernel cmdline", SOON).unwrap();
    let line = machine.console().line_with(TargetOs::MARKER).unwrap();
    assert!(line.contains(TargetOs::INTACT), "{line}");
    line
}

/// What the machine fetched, and by which doors.
pub(crate) fn files(class: &Classroom, machine: &Machine) -> Vec<(Door, String)> {
    let all = class.machines().unwrap();
    let told = all.machine(&machine.spec().mac).unwrap();
    let fetched = told.steps.iter().filter_map(|timed| match &timed.step {
        Step::File { door, name, .. } => Some((*door, name.clone())),
        _ => None,
    });
    fetched.collect()
}
