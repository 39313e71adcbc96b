//! The packets that a server sends and hears after the request (RFC 1350 section 5, RFC 2347).

/// Opcodes.
pub(crate) const DATA: u16 = 3;
pub(crate) const ACK: u16 = 4;
pub(crate) const ERROR: u16 = 5;
pub(crate) const OACK: u16 = 6;

/// Why something is refused (RFC 1350 appendix, RFC 2347).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ErrorCode {
    /// See the text.
    Undefined = 0,
    /// There is no such file.
    FileNotFound = 1,
    /// Nobody may write here.
    AccessViolation = 2,
    /// A request that makes no sense.
    IllegalOperation = 4,
}

/// An ERROR packet. It is sent once and never acknowledged.
#[must_use]
pub fn refusal(code: ErrorCode, text: &str) -> Vec<u8> {
    let mut packet = Vec::with_capacity(5 + text.len());
    packet.extend(ERROR.to_be_bytes());
    packet.extend((code as u16).to_be_bytes());
    packet.extend(text.bytes().filter(|byte| *byte != 0));
    packet.push(0);
    packet
}

/// What a client says in the middle of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Every block up to this one is there.
    Ack(u16),
    /// It wants no more.
    Error,
}

impl Answer {
    /// None for anything else, which is not for us to answer. Bytes behind an ACK are ignored: some clients
    /// send more of their buffer than they should.
    pub(crate) fn parse(packet: &[u8]) -> Option<Answer> {
        let (opcode, rest) = packet.split_first_chunk()?;
        match u16::from_be_bytes(*opcode) {
            ACK => {
                let number = rest.first_chunk()?;
                Some(Answer::Ack(u16::from_be_bytes(*number)))
            }
            ERROR => Some(Answer::Error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, ErrorCode, refusal};

    #[test]
    fn acknowledgements_and_errors_are_understood_and_nothing_else() {
        for (packet, answer) in [
            (&[0, 4, 1, 2][..], Some(Answer::Ack(0x102))),
            (&[0, 4, 0, 0, 9, 9], Some(Answer::Ack(0))),
            (b"\0\x05\0\x08no\0", Some(Answer::Error)),
            // Without its code and text it still means the same.
            (&[0, 5], Some(Answer::Error)),
            (&[0, 4, 1], None),
            (&[0, 3, 0, 1, 7], None),
            (&[4, 0, 0, 1], None),
            (&[0], None),
            (&[], None),
        ] {
            assert_eq!(Answer::parse(packet), answer, "{packet:?}");
        }
    }

    #[test]
    fn a_refusal_ends_with_its_only_zero() {
        let packet = refusal(ErrorCode::FileNotFound, "no\0such file");
        assert_eq!(packet, b"\0\x05\0\x01nosuch file\0");
    }
}
