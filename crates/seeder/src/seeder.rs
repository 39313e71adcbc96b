//! The seed itself: torrents in, bytes out, and figures about it.

use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use librqbit::ManagedTorrent;
use metainfo::{Info, InfoHash, Torrent};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::engine::Engine;
use crate::hash;
use crate::payload::Payload;
use crate::storage::{Origin, Source};
use crate::{Error, Hashed, InMemory};

/// How long [`Seeder::stop`] waits for connections to end.
const LAST_BYTES: Duration = Duration::from_millis(800);

/// How often the number of remembered peers is looked at, and how many there may be. librqbit never
/// forgets an address that it saw, or that a peer named to it.
const FORGET_EVERY: Duration = Duration::from_secs(1);
const REMEMBERED: u32 = 20_000;

/// What a seed needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where peers connect to. With port 0 the system picks one: see [`Seeder::listen_addr`].
    pub listen: SocketAddrV4,
    /// A folder this process may write. What is in its sub-folder `seeder` is thrown away.
    pub state: PathBuf,
}

/// One torrent's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Payload bytes sent since the torrent was added.
    pub uploaded: u64,
    /// Who is connected now, by address.
    pub peers: Vec<Peer>,
    /// Why bytes could not be sent, in one sentence, if that ever happened.
    pub trouble: Option<String>,
}

/// A connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its end of the connection.
    pub address: SocketAddr,
    /// Payload bytes sent to it over this connection.
    pub uploaded: u64,
    /// What it calls its program, if it says so (BEP 10). A stranger's text.
    pub client: Option<String>,
}

/// Sends the bytes of torrents to whoever connects and asks. It waits for peers, it never looks for
/// them: somebody has to tell the tracker about it, or to [dial](Self::dialer) for it.
///
/// Needs tokio's multi-thread runtime. Dropping it ends the seed too, only without waiting.
pub struct Seeder {
    pub(crate) shared: Arc<Shared>,
    cancel: DropGuard,
    alive: mpsc::Sender<()>,
    all_gone: mpsc::Receiver<()>,
}

pub(crate) struct Shared {
    engine: Engine,
    seeds: Mutex<HashMap<InfoHash, Seed>>,
    /// librqbit gives two torrents that are added at the same time the same number.
    one_at_a_time: tokio::sync::Mutex<()>,
}

struct Seed {
    info: Arc<Info>,
    source: Arc<Source>,
    /// None if there are no bytes: librqbit knows no empty torrents, and nobody needs a seed for one.
    handle: Option<Arc<ManagedTorrent>>,
    /// Bytes sent before connections were last closed to forget peers.
    uploaded_before: u64,
}

impl Seeder {
    /// Listens for peers, for no torrent yet.
    ///
    /// # Errors
    /// The address is in use, or the state folder cannot be written.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        let cancel = CancellationToken::new();
        let folder = settings.state.join("seeder");
        let engine = Engine::start(settings.listen, folder, cancel.clone()).await?;
        let (alive, all_gone) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            engine,
            seeds: Mutex::default(),
            one_at_a_time: tokio::sync::Mutex::default(),
        });
        tokio::spawn(forget_peers(Arc::clone(&shared), cancel.clone()));
        Ok(Self {
            shared,
            cancel: cancel.drop_guard(),
            alive,
            all_gone,
        })
    }

    /// Where peers connect to.
    pub fn listen_addr(&self) -> Option<SocketAddr> {
        self.shared.listen_addr()
    }

    /// Seeds a torrent whose files lie below `root`. The content is taken for what
    /// [`hash_folder`](crate::hash_folder) made the torrent of: no more than 16 pieces are compared. From
    /// here on a file that changes is noticed and no longer served.
    ///
    /// # Errors
    /// A file is missing or of another size; the sampled content is not the torrent's; the torrent
    /// is seeded already.
    pub async fn add(&self, torrent: &Torrent, root: &Path) -> Result<(), Error> {
        let look = || Payload::look(root, &torrent.info().files);
        self.add_payload(torrent, look).await
    }

    /// Seeds what was hashed, as [`add`](Self::add) does; but the files must be the very ones that were
    /// hashed, and since then nobody may have written to them.
    ///
    /// # Errors
    /// A file is missing or changed; the sampled content is not the torrent's; the torrent is seeded
    /// already.
    pub async fn add_hashed(&self, hashed: &Hashed) -> Result<(), Error> {
        let look = || {
            let payload = Payload::known(&hashed.root, &hashed.torrent.info().files, &hashed.files);
            payload.check().map(|()| payload)
        };
        self.add_payload(&hashed.torrent, look).await
    }

    /// Seeds what was hashed, as [`add_hashed`](Self::add_hashed) does, also where the torrent is seeded already: its
    /// bytes come from these files from now on, and nobody who is connected notices. So a folder that was copied anew, or
    /// came back, is served again.
    ///
    /// # Errors
    /// A file is missing or changed; the sampled content is not the torrent's. Then all is as before.
    pub async fn put_hashed(&self, hashed: &Hashed) -> Result<(), Error> {
        let torrent = &hashed.torrent;
        let source = {
            let seeds = self.shared.seeds();
            let seed = seeds.get(&torrent.info_hash());
            seed.map(|seed| Arc::clone(&seed.source))
        };
        let Some(source) = source else {
            return self.add_hashed(hashed).await;
        };
        tokio::task::block_in_place(|| {
            let payload = Payload::known(&hashed.root, &torrent.info().files, &hashed.files);
            payload.check()?;
            compare(torrent.info(), &payload)?;
            source.replace(Origin::from(payload));
            Ok(())
        })
    }

    /// Seeds a file that is in memory.
    ///
    /// # Errors
    /// The torrent is seeded already.
    pub async fn add_in_memory(&self, file: &InMemory) -> Result<(), Error> {
        let origin = || Ok(Origin::Memory(file.bytes.clone()));
        self.add_origin(&file.torrent, origin).await
    }

    async fn add_payload(
        &self,
        torrent: &Torrent,
        look: impl FnOnce() -> Result<Payload, Error>,
    ) -> Result<(), Error> {
        let origin = || {
            let payload = look()?;
            compare(torrent.info(), &payload).map(|()| Origin::from(payload))
        };
        self.add_origin(torrent, origin).await
    }

    async fn add_origin(
        &self,
        torrent: &Torrent,
        origin: impl FnOnce() -> Result<Origin, Error>,
    ) -> Result<(), Error> {
        let _adding = self.shared.one_at_a_time.lock().await;
        let hash = torrent.info_hash();
        if self.shared.seeds().contains_key(&hash) {
            return Err(Error::Twice(hash));
        }
        let origin = tokio::task::block_in_place(origin)?;
        let source = Source::new(origin, self.alive.clone());
        let handle = match torrent.info().total_length() {
            0 => None,
            _ => Some(self.shared.engine.add(torrent, Arc::clone(&source)).await?),
        };
        let seed = Seed {
            info: Arc::new(torrent.info().clone()),
            source,
            handle,
            uploaded_before: 0,
        };
        self.shared.seeds().insert(hash, seed);
        Ok(())
    }

    /// A torrent's figures, or none if it is not seeded.
    pub fn stats(&self, hash: &InfoHash) -> Option<Stats> {
        self.shared.stats(hash)
    }

    /// Whether a torrent's files still are what they were when it was added, by their fingerprints.
    /// Blocks for a look at every file. A torrent that is not seeded has no files, so all is well.
    ///
    /// # Errors
    /// The first file that is missing or changed.
    pub fn check(&self, hash: &InfoHash) -> Result<(), Error> {
        let source = match self.shared.seeds().get(hash) {
            Some(seed) => Arc::clone(&seed.source),
            None => return Ok(()),
        };
        source.check()
    }

    /// Closes all connections, also in the middle of a transfer, and returns within a second.
    pub async fn stop(self) {
        let Self {
            shared,
            cancel,
            alive,
            mut all_gone,
        } = self;
        drop(cancel);
        shared.seeds().clear();
        // The one other owner ends by the token, at its next await.
        let ended = async {
            let mut shared = shared;
            loop {
                match Arc::try_unwrap(shared) {
                    Ok(last) => break last.engine.forget().await,
                    Err(still) => shared = still,
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            drop(alive);
            all_gone.recv().await
        };
        if tokio::time::timeout(LAST_BYTES, ended).await.is_err() {
            tracing::debug!("the seed did not end in {LAST_BYTES:?}");
        }
    }
}

impl Shared {
    pub(crate) fn listen_addr(&self) -> Option<SocketAddr> {
        self.engine.listen_addr()
    }

    pub(crate) fn stats(&self, hash: &InfoHash) -> Option<Stats> {
        self.seeds().get(hash).map(Seed::stats)
    }

    /// What a torrent consists of, and where its bytes are.
    pub(crate) fn parts(&self, hash: &InfoHash) -> Option<(Arc<Info>, Arc<Source>)> {
        let seeds = self.seeds();
        let seed = seeds.get(hash)?;
        Some((Arc::clone(&seed.info), Arc::clone(&seed.source)))
    }

    /// Payload bytes of a torrent that were sent to peers.
    pub(crate) fn uploaded(&self, hash: &InfoHash) -> Option<u64> {
        self.seeds().get(hash).map(Seed::uploaded)
    }

    fn seeds(&self) -> MutexGuard<'_, HashMap<InfoHash, Seed>> {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Torrents that remember more peers than they should.
    fn crowded(&self) -> Vec<(InfoHash, Arc<ManagedTorrent>)> {
        let seeds = self.seeds();
        let handles = seeds
            .iter()
            .filter_map(|(hash, seed)| Some((*hash, seed.handle.clone()?)));
        handles
            .filter(|(_, handle)| remembered(handle) > REMEMBERED)
            .collect()
    }
}

impl Seed {
    fn uploaded(&self) -> u64 {
        let live = self.handle.as_ref().and_then(|handle| handle.live());
        self.uploaded_before + live.map_or(0, |live| live.get_uploaded_bytes())
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats {
            uploaded: self.uploaded(),
            peers: Vec::new(),
            trouble: self.source.trouble(),
        };
        if let Some(live) = self.handle.as_ref().and_then(|handle| handle.live()) {
            let peers = live.per_peer_stats_snapshot(Default::default()).peers;
            stats.peers = peers
                .into_iter()
                .filter_map(|(address, peer)| {
                    Some(Peer {
                        address: address.parse().ok()?,
                        uploaded: peer.counters.uploaded_bytes,
                        client: peer.client_name,
                    })
                })
                .collect();
            stats.peers.sort_unstable_by_key(|peer| peer.address);
        }
        stats
    }
}

fn compare(info: &Info, payload: &Payload) -> Result<(), Error> {
    if hash::sample(info, payload)? {
        Ok(())
    } else {
        Err(Error::Content(info.name.clone()))
    }
}

fn remembered(handle: &ManagedTorrent) -> u32 {
    handle.live().map_or(0, |live| {
        let peers = live.stats_snapshot().peer_stats;
        peers.not_needed + peers.dead + peers.queued
    })
}

/// Starts a torrent's connections afresh when it remembers too many peers that are gone, or that were
/// only ever named. A room takes years to get there; a stranger seconds, and would fill the memory.
async fn forget_peers(shared: Arc<Shared>, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = tick.tick() => {}
        }
        for (hash, handle) in shared.crowded() {
            let uploaded = handle.live().map_or(0, |live| live.get_uploaded_bytes());
            let afresh = async {
                shared.engine.pause(&handle).await?;
                if let Some(seed) = shared.seeds().get_mut(&hash) {
                    seed.uploaded_before += uploaded;
                }
                shared.engine.resume(&handle).await
            };
            tracing::warn!("torrent {hash}: too many peers came and went; all may come again");
            if let Err(error) = afresh.await {
                tracing::error!("torrent {hash} is not seeded any more: {error}");
            }
        }
    }
}
