//! Plays the screens on this terminal: `cargo run -p bttui --example screens`. Enter goes to the
//! next, any other key is shown to the model; Ctrl+C ends it. Acts on nothing.

#[path = "../tests/worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use std::path::PathBuf;
use std::time::Duration;

use bttui::app::Event;
use bttui::console::{Consoles, Device, View};
use bttui::gate::Gate;
use bttui::keys::Key;
use bttui::news::Voice;
use bttui::tty;
use bttui::ui::Look;
use catalog::Shell;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    tty::restore_on_panic();
    let look = if std::env::args().any(|argument| argument == "--ascii") {
        Look::Ascii
    } else {
        Look::Boxes
    };
    let (keys, mut pressed) = tokio::sync::mpsc::channel(16);
    let consoles = Consoles::start(
        vec![Device {
            path: PathBuf::from("/dev/tty"),
            look,
        }],
        &keys,
    )?;
    let (voice, _news) = Voice::new();
    'scenes: for mut scene in scenes::all() {
        let started = Instant::now();
        loop {
            let now = scene.now + started.elapsed();
            consoles.show(View {
                app: scene.app.clone(),
                now,
            });
            let tick = tokio::time::sleep(Duration::from_millis(250));
            tokio::select! {
                Some(pressed) = pressed.recv() => match pressed.key {
                    Key::Enter => break,
                    Key::CtrlC => break 'scenes,
                    Key::CtrlS => consoles.shell(pressed.console, Gate::new(Shell::Yes), voice.clone()),
                    key => drop(scene.app.handle(Event::Key { console: pressed.console, key }, now)),
                },
                () = tick => {}
            }
        }
    }
    consoles.close();
    Ok(())
}
