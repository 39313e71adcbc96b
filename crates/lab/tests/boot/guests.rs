//! A guest in QEMU, which comes to the machine as one more torrent: chosen at the keyboard it has the screen, and writes to
//! its disk while another machine, where it is chosen on the serial line, fetches that disk from the first. Then Debian's
//! memtest86+, whose ISO image lies in oss as it comes, tests a guest's memory there.

use std::cell::Cell;

use lab::{Classroom, Glyphs, Machine, Nic, Photograph, Spec, Stop, built, until};
use report::{Exit, Step};

use crate::room::{BOOT, MIB, SOON, has_its_disk, keep, open, target, wait_for_stage, with_disk};

/// What the guest says on its serial line, and on its screen, when it has written to its disk.
const UP: &str = "guest: up, and has written";
/// A VGA's blue, behind what it says, and its text screen in its own size.
const BLUE: [u8; 3] = [0, 0, 0xaa];
const TEXT: [usize; 2] = [720, 400];
/// The systems: a folder, and an image beside it.
const GUEST: &str = "guest";
const MEMORY_TEST: &str = "memtest86+x64.iso";
/// What the guests are left with is less than 144 MiB then: memtest86+ takes its time where there is more, for it first measures
/// how fast memory of four times its processor's cache is.
const MEMORY_MIB: u32 = 448;

/// Writes itself to the second sector of the first disk, makes the screen blue, and says so on both:
///
/// ```text
///     ds = es = 0; ax = 3; int 10h
///     ax = 0x0301; bx = 0x7c00; cx = 2; dx = 0x80; int 13h; jc e
///     es = 0xb800; fill 2000 cells with 0x1f20; di = 160; si = text
/// l:  lodsb; jz e; out 0x3f8, al; ah = 0x1f; stosw; jmp l
/// e:  hlt; jmp e
/// ```
#[rustfmt::skip]
const BOOT_SECTOR: [u8; 66] = [
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0xb8, 0x03, 0x00, 0xcd, 0x10, 0xb8, 0x01, 0x03, 0xbb, 0x00, 0x7c, 0xb9, 0x02, 0x00,
    0xba, 0x80, 0x00, 0xcd, 0x13, 0x72, 0x24, 0xfc, 0xb8, 0x00, 0xb8, 0x8e, 0xc0, 0x31, 0xff, 0xb8, 0x20, 0x1f, 0xb9, 0xd0,
    0x07, 0xf3, 0xab, 0xbf, 0xa0, 0x00, 0xbe, 0x42, 0x7c, 0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x06, 0xee, 0xb4, 0x1f,
    0xab, 0xeb, 0xf5, 0xf4, 0xeb, 0xfd,
];

fn disk() -> Vec<u8> {
    let mut disk = [&BOOT_SECTOR[..], UP.as_bytes(), b"\0"].concat();
    disk.resize(510, 0);
    disk.extend([0x55, 0xaa]);
    disk.extend(lab::noise(8 * MIB - 512));
    disk
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_a_guest_whose_disk_others_fetch_and_a_memory_test() {
    assert!(target().join("phase1/image/qemu.squashfs").exists());
    let logs = tempfile::tempdir().unwrap();
    let settings = "boottorrent: {version: 0, timeout: -1}\n";
    let mut class = open(settings, logs.path(), |oss| {
        std::fs::copy(built::memtest(target())?, oss.join(MEMORY_TEST))?;
        let folder = oss.join(GUEST);
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("disk.img"), disk())?;
        let config = "dispname: A guest\nmethod: bin-qemu-x86_64\nargs: -m 32 -drive file=disk.img,format=raw\n";
        Ok(std::fs::write(folder.join("config.yaml"), config)?)
    });
    let [mut first, mut second] =
        [("first", Nic::E1000, 1), ("second", Nic::Virtio, 2)].map(|(name, nic, number)| {
            let spec = Spec {
                memory_mib: MEMORY_MIB,
                ..Spec::new(name, nic, number)
            };
            let spec = with_disk(spec, logs.path());
            class.machine(&spec).unwrap()
        });
    wait_for_stage(&class, &mut first, "menu");
    wait_for_stage(&class, &mut second, "menu");

    // A BIOS leaves the screen with text; the layer has a driver for its card.
    first.press(&["ret"]).unwrap();
    wait_for_stage(&class, &mut first, "running");
    let glyphs = Glyphs::of_qemu().unwrap();
    wait_for_screen(&mut first, "the guest's blue screen", |screen| {
        let said = glyphs.read(screen).unwrap_or_default();
        screen.has_in_the_middle(TEXT, BLUE) && said.lines().nth(1) == Some(UP)
    });
    keep(&mut first, "guest");
    assert_eq!(console(&class, &first, GUEST), "tty1");

    // The second finds the first with a guest that has written.
    second.console().type_text("\r").unwrap();
    let up = second.console().wait_for(UP, BOOT);
    if let Err(error) = up {
        panic!("{error:#}\n{}", second.evidence());
    }
    wait_for_stage(&class, &mut second, "running");
    assert_eq!(console(&class, &second, GUEST), "ttyS0");
    let all = class.machines().unwrap();
    let address = all.machine(&first.spec().mac).unwrap().address.unwrap();
    let told = all.machine(&second.spec().mac).unwrap();
    assert!(told.bytes_from(address) > 0, "{:?}", told.sources);

    // Ctrl+A X ends QEMU where it has the terminal, Ctrl+Alt+Q where it has the screen.
    let farewell = "A guest ended with exit status 0.";
    second.console().type_text("\x01x").unwrap();
    assert_eq!(ended(&class, &second, GUEST), Exit::Itself { status: 0 });
    let asked = format!("{farewell} Press a key");
    second.console().wait_for(&asked, SOON).unwrap();
    first.press(&["ctrl", "alt", "q"]).unwrap();
    assert_eq!(ended(&class, &first, GUEST), Exit::Itself { status: 0 });
    read_the_farewell(&mut first, farewell);
    keep(&mut first, "guest-ended");
    // What the guests wrote to their disk is not on the machines'.
    assert!(has_its_disk(&second), "its own disk has changed");
    drop(second);

    first.press(&["down"]).unwrap();
    first.press(&["ret"]).unwrap();
    wait_for_memory_test(&mut first, &glyphs);
    keep(&mut first, "memtest");
    assert_eq!(console(&class, &first, MEMORY_TEST), "tty1");
    first.press(&["ctrl", "alt", "q"]).unwrap();
    let exit = Exit::Itself { status: 0 };
    assert_eq!(ended(&class, &first, MEMORY_TEST), exit);
    let farewell = format!("{MEMORY_TEST} ended with exit status 0.");
    read_the_farewell(&mut first, &farewell);
    wait_for_stage(&class, &mut first, "menu");
    assert!(has_its_disk(&first), "its own disk has changed");
}

/// Waits until a person is told at the screen how a guest ended, and presses a key for the menu.
fn read_the_farewell(machine: &mut Machine, farewell: &str) {
    // The other console has the menu already, the screen when its person has read how it ended.
    machine.console().wait_for(farewell, SOON).unwrap();
    wait_for_screen(machine, "text", Photograph::has_light_at_the_top);
    let read = machine.screen().unwrap();
    machine.press(&["spc"]).unwrap();
    wait_for_screen(machine, "the menu", |screen| {
        *screen != read && screen.has_light_at_the_top()
    });
}

/// Waits until memtest86+ has the screen, tests, has found no error, and its clock goes on.
fn wait_for_memory_test(machine: &mut Machine, glyphs: &Glyphs) {
    let begun = Cell::new(None);
    wait_for_screen(machine, "memtest86+ and its clock", |screen| {
        let text = glyphs.read(screen).unwrap_or_default();
        let Some(clock) = clock(&text) else {
            return false;
        };
        let before = begun.get().unwrap_or(clock);
        begun.set(Some(before));
        clock > before
    });
}

/// The time that memtest86+ has tested for, as its screen says: hours, minutes and seconds. Nothing where that is not its
/// screen, or it does not test yet.
fn clock(text: &str) -> Option<[u32; 3]> {
    let mut lines = text.lines();
    let title = lines.next()?.trim_start();
    let row = lines.find(|line| line.contains("Time: "))?;
    let errors = lines.next()?;
    let tests = title.starts_with("Memtest86+ v") && row.contains("Status: Testing");
    if !tests || !errors.ends_with("Errors: 0") {
        return None;
    }
    let (_, time) = row.split_once("Time: ")?;
    let mut parts = time.split_whitespace().next()?.split(':');
    let mut next = || parts.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

#[test]
fn only_a_memory_test_that_finds_no_error_has_a_clock() {
    let screen = "      Memtest86+ v6.10      | QEMU TCG CPU version 2.5+\n\
                  Memory  :  127MB            | Pattern: 0xfffffbffffffffff\n\
                  CPU: 1 Cores 1 Threads    SMP: Disabled   | Time:  0:01:36  Status: Testing  -\n\
                  Using: All Cores                          | Pass:  0        Errors: 0\n";
    assert_eq!(clock(screen), Some([0, 1, 36]));
    for (from, to) in [
        ("Memtest86+ v6.10", "Loading Memtest86+"),
        ("Testing", "Init."),
        ("0:01:36", ""),
        ("Errors: 0", "Errors: 10"),
    ] {
        assert_eq!(clock(&screen.replace(from, to)), None, "{to}");
    }
    assert_eq!(clock(UP), None);
}

/// The console on which a machine runs a system as a guest.
fn console(class: &Classroom, machine: &Machine, of: &str) -> String {
    let all = class.machines().unwrap();
    let steps = &all.machine(&machine.spec().mac).unwrap().steps;
    let (console, how) = steps
        .iter()
        .find_map(|timed| match &timed.step {
            Step::Running {
                system,
                console,
                how,
            } if system == of => Some((console.clone(), how.as_str())),
            _ => None,
        })
        .expect("it runs");
    // An emulated processor may offer KVM too.
    assert!(
        ["with KVM", "emulated, without KVM"].contains(&how),
        "{how}"
    );
    console
}

/// How a system ended that a machine ran as a guest, once it has.
fn ended(class: &Classroom, machine: &Machine, of: &str) -> Exit {
    let exit = until("the end of the guest", SOON, &Stop::never(), || {
        let all = class.machines()?;
        let steps = &all.machine(&machine.spec().mac).unwrap().steps;
        Ok(steps.iter().find_map(|timed| match &timed.step {
            Step::Ended { system, exit } if system == of => Some(*exit),
            _ => None,
        }))
    });
    exit.unwrap_or_else(|error| panic!("{error:#}\n{}", machine.console().tail()))
}

/// Waits until the screen shows this; a photograph stays in `target/screens` if it does not come.
fn wait_for_screen(machine: &mut Machine, what: &str, shows: impl Fn(&Photograph) -> bool) {
    let shown = until(what, BOOT, &Stop::never(), || {
        let screen = machine.screen()?;
        Ok(shows(&screen).then_some(()))
    });
    if let Err(error) = shown {
        keep(machine, "guest-failed");
        panic!("{error:#}\n{}", machine.console().tail());
    }
}
