//! Looking at the wire, before anybody is answered and for as long as the server serves: does another DHCP server
//! live here?
//!
//! What it means is [`pxe::wire::Watch`]'s decision. This asks for an address as a client would, and listens to what
//! others are told. It never takes an address and answers nobody but other bt-servers.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use pxe::probe::{self, Overheard};
use pxe::wire::{Role, Watch};
use report::Mac;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::ear::Datagram;
use super::{ear, udp};
use crate::interface::{self, Now};

const SERVERS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
const CLIENTS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 68);
const DATAGRAM: usize = 2048;
/// Where a request has the hardware address of its machine (RFC 2131 section 2, chaddr).
const HARDWARE_ADDRESS: std::ops::Range<usize> = 28..34;
/// How often the link is looked at, and whether a question is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the wire is looked at with, from [`open`].
#[derive(Debug)]
pub struct Sockets {
    /// Port 68, to ask from. Nothing is received there.
    pub asks: UdpSocket,
    /// Everything that is said to port 68, and more: see [`ear`].
    pub hears: UdpSocket,
}

/// Opens them on `interface`. Needs root.
///
/// # Errors
/// There is no such interface, or this process may not.
pub fn open(interface: &str) -> io::Result<Sockets> {
    Ok(Sockets {
        asks: udp::bind_client(interface)?,
        hears: ear::open(interface)?,
    })
}

/// One interface's wire.
#[derive(Debug)]
pub struct Wire {
    asks: tokio::net::UdpSocket,
    hears: tokio::net::UdpSocket,
    tick: Interval,
    seen: Seen,
}

/// What was seen of a wire: it outlives the runtime that it was looked at in.
#[derive(Debug)]
pub struct Seen {
    interface: String,
    mac: Mac,
    watch: Watch,
    /// When the times that the watch goes by began.
    begun: Instant,
    /// This computer's own addresses: a machine that renews what an earlier run of ours gave it is no sign of a
    /// stranger.
    ours: Vec<Ipv4Addr>,
    told: Option<Role>,
    had_link: Option<bool>,
    /// Whether it was said that another bt-server is waited for.
    said_it_waits: bool,
}

impl Seen {
    /// Nothing yet.
    #[must_use]
    pub fn nothing(interface: &str, mac: Mac, watch: Watch) -> Seen {
        Seen {
            interface: interface.to_owned(),
            mac,
            watch,
            begun: Instant::now(),
            ours: Vec::new(),
            told: None,
            had_link: None,
            said_it_waits: false,
        }
    }
}

impl Wire {
    /// Goes on from what was seen. The link is waited for: without a cable our questions would vanish, and a wire that
    /// nobody has looked at would pass as silent.
    ///
    /// # Errors
    /// There is no runtime to take the sockets.
    pub fn new(sockets: Sockets, seen: Seen) -> io::Result<Wire> {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Wire {
            asks: tokio::net::UdpSocket::from_std(sockets.asks)?,
            hears: tokio::net::UdpSocket::from_std(sockets.hears)?,
            tick,
            seen,
        })
    }

    /// Ends looking, for now.
    ///
    /// # Errors
    /// The runtime does not give the sockets back.
    pub fn into_std(self) -> io::Result<(Sockets, Seen)> {
        let sockets = Sockets {
            asks: self.asks.into_std()?,
            hears: self.hears.into_std()?,
        };
        Ok((sockets, self.seen))
    }

    /// Waits until the first role is known. Meanwhile `server`, port 67, is listened to as well, where machines tell
    /// everybody whose offer they take.
    ///
    /// # Errors
    /// As [`Wire::changed`].
    pub async fn first_role(&mut self, server: &tokio::net::UdpSocket) -> io::Result<Role> {
        let mut request = [0; DATAGRAM];
        loop {
            tokio::select! {
                changed = self.changed() => if let Some(role) = changed? {
                    return Ok(role);
                },
                received = server.recv(&mut request) => self.hear(server, &request[..received?]).await,
            }
        }
    }

    /// Goes on looking once the first `role` is known, for as long as the rest of the server is not ready, and tells
    /// other bt-servers at port 67, `server`, that this wire is served: one that begins meanwhile is the second. Hands
    /// back the role that is known when it is `ready`.
    pub async fn attend(
        &mut self,
        server: &tokio::net::UdpSocket,
        role: Role,
        ready: impl Future<Output = ()>,
    ) -> Role {
        let (mut role, mut is_ready) = (Some(role), false);
        let mut request = [0; DATAGRAM];
        tokio::pin!(ready);
        loop {
            if let (true, Some(role)) = (is_ready, &role) {
                return role.clone();
            }
            tokio::select! {
                biased;
                () = &mut ready, if !is_ready => is_ready = true,
                changed = self.changed() => match changed {
                    Ok(changed) => role = changed,
                    // The door says so, if it lasts.
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                },
                received = server.recv(&mut request) => match received {
                    Ok(length) => self.hear(server, &request[..length]).await,
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                },
            }
        }
    }

    /// Takes in what came to port 67, `server`, where machines ask, and tell everybody whose offer they take. Another
    /// bt-server is told that this one serves, if it does.
    pub async fn hear(&mut self, server: &tokio::net::UdpSocket, bytes: &[u8]) {
        if self.is_own(bytes) {
            return;
        }
        if let Some(answer) = self.greeting(bytes) {
            // It asks again.
            let _ = server.send_to(&answer, CLIENTS).await;
        }
    }

    /// What a question to port 67 is answered, if it is another bt-server's and this one serves.
    fn greeting(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.overheard(bytes)? {
            Overheard::Question(_) => {
                let own = self.seen.watch.serves()?;
                guarded(|| probe::greeting(bytes, own))
            }
            Overheard::Wants | Overheard::Choice(_) => None,
        }
    }

    /// Waits until there is something new to tell: the role that is safe from now on, or `None` while that is not
    /// known any more. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The interface is gone, or cannot send although it has a link. It can be waited on again.
    pub async fn changed(&mut self) -> io::Result<Option<Role>> {
        let mut packet = [0; DATAGRAM];
        loop {
            let now = self.seen.begun.elapsed();
            let role = self.seen.watch.role(now);
            if role != self.seen.told {
                if role.is_some() {
                    self.seen.watch.settle();
                }
                self.seen.told.clone_from(&role);
                return Ok(role);
            }
            tokio::select! {
                _ = self.tick.tick() => self.look().await?,
                received = self.hears.recv(&mut packet) => {
                    if let Some(heard) = ear::datagram(&packet[..received?]) {
                        self.overhear(heard).await;
                    }
                }
            }
        }
    }

    /// Takes in what was said to somebody else, or by this computer itself at another interface: where that asks here, both
    /// are on one wire. Such questions the kernel keeps from port 67.
    async fn overhear(&mut self, Datagram { from, to, payload }: Datagram<'_>) {
        let is_ours = self.seen.ours.contains(&from);
        if to != ear::SERVER_PORT {
            let ours = &self.seen.ours;
            let foreign = guarded(|| probe::foreign_reply(payload, from, ours));
            if let Some(foreign) = foreign {
                self.seen.watch.heard(foreign, self.seen.begun.elapsed());
            }
        } else if is_ours
            && !self.is_own(payload)
            && let Some(answer) = self.greeting(payload)
        {
            // It asks again.
            let _ = self.asks.send_to(&answer, CLIENTS).await;
        }
    }

    fn overheard(&mut self, bytes: &[u8]) -> Option<Overheard> {
        let ours = &self.seen.ours;
        let what = guarded(|| probe::overheard(bytes, ours))?;
        self.seen.watch.overheard(what, self.seen.begun.elapsed());
        Some(what)
    }

    /// From now on no address is given away whatever is seen, for this reason.
    pub fn bar(&mut self, why: String) {
        self.seen.watch.bar(why);
    }

    /// Whether a datagram to port 67 is a question of our own, which the kernel brings back to us like any broadcast.
    #[must_use]
    pub fn is_own(&self, bytes: &[u8]) -> bool {
        bytes.get(HARDWARE_ADDRESS) == Some(&self.seen.mac.0[..])
    }

    /// Looks at the link, and asks when it is time.
    async fn look(&mut self) -> io::Result<()> {
        let Now { link, all, .. } = interface::now(&self.seen.interface)?;
        self.seen.watch.computer(&all);
        self.seen.ours = all;
        let before = self.seen.had_link.replace(link);
        if !link && before.is_none() {
            tracing::info!("no cable on {}: waiting for a link", self.seen.interface);
        }
        let now = self.seen.begun.elapsed();
        self.seen.watch.link(link, now);
        if self.seen.watch.waits_for_a_twin(now) && !self.seen.said_it_waits {
            self.seen.said_it_waits = true;
            tracing::info!(
                "another bt-server begins on {} too, and goes first: waiting for it",
                self.seen.interface
            );
        }
        if self.seen.watch.is_question_due(now) {
            let claim = self.seen.watch.claim();
            let question = probe::discover(rand::random(), self.seen.mac, claim);
            self.asks.send_to(&question, SERVERS).await?;
            self.seen.watch.asked(now);
        }
        Ok(())
    }
}

/// What a stranger's packet shows; nothing where it panicked the codec.
fn guarded<T>(look: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(look)).ok().flatten()
}

/// Why an interface stays silent whose wire is served by another one, and the remedy.
#[must_use]
pub fn same_wire(served_from: Ipv4Addr) -> String {
    format!(
        "on this wire machines are served from {served_from} already, this computer's address on another interface of it; \
         leave one of the two out, or give each a wire (or VLAN) of its own"
    )
}
