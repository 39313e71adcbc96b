//! What one peer asked of us.

use std::collections::VecDeque;

use super::{BLOCK, Block};

/// Requests kept per peer; told to the peer as BEP 10's "reqq". More are dropped.
pub(crate) const MAX_QUEUE: usize = 512;

/// Longest block we answer. All clients ask for 16 KiB; BEP 3 says that larger requests are cut off.
pub(crate) const MAX_LENGTH: u32 = 128 << 10;

/// Bytes per peer that may be on their way from the file to the socket: as many as leave while the writer's word that one
/// is out comes back to us. A smaller block counts as a whole one, or a peer that asks for single bytes had two hundred
/// thousand on their way.
const MAX_FLYING: u32 = 192 << 10;

/// Dropped requests after which a peer is not worth its connection.
const MAX_DROPPED: u32 = 4096;

/// A block on its way to the socket.
struct Flying {
    block: Block,
    /// The peer does not want it any more.
    recalled: bool,
}

#[derive(Default)]
pub(crate) struct Uploads {
    queue: VecDeque<Block>,
    flying: Vec<Flying>,
    dropped: u32,
}

impl Uploads {
    /// Takes a request. False if the peer asks far more than anybody can serve.
    pub(crate) fn push(&mut self, block: Block) -> bool {
        if self.queue.contains(&block) {
            return true;
        }
        if self.queue.len() < MAX_QUEUE {
            self.queue.push_back(block);
        } else {
            self.dropped += 1;
        }
        self.dropped < MAX_DROPPED
    }

    /// The peer does not want this one any more. True, once, if it is on its way to the socket: perhaps nothing of it
    /// has left yet.
    pub(crate) fn cancel(&mut self, block: Block) -> bool {
        self.queue.retain(|queued| *queued != block);
        let mut flying = self.flying.iter_mut();
        let found = flying.find(|flying| flying.block == block && !flying.recalled);
        found.map(|flying| flying.recalled = true).is_some()
    }

    /// The next block to send, if the connection takes more. A large block goes alone.
    pub(crate) fn pop(&mut self) -> Option<Block> {
        let block = *self.queue.front()?;
        let counts = |block: Block| block.length.max(BLOCK);
        let flying: u32 = self.flying.iter().map(|flying| counts(flying.block)).sum();
        if flying > 0 && flying + counts(block) > MAX_FLYING {
            return None;
        }
        let recalled = false;
        self.flying.push(Flying { block, recalled });
        self.queue.pop_front()
    }

    /// This one left for the peer, or was dropped.
    pub(crate) fn landed(&mut self, block: Block) {
        let mut flying = self.flying.iter();
        if let Some(at) = flying.position(|flying| flying.block == block) {
            self.flying.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block, MAX_DROPPED, MAX_FLYING, MAX_QUEUE, Uploads};

    fn block(begin: u32) -> Block {
        Block {
            piece: 0,
            begin,
            length: BLOCK,
        }
    }

    #[test]
    fn only_a_few_blocks_fly_and_the_rest_is_cancelled_at_once() {
        let mut uploads = Uploads::default();
        for begin in 0..100 {
            assert!(uploads.push(block(begin)) && uploads.push(block(begin)));
        }
        let flying = std::iter::from_fn(|| uploads.pop()).count() as u32;
        assert_eq!(flying * BLOCK, MAX_FLYING);
        assert!(!uploads.cancel(block(flying)), "nobody need be told");
        uploads.landed(block(0));
        assert_eq!(uploads.pop(), Some(block(flying + 1)));
        assert_eq!(uploads.pop(), None);
    }

    #[test]
    fn a_block_that_flies_is_recalled_once() {
        let mut uploads = Uploads::default();
        uploads.push(block(1));
        assert_eq!(uploads.pop(), Some(block(1)));
        assert!(uploads.cancel(block(1)));
        assert!(!uploads.cancel(block(1)));
        // Asked for again before it is known what became of the first one.
        uploads.push(block(1));
        assert_eq!(uploads.pop(), Some(block(1)));
        uploads.landed(block(1));
        assert!(uploads.cancel(block(1)));
        uploads.landed(block(1));
        assert!(uploads.flying.is_empty());
    }

    #[test]
    fn no_more_single_bytes_fly_than_blocks() {
        let mut uploads = Uploads::default();
        for begin in 0..100 {
            let (piece, length) = (0, 1);
            uploads.push(Block {
                piece,
                begin,
                length,
            });
        }
        let flying = std::iter::from_fn(|| uploads.pop()).count() as u32;
        assert_eq!(flying * BLOCK, MAX_FLYING);
    }

    #[test]
    fn a_flood_of_requests_is_bounded_and_ends() {
        let mut uploads = Uploads::default();
        let taken = (0..)
            .take_while(|begin| uploads.push(block(*begin)))
            .count();
        assert_eq!(taken, MAX_QUEUE + MAX_DROPPED as usize - 1);
        assert_eq!(uploads.queue.len(), MAX_QUEUE);
    }
}
