//! The DHCP door: one task, its sockets, and the leases it decides with.
//!
//! What is answered is [`pxe::Responder`]'s decision, and whether addresses are given at all that of what
//! [`super::wire`] sees, for as long as the door is open. This task receives, sends, finds out through
//! [`super::neighbour`] whether an address is free, and tells the journal; it goes on serving everybody else
//! meanwhile. A lease is written down before its machine is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pxe::wire::Role;
use pxe::{Action, Mode, Responder, Settings, Started};
use report::{Mac, Step};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::arp::Arp;
use super::neighbour::Neighbours;
use super::sparingly::Sparingly;
use super::wire::Wire;
use crate::journal::{Journal, Who};
use crate::leases::{Clock, Keeper};
use crate::screen;

const DOOR: &str = "dhcp";
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// More than the largest request on an Ethernet; what is longer is cut and then refused.
const DATAGRAM: usize = 2048;
/// Room for the requests of a whole room that is switched on at once.
const RECEIVE_BUFFER: usize = 1 << 20;
/// A pulled cable makes receiving fail; the door waits this long before it tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Where machines ask.
#[derive(Debug)]
pub struct Sockets {
    /// Port 67, from [`bind_server`].
    pub server: UdpSocket,
    /// Port 4011, from [`super::pxe4011::bind`].
    pub boot: UdpSocket,
    /// Where addresses are asked after, from [`super::arp::open`].
    pub arp: Arp,
}

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

/// Opens port 68 on `interface`, to ask the wire for other servers from; what is answered is heard by
/// [`super::ear`]. A DHCP client of this computer may hold the port: where it does not share it, another port will
/// do, since servers answer to port 68 in any case (RFC 2131 section 4.1).
///
/// # Errors
/// There is no such interface, or this process may not.
pub fn bind_client(interface: &str) -> io::Result<UdpSocket> {
    let socket = match bind(interface, CLIENT_PORT, true) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bind(interface, 0, true)?,
        bound => bound?,
    };
    // Nobody reads it: nothing is to wait there.
    let nothing = socket2::SockFilter::new(RETURN, 0, 0, 0);
    SockRef::from(&socket).attach_filter(&[nothing])?;
    Ok(socket)
}

/// The instruction of the kernel's packet filter that ends it: so many bytes are kept (linux/bpf_common.h).
const RETURN: u16 = 0x06;

pub(super) fn bind(interface: &str, port: u16, share: bool) -> io::Result<UdpSocket> {
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

/// Serves DHCP on `sockets` until `stop`, with the leases that an earlier run left in the folder `state`. It begins
/// in the role that `roles` has; what `wire` sees later changes that, and is told there. `started` says which of the machines that boot once have.
///
/// # Errors
/// The settings don't fit together.
pub async fn run(
    sockets: Sockets,
    (roles, mut wire): (watch::Sender<Role>, Wire),
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
    let ports = Ports {
        server: tokio::net::UdpSocket::from_std(sockets.server)?,
        boot: tokio::net::UdpSocket::from_std(sockets.boot)?,
    };
    let mut desk = Desk {
        neighbours,
        journal,
        in_use_log: Sparingly::default(),
        failure_log: Sparingly::default(),
    };
    let mut fetches = desk.journal.fetches();
    let (mut dhcp, mut second) = ([0; DATAGRAM], [0; DATAGRAM]);
    loop {
        let (action, from) = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = started.changed() => {
                responder.set_started(Arc::clone(&started.borrow_and_update()));
                continue;
            }
            changed = wire.changed() => {
                match changed {
                    Ok(role) => {
                        desk.take_role(role.as_ref(), &mut responder);
                        if let Some(role) = role {
                            roles.send_replace(role);
                        }
                    }
                    // Everybody else is served meanwhile; it looks again at its next beat.
                    Err(error) => desk.tell_failure("look at the wire", &error, clock.run()),
                }
                continue;
            }
            fetched = fetches.recv() => {
                // What was missed in a rush of a whole room is no harm: those machines fetch more.
                if let Ok(address) = fetched {
                    responder.fetches(address);
                }
                continue;
            }
            (question, in_use) = desk.neighbours.settled() => {
                if in_use {
                    desk.is_in_use(question.address, clock.run());
                }
                let decide = || responder.probed(question, in_use, clock.run());
                (guarded(&desk.journal, decide), &ports.server)
            }
            received = ports.server.recv_from(&mut dhcp) => match received {
                Ok((length, _)) => {
                    let bytes = &dhcp[..length];
                    if wire.is_own(bytes) {
                        continue;
                    }
                    wire.hear(&ports.server, bytes).await;
                    let decide = || responder.handle(bytes, clock.run());
                    (guarded(&desk.journal, decide), &ports.server)
                }
                Err(error) => {
                    desk.failed("receive DHCP requests", &error, clock.run()).await;
                    continue;
                }
            },
            received = ports.boot.recv_from(&mut second) => match received {
                Ok((length, SocketAddr::V4(from))) => {
                    let bytes = &second[..length];
                    let decide = || responder.handle_4011(bytes, from, clock.run());
                    (guarded(&desk.journal, decide), &ports.boot)
                }
                Ok(_) => continue,
                Err(error) => {
                    desk.failed("receive requests for boot", &error, clock.run()).await;
                    continue;
                }
            },
        };
        if !responder.changes().is_empty() {
            leases.write(responder.changes(), clock.moment()).await;
        }
        if let Some(action) = action {
            desk.act(action, from).await;
        }
    }
}

/// The sockets, as the runtime has them.
struct Ports {
    server: tokio::net::UdpSocket,
    boot: tokio::net::UdpSocket,
}

/// How the responder is to answer in a role: no address while the role is not known.
fn mode(role: Option<&Role>) -> Mode {
    match role {
        Some(Role::Full) => Mode::Full,
        Some(Role::Second { .. } | Role::SameWire { .. }) => Mode::Second,
        Some(Role::Proxy { .. }) | None => Mode::Proxy,
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

/// What the task has beside its sockets and its leases.
struct Desk {
    neighbours: Neighbours,
    journal: Journal,
    in_use_log: Sparingly,
    failure_log: Sparingly,
}

impl Desk {
    /// What the wire showed: told in one line, since it happens with a cable or a person, not with a packet.
    fn take_role(&self, role: Option<&Role>, responder: &mut Responder) {
        let before = responder.mode();
        responder.set_mode(mode(role));
        match (role, before) {
            (None, Mode::Full) => {
                tracing::info!("looking at the wire anew; new machines get no address meanwhile");
            }
            (None, Mode::Proxy | Mode::Second) => {}
            (Some(Role::Full), _) => {
                tracing::info!("nobody else gives addresses: full DHCP server");
            }
            (Some(Role::Proxy { why }), _) => {
                tracing::warn!(
                    "proxy: {why}; new machines get no address from here, and leases go on being renewed"
                );
                self.journal.dropped(DOOR, "another server was heard");
            }
            (Some(Role::Second { first }), _) => {
                tracing::warn!(
                    "another bt-server boots this room: {first}; this one is silent from now on, but for leases, and a \
                     second seed"
                );
            }
            (Some(Role::SameWire { served_from }), _) => {
                tracing::warn!(
                    "silent from now on, but for leases: {}",
                    screen::same_wire(*served_from)
                );
            }
        }
    }

    fn is_in_use(&mut self, address: Ipv4Addr, now: Duration) {
        if self.in_use_log.may_log(now) {
            tracing::info!("{address} is used by somebody we did not give it to: left alone");
        } else {
            self.journal
                .dropped(DOOR, "an address is used by somebody we did not give it to");
        }
    }

    /// Tells now and then that the interface does not work, and waits: it may come back.
    async fn failed(&mut self, what: &str, error: &io::Error, now: Duration) {
        self.tell_failure(what, error, now);
        tokio::time::sleep(AFTER_FAILURE).await;
    }

    fn tell_failure(&mut self, what: &str, error: &io::Error, now: Duration) {
        if self.failure_log.may_log(now) {
            tracing::warn!("cannot {what}: {error}");
        } else {
            self.journal.dropped(DOOR, "the interface failed");
        }
    }

    async fn act(&mut self, action: Action, from: &tokio::net::UdpSocket) {
        match action {
            Action::Reply { bytes, to, steps } => {
                if let Err(error) = from.send_to(&bytes, to).await {
                    tracing::debug!("cannot send a DHCP reply to {to}: {error}");
                    return self.journal.dropped(DOOR, "the reply could not be sent");
                }
                for (mac, step) in steps {
                    self.journal.step(Who::Mac(mac), step);
                }
            }
            Action::Note { steps } => {
                for (mac, step) in steps {
                    self.journal.step(Who::Mac(mac), step);
                }
            }
            Action::ProbeAddress(question) => {
                if !self.neighbours.ask(question) {
                    self.journal
                        .dropped(DOOR, "too many addresses are being probed");
                }
            }
            Action::Refuse { mac, why } => {
                self.journal.step(Who::Mac(mac), Step::Refused { why });
            }
            Action::Ignore { reason, .. } => self.journal.dropped(DOOR, reason.as_str()),
        }
    }
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
    fn only_a_known_full_role_gives_addresses() {
        let proxy = Role::Proxy { why: String::new() };
        let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 6969);
        assert_eq!(mode(Some(&Role::Full)), Mode::Full);
        for role in [None, Some(proxy)] {
            assert_eq!(mode(role.as_ref()), Mode::Proxy, "{role:?}");
        }
        assert_eq!(mode(Some(&Role::Second { first })), Mode::Second);
        let served_from = *first.ip();
        assert_eq!(mode(Some(&Role::SameWire { served_from })), Mode::Second);
    }
}
