//! The records that `/dev/input/event*` gives (linux/input.h), and the numbers in them.

/// Bytes of `struct input_event` on a 64-bit machine: two words of time, type, code and value.
pub const BYTES: usize = 24;

pub(crate) const EV_SYN: u16 = 0;
pub(crate) const EV_KEY: u16 = 1;
pub(crate) const EV_REL: u16 = 2;
pub(crate) const EV_ABS: u16 = 3;
const EV_LED: u16 = 0x11;

pub(crate) const SYN_REPORT: u16 = 0;
pub(crate) const SYN_DROPPED: u16 = 3;
pub(crate) const REL_X: u16 = 0;
pub(crate) const REL_Y: u16 = 1;
pub(crate) const REL_WHEEL: u16 = 8;
/// The code of the horizontal axis, for `EVIOCGABS`.
pub const ABS_X: u16 = 0;
/// The code of the vertical axis.
pub const ABS_Y: u16 = 1;

pub(crate) const KEY_Q: u16 = 16;
pub(crate) const KEY_LEFTCTRL: u16 = 29;
pub(crate) const KEY_A: u16 = 30;
pub(crate) const KEY_G: u16 = 34;
pub(crate) const KEY_LEFTALT: u16 = 56;
pub(crate) const KEY_KP1: u16 = 79;
pub(crate) const KEY_RIGHTCTRL: u16 = 97;
pub(crate) const BTN_LEFT: u16 = 0x110;
pub(crate) const BTN_RIGHT: u16 = 0x111;
pub(crate) const BTN_MIDDLE: u16 = 0x112;
pub(crate) const BTN_TOOL_PEN: u16 = 0x140;
pub(crate) const BTN_TOOL_FINGER: u16 = 0x145;
pub(crate) const BTN_TOUCH: u16 = 0x14a;
/// The device is a screen: what is touched is what is meant.
pub(crate) const INPUT_PROP_DIRECT: u16 = 1;

/// One record, without its time.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: u16,
    pub(crate) code: u16,
    pub(crate) value: i32,
}

impl Record {
    pub(crate) fn read(bytes: &[u8; BYTES]) -> Record {
        Record {
            kind: u16::from_le_bytes([bytes[16], bytes[17]]),
            code: u16::from_le_bytes([bytes[18], bytes[19]]),
            value: i32::from_le_bytes([bytes[20], bytes[21], bytes[22], bytes[23]]),
        }
    }
}

/// A record as bytes, for writing to a device and for tests.
pub fn record(kind: u16, code: u16, value: i32) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[16..18].copy_from_slice(&kind.to_le_bytes());
    bytes[18..20].copy_from_slice(&code.to_le_bytes());
    bytes[20..].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// What to write to a keyboard so that its lights are as the guest wants them; `lights` as
/// [`take_lights`](crate::rfb::Client::take_lights) gives them.
pub fn lights(lights: u8) -> Vec<u8> {
    // LED_NUML is 0, LED_CAPSL 1, LED_SCROLLL 2.
    let table = [(0, 2), (1, 4), (2, 1)];
    let each = table.map(|(code, bit)| record(EV_LED, code, i32::from(lights & bit != 0)));
    let mut bytes = each.concat();
    bytes.extend(record(EV_SYN, SYN_REPORT, 0));
    bytes
}
