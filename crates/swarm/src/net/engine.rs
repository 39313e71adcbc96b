//! The task that owns the state machine: it hears what happened, and does what it is told.
//!
//! It never waits for a peer. Writing a block to its file is done here, in order; hashing, reading
//! for others and connecting are done by other tasks, which report back.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{SocketAddr, SocketAddrV4};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Connection, Out};
use super::event::Event;
use super::storage::Storage;
use super::web_seed::{Fallback, Turn};
use super::{Error, Progress};
use crate::core::{Action, ConnId, Reason, Swarm};

/// As often as the core wants to be told that time passes.
const TICK: Duration = Duration::from_millis(100);
/// How often the progress is renewed.
const PUBLISH: Duration = Duration::from_millis(250);
/// After an accept that failed for want of descriptors. The ticks go on and end it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// One torrent at work.
pub(super) struct Engine {
    pub(super) swarm: Swarm,
    pub(super) storage: Arc<Storage>,
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddrV4,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) failure: Arc<Mutex<Option<Error>>>,
    pub(super) begun: Instant,
    /// There is a tracker to ask, or a peer was given.
    pub(super) knows_somebody: bool,
    /// Where else the files are.
    pub(super) fallback: Option<Fallback>,
}

/// What the engine keeps beside the state machine.
struct Hands {
    connections: HashMap<ConnId, Connection>,
    dialing: HashSet<ConnId>,
    /// Pieces to hash, and how many are being hashed.
    to_check: VecDeque<u32>,
    checking: usize,
    checkers: usize,
    /// Why the tracker did not answer the last time.
    tracker: Option<String>,
    /// The last peer that was not reached, and why, until one is.
    unreached: Option<(SocketAddrV4, std::io::Error)>,
}

impl Engine {
    /// Works until `stop`, or until a file fails.
    pub(super) async fn run(mut self, mut reports: mpsc::Receiver<Event>, stop: CancellationToken) {
        let mut hands = Hands {
            connections: HashMap::new(),
            dialing: HashSet::new(),
            to_check: VecDeque::new(),
            checking: 0,
            checkers: std::thread::available_parallelism().map_or(1, NonZero::get),
            tracker: None,
            unreached: None,
        };
        let (mut tick, mut publish) = (interval(TICK), interval(PUBLISH));
        let mut accept_after = Instant::now();
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        publish.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let worked = loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => break Ok(()),
                Some(event) = reports.recv() => self.happened(event, &mut hands),
                accepted = self.listener.accept(), if accept_after <= Instant::now() => {
                    match accepted {
                        Ok((stream, SocketAddr::V4(from))) => self.accepted(stream, from, &mut hands),
                        Ok(_) => {}
                        Err(_) => accept_after = Instant::now() + ACCEPT_PAUSE,
                    }
                    Ok(())
                }
                _ = tick.tick() => {
                    self.swarm.tick(self.now());
                    self.turn(&mut hands);
                    Ok(())
                }
                _ = publish.tick() => {
                    self.publish(&hands);
                    Ok(())
                }
            };
            if let Err(why) = outcome.and_then(|()| self.act(&mut hands)) {
                break Err(why);
            }
        };
        self.publish(&hands);
        if let Err(why) = worked {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn happened(&mut self, event: Event, hands: &mut Hands) -> Result<(), Error> {
        let now = self.now();
        match event {
            Event::Connected(conn, stream) => {
                hands.unreached = None;
                // The core may have given it up meanwhile.
                if hands.dialing.remove(&conn) {
                    self.open(conn, stream, hands);
                    self.swarm.connected(conn, now);
                }
            }
            Event::Unreached(conn, to, why) => {
                tracing::debug!("connection {conn}: {to} is not reached: {why}");
                hands.unreached = Some((to, why));
                hands.dialing.remove(&conn);
                self.swarm.disconnected(conn, now);
            }
            Event::Ended(conn) => {
                hands.connections.remove(&conn);
                self.swarm.disconnected(conn, now);
            }
            Event::Frame(conn, frame) => self.swarm.received(conn, frame, now),
            Event::Unserved(conn, why) => {
                if let Some(fallback) = &mut self.fallback {
                    fallback.failed(conn, why, now);
                }
                hands.connections.remove(&conn);
                self.swarm.disconnected(conn, now);
            }
            Event::Nonsense(conn, why) => self.swarm.failed(conn, Reason::Wire(why), now),
            Event::Uploaded(conn, block) => self.swarm.uploaded(conn, block),
            Event::Dropped(conn, block) => self.swarm.dropped(conn, block),
            Event::Checked(piece, right) => {
                hands.checking -= 1;
                self.swarm.checked(piece, right, now);
                self.check_more(hands);
            }
            Event::Tracker(Ok(peers)) => {
                hands.tracker = None;
                self.swarm.learned(peers, now);
            }
            Event::Neighbour(peer) => self.swarm.learned([peer], now),
            Event::Tracker(Err(why)) => hands.tracker = Some(why),
            Event::Overheard(whose, blocks) => {
                for (block, data) in blocks {
                    self.swarm.overheard(whose, block, data, now);
                }
            }
            Event::Listen(on) => self.swarm.listen(on, now),
            Event::Holdings(asker) => {
                // Whoever asked may be gone by now.
                let _ = asker.send(self.swarm.holdings());
            }
            Event::Failed(why) => return Err(why),
        }
        Ok(())
    }

    /// Lets the files come by HTTP, or no more.
    fn turn(&mut self, hands: &mut Hands) {
        let (now, from) = (self.now(), *self.address.ip());
        let Some(fallback) = &mut self.fallback else {
            return;
        };
        match fallback.turn(&mut self.swarm, from, &self.storage, &self.events, now) {
            Some(Turn::On(conn, connection)) => {
                hands.connections.insert(conn, connection);
            }
            Some(Turn::Off(conn)) => {
                hands.connections.remove(&conn);
            }
            None => {}
        }
    }

    fn accepted(&mut self, stream: TcpStream, from: SocketAddrV4, hands: &mut Hands) {
        if let Some(conn) = self.swarm.incoming(from, self.now()) {
            self.open(conn, stream, hands);
        }
    }

    fn open(&self, conn: ConnId, stream: TcpStream, hands: &mut Hands) {
        let storage = Arc::clone(&self.storage);
        hands.connections.insert(
            conn,
            Connection::open(conn, stream, storage, self.events.clone()),
        );
    }

    /// Does everything the state machine wants done.
    fn act(&mut self, hands: &mut Hands) -> Result<(), Error> {
        while let Some(action) = self.swarm.poll() {
            match action {
                Action::Connect { conn, to } => {
                    hands.dialing.insert(conn);
                    self.dial(conn, to);
                }
                Action::Send { conn, frame } => self.send(conn, Out::Frame(frame), hands),
                Action::Upload { conn, block } => self.send(conn, Out::Block(block), hands),
                Action::Recall { conn, block } => self.send(conn, Out::Recall(block), hands),
                Action::Disconnect { conn, why } => {
                    tracing::debug!("connection {conn}: {why}");
                    hands.dialing.remove(&conn);
                    hands.connections.remove(&conn);
                    let now = self.now();
                    if let Some(fallback) = &mut self.fallback {
                        fallback.parted(conn, now);
                    }
                }
                Action::Store { conn, block, data } => {
                    let now = self.now();
                    if let Some(fallback) = &mut self.fallback {
                        fallback.stored(conn, block, now);
                    }
                    self.storage.write(block, &data)?;
                }
                Action::Check { piece } => {
                    hands.to_check.push_back(piece);
                    self.check_more(hands);
                }
                Action::Banned { address } => {
                    tracing::warn!("{address} sent wrong data and is left alone from now on");
                }
                Action::Complete => self.publish(hands),
            }
        }
        Ok(())
    }

    fn send(&mut self, conn: ConnId, out: Out, hands: &Hands) {
        if let Some(connection) = hands.connections.get(&conn)
            && !connection.send(out)
        {
            self.swarm.failed(conn, Reason::NotReading, self.now());
        }
    }

    fn dial(&self, conn: ConnId, to: SocketAddrV4) {
        let (from, events) = (*self.address.ip(), self.events.clone());
        tokio::spawn(async move {
            let event = match connection::connect(from, to).await {
                Ok(stream) => Event::Connected(conn, stream),
                Err(why) => Event::Unreached(conn, to, why),
            };
            let _ = events.send(event).await;
        });
    }

    /// Hashes on other threads, as many at a time as there are cores.
    fn check_more(&self, hands: &mut Hands) {
        while hands.checking < hands.checkers
            && let Some(piece) = hands.to_check.pop_front()
        {
            hands.checking += 1;
            let (storage, events) = (Arc::clone(&self.storage), self.events.clone());
            tokio::task::spawn_blocking(move || {
                let event = match storage.check(piece) {
                    Ok(right) => Event::Checked(piece, right),
                    Err(why) => Event::Failed(why),
                };
                let _ = events.blocking_send(event);
            });
        }
    }

    fn publish(&self, hands: &Hands) {
        let (status, complete) = (self.swarm.status(self.now()), self.swarm.complete());
        // Who has everything parts from the web server, which is no peer.
        let web = self.fallback.as_ref().filter(|_| !complete);
        let by_http = web.is_some_and(Fallback::on);
        let peers = status.peers.saturating_sub(by_http.into());
        let trouble = self.trouble(hands, peers);
        self.progress.send_replace(Progress {
            total: status.total,
            have: status.have,
            uploaded: status.uploaded,
            peers,
            rate: status.rate,
            sources: status.sources,
            complete,
            trouble: match web {
                Some(web) => web.explain(trouble, peers),
                None => trouble,
            },
        });
    }

    /// What to tell of all that stands in the way. A peer that is not reached matters only to who
    /// still needs one and has none.
    fn trouble(&self, hands: &Hands, peers: u32) -> Option<String> {
        if hands.tracker.is_some() || self.swarm.complete() || peers > 0 {
            return hands.tracker.clone();
        }
        match &hands.unreached {
            Some((address, why)) => Some(format!("no peer reached; last: {address}: {why}")),
            None if self.knows_somebody => None,
            None => Some("the torrent names no tracker and no peer is known".into()),
        }
    }
}
