//! How fast one machine fetches from another over loopback, both in memory, hashing included:
//! `cargo run --release -p swarm --example loopback -- MIB [MACHINES]`

use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use metainfo::{FileEntry, Info, Torrent, piece_length};
use sha1::{Digest, Sha1};
use swarm::net::{Download, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mib = numbers.next().unwrap_or(Ok(512))?;
    let machines = numbers.next().unwrap_or(Ok(1))?;

    // /dev/shm is memory on every Linux, as the folder of phase 1 is.
    let room = tempfile::tempdir_in("/dev/shm")?;
    let bytes: Vec<u8> = (0..mib << 20).map(|at| (at ^ at >> 9) as u8).collect();
    fs::create_dir(room.path().join("payload"))?;
    fs::write(room.path().join("payload/image"), &bytes)?;
    let length = piece_length(bytes.len() as u64);
    let info = Info {
        name: "payload".into(),
        piece_length: length,
        pieces: bytes
            .chunks(length as usize)
            .map(|piece| Sha1::digest(piece).into())
            .collect(),
        files: vec![FileEntry {
            path: vec!["image".into()],
            length: bytes.len() as u64,
        }],
        private: false,
        single_file: false,
    };
    let torrent = Arc::new(Torrent::new(info));

    let seed = Download::seed(Arc::clone(&torrent), at(1, room.path().into(), Vec::new())).await?;
    let mut peers = vec![seed.address()];
    let begun = Instant::now();
    let mut downloads = Vec::new();
    for machine in 0..machines {
        let to = room.path().join(machine.to_string());
        let host = 2 + machine as u8;
        let download = Download::start(Arc::clone(&torrent), at(host, to, peers.clone())).await?;
        peers.push(download.address());
        downloads.push(download);
    }
    for download in &mut downloads {
        download.complete().await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{mib} MiB to {machines} machines in {seconds:.2} s: {:.0} MB/s each; the seed sent {:.2} copies",
        bytes.len() as f64 / seconds / 1e6,
        seed.progress().borrow().uploaded as f64 / bytes.len() as f64,
    );
    Ok(())
}

fn at(host: u8, to: std::path::PathBuf, peers: Vec<SocketAddrV4>) -> Options {
    Options {
        listen: SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0),
        peers,
        ..Options::new(to)
    }
}
