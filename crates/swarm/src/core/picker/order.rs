//! Pieces not begun yet, by how rare they are.

use rand::{Rng, RngExt};

use crate::core::Bitfield;

/// Not in any bucket.
const NOWHERE: u32 = u32::MAX;

/// Buckets of pieces with the same number of copies. Moving a piece to the next bucket, which every
/// "have" of every peer does, takes constant time.
pub(super) struct Order {
    /// Known copies of every piece, also of those that are not in here.
    copies: Vec<u32>,
    /// Where in its bucket a piece is.
    place: Vec<u32>,
    buckets: Vec<Vec<u32>>,
    length: usize,
}

impl Order {
    /// These pieces, without any known copy.
    pub(super) fn new(lacking: &Bitfield) -> Self {
        let pieces = lacking.len() as usize;
        let mut order = Self {
            copies: vec![0; pieces],
            place: vec![NOWHERE; pieces],
            buckets: Vec::new(),
            length: 0,
        };
        for piece in lacking.iter() {
            order.insert(piece);
        }
        order
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn contains(&self, piece: u32) -> bool {
        self.place
            .get(piece as usize)
            .is_some_and(|place| *place != NOWHERE)
    }

    pub(super) fn insert(&mut self, piece: u32) {
        if self.contains(piece) || piece as usize >= self.place.len() {
            return;
        }
        let copies = self.copies[piece as usize] as usize;
        if self.buckets.len() <= copies {
            self.buckets.resize(copies + 1, Vec::new());
        }
        let bucket = &mut self.buckets[copies];
        self.place[piece as usize] = bucket.len() as u32;
        bucket.push(piece);
        self.length += 1;
    }

    /// False if it was not there.
    pub(super) fn remove(&mut self, piece: u32) -> bool {
        if !self.contains(piece) {
            return false;
        }
        let bucket = &mut self.buckets[self.copies[piece as usize] as usize];
        let place = std::mem::replace(&mut self.place[piece as usize], NOWHERE);
        bucket.swap_remove(place as usize);
        if let Some(moved) = bucket.get(place as usize) {
            self.place[*moved as usize] = place;
        }
        self.length -= 1;
        true
    }

    pub(super) fn more(&mut self, piece: u32) {
        self.recount(piece, |copies| copies + 1);
    }

    pub(super) fn fewer(&mut self, piece: u32) {
        self.recount(piece, |copies| copies.saturating_sub(1));
    }

    fn recount(&mut self, piece: u32, count: impl Fn(u32) -> u32) {
        let inside = self.remove(piece);
        if let Some(copies) = self.copies.get_mut(piece as usize) {
            *copies = count(*copies);
        }
        if inside {
            self.insert(piece);
        }
    }

    /// Known copies of a piece.
    pub(super) fn copies(&self, piece: u32) -> u32 {
        self.copies[piece as usize]
    }

    /// In here, and nobody is known to have it.
    pub(super) fn is_unseen(&self, piece: u32) -> bool {
        self.contains(piece) && self.copies(piece) == 0
    }

    /// All of those.
    pub(super) fn unseen(&self) -> &[u32] {
        self.buckets.first().map_or(&[], Vec::as_slice)
    }

    /// The rarest piece among those in `has` with so many known copies at least, a random one of
    /// them. What nobody is known to have is only with those who have everything.
    pub(super) fn rarest(&self, has: &Bitfield, least: usize, rng: &mut impl Rng) -> Option<u32> {
        let least = least.max(usize::from(!has.is_full()));
        self.buckets
            .iter()
            .skip(least)
            .filter(|bucket| !bucket.is_empty())
            .find_map(|bucket| {
                // Buckets are in random order soon enough; a random start makes machines differ.
                let start = rng.random_range(..bucket.len());
                let (before, after) = bucket.split_at(start);
                after
                    .iter()
                    .chain(before)
                    .copied()
                    .find(|piece| has.has(*piece))
            })
    }
}
