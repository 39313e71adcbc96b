//! A machine's hardware address, by which all of its history is found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An Ethernet address. Written `52:54:00:12:34:56`; read with `:` or `-` between the bytes, since
/// pxelinux and Windows write the latter.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mac(pub [u8; 6]);

/// The text is not six two-digit hexadecimal bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MacError;

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        // Through `pad`, so that columns of a table line up.
        f.pad(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hardware address looks like 52:54:00:12:34:56")
    }
}

impl std::error::Error for MacError {}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut bytes = [0; 6];
        let mut parts = text.split([':', '-']);
        for byte in &mut bytes {
            let part = parts.next().ok_or(MacError)?;
            // from_str_radix alone would take "+f" and "7".
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(MacError);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        match parts.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(MacError),
        }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Mac;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a hardware address such as \"52:54:00:12:34:56\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Mac, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_firmware_and_people_write() {
        let mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0xfe]);
        for text in [
            "52:54:00:12:34:fe",
            "52-54-00-12-34-FE",
            "52:54:00:12:34:Fe",
        ] {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(mac.to_string(), "52:54:00:12:34:fe");
        assert_eq!(format!("{mac:<20}|"), "52:54:00:12:34:fe   |");
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "5:254:00:12:34:56",
            "52:54:00:12:34:+f",
            "525400123456",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Mac>(), Err(MacError), "{text}");
        }
    }

    #[test]
    fn travels_as_text() {
        let mac = Mac([1, 2, 3, 4, 5, 6]);
        let json = serde_json::to_string(&mac).unwrap();
        assert_eq!(json, "\"01:02:03:04:05:06\"");
        assert_eq!(serde_json::from_str::<Mac>(&json).unwrap(), mac);
        assert!(serde_json::from_str::<Mac>("\"x\"").is_err());
        assert!(serde_json::from_str::<Mac>("7").is_err());
    }
}
