//! The server's messages, taken apart as they arrive.

use super::{Client, Error, wire};
use crate::picture::{LARGEST, Picture, Rect};
use crate::seat::Motion;

/// The longest name of a desktop and the longest reason, in bytes.
const LONGEST_TEXT: usize = 1024;
/// The longest text for the clipboard, which is passed over.
const LONGEST_CUT_TEXT: u32 = 16 << 20;

/// What comes next.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum State {
    Version,
    SecurityCount,
    SecurityTypes(usize),
    SecurityResult,
    ReasonLength,
    Reason(usize),
    ServerInit,
    Name(usize),
    /// The first byte of a message.
    Message,
    /// So many rectangles are left; the update's number is not known yet.
    Update,
    Rectangle(u16),
    Pixels {
        rect: Rect,
        at: usize,
        left: u16,
    },
    CopyFrom {
        rect: Rect,
        left: u16,
    },
    Lights(u16),
    ColourMap,
    CutText,
    /// Bytes that nobody needs.
    Skip(u64),
}

impl State {
    /// Whether the handshake is over.
    pub(super) fn is_running(self) -> bool {
        !matches!(
            self,
            State::Version
                | State::SecurityCount
                | State::SecurityTypes(_)
                | State::SecurityResult
                | State::ReasonLength
                | State::Reason(_)
                | State::ServerInit
                | State::Name(_)
        )
    }

    /// Bytes that have to be there before it goes on; never zero, and at most `LONGEST_TEXT`.
    fn need(self) -> usize {
        match self {
            State::Version | State::Rectangle(_) => 12,
            State::SecurityTypes(count) | State::Reason(count) | State::Name(count) => count,
            State::SecurityResult | State::ReasonLength | State::CopyFrom { .. } => 4,
            State::ServerInit => 24,
            State::Update => 3,
            State::ColourMap => 5,
            State::CutText => 7,
            State::SecurityCount | State::Message | State::Lights(_) => 1,
            // These take what there is.
            State::Pixels { .. } | State::Skip(_) => 1,
        }
    }

    /// After a rectangle.
    fn after(left: u16) -> State {
        match left {
            0 => State::Message,
            _ => State::Rectangle(left),
        }
    }
}

impl Client {
    /// Takes some of the bytes, at least one; says how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match self.state {
            State::Pixels { rect, at, left } => Ok(self.pixels(rect, at, left, bytes)),
            State::Skip(left) => {
                let count = left.min(bytes.len() as u64);
                self.state = match left - count {
                    0 => State::Message,
                    left => State::Skip(left),
                };
                Ok(count as usize)
            }
            state => {
                let count = bytes.len().min(state.need() - self.part.len());
                self.part.extend(&bytes[..count]);
                if self.part.len() == state.need() {
                    let part = std::mem::take(&mut self.part);
                    self.state = match state.is_running() {
                        true => self.message(state, &part)?,
                        false => self.handshake(state, &part)?,
                    };
                }
                Ok(count)
            }
        }
    }

    fn pixels(&mut self, rect: Rect, at: usize, left: u16, bytes: &[u8]) -> usize {
        let whole = rect.width * rect.height * self.picture.pixel();
        let count = bytes.len().min(whole - at);
        self.picture.put(rect, at, &bytes[..count]);
        let at = at + count;
        self.state = match at == whole {
            true => self.next(left),
            false => State::Pixels { rect, at, left },
        };
        count
    }

    fn handshake(&mut self, state: State, part: &[u8]) -> Result<State, Error> {
        Ok(match state {
            State::Version => {
                check_version(part)?;
                self.out.extend(wire::VERSION);
                State::SecurityCount
            }
            State::SecurityCount if part[0] == 0 => State::ReasonLength,
            State::SecurityCount => State::SecurityTypes(part[0].into()),
            State::SecurityTypes(_) => {
                if !part.contains(&wire::SECURITY_NONE) {
                    let what = format!("None (1) is not among the types it offers: {part:?}");
                    return Err(Error::new("Security", what));
                }
                self.out.push(wire::SECURITY_NONE);
                State::SecurityResult
            }
            State::SecurityResult if u32_of(part) != 0 => State::ReasonLength,
            State::SecurityResult => {
                self.out.push(wire::CLIENT_INIT_SHARED);
                State::ServerInit
            }
            State::ReasonLength => State::Reason(text_length("SecurityResult", u32_of(part))?),
            State::Reason(_) => {
                let reason = String::from_utf8_lossy(part);
                let what = format!("refused: {}", reason.escape_debug());
                return Err(Error::new("SecurityResult", what));
            }
            State::ServerInit => {
                self.resize("ServerInit", u16_at(part, 0), u16_at(part, 2))?;
                match u32_of(&part[20..]) {
                    0 => self.begin(),
                    length => State::Name(text_length("ServerInit", length)?),
                }
            }
            // The name is nobody's business.
            _ => self.begin(),
        })
    }

    fn begin(&mut self) -> State {
        self.out.extend(wire::settings(self.format));
        State::Message
    }

    fn message(&mut self, state: State, part: &[u8]) -> Result<State, Error> {
        Ok(match state {
            State::Message => match part[0] {
                0 => State::Update,
                1 => State::ColourMap,
                2 => State::Message,
                3 => State::CutText,
                kind => {
                    let what = format!("a server has no message of type {kind}");
                    return Err(Error::new("server message", what));
                }
            },
            State::Update => self.next(u16_at(part, 1)),
            State::Rectangle(left) => self.rectangle(part, left - 1)?,
            State::CopyFrom { rect, left } => {
                let (x, y) = (u16_at(part, 0).into(), u16_at(part, 2).into());
                if !self.picture.holds(Rect { x, y, ..rect }) {
                    return Err(outside("CopyRect, its source", Rect { x, y, ..rect }));
                }
                self.picture.copy(x, y, rect);
                self.next(left)
            }
            State::Lights(left) => {
                self.lights = Some(part[0] & 7);
                self.next(left)
            }
            State::ColourMap => skip(u64::from(u16_at(part, 3)) * 6),
            _ => match u32_of(&part[3..]) {
                length @ ..=LONGEST_CUT_TEXT => skip(length.into()),
                length => {
                    let what = format!("{length} bytes of text");
                    return Err(Error::new("ServerCutText", what));
                }
            },
        })
    }

    /// After a rectangle, or before the first. An update has been answered with its last one.
    fn next(&mut self, left: u16) -> State {
        if left == 0 {
            self.asked = false;
        }
        State::after(left)
    }

    fn rectangle(&mut self, part: &[u8], left: u16) -> Result<State, Error> {
        let [x, y, width, height] = [0, 2, 4, 6].map(|at| usize::from(u16_at(part, at)));
        let rect = Rect {
            x,
            y,
            width,
            height,
        };
        let encoding = i32::from_be_bytes([part[8], part[9], part[10], part[11]]);
        match encoding {
            wire::RAW | wire::COPY_RECT if !self.picture.holds(rect) => {
                return Err(outside("FramebufferUpdate", rect));
            }
            wire::RAW if rect.is_empty() => {}
            wire::RAW => {
                self.picture.damage(rect);
                return Ok(State::Pixels { rect, at: 0, left });
            }
            wire::COPY_RECT => return Ok(State::CopyFrom { rect, left }),
            wire::DESKTOP_SIZE => {
                self.resize("DesktopSize", u16_at(part, 4), u16_at(part, 6))?;
            }
            wire::POINTER_TYPE_CHANGE => {
                self.motion = match x {
                    0 => Motion::Relative,
                    _ => Motion::Absolute,
                };
            }
            wire::EXTENDED_KEY_EVENT => self.scan_codes = true,
            wire::LED_STATE => return Ok(State::Lights(left)),
            _ => {
                let what = format!("encoding {encoding}, which was not asked for");
                return Err(Error::new("FramebufferUpdate", what));
            }
        }
        Ok(self.next(left))
    }

    fn resize(&mut self, message: &'static str, width: u16, height: u16) -> Result<(), Error> {
        let fits = 1..=LARGEST;
        if !fits.contains(&width) || !fits.contains(&height) {
            let what = format!("{width} x {height} pixels; from 1 to {LARGEST} each way are shown");
            return Err(Error::new(message, what));
        }
        self.picture = Picture::new(width, height, self.format.wire_bytes());
        self.anew = true;
        Ok(())
    }
}

/// `RFB xxx.yyy\n` with at least 3.8: whoever speaks a later one speaks 3.8 too (RFC 6143, 7.1.1).
fn check_version(part: &[u8]) -> Result<(), Error> {
    let number = |at: usize| {
        let mut digits = part[at..at + 3].iter();
        digits.try_fold(0, |number, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            Some(number * 10 + digit)
        })
    };
    let shape = part.starts_with(b"RFB ") && part[7] == b'.' && part[11] == b'\n';
    match (shape, number(4), number(8)) {
        (true, Some(major), Some(minor)) if (major, minor) >= (3, 8) => Ok(()),
        _ => {
            let what = format!("\"{}\" is not RFB 3.8", part.escape_ascii());
            Err(Error::new("ProtocolVersion", what))
        }
    }
}

fn text_length(message: &'static str, length: u32) -> Result<usize, Error> {
    match length as usize {
        // Nothing would follow to end with.
        0 => Err(Error::new(message, "refused, without a reason")),
        length @ ..=LONGEST_TEXT => Ok(length),
        length => Err(Error::new(message, format!("{length} bytes of text"))),
    }
}

fn skip(count: u64) -> State {
    match count {
        0 => State::Message,
        _ => State::Skip(count),
    }
}

fn outside(message: &'static str, rect: Rect) -> Error {
    let Rect {
        x,
        y,
        width,
        height,
    } = rect;
    let what = format!("{width} x {height} pixels at {x}, {y} are not in the picture");
    Error::new(message, what)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
