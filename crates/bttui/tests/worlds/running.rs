//! Moments of machines on which a program or a guest runs, or has ended.

use super::*;

/// A program of which every byte is there, chosen by a person at console 0.
pub(crate) fn to_run() -> App {
    let mut app = after(menu(with_program(30)), [Key::End, Key::Enter], 20);
    let progress = of_program(0);
    app.handle(Event::Fetched { progress }, seconds(21));
    app
}

/// The three, and a program that starts by itself.
pub(crate) fn with_program(timeout: i64) -> Manifest {
    let bin = Method::Bin {
        bin: "inventory".to_owned(),
        args: "--all".to_owned(),
    };
    let mut systems = three().systems;
    systems.push(entry("inventory", "Hardware inventory", bin, 12 << 20));
    manifest(timeout, Some("inventory"), systems)
}

pub(crate) fn of_program(uploaded: u64) -> Progress {
    Progress {
        system: "inventory".to_owned(),
        total: 12 << 20,
        have: 12 << 20,
        uploaded,
        peers: 3,
        rate: 0,
        sources: vec![Source {
            address: SERVER,
            bytes: 12 << 20,
        }],
    }
}

pub(crate) fn running() -> App {
    let mut app = to_run();
    let (console, how) = ("ttyS0".to_owned(), String::new());
    app.handle(Event::Started { console, how }, seconds(22));
    let progress = of_program(9 << 20);
    app.handle(
        Event::Progress {
            progress,
            trouble: None,
        },
        seconds(90),
    );
    app
}

/// A guest without KVM, whose machine's download has trouble.
pub(super) fn hosting() -> App {
    let layer = entry("qemu", "QEMU", Method::Local, 22 << 20);
    let manifest = Manifest {
        layer: Some(layer),
        ..three()
    };
    let mut app = after(menu(manifest), [Key::Down, Key::Enter], 20);
    let progress = Progress {
        system: "memtest".to_owned(),
        total: 1_474_560,
        have: 1_474_560,
        ..progress(0)
    };
    app.handle(Event::Fetched { progress }, seconds(21));
    let (console, how) = ("tty1".to_owned(), "emulated, without KVM".to_owned());
    app.handle(Event::Started { console, how }, seconds(22));
    let what = "The download has ended: no space in /os.";
    app.handle(Event::Broken { what: what.into() }, seconds(30));
    app
}

pub(super) const CRASHED: Exit = Exit::Signal { signal: 11 };

pub(super) fn ended(exit: Exit) -> App {
    let mut app = running();
    app.handle(Event::Ended { exit }, seconds(99));
    app
}

pub(super) fn not_started() -> App {
    let mut app = to_run();
    let what = "inventory needs shared libraries and their loader /lib64/ld-linux-x86-64.so.2, which phase 1 does not have: link it statically.";
    app.handle(
        Event::NotStarted {
            what: what.to_owned(),
        },
        seconds(21),
    );
    app
}
