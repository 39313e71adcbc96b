//! Reading bencode, borrowed from the input.

use super::Encoded;

/// How deep lists and dictionaries may lie in each other. A torrent needs 5.
pub const MAX_DEPTH: usize = 32;

/// How many values one message may hold. A value takes some 40 bytes of memory and may be written in
/// two bytes, so without a limit a message could grow twentyfold.
pub const MAX_VALUES: usize = 1 << 20;

/// A value, pointing into the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `i…e`
    Int(i64),
    /// `4:spam`: bytes, often but not always UTF-8 text.
    Bytes(&'a [u8]),
    /// `l…e`
    List(Vec<Value<'a>>),
    /// `d…e`
    Dict(Dict<'a>),
}

impl<'a> Value<'a> {
    /// The integer, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer as a count or size: none if it is negative or no integer.
    pub fn as_size(&self) -> Option<u64> {
        self.as_int().and_then(|value| u64::try_from(value).ok())
    }

    /// The bytes, if this is a byte string.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is a byte string in UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        self.as_bytes()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The dictionary, if this is one.
    pub fn as_dict(&self) -> Option<&Dict<'a>> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The same value, written canonically.
    pub fn encode(&self) -> Encoded {
        match self {
            Value::Int(value) => Encoded::int(*value),
            Value::Bytes(bytes) => Encoded::bytes(bytes),
            Value::List(items) => Encoded::list(items.iter().map(Value::encode)),
            Value::Dict(dict) => {
                Encoded::dict(dict.iter().map(|(key, value)| (key, value.encode())))
            }
        }
    }
}

/// A dictionary, with the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dict<'a> {
    raw: &'a [u8],
    /// In the order they were written.
    entries: Vec<(&'a [u8], Value<'a>)>,
}

impl<'a> Dict<'a> {
    /// The value under a key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Value<'a>> {
        let key = key.as_ref();
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    /// All entries, in the order they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &Value<'a>)> {
        self.entries.iter().map(|(key, value)| (*key, value))
    }

    /// The dictionary exactly as it was written, from `d` to `e`. An info hash is the hash of this.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// Why bytes are not bencode, with the offset of the byte in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end in the middle of a value.
    #[error("bencode ends in the middle of a value")]
    Truncated,
    /// No value starts like that.
    #[error("no bencode value starts at byte {0}")]
    NotAValue(usize),
    /// Not a number, leading zeros, negative zero, or too large.
    #[error("bad number in bencode at byte {0}")]
    BadNumber(usize),
    /// A dictionary's key is not a byte string.
    #[error("a bencode key at byte {0} is not a byte string")]
    BadKey(usize),
    /// A dictionary has one key twice, so two readers could understand two things.
    #[error("a bencode dictionary that ends at byte {0} has a key twice")]
    DuplicateKey(usize),
    /// More than [`MAX_DEPTH`].
    #[error("bencode is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More than [`MAX_VALUES`].
    #[error("bencode holds more than {MAX_VALUES} values")]
    TooMany,
    /// A value is complete and bytes follow.
    #[error("bytes follow after the bencode value, from byte {0} on")]
    Trailing(usize),
}

/// Reads exactly one value that takes up all of `input`.
pub fn parse(input: &[u8]) -> Result<Value<'_>, Error> {
    match parse_prefix(input)? {
        (value, consumed) if consumed == input.len() => Ok(value),
        (_, consumed) => Err(Error::Trailing(consumed)),
    }
}

/// Reads one value from the beginning of `input` and says how many bytes it took. What follows is
/// not looked at: metadata messages (BEP 9) put raw bytes after a dictionary.
pub fn parse_prefix(input: &[u8]) -> Result<(Value<'_>, usize), Error> {
    let mut parser = Parser {
        input,
        at: 0,
        values: 0,
    };
    let value = parser.value(0)?;
    Ok((value, parser.at))
}

struct Parser<'a> {
    input: &'a [u8],
    at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Error::TooMany);
        }
        let start = self.at;
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.number(b'e').map(Value::Int)
            }
            b'0'..=b'9' => self.bytes().map(Value::Bytes),
            b'l' => {
                self.at += 1;
                let mut items = Vec::new();
                while !self.end()? {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::List(items))
            }
            b'd' => {
                self.at += 1;
                let entries = self.entries(depth)?;
                let raw = &self.input[start..self.at];
                Ok(Value::Dict(Dict { raw, entries }))
            }
            _ => Err(Error::NotAValue(start)),
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(&'a [u8], Value<'a>)>, Error> {
        let mut entries = Vec::new();
        while !self.end()? {
            if !self.peek()?.is_ascii_digit() {
                return Err(Error::BadKey(self.at));
            }
            let key = self.bytes()?;
            entries.push((key, self.value(depth + 1)?));
        }
        let sorted = entries.is_sorted_by(|(a, _), (b, _)| a < b);
        if !sorted {
            let mut keys: Vec<&[u8]> = entries.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Error::DuplicateKey(self.at));
            }
        }
        Ok(entries)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let start = self.at;
        let length = self.number(b':')?;
        let length = usize::try_from(length).map_err(|_| Error::BadNumber(start))?;
        let rest = &self.input[self.at..];
        let bytes = rest.get(..length).ok_or(Error::Truncated)?;
        self.at += length;
        Ok(bytes)
    }

    /// Digits up to `end`, which is consumed. One form only: no plus, no leading zeros, no "-0".
    fn number(&mut self, end: u8) -> Result<i64, Error> {
        let start = self.at;
        // i64::MIN takes 20 characters: look no further for the end.
        let window = &self.input[start..self.input.len().min(start + 21)];
        let Some(length) = window.iter().position(|byte| *byte == end) else {
            return Err(if window.len() < 21 {
                Error::Truncated
            } else {
                Error::BadNumber(start)
            });
        };
        let text = &window[..length];
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let canonical = digits.iter().all(u8::is_ascii_digit)
            && match digits.first() {
                None => false,
                Some(b'0') => text == b"0",
                Some(_) => true,
            };
        self.at += length + 1;
        std::str::from_utf8(text)
            .ok()
            .filter(|_| canonical)
            .and_then(|text| text.parse().ok())
            .ok_or(Error::BadNumber(start))
    }

    fn end(&mut self) -> Result<bool, Error> {
        let end = self.peek()? == b'e';
        self.at += usize::from(end);
        Ok(end)
    }

    fn peek(&self) -> Result<u8, Error> {
        self.input.get(self.at).copied().ok_or(Error::Truncated)
    }
}
