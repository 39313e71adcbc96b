//! A guest's screen on a machine's frame buffer, and a person's hands in the guest: the finished bttui in a
//! real machine, before a real QEMU that runs in it.
//!
//! The machine starts a kernel directly, in a graphics mode of its BIOS; that is vesafb. In it QEMU runs a
//! boot sector that makes its screen blue and tells every byte its keyboard and mouse send. With
//! `BT_GUEST_PHOTOGRAPHS=DIR` the screens are kept there, as PNG.

mod machine;
mod packed;

use std::time::Duration;

use lab::Photograph;
use machine::Machine;

/// Two emulators, one in the other.
const BOOT: Duration = Duration::from_secs(120);
/// From a key to its effect.
const SOON: Duration = Duration::from_secs(60);

/// What the boot sector says first.
const UP: &str = "the guest is up";
/// White on blue, of a VGA's palette.
const BLUE: [u8; 3] = [0, 0, 0xaa];

/// A guest's text screen in its own size.
const TEXT: [usize; 2] = [720, 400];

/// Waits until the guest's screen is in the middle of the machine's, so large, and nothing beside it.
fn wait_for_the_picture(machine: &mut Machine, size: [usize; 2]) -> Photograph {
    let what = "the guest's blue screen in the middle";
    machine.until(what, SOON, |machine| {
        let photograph = machine.photograph()?;
        let found = photograph.has_in_the_middle(size, BLUE);
        Ok(found.then_some(photograph))
    })
}

#[test]
#[ignore = "needs QEMU and phase 1; cargo xtask test runs it"]
fn boot_with_a_guest_on_the_screen() {
    // 1024 x 768 with 16 bits.
    let mut machine = Machine::power_on("vga=0x317", &[]).unwrap();
    machine.wait_for(UP, BOOT);
    let first = wait_for_the_picture(&mut machine, TEXT);
    machine.keep("first");

    // Press and release, as set 1 has it, also of keys with 0xe0.
    machine.press(&["a"]);
    machine.wait_for("k1e k9e ", SOON);
    machine.press(&["up"]);
    machine.wait_for("ke0 k48 ke0 kc8 ", SOON);
    machine.press(&["meta_l"]);
    machine.wait_for("ke0 k5b ke0 kdb ", SOON);
    machine.press(&["kp_enter"]);
    machine.wait_for("ke0 k1c ke0 k9c ", SOON);
    machine.press(&["print"]);
    machine.wait_for("ke0 k2a ke0 k37 ke0 kb7 ke0 kaa ", SOON);
    machine.press(&["pause"]);
    machine.wait_for("ke1 k1d k45 ke1 k9d kc5 ", SOON);
    // The machine's own console does not hear it, or it would restart.
    machine.press(&["ctrl", "alt", "delete"]);
    machine.wait_for("k1d k38 ke0 k53 ", SOON);
    // PS/2 packets: buttons and signs, to the right, up.
    machine.input("rel", "x", 5);
    machine.wait_for("m08 m05 m00 ", SOON);
    machine.button("left", true);
    machine.wait_for("m09 m00 m00 ", SOON);
    machine.button("left", false);
    machine.wait_for("m08 m00 m00 ", SOON);
    machine.until("the echo on the screen", SOON, |machine| {
        let now = machine.photograph()?;
        Ok((now.pixels != first.pixels).then_some(()))
    });
    machine.keep("typed");

    // Where nothing happens, nothing is done.
    let before = machine.viewers_time();
    std::thread::sleep(Duration::from_secs(3));
    let after = machine.viewers_time();
    eprintln!("the viewer's time: {before}, 3 s later {after} hundredths of a second");
    assert!(after - before < 50, "{before} {after}: it waits busily");

    // To the menu and back, while the guest goes on.
    machine.press(&["ctrl", "alt", "g"]);
    machine.wait_for("left: the guest goes on", SOON);
    machine.until("the console's own text", SOON, |machine| {
        let now = machine.photograph()?;
        Ok(now.has_light_at_the_top().then_some(()))
    });
    machine.keep("left");
    machine.tell("again");
    wait_for_the_picture(&mut machine, TEXT);
    machine.press(&["b"]);
    machine.wait_for("k30 kb0 ", SOON);
    machine.press(&["ctrl", "alt", "q"]);
    machine.wait_for("left: the guest is to end", SOON);
    assert!(!machine.said("k22"), "the chord's G reached the guest");
    assert!(!machine.said("k10"), "the chord's Q reached the guest");
}

#[test]
#[ignore = "needs QEMU and phase 1; cargo xtask test runs it"]
fn boot_with_a_guest_larger_than_the_screen_that_ends() {
    // 640 x 480 with 24 bits, which RFB does not have.
    let mut machine = Machine::power_on("vga=0x312", &[]).unwrap();
    machine.wait_for(UP, BOOT);
    wait_for_the_picture(&mut machine, [640, 355]);
    machine.keep("smaller");
    // As a guest that switches itself off.
    machine.tell("kill");
    machine.wait_for("the guest has ended", SOON);
}

#[test]
#[ignore = "needs QEMU, OVMF and phase 1; cargo xtask test runs it"]
fn boot_with_a_guest_under_uefi() {
    // efifb, as the firmware left the screen: 32 bits.
    let flash = "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd";
    let mut machine = Machine::power_on("", &["-drive", flash]).unwrap();
    machine.wait_for(UP, BOOT);
    wait_for_the_picture(&mut machine, TEXT);
    machine.press(&["shift", "f12"]);
    machine.wait_for("k2a k58 ", SOON);
    machine.keep("uefi");
}
