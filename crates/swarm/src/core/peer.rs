//! What we know of one peer.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::Bitfield;
use super::exchange::Exchange;
use super::requests::Requests;
use super::uploads::Uploads;

/// A connection has so long to come up and to greet.
const GREETING: Duration = Duration::from_secs(8);

/// We say something at least so often. A seeder of the room may cut peers idle for ten seconds, and
/// a machine that was switched off is noticed by what it does not acknowledge.
const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// Silence after which a peer is gone: one of ours says something every 4 s, others every 2 min.
const OUR_SILENCE: Duration = Duration::from_secs(20);
const ANY_SILENCE: Duration = Duration::from_secs(150);

/// How long a request may wait at the peer behind others of ours: at a seed that serves everybody
/// a little longer than at a machine that serves few. Other people's programs serve in beats
/// (transmission's is half a second), so that waiting there is no sign of a queue.
const SEED_DEPTH: Duration = Duration::from_millis(300);
const PEER_DEPTH: Duration = Duration::from_millis(200);
const FOREIGN_DEPTH: Duration = Duration::from_millis(1500);

/// How the names (BEP 20) of our programs begin, the server's seed among them.
pub(crate) const HOUSE: [u8; 3] = *b"-BS";

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No connection yet; we make it.
    Connecting,
    /// Connected, their handshake is still to come.
    Greeting,
    /// Both greeted.
    Live,
}

/// What peers have that we want and lack, of those that would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// None of it.
    Nothing,
    /// Some of it.
    Something,
    /// All of it.
    Everything,
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddrV4,
    /// They came to us.
    pub(crate) incoming: bool,
    /// Where it listens, as far as we know and for as long as this connection stands for it.
    pub(crate) listens: Option<SocketAddrV4>,
    pub(crate) stage: Stage,
    pub(crate) id: [u8; 20],
    /// Understands claims, so it is one of ours; and the id it wants them under.
    pub(crate) claim: Option<u8>,
    pub(crate) has: Bitfield,
    /// Had everything when it came, and is not a machine of ours that completed. Such a peer says
    /// nothing about how rare a piece is.
    pub(crate) seed: bool,
    /// Has said what it has, so that it may only add single pieces.
    pub(crate) told: bool,
    /// What was said of others.
    pub(crate) exchange: Exchange,
    /// How many pieces it has that we want and lack.
    pub(crate) wanted: u32,
    /// It understands extended handshakes (BEP 10).
    pub(crate) extended: bool,
    /// It has introduced itself by an extended handshake.
    pub(crate) introduced: bool,
    /// It says that it has all it wants (BEP 21).
    pub(crate) upload_only: bool,
    /// We told it that we are interested.
    pub(crate) interested: bool,
    /// It does not answer requests.
    pub(crate) choking: bool,
    pub(crate) requests: Requests,
    pub(crate) uploads: Uploads,
    /// Pieces of ours that it lacks and has not been told of. At most a tenth of a second's.
    pub(crate) untold: Vec<u32>,
    /// Blocks that came without having been asked for.
    pub(crate) unasked: u32,
    pub(crate) began: Duration,
    pub(crate) last_sent: Duration,
    pub(crate) last_heard: Duration,
}

impl Peer {
    pub(crate) fn new(address: SocketAddrV4, incoming: bool, pieces: u32, now: Duration) -> Self {
        Self {
            address,
            incoming,
            listens: None,
            stage: if incoming {
                Stage::Greeting
            } else {
                Stage::Connecting
            },
            id: [0; 20],
            claim: None,
            has: Bitfield::empty(pieces),
            seed: false,
            told: false,
            exchange: Exchange::default(),
            wanted: 0,
            extended: false,
            introduced: false,
            upload_only: false,
            interested: false,
            choking: true,
            requests: Requests::new(PEER_DEPTH, now),
            uploads: Uploads::default(),
            untold: Vec::new(),
            unasked: 0,
            began: now,
            last_sent: now,
            last_heard: now,
        }
    }

    pub(crate) fn ip(&self) -> Ipv4Addr {
        *self.address.ip()
    }

    pub(crate) fn live(&self) -> bool {
        self.stage == Stage::Live
    }

    /// It told its name.
    pub(crate) fn is_called(&mut self, id: [u8; 20]) {
        self.id = id;
        if self.of_our_house() {
            self.exchange.is_ours();
        }
        self.requests.set_depth(self.depth());
    }

    /// It told that it has everything, or that it knows claims. Gives whether that makes it a seed,
    /// or none any more.
    pub(crate) fn judge(&mut self) -> bool {
        let seed = self.has.is_full() && self.claim.is_none();
        let changed = std::mem::replace(&mut self.seed, seed) != seed;
        self.requests.set_depth(self.depth());
        changed
    }

    /// It is the server of the room: of our house, had everything from the start, and knows nothing of
    /// claims, as our machines do that have completed.
    pub(crate) fn server(&self) -> bool {
        self.seed && self.of_our_house()
    }

    fn depth(&self) -> Duration {
        match (self.of_our_house(), self.seed) {
            (true, true) => SEED_DEPTH,
            (true, false) => PEER_DEPTH,
            (false, _) => FOREIGN_DEPTH,
        }
    }

    /// It is a machine of ours that answers.
    pub(crate) fn is_machine(&self) -> bool {
        self.of_our_house() && !self.seed && self.live() && !self.choking
    }

    /// It is of our house and answers at once. (Of other people's programs a quarter of what they may take says nothing.)
    pub(crate) fn swift(&self, now: Duration) -> bool {
        self.of_our_house() && self.requests.swift(now)
    }

    /// Lets requests wait there so many times as long as they may otherwise.
    pub(crate) fn hurry(&mut self, haste: f64) {
        self.requests.set_depth(self.depth().mul_f64(haste));
    }

    fn of_our_house(&self) -> bool {
        self.id.starts_with(&HOUSE)
    }

    /// It has all it wants.
    pub(crate) fn done(&self) -> bool {
        self.has.is_full() || self.upload_only
    }

    /// It has something for us and would answer.
    pub(crate) fn may_ask(&self) -> bool {
        self.live() && !self.choking && self.wanted > 0
    }

    pub(crate) fn silent(&self, now: Duration) -> bool {
        let limit = match self.stage {
            Stage::Connecting | Stage::Greeting => {
                return now.saturating_sub(self.began) > GREETING;
            }
            Stage::Live if self.claim.is_some() => OUR_SILENCE,
            Stage::Live => ANY_SILENCE,
        };
        now.saturating_sub(self.last_heard) > limit
    }

    pub(crate) fn needs_keep_alive(&self, now: Duration) -> bool {
        self.live() && now.saturating_sub(self.last_sent) >= KEEP_ALIVE
    }
}
