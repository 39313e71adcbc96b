//! The bytes a terminal sends, turned into the few keys the menu knows.
//!
//! Two dialects meet here: the Linux console and serial terminals (xterm and its relatives), each
//! with the "application" form of the arrows as well. Holds no terminal and no clock: whoever
//! reads the line says when it has been quiet, which is the only way to tell the Escape key from
//! the start of an arrow.

/// What a person can press in the menu.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// First entry.
    Home,
    /// Last entry.
    End,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// Enter or Return, whichever of CR and LF the terminal sends.
    Enter,
    /// The Escape key alone.
    Escape,
    /// Stops a countdown.
    CtrlC,
    /// Opens a shell.
    CtrlS,
    /// Paints the screen anew: a serial terminal that was attached late shows nothing before.
    CtrlL,
    /// A printable ASCII character.
    Char(char),
}

/// Longest escape sequence that is still followed; a longer one is line noise.
const LONGEST: u8 = 16;

/// Reads one console's bytes. Never fails: what it does not know it swallows.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    state: State,
    after_return: bool,
}

#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Ground,
    /// ESC seen: a key of its own, or the start of a sequence.
    Escape,
    /// `ESC [`, with the first number and the length so far.
    Csi { number: u8, more: bool, length: u8 },
    /// `ESC O`, the application form.
    Ss3,
    /// `ESC [ [`, the Linux console's function keys: one more byte belongs to it.
    Function,
}

impl Decoder {
    /// Takes one byte; returns the key it completes.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let after_return = std::mem::take(&mut self.after_return);
        match self.state {
            State::Ground => self.plain(byte, after_return),
            State::Escape => self.escaped(byte),
            State::Csi { .. } if byte == 0x1b => self.restart(),
            State::Csi {
                number,
                more,
                length,
            } => self.csi(byte, number, more, length),
            State::Ss3 => {
                self.state = State::Ground;
                arrow(byte)
            }
            State::Function => {
                self.state = State::Ground;
                None
            }
        }
    }

    /// The line has been quiet for a moment: an ESC that nothing followed was the Escape key, and
    /// half a sequence will not be finished any more.
    pub fn quiet(&mut self) -> Option<Key> {
        let was = std::mem::take(&mut self.state);
        (was == State::Escape).then_some(Key::Escape)
    }

    /// Whether the next silence means something, so that the reader should wait with a timeout.
    pub fn is_pending(&self) -> bool {
        self.state != State::Ground
    }

    fn plain(&mut self, byte: u8, after_return: bool) -> Option<Key> {
        match byte {
            0x1b => self.restart(),
            b'\r' => {
                self.after_return = true;
                Some(Key::Enter)
            }
            // Some serial terminals send CR LF for one press.
            b'\n' => (!after_return).then_some(Key::Enter),
            0x03 => Some(Key::CtrlC),
            0x13 => Some(Key::CtrlS),
            0x0c => Some(Key::CtrlL),
            0x20..=0x7e => Some(Key::Char(char::from(byte))),
            _ => None,
        }
    }

    fn escaped(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => {
                self.state = State::Csi {
                    number: 0,
                    more: false,
                    length: 0,
                };
                None
            }
            b'O' => {
                self.state = State::Ss3;
                None
            }
            // Escape pressed twice: the first one stands, the second may start a sequence.
            0x1b => Some(Key::Escape),
            // Alt+key on most terminals: nothing here is bound to it.
            _ => {
                self.state = State::Ground;
                None
            }
        }
    }

    fn csi(&mut self, byte: u8, number: u8, more: bool, length: u8) -> Option<Key> {
        let keep = |number, more| State::Csi {
            number,
            more,
            length: length + 1,
        };
        self.state = match byte {
            _ if length >= LONGEST => State::Ground,
            b'[' if length == 0 => State::Function,
            // Only the first number names the key; later ones are modifiers.
            b'0'..=b'9' if !more => {
                keep(number.saturating_mul(10).saturating_add(byte - b'0'), false)
            }
            0x20..=0x3f => keep(number, true),
            _ => State::Ground,
        };
        match (self.state, byte) {
            (State::Ground, b'~') => numbered(number),
            (State::Ground, _) => arrow(byte),
            _ => None,
        }
    }

    fn restart(&mut self) -> Option<Key> {
        self.state = State::Escape;
        None
    }
}

fn arrow(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'H' => Key::Home,
        b'F' => Key::End,
        // The keypad's Enter in application mode.
        b'M' => Key::Enter,
        _ => return None,
    })
}

fn numbered(number: u8) -> Option<Key> {
    Some(match number {
        1 | 7 => Key::Home,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the bytes; `quiet` stands for the silence after them.
    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys: Vec<Key> = bytes
            .iter()
            .filter_map(|byte| decoder.feed(*byte))
            .collect();
        keys.extend(decoder.quiet());
        assert!(!decoder.is_pending(), "silence must end every sequence");
        keys
    }

    #[test]
    fn every_dialect_gives_the_same_keys() {
        use Key::*;
        let table: &[(&[u8], &[Key])] = &[
            (b"\x1b[A", &[Up]),
            (b"\x1b[B", &[Down]),
            (b"\x1bOA", &[Up]),
            (b"\x1bOB", &[Down]),
            (b"\x1b[1;5A", &[Up]),
            (b"\x1b[H", &[Home]),
            (b"\x1b[1~", &[Home]),
            (b"\x1b[7~", &[Home]),
            (b"\x1bOF", &[End]),
            (b"\x1b[4~", &[End]),
            (b"\x1b[5~\x1b[6~", &[PageUp, PageDown]),
            (b"\x1b", &[Escape]),
            (b"\x1b\x1b", &[Escape, Escape]),
            (b"\x1b\x1b[A", &[Escape, Up]),
            (b"\r", &[Enter]),
            (b"\n", &[Enter]),
            (b"\r\n", &[Enter]),
            (b"\r\n\r\n", &[Enter, Enter]),
            (b"\n\n", &[Enter, Enter]),
            (b"\x1bOM", &[Enter]),
            (b"\x03\x13\x0c", &[CtrlC, CtrlS, CtrlL]),
            (b"rs", &[Char('r'), Char('s')]),
        ];
        for (bytes, expected) in table {
            assert_eq!(
                keys(bytes),
                *expected,
                "{:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_is_not_known_leaves_no_trace() {
        let table: &[&[u8]] = &[
            b"\x1b[[A",           // F1 on the Linux console, not an arrow
            b"\x1b[15~",          // F5
            b"\x1bOP",            // F1 on xterm
            b"\x1bx",             // Alt+x
            b"\x1b[",             // broken off
            b"\x1b[?1;2",         // an answer to a query, broken off
            b"\x1b[99999999999~", // a number far too large
            b"\0\x07\x7f\xff",    // control bytes and noise
            "ä€".as_bytes(),      // nothing is bound to these
        ];
        for bytes in table {
            let mut sent = bytes.to_vec();
            assert_eq!(keys(&sent), [], "{:?}", bytes.escape_ascii().to_string());
            // A complete sequence must not eat the key behind it.
            if !matches!(*bytes, b"\x1b[" | b"\x1b[?1;2") {
                sent.push(b'r');
                assert_eq!(
                    keys(&sent),
                    [Key::Char('r')],
                    "{:?}",
                    bytes.escape_ascii().to_string()
                );
            }
        }
    }

    #[test]
    fn noise_never_locks_the_keyboard() {
        let mut decoder = Decoder::default();
        for byte in b"\x1b[".iter().chain([b'1'; 500].iter()) {
            decoder.feed(*byte);
        }
        decoder.quiet();
        assert_eq!(decoder.feed(b'r'), Some(Key::Char('r')));
    }
}
