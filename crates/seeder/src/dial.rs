//! Connections that begin at the seed's end.
//!
//! Some programs never connect to a seed that they are told of, and wait to be connected to. librqbit
//! cannot be told to dial, and what it dials by itself gets nowhere (see `engine`). So this dials: it
//! exchanges handshakes with the peer in the seed's name, opens a second connection, to the seed's own
//! port, and carries bytes between the two from then on. librqbit takes it for a peer that came by itself.
//!
//! Whom to dial is for the caller to decide. Nothing is retried here, and nothing is logged.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Weak};
use std::time::Duration;

use librqbit::generate_peer_id;
use metainfo::InfoHash;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::engine::{HELLO, NAME, SILENCE};
use crate::seeder::{Seeder, Shared};

/// How long a peer may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes carried at a time: a block and its message's head take two.
const CARRIED: usize = 16 << 10;

/// The handshake of BEP 3: protocol, reserved bits, info hash, peer id.
type Handshake = [u8; 68];
/// What every handshake begins with.
const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";
/// What librqbit can do beyond BEP 3: the extension protocol (BEP 10) and nothing else.
const RESERVED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];

/// Opens connections in a seed's name. It may outlive the seed, and then dials nobody.
#[derive(Clone)]
pub struct Dialer(Weak<Shared>);

impl Seeder {
    /// What opens connections in this seed's name.
    pub fn dialer(&self) -> Dialer {
        Dialer(Arc::downgrade(&self.shared))
    }
}

impl Dialer {
    /// Whether somebody at this address is connected to the seed of this torrent, by a connection of its
    /// own. (Those that were dialed look to the seed as if they came from the server's address.)
    #[must_use]
    pub fn is_connected(&self, torrent: &InfoHash, address: Ipv4Addr) -> bool {
        let stats = self.0.upgrade().and_then(|shared| shared.stats(torrent));
        stats.is_some_and(|stats| stats.peers.iter().any(|peer| peer.address.ip() == address))
    }

    /// Connects to a peer and introduces it to the seed. Nothing is carried before
    /// [`Connection::carry`] runs.
    ///
    /// # Errors
    /// The peer does not accept the connection within 5 s, or does not answer with a handshake for
    /// this torrent within another 5 s; the seed has ended or refuses it.
    pub async fn dial(&self, torrent: InfoHash, peer: SocketAddrV4) -> io::Result<Connection> {
        let seed = self.0.upgrade().and_then(|shared| shared.listen_addr());
        let Some(SocketAddr::V4(seed)) = seed else {
            return Err(io::Error::new(
                ErrorKind::NotConnected,
                "the seed has ended",
            ));
        };
        // From the address that the tracker names: programs know the seed by it.
        let mut peer = connect(*seed.ip(), peer).await?;
        let ours = handshake(torrent, generate_peer_id(NAME).0);
        let theirs = exchange(&mut peer, &ours, torrent).await?;
        let mut seed = connect(*seed.ip(), seed).await?;
        // The peer has had its answer to this one.
        exchange(&mut seed, &theirs, torrent).await?;
        Ok(Connection { peer, seed })
    }
}

/// A peer that was dialed, and the seed's end of it.
pub struct Connection {
    peer: TcpStream,
    seed: TcpStream,
}

impl Connection {
    /// Carries bytes both ways until one end closes its connection or is silent for 180 s; then both are
    /// closed. Dropping it closes them too.
    ///
    /// # Errors
    /// It was not an orderly end.
    pub async fn carry(mut self) -> io::Result<()> {
        let (peer_says, peer_hears) = self.peer.split();
        let (seed_says, seed_hears) = self.seed.split();
        // BitTorrent knows no connection that is half closed.
        tokio::select! {
            ended = carry(peer_says, seed_hears, SILENCE) => ended,
            ended = carry(seed_says, peer_hears, SILENCE) => ended,
        }
    }
}

/// Carries bytes one way until their end, or until nothing moves for so long.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    silence: Duration,
) -> io::Result<()> {
    let mut bytes = vec![0; CARRIED];
    loop {
        let read = within(silence, from.read(&mut bytes)).await?;
        if read == 0 {
            return Ok(());
        }
        within(silence, to.write_all(&bytes[..read])).await?;
    }
}

async fn connect(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = within(CONNECT, socket.connect(to.into())).await?;
    // Requests are small and must not wait for each other.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn handshake(torrent: InfoHash, id: [u8; 20]) -> Handshake {
    let mut bytes = [0; 68];
    bytes[..20].copy_from_slice(PROTOCOL);
    bytes[20..28].copy_from_slice(&RESERVED);
    bytes[28..48].copy_from_slice(&torrent.0);
    bytes[48..].copy_from_slice(&id);
    bytes
}

/// Sends one side's handshake and reads the other's, and no byte beyond it.
async fn exchange(
    stream: &mut TcpStream,
    handshake: &Handshake,
    torrent: InfoHash,
) -> io::Result<Handshake> {
    let mut answer = [0; 68];
    let exchanged = async {
        stream.write_all(handshake).await?;
        stream.read_exact(&mut answer).await
    };
    within(HELLO, exchanged).await?;
    if answer[..20] != *PROTOCOL {
        return Err(io::Error::new(ErrorKind::InvalidData, "not BitTorrent"));
    }
    if answer[28..48] != torrent.0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "another torrent"));
    }
    Ok(answer)
}

async fn within<T>(time: Duration, io: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, io)
        .await
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_ends_it_and_so_does_not_reading() {
        let soon = Duration::from_millis(20);
        let (_silent, from) = tokio::io::duplex(1);
        let ended = carry(from, tokio::io::sink(), soon).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::TimedOut);
        let (to, _never_reads) = tokio::io::duplex(1);
        let ended = carry(tokio::io::repeat(7), to, soon).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_last_bytes_arrive_before_the_end() {
        let said = vec![3; 3 * CARRIED + 1];
        let mut heard = Vec::new();
        carry(&said[..], &mut heard, SILENCE).await.unwrap();
        assert!(heard == said);
    }
}
