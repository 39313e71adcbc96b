//! Golden screens: small pictures on small screens, drawn as text.

mod common;

use common::{packed, rgb565, rgb888, screen};
use viewer::rfb::Client;
use viewer::{Canvas, Picture, PixelFormat, Placement, Rect, Screen};

/// A client that shows a picture: letters stand for grey values, `.` for black.
fn guest(format: PixelFormat, rows: &[&str]) -> Client {
    let (width, height) = (rows[0].len() as u16, rows.len() as u16);
    let mut client = Client::new(format);
    client.feed(&common::hello(width, height, b"")).unwrap();
    put(&mut client, format, 0, 0, rows);
    client
}

fn put(client: &mut Client, format: PixelFormat, x: u16, y: u16, rows: &[&str]) {
    let pixels: Vec<u8> = rows
        .iter()
        .flat_map(|row| row.bytes())
        .flat_map(|letter| pixel(letter, format.wire_bytes()))
        .collect();
    let place = [x, y, rows[0].len() as u16, rows.len() as u16];
    client
        .feed(&common::update(&[common::raw(place, &pixels)]))
        .unwrap();
}

fn pixel(letter: u8, bytes: usize) -> Vec<u8> {
    let value = if letter == b'.' { 0 } else { letter };
    match bytes {
        2 => vec![value, value],
        _ => vec![value, value, value, 0],
    }
}

/// The screen's memory as rows of letters; what was never written, and gaps, are `?`.
fn rows(screen: &Screen, memory: &[u8]) -> Vec<String> {
    let row = |y: usize| {
        let letter = |x: usize| {
            let at = screen.start + y * screen.stride + x * screen.format.screen_bytes();
            match memory[at] {
                0 => '.',
                0xee => '?',
                value => char::from(value),
            }
        };
        (0..screen.width).map(letter).collect()
    };
    (0..screen.height).map(row).collect()
}

fn blank(screen: &Screen) -> Vec<u8> {
    vec![0xee; screen.bytes() + 16]
}

#[test]
fn a_smaller_picture_is_centred_between_black_borders() {
    for format in [rgb888(), packed(), rgb565()] {
        let mut client = guest(format, &["abcd", "efgh", "ijkl"]);
        let screen = screen(7, 5, format, 5, 3);
        let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
        let bytes = canvas.draw(client.picture(), &mut memory);
        let golden = [".......", ".abcd..", ".efgh..", ".ijkl..", "......."];
        assert_eq!(rows(&screen, &memory), golden);
        assert_eq!(bytes, 35 * format.screen_bytes());
        let outside = memory.iter().filter(|byte| **byte == 0xee).count();
        assert_eq!(outside, 3 + 4 * 5 + 16, "gaps between rows are not touched");
    }
}

#[test]
fn only_what_changed_is_written() {
    let format = rgb888();
    let mut client = guest(format, &["abcd", "efgh", "ijkl"]);
    let screen = screen(6, 5, format, 0, 0);
    let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
    canvas.draw(client.picture(), &mut memory);
    memory.fill(0xee);
    assert_eq!(canvas.draw(client.picture(), &mut memory), 0);
    put(&mut client, format, 1, 1, &["XY"]);
    put(&mut client, format, 3, 2, &["Z"]);
    let bytes = canvas.draw(client.picture(), &mut memory);
    let golden = ["??????", "??????", "??XY??", "????Z?", "??????"];
    assert_eq!(rows(&screen, &memory), golden);
    assert_eq!(bytes, 3 * 4);
}

#[test]
fn a_much_smaller_picture_is_enlarged_by_a_whole_number() {
    for format in [rgb888(), packed(), rgb565()] {
        let mut client = guest(format, &["ab", "cd"]);
        let screen = screen(7, 5, format, 0, 0);
        let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
        canvas.draw(client.picture(), &mut memory);
        let golden = [".aabb..", ".aabb..", ".ccdd..", ".ccdd..", "......."];
        assert_eq!(rows(&screen, &memory), golden);
        put(&mut client, format, 1, 0, &["X"]);
        memory.fill(0xee);
        canvas.draw(client.picture(), &mut memory);
        let golden = ["???XX??", "???XX??", "???????", "???????", "???????"];
        assert_eq!(rows(&screen, &memory), golden);
    }
}

#[test]
fn a_larger_picture_is_averaged() {
    let format = rgb888();
    // Each pixel of the screen covers two by two.
    let mut client = guest(format, &["aacc", "aacc", "dfzz", "hjzz"]);
    let screen = screen(4, 2, format, 0, 0);
    let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
    canvas.draw(client.picture(), &mut memory);
    assert_eq!(rows(&screen, &memory), [".ac.", ".gz."]);
    // Only the pixels that a change has a part in are written again.
    put(&mut client, format, 3, 2, &["n"]);
    memory.fill(0xee);
    let bytes = canvas.draw(client.picture(), &mut memory);
    assert_eq!(rows(&screen, &memory), ["????", "??w?"]);
    assert_eq!(bytes, 4);
}

#[test]
fn ratios_that_are_not_whole_weigh_by_area() {
    let format = rgb888();
    // Three columns become two: the middle one is half in each.
    let mut client = guest(format, &["adg"]);
    let screen = screen(2, 1, format, 0, 0);
    let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
    canvas.draw(client.picture(), &mut memory);
    // (2a + d) / 3 and (d + 2g) / 3.
    assert_eq!(rows(&screen, &memory), ["bf"]);
}

/// The same picture gives the same screen, drawn at once or from many changes, at any ratio.
#[test]
fn damage_and_whole_drawings_agree() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(1);
    for _ in 0..300 {
        let format = [rgb888(), packed(), rgb565()][random.random_range(0..3)];
        let (width, height) = (random.random_range(1..40), random.random_range(1..40));
        let screen = screen(
            random.random_range(1..40),
            random.random_range(1..40),
            format,
            random.random_range(0..9),
            random.random_range(0..9),
        );
        let mut client = Client::new(format);
        client.feed(&common::hello(width, height, b"")).unwrap();
        let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
        for _ in 0..6 {
            let (x, y) = (
                random.random_range(0..width),
                random.random_range(0..height),
            );
            let (w, h) = (
                random.random_range(0..=width - x),
                random.random_range(0..=height - y),
            );
            let count = usize::from(w) * usize::from(h) * format.wire_bytes();
            let pixels: Vec<u8> = (0..count).map(|_| random.random()).collect();
            client
                .feed(&common::update(&[common::raw([x, y, w, h], &pixels)]))
                .unwrap();
            canvas.draw(client.picture(), &mut memory);
        }
        let mut whole = blank(&screen);
        client.picture().damage_all();
        Canvas::new(screen).draw(client.picture(), &mut whole);
        assert!(memory == whole, "{width} x {height} on {screen:?}");
    }
}

#[test]
fn another_size_is_placed_anew() {
    let format = rgb888();
    let mut client = guest(format, &["abcd", "efgh"]);
    let screen = screen(4, 4, format, 0, 0);
    let (mut canvas, mut memory) = (Canvas::new(screen), blank(&screen));
    canvas.draw(client.picture(), &mut memory);
    assert_eq!(rows(&screen, &memory), ["....", "abcd", "efgh", "...."]);
    client
        .feed(&common::update(&[common::rectangle(
            [0, 0, 1, 3],
            -223,
            &[],
        )]))
        .unwrap();
    put(&mut client, format, 0, 0, &["x", "y", "z"]);
    canvas.draw(client.picture(), &mut memory);
    assert_eq!(rows(&screen, &memory), [".x..", ".y..", ".z..", "...."]);
}

#[test]
fn memory_that_is_too_short_is_left_alone() {
    let format = rgb888();
    let mut client = guest(format, &["ab"]);
    let screen = screen(2, 2, format, 0, 0);
    let mut memory = vec![0xee; screen.bytes() - 1];
    assert_eq!(Canvas::new(screen).draw(client.picture(), &mut memory), 0);
    assert_eq!(
        Canvas::new(screen).draw(&mut Picture::default(), &mut [0; 16]),
        0
    );
}

#[test]
fn places_on_the_screen_become_the_guests_pixels() {
    let table = [
        // A guest of 800 x 600 in the middle of 1024 x 768.
        ([1024, 768], [800, 600], [112, 84], [0, 0]),
        ([1024, 768], [800, 600], [911, 683], [799, 599]),
        ([1024, 768], [800, 600], [0, 767], [0, 599]),
        // Twice as large.
        ([1920, 1080], [640, 480], [321, 61], [0, 0]),
        ([1920, 1080], [640, 480], [322, 62], [1, 1]),
        // Made smaller: 1280 x 1024 becomes 960 x 768.
        ([1024, 768], [1280, 1024], [32, 0], [0, 0]),
        ([1024, 768], [1280, 1024], [991, 767], [1278, 1022]),
        ([1024, 768], [1280, 1024], [1023, 767], [1278, 1022]),
    ];
    for (screen, guest, place, expected) in table {
        let placement = Placement::new(screen, guest);
        assert_eq!(placement.to_guest(place), expected, "{placement:?}");
    }
    for guest in [[4096, 1], [1, 4096], [1, 1]] {
        let placement = Placement::new([640, 480], guest);
        let [x, y] = placement.to_guest([639, 479]);
        assert!(x < guest[0] as i64 && y < guest[1] as i64, "{placement:?}");
    }
}

#[test]
fn a_shape_of_any_kind_is_drawn() {
    let format = rgb888();
    let screen = screen(64, 48, format, 0, 0);
    for (width, height) in [(4096, 1), (1, 4096), (1, 1), (65, 48), (64, 49)] {
        let mut picture = Picture::new(width, height, 4);
        picture.damage(Rect {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        });
        let mut memory = blank(&screen);
        Canvas::new(screen).draw(&mut picture, &mut memory);
        assert!(memory[..screen.bytes()].iter().all(|byte| *byte == 0));
    }
}
