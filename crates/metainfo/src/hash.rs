//! The name of a torrent, and the hash of one of its files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// SHA-1 of a torrent's info dictionary (BEP 3): what peers and trackers call the torrent.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub struct InfoHash(pub [u8; 20]);

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no info hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an info hash is 40 hexadecimal digits")]
pub struct InfoHashError;

impl FromStr for InfoHash {
    type Err = InfoHashError;

    fn from_str(text: &str) -> Result<Self, InfoHashError> {
        read_hex(text).map(Self).ok_or(InfoHashError)
    }
}

/// SHA-256 of a whole file (FIPS 180-4), as `sha256sum` prints it: 64 hexadecimal digits, also where it is
/// serialised.
///
/// It says more than the hashes of the pieces do: those are SHA-1, of which somebody can make two
/// contents that are the same to it.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct Sha256Error;

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Sha256Error> {
        read_hex(text).map(Self).ok_or(Sha256Error)
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Sha256Error;

    fn try_from(text: String) -> Result<Self, Sha256Error> {
        text.parse()
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Exactly two digits a byte, of either case.
fn read_hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * BYTES {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{InfoHash, InfoHashError, Sha256, Sha256Error};

    #[test]
    fn text_and_back() {
        let hash = InfoHash(std::array::from_fn(|i| 13 * i as u8));
        let text = "000d1a2734414e5b6875828f9ca9b6c3d0ddeaf7";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        for bad in [
            "",
            &text[1..],
            &format!("{text}0"),
            &text.replace('d', "g"),
            &"+1".repeat(20),
            "ä",
        ] {
            assert_eq!(bad.parse::<InfoHash>(), Err(InfoHashError), "{bad:?}");
        }
    }

    #[test]
    fn a_files_hash_is_text_and_back() {
        let hash = Sha256(std::array::from_fn(|i| 8 * i as u8));
        let text = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        for bad in [&text[2..], &format!("{text}00"), &text.replace('d', "g")] {
            assert_eq!(bad.parse::<Sha256>(), Err(Sha256Error), "{bad:?}");
        }
    }
}
