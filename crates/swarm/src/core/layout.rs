//! How a torrent's bytes are cut into pieces and blocks.

use metainfo::Info;

/// Bytes we ask for in one request: what every client answers.
pub const BLOCK: u32 = 16 << 10;

/// A part of a piece, as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// The piece's index.
    pub piece: u32,
    /// Offset in the piece, in bytes.
    pub begin: u32,
    /// Length in bytes.
    pub length: u32,
}

/// The cut of one torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pieces: u32,
    piece_length: u32,
    last_length: u32,
}

impl Layout {
    /// The cut of `total` bytes into pieces of `piece_length`.
    pub fn new(total: u64, piece_length: u32) -> Self {
        let length = u64::from(piece_length.max(1));
        let pieces = u32::try_from(total.div_ceil(length)).unwrap_or(u32::MAX);
        let last_length = (total - u64::from(pieces.saturating_sub(1)) * length).min(length) as u32;
        Self {
            pieces,
            piece_length,
            last_length,
        }
    }

    /// The cut that a torrent tells.
    pub fn of(info: &Info) -> Self {
        Self::new(info.total_length(), info.piece_length)
    }

    /// Number of pieces.
    pub fn pieces(&self) -> u32 {
        self.pieces
    }

    /// Bytes of all pieces.
    pub fn total(&self) -> u64 {
        match self.pieces {
            0 => 0,
            n => u64::from(n - 1) * u64::from(self.piece_length) + u64::from(self.last_length),
        }
    }

    /// Bytes of a piece; 0 if it does not exist.
    pub fn piece_size(&self, piece: u32) -> u32 {
        match self.pieces.checked_sub(piece) {
            None | Some(0) => 0,
            Some(1) => self.last_length,
            Some(_) => self.piece_length,
        }
    }

    /// Number of blocks of a piece.
    pub fn blocks(&self, piece: u32) -> u32 {
        self.piece_size(piece).div_ceil(BLOCK)
    }

    /// The block of a piece with the given number, which must be below [`blocks`](Self::blocks).
    pub fn block(&self, piece: u32, number: u32) -> Block {
        let begin = number * BLOCK;
        let length = BLOCK.min(self.piece_size(piece).saturating_sub(begin));
        Block {
            piece,
            begin,
            length,
        }
    }

    /// The number of a block, if it is exactly one of ours.
    pub fn number(&self, block: Block) -> Option<u32> {
        let number = block.begin / BLOCK;
        (number < self.blocks(block.piece) && self.block(block.piece, number) == block)
            .then_some(number)
    }

    /// Whether a block, as somebody else cuts it, lies within its piece and is not empty.
    pub fn contains(&self, block: Block) -> bool {
        let end = block.begin.checked_add(block.length);
        block.length > 0 && end.is_some_and(|end| end <= self.piece_size(block.piece))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block, Layout};

    #[test]
    fn the_last_piece_and_the_last_block_are_shorter() {
        let layout = Layout::new(2 * 65_536 + 20_000, 65_536);
        assert_eq!(layout.pieces(), 3);
        assert_eq!(
            [0, 1, 2, 3].map(|piece| layout.piece_size(piece)),
            [65_536, 65_536, 20_000, 0]
        );
        assert_eq!([0, 2, 3].map(|piece| layout.blocks(piece)), [4, 2, 0]);
        let last = Block {
            piece: 2,
            begin: BLOCK,
            length: 20_000 - BLOCK,
        };
        assert_eq!(layout.block(2, 1), last);
        assert_eq!(layout.number(last), Some(1));
        assert_eq!(layout.total(), 2 * 65_536 + 20_000);
    }

    #[test]
    fn exact_multiples_and_nothing() {
        let exact = Layout::new(2 * 65_536, 65_536);
        assert_eq!(
            (exact.pieces(), exact.piece_size(1), exact.total()),
            (2, 65_536, 131_072)
        );
        let nothing = Layout::new(0, 65_536);
        assert_eq!(
            (nothing.pieces(), nothing.piece_size(0), nothing.total()),
            (0, 0, 0)
        );
    }

    #[test]
    fn blocks_of_strangers_are_measured() {
        let layout = Layout::new(100_000, 65_536);
        for (piece, begin, length, inside, ours) in [
            (0, 0, BLOCK, true, true),
            (0, 1, BLOCK, true, false),
            (0, 0, 2 * BLOCK, true, false),
            (0, 65_536 - 1, 1, true, false),
            (0, 65_536, 1, false, false),
            (0, u32::MAX, 2, false, false),
            (0, 0, 0, false, false),
            (2, 0, 1, false, false),
            (u32::MAX, 0, 1, false, false),
            (1, 2 * BLOCK, 100_000 - 65_536 - 2 * BLOCK, true, true),
        ] {
            let block = Block {
                piece,
                begin,
                length,
            };
            assert_eq!(layout.contains(block), inside, "{block:?}");
            assert_eq!(layout.number(block).is_some(), ours, "{block:?}");
        }
    }
}
