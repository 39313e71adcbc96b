//! What to ask of the server: above all what nobody else can give.

use std::time::Duration;

use rand::{Rng, RngExt};

use super::{Picker, Worker};
use crate::core::Block;
use crate::core::claims::Claims;

/// Random tries before looking at all pieces.
const TRIES: usize = 8;

impl Picker {
    /// The next block to ask of the server, noted as asked: of a piece that no peer has and nobody
    /// of ours has claimed. When there is none, the server rests only as long as something of ours
    /// is still open there.
    pub(crate) fn pick_of_server(
        &mut self,
        worker: &Worker<'_>,
        claims: &mut Claims,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Option<Block> {
        let begun = self
            .of_current(worker)
            .or_else(|| self.left_over(worker, claims));
        if let Some(block) = begun {
            self.ask(block, worker);
            return Some(block);
        }
        if let Some(piece) = self.next_unseen(claims, now, rng) {
            let block = self.layout.block(piece, 0);
            self.ask(block, worker);
            claims.take(piece, rng.random(), now);
            self.reserve(claims, now, rng);
            return Some(block);
        }
        (worker.idle && claims.none(now)).then(|| self.fall_back(worker, claims, now, rng))?
    }

    /// Claims the piece after the present one ahead of time, so that two machines that want the same
    /// notice it before they ask for it.
    pub(crate) fn reserve(&mut self, claims: &mut Claims, now: Duration, rng: &mut impl Rng) {
        if claims.next().is_none()
            && let Some(piece) = self.choose_unseen(claims, now, rng)
        {
            claims.reserve(piece, rng.random(), now);
        }
    }

    /// A piece that was begun, is in nobody's hands, and that only the server has.
    fn left_over(&self, worker: &Worker<'_>, claims: &Claims) -> Option<Block> {
        self.partial
            .iter()
            .filter(|(piece, partial)| {
                partial.open() == 0 && self.order.copies(**piece) == 0 && !claims.taken(**piece)
            })
            .find_map(|(piece, partial)| self.next_of(*piece, partial, worker))
    }

    fn next_unseen(&self, claims: &Claims, now: Duration, rng: &mut impl Rng) -> Option<u32> {
        let reserved = claims.next().filter(|piece| self.order.is_unseen(*piece));
        reserved.or_else(|| self.choose_unseen(claims, now, rng))
    }

    /// The piece after the one begun last, as long as it is free: machines that walk do not meet as
    /// often as machines that jump, which matters where not everybody hears everybody's claims.
    fn choose_unseen(&self, claims: &Claims, now: Duration, rng: &mut impl Rng) -> Option<u32> {
        if claims.crowded(now) {
            return None;
        }
        let free = |piece: &u32| self.order.is_unseen(*piece) && claims.free(*piece);
        let neighbour = claims.last().map(|last| last + 1).filter(free);
        if neighbour.is_some() {
            return neighbour;
        }
        let unseen = self.order.unseen();
        if unseen.is_empty() {
            return None;
        }
        let tried = (0..TRIES).map(|_| unseen[rng.random_range(..unseen.len())]);
        if let Some(found) = tried.into_iter().find(|piece| free(piece)) {
            return Some(found);
        }
        let (before, after) = unseen.split_at(rng.random_range(..unseen.len()));
        after
            .iter()
            .chain(before)
            .copied()
            .find(|piece| free(piece))
    }

    /// Everything that only the server has is on its way, and it would rest: it gives the rarest
    /// piece once more. Without this a room of machines with slow ways out would wait for itself.
    fn fall_back(
        &mut self,
        worker: &Worker<'_>,
        claims: &Claims,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Option<Block> {
        let shared = self.order.rarest(worker.has, 1, rng);
        let block = shared
            .map(|piece| self.layout.block(piece, 0))
            .or_else(|| self.of_partial(worker, |_| true));
        if let Some(block) = block {
            self.ask(block, worker);
            return Some(block);
        }
        if let Some(block) = self.end_game(worker, rng) {
            return Some(block);
        }
        let overdue = |piece: &&u32| claims.doubtful(**piece, now);
        let piece = *self.order.unseen().iter().find(overdue)?;
        let block = self.layout.block(piece, 0);
        self.ask(block, worker);
        Some(block)
    }
}
