//! The name of a torrent.

use std::fmt;
use std::str::FromStr;

/// SHA-1 of a torrent's info dictionary (BEP 3): what peers and trackers call the torrent.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub struct InfoHash(pub [u8; 20]);

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
        let digits = text.as_bytes();
        if digits.len() != 40 {
            return Err(InfoHashError);
        }
        let mut hash = [0; 20];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(hash))
    }
}

fn nibble(digit: u8) -> Result<u8, InfoHashError> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(InfoHashError)
}

#[cfg(test)]
mod tests {
    use super::{InfoHash, InfoHashError};

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
}
