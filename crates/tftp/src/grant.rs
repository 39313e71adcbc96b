//! Which of the options that a client asks for it gets (RFC 2347).

use crate::packet::OACK;
use crate::request::Request;

/// What a block has unless the client asks for something else (RFC 1350).
const PLAIN_BLOCK: u16 = 512;

/// The most that anybody gets.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a block.
    pub block: u16,
    /// Blocks that may be on their way at a time: what one small packet may cause in a burst.
    pub window: u16,
}

/// How a file travels, and what the client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Bytes of every block but the last, which has fewer.
    pub block: u16,
    /// Blocks on their way at a time.
    pub window: u16,
    /// The OACK packet. None if the client gets nothing it asked for, or asked for nothing.
    pub answer: Option<Vec<u8>>,
}

impl Grant {
    /// What `request` gets within `limits`. `size` is that of the file as it travels, in bytes; none if it is
    /// not known, or not to be told.
    ///
    /// The timeout option (RFC 2349) is never granted: a client could keep its transfer for 255 s with each packet,
    /// and the time that its packets take is measured anyway.
    #[must_use]
    pub fn of(request: &Request, size: Option<u64>, limits: Limits) -> Grant {
        let block = request.block.map(|block| block.min(limits.block));
        let window = request.window.map(|window| window.min(limits.window));
        let size = size.filter(|_| request.wants_size);
        let options = [
            ("blksize", block.map(u64::from)),
            ("tsize", size),
            ("windowsize", window.map(u64::from)),
        ];
        let mut answer = OACK.to_be_bytes().to_vec();
        for (option, value) in options {
            if let Some(value) = value {
                answer.extend(format!("{option}\0{value}\0").bytes());
            }
        }
        Grant {
            block: block.unwrap_or(PLAIN_BLOCK),
            window: window.unwrap_or(1),
            answer: (answer.len() > 2).then_some(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Limits};
    use crate::request::Request;

    const LIMITS: Limits = Limits {
        block: 1468,
        window: 16,
    };

    fn grant(options: &str, size: Option<u64>) -> (u16, u16, Option<String>) {
        let packet = format!("\0\x01a\0octet\0{options}");
        let request = Request::parse(packet.as_bytes()).expect("a request");
        let grant = Grant::of(&request, size, LIMITS);
        let answer = grant.answer.map(|answer| {
            assert_eq!(answer[..2], [0, 6]);
            String::from_utf8(answer[2..].to_vec()).expect("text")
        });
        (grant.block, grant.window, answer)
    }

    #[test]
    fn options_are_granted_within_limits() {
        let some = |text: &str| Some(text.to_owned());
        for (options, size, expected) in [
            ("", Some(7), (512, 1, None)),
            (
                "blksize\x001024\0",
                Some(7),
                (1024, 1, some("blksize\x001024\0")),
            ),
            (
                "blksize\x0065464\0",
                None,
                (1468, 1, some("blksize\x001468\0")),
            ),
            (
                "windowsize\x009999\0",
                None,
                (512, 16, some("windowsize\x0016\0")),
            ),
            ("tsize\x000\0", Some(7), (512, 1, some("tsize\x007\0"))),
            ("tsize\x000\0", None, (512, 1, None)),
            ("timeout\x002\0", Some(7), (512, 1, None)),
            (
                "windowsize\x004\0tsize\x000\0blksize\x001468\0",
                Some(7),
                (
                    1468,
                    4,
                    some("blksize\x001468\0tsize\x007\0windowsize\x004\0"),
                ),
            ),
        ] {
            assert_eq!(grant(options, size), expected, "{options:?}");
        }
    }
}
