//! One file to one client by TFTP (RFC 1350, 2347–2349, 7440): what to send when, and when to give up.
//!
//! [`Request::parse`] reads what a client asks for, [`Grant::of`] decides which of its options it gets, and a
//! [`Transfer`] is told of each packet and of the time, and says what to send. It never opens a socket, never looks at
//! a clock (`now` is a duration since an epoch of the caller's choice), never reads a disk, and writes no file: a
//! client that wants to is refused by the caller. Its memory is the file, which is shared, and a few numbers for each
//! block of a window.
//!
//! What a library did before, and why it does not any more: it did not hear a client's ERROR, so that each UEFI machine,
//! which aborts its first request, left a transfer behind; it waited a whole second for each lost packet; it told
//! nobody of malformed requests and of the mode; and it moved half as many bytes as other servers.
#![forbid(unsafe_code)]

mod cursor;
mod grant;
mod packet;
mod request;
mod timer;
mod transfer;

pub use grant::{Grant, Limits};
pub use packet::{ErrorCode, refusal};
pub use request::{Kind, Malformed, Mode, Request};
pub use transfer::{End, Transfer};
