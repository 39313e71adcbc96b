//! What a peer's claims were worth so far: who claims in vain is not believed any more.

use crate::core::wire::Way;

/// Claims of others that a peer may tell of at a time, and how many of them it may tell in vain beyond
/// those that came true.
pub(super) const MOST_TOLD: u32 = 48;
/// Claims that a peer may have at a time before it has kept one, and at most.
pub(super) const FIRST_CLAIMS: u32 = 4;
const MOST_CLAIMS: u32 = 128;

/// Of one peer.
#[derive(Default)]
pub(super) struct Standing {
    /// Its own claims that hold.
    pub(super) live: u32,
    /// Claims of others that it told of, and that hold.
    told: u32,
    /// Of its own, so many came true, and of those that it told of.
    pub(super) kept: u32,
    pub(super) told_kept: u32,
    in_vain: u32,
    broken: bool,
}

impl Standing {
    /// One more claim of this kind. False where it is one too many, or the peer is not believed.
    pub(super) fn claims(&mut self, way: Way) -> bool {
        let limit = match way {
            Way::ToldOn => MOST_TOLD,
            Way::Direct | Way::TellOn => MOST_CLAIMS.min(FIRST_CLAIMS + self.kept),
        };
        let believed = !self.broken && *self.count(way) < limit;
        *self.count(way) += u32::from(believed);
        believed
    }

    /// The piece came, to the peer itself or to somebody else.
    pub(super) fn came(&mut self, way: Way, to_itself: bool) {
        *self.count(way) -= 1;
        match way {
            Way::ToldOn => self.told_kept += 1,
            // What comes to others is no merit of who claimed it.
            Way::Direct | Way::TellOn => self.kept += u32::from(to_itself),
        }
    }

    /// A claim ended, and the piece did not come.
    pub(super) fn failed(&mut self, way: Way) {
        *self.count(way) -= 1;
        self.in_vain += 1;
        self.broken |= self.in_vain > MOST_TOLD + self.kept + self.told_kept;
    }

    /// A claim was neither kept nor taken back. The claimer itself would have said so, or be gone; who tells of
    /// others cannot know.
    pub(super) fn expired(&mut self, way: Way) {
        self.failed(way);
        self.broken |= way != Way::ToldOn;
    }

    fn count(&mut self, way: Way) -> &mut u32 {
        match way {
            Way::ToldOn => &mut self.told,
            Way::Direct | Way::TellOn => &mut self.live,
        }
    }
}
