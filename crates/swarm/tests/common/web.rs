//! A web server for a folder, on loopback: ranges only, connections that stay open.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use percent_encoding::percent_decode_str;

/// Bytes sent at a time by a slow one.
const CHUNK: usize = 16 << 10;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Right,
    /// Other bytes than the file's.
    Lies,
    /// Not at all: 404.
    HasNothing,
    /// The whole file, whatever is asked.
    Whole,
    /// Half of what it promised, then it closes.
    BreaksOff,
}

pub(crate) struct Web {
    pub(crate) address: SocketAddrV4,
    state: Arc<State>,
}

struct State {
    folder: PathBuf,
    manner: Mutex<Manner>,
    /// Held by whoever sends; how long each block of 16 KiB takes.
    pace: Mutex<Duration>,
    down: AtomicBool,
    sent: AtomicU64,
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Web {
    /// Serves what is in `folder` below `/oss/`.
    pub(crate) fn new(folder: &Path, at: Ipv4Addr, manner: Manner) -> Web {
        Self::paced(folder, at, manner, Duration::ZERO)
    }

    /// The same, `rate` bytes a second to all together.
    pub(crate) fn slow(folder: &Path, at: Ipv4Addr, rate: u32) -> Web {
        let pace = Duration::from_secs(CHUNK as u64) / rate;
        Self::paced(folder, at, Manner::Right, pace)
    }

    fn paced(folder: &Path, at: Ipv4Addr, manner: Manner, pace: Duration) -> Web {
        let listener = TcpListener::bind((at, 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            panic!("an IPv4 address")
        };
        let state = Arc::new(State {
            folder: folder.to_owned(),
            manner: Mutex::new(manner),
            pace: Mutex::new(pace),
            down: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                state.connections.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || state.serve(&stream));
            }
        });
        Web { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/oss/", self.address)
    }

    /// Bytes of files that it sent.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// Connections made and requests heard.
    pub(crate) fn asked(&self) -> (u64, u64) {
        (
            self.state.connections.load(Ordering::Relaxed),
            self.state.requests.load(Ordering::Relaxed),
        )
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// From now on it hears and does not answer, or answers again.
    pub(crate) fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::Relaxed);
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (path, range) = request(&mut lines)?;
            self.requests.fetch_add(1, Ordering::Relaxed);
            if self.down.load(Ordering::Relaxed) {
                return None;
            }
            self.answer(stream, &path, range)?;
        }
    }

    fn answer(&self, mut stream: &TcpStream, path: &str, range: (usize, usize)) -> Option<()> {
        let manner = *self.manner.lock().unwrap();
        let name = percent_decode_str(path.strip_prefix("/oss/")?)
            .decode_utf8()
            .ok()?;
        let file = fs::read(self.folder.join(&*name));
        let (Ok(mut file), true) = (file, manner != Manner::HasNothing) else {
            let none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            return stream.write_all(none).ok();
        };
        if manner == Manner::Lies {
            file.iter_mut().for_each(|byte| *byte ^= 1);
        }
        let (head, body) = if manner == Manner::Whole {
            (
                format!("200 OK\r\nContent-Length: {}", file.len()),
                &file[..],
            )
        } else {
            let (first, last) = range;
            let part = file.get(first..=last)?;
            let (length, all) = (part.len(), file.len());
            let head = format!(
                "206 Partial Content\r\nContent-Length: {length}\r\nContent-Range: bytes {first}-{last}/{all}"
            );
            (head, part)
        };
        let body = if manner == Manner::BreaksOff {
            &body[..body.len() / 2]
        } else {
            body
        };
        let head = format!("HTTP/1.1 {head}\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        for chunk in body.chunks(CHUNK) {
            let pace = self.pace.lock().unwrap();
            std::thread::sleep(*pace);
            self.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            stream.write_all(chunk).ok()?;
        }
        (manner != Manner::BreaksOff).then_some(())
    }
}

/// The path and the range of one request; none when the client is gone.
fn request(lines: &mut impl BufRead) -> Option<(String, (usize, usize))> {
    let (mut path, mut range) = (String::new(), (0, 0));
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Some((path, range));
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next()?.to_owned();
        } else if let Some(part) = line.strip_prefix("range: bytes=") {
            let (first, last) = part.split_once('-')?;
            range = (first.parse().ok()?, last.parse().ok()?);
        }
    }
}
