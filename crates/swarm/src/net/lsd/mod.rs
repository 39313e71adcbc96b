//! Finding each other by multicast, without a tracker (BEP 14, local service discovery).
//!
//! It says that we are there and hands on who else says so; connecting is for the core. It speaks
//! and listens on one interface alone, and only about this torrent.

mod message;
mod pace;

use std::collections::HashSet;
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
use pace::{Pace, Reply};

/// After a receive that failed; the network may be down for a moment.
const PAUSE: Duration = Duration::from_secs(1);

/// Most that are remembered; a room has fewer.
const MOST_KNOWN: usize = 2048;

/// Who looks for others.
pub(super) struct Lsd {
    /// The address of the interface.
    pub(super) interface: Ipv4Addr,
    pub(super) torrent: InfoHash,
    /// Where peers reach us.
    pub(super) port: u16,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Lsd {
    /// Says and listens until `stop`. A network without multicast stops no download.
    pub(super) async fn run(self, stop: CancellationToken) {
        let socket = match open(self.interface) {
            Ok(socket) => socket,
            Err(why) => {
                return tracing::warn!("no multicast on {}: {why}", self.interface);
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.talk(&socket) => {}
        }
    }

    async fn talk(&self, socket: &UdpSocket) {
        let begun = Instant::now();
        let cookie = format!("{:016x}", rand::random::<u64>());
        let ours = message::search(self.torrent, self.port, &cookie);
        let mut pace = Pace::new(Duration::ZERO);
        let mut known = Known::default();
        let mut bytes = [0; LONGEST];
        loop {
            let now = begun.elapsed();
            if pace.due(now)
                && let Err(why) = socket.send_to(ours.as_bytes(), (GROUP, PORT)).await
            {
                tracing::debug!("multicast on {}: {why}", self.interface);
            }
            let received = tokio::select! {
                () = sleep(pace.next().saturating_sub(now)) => continue,
                received = socket.recv_from(&mut bytes) => received,
            };
            let Ok((length, SocketAddr::V4(from))) = received else {
                sleep(PAUSE).await;
                continue;
            };
            let Some(said) = message::read(&bytes[..length], self.torrent) else {
                continue;
            };
            if said.cookie.as_ref() == Some(&cookie) {
                continue;
            }
            let peer = SocketAddrV4::new(*from.ip(), said.port);
            let reply = match known.insert(peer, said.cookie) {
                true if self.progress.borrow().complete => Reply::Wanted,
                _ => Reply::Needless,
            };
            if pace.hears(*from.ip(), reply, rand::random(), begun.elapsed())
                && self.events.send(Event::Neighbour(peer)).await.is_err()
            {
                return;
            }
        }
    }
}

/// Those that were heard, and as whom: a machine that was restarted is another one.
#[derive(Default)]
struct Known(HashSet<(SocketAddrV4, Option<String>)>);

impl Known {
    /// False if it was heard before. When there are far too many it begins anew.
    fn insert(&mut self, peer: SocketAddrV4, cookie: Option<String>) -> bool {
        if self.0.len() >= MOST_KNOWN {
            self.0.clear();
        }
        self.0.insert((peer, cookie))
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
