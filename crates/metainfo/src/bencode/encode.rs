//! Writing bencode.

use std::collections::BTreeMap;

/// One complete bencoded value, ready to be written or to be put into another one.
///
/// A type of its own, so that text to be encoded and text that already is can't be mixed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Vec<u8>);

impl Encoded {
    /// An integer.
    pub fn int(value: i64) -> Self {
        Self(format!("i{value}e").into_bytes())
    }

    /// An integer from an unsigned size. Bencode itself knows no largest integer.
    pub fn size(value: u64) -> Self {
        Self(format!("i{value}e").into_bytes())
    }

    /// A byte string; text is written as its UTF-8.
    pub fn bytes(value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let mut out = format!("{}:", value.len()).into_bytes();
        out.extend_from_slice(value);
        Self(out)
    }

    /// A list in the given order.
    pub fn list(items: impl IntoIterator<Item = Encoded>) -> Self {
        let mut out = vec![b'l'];
        for item in items {
            out.extend_from_slice(&item.0);
        }
        out.push(b'e');
        Self(out)
    }

    /// A dictionary: the keys are sorted here, as BEP 3 demands. Of a key given twice the last counts.
    pub fn dict<K: AsRef<[u8]> + Ord>(entries: impl IntoIterator<Item = (K, Encoded)>) -> Self {
        let sorted: BTreeMap<Vec<u8>, Encoded> = entries
            .into_iter()
            .map(|(key, value)| (key.as_ref().to_vec(), value))
            .collect();
        let mut out = vec![b'd'];
        for (key, value) in sorted {
            out.extend_from_slice(&Self::bytes(key).0);
            out.extend_from_slice(&value.0);
        }
        out.push(b'e');
        Self(out)
    }

    /// Bytes that are bencode already, such as an info dictionary that must stay as it was read.
    /// The caller vouches that they are exactly one value.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The bytes, borrowed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Encoded;

    #[test]
    fn writes_the_examples_of_bep_3() {
        let cases = [
            (Encoded::int(3), "i3e"),
            (Encoded::int(-3), "i-3e"),
            (Encoded::size(u64::MAX), "i18446744073709551615e"),
            (Encoded::bytes("spam"), "4:spam"),
            (Encoded::bytes(""), "0:"),
            (
                Encoded::list([Encoded::bytes("spam"), Encoded::bytes("eggs")]),
                "l4:spam4:eggse",
            ),
            (
                Encoded::dict([
                    ("spam", Encoded::bytes("eggs")),
                    ("cow", Encoded::bytes("moo")),
                ]),
                "d3:cow3:moo4:spam4:eggse",
            ),
        ];
        for (encoded, expected) in cases {
            assert_eq!(encoded.as_bytes(), expected.as_bytes());
        }
    }
}
