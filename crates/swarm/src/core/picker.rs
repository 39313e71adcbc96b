//! Which block to ask of whom.
//!
//! Every block is in one of four states: wanted, asked, stored, verified. The picker is the only
//! place that moves it between them, and outside the end game a block is asked of one peer at a
//! time. It never talks to a peer: it answers who-should-fetch-what and remembers the answer.

mod order;
mod partial;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use rand::{Rng, RngExt};

use super::{Bitfield, Block, ConnId, Layout};
use order::Order;
use partial::{Partial, State};

/// The end game begins when no more than so many pieces are open and all of their blocks are asked.
const END_GAME_PIECES: usize = 24;

/// At how many peers one block is asked at the same time in the end game.
const END_GAME_COPIES: usize = 2;

/// Who wants something to do.
pub(crate) struct Worker<'a> {
    pub(crate) conn: ConnId,
    pub(crate) address: Ipv4Addr,
    pub(crate) has: &'a Bitfield,
    /// The piece it is working on.
    pub(crate) current: Option<u32>,
    /// It had a part in a piece that was wrong: it gets whole pieces to fetch alone.
    pub(crate) suspect: bool,
    /// Its window is nearly empty: it may help in the end game.
    pub(crate) idle: bool,
    /// It brings what it is asked for. What others are asked for a second time does not count, or two that bring
    /// nothing could keep a block to themselves.
    pub(crate) proven: bool,
}

/// What a block that arrived was good for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is there already, or its piece is reserved for somebody else.
    Unneeded,
    /// It is to be stored.
    Stored {
        /// Everybody else whom it was asked of.
        cancel: Vec<ConnId>,
        /// It was the last one of its piece.
        full: bool,
    },
}

pub(crate) struct Picker {
    layout: Layout,
    have: Bitfield,
    /// Wanted, and not verified yet. Nothing else is ever asked for.
    lacking: Bitfield,
    /// Bytes of the wanted pieces: of all, and of those that are verified.
    total: u64,
    have_bytes: u64,
    /// Pieces that we lack and of which nothing is asked or stored.
    order: Order,
    partial: BTreeMap<u32, Partial>,
    /// How many of those have blocks that nobody was asked for. Mostly none, and then nobody need look.
    wanting: usize,
    /// Pieces that were wrong once: only one peer at a time may bring them.
    alone: BTreeSet<u32>,
}

impl Picker {
    /// Fetches the pieces of `wanted` that are not in `have`.
    pub(crate) fn new(layout: Layout, have: Bitfield, wanted: &Bitfield) -> Self {
        let bytes = |pieces: &Bitfield| -> u64 {
            let sizes = pieces.iter().map(|piece| layout.piece_size(piece));
            sizes.map(u64::from).sum()
        };
        let mut lacking = wanted.clone();
        lacking.remove_all(&have);
        let total = bytes(wanted);
        let have_bytes = total - bytes(&lacking);
        let order = Order::new(&lacking);
        Self {
            layout,
            have,
            lacking,
            total,
            have_bytes,
            order,
            partial: BTreeMap::new(),
            wanting: 0,
            alone: BTreeSet::new(),
        }
    }

    pub(crate) fn have(&self) -> &Bitfield {
        &self.have
    }

    /// What is wanted and not verified yet.
    pub(crate) fn lacking(&self) -> &Bitfield {
        &self.lacking
    }

    /// Bytes of all wanted pieces.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes of the wanted pieces that are verified.
    pub(crate) fn have_bytes(&self) -> u64 {
        self.have_bytes
    }

    /// One more peer that is no seed has this piece. (What every seed has says nothing about
    /// rarity.) True if it is the first one.
    pub(crate) fn more_copies(&mut self, piece: u32) -> bool {
        self.order.more(piece)
    }

    /// One peer less has this piece.
    pub(crate) fn fewer_copies(&mut self, piece: u32) {
        self.order.fewer(piece);
    }

    /// How many peers that count have it.
    pub(crate) fn copies(&self, piece: u32) -> u32 {
        self.order.copies(piece)
    }

    /// Whether we lack it, no peer that counts has it, and nothing of it is asked or here.
    pub(crate) fn unseen(&self, piece: u32) -> bool {
        self.order.is_unseen(piece)
    }

    /// Whether there is any such piece.
    pub(crate) fn anything_unseen(&self) -> bool {
        !self.order.unseen().is_empty()
    }

    /// Whether something of it is asked or here, but not all of it verified.
    pub(crate) fn begun(&self, piece: u32) -> bool {
        self.partial.contains_key(&piece)
    }

    /// Whether something of this piece may still be asked.
    pub(crate) fn wants(&self, piece: u32) -> bool {
        self.order.contains(piece) || self.partial.get(&piece).is_some_and(Partial::wanting)
    }

    /// The next block to ask of this peer, noted as asked.
    pub(crate) fn pick(&mut self, worker: &Worker<'_>, rng: &mut impl Rng) -> Option<Block> {
        let block = self
            .of_current(worker)
            .or_else(|| self.of_partial(worker, |partial| partial.open() == 0))
            .or_else(|| self.of_new(worker, rng))
            .or_else(|| self.of_partial(worker, |_| true));
        match block {
            Some(block) => {
                self.ask(block, worker);
                Some(block)
            }
            None if worker.idle => self.end_game(worker, rng),
            None => None,
        }
    }

    /// A peer will not bring a block any more.
    pub(crate) fn release(&mut self, block: Block, conn: ConnId) {
        let Some(partial) = self.partial.get_mut(&block.piece) else {
            return;
        };
        let Some(number) = self.layout.number(block) else {
            return;
        };
        let wanting = partial.wanting();
        partial.release(number, conn);
        self.wanting += usize::from(partial.wanting() && !wanting);
        // A piece that one peer was to bring alone starts anew with the next one.
        let spoilt = partial.reserved().is_some() && partial.wanting();
        if partial.open() == 0 && (partial.stored() == 0 || spoilt) {
            self.partial.remove(&block.piece);
            self.wanting -= 1;
            self.order.insert(block.piece);
        }
    }

    /// A machine brings nothing for now: pieces that it was to bring alone start anew with others.
    pub(crate) fn abandon(&mut self, address: Ipv4Addr) {
        self.restart(|partial| partial.reserved() == Some(address));
    }

    /// Nothing is asked of anybody. If pieces are begun still, then by such as nobody here may
    /// finish: let them begin anew.
    pub(crate) fn start_over(&mut self) {
        self.restart(|_| true);
    }

    fn restart(&mut self, which: impl Fn(&Partial) -> bool) {
        let (order, wanting) = (&mut self.order, &mut self.wanting);
        self.partial.retain(|piece, partial| {
            let restart = partial.open() == 0 && partial.wanting() && which(partial);
            if restart {
                order.insert(*piece);
                *wanting -= 1;
            }
            !restart
        });
        let wanting = self.partial.values().filter(|partial| partial.wanting());
        debug_assert_eq!(self.wanting, wanting.count());
    }

    /// A block came that was sent to everybody, whoever was asked for it. Pieces that were wrong once are not begun by it.
    pub(crate) fn overheard(&mut self, block: Block, conn: ConnId, group: Ipv4Addr) -> Arrival {
        if !self.alone.contains(&block.piece) && self.order.remove(block.piece) {
            let blocks = self.layout.blocks(block.piece);
            self.partial.insert(block.piece, Partial::new(blocks, None));
            self.wanting += 1;
        }
        self.arrived(block, conn, group)
    }

    /// Blocks that were sent to everybody are wanted again, but of pieces that are complete and being checked.
    pub(crate) fn forget_overheard(&mut self) {
        for partial in self.partial.values_mut().filter(|partial| !partial.full()) {
            let wanting = partial.wanting();
            partial.forget(Ipv4Addr::is_multicast);
            self.wanting += usize::from(partial.wanting() && !wanting);
        }
        self.restart(|partial| partial.stored() == 0);
    }

    /// A block came from somebody.
    pub(crate) fn arrived(&mut self, block: Block, conn: ConnId, from: Ipv4Addr) -> Arrival {
        let number = self.layout.number(block);
        let (Some(partial), Some(number)) = (self.partial.get_mut(&block.piece), number) else {
            return Arrival::Unneeded;
        };
        if !partial.allows(from, false) {
            return Arrival::Unneeded;
        }
        let wanting = partial.wanting();
        let others = partial.store(number, conn, from);
        self.wanting -= usize::from(wanting && !partial.wanting());
        match others {
            Some(cancel) => Arrival::Stored {
                cancel,
                full: partial.full(),
            },
            None => Arrival::Unneeded,
        }
    }

    /// The hash of a full piece is right. Gives who brought how many bytes of it; nobody if the
    /// piece was not waiting for a verdict.
    pub(crate) fn verified(&mut self, piece: u32) -> Vec<(Ipv4Addr, u32)> {
        let Some(partial) = self.take_full(piece) else {
            return Vec::new();
        };
        self.alone.remove(&piece);
        self.have.set(piece);
        self.lacking.clear(piece);
        self.have_bytes += u64::from(self.layout.piece_size(piece));
        partial.providers(&self.layout, piece)
    }

    /// The hash of a full piece is wrong: it is wanted again. Gives who brought how many bytes.
    pub(crate) fn refuted(&mut self, piece: u32) -> Vec<(Ipv4Addr, u32)> {
        let Some(partial) = self.take_full(piece) else {
            return Vec::new();
        };
        self.alone.insert(piece);
        self.order.insert(piece);
        partial.providers(&self.layout, piece)
    }

    fn take_full(&mut self, piece: u32) -> Option<Partial> {
        self.partial.get(&piece).filter(|partial| partial.full())?;
        self.partial.remove(&piece)
    }

    /// Go on with the piece the peer is at: a piece in one hand is complete, and shared, soonest.
    fn of_current(&self, worker: &Worker<'_>) -> Option<Block> {
        let piece = worker.current?;
        self.next_of(piece, self.partial.get(&piece)?, worker)
    }

    /// A begun piece, the one with most left to do.
    fn of_partial(&self, worker: &Worker<'_>, which: impl Fn(&Partial) -> bool) -> Option<Block> {
        if self.wanting == 0 {
            return None;
        }
        self.partial
            .iter()
            .filter(|(_, partial)| partial.wanting() && which(partial))
            .filter(|(piece, _)| worker.has.has(**piece))
            .filter_map(|(piece, partial)| {
                Some((partial.wanted(), self.next_of(*piece, partial, worker)?))
            })
            .max_by_key(|(wanted, _)| *wanted)
            .map(|(_, block)| block)
    }

    fn next_of(&self, piece: u32, partial: &Partial, worker: &Worker<'_>) -> Option<Block> {
        if !partial.allows(worker.address, worker.suspect) {
            return None;
        }
        partial
            .next_wanted()
            .map(|number| self.layout.block(piece, number))
    }

    fn of_new(&mut self, worker: &Worker<'_>, rng: &mut impl Rng) -> Option<Block> {
        let piece = self.order.rarest(worker.has, 0, rng)?;
        Some(self.layout.block(piece, 0))
    }

    fn ask(&mut self, block: Block, worker: &Worker<'_>) {
        if self.order.remove(block.piece) {
            let reserved = worker.suspect || self.alone.contains(&block.piece);
            let blocks = self.layout.blocks(block.piece);
            let partial = Partial::new(blocks, reserved.then_some(worker.address));
            self.partial.insert(block.piece, partial);
            self.wanting += 1;
        }
        let number = self.layout.number(block);
        if let (Some(partial), Some(number)) = (self.partial.get_mut(&block.piece), number) {
            let wanting = partial.wanting();
            partial.ask(number, worker.conn);
            self.wanting -= usize::from(wanting && !partial.wanting());
        }
    }

    /// A second request for a block that is asked already, among the last few of all.
    fn end_game(&mut self, worker: &Worker<'_>, rng: &mut impl Rng) -> Option<Block> {
        if !self.order.is_empty() || self.partial.len() > END_GAME_PIECES || self.wanting > 0 {
            return None;
        }
        let open = self.asked_of_others(worker, END_GAME_COPIES);
        if open.is_empty() {
            return None;
        }
        let (piece, number) = open[rng.random_range(..open.len())];
        if worker.proven {
            self.partial.get_mut(&piece)?.ask(number, worker.conn);
        }
        Some(self.layout.block(piece, number))
    }

    /// A block to try a peer with that is not trusted to bring it. Somebody else was asked for it and stays the one
    /// who is; nothing is noted, and nobody waits for the answer.
    pub(crate) fn probe(&self, worker: &Worker<'_>, rng: &mut impl Rng) -> Option<Block> {
        let open = self.asked_of_others(worker, usize::MAX);
        let (piece, number) = *open.get(rng.random_range(..open.len().max(1)))?;
        Some(self.layout.block(piece, number))
    }

    /// Blocks that it could bring and that fewer than so many others were asked for.
    fn asked_of_others(&self, worker: &Worker<'_>, fewer_than: usize) -> Vec<(u32, u32)> {
        let mut open = Vec::new();
        for (piece, partial) in &self.partial {
            if partial.reserved().is_some() || !worker.has.has(*piece) || worker.suspect {
                continue;
            }
            for (number, state) in partial.states() {
                if let State::Asked(of) = state
                    && of.len() < fewer_than
                    && !of.contains(&worker.conn)
                {
                    open.push((*piece, number));
                }
            }
        }
        open
    }
}

#[cfg(test)]
mod tests;
