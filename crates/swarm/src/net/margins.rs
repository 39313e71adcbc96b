//! The parts of files that nobody here wants, of pieces that are wanted nevertheless.
//!
//! Files follow each other without a gap, so the first and the last piece of a wanted file usually
//! hold bytes of its neighbours. A piece can only be verified, and served to others, as a whole. Those bytes
//! are kept in memory: a file that nobody asked for would have to be explained to whoever finds it, and
//! a file of such bytes beside the others would be one more. It is two pieces at most for each
//! wanted file. What is lost with them when the program ends is fetched again by the next run, no more
//! than those pieces.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use metainfo::{Info, Span};

use super::wanted::{Wanted, places};
use crate::core::Bitfield;

struct Margin {
    /// Where in its file it begins.
    offset: u64,
    bytes: Mutex<Vec<u8>>,
}

/// By piece and file.
#[derive(Default)]
pub(super) struct Margins(HashMap<(u32, usize), Margin>);

impl Margins {
    /// For a machine that wants these files, which take these pieces.
    pub(super) fn new(info: &Info, wanted: &Wanted, pieces: &Bitfield) -> Self {
        let mut margins = HashMap::new();
        let length = u64::from(info.piece_length);
        for place in places(info).filter(|place| !wanted.has(place.file)) {
            // Pieces between these two hold nothing but this file, so they are not wanted.
            for piece in [place.first, place.last] {
                if pieces.has(piece) {
                    let begin = u64::from(piece) * length;
                    let from = begin.max(place.start);
                    let bytes = (begin + length).min(place.end) - from;
                    let margin = Margin {
                        offset: from - place.start,
                        bytes: Mutex::new(vec![0; bytes as usize]),
                    };
                    margins.insert((piece, place.file), margin);
                }
            }
        }
        Self(margins)
    }

    /// Does `work` with the bytes of this span. False if they are in a file.
    pub(super) fn with(&self, piece: u32, span: Span, work: impl FnOnce(&mut [u8])) -> bool {
        let Some(margin) = self.0.get(&(piece, span.file)) else {
            return false;
        };
        let mut bytes = margin.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (span.offset - margin.offset) as usize;
        work(&mut bytes[from..from + span.length as usize]);
        true
    }
}
