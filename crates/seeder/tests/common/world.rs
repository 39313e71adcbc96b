//! A seed of one torrent on loopback.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use metainfo::Torrent;
use seeder::{Error, Seeder, Settings};
use tempfile::TempDir;

use super::peer::Peer;
use super::{Files, bytes, folder, torrent};

/// Runs on a runtime as the server has it: the seed needs threads that may block.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

pub(crate) async fn start(state: &Path, port: u16) -> Result<Seeder, Error> {
    let listen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    Seeder::start(Settings {
        listen,
        state: state.to_owned(),
    })
    .await
}

/// A seed of one torrent.
pub(crate) struct World {
    pub(crate) seeder: Seeder,
    pub(crate) at: SocketAddr,
    pub(crate) torrent: Torrent,
    pub(crate) root: TempDir,
    pub(crate) state: TempDir,
}

impl World {
    pub(crate) async fn new(files: Files<'_>) -> Self {
        let root = folder(files);
        let torrent = torrent(root.path(), files);
        let state = TempDir::new().unwrap();
        let seeder = start(state.path(), 0).await.unwrap();
        seeder.add(&torrent, root.path()).await.unwrap();
        let at = seeder.listen_addr().unwrap();
        Self {
            seeder,
            at,
            torrent,
            root,
            state,
        }
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::connect(self.at, self.torrent.info_hash()).unwrap()
    }

    /// Waits until the seed's figures are as wanted: they follow the bytes.
    pub(crate) async fn until(&self, wanted: impl Fn(&seeder::Stats) -> bool) -> seeder::Stats {
        loop {
            let stats = self.seeder.stats(&self.torrent.info_hash()).unwrap();
            if wanted(&stats) {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn several() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", vec![]),
        ("kernel", bytes(1, 300_000)),
        ("sub/deep/Ä ö/漢字.img", bytes(2, 700_001)),
        ("sub/one", vec![7]),
        ("sub/piece", bytes(3, 65_536)),
        ("zz/last and empty", vec![]),
    ]
}

/// More files than stay open, each smaller than a block.
pub(crate) fn many() -> Vec<(&'static str, Vec<u8>)> {
    let name = |i| -> &'static str { format!("{i:03}/file").leak() };
    (0..100)
        .map(|i| (name(i), bytes(i, 1_000 + i as usize)))
        .collect()
}
