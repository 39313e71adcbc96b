//! QEMU's command line for a guest, from what the configuration says and what the machine has.
//!
//! A pure function. Whatever the configuration's `args` name is left to them, as in the project of 2018: what is
//! added here are only defaults for what they do not say. Where the machine has a frame buffer the guest's screen comes
//! through VNC, for our viewer; elsewhere the guest speaks on the console it was started at.

use std::path::Path;

use catalog::memory::guest;

/// Where the layer with QEMU is mounted.
pub const LAYER: &str = "/qemu";
/// Of all memory QEMU takes this part for translated code where it emulates the processor (`tb-size`).
const TRANSLATED: u64 = 8;

/// What the machine has for a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// All memory, in bytes.
    pub total: u64,
    /// What is left of it, in bytes, before anything is kept for what the guest writes.
    pub available: u64,
    /// Logical processors.
    pub cpus: u32,
    /// Whether `/dev/kvm` can be used.
    pub kvm: bool,
    /// Whether there is a frame buffer for the guest's screen.
    pub frame_buffer: bool,
}

/// Where a guest's screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// On the machine's own, through a VNC server at the socket that was named.
    Viewer,
    /// In the console: text, as `-nographic` has it.
    Console,
    /// Wherever the arguments say.
    AsTold,
}

/// Who executes a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU, several times slower.
    Tcg,
    /// Whoever the arguments name.
    AsTold,
}

impl Accelerator {
    /// In words, for a person who wonders why it is slow; nothing where the arguments say.
    pub fn told(self) -> &'static str {
        match self {
            Accelerator::Kvm => "with KVM",
            Accelerator::Tcg => "emulated, without KVM",
            Accelerator::AsTold => "",
        }
    }
}

/// A guest that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// QEMU's arguments.
    pub arguments: Vec<String>,
    /// Where its screen is.
    pub display: Display,
    /// Who executes it.
    pub accelerator: Accelerator,
}

impl Guest {
    /// The same where a shell is not for everybody. QEMU's monitor (Ctrl+A C on a serial line, Ctrl+Alt+2 on a screen) can
    /// write files and start programs here, so there is none unless the configuration asks for it. Ctrl+A X stays.
    #[must_use]
    pub fn without_monitor(mut self) -> Guest {
        let told = Told(self.arguments.iter().map(String::as_str).collect());
        if told.has(&["monitor", "mon"]) {
            return self;
        }
        let mut words = vec!["-monitor", "none"];
        // Standard input and output can be had by one character device alone, and theirs may have them.
        let theirs = ["serial", "nodefaults", "chardev"];
        if self.display == Display::Console && !told.has(&theirs) {
            let console = "stdio,id=console,mux=on,signal=off";
            words.extend(["-chardev", console, "-serial", "chardev:console"]);
        }
        self.arguments.extend(words.into_iter().map(str::to_owned));
        self
    }
}

/// The part of the memory that is left which the guest's disks may be changed by, in bytes: a quarter.
pub fn writable(available: u64) -> u64 {
    available / 4
}

/// The guest that `args`, separated by white space, describe, on this machine. `socket` is where its screen is offered.
pub fn guest(args: &str, machine: Machine, socket: &Path) -> Guest {
    let told = Told(args.split_whitespace().collect());
    let mut words = Vec::new();
    let mut add = |line: &[&str]| words.extend(line.iter().map(|word| (*word).to_owned()));
    for folder in ["seabios", "qemu"] {
        add(&["-L", &format!("{LAYER}/usr/share/{folder}")]);
    }
    add(&["-L", &format!("{LAYER}/usr/lib/ipxe/qemu")]);
    let accelerator = match told.names_accelerator() {
        true => Accelerator::AsTold,
        false if machine.kvm => Accelerator::Kvm,
        false => Accelerator::Tcg,
    };
    match accelerator {
        Accelerator::Kvm => add(&["-accel", "kvm"]),
        Accelerator::Tcg => add(&["-accel", "tcg"]),
        Accelerator::AsTold => {}
    }
    if !told.has(&["cpu"]) && accelerator != Accelerator::AsTold {
        // All that this processor can, or that QEMU knows: systems of today refuse QEMU's usual, older one.
        add(&["-cpu", "max"]);
    }
    if !told.has(&["m"]) {
        add(&["-m", &memory(machine, accelerator).to_string()]);
    }
    if !told.has(&["smp"]) {
        add(&["-smp", &machine.cpus.max(1).to_string()]);
    }
    if !told.has(&["nic", "net", "netdev", "nodefaults"]) {
        add(&["-nic", "user"]);
    }
    let display = match told.has(&["display", "vnc", "nographic", "curses", "sdl", "spice"]) {
        true if told.has(&["nographic"]) => Display::Console,
        true => Display::AsTold,
        false if machine.frame_buffer => Display::Viewer,
        false => Display::Console,
    };
    match display {
        Display::Viewer => {
            add(&[
                "-display",
                "none",
                "-vnc",
                &format!("unix:{}", socket.display()),
            ]);
            if !told.has(&["vga", "nodefaults"]) {
                add(&["-vga", "std"]);
            }
        }
        Display::Console if !told.has(&["nographic"]) => add(&["-nographic"]),
        Display::Console | Display::AsTold => {}
    }
    words.extend(told.0.iter().map(|word| (*word).to_owned()));
    Guest {
        arguments: words,
        display,
        accelerator,
    }
}

/// What is left for the guest, in MiB.
fn memory(machine: Machine, accelerator: Accelerator) -> u64 {
    let translated = match accelerator {
        Accelerator::Kvm => 0,
        Accelerator::Tcg | Accelerator::AsTold => machine.total / TRANSLATED,
    };
    let taken = writable(machine.available)
        .saturating_add(translated)
        .saturating_add(guest::QEMU);
    // What was counted before the download is given, whatever is left: QEMU takes neither its part nor the disks' at once.
    machine.available.saturating_sub(taken).max(guest::LEAST) >> 20
}

/// Whether these arguments say themselves who executes the guest.
pub fn names_accelerator(args: &str) -> bool {
    Told(args.split_whitespace().collect()).names_accelerator()
}

/// The configuration's own arguments.
struct Told<'a>(Vec<&'a str>);

impl Told<'_> {
    /// Whether one of these options is among them, with one dash or with two, as QEMU takes both.
    fn has(&self, names: &[&str]) -> bool {
        self.options().any(|(name, _)| names.contains(&name))
    }

    fn names_accelerator(&self) -> bool {
        self.options().any(|(name, value)| match name {
            "accel" | "enable-kvm" => true,
            "machine" | "M" => value.split(',').any(|part| part.starts_with("accel=")),
            _ => false,
        })
    }

    /// Every option with the word behind it, which is its value where it takes one.
    fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.0.iter().copied().skip(1).chain([""]);
        self.0.iter().zip(values).filter_map(|(word, value)| {
            let name = word.strip_prefix('-')?;
            Some((name.strip_prefix('-').unwrap_or(name), value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: &str = "/run/guest";
    const PLAIN: Machine = Machine {
        total: 4 << 30,
        available: 3 << 30,
        cpus: 4,
        kvm: true,
        frame_buffer: true,
    };

    fn of(args: &str, machine: Machine) -> (String, Display, Accelerator) {
        let guest = guest(args, machine, Path::new(SOCKET));
        (guest.arguments.join(" "), guest.display, guest.accelerator)
    }

    #[test]
    fn what_is_not_said_is_taken_from_the_machine() {
        let (line, display, accelerator) = of("-cdrom a.iso", PLAIN);
        assert_eq!((display, accelerator), (Display::Viewer, Accelerator::Kvm));
        // Three quarters of 3 GiB without 96 MiB.
        assert_eq!(
            line,
            "-L /qemu/usr/share/seabios -L /qemu/usr/share/qemu -L /qemu/usr/lib/ipxe/qemu -accel kvm \
             -cpu max -m 2208 -smp 4 -nic user -display none -vnc unix:/run/guest -vga std -cdrom a.iso"
        );
        let slow = Machine {
            kvm: false,
            frame_buffer: false,
            ..PLAIN
        };
        let (line, display, accelerator) = of("-cdrom a.iso", slow);
        assert_eq!((display, accelerator), (Display::Console, Accelerator::Tcg));
        // Without an eighth of 4 GiB, too.
        assert!(
            line.ends_with("-accel tcg -cpu max -m 1696 -smp 4 -nic user -nographic -cdrom a.iso"),
            "{line}"
        );
    }

    #[test]
    fn a_monitor_is_no_way_around_the_setting_about_shells() {
        let on_a_line = Machine {
            frame_buffer: false,
            ..PLAIN
        };
        let serial =
            "-monitor none -chardev stdio,id=console,mux=on,signal=off -serial chardev:console";
        for (args, machine, end) in [
            ("-cdrom a.iso", PLAIN, "-cdrom a.iso -monitor none"),
            (
                "-cdrom a.iso",
                on_a_line,
                &*format!("-cdrom a.iso {serial}"),
            ),
            ("-nographic", PLAIN, &format!("-nographic {serial}")),
            ("-serial none", on_a_line, "-serial none -monitor none"),
            (
                "-chardev stdio,id=c -device isa-serial,chardev=c",
                on_a_line,
                "-nographic -chardev stdio,id=c -device isa-serial,chardev=c -monitor none",
            ),
            ("-monitor stdio", on_a_line, "-monitor stdio"),
            ("-mon chardev=c", PLAIN, "-mon chardev=c"),
        ] {
            let guest = guest(args, machine, Path::new(SOCKET)).without_monitor();
            let line = guest.arguments.join(" ");
            assert!(line.ends_with(end), "{args}: {line}");
        }
    }

    #[test]
    fn what_is_said_is_left_alone() {
        for (args, ours, display) in [
            ("-m 64", "-m 2208", Display::Viewer),
            ("--m 64", "-m 2208", Display::Viewer),
            ("-smp 1", "-smp 4", Display::Viewer),
            ("-cpu host", "-cpu max", Display::Viewer),
            ("-accel tcg", "-accel kvm", Display::Viewer),
            ("-enable-kvm", "-accel kvm", Display::Viewer),
            ("-machine q35,accel=tcg", "-accel kvm", Display::Viewer),
            ("-M accel=kvm:tcg", "-cpu max", Display::Viewer),
            ("-nic none", "-nic user", Display::Viewer),
            ("-net nic -net user", "-nic user", Display::Viewer),
            ("-netdev user,id=a", "-nic user", Display::Viewer),
            ("-nodefaults", "-nic user", Display::Viewer),
            ("-vga virtio", "-vga std", Display::Viewer),
            ("-nographic", "-vnc", Display::Console),
            ("-display curses", "-vnc", Display::AsTold),
            ("-vnc :1", "unix:", Display::AsTold),
        ] {
            let (line, found, _) = of(args, PLAIN);
            assert!(!line.contains(ours), "{args}: {line}");
            assert!(line.ends_with(args), "{args}: {line}");
            assert_eq!(found, display, "{args}");
            assert_eq!(
                line.matches("-nographic").count(),
                args.matches("-nographic").count()
            );
        }
        // Another machine type says nothing of who executes it.
        assert!(of("-machine q35", PLAIN).0.contains("-accel kvm"));
        // A word that only looks like one of ours is a value.
        assert!(of("-drive file=m,if=none", PLAIN).0.contains("-m 2208"));
    }

    #[test]
    fn a_small_machine_gives_what_it_has() {
        for (available, mib) in [(512, 160), (256, 128), (0, 128)] {
            let machine = Machine {
                total: 1 << 30,
                available: available << 20,
                kvm: false,
                ..PLAIN
            };
            let (line, ..) = of("", machine);
            assert!(line.contains(&format!("-m {mib} ")), "{line}");
        }
        let nothing = Machine {
            total: 0,
            available: u64::MAX,
            cpus: 0,
            ..PLAIN
        };
        assert!(of("", nothing).0.contains("-smp 1 "));
    }
}
