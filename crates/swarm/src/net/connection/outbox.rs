//! What goes to one peer, in which order.
//!
//! Small frames go before blocks. A request that waits behind the blocks for the same peer comes the later, the more a
//! machine gives to others: of sixteen machines one or two were done a second after the rest. So no block is begun
//! before the socket takes bytes, and only a block that was begun goes before a frame.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, BytesMut};

use super::Out;
use crate::core::Block;
use crate::core::wire::piece_header;

/// With so many bytes of frames no more are put in. A peer that reads a little at a time would make it grow for ever otherwise,
/// and never be parted from.
const ENOUGH: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Outbox {
    /// What is left of a block that was begun.
    begun: BytesMut,
    frames: BytesMut,
    /// A block that was not begun, as a message.
    next: BytesMut,
    /// The block in `begun` or `next`.
    loaded: Option<Block>,
    /// The core lets few be on their way to one peer.
    waiting: VecDeque<Block>,
    /// Recalled before anything of them was written.
    dropped: Vec<Block>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.loaded.is_none() && self.waiting.is_empty()
    }

    /// What is new is to wait in the queue.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= ENOUGH
    }

    pub(super) fn put(&mut self, out: Out) {
        match out {
            Out::Frame(frame) => frame.encode(&mut self.frames),
            Out::Block(block) => self.waiting.push_back(block),
            Out::Recall(block) => self.recall(block),
        }
    }

    /// The blocks that were dropped since the last time.
    pub(super) fn dropped(&mut self) -> impl Iterator<Item = Block> {
        self.dropped.drain(..)
    }

    /// Drops a block, unless some of it was written.
    fn recall(&mut self, block: Block) {
        if self.loaded == Some(block) && self.begun.is_empty() {
            self.loaded = None;
            self.next.clear();
            self.dropped.push(block);
        } else if let Some(at) = self.waiting.iter().position(|other| *other == block) {
            self.waiting.remove(at);
            self.dropped.push(block);
        }
    }

    /// Has the next block appended by `read`, unless there is one still.
    ///
    /// # Errors
    /// As `read`.
    pub(super) fn load<E>(
        &mut self,
        read: impl FnOnce(Block, &mut BytesMut) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.loaded.is_none()
            && let Some(block) = self.waiting.pop_front()
        {
            self.next.extend_from_slice(&piece_header(block));
            read(block, &mut self.next)?;
            self.loaded = Some(block);
        }
        Ok(())
    }

    /// What is to be written, in this order.
    pub(super) fn slices(&self) -> [IoSlice<'_>; 3] {
        [&self.begun, &self.frames, &self.next].map(|part| IoSlice::new(part))
    }

    /// So many bytes of that were written. Gives the block that is out with them.
    pub(super) fn wrote(&mut self, count: usize) -> Option<Block> {
        let unbegun = self.next.len();
        let mut left = count;
        for part in [&mut self.begun, &mut self.frames, &mut self.next] {
            let of_this = left.min(part.len());
            part.advance(of_this);
            left -= of_this;
        }
        debug_assert_eq!(left, 0, "more written than there was");
        // The one before it is out, or none of this could be.
        if self.next.len() < unbegun {
            std::mem::swap(&mut self.begun, &mut self.next);
        }
        let out = self.begun.is_empty() && self.next.is_empty();
        out.then(|| self.loaded.take()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::{Buf, BytesMut};

    use super::{Out, Outbox};
    use crate::core::Block;
    use crate::core::wire::Message;

    const LENGTH: u32 = 100;

    fn block(piece: u32) -> Block {
        let (begin, length) = (0, LENGTH);
        Block {
            piece,
            begin,
            length,
        }
    }

    fn have(piece: u32) -> Out {
        Out::Frame(Message::Have(piece).into())
    }

    /// Loads a block if there is one, and lets so many bytes be written to `wire`.
    fn write(outbox: &mut Outbox, most: usize, wire: &mut BytesMut) -> Option<Block> {
        let read = |block: Block, bytes: &mut BytesMut| {
            bytes.extend_from_slice(&[block.piece as u8; LENGTH as usize]);
            Ok::<_, Infallible>(())
        };
        let Ok(()) = outbox.load(read);
        let bytes = outbox.slices().map(|slice| slice.to_vec()).concat();
        let count = most.min(bytes.len());
        wire.extend_from_slice(&bytes[..count]);
        outbox.wrote(count)
    }

    /// The messages on the wire: which they are, and of which piece.
    fn said(wire: &mut BytesMut) -> Vec<(&'static str, u32)> {
        let mut said = Vec::new();
        while !wire.is_empty() {
            let length = wire.get_u32() as usize;
            let mut message = wire.split_to(length);
            let kind = message.get_u8();
            let piece = message.get_u32();
            match kind {
                4 => said.push(("have", piece)),
                7 => {
                    let data = message.split_off(4);
                    assert_eq!(data[..], [piece as u8; LENGTH as usize]);
                    said.push(("block", piece));
                }
                _ => panic!("message {kind}"),
            }
        }
        said
    }

    #[test]
    fn a_frame_goes_before_a_block_that_was_not_begun() {
        let (mut outbox, mut wire) = (Outbox::default(), BytesMut::new());
        outbox.put(Out::Block(block(1)));
        outbox.put(Out::Block(block(2)));
        // The socket was full after all.
        assert_eq!(write(&mut outbox, 0, &mut wire), None);
        outbox.put(have(8));
        let have_alone = 9;
        assert_eq!(write(&mut outbox, have_alone, &mut wire), None);
        outbox.put(have(9));
        assert_eq!(write(&mut outbox, have_alone + 1, &mut wire), None);
        outbox.put(have(10));
        assert_eq!(write(&mut outbox, usize::MAX, &mut wire), Some(block(1)));
        assert_eq!(write(&mut outbox, usize::MAX, &mut wire), Some(block(2)));
        assert!(outbox.is_empty());
        let order = [
            ("have", 8),
            ("have", 9),
            ("block", 1),
            ("have", 10),
            ("block", 2),
        ];
        assert_eq!(said(&mut wire), order);
    }

    #[test]
    fn a_recalled_block_is_dropped_as_long_as_nothing_of_it_is_out() {
        let (mut outbox, mut wire) = (Outbox::default(), BytesMut::new());
        (1..=4).for_each(|piece| outbox.put(Out::Block(block(piece))));
        assert_eq!(write(&mut outbox, 1, &mut wire), None);
        // Of the first one a byte is out, the third was not read yet.
        outbox.put(Out::Recall(block(1)));
        outbox.put(Out::Recall(block(3)));
        outbox.put(Out::Recall(block(7)));
        assert!(outbox.dropped().eq([block(3)]));
        assert_eq!(write(&mut outbox, usize::MAX, &mut wire), Some(block(1)));
        // The second is read, and the socket takes nothing of it.
        assert_eq!(write(&mut outbox, 0, &mut wire), None);
        outbox.put(Out::Recall(block(2)));
        assert!(outbox.dropped().eq([block(2)]));
        assert_eq!(write(&mut outbox, usize::MAX, &mut wire), Some(block(4)));
        assert!(outbox.is_empty());
        assert_eq!(said(&mut wire), [("block", 1), ("block", 4)]);
    }

    #[test]
    fn it_is_full_until_the_peer_reads() {
        let (mut outbox, mut wire) = (Outbox::default(), BytesMut::new());
        for _ in 0..=super::ENOUGH / 9 {
            assert!(!outbox.is_full());
            outbox.put(have(1));
        }
        assert!(outbox.is_full());
        assert_eq!(write(&mut outbox, 9, &mut wire), None);
        assert!(!outbox.is_full());
    }

    #[test]
    fn whatever_the_socket_takes_at_a_time_every_message_stays_whole() {
        for most in 1..=130 {
            let (mut outbox, mut wire) = (Outbox::default(), BytesMut::new());
            for piece in 0..5 {
                outbox.put(Out::Block(block(piece)));
            }
            let (mut out, mut news) = (Vec::new(), 100..110);
            while !outbox.is_empty() {
                out.extend(write(&mut outbox, most, &mut wire));
                news.next()
                    .into_iter()
                    .for_each(|piece| outbox.put(have(piece)));
            }
            assert_eq!(out, [0, 1, 2, 3, 4].map(block), "{most} bytes at a time");
            let (blocks, haves): (Vec<_>, Vec<_>) = said(&mut wire)
                .into_iter()
                .partition(|(kind, _)| *kind == "block");
            assert!(blocks.into_iter().map(|(_, piece)| piece).eq(0..5));
            assert!(haves.into_iter().map(|(_, piece)| piece).eq(100..110));
        }
    }
}
