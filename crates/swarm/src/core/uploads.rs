//! What one peer asked of us.

use std::collections::VecDeque;

use super::Block;

/// Requests kept per peer; told to the peer as BEP 10's "reqq". More are dropped.
pub(crate) const MAX_QUEUE: usize = 512;

/// Longest block we answer. All clients ask for 16 KiB; BEP 3 says that larger requests are cut off.
pub(crate) const MAX_LENGTH: u32 = 128 << 10;

/// Bytes per peer that may be on their way from the file to the socket. What is still in the queue
/// can be cancelled, and does not sit in front of other messages.
const MAX_FLYING: u32 = 192 << 10;

/// Dropped requests after which a peer is not worth its connection.
const MAX_DROPPED: u32 = 4096;

#[derive(Default)]
pub(crate) struct Uploads {
    queue: VecDeque<Block>,
    flying: u32,
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

    pub(crate) fn cancel(&mut self, block: Block) {
        self.queue.retain(|queued| *queued != block);
    }

    /// The next block to send, if the connection takes more. A large block goes alone.
    pub(crate) fn pop(&mut self) -> Option<Block> {
        let next = self.queue.front()?;
        if self.flying > 0 && self.flying + next.length > MAX_FLYING {
            return None;
        }
        self.flying += next.length;
        self.queue.pop_front()
    }

    /// So many bytes left for the peer, or were dropped.
    pub(crate) fn landed(&mut self, bytes: u32) {
        self.flying = self.flying.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, MAX_DROPPED, MAX_FLYING, MAX_QUEUE, Uploads};

    fn block(begin: u32) -> Block {
        Block {
            piece: 0,
            begin,
            length: 16 << 10,
        }
    }

    #[test]
    fn only_a_few_blocks_fly_and_the_rest_can_be_cancelled() {
        let mut uploads = Uploads::default();
        for begin in 0..100 {
            assert!(uploads.push(block(begin)) && uploads.push(block(begin)));
        }
        let flying = std::iter::from_fn(|| uploads.pop()).count() as u32;
        assert_eq!(flying * (16 << 10), MAX_FLYING);
        uploads.cancel(block(flying));
        uploads.landed(16 << 10);
        assert_eq!(uploads.pop(), Some(block(flying + 1)));
        assert_eq!(uploads.pop(), None);
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
