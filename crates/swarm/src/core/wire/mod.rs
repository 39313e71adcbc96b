//! What peers say to each other: BEP 3's handshake and messages, and BEP 10's extension messages.
//!
//! The decoder gives only values that are well-formed for this torrent; whether they make sense at
//! this moment is for the state machine to judge. It never holds more than one message.

mod claim;
mod decode;
mod encode;
mod extended;
mod message;
mod pex;

pub use claim::{Claim, Kind, Way};
pub use decode::{Decoder, Error, MAX_EXTENDED};
pub use encode::piece_header;
pub use extended::{ExtendedHandshake, OUR_CLAIM_ID};
pub use message::{Frame, HANDSHAKE_LENGTH, Handshake, Message};
pub use pex::{Added, MOST_NAMED, OUR_PEX_ID, Pex, from_compact};
