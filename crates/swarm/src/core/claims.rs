//! Who fetches which piece from the server.
//!
//! A claim keeps others from asking the server for the same piece while it has no copy in the room
//! yet. It is a courtesy, never a lock: it ends by itself, nobody has more than a few of them before
//! pieces came of the first ones, and who breaks one is not believed any more.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ConnId;
use super::wire::Claim;

/// A claim that still holds is repeated so often.
const REPEAT: Duration = Duration::from_secs(1);
/// A claim that was not repeated for so long is broken.
const UNREPEATED: Duration = Duration::from_secs(4);
/// However often it is repeated: a piece that takes so long is not coming.
const LONGEST: Duration = Duration::from_secs(60);
/// A claim so old is overlooked by who has nothing else to fetch.
const DOUBTFUL: Duration = Duration::from_secs(10);
/// Claims that a peer may have at a time before it has kept one, and at most.
const FIRST_CLAIMS: u32 = 4;
const MOST_CLAIMS: u32 = 128;

struct Other {
    conn: ConnId,
    first: Duration,
    heard: Duration,
}

/// What a peer's claims were worth so far.
#[derive(Default)]
struct Standing {
    live: u32,
    kept: u32,
    broken: bool,
}

#[derive(Default)]
pub(crate) struct Claims {
    others: BTreeMap<u32, Other>,
    standings: BTreeMap<ConnId, Standing>,
    /// Ours, and when the others were told last.
    ours: BTreeMap<u32, Duration>,
    /// The one among ours that is to be fetched when the present one is asked.
    next: Option<u32>,
    /// The one that was begun last; the next one is its neighbour if possible.
    last: Option<u32>,
    to_tell: VecDeque<Claim>,
}

impl Claims {
    /// Whether nobody is known to fetch this piece from the server.
    pub(crate) fn free(&self, piece: u32) -> bool {
        !self.others.contains_key(&piece) && !self.ours.contains_key(&piece)
    }

    /// Whether somebody else fetches it.
    pub(crate) fn taken(&self, piece: u32) -> bool {
        self.others.contains_key(&piece)
    }

    /// Whether somebody else claims it for so long already that it may never come.
    pub(crate) fn doubtful(&self, piece: u32, now: Duration) -> bool {
        let other = self.others.get(&piece);
        other.is_some_and(|other| now.saturating_sub(other.first) > DOUBTFUL)
    }

    pub(crate) fn next(&self) -> Option<u32> {
        self.next
    }

    pub(crate) fn last(&self) -> Option<u32> {
        self.last
    }

    /// We begin to fetch a piece.
    pub(crate) fn take(&mut self, piece: u32, now: Duration) {
        if self.next == Some(piece) {
            self.next = None;
        }
        self.last = Some(piece);
        self.claim(piece, now);
    }

    /// We shall fetch this one next.
    pub(crate) fn reserve(&mut self, piece: u32, now: Duration) {
        self.next = Some(piece);
        self.claim(piece, now);
    }

    fn claim(&mut self, piece: u32, now: Duration) {
        if self.ours.insert(piece, now).is_none() {
            self.to_tell.push_back(Claim::Takes(piece));
        }
    }

    /// The piece is here.
    pub(crate) fn fetched(&mut self, piece: u32) {
        self.ours.remove(&piece);
        if self.next == Some(piece) {
            self.next = None;
        }
    }

    /// What we claimed is not being fetched, except for those that are.
    pub(crate) fn leave_all_but(&mut self, fetching: impl Fn(u32) -> bool) {
        let left: Vec<_> = self
            .ours
            .keys()
            .copied()
            .filter(|piece| !fetching(*piece))
            .collect();
        for piece in left {
            self.fetched(piece);
            self.to_tell.push_back(Claim::Leaves(piece));
        }
    }

    /// Says again what is not said for long.
    pub(crate) fn repeat(&mut self, now: Duration) {
        for (piece, told) in &mut self.ours {
            if now.saturating_sub(*told) >= REPEAT {
                *told = now;
                self.to_tell.push_back(Claim::Takes(*piece));
            }
        }
    }

    /// What the others are to be told.
    pub(crate) fn untold(&mut self) -> Option<Claim> {
        self.to_tell.pop_front()
    }

    /// All of ours, for a newcomer.
    pub(crate) fn ours(&self) -> impl Iterator<Item = Claim> {
        self.ours.keys().copied().map(Claim::Takes)
    }

    /// A peer claims a piece. `first` says whether it goes before us, if both claim the same piece
    /// at the same moment. True if we give up the one that was to be our next.
    pub(crate) fn heard(&mut self, conn: ConnId, piece: u32, first: Before, now: Duration) -> bool {
        let yields = self.next == Some(piece) && first == Before::Us;
        if self.ours.contains_key(&piece) && !yields {
            return false;
        }
        if let Some(other) = self.others.get_mut(&piece) {
            if other.conn == conn {
                other.heard = now;
            }
            return false;
        }
        let standing = self.standings.entry(conn).or_default();
        let limit = MOST_CLAIMS.min(FIRST_CLAIMS + standing.kept);
        if standing.broken || standing.live >= limit {
            return false;
        }
        standing.live += 1;
        let heard = now;
        let other = Other {
            conn,
            first: now,
            heard,
        };
        self.others.insert(piece, other);
        if yields {
            self.fetched(piece);
        }
        yields
    }

    /// A peer leaves a piece that it claimed.
    pub(crate) fn left(&mut self, conn: ConnId, piece: u32) {
        if self
            .others
            .get(&piece)
            .is_some_and(|other| other.conn == conn)
        {
            self.others.remove(&piece);
            self.standing(conn, |standing| standing.live -= 1);
        }
    }

    /// A peer has a piece, so that nobody needs the server for it.
    pub(crate) fn came(&mut self, conn: ConnId, piece: u32) {
        if let Some(other) = self.others.remove(&piece) {
            self.standing(other.conn, |standing| {
                standing.live -= 1;
                standing.kept += u32::from(other.conn == conn);
            });
        }
    }

    /// A peer is gone.
    pub(crate) fn gone(&mut self, conn: ConnId) {
        if self.standings.remove(&conn).is_some() {
            self.others.retain(|_, other| other.conn != conn);
        }
    }

    /// Claims that were not kept end, and their peers are not believed any more.
    pub(crate) fn expire(&mut self, now: Duration) {
        let standings = &mut self.standings;
        self.others.retain(|_, other| {
            let holds = now.saturating_sub(other.heard) < UNREPEATED
                && now.saturating_sub(other.first) < LONGEST;
            if !holds && let Some(standing) = standings.get_mut(&other.conn) {
                standing.live -= 1;
                standing.broken = true;
            }
            holds
        });
    }

    fn standing(&mut self, conn: ConnId, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.standings.get_mut(&conn) {
            change(standing);
        }
    }
}

/// Who has the older right to a piece that two claim at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// The other one goes before us.
    Us,
    /// We go before the other one.
    Them,
}
