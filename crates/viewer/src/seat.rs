//! Everything a person has their hands on, together: keyboards and pointers become what the guest gets.
//!
//! Two chords are not the guest's, the same that QEMU's own windows keep for themselves: Ctrl+Alt+G gives
//! keyboard and mouse back ([`Action::Leave`]: to the menu, while the guest goes on), Ctrl+Alt+Q quits
//! ([`Action::End`]). They are read by place, not by letter, since there are no layouts here: G is in
//! the same place on QWERTY, QWERTZ and AZERTY; Q is the first letter of the upper row, on AZERTY the key
//! with the A. Only the left Alt counts, since the right one writes characters on many keyboards.

use std::collections::BTreeMap;

use crate::canvas::Placement;
use crate::device::{Device, Pointing};
use crate::evdev::{self, Record};
use crate::keys;

mod pointer;

/// Wheels turn no further than this between two reports.
const MOST_CLICKS: i32 = 8;

/// RFB's bits for buttons.
const LEFT: u8 = 1;
const MIDDLE: u8 = 2;
const RIGHT: u8 = 4;
const WHEEL_UP: u8 = 8;
const WHEEL_DOWN: u8 = 16;

/// What is to happen.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// A key of the guest goes down, again down (it repeats), or up.
    Key {
        /// As [`keys::scan_code`] gives it.
        scan_code: u8,
        /// Or up.
        down: bool,
    },
    /// The guest's pointer is at this pixel, with these buttons pressed.
    Point {
        /// From the left.
        x: u16,
        /// From above.
        y: u16,
        /// RFB's bits.
        buttons: u8,
    },
    /// The guest's pointer moved so far, with these buttons pressed.
    Move {
        /// To the right.
        dx: i16,
        /// Downwards.
        dy: i16,
        /// RFB's bits.
        buttons: u8,
    },
    /// Back to the menu. Everything that was held has been released before.
    Leave,
    /// A person wants the guest to end. Everything that was held has been released before.
    End,
}

/// How the guest takes motion.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Motion {
    /// As a place on its screen.
    Absolute,
    /// As a distance.
    Relative,
}

/// What the pointer moves on.
#[derive(Copy, Clone, Debug)]
pub struct Target {
    /// Where the guest's picture is on the screen.
    pub placement: Placement,
    /// How the guest takes motion.
    pub motion: Motion,
}

/// Keys, buttons and the pointer's place, of all devices together.
#[derive(Debug, Default)]
pub struct Seat {
    /// What is held, and on how many devices.
    held: BTreeMap<u16, usize>,
    /// The guest's pointer, in its pixels.
    pointer: [i64; 2],
    buttons: u8,
}

impl Seat {
    /// Takes what a device gave, in pieces of any size, and appends what follows from it. After a chord
    /// nothing more is taken from these bytes.
    pub fn feed(
        &mut self,
        device: &mut Device,
        mut bytes: &[u8],
        target: &Target,
        actions: &mut Vec<Action>,
    ) {
        while !bytes.is_empty() {
            let Some(record) = device.record(&mut bytes) else {
                return;
            };
            if let Some(chord) = self.take(device, record, target, actions) {
                self.release(target, actions);
                device.held.clear();
                actions.push(chord);
                return;
            }
        }
    }

    /// Forgets a device that is gone; what was held on it is released.
    pub fn remove(&mut self, device: &mut Device, target: &Target, actions: &mut Vec<Action>) {
        for code in std::mem::take(&mut device.held) {
            self.up(code, actions);
        }
        self.press_buttons(target, actions);
    }

    /// Releases everything that is held, on all devices.
    pub fn release(&mut self, target: &Target, actions: &mut Vec<Action>) {
        for (code, _) in std::mem::take(&mut self.held) {
            key(code, false, actions);
        }
        self.press_buttons(target, actions);
    }

    fn take(
        &mut self,
        device: &mut Device,
        record: Record,
        target: &Target,
        actions: &mut Vec<Action>,
    ) -> Option<Action> {
        let Record { kind, code, value } = record;
        match (kind, code) {
            (evdev::EV_SYN, evdev::SYN_DROPPED) => {
                // The kernel's buffer ran over; which keys went up meanwhile, nobody knows.
                device.is_lost = true;
                self.remove(device, target, actions);
            }
            (evdev::EV_SYN, evdev::SYN_REPORT) => {
                if !std::mem::take(&mut device.is_lost) {
                    self.report(device, target, actions);
                }
                let before = device.report.before;
                device.report = crate::device::Report {
                    before,
                    ..Default::default()
                };
            }
            _ if device.is_lost => {}
            (evdev::EV_KEY, _) => return self.key(device, code, value, actions),
            (evdev::EV_REL, evdev::REL_WHEEL) => {
                device.report.wheel = device.report.wheel.saturating_add(value);
            }
            (evdev::EV_REL, evdev::REL_X | evdev::REL_Y) => {
                let way = &mut device.report.distance[usize::from(code)];
                *way = way.saturating_add(value);
            }
            (evdev::EV_ABS, evdev::ABS_X | evdev::ABS_Y) => {
                device.report.place[usize::from(code)] = Some(value);
            }
            _ => {}
        }
        None
    }

    fn key(
        &mut self,
        device: &mut Device,
        code: u16,
        value: i32,
        actions: &mut Vec<Action>,
    ) -> Option<Action> {
        match value {
            0 if device.held.remove(&code) => self.up(code, actions),
            // Repeated by the kernel, as a keyboard would do it itself.
            2 if self.held.contains_key(&code) => key(code, true, actions),
            1 => {
                if let Some(chord) = self.chord(code) {
                    return Some(chord);
                }
                // A finger on a pad presses nothing.
                let counts = code != evdev::BTN_TOUCH || device.pointing != Pointing::Pad;
                if device.held.insert(code) && counts {
                    let count = self.held.entry(code).or_default();
                    *count += 1;
                    if *count == 1 {
                        key(code, true, actions);
                    }
                }
            }
            _ => {}
        }
        if code == evdev::BTN_TOUCH && device.pointing == Pointing::Pad {
            // Where a finger comes down is not a distance from where it left.
            device.report.before = [None; 2];
        }
        None
    }

    fn up(&mut self, code: u16, actions: &mut Vec<Action>) {
        let Some(count) = self.held.get_mut(&code) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.held.remove(&code);
            key(code, false, actions);
        }
    }

    /// What a key means with those that are held already.
    fn chord(&self, code: u16) -> Option<Action> {
        let holds = |code: u16| self.held.contains_key(&code);
        let ctrl = holds(evdev::KEY_LEFTCTRL) || holds(evdev::KEY_RIGHTCTRL);
        match code {
            evdev::KEY_G if ctrl && holds(evdev::KEY_LEFTALT) => Some(Action::Leave),
            evdev::KEY_Q if ctrl && holds(evdev::KEY_LEFTALT) => Some(Action::End),
            _ => None,
        }
    }
}

/// Buttons have no scan code; they are told with the pointer.
fn key(code: u16, down: bool, actions: &mut Vec<Action>) {
    if let Some(scan_code) = keys::scan_code(code) {
        actions.push(Action::Key { scan_code, down });
    }
}
