//! Machines that cannot run all of what is offered, that give nobody a shell, or of which there is a lot to be told.

use bttui::app::Offers;
use catalog::memory::{Memory, Need, guest};

use super::*;

/// A machine with so much memory that its kernel manages, and a network's systems whose sizes are known.
pub(crate) fn small(manifest: Manifest, total: u64) -> App {
    with_guest(manifest, total, 0)
}

/// The same, where the second system takes so much for QEMU and its guest.
fn with_guest(manifest: Manifest, total: u64, guest: u64) -> App {
    let mut app = awake();
    app.machine.memory = Memory {
        total,
        free: total - 100_000_000,
    };
    let needs = vec![
        Some(Need {
            files: 158_000_000,
            initrds: 150_000_000,
            ..Need::default()
        }),
        Some(Need {
            files: 1_474_560,
            guest,
            ..Need::default()
        }),
        None,
    ];
    app.handle(
        Event::Offers(Box::new(Offers { manifest, needs })),
        seconds(5),
    );
    app
}

/// A guest that asks for more memory than will be free.
pub(super) fn tight() -> App {
    let manifest = Manifest {
        layer: Some(entry("qemu", "QEMU", Method::Local, 22 << 20)),
        ..three()
    };
    let app = with_guest(manifest, 1_000_000_000, guest::takes("-m 800"));
    after(app, [Key::Down], 21)
}

/// The first of the three has no config.yaml.
pub(super) fn inferred() -> Manifest {
    let mut manifest = three();
    manifest.systems[0].inferred = true;
    manifest
}

/// The three, and a program for another processor.
pub(super) fn foreign() -> Manifest {
    let mut manifest = with_program(30);
    let why = "inventory is a program for ARM64 (64 bits), and this is an x86-64 machine";
    manifest.systems[3].unfit = Some(why.to_owned());
    manifest
}

pub(super) fn without_shell(mut app: App) -> App {
    app.shell = Shell::No;
    app
}

/// A machine of which there is a lot to be told.
pub(super) fn logged() -> App {
    let mut app = running();
    for number in 1..=40 {
        let what = format!(
            "{number} things have happened, of which this is told in a line that needs a second one"
        );
        app.handle(Event::Note { what }, seconds(91));
    }
    app
}
