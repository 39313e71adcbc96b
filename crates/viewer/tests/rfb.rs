//! The client against servers as they should be, and as they should not.

mod common;

use common::{copy, hello, raw, rectangle, rgb565, rgb888, update};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use viewer::rfb::Client;
use viewer::seat::Motion;
use viewer::{Action, Canvas};

/// What a client says until the first picture, for a server of 4 x 3 pixels.
fn first_words() -> Vec<u8> {
    let mut bytes = b"RFB 003.008\n".to_vec();
    bytes.extend([1, 1]); // no security, shared
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(rgb888().to_rfb());
    bytes.extend([2, 0, 0, 6]);
    for encoding in [1, 0, -223, -257, -258, -261_i32] {
        bytes.extend(encoding.to_be_bytes());
    }
    bytes
}

/// A whole session: all that is understood, and what is passed over.
fn session() -> Vec<u8> {
    let pixels: Vec<u8> = (0..48).collect();
    let greeting = update(&[
        rectangle([0, 0, 4, 3], -258, &[]),
        rectangle([0, 0, 4, 3], -257, &[]),
        rectangle([0, 0, 4, 3], -261, &[6]),
    ]);
    [
        hello(4, 3, b"QEMU (guest)"),
        greeting,
        update(&[raw([0, 0, 4, 3], &pixels)]),
        vec![2],                                              // Bell
        vec![1, 0, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9],             // SetColourMapEntries
        vec![3, 0, 0, 0, 0, 0, 0, 5, b'h', b'e', b'l', 0, 3], // ServerCutText
        vec![3, 0, 0, 0, 0, 0, 0, 0],
        update(&[copy([1, 1, 3, 2], 0, 0), raw([0, 2, 1, 1], &[200; 4])]),
        update(&[]),
        update(&[rectangle([1, 0, 0, 0], -257, &[]), raw([4, 3, 0, 0], &[])]),
        update(&[
            rectangle([0, 0, 2, 1], -223, &[]),
            raw([0, 0, 2, 1], &[1, 2, 3, 0, 4, 5, 6, 0]),
        ]),
    ]
    .concat()
}

/// What is on a screen of the picture's size.
fn shown(client: &mut Client) -> Vec<u8> {
    let (width, height) = (client.picture().width(), client.picture().height());
    let screen = common::screen(width, height, rgb888(), 0, 0);
    let mut memory = vec![0; screen.bytes()];
    client.picture().damage_all();
    Canvas::new(screen).draw(client.picture(), &mut memory);
    memory
}

#[test]
fn a_session_goes_as_the_rfc_says() {
    let mut client = Client::new(rgb888());
    assert!(!client.is_up_to_date());
    client.request_update();
    assert_eq!(client.output(), b"", "the server speaks first");

    client.feed(&hello(4, 3, b"QEMU (guest)")).unwrap();
    assert_eq!(client.output(), first_words());
    client.written(usize::MAX);

    assert!(client.is_up_to_date());
    client.request_update();
    client.request_update();
    let all = [3, 0, 0, 0, 0, 0, 0, 4, 0, 3];
    assert_eq!(client.output(), all, "one at a time, the first for all");
    client.written(3);
    assert_eq!(client.output(), &all[3..]);
    client.written(7);

    let pixels: Vec<u8> = (0..48).collect();
    let bytes = update(&[raw([0, 0, 4, 3], &pixels)]);
    client.feed(&bytes[..bytes.len() - 1]).unwrap();
    assert!(!client.is_up_to_date(), "a byte is missing");
    client.feed(&bytes[bytes.len() - 1..]).unwrap();
    assert!(client.is_up_to_date());
    assert_eq!(shown(&mut client), pixels);
    client.request_update();
    assert_eq!(client.output(), [3, 1, 0, 0, 0, 0, 0, 4, 0, 3]);
    client.written(10);

    client
        .feed(&update(&[rectangle([0, 0, 2, 1], -223, &[])]))
        .unwrap();
    assert_eq!(
        (client.picture().width(), client.picture().height()),
        (2, 1)
    );
    client.request_update();
    let anew = [3, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    assert_eq!(client.output(), anew, "another size is asked for anew");
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let bytes = session();
    let outcome = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut client = Client::new(rgb888());
        for piece in pieces {
            client.feed(piece).unwrap();
        }
        let state = (
            client.is_up_to_date(),
            client.motion(),
            client.takes_scan_codes(),
            client.take_lights(),
        );
        (shown(&mut client), client.output().to_vec(), state)
    };
    let whole = outcome(&mut [bytes.as_slice()].into_iter());
    assert_eq!(whole.0, [1, 2, 3, 0, 4, 5, 6, 0]);
    assert_eq!(whole.1, first_words());
    assert_eq!(whole.2, (true, Motion::Absolute, true, Some(6)));
    for cut in 0..=bytes.len() {
        let (now, later) = bytes.split_at(cut);
        assert_eq!(
            outcome(&mut [now, later].into_iter()),
            whole,
            "cut at {cut}"
        );
    }
    for size in 1..30 {
        assert_eq!(outcome(&mut bytes.chunks(size)), whole, "pieces of {size}");
    }
}

#[test]
fn copies_and_later_rectangles_see_what_earlier_ones_did() {
    let mut client = Client::new(rgb565());
    let pixels: Vec<u8> = (0..24).collect();
    client.feed(&hello(4, 3, b"")).unwrap();
    client
        .feed(&update(&[
            raw([0, 0, 4, 3], &pixels),
            copy([1, 1, 3, 2], 0, 0),
            raw([0, 2, 1, 1], &[200, 201]),
        ]))
        .unwrap();
    let screen = common::screen(4, 3, rgb565(), 0, 0);
    let mut memory = vec![0; screen.bytes()];
    Canvas::new(screen).draw(client.picture(), &mut memory);
    let expected = [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [8, 9, 0, 1, 2, 3, 4, 5],
        [200, 201, 8, 9, 10, 11, 12, 13],
    ];
    assert_eq!(memory, expected.concat());
}

#[test]
fn what_a_person_does_becomes_messages() {
    let mut client = Client::new(rgb888());
    let key = |down| Action::Key {
        scan_code: 0xc8,
        down,
    };
    client.act(key(true)).unwrap();
    assert_eq!(client.output(), b"", "nobody is there yet");
    client.feed(&hello(4, 3, b"")).unwrap();
    client.written(usize::MAX);
    client.act(key(true)).unwrap();
    assert_eq!(client.output(), b"", "scan codes were not agreed on");
    client
        .feed(&update(&[rectangle([0, 0, 4, 3], -258, &[])]))
        .unwrap();
    let acts = [
        key(true),
        key(false),
        Action::Point {
            x: 258,
            y: 3,
            buttons: 5,
        },
        Action::Move {
            dx: -1,
            dy: 2,
            buttons: 1,
        },
        Action::Leave,
    ];
    for action in acts {
        client.act(action).unwrap();
    }
    let expected: [&[u8]; 4] = [
        &[255, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xc8],
        &[255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc8],
        &[5, 5, 1, 2, 0, 3],
        &[5, 1, 0x7f, 0xfe, 0x80, 0x01],
    ];
    assert_eq!(client.output(), expected.concat());
}

#[test]
fn a_server_that_does_not_read_is_left() {
    let mut client = Client::new(rgb888());
    client.feed(&hello(4, 3, b"")).unwrap();
    client
        .feed(&update(&[rectangle([0, 0, 4, 3], -258, &[])]))
        .unwrap();
    let hover = Action::Point {
        x: 1,
        y: 1,
        buttons: 0,
    };
    for _ in 0..100_000 {
        client.act(hover).unwrap();
    }
    assert!(client.output().len() < 5000, "mere motion is left out");
    for buttons in [1, 1, 0, 0] {
        let action = Action::Point {
            x: 1,
            y: 1,
            buttons,
        };
        client.act(action).unwrap();
    }
    let told = [[5, 1, 0, 1, 0, 1], [5, 0, 0, 1, 0, 1]].concat();
    assert!(client.output().ends_with(&told), "buttons are told");
    let key = Action::Key {
        scan_code: 1,
        down: true,
    };
    let error = (0..10_000).find_map(|_| client.act(key).err());
    assert!(error.is_some(), "keys are never left out, so it ends");
    assert!(client.output().len() < 70_000);
}

#[test]
fn what_is_wrong_is_named() {
    let running = hello(4, 3, b"");
    let after = |bytes: &[u8]| [running.as_slice(), bytes].concat();
    let mut early = hello(4, 3, b"");
    early.truncate(12);
    let named = |mut bytes: Vec<u8>, length: u32| {
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&length.to_be_bytes());
        bytes
    };
    let refused = b"\0\0\0\0\x05no \x1b!".as_slice();
    let table: Vec<(Vec<u8>, &str)> = vec![
        (
            b"HTTP/1.1 200".to_vec(),
            "ProtocolVersion: \"HTTP/1.1 200\"",
        ),
        (b"RFB 003.003\n".to_vec(), "ProtocolVersion"),
        (b"RFB +03.008\n".to_vec(), "ProtocolVersion"),
        (b"RFB 003.0\xff8\n".to_vec(), "ProtocolVersion"),
        (
            [&early, refused].concat(),
            "SecurityResult: refused: no \\u{1b}!",
        ),
        (
            [early.as_slice(), &[0, 0, 1, 0, 0]].concat(),
            "65536 bytes of text",
        ),
        ([early.as_slice(), &[0; 5]].concat(), "without a reason"),
        ([early.as_slice(), &[1, 2]].concat(), "Security: None (1)"),
        (
            [early.as_slice(), &[1, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'x']].concat(),
            "refused: x",
        ),
        (hello(0, 3, b""), "ServerInit: 0 x 3"),
        (hello(4, 4097, b""), "ServerInit: 4 x 4097"),
        (named(hello(4, 3, b""), 1025), "ServerInit: 1025 bytes"),
        (named(hello(4, 3, b""), u32::MAX), "ServerInit: 4294967295"),
        (after(&[4]), "type 4"),
        (after(&[255]), "type 255"),
        (after(&[3, 0, 0, 0, 1, 0, 0, 1]), "ServerCutText: 16777217"),
        (
            after(&update(&[raw([0, 0, 5, 1], &[])])),
            "5 x 1 pixels at 0, 0",
        ),
        (
            after(&update(&[raw([0, 3, 1, 1], &[])])),
            "1 x 1 pixels at 0, 3",
        ),
        (
            after(&update(&[raw([65535; 4], &[])])),
            "65535 x 65535 pixels at 65535, 65535",
        ),
        (
            after(&update(&[copy([0, 0, 2, 2], 3, 0)])),
            "CopyRect, its source",
        ),
        (after(&update(&[rectangle([0; 4], 5, &[])])), "encoding 5"),
        (
            after(&update(&[rectangle([0; 4], -239, &[])])),
            "encoding -239",
        ),
        (
            after(&update(&[rectangle([0; 4], -223, &[])])),
            "DesktopSize: 0 x 0",
        ),
    ];
    for (bytes, expected) in table {
        let mut client = Client::new(rgb888());
        let error = client.feed(&bytes).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(client.feed(b"x"), Err(error), "and nothing follows");
    }
}

/// Random bytes alone end at the first field; so most of them follow a good beginning.
#[test]
fn noise_is_survived() {
    let mut random = StdRng::seed_from_u64(6143);
    let good = session();
    let mut ends = [0_usize; 2];
    for _ in 0..5_000 {
        let mut client = Client::new(rgb888());
        let mut bytes = good[..random.random_range(0..=good.len())].to_vec();
        for _ in 0..random.random_range(0..4) {
            if !bytes.is_empty() {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
        }
        let length = random.random_range(0..400);
        bytes.extend((0..length).map(|_| random.random::<u8>() >> random.random_range(0..8)));
        let size = random.random_range(1..200);
        let ended = bytes.chunks(size).try_for_each(|piece| {
            client.request_update();
            client.feed(piece)
        });
        ends[usize::from(ended.is_err())] += 1;
        assert!(client.output().len() < 1000);
        assert!(client.picture().width() <= 4096 && client.picture().height() <= 4096);
    }
    assert!(ends.iter().all(|count| *count > 200), "{ends:?}");
}
