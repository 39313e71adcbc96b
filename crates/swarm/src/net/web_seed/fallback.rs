//! The engine's side of the web seed: counts who gives, and carries out the decision.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use metainfo::InfoHash;
use tokio::sync::mpsc;

use super::WebSeed;
use super::peer::{self, Work};
use super::switch::{Decision, Switch};
use crate::core::{Block, ConnId, Swarm};
use crate::net::connection::Connection;
use crate::net::event::Event;
use crate::net::http::Error;
use crate::net::storage::Storage;

/// A web seed that may be used or not at the moment.
pub(in crate::net) struct Fallback {
    seed: Arc<WebSeed>,
    torrent: InfoHash,
    switch: Switch,
    /// As whom the core knows it while it is used.
    conn: Option<ConnId>,
    trouble: Option<Error>,
}

/// What the engine has to do.
pub(in crate::net) enum Turn {
    /// Keep this connection.
    On(ConnId, Connection),
    /// Drop it. The core knows.
    Off(ConnId),
}

impl Fallback {
    pub(in crate::net) fn new(seed: WebSeed, torrent: InfoHash, now: Duration) -> Self {
        Self {
            seed: Arc::new(seed),
            torrent,
            switch: Switch::new(now),
            conn: None,
            trouble: None,
        }
    }

    /// Whether it is used.
    pub(in crate::net) fn on(&self) -> bool {
        self.conn.is_some()
    }

    /// Adds to the trouble with `peers` peers that the files come nevertheless, or why they do not.
    pub(in crate::net) fn explain(&self, trouble: Option<String>, peers: u32) -> Option<String> {
        let peers_give_nothing = || "no peer gives anything".to_owned();
        match &self.trouble {
            None if self.on() => {
                let why = trouble.unwrap_or_else(peers_give_nothing);
                Some(format!("{why}; the files come by HTTP meanwhile"))
            }
            Some(neither) if peers == 0 => {
                let why = trouble.unwrap_or_else(peers_give_nothing);
                Some(format!("{why}; nor do the files come by HTTP: {neither}"))
            }
            _ => trouble,
        }
    }

    /// Somebody brought a block that was asked for and needed. What nobody asked for is no gift: a stranger
    /// who sends it now and then must not keep HTTP off.
    pub(in crate::net) fn stored(&mut self, conn: ConnId, block: Block, now: Duration) {
        let bytes = u64::from(block.length);
        if self.conn == Some(conn) {
            self.trouble = None;
            self.switch.http_gave(bytes);
        } else {
            self.switch.peer_gave(bytes, now);
        }
    }

    /// It gives nothing more.
    pub(in crate::net) fn failed(&mut self, conn: ConnId, why: Error, now: Duration) {
        if self.conn == Some(conn) {
            tracing::debug!("the server's files by HTTP: {why}");
            self.trouble = Some(why);
            self.parted(conn, now);
        }
    }

    /// The core parted from somebody.
    pub(in crate::net) fn parted(&mut self, conn: ConnId, now: Duration) {
        if self.conn == Some(conn) {
            self.conn = None;
            self.switch.failed(now);
        }
    }

    /// Goes on or off if it is time. Connections are made from `from`.
    pub(in crate::net) fn turn(
        &mut self,
        swarm: &mut Swarm,
        from: Ipv4Addr,
        storage: &Arc<Storage>,
        events: &mpsc::Sender<Event>,
        now: Duration,
    ) -> Option<Turn> {
        if swarm.complete() {
            return None;
        }
        match self.switch.decide(now, || swarm.offer_beside(self.conn))? {
            Decision::Off => {
                let conn = self.conn.take()?;
                tracing::debug!("peers give everything again: nothing more by HTTP");
                swarm.disconnected(conn, now);
                Some(Turn::Off(conn))
            }
            Decision::On => {
                let Some(conn) = swarm.incoming(self.seed.address, now) else {
                    self.switch.failed(now);
                    return None;
                };
                tracing::debug!("no peer gives anything: the files come by HTTP");
                self.conn = Some(conn);
                let work = Work {
                    conn,
                    seed: Arc::clone(&self.seed),
                    from,
                    torrent: self.torrent,
                    storage: Arc::clone(storage),
                    events: events.clone(),
                };
                Some(Turn::On(conn, peer::open(work)))
            }
        }
    }
}
