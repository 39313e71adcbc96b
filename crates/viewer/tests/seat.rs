//! What keyboards and pointers say, and what the guest gets of it.

use viewer::device::Pointing;
use viewer::evdev::{BYTES, record};
use viewer::seat::{Motion, Target};
use viewer::{Action, Capabilities, Device, Placement, Seat};

const KEY: u16 = 1;
const REL: u16 = 2;
const ABS: u16 = 3;
const TOUCH: u16 = 0x14a;
const REPORT: (u16, u16, i32) = (0, 0, 0);

const CTRL: u16 = 29;
const ALT: u16 = 56;

/// What a device says, and what follows.
type Lesson<'a> = (&'a [(u16, u16, i32)], &'a [Action]);

fn target(motion: Motion) -> Target {
    Target {
        placement: Placement::new([1024, 768], [800, 600]),
        motion,
    }
}

fn able(keys: &[u16], relative: u8, absolute: u8, ranges: [(i32, i32); 2]) -> Device {
    let mut can = Capabilities {
        ranges,
        ..Capabilities::default()
    };
    for key in keys {
        can.keys[usize::from(key / 8)] |= 1 << (key % 8);
    }
    (can.relative[0], can.absolute[0]) = (relative, absolute);
    Device::of(&can).expect("a device")
}

fn keyboard() -> Device {
    able(&[30], 0, 0, [(0, 0); 2])
}

fn mouse() -> Device {
    able(&[0x110, 0x111, 0x112], 3, 0, [(0, 0); 2])
}

fn tablet() -> Device {
    able(&[0x110, 0x111, 0x112], 0, 3, [(0, 32767); 2])
}

fn pad() -> Device {
    let pad = able(&[0x110, 0x145, TOUCH], 0, 3, [(1000, 5000), (1000, 3000)]);
    assert_eq!(pad.pointing(), Pointing::Pad);
    pad
}

fn bytes(records: &[(u16, u16, i32)]) -> Vec<u8> {
    let each = records.iter();
    each.flat_map(|(kind, code, value)| record(*kind, *code, *value))
        .collect()
}

fn feed(
    seat: &mut Seat,
    device: &mut Device,
    motion: Motion,
    records: &[(u16, u16, i32)],
) -> Vec<Action> {
    let mut actions = Vec::new();
    seat.feed(device, &bytes(records), &target(motion), &mut actions);
    actions
}

fn key(scan_code: u8, down: bool) -> Action {
    Action::Key { scan_code, down }
}

fn point(x: u16, y: u16, buttons: u8) -> Action {
    Action::Point { x, y, buttons }
}

fn moved(dx: i16, dy: i16, buttons: u8) -> Action {
    Action::Move { dx, dy, buttons }
}

#[test]
fn keys_go_down_repeat_and_come_up() {
    let (mut seat, mut device) = (Seat::default(), keyboard());
    let said = [
        (4, 4, 0x1e), // MSC_SCAN
        (KEY, 30, 1),
        REPORT,
        (KEY, 30, 2),
        REPORT,
        (KEY, 103, 1),
        (KEY, 30, 0),
        REPORT,
        (KEY, 103, 0),
        (KEY, 200, 1), // a key that PCs do not have
        (KEY, 31, 0),  // released without having been pressed here
        (KEY, 31, 2),
        REPORT,
    ];
    let expected = [
        key(0x1e, true),
        key(0x1e, true),
        key(0xc8, true),
        key(0x1e, false),
        key(0xc8, false),
    ];
    let actions = feed(&mut seat, &mut device, Motion::Absolute, &said);
    assert_eq!(actions, expected);
}

#[test]
fn records_may_arrive_in_any_pieces() {
    let said = bytes(&[(KEY, 30, 1), REPORT, (KEY, 30, 0), REPORT]);
    for cut in 0..=said.len() {
        let (mut seat, mut device, mut actions) = (Seat::default(), keyboard(), Vec::new());
        for piece in [&said[..cut], &said[cut..]] {
            seat.feed(&mut device, piece, &target(Motion::Absolute), &mut actions);
        }
        assert_eq!(actions, [key(0x1e, true), key(0x1e, false)], "cut at {cut}");
    }
    assert_eq!(said.len(), 4 * BYTES);
}

#[test]
fn chords_release_everything_first_and_do_not_reach_the_guest() {
    for (ctrl, code, last, chord) in [
        (CTRL, 0x1d, 34, Action::Leave),
        (97, 0x9d, 34, Action::Leave),
        (CTRL, 0x1d, 16, Action::End),
    ] {
        let (mut seat, mut device) = (Seat::default(), keyboard());
        let said = [(KEY, ctrl, 1), (KEY, ALT, 1), (KEY, last, 1), (KEY, 30, 1)];
        let actions = feed(&mut seat, &mut device, Motion::Absolute, &said);
        let (down, rest) = actions.split_at(2);
        assert_eq!(down, [key(code, true), key(0x38, true)]);
        assert_eq!(rest.len(), 3, "{rest:?}");
        assert!(rest.contains(&key(code, false)) && rest.contains(&key(0x38, false)));
        assert_eq!(rest[2], chord);
        let later = [
            (KEY, last, 0),
            (KEY, ALT, 0),
            (KEY, ctrl, 2),
            (KEY, ctrl, 0),
        ];
        assert_eq!(feed(&mut seat, &mut device, Motion::Absolute, &later), []);
    }
}

#[test]
fn a_chord_may_be_pressed_on_two_keyboards() {
    let (mut seat, mut one, mut two) = (Seat::default(), keyboard(), keyboard());
    let held = [(KEY, CTRL, 1), (KEY, ALT, 1)];
    feed(&mut seat, &mut one, Motion::Absolute, &held);
    let actions = feed(&mut seat, &mut two, Motion::Absolute, &[(KEY, 34, 1)]);
    assert_eq!(actions.last(), Some(&Action::Leave));
}

#[test]
fn what_is_no_chord_reaches_the_guest() {
    for held in [&[CTRL][..], &[ALT], &[CTRL, 100], &[ALT, 42], &[]] {
        for last in [34, 16] {
            let (mut seat, mut device) = (Seat::default(), keyboard());
            let mut said: Vec<_> = held.iter().map(|code| (KEY, *code, 1)).collect();
            said.push((KEY, last, 1));
            let actions = feed(&mut seat, &mut device, Motion::Absolute, &said);
            assert_eq!(actions.last(), Some(&key(last as u8, true)), "{held:?}");
        }
    }
    // Ctrl+Alt+Del, and the last console.
    let (mut seat, mut device) = (Seat::default(), keyboard());
    let said = [(KEY, CTRL, 1), (KEY, ALT, 1), (KEY, 111, 1), (KEY, 67, 1)];
    let actions = feed(&mut seat, &mut device, Motion::Absolute, &said);
    assert_eq!(actions[2..], [key(0xd3, true), key(0x43, true)]);
}

#[test]
fn a_key_held_on_two_keyboards_comes_up_with_the_last() {
    let (mut seat, mut one, mut two) = (Seat::default(), keyboard(), keyboard());
    let mut all = Vec::new();
    for device in [&mut one, &mut two] {
        all.extend(feed(&mut seat, device, Motion::Absolute, &[(KEY, 42, 1)]));
    }
    all.extend(feed(&mut seat, &mut one, Motion::Absolute, &[(KEY, 42, 0)]));
    assert_eq!(all, [key(0x2a, true)]);
    let mut actions = Vec::new();
    seat.remove(&mut two, &target(Motion::Absolute), &mut actions);
    assert_eq!(actions, [key(0x2a, false)], "unplugged while it was held");
}

#[test]
fn lost_events_release_what_was_held() {
    let (mut seat, mut device) = (Seat::default(), keyboard());
    let said = [
        (KEY, 42, 1),
        REPORT,
        (0, 3, 0), // SYN_DROPPED
        (KEY, 31, 1),
        REPORT,
        (KEY, 32, 1),
        REPORT,
    ];
    let actions = feed(&mut seat, &mut device, Motion::Absolute, &said);
    assert_eq!(
        actions,
        [key(0x2a, true), key(0x2a, false), key(0x20, true)]
    );
}

#[test]
fn a_mouse_moves_the_pointer_up_to_the_edges() {
    let (mut seat, mut device) = (Seat::default(), mouse());
    let table: &[Lesson<'_>] = &[
        (&[(REL, 0, 10), (REL, 1, 20), REPORT], &[point(10, 20, 0)]),
        (&[(REL, 0, -500), REPORT], &[point(0, 20, 0)]),
        (&[(REL, 0, 5), REPORT], &[point(5, 20, 0)]),
        (
            &[(REL, 0, i32::MAX), (REL, 1, i32::MAX), REPORT],
            &[point(799, 599, 0)],
        ),
        (
            &[(REL, 0, i32::MIN), (REL, 0, i32::MIN), REPORT],
            &[point(0, 599, 0)],
        ),
        (&[(KEY, 0x110, 1), REPORT], &[point(0, 599, 1)]),
        (&[(KEY, 0x111, 1), (REL, 0, 1), REPORT], &[point(1, 599, 5)]),
        (
            &[(KEY, 0x110, 0), (KEY, 0x111, 0), REPORT],
            &[point(1, 599, 0)],
        ),
        (&[(KEY, 0x112, 1), REPORT], &[point(1, 599, 2)]),
        (
            &[(REL, 8, -1), REPORT],
            &[point(1, 599, 18), point(1, 599, 2)],
        ),
        (&[(KEY, 0x112, 0), REPORT], &[point(1, 599, 0)]),
        (&[REPORT], &[]),
    ];
    for (said, expected) in table {
        let actions = feed(&mut seat, &mut device, Motion::Absolute, said);
        assert_eq!(actions, *expected, "{said:?}");
    }
    let wild = [(REL, 8, i32::MAX), (REL, 8, 1), REPORT];
    let actions = feed(&mut seat, &mut device, Motion::Absolute, &wild);
    assert_eq!(actions.len(), 16, "eight clicks");
}

#[test]
fn a_guest_that_wants_distances_gets_them() {
    let (mut seat, mut device) = (Seat::default(), mouse());
    let table: &[Lesson<'_>] = &[
        (&[(REL, 0, 10), (REL, 1, -20), REPORT], &[moved(10, -20, 0)]),
        (&[(KEY, 0x110, 1), REPORT], &[moved(0, 0, 1)]),
        (&[(REL, 0, i32::MIN), REPORT], &[moved(-0x3fff, 0, 1)]),
        (&[(REL, 8, 1), REPORT], &[moved(0, 0, 9), moved(0, 0, 1)]),
    ];
    for (said, expected) in table {
        let actions = feed(&mut seat, &mut device, Motion::Relative, said);
        assert_eq!(actions, *expected, "{said:?}");
    }
    let mut actions = Vec::new();
    seat.release(&target(Motion::Relative), &mut actions);
    assert_eq!(actions, [moved(0, 0, 0)], "leaving releases buttons");
}

#[test]
fn a_tablet_points_at_the_place_on_the_screen() {
    let (mut seat, mut device) = (Seat::default(), tablet());
    let table: &[Lesson<'_>] = &[
        // The middle of the screen is the middle of the guest.
        (
            &[(ABS, 0, 16400), (ABS, 1, 16400), REPORT],
            &[point(400, 299, 0)],
        ),
        (&[(ABS, 0, 0), REPORT], &[point(0, 299, 0)]),
        (
            &[(ABS, 1, 32767), (KEY, 0x110, 1), REPORT],
            &[point(0, 599, 1)],
        ),
        (&[(ABS, 0, 99999), REPORT], &[point(799, 599, 1)]),
    ];
    for (said, expected) in table {
        let actions = feed(&mut seat, &mut device, Motion::Absolute, said);
        assert_eq!(actions, *expected, "{said:?}");
    }
    let back = [(ABS, 0, 16400), (KEY, 0x110, 0), REPORT];
    let actions = feed(&mut seat, &mut device, Motion::Relative, &back);
    assert_eq!(actions, [moved(-399, 0, 0)]);
}

#[test]
fn a_finger_on_a_pad_moves_the_pointer_and_presses_nothing() {
    let (mut seat, mut device) = (Seat::default(), pad());
    let table: &[Lesson<'_>] = &[
        (
            &[
                (ABS, 0, 2000),
                (ABS, 1, 2000),
                (KEY, TOUCH, 1),
                (KEY, 0x145, 1),
                REPORT,
            ],
            &[],
        ),
        // A quarter of the pad is a quarter of the screen.
        (&[(ABS, 0, 3000), REPORT], &[point(256, 0, 0)]),
        (&[(ABS, 1, 2100), REPORT], &[point(256, 38, 0)]),
        (&[(KEY, TOUCH, 0), REPORT], &[]),
        // It comes down elsewhere.
        (
            &[(KEY, TOUCH, 1), (ABS, 0, 1000), (ABS, 1, 1000), REPORT],
            &[],
        ),
        (&[(ABS, 0, 1040), REPORT], &[point(266, 38, 0)]),
        (&[(KEY, 0x110, 1), REPORT], &[point(266, 38, 1)]),
    ];
    for (said, expected) in table {
        let actions = feed(&mut seat, &mut device, Motion::Absolute, said);
        assert_eq!(actions, *expected, "{said:?}");
    }
}
