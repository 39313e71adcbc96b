//! What a client asks for (RFC 1350 section 5, RFC 2347).

/// Read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RRQ.
    Read,
    /// WRQ.
    Write,
}

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Octet,
    /// As text: the end of a line is CR LF, and a lone CR is CR NUL (RFC 764). It is tftp-hpa's default, also for what is no
    /// text; a client that undoes it gets the same bytes.
    Netascii,
}

/// A request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether it wants to read or to write.
    pub kind: Kind,
    /// Its name of the file, as it wrote it.
    pub name: String,
    /// How it wants the bytes.
    pub mode: Mode,
    /// Bytes of a block, if it says (RFC 2348), 8 to 65464.
    pub block: Option<u16>,
    /// It wants to know the file's size (RFC 2349).
    pub wants_size: bool,
    /// Blocks of a window, if it says (RFC 7440), at least 1.
    pub window: Option<u16>,
}

/// No request, or not one that can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Its opcode is neither RRQ nor WRQ.
    #[error("a packet that is no request")]
    NoRequest,
    /// A name or a value has no end, or is no UTF-8.
    #[error("a request that is cut off or garbled")]
    Garbled,
    /// Neither octet nor netascii.
    #[error("a request in an unknown mode")]
    Mode,
}

impl Request {
    /// Reads a packet that came to port 69.
    ///
    /// An option that is unknown, or whose value makes no sense, is ignored as if it had not been sent (RFC 2347): the client
    /// sees from the answer that it did not get it. So is what is cut off behind the mode, for firmware pads.
    ///
    /// # Errors
    /// [`Malformed`] says why it is no request.
    pub fn parse(packet: &[u8]) -> Result<Request, Malformed> {
        let (opcode, rest) = packet.split_first_chunk().ok_or(Malformed::NoRequest)?;
        let kind = match u16::from_be_bytes(*opcode) {
            1 => Kind::Read,
            2 => Kind::Write,
            _ => return Err(Malformed::NoRequest),
        };
        let mut words = Words(rest);
        let name = words.next().ok_or(Malformed::Garbled)?.to_owned();
        let mode = words.next().ok_or(Malformed::Garbled)?;
        let mode = if mode.eq_ignore_ascii_case("octet") {
            Mode::Octet
        } else if mode.eq_ignore_ascii_case("netascii") {
            Mode::Netascii
        } else {
            return Err(Malformed::Mode);
        };
        let mut request = Request {
            kind,
            name,
            mode,
            block: None,
            wants_size: false,
            window: None,
        };
        while let (Some(option), Some(value)) = (words.next(), words.next()) {
            request.take(option, value);
        }
        Ok(request)
    }

    fn take(&mut self, option: &str, value: &str) {
        if option.eq_ignore_ascii_case("blksize") {
            self.block = value.parse().ok().filter(|size| (8..=65464).contains(size));
        } else if option.eq_ignore_ascii_case("tsize") {
            self.wants_size = value.parse() == Ok(0_u64);
        } else if option.eq_ignore_ascii_case("windowsize") {
            self.window = value.parse().ok().filter(|blocks| *blocks > 0);
        }
    }
}

/// Texts that end with a zero each.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (word, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        std::str::from_utf8(word).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Kind, Malformed, Mode, Request};

    fn read(name: &str) -> Request {
        Request {
            kind: Kind::Read,
            name: name.to_owned(),
            mode: Mode::Octet,
            block: None,
            wants_size: false,
            window: None,
        }
    }

    #[test]
    fn what_real_clients_send_is_understood() {
        for (packet, request) in [
            (&b"\0\x01pxelinux.0\0octet\0"[..], read("pxelinux.0")),
            // EDK2.
            (
                b"\0\x01shimx64.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0",
                Request {
                    block: Some(1468),
                    wants_size: true,
                    window: Some(4),
                    ..read("shimx64.efi")
                },
            ),
            // curl asks for a timeout as well, which nobody gets.
            (
                b"\0\x01a\0OCTET\0tsize\x000\0BLKSIZE\x00512\0timeout\x006\0",
                Request {
                    block: Some(512),
                    wants_size: true,
                    ..read("a")
                },
            ),
            (
                b"\0\x02a\0netascii\0",
                Request {
                    kind: Kind::Write,
                    mode: Mode::Netascii,
                    ..read("a")
                },
            ),
            // Values that make no sense, an option without a value, and padding.
            (
                b"\0\x01a\0octet\0blksize\x007\0windowsize\x000\0tsize\x0012\0blksize\0",
                read("a"),
            ),
            (b"\0\x01a\0octet\0\0\0\0\0\0", read("a")),
        ] {
            assert_eq!(Request::parse(packet), Ok(request), "{packet:?}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        for (packet, why) in [
            (&b""[..], Malformed::NoRequest),
            (b"\0", Malformed::NoRequest),
            (b"\0\x03\0\x01data", Malformed::NoRequest),
            (b"\0\x01", Malformed::Garbled),
            (b"\0\x01name", Malformed::Garbled),
            (b"\0\x01name\0octet", Malformed::Garbled),
            (b"\0\x01\xff\xfe\0octet\0", Malformed::Garbled),
            (b"\0\x01name\0mail\0", Malformed::Mode),
        ] {
            assert_eq!(Request::parse(packet), Err(why), "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&packet);
            let _ = Request::parse(&[&[0, 1][..], &packet].concat());
        }
    }
}
