//! A torrent on disk, a tracker on loopback, and peers that misbehave.
#![allow(
    dead_code,
    missing_docs,
    reason = "shared by several tests, none of which uses all"
)]

pub(crate) mod web;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use metainfo::{FileEntry, Info, InfoHash, Torrent};
use rand::rng;
use sha1::{Digest, Sha1};
use swarm::core::wire::{Decoder, Frame, Handshake, Message};
use swarm::core::{BLOCK, Bitfield, Block};
use swarm::net::{Download, Options};
use tempfile::TempDir;
use tracker::{Announce, Settings, Tracker};

pub(crate) const ANYWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
const PIECE: usize = 64 << 10;
/// Generous: a busy computer is slow, a hung transfer never ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A system on disk and its torrent.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    info: Info,
}

impl World {
    /// Files in sub-folders, empty ones, and names in other scripts; about `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        let files = [
            ("boot/образ.gz", size),
            ("boot/vmlinuz", 131_072),
            ("empty", 0),
            ("read me", 17),
        ];
        let folder = TempDir::new().unwrap();
        let (mut all, mut entries) = (Vec::new(), Vec::new());
        for (name, length) in files {
            let bytes: Vec<u8> = (0..length)
                .map(|at| (at * 31 + at / 251 + at / 65_000 + name.len()) as u8)
                .collect();
            let path = folder.path().join("tiny").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &bytes).unwrap();
            entries.push(FileEntry {
                path: name.split('/').map(str::to_owned).collect(),
                length: length as u64,
            });
            all.extend(bytes);
        }
        let pieces = all
            .chunks(PIECE)
            .map(|piece| Sha1::digest(piece).into())
            .collect();
        let info = Info {
            name: "tiny".into(),
            piece_length: PIECE as u32,
            pieces,
            files: entries,
            private: false,
            single_file: false,
        };
        Self { folder, info }
    }

    pub(crate) fn torrent(&self, tracker: Option<&str>) -> Arc<Torrent> {
        let torrent = Torrent::new(self.info.clone());
        Arc::new(match tracker {
            Some(url) => torrent.with_announce(url),
            None => torrent,
        })
    }

    pub(crate) async fn seed(&self, tracker: Option<&str>, max_peers: usize) -> Download {
        let options = Options {
            listen: ANYWHERE,
            max_peers,
            ..Options::new(self.folder.path())
        };
        Download::seed(self.torrent(tracker), options)
            .await
            .unwrap()
    }

    /// Whether `to` holds exactly this system.
    pub(crate) fn is_in(&self, to: &Path) -> bool {
        self.info.files.iter().enumerate().all(|(index, _)| {
            let path = self.info.relative_path(index);
            fs::read(to.join(&path)).ok() == fs::read(self.folder.path().join(&path)).ok()
        })
    }
}

pub(crate) fn options(to: &TempDir, peers: &[SocketAddrV4]) -> Options {
    Options {
        listen: ANYWHERE,
        peers: peers.to_vec(),
        ..Options::new(to.path())
    }
}

pub(crate) async fn complete(download: &mut Download) {
    tokio::time::timeout(PATIENCE, download.complete())
        .await
        .expect("it never completed")
        .unwrap();
}

/// The tracker of this project behind the smallest HTTP server; the address to announce to.
pub(crate) fn tracker(torrent: InfoHash) -> String {
    recorded_tracker(torrent).0
}

/// The same, and the queries that reach it.
pub(crate) fn recorded_tracker(torrent: InfoHash) -> (String, mpsc::Receiver<String>) {
    tracker_at(torrent, ANYWHERE.into())
}

/// The same at a given address.
pub(crate) fn tracker_at(
    torrent: InfoHash,
    address: SocketAddr,
) -> (String, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let mut tracker = Tracker::new(Settings::default());
    tracker.allow(torrent);
    let begun = Instant::now();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(SocketAddr::V4(from)) = stream.peer_addr() else {
                continue;
            };
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            let _ = lines.read_line(&mut request);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let query = request.split([' ', '?']).nth(2).unwrap_or_default();
            let _ = tell.send(query.to_owned());
            let answer = Announce::parse(query, *from.ip())
                .and_then(|announce| tracker.announce(&announce, begun.elapsed(), &mut rng()));
            let body =
                answer.map_or_else(tracker::Refusal::to_bencode, |answer| answer.to_bencode());
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = (&stream).write_all(&[head.as_bytes(), &body].concat());
        }
    });
    (format!("http://{address}/announce"), told)
}

/// A peer that says it has everything and answers each request with other bytes.
pub(crate) fn liar(torrent: &Torrent) -> SocketAddrV4 {
    impostor(
        torrent,
        Ipv4Addr::new(127, 0, 0, 2),
        |stream, block_length, header| {
            let lies = vec![0xee; block_length];
            stream.write_all(&[header, &lies].concat())
        },
    )
}

/// A peer that says it has everything and never answers a request.
pub(crate) fn mute(torrent: &Torrent) -> SocketAddrV4 {
    mute_at(torrent, Ipv4Addr::LOCALHOST)
}

/// The same at a given address: of two with one address and one name, one is parted from.
pub(crate) fn mute_at(torrent: &Torrent, at: Ipv4Addr) -> SocketAddrV4 {
    impostor(torrent, at, |_, _, _| Ok(()))
}

fn impostor(
    torrent: &Torrent,
    at: Ipv4Addr,
    answer: impl Fn(&mut TcpStream, usize, &[u8]) -> std::io::Result<()> + Send + Sync + 'static,
) -> SocketAddrV4 {
    let listener = TcpListener::bind((at, 0)).unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
        panic!("an IPv4 address")
    };
    let (hash, pieces) = (torrent.info_hash(), torrent.info().piece_count());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || talk(stream, hash, pieces, &*answer));
        }
    });
    address
}

/// A seed that comes by itself and gives the torrent's bytes, of the files in `folder`, at this
/// many bytes a second.
pub(crate) fn slow_visitor(torrent: &Torrent, folder: &Path, to: SocketAddrV4, rate: u32) {
    let info = torrent.info();
    let mut all = Vec::new();
    for index in 0..info.files.len() {
        all.extend(fs::read(folder.join(info.relative_path(index))).unwrap());
    }
    let (hash, pieces) = (torrent.info_hash(), info.piece_count());
    let stream = TcpStream::connect(to).unwrap();
    std::thread::spawn(move || {
        talk(stream, hash, pieces, &|stream, length, header| {
            let number =
                |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap()) as usize;
            let begin = number(5) * PIECE + number(9);
            std::thread::sleep(Duration::from_secs(length as u64) / rate);
            stream.write_all(&[header, &all[begin..begin + length]].concat())
        })
    });
}

/// A stranger that comes again and again and brings the same wrong block, which nobody asked it for, `every`
/// so often. Ends with its first connection that is refused.
pub(crate) fn unasked_visitor(torrent: &Torrent, to: SocketAddrV4, every: Duration) {
    let block = Block {
        piece: 0,
        begin: 0,
        length: BLOCK,
    };
    let mut hello = BytesMut::new();
    Handshake::new(torrent.info_hash(), *b"-XX0000-unasked00000").encode(&mut hello);
    let gift = [
        &swarm::core::wire::piece_header(block)[..],
        &[0xee; BLOCK as usize],
    ]
    .concat();
    std::thread::spawn(move || {
        while let Ok(mut stream) = TcpStream::connect(to) {
            let _ = stream.write_all(&hello);
            while stream.write_all(&gift).is_ok() {
                std::thread::sleep(every);
            }
        }
    });
}

/// How a request is answered: with which stream, how many bytes, behind which header.
type Answer<'a> = dyn Fn(&mut TcpStream, usize, &[u8]) -> std::io::Result<()> + 'a;

/// Greets, says that it has everything, and gives `answer` to each request.
fn talk(
    mut stream: TcpStream,
    hash: InfoHash,
    pieces: u32,
    answer: &Answer<'_>,
) -> std::io::Result<()> {
    let mut hello = BytesMut::new();
    Handshake::new(hash, *b"-XX0000-impostor0000").encode(&mut hello);
    Message::Bitfield(Bitfield::full(pieces)).encode(&mut hello);
    Message::Unchoke.encode(&mut hello);
    stream.write_all(&hello)?;
    let mut decoder = Decoder::new(pieces);
    let mut some = [0; 4096];
    loop {
        let read = stream.read(&mut some)?;
        if read == 0 {
            return Ok(());
        }
        decoder.buffer().extend_from_slice(&some[..read]);
        while let Ok(Some(frame)) = decoder.next() {
            if let Frame::Message(Message::Request(block)) = frame {
                let header = swarm::core::wire::piece_header(block);
                answer(&mut stream, block.length as usize, &header)?;
            }
        }
    }
}
