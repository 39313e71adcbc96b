//! Which pieces somebody has.

/// One bit per piece, laid out as BEP 3 sends it: piece 0 is the highest bit of the first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitfield {
    bytes: Vec<u8>,
    length: u32,
    ones: u32,
}

impl Bitfield {
    /// None of `length` pieces.
    pub fn empty(length: u32) -> Self {
        Self {
            bytes: vec![0; Self::wire_length(length)],
            length,
            ones: 0,
        }
    }

    /// All of `length` pieces.
    pub fn full(length: u32) -> Self {
        let mut all = Self::empty(length);
        for piece in 0..length {
            all.set(piece);
        }
        all
    }

    /// From the payload of a bitfield message. None if the length is not exactly that of `length`
    /// pieces or a spare bit is set: then the sender speaks of another torrent.
    pub fn from_wire(bytes: &[u8], length: u32) -> Option<Self> {
        if bytes.len() != Self::wire_length(length) {
            return None;
        }
        let spare = bytes.len() as u32 * 8 - length;
        if bytes
            .last()
            .is_some_and(|last| last.trailing_zeros() < spare)
        {
            return None;
        }
        let ones = bytes.iter().map(|byte| byte.count_ones()).sum();
        Some(Self {
            bytes: bytes.to_vec(),
            length,
            ones,
        })
    }

    /// Bytes of a bitfield of `length` pieces.
    pub fn wire_length(length: u32) -> usize {
        length.div_ceil(8) as usize
    }

    /// The payload of a bitfield message.
    pub fn as_wire(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of pieces there are.
    pub fn len(&self) -> u32 {
        self.length
    }

    /// Number of pieces that are there.
    pub fn ones(&self) -> u32 {
        self.ones
    }

    /// No piece is there.
    pub fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// Every piece is there; so too if there are none at all.
    pub fn is_full(&self) -> bool {
        self.ones == self.length
    }

    /// Whether a piece is there; a piece that does not exist is not.
    pub fn has(&self, piece: u32) -> bool {
        piece < self.length && self.bytes[piece as usize / 8] & mask(piece) != 0
    }

    /// Notes that a piece is there. False if it was before, or does not exist.
    pub fn set(&mut self, piece: u32) -> bool {
        let new = piece < self.length && !self.has(piece);
        if new {
            self.bytes[piece as usize / 8] |= mask(piece);
            self.ones += 1;
        }
        new
    }

    /// Notes that a piece is there no more. False if it was not before.
    pub fn clear(&mut self, piece: u32) -> bool {
        let there = self.has(piece);
        if there {
            self.bytes[piece as usize / 8] &= !mask(piece);
            self.ones -= 1;
        }
        there
    }

    /// Takes out all that is in `other`.
    pub fn remove_all(&mut self, other: &Bitfield) {
        self.ones = 0;
        for (mine, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
            *mine &= !theirs;
            self.ones += mine.count_ones();
        }
    }

    /// The pieces that are there, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let bytes = (0..).zip(&self.bytes).filter(|(_, byte)| **byte != 0);
        bytes.flat_map(|(at, byte)| {
            let pieces = at * 8..at * 8 + 8;
            pieces.filter(move |piece| byte & mask(*piece) != 0)
        })
    }

    /// Whether a piece is here and in `other` too.
    pub fn meets(&self, other: &Bitfield) -> bool {
        // By 64 bytes the comparison takes a few instructions, which is what it is for: most peers are
        // looked at in vain.
        let pairs = self.bytes.chunks(64).zip(other.bytes.chunks(64));
        let common = |(mine, theirs): (&[u8], &[u8])| {
            let both = mine.iter().zip(theirs).map(|(mine, theirs)| mine & theirs);
            both.fold(0, |any, byte| any | byte) != 0
        };
        pairs.into_iter().any(common)
    }

    /// How many pieces are here and in `other` too.
    pub fn count_common(&self, other: &Bitfield) -> u32 {
        let pairs = self.bytes.iter().zip(&other.bytes);
        pairs
            .map(|(mine, theirs)| (mine & theirs).count_ones())
            .sum()
    }
}

fn mask(piece: u32) -> u8 {
    0x80 >> (piece % 8)
}

#[cfg(test)]
mod tests {
    use super::Bitfield;

    #[test]
    fn first_piece_is_the_highest_bit() {
        let mut field = Bitfield::empty(10);
        assert!(field.set(0) && field.set(9));
        assert!(!field.set(9) && !field.set(10));
        assert_eq!(field.as_wire(), [0b1000_0000, 0b0100_0000]);
        assert_eq!(field.iter().collect::<Vec<_>>(), [0, 9]);
        assert_eq!(Bitfield::from_wire(field.as_wire(), 10), Some(field));
    }

    #[test]
    fn only_the_exact_length_with_clear_spare_bits_is_read() {
        for (bytes, length, good) in [
            (&[0xff, 0xc0][..], 10, true),
            (&[0xff, 0xe0], 10, false),
            (&[0xff, 0x01], 10, false),
            (&[0xff], 10, false),
            (&[0xff, 0xc0, 0x00], 10, false),
            (&[0xff, 0xff], 16, true),
            (&[], 0, true),
            (&[0], 0, false),
        ] {
            assert_eq!(
                Bitfield::from_wire(bytes, length).is_some(),
                good,
                "{bytes:?} {length}"
            );
        }
        assert!(Bitfield::from_wire(&[0xff, 0xc0], 10).is_some_and(|field| field.is_full()));
    }

    #[test]
    fn what_two_have_in_common_is_counted_and_taken_out() {
        let (mut all, mut some) = (Bitfield::full(11), Bitfield::empty(11));
        some.set(3);
        some.set(10);
        assert_eq!((all.count_common(&some), some.count_common(&all)), (2, 2));
        all.remove_all(&some);
        assert_eq!((all.ones(), all.count_common(&some)), (9, 0));
        assert!(all.clear(4) && !all.clear(4) && !all.clear(10) && !all.clear(11));
        assert_eq!(all.iter().collect::<Vec<_>>(), [0, 1, 2, 5, 6, 7, 8, 9]);
        assert_eq!(all.ones(), 8);
    }
}
