//! The state machine of one torrent: all peers, and everything we know.

mod claim;
mod converse;
mod exchange;
mod fetch;
mod greet;
mod listen;
mod serve;
mod verdict;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::claims::Claims;
use super::dialer::{Dialer, Outcome};
use super::exchange::PeerExchange;
use super::meter::Meter;
use super::offenders::Offenders;
use super::peer::{Peer, Stage};
use super::picker::Picker;
use super::wire::{Frame, Message};
use super::{Action, Bitfield, Block, ByConn, ConnId, Layout, Reason};

/// Attempts to connect at the same time.
const MAX_CONNECTING: usize = 16;

/// Connections that may come from one address. A machine makes one, and a second one for a moment
/// when it restarts; a few machines may share an address. More is somebody who takes places.
const MAX_FROM_ONE: usize = 4;

/// The rate shown to people is that of about so long.
const RATE_MEMORY: Duration = Duration::from_secs(2);

pub use listen::Holdings;
use listen::{Fetched, Overhearing};

/// What a swarm is about and who we are in it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// How its bytes are cut.
    pub layout: Layout,
    /// Our name, unlike everybody else's.
    pub peer_id: [u8; 20],
    /// Where we listen, to tell those whom we connected to.
    pub port: Option<u16>,
    /// Most connections at a time.
    pub max_peers: usize,
    /// Whether peers are told of each other, and heard about others.
    pub exchange: PeerExchange,
    /// Of all decisions left to chance.
    pub seed: u64,
}

impl Settings {
    /// How many connections a machine of a large room does well with: with 80 of them, three fifths of its
    /// own choice, none of a hundred machines has much fewer than the others and finishes late. Rooms
    /// below are a full mesh.
    pub const MAX_PEERS: usize = 80;
}

/// How far we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes of all pieces that we want.
    pub total: u64,
    /// Bytes of those that are verified.
    pub have: u64,
    /// Payload bytes sent.
    pub uploaded: u64,
    /// Payload bytes received per second.
    pub rate: u64,
    /// Peers that greeted.
    pub peers: u32,
    /// Bytes of verified pieces by who sent them.
    pub sources: Vec<(Ipv4Addr, u64)>,
}

/// The state machine. Call what happened, then do what [`poll`](Self::poll) gives until it gives
/// none. Names of connections that are gone are ignored everywhere.
pub struct Swarm {
    settings: Settings,
    peers: ByConn<Peer>,
    next_conn: u64,
    picker: Picker,
    claims: Claims,
    /// We had everything from the start: the others take us for a server, and we claim nothing.
    server: bool,
    dialer: Dialer,
    offenders: Offenders,
    sources: BTreeMap<Ipv4Addr, u64>,
    uploaded: u64,
    fetched: Fetched,
    overhearing: Overhearing,
    meter: Meter,
    rng: StdRng,
    actions: VecDeque<Action>,
    /// Blocks became free that anybody might take.
    refill: bool,
}

impl Swarm {
    /// Wants all pieces, and begins with those that are verified already.
    pub fn new(settings: Settings, have: Bitfield, now: Duration) -> Self {
        let wanted = Bitfield::full(settings.layout.pieces());
        Self::wanting(&wanted, settings, have, now)
    }

    /// Wants these pieces alone. What else it has, it serves as well.
    pub fn wanting(wanted: &Bitfield, settings: Settings, have: Bitfield, now: Duration) -> Self {
        Self {
            peers: ByConn::default(),
            next_conn: 0,
            server: have.is_full(),
            claims: Claims::default(),
            picker: Picker::new(settings.layout, have, wanted),
            dialer: Dialer::default(),
            offenders: Offenders::default(),
            sources: BTreeMap::new(),
            uploaded: 0,
            fetched: Fetched::default(),
            overhearing: Overhearing::default(),
            meter: Meter::new(RATE_MEMORY, now),
            rng: StdRng::seed_from_u64(settings.seed),
            actions: VecDeque::new(),
            refill: false,
            settings,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether every piece that we want is verified.
    pub fn complete(&self) -> bool {
        self.picker.lacking().is_empty()
    }

    /// How far we are.
    pub fn status(&self, now: Duration) -> Status {
        let mut sources: Vec<_> = self
            .sources
            .iter()
            .map(|(ip, bytes)| (*ip, *bytes))
            .collect();
        sources.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        Status {
            total: self.picker.total(),
            have: self.picker.have_bytes(),
            uploaded: self.uploaded,
            rate: self.meter.rate(now) as u64,
            peers: self.peers.values().filter(|peer| peer.live()).count() as u32,
            sources,
        }
    }

    /// Somebody names peers.
    pub fn learned(&mut self, peers: impl IntoIterator<Item = SocketAddrV4>, now: Duration) {
        for address in peers {
            self.dialer.learn(address);
        }
        self.dial(now);
    }

    /// Somebody connected to us. None if there is no place for them: close it.
    pub fn incoming(&mut self, from: SocketAddrV4, now: Duration) -> Option<ConnId> {
        if self.offenders.is_banned(*from.ip(), now) {
            return None;
        }
        let crowded = self.guests(Some(from)).count() >= MAX_FROM_ONE;
        if crowded || self.guests(None).count() >= self.places_for_guests() {
            // Who came and does not greet gives way: silence must not keep machines out.
            let (oldest, _) = self
                .guests(crowded.then_some(from))
                .find(|(_, peer)| peer.stage == Stage::Greeting)?;
            self.close(oldest, Reason::Silent, now);
        }
        Some(self.insert(from, true, now))
    }

    /// Those who came to us, all or from the machine of one address; oldest first.
    fn guests(&self, from: Option<SocketAddrV4>) -> impl Iterator<Item = (ConnId, &Peer)> {
        self.peers
            .iter()
            .filter(move |(_, peer)| {
                peer.incoming && from.is_none_or(|from| peer.ip() == *from.ip())
            })
            .map(|(conn, peer)| (*conn, peer))
    }

    /// How many we connected to, or are connecting to.
    fn outgoing(&self) -> usize {
        self.peers.values().filter(|peer| !peer.incoming).count()
    }

    /// The places that nobody who comes can take: three fifths. Whom we choose to connect to was
    /// named by a tracker or a person; who comes may be anybody.
    fn own_places(&self) -> usize {
        (self.settings.max_peers * 3).div_ceil(5)
    }

    /// Who has all it wants connects to nobody, and has all the other places for those who come.
    fn places_for_guests(&self) -> usize {
        let ours = if self.complete() {
            self.outgoing()
        } else {
            self.own_places()
        };
        self.settings.max_peers.saturating_sub(ours)
    }

    /// A connection that we asked for is there.
    pub fn connected(&mut self, conn: ConnId, now: Duration) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        if peer.stage == Stage::Connecting {
            peer.stage = Stage::Greeting;
            self.say_hello(conn, now);
        }
    }

    /// A peer said something.
    pub fn received(&mut self, conn: ConnId, frame: Frame, now: Duration) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        peer.last_heard = now;
        let outcome = match frame {
            Frame::Handshake(handshake) => self.greeted(conn, &handshake, now),
            Frame::Message(_) if !peer.live() => Err(Reason::Rule("a message before its greeting")),
            Frame::Message(message) => self.heard(conn, message, now),
        };
        if let Err(why) = outcome {
            self.close(conn, why, now);
        }
        self.settle(now);
    }

    /// A peer's bytes make no sense, or it takes too little of ours.
    pub fn failed(&mut self, conn: ConnId, why: Reason, now: Duration) {
        self.close(conn, why, now);
        self.settle(now);
    }

    /// A connection ended, or could not be made.
    pub fn disconnected(&mut self, conn: ConnId, now: Duration) {
        let live = self.peers.get(&conn).is_some_and(Peer::live);
        self.remove(
            conn,
            if live { Outcome::Lost } else { Outcome::Failed },
            now,
        );
        self.settle(now);
    }

    /// Time passes. Call it about ten times a second.
    pub fn tick(&mut self, now: Duration) {
        let conns: Vec<_> = self.peers.keys().copied().collect();
        self.tell_all_untold();
        for conn in &conns {
            let Some(peer) = self.peers.get_mut(conn) else {
                continue;
            };
            if peer.silent(now) {
                self.close(*conn, Reason::Silent, now);
            } else if peer.needs_keep_alive(now) {
                self.send(*conn, Message::KeepAlive, now);
            }
        }
        self.remember_the_others(now);
        self.keep_up(now);
        self.pass_over_the_slow(now);
        self.review_claims(now);
        self.tell_who_is_there(now);
        self.refill = true;
        self.settle(now);
        self.dial(now);
    }

    fn insert(&mut self, address: SocketAddrV4, incoming: bool, now: Duration) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let peer = Peer::new(address, incoming, self.settings.layout.pieces(), now);
        self.peers.insert(conn, peer);
        conn
    }

    /// Connects to peers we know of, as long as we lack something. Two fifths of the places are
    /// left to those who come: a machine that is late must find one. Those who came do not count:
    /// however many they are, we find peers ourselves.
    fn dial(&mut self, now: Duration) {
        if self.complete() {
            return;
        }
        let connecting = |peer: &&Peer| peer.stage == Stage::Connecting;
        let mut free = MAX_CONNECTING
            .saturating_sub(self.peers.values().filter(connecting).count())
            .min(self.own_places().saturating_sub(self.outgoing()));
        while free > 0
            && let Some(to) = self.dialer.due(now, &mut self.rng)
        {
            free -= 1;
            let conn = self.insert(to, false, now);
            self.dialer.occupy(to, conn);
            if let Some(peer) = self.peers.get_mut(&conn) {
                peer.listens = Some(to);
            }
            if self.offenders.is_banned(*to.ip(), now) {
                self.remove(conn, Outcome::Failed, now);
            } else {
                self.actions.push_back(Action::Connect { conn, to });
            }
        }
    }

    fn send(&mut self, conn: ConnId, frame: impl Into<Frame>, now: Duration) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            verdict::say_untold(conn, peer, &mut self.actions);
            peer.last_sent = now;
            self.actions.push_back(Action::Send {
                conn,
                frame: frame.into(),
            });
        }
    }

    fn close(&mut self, conn: ConnId, why: Reason, now: Duration) {
        let Some(peer) = self.peers.get(&conn) else {
            return;
        };
        self.actions.push_back(Action::Disconnect { conn, why });
        let outcome = match why {
            Reason::Ourselves => Outcome::Never,
            _ if peer.live() && !why.blames() => Outcome::Lost,
            _ => Outcome::Failed,
        };
        self.remove(conn, outcome, now);
    }

    fn remove(&mut self, conn: ConnId, outcome: Outcome, now: Duration) {
        self.take_back(conn);
        let Some(peer) = self.peers.remove(&conn) else {
            return;
        };
        self.claims.gone(conn);
        if peer.live() {
            self.dialer.unhear(conn);
        }
        if !peer.seed && !self.complete() {
            for piece in peer.has.iter() {
                self.picker.fewer_copies(piece);
            }
        }
        if let Some(address) = peer.listens {
            self.dialer.free(address, conn, outcome, now, &mut self.rng);
        }
    }
}

#[cfg(test)]
mod tests;
