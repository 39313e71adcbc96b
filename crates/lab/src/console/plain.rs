//! A terminal's byte stream as plain text that can be searched.

/// Takes the control sequences out of a terminal's byte stream, one byte at a time.
#[derive(Debug, Default)]
pub(super) struct PlainText {
    state: State,
    /// A character of several bytes that has not come completely.
    partial: Vec<u8>,
    /// The first number of the sequence being read: the row, where it places the cursor.
    number: u32,
    first_number: bool,
    /// The row the cursor was placed in last.
    row: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC [`, until a letter.
    Sequence,
    /// After `ESC ]` and its kin, until BEL or `ESC \`.
    Title,
}

impl PlainText {
    pub(super) fn push(&mut self, byte: u8, text: &mut String) {
        self.state = match (&self.state, byte) {
            (State::Text | State::Escape, 0x1b) => State::Escape,
            (State::Text, _) => {
                self.visible(byte, text);
                State::Text
            }
            (State::Escape, b'[') => {
                (self.number, self.first_number) = (0, true);
                State::Sequence
            }
            (State::Escape, b']' | b'P' | b'_' | b'^') => State::Title,
            // A character set is named by one more byte, which is an argument too.
            (State::Escape, b'(' | b')' | b'%') => State::Escape,
            (State::Escape, _) => State::Text,
            (State::Sequence, b'0'..=b'?' | b' '..=b'/') => {
                self.argument(byte);
                State::Sequence
            }
            (State::Sequence, _) => {
                self.moved(byte, text);
                State::Text
            }
            (State::Title, 0x07) => State::Text,
            (State::Title, 0x1b) => State::Escape,
            (State::Title, _) => State::Title,
        };
    }

    fn argument(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' if self.first_number => {
                let number = self.number.saturating_mul(10);
                self.number = number.saturating_add(u32::from(byte - b'0'));
            }
            _ => self.first_number = false,
        }
    }

    /// What the end of a sequence means for plain text; `kind` is its last letter (ECMA-48).
    fn moved(&mut self, kind: u8, text: &mut String) {
        let gap = match kind {
            // Colours and modes move nothing; erasing is not undone.
            b'm' | b'h' | b'l' | b'J' | b'K' => return,
            b'H' | b'f' if std::mem::replace(&mut self.row, self.number) == self.number => ' ',
            b'C' | b'G' => ' ',
            _ => '\n',
        };
        let before = text.chars().next_back().unwrap_or('\n');
        if before != '\n' && before != gap {
            text.push(gap);
        }
    }

    fn visible(&mut self, byte: u8, text: &mut String) {
        match byte {
            b'\n' => text.push('\n'),
            b'\t' | b' '..=b'~' => text.push(char::from(byte)),
            0x80.. => {
                self.partial.push(byte);
                if let Ok(character) = std::str::from_utf8(&self.partial) {
                    text.push_str(character);
                } else if self.partial.len() < 4 {
                    return;
                }
            }
            _ => {}
        }
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut filter = PlainText::default();
        for &byte in bytes {
            filter.push(byte, &mut text);
        }
        text
    }

    #[test]
    fn control_sequences_vanish_and_words_stay_apart() {
        for (bytes, expected) in [
            (&b"plain\r\ntext\n"[..], "plain\ntext\n"),
            (b"\x1b[1;32mgreen\x1b[0m text", "green text"),
            (b"above\x1b[5;4Hleft\x1b[5;40Hright", "above\nleft right"),
            (b"one\x1b[?25l\x1b[2K word", "one word"),
            (b"\x1b]0;title\x07after", "after"),
            (b"\x1b]0;title\x1b\\after", "after"),
            (b"\x1b(Bword", "word"),
            ("gr\u{fc}n \u{2502}".as_bytes(), "gr\u{fc}n \u{2502}"),
            (b"\xff\xff\xff\xffok", "ok"),
        ] {
            assert_eq!(plain(bytes), expected, "{bytes:?}");
        }
    }
}
