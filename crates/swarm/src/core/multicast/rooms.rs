//! The rooms of all torrents, and whose turn it is: of those who fetch different things one room at a time is spoken to,
//! since all that is sent reaches everybody's cable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;

use super::report::Invitation;
use super::room::{Order, Room};
use crate::core::{Block, Layout};

/// The port of all groups. Nothing of the server's listens there, only machines do.
const PORT: u16 = 6971;
/// How often the seed is asked what it has sent.
const SEED: Duration = Duration::from_millis(250);
/// Where nobody has reported for so long is nobody.
const EMPTY: Duration = Duration::from_secs(60);

/// All rooms of one network.
#[derive(Debug, Default)]
pub struct Rooms {
    by_torrent: BTreeMap<InfoHash, Torrent>,
    /// Whose machines are spoken to, from the first trial on until nothing more is sent.
    turn: Option<InfoHash>,
}

#[derive(Debug)]
struct Torrent {
    room: Room,
    /// When somebody last reported.
    last: Duration,
    /// When the seed was last asked what it has sent.
    asked: Option<Duration>,
}

/// What the sender has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Nothing, until somebody reports.
    Idle,
    /// Nothing; ask again after so long.
    Wait(Duration),
    /// This, for the machines that fetch this torrent. It is never [`Order::Wait`].
    Speak(InfoHash, Order),
}

impl Rooms {
    /// The room of a torrent in which somebody reports. Where there is none yet, one is made for a torrent with this
    /// layout and a session of this number; nothing is made for a torrent that has no layout.
    pub fn meet(
        &mut self,
        torrent: InfoHash,
        make: impl FnOnce() -> Option<(Layout, u64)>,
        now: Duration,
    ) -> Option<&mut Room> {
        let entry = match self.by_torrent.entry(torrent) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (layout, session) = make()?;
                let group = group_of(&torrent);
                entry.insert(Torrent {
                    room: Room::new(layout, Invitation { group, session }),
                    last: now,
                    asked: None,
                })
            }
        };
        entry.last = now;
        Some(&mut entry.room)
    }

    /// The room of a torrent, where there is one.
    #[must_use]
    pub fn room(&self, torrent: &InfoHash) -> Option<&Room> {
        self.by_torrent.get(torrent).map(|entry| &entry.room)
    }

    /// When the next block of a pass may leave.
    pub fn due(&mut self, torrent: &InfoHash, block: Block, now: Duration) -> Duration {
        let entry = self.by_torrent.get_mut(torrent);
        entry.map_or(now, |entry| entry.room.due(block, now))
    }

    /// What was to be said cannot be sent. The machines notice that nothing comes, and there is another trial later.
    pub fn failed(&mut self, torrent: &InfoHash, now: Duration) {
        if let Some(entry) = self.by_torrent.get_mut(torrent) {
            entry.room.give_up(now);
        }
        self.turn = None;
    }

    /// What is to be done now. `sent` gives the payload bytes of a torrent that the seed has sent so far.
    pub fn poll(&mut self, mut sent: impl FnMut(&InfoHash) -> u64, now: Duration) -> Task {
        self.by_torrent
            .retain(|_, entry| now.saturating_sub(entry.last) < EMPTY);
        let turn = self.turn.filter(|turn| self.by_torrent.contains_key(turn));
        self.turn = None;
        let mut task = Task::Idle;
        for (torrent, entry) in &mut self.by_torrent {
            if turn.is_some_and(|turn| turn != *torrent) {
                continue;
            }
            if entry.wants_to_know(now) {
                entry.room.seed_sent(sent(torrent), now);
            }
            let order = entry.room.poll(now);
            if !entry.room.is_watching() {
                self.turn = Some(*torrent);
            }
            match (order, self.turn) {
                (Order::Wait(time), None) => task = Task::Wait(time),
                (Order::Wait(time), Some(_)) => return Task::Wait(time),
                (order, _) => return Task::Speak(*torrent, order),
            }
        }
        task
    }
}

impl Torrent {
    /// Whether the seed is to be asked now what it has sent.
    fn wants_to_know(&mut self, now: Duration) -> bool {
        let due = self
            .asked
            .is_none_or(|asked| now.saturating_sub(asked) >= SEED);
        if due {
            self.asked = Some(now);
        }
        due
    }
}

/// A group of the torrent's own (RFC 2365, 6.1: for a site to use as it likes), so that who fetches something else can
/// be spared.
fn group_of(torrent: &InfoHash) -> SocketAddrV4 {
    let InfoHash(hash) = torrent;
    SocketAddrV4::new(Ipv4Addr::new(239, 255, hash[0], hash[1]), PORT)
}

#[cfg(test)]
mod tests;
