//! The client's side of RFB 3.8 (RFC 6143) as a state machine: bytes in, a picture and bytes out.
//!
//! Encodings: Raw and CopyRect. On a Unix socket of the same machine a whole picture of 1024 x 768 is a copy
//! of 3 MB; encodings that save bytes (Hextile, ZRLE) have QEMU look at every pixel for it, on a processor
//! that the guest needs. Pseudo-encodings: DesktopSize, and QEMU's for scan codes, for the pointer's kind and for a
//! keyboard's lights. That for lights also keeps QEMU from guessing Num Lock's state from key symbols,
//! which are not sent.
//!
//! One update is asked for at a time, when [`Client::request_update`] says that the last one was
//! drawn: a guest that draws faster than the screen is drawn on loses pictures, not time.

mod server;
mod wire;

use thiserror::Error;

use crate::picture::Picture;
use crate::pixel::PixelFormat;
use crate::seat::{Action, Motion};
use server::State;

/// Bytes for the server that it did not take yet, from which on motion is left out.
const SLOW: usize = 4 << 10;
/// Bytes for the server with which it is taken to be hanging.
const HANGING: usize = 64 << 10;

/// What a server said that cannot be gone on with.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{message}: {what}")]
pub struct Error {
    /// The RFC's name of the message.
    pub message: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl Error {
    fn new(message: &'static str, what: impl Into<String>) -> Error {
        let what = what.into();
        Error { message, what }
    }
}

/// A connection to a server, without the connection.
#[derive(Debug)]
pub struct Client {
    format: PixelFormat,
    state: State,
    /// The beginning of a message that is not there yet as a whole; bounded by `State::need`.
    part: Vec<u8>,
    out: Vec<u8>,
    picture: Picture,
    motion: Motion,
    scan_codes: bool,
    lights: Option<u8>,
    /// The buttons that the server knows of.
    buttons: u8,
    asked: bool,
    anew: bool,
    broken: Option<Error>,
}

impl Client {
    /// A client that wants pixels in this format. The server speaks first.
    pub fn new(format: PixelFormat) -> Client {
        Client {
            format,
            state: State::Version,
            part: Vec::new(),
            out: Vec::new(),
            picture: Picture::default(),
            motion: Motion::Absolute,
            scan_codes: false,
            lights: None,
            buttons: 0,
            asked: false,
            anew: true,
            broken: None,
        }
    }

    /// Takes bytes from the server, in pieces of any size.
    ///
    /// # Errors
    /// When they are no RFB, or ask for more than this client grants; every later call says it again.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        while !bytes.is_empty() {
            match self.take(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => {
                    self.part = Vec::new();
                    self.broken = Some(error.clone());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What is to be written to the server.
    pub fn output(&self) -> &[u8] {
        &self.out
    }

    /// So many bytes of it were written.
    pub fn written(&mut self, count: usize) {
        self.out.drain(..count.min(self.out.len()));
    }

    /// The guest's picture; empty before the handshake is over.
    pub fn picture(&mut self) -> &mut Picture {
        &mut self.picture
    }

    /// Whether there is a picture, and no update is on its way: the moment to draw.
    pub fn is_up_to_date(&self) -> bool {
        self.state.is_running() && !self.asked
    }

    /// Asks for what changes next; for everything where the picture is new. Does nothing while an
    /// update is on its way.
    pub fn request_update(&mut self) {
        if self.is_up_to_date() {
            let size = (self.picture.width() as u16, self.picture.height() as u16);
            self.out.extend(wire::update_request(!self.anew, size));
            self.asked = true;
            self.anew = false;
        }
    }

    /// How the guest takes motion at the moment.
    pub fn motion(&self) -> Motion {
        self.motion
    }

    /// The lights that the guest wants on its keyboard, when they changed: Scroll Lock 1, Num Lock 2,
    /// Caps Lock 4.
    pub fn take_lights(&mut self) -> Option<u8> {
        self.lights.take()
    }

    /// Whether the server takes scan codes. If not, keys are lost.
    pub fn takes_scan_codes(&self) -> bool {
        self.scan_codes
    }

    /// Hands the guest what somebody did. Before the handshake is over it is lost.
    ///
    /// # Errors
    /// When the server has stopped reading.
    pub fn act(&mut self, action: Action) -> Result<(), Error> {
        if !self.state.is_running() {
            return Ok(());
        }
        match action {
            Action::Key { scan_code, down } if self.scan_codes => {
                self.out.extend(wire::key(scan_code, down));
            }
            Action::Point { x, y, buttons } => self.point(buttons, x, y),
            Action::Move { dx, dy, buttons } => {
                // QEMU's pointer type change: distances count from the middle.
                let [x, y] = [dx, dy].map(|way| (0x7fff + i32::from(way)) as u16);
                self.point(buttons, x, y);
            }
            _ => {}
        }
        match self.out.len() > HANGING {
            true => Err(Error::new(
                "PointerEvent",
                "the server does not read any more",
            )),
            false => Ok(()),
        }
    }
    /// Mere motion is left out while the server is slow; buttons never are.
    fn point(&mut self, buttons: u8, x: u16, y: u16) {
        if self.out.len() <= SLOW || buttons != self.buttons {
            self.buttons = buttons;
            self.out.extend(wire::pointer(buttons, x, y));
        }
    }
}
