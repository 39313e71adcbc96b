//! The server connects to programs that wait to be connected to.
//!
//! Transmission 3 asks a seed for uTP first and never gets to TCP where nobody speaks uTP. Who announces to
//! our tracker, is no program of this house and has not come by itself soon after is therefore dialed
//! ([`seeder::Dialer`]), and from then on a peer like any other.
//!
//! Only the announcer itself is ever dialed: the address its announce came from, which nobody can forge over
//! TCP, and never the server's own. How many, how often and when again is [`Table`]'s decision; this
//! looks at the clock and carries it out. What goes wrong with a stranger is said at `debug` and
//! nowhere else.

mod table;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use seeder::Dialer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracker::Announce;

pub use table::Peer;
use table::Table;

/// Announces that may wait to be looked at. What does not fit is dropped: programs announce again.
const WAITING: usize = 256;
/// How often the table is asked whom to dial.
const TICK: Duration = Duration::from_millis(500);

/// Where the tracker's page tells of announces.
#[derive(Clone, Debug)]
pub struct Announced(mpsc::Sender<Peer>);

impl Announced {
    /// Takes note of an announce that the tracker answered. Never waits.
    pub(super) fn tell(&self, announce: &Announce) {
        if let Some(peer) = Peer::to_dial(announce) {
            let _ = self.0.try_send(peer);
        }
    }
}

/// From the tracker's page to this door.
#[must_use]
pub fn channel() -> (Announced, mpsc::Receiver<Peer>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Announced(sender), receiver)
}

/// Dials who was told of, until `stop`; then every connection that it opened is closed. `own` is the
/// server's address.
///
/// # Errors
/// None: it fails at strangers only.
pub async fn run(
    mut announced: mpsc::Receiver<Peer>,
    dialer: Dialer,
    own: Ipv4Addr,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut table = Table::new(own);
    let mut connections = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(peer) = announced.recv() => table.heard(peer, begun.elapsed()),
            Some(Ok((peer, ended))) = connections.join_next() => match ended {
                Ended::NotReached => table.failed(peer, begun.elapsed()),
                Ended::Served => table.forget(&peer),
            },
            _ = tick.tick(), if !table.is_empty() => for peer in table.due(begun.elapsed()) {
                if dialer.is_connected(&peer.torrent, *peer.address.ip()) {
                    table.forget(&peer);
                } else {
                    let dialer = dialer.clone();
                    connections.spawn(async move { (peer, serve(&dialer, peer).await) });
                }
            },
        }
    }
}

/// How a connection ended.
enum Ended {
    /// It never was one with a BitTorrent program that has this torrent.
    NotReached,
    /// The peer was one for a while.
    Served,
}

async fn serve(dialer: &Dialer, peer: Peer) -> Ended {
    let Peer { address, torrent } = peer;
    match dialer.dial(torrent, address).await {
        Ok(connection) => {
            tracing::debug!("connected to {address}, which waited for it");
            if let Err(error) = connection.carry().await {
                tracing::debug!("the connection to {address} broke: {error}");
            }
            Ended::Served
        }
        Err(error) => {
            tracing::debug!("{address} announced and cannot be connected to: {error}");
            Ended::NotReached
        }
    }
}
