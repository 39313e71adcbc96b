//! Pieces not begun yet, by how rare they are.

use rand::{Rng, RngExt};

use crate::core::Bitfield;

/// What is known of a piece.
#[derive(Clone, Copy)]
struct Entry {
    /// Known copies, also of a piece that is in no bucket.
    copies: u32,
    /// In which bucket it is: that of its copies, or of fewer.
    bucket: u32,
    /// Where in that bucket.
    place: u32,
}

/// Buckets of pieces with the same number of copies. Every "have" of every peer counts one more
/// copy, so that does no more than count: a piece goes to its true bucket when it is come upon in
/// another one. Only the bucket of what nobody has is exact at any time.
pub(super) struct Order {
    entries: Vec<Entry>,
    buckets: Vec<Vec<u32>>,
    inside: Bitfield,
}

impl Order {
    /// These pieces, without any known copy.
    pub(super) fn new(lacking: &Bitfield) -> Self {
        let entry = Entry {
            copies: 0,
            bucket: 0,
            place: 0,
        };
        let mut order = Self {
            entries: vec![entry; lacking.len() as usize],
            buckets: Vec::new(),
            inside: Bitfield::empty(lacking.len()),
        };
        for piece in lacking.iter() {
            order.insert(piece);
        }
        order
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }

    pub(super) fn contains(&self, piece: u32) -> bool {
        self.inside.has(piece)
    }

    pub(super) fn insert(&mut self, piece: u32) {
        if self.inside.set(piece) {
            self.put(piece);
        }
    }

    /// False if it was not there.
    pub(super) fn remove(&mut self, piece: u32) -> bool {
        let inside = self.inside.clear(piece);
        if inside {
            self.take(piece);
        }
        inside
    }

    /// Into the bucket of its copies.
    fn put(&mut self, piece: u32) {
        let entry = &mut self.entries[piece as usize];
        let copies = entry.copies as usize;
        if self.buckets.len() <= copies {
            self.buckets.resize(copies + 1, Vec::new());
        }
        let bucket = &mut self.buckets[copies];
        entry.bucket = entry.copies;
        entry.place = bucket.len() as u32;
        bucket.push(piece);
    }

    /// Out of the bucket it is in.
    fn take(&mut self, piece: u32) {
        let entry = &mut self.entries[piece as usize];
        let place = entry.place;
        let bucket = &mut self.buckets[entry.bucket as usize];
        bucket.swap_remove(place as usize);
        if let Some(moved) = bucket.get(place as usize) {
            self.entries[*moved as usize].place = place;
        }
    }

    fn move_to_its_bucket(&mut self, piece: u32) {
        if self.contains(piece) {
            self.take(piece);
            self.put(piece);
        }
    }

    /// One more copy of a piece is known. True if it is the first one.
    pub(super) fn more(&mut self, piece: u32) -> bool {
        let Some(entry) = self.entries.get_mut(piece as usize) else {
            return false;
        };
        entry.copies += 1;
        let first = entry.copies == 1;
        if first {
            self.move_to_its_bucket(piece);
        }
        first
    }

    /// One copy less is known.
    pub(super) fn fewer(&mut self, piece: u32) {
        let Some(entry) = self.entries.get_mut(piece as usize) else {
            return;
        };
        entry.copies = entry.copies.saturating_sub(1);
        if entry.bucket > entry.copies {
            self.move_to_its_bucket(piece);
        }
    }

    /// Known copies of a piece.
    pub(super) fn copies(&self, piece: u32) -> u32 {
        self.entries[piece as usize].copies
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
    pub(super) fn rarest(
        &mut self,
        has: &Bitfield,
        least: usize,
        rng: &mut impl Rng,
    ) -> Option<u32> {
        if !has.meets(&self.inside) {
            return None;
        }
        let least = least.max(usize::from(!has.is_full()));
        (least..self.buckets.len()).find_map(|copies| {
            let length = self.buckets[copies].len();
            // Buckets are in random order soon enough; a random start makes machines differ.
            let start = (length > 0).then(|| rng.random_range(..length))?;
            let after = self.first_of(copies, start, length, has);
            after.or_else(|| self.first_of(copies, 0, start, has))
        })
    }

    /// The first of `has` in a part of a bucket. What is on its way there and has more copies goes to
    /// its own bucket.
    fn first_of(
        &mut self,
        copies: usize,
        mut place: usize,
        end: usize,
        has: &Bitfield,
    ) -> Option<u32> {
        while place < end
            && let Some(piece) = self.buckets[copies].get(place).copied()
        {
            if self.copies(piece) as usize != copies {
                self.move_to_its_bucket(piece);
            } else if has.has(piece) {
                return Some(piece);
            } else {
                place += 1;
            }
        }
        None
    }
}
