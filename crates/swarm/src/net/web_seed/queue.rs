//! What was asked and is not fetched yet, and which of it goes into one range.

use std::collections::VecDeque;

use metainfo::{Info, Span};

use crate::core::Block;

/// Most bytes in one range: few enough that what is taken back is not fetched in vain, so many that the
/// head of a request costs nothing.
const LONGEST: u32 = 256 << 10;
/// Most blocks that wait. The core keeps fewer open at one peer.
const MOST: usize = 1024;

/// Blocks that wait, in the order in which they were asked.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Block>);

impl Queue {
    /// One more; dropped if there are far too many.
    pub(super) fn push(&mut self, block: Block) {
        if self.0.len() < MOST {
            self.0.push_back(block);
        }
    }

    /// Not wanted any more.
    pub(super) fn cancel(&mut self, block: Block) {
        self.0.retain(|waiting| *waiting != block);
    }

    /// The oldest, and those that follow it in the torrent without a gap; none if nothing waits.
    pub(super) fn take(&mut self, info: &Info) -> Vec<Block> {
        let Some(mut last) = self.0.pop_front() else {
            return Vec::new();
        };
        let (mut run, mut length) = (vec![last], last.length);
        while length < LONGEST {
            let next = following(last, info);
            let same = |block: &Block| (block.piece, block.begin) == next;
            let Some(found) = self.0.iter().position(same) else {
                break;
            };
            last = self.0.remove(found).expect("found there");
            length += last.length;
            run.push(last);
        }
        run
    }
}

/// Piece and offset right behind a block.
fn following(block: Block, info: &Info) -> (u32, u32) {
    let end = block.begin + block.length;
    if end < info.piece_size(block.piece) {
        (block.piece, end)
    } else {
        (block.piece + 1, 0)
    }
}

/// Where blocks that follow each other lie, as few ranges of files as possible.
pub(super) fn ranges(run: &[Block], info: &Info) -> Vec<Span> {
    let mut all: Vec<Span> = Vec::new();
    for block in run {
        for span in info.spans_within(block.piece, block.begin, block.length) {
            match all.last_mut() {
                Some(last) if last.file == span.file => last.length += span.length,
                _ => all.push(span),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{BLOCK, Layout};
    use metainfo::FileEntry;

    /// Pieces of two blocks; files of one and a half blocks, nothing, and the rest.
    fn info() -> Info {
        let lengths = [u64::from(BLOCK) * 3 / 2, 0, 40 * u64::from(BLOCK) + 5];
        let entry = |(number, length): (usize, &u64)| FileEntry {
            path: vec![number.to_string()],
            length: *length,
        };
        Info {
            name: "tiny".into(),
            piece_length: 2 * BLOCK,
            pieces: vec![[0; 20]; 21],
            files: lengths.iter().enumerate().map(entry).collect(),
            private: false,
            single_file: false,
        }
    }

    fn queue(blocks: impl IntoIterator<Item = (u32, u32)>) -> Queue {
        let (layout, mut queue) = (Layout::of(&info()), Queue::default());
        for (piece, number) in blocks {
            queue.push(layout.block(piece, number));
        }
        queue
    }

    fn taken(queue: &mut Queue) -> Vec<(u32, u32)> {
        let run = queue.take(&info());
        run.iter()
            .map(|block| (block.piece, block.begin / BLOCK))
            .collect()
    }

    #[test]
    fn what_follows_each_other_goes_together_and_not_too_much_of_it() {
        let mut waiting = queue([(3, 0), (9, 1), (3, 1), (4, 0), (5, 0)]);
        assert_eq!(taken(&mut waiting), [(3, 0), (3, 1), (4, 0)]);
        assert_eq!(taken(&mut waiting), [(9, 1)]);
        assert_eq!(taken(&mut waiting), [(5, 0)]);
        assert!(taken(&mut waiting).is_empty());
        let mut many = queue((0..20).flat_map(|piece| [(piece, 0), (piece, 1)]));
        assert_eq!(taken(&mut many).len(), (LONGEST / BLOCK) as usize);
        let mut last = queue([(20, 0), (20, 1)]);
        assert_eq!(taken(&mut last).len(), 2);
    }

    #[test]
    fn what_is_taken_back_is_not_fetched() {
        let mut waiting = queue([(3, 0), (3, 1)]);
        waiting.cancel(Layout::of(&info()).block(3, 0));
        assert_eq!(taken(&mut waiting), [(3, 1)]);
    }

    #[test]
    fn a_run_across_files_is_one_range_of_each() {
        let info = info();
        let run = queue([(0, 0), (0, 1), (1, 0)]).take(&info);
        let found: Vec<_> = ranges(&run, &info)
            .iter()
            .map(|span| (span.file, span.offset, span.length))
            .collect();
        assert_eq!(found, [(0, 0, BLOCK * 3 / 2), (2, 0, BLOCK * 3 / 2)]);
    }
}
