//! Every screen, drawn into memory and compared with the text file of its name in `tests/screens`.
//! `UPDATE_SCREENS=1 cargo test -p bttui --test screens` writes the files anew; look at the difference.

#[path = "worlds/scenes.rs"]
mod scenes;

use std::fs;
use std::path::PathBuf;

use bttui::app::App;
use bttui::ui::{self, Look};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

#[test]
fn screens_look_as_recorded() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/screens");
    let update = std::env::var_os("UPDATE_SCREENS").is_some();
    let mut differ = Vec::new();
    for scene in scenes::all() {
        for (suffix, look, width, height) in
            [("vt", Look::Boxes, 80, 25), ("serial", Look::Ascii, 80, 24)]
        {
            let path = folder.join(format!("{}.{suffix}.txt", scene.name));
            let drawn = draw(&scene.app, scene.now, look, width, height);
            if update {
                fs::write(&path, &drawn).expect("the recording is written");
            } else if fs::read_to_string(&path).unwrap_or_default() != drawn {
                differ.push(format!("{}:\n{drawn}", path.display()));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// A serial line gets nothing but ASCII from us; names are the site's own.
#[test]
fn serial_lines_get_ascii() {
    for scene in scenes::all()
        .into_iter()
        .filter(|scene| scene.name != "menu-many")
    {
        let drawn = draw(&scene.app, scene.now, Look::Ascii, 80, 24);
        assert!(drawn.is_ascii(), "{}:\n{drawn}", scene.name);
    }
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for scene in scenes::all() {
        for (width, height) in [
            (1, 1),
            (1, 50),
            (200, 1),
            (7, 3),
            (20, 5),
            (40, 12),
            (79, 15),
            (80, 16),
            (240, 67),
        ] {
            draw(&scene.app, scene.now, Look::Boxes, width, height);
        }
    }
}

/// The selected line can be seen without colours and without attributes.
#[test]
fn the_selection_is_marked_in_characters() {
    let scenes = scenes::all();
    let scene = scenes
        .iter()
        .find(|scene| scene.name == "menu-stopped")
        .expect("the scene");
    let drawn = draw(&scene.app, scene.now, Look::Ascii, 80, 24);
    let marked: Vec<&str> = drawn.lines().filter(|line| line.contains("> ")).collect();
    assert!(
        matches!(marked[..], [line] if line.contains("Memory test")),
        "{drawn}"
    );
}

fn draw(app: &App, now: std::time::Duration, look: Look, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect {
        x: 0,
        y: 0,
        width,
        height,
    });
    ui::draw(&mut buffer, app, now, look);
    let mut text = String::new();
    for y in 0..height {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let cell = &buffer[(x, y)];
            line.push_str(cell.symbol());
            // A wide character covers the cell after it.
            x += if cell.symbol().chars().any(|letter| letter >= '\u{2e80}') {
                2
            } else {
                1
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
