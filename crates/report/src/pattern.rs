//! Which machines a rule is for: those whose hardware addresses begin alike.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Mac;

/// The first bytes of hardware addresses: `52:54:00:*` are all cards of one maker, six bytes are one
/// machine, `*` are all.
///
/// Bytes are left open at the end only. So of two patterns that fit one machine the longer always says
/// more, and no order of lines has to decide.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacPattern {
    /// How many bytes are said.
    length: u8,
    /// Those, and zeros.
    bytes: [u8; 6],
}

/// The text is no beginning of a hardware address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MacPatternError;

impl MacPattern {
    /// Fits every machine.
    pub const ALL: MacPattern = MacPattern {
        length: 0,
        bytes: [0; 6],
    };

    /// The pattern of `length` bytes that fits `mac`; more than six are six.
    #[must_use]
    pub fn of(mac: Mac, length: u8) -> MacPattern {
        let length = length.min(6);
        let mut bytes = mac.0;
        bytes[usize::from(length)..].fill(0);
        MacPattern { length, bytes }
    }

    /// All that fit `mac`, the longest first.
    pub fn fitting(mac: Mac) -> impl Iterator<Item = MacPattern> {
        (0..=6).rev().map(move |length| Self::of(mac, length))
    }

    /// Those that fit every machine this one fits, itself included, the longest first.
    pub fn and_wider(self) -> impl Iterator<Item = MacPattern> {
        Self::fitting(Mac(self.bytes)).skip(usize::from(6 - self.length))
    }

    /// Whether it fits `mac`.
    #[must_use]
    pub fn fits(&self, mac: Mac) -> bool {
        *self == Self::of(mac, self.length)
    }

    /// The one machine it fits, where it is one.
    #[must_use]
    pub fn machine(&self) -> Option<Mac> {
        (self.length == 6).then_some(Mac(self.bytes))
    }
}

impl From<Mac> for MacPattern {
    fn from(mac: Mac) -> MacPattern {
        MacPattern::of(mac, 6)
    }
}

impl fmt::Display for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mac) = self.machine() {
            return mac.fmt(f);
        }
        for byte in &self.bytes[..usize::from(self.length)] {
            write!(f, "{byte:02x}:")?;
        }
        f.write_str("*")
    }
}

impl fmt::Debug for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MacPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pattern of hardware addresses looks like 52:54:00:*")
    }
}

impl std::error::Error for MacPatternError {}

impl FromStr for MacPattern {
    type Err = MacPatternError;

    /// As [`Mac`] is read, in either case and with `:` or `-`. One `*` may stand for all bytes that follow, or
    /// each has its own: `aa:bb:cc:dd:*:*` is `aa:bb:cc:dd:*`.
    fn from_str(text: &str) -> Result<Self, MacPatternError> {
        let said = match text.find('*') {
            None => return text.parse().map(Mac::into).map_err(|_| MacPatternError),
            Some(at) => &text[..at],
        };
        let stars = text[said.len()..].split([':', '-']);
        let bytes = said.split_terminator([':', '-']);
        let (length, open) = (bytes.clone().count(), stars.clone().count());
        let ends_well = said.is_empty() || said.ends_with([':', '-']);
        if !ends_well || length > 5 || length + open > 6 || !stars.clone().all(|star| star == "*") {
            return Err(MacPatternError);
        }
        // What is open reads as zeros, so that the bytes are read in one place.
        let filled: Vec<&str> = bytes.chain(std::iter::repeat("00")).take(6).collect();
        let mac: Mac = filled.join(":").parse().map_err(|_| MacPatternError)?;
        let length = u8::try_from(length).map_err(|_| MacPatternError)?;
        Ok(MacPattern::of(mac, length))
    }
}

impl Serialize for MacPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0xfe]);

    #[test]
    fn reads_what_people_write() {
        let table = [
            ("*", "*", true),
            ("52:*", "52:*", true),
            ("52:54:00:*", "52:54:00:*", true),
            ("52-54-00-*", "52:54:00:*", true),
            ("52:54:00:*:*:*", "52:54:00:*", true),
            ("52:54:00:12:34:*", "52:54:00:12:34:*", true),
            ("52:54:00:12:34:FE", "52:54:00:12:34:fe", true),
            ("AA:bb:cc:DD:*:*", "aa:bb:cc:dd:*", false),
            ("52:54:00:12:34:ff", "52:54:00:12:34:ff", false),
            ("00:*", "00:*", false),
        ];
        for (text, written, fits) in table {
            let pattern: MacPattern = text.parse().expect(text);
            assert_eq!(pattern.to_string(), written, "{text}");
            assert_eq!(pattern.fits(MAC), fits, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            "",
            ":",
            ":*",
            "**",
            "*:",
            "* ",
            "52:54:00",
            "52:54:00:",
            "52:54:0*",
            "52:54:00*",
            "52:*:00:*",
            "52:54::*",
            "5:*",
            "+5:*",
            "52:54:00:12:34:56:*",
            "52:54:00:*:*:*:*",
            "52:54:00:12:34:56*",
            "525400*",
            "é:*",
        ];
        for text in wrong {
            assert_eq!(text.parse::<MacPattern>(), Err(MacPatternError), "{text}");
        }
    }

    #[test]
    fn the_longest_comes_first() {
        let fitting: Vec<String> = MacPattern::fitting(MAC).map(|p| p.to_string()).collect();
        assert_eq!(fitting.len(), 7);
        assert_eq!((&*fitting[0], &*fitting[6]), ("52:54:00:12:34:fe", "*"));
        let group: MacPattern = "52:54:*".parse().unwrap();
        let wider: Vec<String> = group.and_wider().map(|p| p.to_string()).collect();
        assert_eq!(wider, ["52:54:*", "52:*", "*"]);
        assert_eq!(MacPattern::ALL.and_wider().count(), 1);
    }

    #[test]
    fn travels_as_text() {
        let group: MacPattern = "52:54:00:*".parse().unwrap();
        let json = serde_json::to_string(&group).unwrap();
        assert_eq!(json, "\"52:54:00:*\"");
        assert_eq!(serde_json::from_str::<MacPattern>(&json).unwrap(), group);
        assert!(serde_json::from_str::<MacPattern>("\"52\"").is_err());
    }
}
