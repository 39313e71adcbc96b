//! What phase 1 fetches of a system, and when it takes it for complete: against a seed on loopback.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bttui::app::Event;
use bttui::download;
use bttui::news::{News, Voice};
use catalog::Method;
use catalog::manifest::{Entry, ManifestFile};
use metainfo::{FileEntry, Info, Sha256, Torrent};
use sha1::{Digest, Sha1};
use sha2::Sha256 as Hasher;
use swarm::net::{Download, Options};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const PIECE: usize = 64 << 10;
const ANYWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
const PATIENCE: Duration = Duration::from_secs(60);
const INITRD: &str = "boot/initrd";
const LARGE: &str = "image.squashfs";
const KERNEL: &str = "vmlinuz";

/// A system on a server, and what the server tells of it.
struct World {
    folder: TempDir,
    torrent: Torrent,
    entry: Entry,
}

fn world(method: Method) -> World {
    let folder = TempDir::new().expect("a directory");
    let (mut all, mut files, mut promised) = (Vec::new(), Vec::new(), Vec::new());
    for (path, length) in [(INITRD, 100_000), (LARGE, 3 << 20), (KERNEL, 90_000)] {
        let bytes: Vec<u8> = (0..length).map(|at| (at / 7 + at / 65_000) as u8).collect();
        let to = folder.path().join("tiny").join(path);
        fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        fs::write(to, &bytes).expect("a file");
        files.push(FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length: bytes.len() as u64,
        });
        promised.push(ManifestFile {
            path: path.to_owned(),
            sha256: Sha256(Hasher::digest(&bytes).into()),
        });
        all.extend(bytes);
    }
    let pieces = all.chunks(PIECE).map(|piece| Sha1::digest(piece).into());
    let torrent = Torrent::new(Info {
        name: "tiny".to_owned(),
        piece_length: PIECE as u32,
        pieces: pieces.collect(),
        files,
        private: false,
        single_file: false,
    });
    fs::write(folder.path().join("tiny.torrent"), torrent.to_bytes()).expect("a torrent");
    let entry = Entry {
        name: "tiny".to_owned(),
        dispname: "Tiny".to_owned(),
        method,
        torrent: "tiny.torrent".to_owned(),
        size: all.len() as u64,
        info_hash: torrent.info_hash().to_string(),
        files: promised,
        signed: None,
        unfit: None,
        inferred: false,
    };
    World {
        folder,
        torrent,
        entry,
    }
}

fn kexec() -> Method {
    Method::Kexec {
        kernel: KERNEL.to_owned(),
        initrd: vec![INITRD.to_owned()],
        files: Vec::new(),
        cmdline: String::new(),
    }
}

/// Runs the download until it says that all is fetched, or ends. Gives what it said and how it ended.
async fn fetch(world: &World, to: &Path) -> (Vec<Event>, anyhow::Result<()>) {
    let seeding = Options {
        listen: ANYWHERE,
        ..Options::new(world.folder.path())
    };
    let seed = Download::seed(Arc::new(world.torrent.clone()), seeding)
        .await
        .expect("a seed");
    let options = Options {
        listen: ANYWHERE,
        peers: vec![seed.address()],
        ..Options::new(to)
    };
    let (voice, mut news) = Voice::new();
    let stop = CancellationToken::new();
    let run = download::run(world.folder.path(), options, &world.entry, &stop, &voice);
    let (said, ended) = tokio::time::timeout(PATIENCE, async {
        tokio::join!(until_fetched(&mut news, &stop), async {
            let ended = run.await;
            stop.cancel();
            ended
        })
    })
    .await
    .expect("it ends");
    seed.stop().await;
    (said, ended)
}

async fn until_fetched(news: &mut mpsc::Receiver<News>, stop: &CancellationToken) -> Vec<Event> {
    let mut said = Vec::new();
    while let Some(News { event, .. }) = tokio::select! {
        biased;
        news = news.recv() => news,
        () = stop.cancelled() => None,
    } {
        if matches!(event, Event::Fetched { .. }) {
            stop.cancel();
        }
        said.push(event);
    }
    said
}

fn fetched(said: &[Event]) -> Option<u64> {
    said.iter().find_map(|event| match event {
        Event::Fetched { progress } => Some(progress.total),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_and_its_initrd_are_fetched_and_nothing_beside_them() {
    let (world, to) = (world(kexec()), TempDir::new().expect("a directory"));
    let (said, ended) = fetch(&world, to.path()).await;
    ended.expect("it works");
    // Two pieces of the initrd and two of the kernel, the last one short.
    let total = fetched(&said).expect("it says so");
    assert!(total < 4 * PIECE as u64, "{total} bytes fetched");
    let system = to.path().join("tiny");
    for path in [INITRD, KERNEL] {
        let source = fs::read(world.folder.path().join("tiny").join(path)).expect(path);
        assert!(fs::read(system.join(path)).expect(path) == source, "{path}");
    }
    assert!(!system.join(LARGE).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_anything_else_the_whole_folder_is_fetched() {
    let args = "-hda image.squashfs".to_owned();
    let (world, to) = (
        world(Method::Qemu { args }),
        TempDir::new().expect("a directory"),
    );
    let (said, ended) = fetch(&world, to.path()).await;
    ended.expect("it works");
    assert_eq!(fetched(&said), Some(world.entry.size));
    assert!(to.path().join("tiny").join(LARGE).exists());
}

/// All pieces are the torrent's, and the file is not the one that the server's list means.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_the_promised_one_is_refused_with_the_remedy() {
    let (mut world, to) = (world(kexec()), TempDir::new().expect("a directory"));
    let right = world.entry.files[2].sha256;
    world.entry.files[2].sha256 = Sha256([0xab; 32]);
    // What is not needed may be whatever it is.
    world.entry.files[1].sha256 = Sha256([0xcd; 32]);
    let (said, ended) = fetch(&world, to.path()).await;
    assert_eq!(fetched(&said), None, "nothing says that it may start");
    let why = ended.expect_err("it must not start").to_string();
    for part in [
        "tiny/vmlinuz",
        &right.to_string(),
        &"ab".repeat(32),
        "--rehash",
    ] {
        assert!(why.contains(part), "{why}");
    }
    assert!(why.chars().count() <= 300, "the journal cuts it: {why}");
}
