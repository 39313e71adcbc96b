//! Finding each other by multicast, without a tracker (BEP 14, local service discovery).
//!
//! It says that we are there and hands on who else says so; connecting is for the core. It speaks
//! and listens on one interface alone, never beyond its network, and answers nothing but the question
//! for a torrent that we share.

mod message;
mod pace;
mod voice;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use metainfo::InfoHash;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Progress;
use super::event::Event;
use message::{GROUP, LONGEST, PORT};
use voice::{Needs, Voice};

/// After a receive that failed; the network may be down for a moment.
const PAUSE: Duration = Duration::from_secs(1);

/// Who is to be found by others, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lsd {
    /// The address of the interface.
    pub interface: Ipv4Addr,
    /// Where peers reach us, at that address.
    pub port: u16,
    /// What we share.
    pub torrents: Vec<InfoHash>,
}

/// Who wants to hear of others.
enum Listener {
    /// The engine of a machine.
    Engine {
        progress: watch::Receiver<Progress>,
        events: mpsc::Sender<Event>,
    },
    /// A seed connects to nobody.
    Nobody,
}

impl Listener {
    fn needs(&self) -> Needs {
        match self {
            Self::Engine { progress, .. } if !progress.borrow().complete => Needs::Others,
            Self::Engine { .. } | Self::Nobody => Needs::Nobody,
        }
    }

    /// False when it is gone.
    async fn hear(&self, peer: SocketAddrV4) -> bool {
        match self {
            Self::Engine { events, .. } => events.send(Event::Neighbour(peer)).await.is_ok(),
            Self::Nobody => true,
        }
    }
}

impl Lsd {
    /// Speaks for a seed until `stop`: it is found by machines that look for its torrents, and looks for
    /// nobody.
    ///
    /// # Errors
    /// There is no multicast on the interface, at the start.
    pub async fn seed(self, stop: CancellationToken) -> std::io::Result<()> {
        let socket = open(self.interface)?;
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.talk(&socket, &Listener::Nobody) => {}
        }
        Ok(())
    }

    /// Speaks for a machine until `stop`, and tells its engine who is there. A network without multicast
    /// stops no download.
    pub(super) async fn search(
        self,
        progress: watch::Receiver<Progress>,
        events: mpsc::Sender<Event>,
        stop: CancellationToken,
    ) {
        let socket = match open(self.interface) {
            Ok(socket) => socket,
            Err(why) => {
                return tracing::warn!("no multicast on {}: {why}", self.interface);
            }
        };
        let engine = Listener::Engine { progress, events };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.talk(&socket, &engine) => {}
        }
    }

    /// Says and listens, until the listener is gone.
    async fn talk(&self, socket: &UdpSocket, listener: &Listener) {
        let begun = Instant::now();
        let cookie = format!("{:016x}", rand::random::<u64>());
        let torrents = self.torrents.iter();
        let mut voices: Vec<_> = torrents.map(|torrent| Voice::new(*torrent)).collect();
        let mut bytes = [0; LONGEST];
        loop {
            let now = begun.elapsed();
            for voice in &mut voices {
                let Some(due) = voice.due(now) else {
                    continue;
                };
                let said = message::search(due, self.port, &cookie);
                if let Err(why) = socket.send_to(said.as_bytes(), (GROUP, PORT)).await {
                    tracing::debug!("multicast on {}: {why}", self.interface);
                }
            }
            let next = voices.iter().map(Voice::next).min();
            let received = tokio::select! {
                () = sleep(next.unwrap_or(Duration::MAX).saturating_sub(now)) => continue,
                received = socket.recv_from(&mut bytes) => received,
            };
            let Ok((length, SocketAddr::V4(from))) = received else {
                sleep(PAUSE).await;
                continue;
            };
            let Some(said) = message::read(&bytes[..length]) else {
                continue;
            };
            if said.cookie.as_ref() == Some(&cookie) {
                continue;
            }
            for voice in &mut voices {
                let (needs, chance) = (listener.needs(), rand::random());
                let peer = voice.hears(*from.ip(), &said, needs, chance, begun.elapsed());
                if let Some(peer) = peer
                    && !listener.hear(peer).await
                {
                    return;
                }
            }
        }
    }
}

/// A socket that hears what is said to the group on this interface and nothing else, beside those of
/// other programs.
fn open(interface: Ipv4Addr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Bound to the group it gets nothing that is sent to this machine alone.
    socket.bind(&SocketAddr::from((GROUP, PORT)).into())?;
    socket.set_multicast_all_v4(false)?;
    socket.join_multicast_v4(&GROUP, &interface)?;
    socket.set_multicast_if_v4(&interface)?;
    socket.set_multicast_ttl_v4(1)?;
    UdpSocket::from_std(socket.into())
}
