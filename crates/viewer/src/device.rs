//! One input device: what it is, by what it says it can do, and what it has said since.

use std::collections::BTreeSet;

use crate::evdev::{self, Record};

/// Bytes of a device's key bits, `KEY_CNT / 8`.
pub const KEY_BYTES: usize = 96;

/// What a device says of itself: bits as `EVIOCGBIT` and `EVIOCGPROP` fill them in.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// `EV_KEY`: keys and buttons.
    pub keys: [u8; KEY_BYTES],
    /// `EV_REL`: axes that tell distances.
    pub relative: [u8; 2],
    /// `EV_ABS`: axes that tell places.
    pub absolute: [u8; 8],
    /// `INPUT_PROP_*`.
    pub properties: [u8; 4],
    /// From `EVIOCGABS(ABS_X)` and `EVIOCGABS(ABS_Y)`: smallest and largest value.
    pub ranges: [(i32, i32); 2],
}

impl Default for Capabilities {
    fn default() -> Capabilities {
        Capabilities {
            keys: [0; KEY_BYTES],
            relative: [0; 2],
            absolute: [0; 8],
            properties: [0; 4],
            ranges: [(0, 0); 2],
        }
    }
}

/// How a device points.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Pointing {
    /// It does not.
    Not,
    /// Distances: a mouse.
    Mouse,
    /// Places on the screen: a tablet, a touch screen, an emulator's pointer.
    Places,
    /// Places on a pad, of which distances are made while a finger is on it.
    Pad,
}

/// A keyboard, a pointer, or both.
#[derive(Debug)]
pub struct Device {
    pub(crate) is_keyboard: bool,
    pub(crate) pointing: Pointing,
    ranges: [(i32, i32); 2],
    /// A record that is not there yet as a whole.
    part: Vec<u8>,
    /// Events were lost; what comes before the next report is to be ignored.
    pub(crate) is_lost: bool,
    /// What is held down on it.
    pub(crate) held: BTreeSet<u16>,
    pub(crate) report: Report,
}

/// What was said since the last report.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) distance: [i32; 2],
    pub(crate) place: [Option<i32>; 2],
    pub(crate) wheel: i32,
    /// The place before, of a device that tells places.
    pub(crate) before: [Option<i32>; 2],
}

impl Device {
    /// The device, if it is a keyboard or a pointer. Power buttons, lids, joysticks, and keys for sound
    /// without letters are none.
    pub fn of(can: &Capabilities) -> Option<Device> {
        let key = |code| bit(&can.keys, code);
        let is_keyboard = key(evdev::KEY_A) || key(evdev::KEY_KP1);
        let [moves, places] = [
            bit(&can.relative, evdev::REL_X) && bit(&can.relative, evdev::REL_Y),
            bit(&can.absolute, evdev::ABS_X) && bit(&can.absolute, evdev::ABS_Y),
        ];
        let touches = key(evdev::BTN_TOUCH);
        let is_pad = key(evdev::BTN_TOOL_FINGER)
            && !key(evdev::BTN_TOOL_PEN)
            && !bit(&can.properties, evdev::INPUT_PROP_DIRECT);
        let pointing = if places && is_pad {
            Pointing::Pad
        } else if places && (touches || key(evdev::BTN_LEFT)) && ordered(can.ranges) {
            Pointing::Places
        } else if moves && key(evdev::BTN_LEFT) {
            Pointing::Mouse
        } else {
            Pointing::Not
        };
        (is_keyboard || pointing != Pointing::Not).then(|| Device {
            is_keyboard,
            pointing,
            ranges: can.ranges,
            part: Vec::new(),
            is_lost: false,
            held: BTreeSet::new(),
            report: Report::default(),
        })
    }

    /// How it points.
    pub fn pointing(&self) -> Pointing {
        self.pointing
    }

    /// Whether it has letters or a keypad, and lights.
    pub fn is_keyboard(&self) -> bool {
        self.is_keyboard
    }

    /// The next whole record of these bytes, which are advanced.
    pub(crate) fn record(&mut self, bytes: &mut &[u8]) -> Option<Record> {
        let (now, later) = bytes.split_at(bytes.len().min(evdev::BYTES - self.part.len()));
        self.part.extend(now);
        *bytes = later;
        let record = Record::read(self.part.as_slice().try_into().ok()?);
        self.part.clear();
        Some(record)
    }

    /// Where on a screen of `size` pixels along this axis a value lies.
    pub(crate) fn scale(&self, axis: usize, value: i32, size: usize) -> i64 {
        let (least, most) = self.ranges[axis];
        let [value, range] = [value, most].map(|value| i64::from(value) - i64::from(least));
        let last = size as i64 - 1;
        (value.saturating_mul(last) / range.max(1)).clamp(0, last)
    }

    /// As `scale`, for a distance on a pad: across all of it is across the screen.
    pub(crate) fn stretch(&self, axis: usize, distance: i32, size: usize) -> i64 {
        let (least, most) = self.ranges[axis];
        let range = i64::from(most) - i64::from(least);
        i64::from(distance) * size as i64 / range.max(1)
    }
}

fn ordered(ranges: [(i32, i32); 2]) -> bool {
    ranges.iter().all(|(least, most)| least < most)
}

fn bit(bytes: &[u8], code: u16) -> bool {
    let byte = bytes.get(usize::from(code / 8));
    byte.is_some_and(|byte| byte >> (code % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able(keys: &[u16], relative: &[u16], absolute: &[u16], properties: &[u16]) -> Capabilities {
        fn set(bytes: &mut [u8], codes: &[u16]) {
            for code in codes {
                bytes[usize::from(code / 8)] |= 1 << (code % 8);
            }
        }
        let mut can = Capabilities {
            ranges: [(0, 0x7fff); 2],
            ..Capabilities::default()
        };
        set(&mut can.keys, keys);
        set(&mut can.relative, relative);
        set(&mut can.absolute, absolute);
        set(&mut can.properties, properties);
        can
    }

    fn is(can: &Capabilities) -> Option<(bool, Pointing)> {
        Device::of(can).map(|device| (device.is_keyboard, device.pointing))
    }

    #[test]
    fn devices_are_told_apart_by_what_they_can() {
        let keyboard = able(&[1, 28, 30, 57, 79, 116], &[], &[], &[]);
        let keypad = able(&[69, 79, 96], &[], &[], &[]);
        let power_button = able(&[116], &[], &[], &[]);
        let sound_keys = able(&[113, 114, 115], &[], &[40], &[]);
        let mouse = able(&[0x110, 0x111, 0x112], &[0, 1, 8], &[], &[0]);
        let tablet = able(&[0x110, 0x111, 0x112], &[8], &[0, 1], &[]);
        let touch_screen = able(&[0x14a, 0x145], &[], &[0, 1, 53, 54], &[1]);
        let pen = able(&[0x110, 0x140, 0x145, 0x14a], &[], &[0, 1, 24], &[0]);
        let pad = able(&[0x110, 0x145, 0x14a], &[], &[0, 1, 24, 53, 54], &[0]);
        let joystick = able(&[0x120, 0x121], &[], &[0, 1], &[]);
        let accelerometer = able(&[], &[], &[0, 1, 2], &[6]);
        let both = able(&[30, 0x110], &[0, 1], &[], &[]);
        use Pointing::*;
        let table = [
            (keyboard, Some((true, Not))),
            (keypad, Some((true, Not))),
            (power_button, None),
            (sound_keys, None),
            (mouse, Some((false, Mouse))),
            (tablet, Some((false, Places))),
            (touch_screen, Some((false, Places))),
            (pen, Some((false, Places))),
            (pad, Some((false, Pad))),
            (joystick, None),
            (accelerometer, None),
            (both, Some((true, Mouse))),
        ];
        for (index, (can, expected)) in table.iter().enumerate() {
            assert_eq!(is(can), *expected, "row {index}");
        }
        let mut broken = tablet;
        broken.ranges[1] = (5, 5);
        assert_eq!(is(&broken), None, "a tablet without a size");
    }

    #[test]
    fn values_of_any_range_land_on_the_screen() {
        let mut can = able(&[0x110], &[], &[0, 1], &[]);
        can.ranges = [(-100, 100), (i32::MIN, i32::MAX)];
        let device = Device::of(&can).expect("a tablet");
        let table = [
            (0, -100, 0),
            (0, 0, 511),
            (0, 100, 1023),
            (0, 101, 1023),
            (0, i32::MIN, 0),
            (1, i32::MIN, 0),
            (1, i32::MAX, 1023),
        ];
        for (axis, value, expected) in table {
            assert_eq!(device.scale(axis, value, 1024), expected, "{axis} {value}");
        }
        assert_eq!(device.stretch(0, 100, 1024), 512);
    }
}
