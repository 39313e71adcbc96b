//! Where in a file a block begins, and its bytes as they travel.

use crate::request::Mode;

const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// The place of the next byte to travel. Blocks are read again from the place where they began, so nothing of the file is
/// kept twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    at: usize,
    /// The byte at `at` is two as text, and the first of them is behind us.
    halfway: bool,
}

impl Cursor {
    /// Appends at most `most` bytes of `file` to `packet`, and goes behind them.
    pub(crate) fn read(&mut self, file: &[u8], mode: Mode, most: usize, packet: &mut Vec<u8>) {
        match mode {
            Mode::Octet => {
                let rest = &file[self.at..];
                let block = &rest[..rest.len().min(most)];
                packet.extend_from_slice(block);
                self.at += block.len();
            }
            Mode::Netascii => self.read_text(file, most, packet),
        }
    }

    fn read_text(&mut self, file: &[u8], most: usize, packet: &mut Vec<u8>) {
        let full = packet.len() + most;
        while packet.len() < full
            && let Some(byte) = file.get(self.at)
        {
            let (first, second) = match *byte {
                LF => (CR, Some(LF)),
                CR => (CR, Some(0)),
                other => (other, None),
            };
            match second {
                Some(_) if !self.halfway => {
                    packet.push(first);
                    self.halfway = true;
                }
                other => {
                    packet.push(other.unwrap_or(first));
                    self.halfway = false;
                    self.at += 1;
                }
            }
        }
    }

    /// Bytes of the file that are behind us.
    pub(crate) fn passed(self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;
    use crate::request::Mode;

    fn blocks(file: &[u8], mode: Mode, size: usize) -> Vec<Vec<u8>> {
        let mut cursor = Cursor::default();
        let mut blocks = Vec::new();
        loop {
            let mut block = Vec::new();
            cursor.read(file, mode, size, &mut block);
            let last = block.len() < size;
            blocks.push(block);
            if last {
                assert_eq!(cursor.passed(), file.len());
                return blocks;
            }
        }
    }

    #[test]
    fn a_full_last_block_is_followed_by_an_empty_one() {
        assert_eq!(blocks(b"abcd", Mode::Octet, 2), [&b"ab"[..], b"cd", b""]);
        assert_eq!(blocks(b"abc", Mode::Octet, 2), [&b"ab"[..], b"c"]);
        assert_eq!(blocks(b"", Mode::Octet, 2), [b""]);
    }

    #[test]
    fn text_is_cut_anywhere_and_nothing_is_lost() {
        let file = b"\r\na\nb\rc\n\n";
        let right = b"\r\0\r\na\r\nb\r\0c\r\n\r\n";
        for size in 1..20 {
            assert_eq!(blocks(file, Mode::Netascii, size).concat(), right, "{size}");
        }
    }
}
