//! How librqbit is set up: as a seed that listens on one address, trusts the bitfield we hand it, and
//! never speaks first.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use librqbit::storage::StorageFactoryExt;
use librqbit::{
    AddTorrent, AddTorrentOptions, AddTorrentResponse, ConnectionOptions, ListenerMode,
    ListenerOptions, ManagedTorrent, PeerConnectionOptions, Session, SessionOptions,
    SessionPersistenceConfig, generate_peer_id,
};
use metainfo::{InfoHash, Torrent};
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::own_thread::OwnThread;
use crate::storage::{ReadOnlyFactory, Source};

/// How the peer ids of this house's programs begin (BEP 20).
pub const HOUSE: &[u8] = b"-BS";

/// How ours begins. The machines' engine knows its own house by the first letters and keeps shorter queues
/// there than at a stranger's.
pub(crate) const NAME: &[u8] = b"-BS0001-";

/// Connections per torrent; more are dropped. Ten times the largest room we are asked to serve.
const PEERS: usize = 3000;

/// Connections that have not said hello yet. They may be strangers that never will, and while there
/// are this many nobody else gets in.
const HELLOS: usize = 1024;

/// How long a stranger may take to say which torrent it wants.
pub(crate) const HELLO: Duration = Duration::from_secs(5);

/// How long a peer may be silent. BEP 3 has keep-alives every two minutes.
pub(crate) const SILENCE: Duration = Duration::from_secs(180);

/// librqbit with its surroundings.
///
/// Whatever makes librqbit start a task has to be done on its own thread.
pub(crate) struct Engine {
    session: Arc<Session>,
    thread: OwnThread,
    folder: PathBuf,
    /// librqbit dials whom peers name (BEP 11), and that can't be turned off. All it dials goes through
    /// this "proxy", a loopback port that is taken and does not listen: no stranger can make the server
    /// connect to anybody.
    _wall: TcpSocket,
}

impl Engine {
    /// Binds `listen` and waits for peers. What librqbit writes is in `folder`, which is emptied first.
    pub(crate) async fn start(
        listen: SocketAddrV4,
        folder: PathBuf,
        cancel: CancellationToken,
    ) -> Result<Self, Error> {
        empty(&folder).map_err(|source| state_error(&folder, source))?;
        let wall = TcpSocket::new_v4().map_err(|e| Error::Engine(e.to_string()))?;
        let blocked = wall
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .and_then(|()| wall.local_addr())
            .map_err(|e| Error::Engine(format!("no loopback address: {e}")))?;
        let options = SessionOptions {
            peer_id: Some(generate_peer_id(NAME)),
            dht: None,
            disable_local_service_discovery: true,
            disable_trackers: true,
            ipv4_only: true,
            fastresume: true,
            persistence: Some(SessionPersistenceConfig::Json {
                folder: Some(folder.clone()),
            }),
            listen: Some(ListenerOptions {
                mode: ListenerMode::TcpOnly,
                listen_addr: listen.into(),
                ipv4_only: true,
                max_pending_incoming_handshake_checks: HELLOS,
                ..ListenerOptions::default()
            }),
            connect: Some(ConnectionOptions {
                proxy_url: Some(format!("socks5://{blocked}")),
                enable_tcp: false,
                peer_opts: Some(timeouts(HELLO)),
            }),
            cancellation_token: Some(cancel),
            ..SessionOptions::default()
        };
        let thread = OwnThread::start().map_err(|e| Error::Engine(format!("no thread: {e}")))?;
        let session = thread
            .run(Session::new_with_opts(folder.clone(), options))
            .await?
            .map_err(|e| Error::Engine(format!("{e:#}{}", without_ipv6())))?;
        Ok(Self {
            session,
            thread,
            folder,
            _wall: wall,
        })
    }

    /// Where it listens: with port 0 asked for, this has the real one.
    pub(crate) fn listen_addr(&self) -> Option<SocketAddr> {
        self.session.listen_addr()
    }

    /// Takes on a torrent without hashing it and lets peers have it.
    pub(crate) async fn add(
        &self,
        torrent: &Torrent,
        source: Arc<Source>,
    ) -> Result<Arc<ManagedTorrent>, Error> {
        self.write_bitfield(torrent)?;
        let options = AddTorrentOptions {
            // Until it is certain that nothing is missing: an incomplete torrent would download.
            paused: true,
            overwrite: true,
            disable_trackers: true,
            output_folder: Some(self.folder.to_string_lossy().into_owned()),
            peer_opts: Some(timeouts(SILENCE)),
            peer_limit: Some(PEERS),
            storage_factory: Some(ReadOnlyFactory(source).boxed()),
            ..AddTorrentOptions::default()
        };
        let bytes = AddTorrent::from_bytes(torrent.to_bytes());
        let add =
            |session: Arc<Session>| async move { session.add_torrent(bytes, Some(options)).await };
        let AddTorrentResponse::Added(id, handle) = self.there(add).await? else {
            return Err(Error::Twice(torrent.info_hash()));
        };
        let ready = match handle.wait_until_initialized().await {
            Ok(()) if handle.stats().finished => self.resume(&handle).await,
            Ok(()) => Err(Error::Content(torrent.info().name.clone())),
            Err(e) => Err(Error::Engine(format!("{e:#}"))),
        };
        if let Err(error) = ready {
            // Nothing is lost if this fails: it stays paused.
            let delete =
                |session: Arc<Session>| async move { session.delete(id.into(), false).await };
            let _ = self.there(delete).await;
            return Err(error);
        }
        Ok(handle)
    }

    /// Closes a torrent's connections and forgets what is known about its peers.
    pub(crate) async fn pause(&self, handle: &Arc<ManagedTorrent>) -> Result<(), Error> {
        let handle = Arc::clone(handle);
        self.there(|session| async move { session.pause(&handle).await })
            .await
    }

    /// Lets peers have a paused torrent.
    pub(crate) async fn resume(&self, handle: &Arc<ManagedTorrent>) -> Result<(), Error> {
        let handle = Arc::clone(handle);
        self.there(|session| async move { session.unpause(&handle).await })
            .await
    }

    /// Has librqbit do something on its own thread.
    async fn there<T, W>(&self, work: impl FnOnce(Arc<Session>) -> W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Future<Output = anyhow::Result<T>> + Send + 'static,
    {
        let done = self.thread.run(work(Arc::clone(&self.session))).await?;
        done.map_err(|e| Error::Engine(format!("{e:#}")))
    }

    /// Waits until librqbit is gone, with its port and connections, and removes what is left on the disk.
    pub(crate) async fn forget(self) {
        let Self {
            session,
            thread,
            folder,
            ..
        } = self;
        drop(session);
        thread.end().await;
        if let Err(error) = fs::remove_dir_all(&folder) {
            tracing::debug!("{} stays: {error}", folder.display());
        }
    }

    /// The bitfield librqbit looks for before it hashes everything: all pieces are there. It reads some
    /// samples and believes it, whatever they hash to; comparing is up to us.
    fn write_bitfield(&self, torrent: &Torrent) -> Result<(), Error> {
        let path = self.bitfield_path(torrent.info_hash());
        let bits = bitfield(torrent.info().pieces.len());
        fs::write(&path, bits).map_err(|source| state_error(&path, source))
    }

    fn bitfield_path(&self, hash: InfoHash) -> PathBuf {
        self.folder.join(format!("{hash}.bitv"))
    }
}

fn timeouts(read_write: Duration) -> PeerConnectionOptions {
    PeerConnectionOptions {
        read_write_timeout: Some(read_write),
        ..PeerConnectionOptions::default()
    }
}

/// librqbit opens an IPv6 socket for a tracker client that is never used, and gives up without one.
fn without_ipv6() -> &'static str {
    if Path::new("/proc/net/if_inet6").exists() {
        ""
    } else {
        " (it needs IPv6, which is off in this kernel: remove ipv6.disable from the kernel's command line)"
    }
}

/// One bit per piece, all set, the first in the highest bit; spare bits are zero (BEP 3).
fn bitfield(pieces: usize) -> Vec<u8> {
    let mut bits = vec![0xff; pieces.div_ceil(8)];
    if let Some(last) = bits.last_mut() {
        *last <<= (8 - pieces % 8) % 8;
    }
    bits
}

fn empty(folder: &Path) -> io::Result<()> {
    // librqbit takes the folder's name for text.
    if folder.to_str().is_none() {
        return Err(io::Error::other("its path is not UTF-8"));
    }
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    fs::create_dir_all(folder)
}

fn state_error(folder: &Path, source: io::Error) -> Error {
    Error::State {
        folder: folder.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUSE, NAME, bitfield};

    #[test]
    fn the_seed_is_of_the_house() {
        assert!(NAME.starts_with(HOUSE));
    }

    #[test]
    fn a_full_bitfield_has_no_spare_bits() {
        for (pieces, expected) in [
            (1, vec![0x80]),
            (7, vec![0xfe]),
            (8, vec![0xff]),
            (9, vec![0xff, 0x80]),
            (16, vec![0xff, 0xff]),
        ] {
            assert_eq!(bitfield(pieces), expected, "{pieces} pieces");
        }
    }
}
