//! The DHCP door: one task, its sockets, and the leases it decides with.
//!
//! What is answered is [`pxe::Responder`]'s decision, and whether addresses are given at all that of what
//! [`super::wire`] sees, for as long as the door is open. This task receives, sends, finds out through
//! [`super::neighbour`] whether an address is free, and tells the journal; it goes on serving everybody else
//! meanwhile.
//!
//! It works in rounds. One begins when something happens, takes in what else has come to port 67, decides about each
//! packet, writes the leases of all of them down, and only then answers: sixty-four machines that ask at once wait for
//! one write, not for one each.

mod desk;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pxe::wire::Role;
use pxe::{Action, Change, Question, Responder, Settings, Started};
use report::Mac;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::desk::{DOOR, Desk, mode};
use super::arp::Arp;
use super::neighbour::Neighbours;
use super::wire::Wire;
use crate::journal::Journal;
use crate::leases::{Clock, Keeper};

/// More than the largest request on an Ethernet; what is longer is cut and then refused.
const DATAGRAM: usize = 2048;
/// Packets and settled questions of one round, at most: the first of them waits for the last.
const AT_ONCE: usize = 64;

/// Where machines ask.
#[derive(Debug)]
pub struct Sockets {
    /// Port 67, from [`super::udp::bind_server`].
    pub server: UdpSocket,
    /// Port 4011, from [`super::pxe4011::bind`].
    pub boot: UdpSocket,
    /// Where addresses are asked after, from [`super::arp::open`].
    pub arp: Arp,
}

/// Serves DHCP on `sockets` until `stop`, with the leases that an earlier run left in the folder `state`. It begins
/// in the role that `roles` has; what `wire` sees later changes that, and is told there. `started` says which of the
/// machines that boot once have.
///
/// # Errors
/// The settings don't fit together.
pub async fn run(
    sockets: Sockets,
    (roles, wire): (watch::Sender<Role>, Wire),
    settings: Settings,
    state: PathBuf,
    mut started: watch::Receiver<Arc<Started>>,
    journal: Journal,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let neighbours = Neighbours::new(sockets.arp, settings.server);
    let clock = Clock::begin();
    let mut responder = Responder::new(settings)?;
    responder.set_mode(mode(Some(&roles.borrow())));
    let (leases, mut responder) = Keeper::open(state, responder, clock.moment()).await?;
    journal.owners(owners(&responder, clock.run()));
    responder.set_started(Arc::clone(&started.borrow_and_update()));
    let mut fetches = journal.fetches();
    let mut door = Door {
        server: tokio::net::UdpSocket::from_std(sockets.server)?,
        boot: tokio::net::UdpSocket::from_std(sockets.boot)?,
        wire,
        clock,
        responder,
        leases,
        desk: Desk::new(neighbours, journal),
        round: Round::default(),
    };
    let (mut dhcp, mut second) = ([0; DATAGRAM], [0; DATAGRAM]);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = started.changed() => {
                door.responder.set_started(Arc::clone(&started.borrow_and_update()));
            }
            changed = door.wire.changed() => match changed {
                Ok(role) => {
                    door.desk.take_role(role.as_ref(), &mut door.responder);
                    if let Some(role) = role {
                        roles.send_replace(role);
                    }
                }
                // Everybody else is served meanwhile; it looks again at its next beat.
                Err(error) => door.desk.tell_failure("look at the wire", &error, door.clock.run()),
            },
            // What was missed in a rush of a whole room is no harm: those machines fetch more.
            fetched = fetches.recv() => if let Ok(address) = fetched {
                door.responder.fetches(address);
            },
            settled = door.desk.neighbours.settled() => door.probed(settled),
            received = door.server.recv_from(&mut dhcp) => match received {
                Ok((length, _)) => door.asked(&dhcp[..length]).await,
                Err(error) => door.desk.failed("receive DHCP requests", &error, door.clock.run()).await,
            },
            received = door.boot.recv_from(&mut second) => match received {
                Ok((length, SocketAddr::V4(from))) => door.asked_again(&second[..length], from),
                Ok(_) => {}
                Err(error) => door.desk.failed("receive requests for boot", &error, door.clock.run()).await,
            },
        }
        door.finish_round(&mut dhcp).await;
    }
}

/// All that the task has.
struct Door {
    /// Port 67.
    server: tokio::net::UdpSocket,
    /// Port 4011.
    boot: tokio::net::UdpSocket,
    wire: Wire,
    clock: Clock,
    responder: Responder,
    leases: Keeper,
    desk: Desk,
    round: Round,
}

/// What was decided and not yet done.
#[derive(Default)]
struct Round {
    changes: Vec<Change>,
    actions: Vec<(Action, Port)>,
}

/// Where an answer goes out.
#[derive(Clone, Copy)]
enum Port {
    Server,
    Boot,
}

impl Door {
    /// A datagram came to port 67.
    async fn asked(&mut self, bytes: &[u8]) {
        if self.wire.is_own(bytes) {
            return;
        }
        self.wire.hear(&self.server, bytes).await;
        self.decide(Port::Server, |responder, now| responder.handle(bytes, now));
    }

    /// A datagram came to port 4011.
    fn asked_again(&mut self, bytes: &[u8], from: SocketAddrV4) {
        self.decide(Port::Boot, |responder, now| {
            responder.handle_4011(bytes, from, now)
        });
    }

    /// It is known whether an address is in use.
    fn probed(&mut self, (question, in_use): (Question, bool)) {
        if in_use {
            self.desk.is_in_use(question.address, self.clock.run());
        }
        self.decide(Port::Server, |responder, now| {
            responder.probed(question, in_use, now)
        });
    }

    fn decide(&mut self, port: Port, decide: impl FnOnce(&mut Responder, Duration) -> Action) {
        let Self {
            clock,
            responder,
            desk,
            round,
            ..
        } = self;
        let action = guarded(&desk.journal, || decide(responder, clock.run()));
        round.changes.extend_from_slice(responder.changes());
        round.actions.extend(action.map(|action| (action, port)));
    }

    /// Decides about what else has come to port 67, writes down what all of them have from now on, and answers.
    async fn finish_round(&mut self, buffer: &mut [u8]) {
        for _ in 1..AT_ONCE {
            if let Some(settled) = self.desk.neighbours.next_settled() {
                self.probed(settled);
            } else if let Ok((length, _)) = self.server.try_recv_from(buffer) {
                self.asked(&buffer[..length]).await;
            } else {
                // Nothing more, or a failure; one that lasts is met by the next round.
                break;
            }
        }
        if !self.round.changes.is_empty() {
            let at = self.clock.moment();
            self.leases.write(&self.round.changes, at).await;
            self.round.changes.clear();
        }
        for (action, port) in self.round.actions.drain(..) {
            let from = match port {
                Port::Server => &self.server,
                Port::Boot => &self.boot,
            };
            if let Some(unasked) = self.desk.act(action, from).await {
                self.responder.unasked(&unasked, self.clock.run());
            }
        }
    }
}

/// Whose leases last, of those an earlier run left; behind relay agents too.
fn owners(responder: &Responder, now: Duration) -> Vec<(Ipv4Addr, Mac)> {
    let leases = responder.all_leases().filter(|lease| lease.until > now);
    leases.map(|lease| (lease.address, lease.mac)).collect()
}

/// The decision, or nothing if it panicked: one packet must not end the door for the whole room.
/// Unwinding leaves the leases valid, if perhaps without what this packet would have changed.
fn guarded(journal: &Journal, decide: impl FnOnce() -> Action) -> Option<Action> {
    let decided = catch_unwind(AssertUnwindSafe(decide));
    if decided.is_err() {
        journal.dropped(DOOR, "a packet that panicked the codec");
    }
    decided.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_one_packet() {
        let (journal, _recorder, _snapshots) = crate::journal::journal();
        assert!(guarded(&journal, || panic!("a stranger's packet")).is_none());
        let action = Action::Ignore {
            reason: pxe::Reason::Declined,
            mac: None,
        };
        assert_eq!(guarded(&journal, || action.clone()), Some(action));
    }
}
