//! The rooms of all torrents, and whose turn it is.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use seeder::{Pieces, Reader};
use swarm::core::multicast::{Invitation, Order, Room};
use swarm::core::{Block, Layout};

use super::voice::Audience;

/// The port of all groups. It is no port of this computer: nothing listens there.
const PORT: u16 = 6971;
/// How often the seed is asked what it has sent.
const SEED: Duration = Duration::from_millis(250);
/// Where nobody has reported for so long is nobody.
const EMPTY: Duration = Duration::from_secs(60);
/// How often to look where nothing is sent.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Rooms {
    seed: Reader,
    by_torrent: HashMap<InfoHash, Entry>,
    /// Whose machines are spoken to, from the first trial on until nothing more is sent.
    turn: Option<InfoHash>,
}

struct Entry {
    room: Room,
    pieces: Pieces,
    /// When somebody last reported.
    last: Duration,
    asked: Option<Duration>,
}

/// What the sender has to do.
pub(super) enum Task {
    /// Nothing, until somebody reports.
    Idle,
    /// This.
    Do(Audience, Order),
}

impl Rooms {
    pub(super) fn new(seed: Reader) -> Self {
        Self {
            seed,
            by_torrent: HashMap::new(),
            turn: None,
        }
    }

    /// The room of a torrent that the seed has.
    pub(super) fn of(&mut self, torrent: &InfoHash, now: Duration) -> Option<&mut Room> {
        if !self.by_torrent.contains_key(torrent) {
            let pieces = self.seed.pieces(torrent)?;
            let entry = Entry {
                room: Room::new(Layout::of(pieces.info()), invitation(torrent)),
                pieces,
                last: now,
                asked: None,
            };
            self.by_torrent.insert(*torrent, entry);
        }
        let entry = self.by_torrent.get_mut(torrent)?;
        entry.last = now;
        Some(&mut entry.room)
    }

    /// When the next block of a pass may leave.
    pub(super) fn due(&mut self, torrent: &InfoHash, block: Block, now: Duration) -> Duration {
        let entry = self.by_torrent.get_mut(torrent);
        entry.map_or(now, |entry| entry.room.due(block, now))
    }

    /// It cannot be sent; the machines notice that nothing comes, and there is another trial later.
    pub(super) fn failed(&mut self, torrent: &InfoHash, now: Duration) {
        if let Some(entry) = self.by_torrent.get_mut(torrent) {
            entry.room.give_up(now);
        }
        self.turn = None;
    }

    /// What is to be done now. One torrent at a time has its turn.
    pub(super) fn next(&mut self, now: Duration) -> Task {
        self.by_torrent
            .retain(|_, entry| now.saturating_sub(entry.last) < EMPTY);
        let turn = self.turn.filter(|turn| self.by_torrent.contains_key(turn));
        let mut waiting = None;
        for (torrent, entry) in &mut self.by_torrent {
            if turn.is_some_and(|turn| turn != *torrent) {
                continue;
            }
            if entry
                .asked
                .is_none_or(|asked| now.saturating_sub(asked) >= SEED)
            {
                entry.asked = Some(now);
                let sent = self.seed.uploaded(torrent).unwrap_or_default();
                entry.room.seed_sent(sent, now);
            }
            let was = entry.room.rate();
            let order = entry.room.poll(now);
            tell(&entry.pieces.info().name, &entry.room, was);
            let audience = Audience {
                torrent: *torrent,
                pieces: entry.pieces.clone(),
                invitation: entry.room.invitation(),
            };
            if entry.room.is_watching() {
                self.turn = None;
            } else {
                self.turn = Some(*torrent);
                return Task::Do(audience, order);
            }
            match order {
                Order::Wait(_) => waiting = Some(Task::Do(audience, Order::Wait(LOOK))),
                Order::Send { .. } | Order::Over { .. } => return Task::Do(audience, order),
            }
        }
        waiting.unwrap_or(Task::Idle)
    }
}

/// For people to know.
fn tell(name: &str, room: &Room, was: Option<f64>) {
    let group = room.invitation().group;
    match (was, room.rate()) {
        (None, Some(rate)) => tracing::info!(
            "{name}: {} machines pass on too slowly what they have; it is sent to all of them at a time from now on, \
             by multicast to {group}, {:.1} Mbit/s at first",
            room.machines(),
            rate * 8e-6
        ),
        (Some(rate), None) => tracing::info!(
            "{name}: multicast to {group} is over, {:.1} Mbit/s at last; the machines do the rest",
            rate * 8e-6
        ),
        _ => {}
    }
}

/// A group of the torrent's own (RFC 2365, 6.1: for a site to use as it likes), so that who fetches something else can
/// be spared.
fn invitation(torrent: &InfoHash) -> Invitation {
    let InfoHash(hash) = torrent;
    let group = Ipv4Addr::new(239, 255, hash[0], hash[1]);
    Invitation {
        group: SocketAddrV4::new(group, PORT),
        session: rand::random(),
    }
}
