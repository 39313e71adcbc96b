//! Who fetches which piece from the server.
//!
//! A claim keeps others from asking the server for the same piece while it has no copy in the room
//! yet. It is a courtesy, never a lock: it ends by itself, nobody has more than a few of them before
//! pieces came of the first ones, and who breaks one is not believed any more.

mod reach;
mod standing;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ConnId;
use super::wire::{Claim, Kind, Way};
use reach::Reach;
use standing::{FIRST_CLAIMS, MOST_TOLD, Standing};

/// A claim that still holds is repeated so often. On slow cables most of what machines say is that.
const REPEAT: Duration = Duration::from_secs(2);
/// A claim that was not repeated for so long is broken.
const UNREPEATED: Duration = Duration::from_secs(5);
/// However often it is repeated: a piece that takes so long is not coming.
const LONGEST: Duration = Duration::from_secs(60);
/// A claim so old is overlooked by who has nothing else to fetch.
const DOUBTFUL: Duration = Duration::from_secs(5);
/// With so many pieces claimed the server has enough to do. In a room of a thousand it would begin with
/// one piece for everybody, and nobody would have a whole one to share for a long time.
const ENOUGH: u32 = 64;
/// Who has so many pieces more of the server than the others, and an eighth beyond that, lets them go first.
const AHEAD: u32 = 2;
/// So many neighbouring pieces one after the other, where not everybody hears everybody.
const WALK: u32 = 16;
// One connection makes nobody wait.
const _: () = assert!(MOST_TOLD + FIRST_CLAIMS < ENOUGH);

struct Other {
    conn: ConnId,
    way: Way,
    first: Duration,
    heard: Duration,
}

/// One of ours.
struct Own {
    rank: u32,
    told: Duration,
}

/// What came of a claim that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is of no use: known already from another peer, or not believed.
    Ignored,
    /// It is new, or repeated: those who are not connected to the claimer may want to know.
    Noted,
    /// It goes before ours, which was to be our next piece: another one is to be reserved.
    Lost,
}

#[derive(Default)]
pub(crate) struct Claims {
    others: BTreeMap<u32, Other>,
    standings: BTreeMap<ConnId, Standing>,
    ours: BTreeMap<u32, Own>,
    /// The one among ours that is to be fetched when the present one is asked.
    next: Option<u32>,
    /// The one that was begun last; the next one is its neighbour if possible. So many neighbours came before it.
    last: Option<u32>,
    walked: u32,
    /// Claims of ours that came true.
    kept: u32,
    to_tell: VecDeque<Said>,
    /// Nothing new is claimed before.
    hold: Duration,
}

/// What is to be said of a piece of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) kind: Kind,
    pub(crate) piece: u32,
    pub(crate) rank: u32,
}

impl Claims {
    /// What others fetch, for tests.
    #[cfg(test)]
    pub(crate) fn others(&self) -> impl Iterator<Item = u32> {
        self.others.keys().copied()
    }

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

    /// Lets others begin: nothing is claimed until then.
    pub(crate) fn hold(&mut self, until: Duration) {
        self.hold = until;
    }

    /// Whether the server has enough to do with what others claim, or we wait for another reason.
    pub(crate) fn crowded(&self, now: Duration) -> bool {
        now < self.hold || self.enough()
    }

    /// Whether all that is claimed is claimed by others, and is enough.
    pub(crate) fn left_out(&self) -> bool {
        self.ours.is_empty() && self.enough()
    }

    /// Of claims that were told on we hear a second or more too late that they came true: three machines of a thousand were seen
    /// to have the server for themselves while everybody else thought it busy. So the claims that we hear directly are
    /// counted too, as a part of all, and the smaller number is believed.
    fn enough(&self) -> bool {
        let direct = self.standings.values().map(|standing| standing.live).sum();
        let all = self.reach().in_the_room(direct).unwrap_or(u32::MAX);
        all.min(self.others.len() as u32) >= ENOUGH
    }

    /// How much of the room we hear directly.
    fn reach(&self) -> Reach {
        let sum = |count: fn(&Standing) -> u32| {
            let all = self.standings.values().map(count);
            all.fold(0, u32::saturating_add)
        };
        Reach {
            direct: sum(|standing| standing.kept),
            told_on: sum(|standing| standing.told_kept),
        }
    }

    /// Whether nobody is known to fetch anything from the server, as far as that is believed.
    pub(crate) fn none(&self, now: Duration) -> bool {
        let mut others = self.others.keys();
        self.ours.is_empty() && others.all(|piece| self.doubtful(*piece, now))
    }

    pub(crate) fn next(&self) -> Option<u32> {
        self.next
    }

    /// What was begun last, where the next one may be its neighbour. In a large room nobody walks for long: two that do not hear
    /// each other and met would go on one behind the other.
    pub(crate) fn last(&self) -> Option<u32> {
        let tired = self.walked >= WALK && self.reach().is_partial();
        self.last.filter(|_| !tired)
    }

    /// We begin to fetch a piece.
    pub(crate) fn take(&mut self, piece: u32, rank: u32, now: Duration) {
        if self.next == Some(piece) {
            self.next = None;
        }
        let walks = piece > 0 && self.last == Some(piece - 1);
        self.walked = if walks { self.walked + 1 } else { 0 };
        self.last = Some(piece);
        self.claim(piece, rank, now);
    }

    /// We shall fetch this one next.
    pub(crate) fn reserve(&mut self, piece: u32, rank: u32, now: Duration) {
        self.next = Some(piece);
        self.claim(piece, rank, now);
    }

    fn claim(&mut self, piece: u32, rank: u32, now: Duration) {
        if let Entry::Vacant(entry) = self.ours.entry(piece) {
            entry.insert(Own { rank, told: now });
            self.say(Kind::Takes, piece, rank);
        }
    }

    fn say(&mut self, kind: Kind, piece: u32, rank: u32) {
        self.to_tell.push_back(Said { kind, piece, rank });
    }

    /// The piece is here.
    pub(crate) fn fetched(&mut self, piece: u32) {
        self.kept += u32::from(self.ours.contains_key(&piece));
        self.over(piece);
    }

    /// Whether we have had clearly more from the server than the machines that we know, or have asked for clearly more.
    ///
    /// Whose requests come back sooner asks for more, and would get ever more: two of eight machines were seen to
    /// fetch three quarters of everything from the server. What only they have then waits in their ways out,
    /// while the others have little to give.
    pub(crate) fn ahead(&self) -> bool {
        let clearly_more = |own: u32, others: fn(&Standing) -> u32| {
            let all = self
                .standings
                .values()
                .map(others)
                .fold(own, u32::saturating_add);
            let fair = all / (self.standings.len() as u32 + 1);
            own > fair + fair / 8 + AHEAD
        };
        clearly_more(self.kept, |other| other.kept)
            || clearly_more(self.ours.len() as u32, |other| other.live)
    }

    /// The piece is given up.
    pub(crate) fn over(&mut self, piece: u32) {
        self.ours.remove(&piece);
        if self.next == Some(piece) {
            self.next = None;
        }
    }

    /// Gives up what we claimed, except for what is being fetched.
    pub(crate) fn leave_all_but(&mut self, fetching: impl Fn(u32) -> bool) {
        let left: Vec<_> = self
            .ours
            .iter()
            .filter(|(piece, _)| !fetching(**piece))
            .map(|(piece, own)| (*piece, own.rank))
            .collect();
        for (piece, rank) in left {
            self.over(piece);
            self.say(Kind::Leaves, piece, rank);
        }
    }

    /// Says again what is not said for long, and with it, in the same packet, what will soon be.
    pub(crate) fn repeat(&mut self, now: Duration) {
        let since = |own: &Own| now.saturating_sub(own.told);
        if self.ours.values().all(|own| since(own) < REPEAT) {
            return;
        }
        for (piece, own) in &mut self.ours {
            if since(own) >= REPEAT / 2 {
                own.told = now;
                self.to_tell.push_back(Said {
                    kind: Kind::Takes,
                    piece: *piece,
                    rank: own.rank,
                });
            }
        }
    }

    /// What the others are to be told.
    pub(crate) fn untold(&mut self) -> Option<Said> {
        self.to_tell.pop_front()
    }

    /// All of ours, for a newcomer.
    pub(crate) fn ours(&self) -> impl Iterator<Item = Said> {
        self.ours.iter().map(|(piece, own)| Said {
            kind: Kind::Takes,
            piece: *piece,
            rank: own.rank,
        })
    }

    /// A peer claims a piece, for itself or for somebody whom it knows.
    pub(crate) fn heard(&mut self, conn: ConnId, claim: &Claim, now: Duration) -> Heard {
        let (piece, rank, way) = (claim.piece, claim.rank, claim.way);
        let ours = self.ours.get(&piece).map(|own| own.rank);
        // What is asked of the server comes, whoever goes first.
        let lost = self.next == Some(piece) && ours.is_some_and(|ours| rank < ours);
        if ours.is_some() && !lost {
            return Heard::Ignored;
        }
        if let Some(other) = self.others.get_mut(&piece) {
            if other.conn != conn {
                return Heard::Ignored;
            }
            // What is noted is told on in a large room: who repeats itself faster than we do must not
            // make us send a message to everybody each time.
            if now.saturating_sub(other.heard) < REPEAT / 4 {
                return Heard::Ignored;
            }
            other.heard = now;
            return Heard::Noted;
        }
        let standing = self.standings.entry(conn).or_default();
        if !standing.claims(way) {
            return Heard::Ignored;
        }
        let other = Other {
            conn,
            way,
            first: now,
            heard: now,
        };
        self.others.insert(piece, other);
        if lost {
            self.over(piece);
            return Heard::Lost;
        }
        Heard::Noted
    }

    /// A peer says that a piece is left. False if somebody else is known to claim it.
    pub(crate) fn left(&mut self, conn: ConnId, piece: u32) -> bool {
        let Some(other) = self.others.get(&piece).filter(|other| other.conn == conn) else {
            return false;
        };
        let way = other.way;
        self.others.remove(&piece);
        self.standing(conn, |standing| standing.failed(way));
        true
    }

    /// Somebody has a piece, a peer or ourselves, so that nobody needs the server for it.
    pub(crate) fn came(&mut self, piece: u32, to: Option<ConnId>) {
        // Somebody whose claims do not reach us goes before us, and would go on to: in a room of a thousand, one that walked
        // behind another fetched a twentieth of everything a second time.
        if to.is_some() && self.ours.contains_key(&piece) && self.next != Some(piece) {
            self.last = None;
            let behind = self.next.filter(|next| *next == piece + 1);
            self.leave_all_but(|ours| behind != Some(ours));
        }
        if let Some(other) = self.others.remove(&piece) {
            let to_itself = to == Some(other.conn);
            self.standing(other.conn, |standing| standing.came(other.way, to_itself));
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
                standing.expired(other.way);
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

#[cfg(test)]
mod tests;
