//! Bencode (BEP 3): a borrowed parser for bytes of strangers, and an encoder that cannot write a
//! dictionary in the wrong order.
//!
//! Reading is strict about what a value is (no leading zeros, no negative zero, no duplicate keys)
//! and relaxed about one thing: dictionaries with unsorted keys are read, since real clients send
//! them. Writing is always canonical.

mod encode;
mod parse;

pub use encode::Encoded;
pub use parse::{Dict, Error, MAX_DEPTH, MAX_VALUES, Value, parse, parse_prefix};
