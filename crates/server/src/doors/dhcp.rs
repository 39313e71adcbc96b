//! The DHCP door: one task, one socket, and the leases it decides with.
//!
//! What is answered is [`pxe::Responder`]'s decision. This task receives, sends, finds out through
//! [`super::neighbour`] whether an address is free, and tells the journal; it goes on serving
//! everybody else meanwhile. A lease is written down before its machine is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pxe::{Action, Responder, Settings, Started};
use report::{Mac, Step};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::neighbour::Neighbours;
use crate::journal::{Journal, Who};
use crate::leases::{Clock, Keeper};

const DOOR: &str = "dhcp";
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// More than the largest request on an Ethernet; what is longer is cut and then refused.
const DATAGRAM: usize = 2048;
/// Room for the requests of a whole room that is switched on at once.
const RECEIVE_BUFFER: usize = 1 << 20;
/// A pulled cable makes receiving fail; the door waits this long before it tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// What a stranger can make us log is logged no more often than this; the rest is counted.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Opens port 67 on `interface`, for datagrams of that interface only. Needs root (or
/// CAP_NET_BIND_SERVICE and CAP_NET_RAW).
///
/// # Errors
/// `AddrInUse` when another program serves DHCP there: without SO_REUSEADDR, which would let two
/// servers share the port without noticing. A server that is bound to another interface is no
/// obstacle.
pub fn bind_server(interface: &str) -> io::Result<UdpSocket> {
    bind(interface, SERVER_PORT, false)
}

/// Opens port 68 on `interface`, to ask the wire for other servers. A DHCP client of this computer
/// may hold the port too, if it shares it.
///
/// # Errors
/// `AddrInUse` when a client holds the port for itself.
pub fn bind_client(interface: &str) -> io::Result<UdpSocket> {
    bind(interface, CLIENT_PORT, true)
}

fn bind(interface: &str, port: u16, share: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(share)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // The kernel's limit may be lower; then it gives what it can.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves DHCP on `socket`, from [`bind_server`], until `stop`, with the leases that an earlier run
/// left in the folder `state`. `started` says which of the machines that boot once have.
///
/// # Errors
/// The settings don't fit together, or the socket is not bound to an interface.
pub async fn run(
    socket: UdpSocket,
    settings: Settings,
    state: PathBuf,
    mut started: watch::Receiver<Arc<Started>>,
    journal: Journal,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let device = device(&socket)?;
    let server = settings.server;
    let clock = Clock::begin();
    let responder = Responder::new(settings)?;
    let (leases, mut responder) = Keeper::open(state, responder, clock.moment()).await?;
    journal.owners(owners(&responder, clock.run()));
    responder.set_started(Arc::clone(&started.borrow_and_update()));
    let mut neighbours = Neighbours::new(server, device)
        .with_context(|| format!("cannot send from {server}, the server's own address"))?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let mut buffer = [0; DATAGRAM];
    let (mut in_use_log, mut failure_log) = (Sparingly::default(), Sparingly::default());
    loop {
        let action = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = started.changed() => {
                responder.set_started(Arc::clone(&started.borrow_and_update()));
                continue;
            }
            (question, in_use) = neighbours.settled() => {
                if in_use && in_use_log.may_log(clock.run()) {
                    let address = question.address;
                    tracing::info!("{address} is used by somebody we did not give it to: left alone");
                } else if in_use {
                    journal.dropped(DOOR, "an address is used by somebody we did not give it to");
                }
                guarded(&journal, || responder.probed(question, in_use, clock.run()))
            }
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, _)) => {
                    guarded(&journal, || responder.handle(&buffer[..length], clock.run()))
                }
                Err(error) => {
                    if failure_log.may_log(clock.run()) {
                        tracing::warn!("cannot receive DHCP requests: {error}");
                    } else {
                        journal.dropped(DOOR, "receiving failed");
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            },
        };
        if !responder.changes().is_empty() {
            leases.write(responder.changes(), clock.moment()).await;
        }
        if let Some(action) = action {
            act(action, &socket, &mut neighbours, &journal).await;
        }
    }
}

/// Whose leases last, of those an earlier run left.
fn owners(responder: &Responder, now: Duration) -> Vec<(Ipv4Addr, Mac)> {
    let leases = responder.leases().iter().filter(|lease| lease.until > now);
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

/// When a line was logged last.
#[derive(Debug, Default)]
struct Sparingly {
    last: Option<Duration>,
}

impl Sparingly {
    fn may_log(&mut self, now: Duration) -> bool {
        let due = self.last.is_none_or(|last| now >= last + LOG_EVERY);
        if due {
            self.last = Some(now);
        }
        due
    }
}

async fn act(
    action: Action,
    socket: &tokio::net::UdpSocket,
    neighbours: &mut Neighbours,
    journal: &Journal,
) {
    match action {
        Action::Reply { bytes, to, steps } => {
            if let Err(error) = socket.send_to(&bytes, to).await {
                tracing::debug!("cannot send a DHCP reply to {to}: {error}");
                return journal.dropped(DOOR, "the reply could not be sent");
            }
            for (mac, step) in steps {
                journal.step(Who::Mac(mac), step);
            }
        }
        Action::Note { steps } => {
            for (mac, step) in steps {
                journal.step(Who::Mac(mac), step);
            }
        }
        Action::ProbeAddress(question) => {
            if !neighbours.ask(question) {
                journal.dropped(DOOR, "too many addresses are being probed");
            }
        }
        Action::Refuse { mac, why } => journal.step(Who::Mac(mac), Step::Refused { why }),
        Action::Ignore { reason, .. } => journal.dropped(DOOR, reason.as_str()),
    }
}

/// The interface `socket` is bound to.
fn device(socket: &UdpSocket) -> anyhow::Result<String> {
    let name = SockRef::from(socket)
        .device()?
        .context("the DHCP socket is bound to no interface")?;
    Ok(String::from_utf8_lossy(&name)
        .trim_end_matches('\0')
        .to_owned())
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

    #[test]
    fn a_line_is_logged_once_in_30_seconds() {
        let mut log = Sparingly::default();
        let said = [0, 1, 29, 30, 31, 59, 60].map(|s| log.may_log(Duration::from_secs(s)));
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }
}
