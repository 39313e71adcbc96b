//! A guest in QEMU, which comes to the machine as one more torrent: it writes to its disk while another machine fetches
//! that disk from the first.

use lab::{Nic, Spec, Stop, until};
use report::{Exit, Step};

use crate::room::{BOOT, MIB, SOON, open, target, wait_for_stage};

/// What the guest says on its serial line when it has written to its disk.
const UP: &str = "guest: up, and has written";

/// Writes itself to the second sector of the first disk, and says so on the first serial line:
///
/// ```text
///     ds = es = 0; ax = 0x0301; bx = 0x7c00; cx = 2; dx = 0x80; int 13h; jc e
///     si = text
/// l:  lodsb; jz e; out 0x3f8, al; jmp l
/// e:  hlt; jmp e
/// ```
#[rustfmt::skip]
const BOOT_SECTOR: [u8; 39] = [
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xb8, 0x01, 0x03, 0xbb, 0x00, 0x7c, 0xb9, 0x02, 0x00, 0xba, 0x80, 0x00, 0xcd, 0x13,
    0x72, 0x0e, 0xbe, 0x27, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5, 0xf4, 0xeb, 0xfd,
];

fn disk() -> Vec<u8> {
    let mut disk = [&BOOT_SECTOR[..], UP.as_bytes(), b"\r\n\0"].concat();
    disk.resize(510, 0);
    disk.extend([0x55, 0xaa]);
    disk.extend(lab::noise(8 * MIB - 512));
    disk
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_a_guest_whose_disk_others_fetch() {
    assert!(target().join("phase1/image/qemu.squashfs").exists());
    let logs = tempfile::tempdir().unwrap();
    let settings = "boottorrent: {version: 0, timeout: -1}\n";
    let mut class = open(settings, logs.path(), |oss| {
        let folder = oss.join("guest");
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("disk.img"), disk())?;
        let config = "dispname: A guest\nmethod: bin-qemu-x86_64\nargs: -m 32 -drive file=disk.img,format=raw\n";
        Ok(std::fs::write(folder.join("config.yaml"), config)?)
    });
    let mut machines =
        [("first", Nic::E1000, 1), ("second", Nic::Virtio, 2)].map(|(name, nic, number)| {
            let memory_mib = 512;
            let spec = Spec {
                memory_mib,
                ..Spec::new(name, nic, number)
            };
            class.machine(&spec).unwrap()
        });
    for machine in &mut machines {
        wait_for_stage(&class, machine, "menu");
    }
    // One after the other: the second finds the first with a guest that has written.
    for machine in &mut machines {
        machine.console().type_text("\r").unwrap();
        let up = machine.console().wait_for(UP, BOOT);
        if let Err(error) = up {
            panic!("{error:#}\n{}", machine.evidence());
        }
        wait_for_stage(&class, machine, "running");
    }
    let all = class.machines().unwrap();
    let [first, second] = machines
        .each_ref()
        .map(|machine| all.machine(&machine.spec().mac).unwrap());
    let how = first.steps.iter().find_map(|timed| match &timed.step {
        Step::Running { console, how, .. } => Some((console.as_str(), how.as_str())),
        _ => None,
    });
    // An emulated processor may offer KVM too.
    let (console, how) = how.expect("it runs");
    assert_eq!(console, "ttyS0");
    assert!(
        ["with KVM", "emulated, without KVM"].contains(&how),
        "{how}"
    );
    assert!(
        second.bytes_from(first.address.unwrap()) > 0,
        "{:?}",
        second.sources
    );

    // Ctrl+A X ends QEMU where it has the terminal.
    let [first, _] = &mut machines;
    first.console().type_text("\x01x").unwrap();
    let exit = until("the end of the guest", SOON, &Stop::never(), || {
        let all = class.machines()?;
        let steps = &all.machine(&first.spec().mac).unwrap().steps;
        Ok(steps.iter().find_map(|timed| match &timed.step {
            Step::Ended { exit, .. } => Some(*exit),
            _ => None,
        }))
    });
    assert_eq!(exit.unwrap(), Exit::Itself { status: 0 });
    let farewell = "A guest ended with exit status 0. Press a key";
    first.console().wait_for(farewell, SOON).unwrap();
}
