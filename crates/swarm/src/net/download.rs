//! One torrent on this machine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metainfo::{Sha256, Torrent};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::announcer::Announcer;
use super::engine::Engine;
use super::event::EVENTS;
use super::lsd::Lsd;
use super::multicast::Listener;
use super::storage::{Joined, Storage};
use super::sums::{Sums, Verdict};
use super::wanted::Wanted;
use super::web_seed::{Fallback, WebSeed};
use super::{Error, Progress};
use crate::core::{Bitfield, HOUSE, Layout, PeerExchange, Settings, Swarm};

/// How long leaving the swarm may take.
const LEAVE: Duration = Duration::from_secs(1);

/// Where and how to take part in a swarm.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where peers reach us. Port 0 takes any free one. An address other than 0.0.0.0 is also the
    /// one we connect from.
    pub listen: SocketAddrV4,
    /// The folder that the torrent's files go to, as
    /// [`Info::relative_path`](metainfo::Info::relative_path) names them. It is made if missing.
    pub to: PathBuf,
    /// Which files to fetch. Others are not made, and are shared only as far as their bytes came with a
    /// piece that holds bytes of both.
    pub wanted: Wanted,
    /// Those of them that lie in one file together. Only [`Download::start`] takes it.
    pub joined: Option<Joined>,
    /// What whole files must be, by their index in [`Info::files`](metainfo::Info::files); of files that
    /// are not wanted it counts for nothing.
    pub sums: BTreeMap<usize, Sha256>,
    /// Most connections at a time.
    pub max_peers: usize,
    /// Peers known beforehand, besides those the tracker knows.
    pub peers: Vec<SocketAddrV4>,
    /// The same files by HTTP, used while no peer gives anything.
    pub web_seed: Option<WebSeed>,
    /// Looks for others by multicast (BEP 14) on the interface that has this address. A private
    /// torrent's peers come from its tracker alone (BEP 27).
    pub lsd: Option<Ipv4Addr>,
    /// Whether peers tell each other whom they know (BEP 11). Those of a private torrent never do.
    pub exchange: PeerExchange,
}

impl Options {
    /// Any address, any port, as many connections as suit a large room.
    pub fn new(to: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            to: to.into(),
            wanted: Wanted::Everything,
            joined: None,
            sums: BTreeMap::new(),
            max_peers: Settings::MAX_PEERS,
            peers: Vec::new(),
            web_seed: None,
            lsd: None,
            exchange: PeerExchange::On,
        }
    }
}

/// A torrent being downloaded, and shared with others, until [`stop`](Self::stop) or drop.
#[derive(Debug)]
pub struct Download {
    address: SocketAddrV4,
    progress: watch::Receiver<Progress>,
    sums: watch::Receiver<Verdict>,
    failure: Arc<Mutex<Option<Error>>>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Download {
    /// Opens the port, makes the wanted files and starts to fetch. What an earlier run left in the files is
    /// hashed first, and what is right is not fetched again.
    ///
    /// # Errors
    /// The port cannot be opened, or a file cannot be made.
    pub async fn start(torrent: Arc<Torrent>, options: Options) -> Result<Self, Error> {
        let for_files = Arc::clone(&torrent);
        let (to, wanted) = (options.to.clone(), options.wanted.clone());
        let joined = options.joined.clone();
        let (storage, have) = blocking(move || {
            let (storage, left_over) = Storage::create(for_files, &to, &wanted, joined)?;
            let have = if left_over {
                verify(&storage, &wanted.pieces(storage.info()))?
            } else {
                Bitfield::empty(storage.info().piece_count())
            };
            Ok((storage, have))
        })
        .await?;
        Self::open(torrent, options, storage, have).await
    }

    /// Shares the complete and correct files below `options.to` without changing them, all of them.
    ///
    /// # Errors
    /// The port cannot be opened, or a file is missing or of another length.
    pub async fn seed(torrent: Arc<Torrent>, options: Options) -> Result<Self, Error> {
        let storage = Storage::existing(Arc::clone(&torrent), &options.to)?;
        let have = Bitfield::full(torrent.info().piece_count());
        let options = Options {
            wanted: Wanted::Everything,
            sums: BTreeMap::new(),
            ..options
        };
        Self::open(torrent, options, storage, have).await
    }

    async fn open(
        torrent: Arc<Torrent>,
        options: Options,
        storage: Storage,
        have: Bitfield,
    ) -> Result<Self, Error> {
        let (listener, address) = listen(options.listen).await?;
        let begun = Instant::now();
        let peer_id = peer_id();
        let settings = Settings {
            info_hash: torrent.info_hash(),
            layout: Layout::of(torrent.info()),
            peer_id,
            port: Some(address.port()),
            max_peers: options.max_peers,
            exchange: match torrent.info().private {
                true => PeerExchange::Off,
                false => options.exchange,
            },
            seed: rand::random(),
        };
        let wanted = options.wanted.pieces(torrent.info());
        let mut swarm = Swarm::wanting(&wanted, settings, have, Duration::ZERO);
        let now = swarm.status(Duration::ZERO);
        let (total, have, complete) = (now.total, now.have, swarm.complete());
        let (publish, progress) = watch::channel(Progress {
            total,
            have,
            complete,
            ..Progress::default()
        });
        let lsd = options.lsd.filter(|_| !torrent.info().private);
        let knows_somebody =
            torrent.announce().is_some() || !options.peers.is_empty() || lsd.is_some();
        let about = torrent.info_hash();
        let storage = Arc::new(storage);
        let (followed, sums) = follow(&storage, wanted, &options);
        let web_seed = options.web_seed.filter(|_| !complete);
        swarm.learned(options.peers, Duration::ZERO);
        let (events, reports) = mpsc::channel(EVENTS);
        let (stop, failure) = (CancellationToken::new(), Arc::default());
        let lsd = lsd.map(|interface| {
            let (port, torrents) = (address.port(), vec![about]);
            let lsd = Lsd {
                interface,
                port,
                torrents,
            };
            lsd.search(progress.clone(), events.clone(), stop.clone())
        });
        let overhearing = Listener {
            torrent: about,
            layout: Layout::of(torrent.info()),
            peer_id,
            from: *address.ip(),
            events: events.clone(),
        };
        let (desk, desks) = watch::channel(None);
        let announcer = Announcer {
            torrent,
            peer_id,
            port: address.port(),
            progress: progress.clone(),
            events: events.clone(),
            desk,
        };
        let engine = Engine {
            swarm,
            storage,
            listener,
            address,
            events,
            progress: publish,
            failure: Arc::clone(&failure),
            begun,
            knows_somebody,
            fallback: web_seed.map(|seed| Fallback::new(seed, about, Duration::ZERO)),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(engine.run(reports, stop.clone()));
        tasks.spawn(announcer.run(stop.clone()));
        if !complete {
            tasks.spawn(overhearing.run(desks, stop.clone()));
        }
        if let Some(lsd) = lsd {
            tasks.spawn(lsd);
        }
        if let Some(followed) = followed {
            tasks.spawn(followed.run(stop.clone()));
        }
        Ok(Self {
            address,
            progress,
            sums,
            failure,
            stop,
            tasks,
        })
    }

    /// Where peers reach us, with the port that was opened.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// The newest state, and every later one. It ends when the download does.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until every wanted piece is verified and in its file, and every file has the sum that
    /// [`Options::sums`] has for it. The download goes on sharing.
    ///
    /// # Errors
    /// What ended the download before it was complete, or the first file with another sum, which may be
    /// found before the others are here.
    pub async fn complete(&mut self) -> Result<(), Error> {
        let (mut progress, mut sums) = (self.progress.clone(), self.sums.clone());
        let arrived = async {
            let arrived = progress.wait_for(|progress| progress.complete).await;
            arrived.map(drop).map_err(|_| self.failure())
        };
        let right = async {
            let verdict = sums.wait_for(Option::is_some).await;
            let verdict = verdict.map_err(|_| self.failure())?.clone();
            verdict.unwrap_or(Ok(()))
        };
        tokio::try_join!(arrived, right).map(drop)
    }

    /// Leaves the swarm: tells the tracker, for one second at most, and closes everything. The port
    /// is free when it returns.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LEAVE, ended).await;
    }

    fn failure(&self) -> Error {
        let told = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone().unwrap_or(Error::Stopped)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.stop.cancel();
        // Dropped without `stop`, the farewell to the tracker is still sent.
        self.tasks.detach_all();
    }
}

/// Who compares the files with their sums, and what comes of it: nothing to compare is right.
fn follow(
    storage: &Arc<Storage>,
    wanted: Bitfield,
    options: &Options,
) -> (Option<Sums>, watch::Receiver<Verdict>) {
    let mut promised = options.sums.clone();
    promised.retain(|file, _| options.wanted.has(*file));
    if promised.is_empty() {
        return (None, watch::channel(Some(Ok(()))).1);
    }
    let (sums, verdict) = Sums::new(Arc::clone(storage), wanted, &promised);
    (Some(sums), verdict)
}

/// Which of these pieces in the files are right, hashed on all cores.
fn verify(storage: &Storage, wanted: &Bitfield) -> Result<Bitfield, Error> {
    let pieces = storage.info().piece_count();
    let (next, right) = (AtomicU32::new(0), Mutex::new(Bitfield::empty(pieces)));
    let work = || loop {
        let piece = next.fetch_add(1, Ordering::Relaxed);
        if piece >= pieces {
            return Ok(());
        }
        if wanted.has(piece) && storage.check(piece)? {
            right
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .set(piece);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A thread of ours that panics has no result; the panic goes on here.
        all.into_iter().try_for_each(|one| {
            one.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(right.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // It ends without a result only when the runtime is being shut down.
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(Error::Stopped))
}

async fn listen(address: SocketAddrV4) -> Result<(TcpListener, SocketAddrV4), Error> {
    let fail = |why: std::io::Error| Error::Listen {
        address,
        why: Arc::new(why),
    };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    match listener.local_addr().map_err(fail)? {
        SocketAddr::V4(bound) => Ok((listener, bound)),
        SocketAddr::V6(_) => Err(fail(std::io::ErrorKind::Unsupported.into())),
    }
}

/// Our name for this run (BEP 20): what we are, and chance.
fn peer_id() -> [u8; 20] {
    let mut id = *b"-??0001-000000000000";
    id[..HOUSE.len()].copy_from_slice(&HOUSE);
    for byte in &mut id[8..] {
        *byte = b"0123456789abcdefghijklmnopqrstuvwxyz"[rand::random_range(0..36)];
    }
    id
}
