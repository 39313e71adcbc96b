//! A serving bt-server in a room, what it offers, and how its tracker counts.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use initrd::Kind;
use lab::{BtServer, Host, Room, Stop, until};
use metainfo::Torrent;
use metainfo::bencode::{self, Value};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The ports that bt-server uses where nothing names others.
pub(crate) const HTTP: SocketAddrV4 = SocketAddrV4::new(SERVER, 6969);
pub(crate) const SEED: SocketAddrV4 = SocketAddrV4::new(SERVER, 6881);
/// From a decision of a program to its effect, on a computer that is busy with something else.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// More than any `torrents.gz` of a test unpacks to.
const UNPACKED: usize = 64 << 20;

/// Cargo's target folder: the one that holds its folder for tests.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// A room with a server on one host. Dropping it ends the server, then everything else.
pub(crate) struct World {
    server: Option<BtServer>,
    /// The folder it runs in, with its state.
    home: PathBuf,
    runs: u32,
    host: Host,
    pub(crate) room: Room,
}

impl World {
    /// Starts the server with the systems that `furnish` puts into its folder, without DHCP, and
    /// waits until it serves.
    pub(crate) fn open(furnish: impl FnOnce(&Path)) -> World {
        let mut room = Room::new(&Stop::never()).unwrap();
        let host = room.host(Some((SERVER, 24))).unwrap();
        let oss = room.scratch().join("oss");
        fs::create_dir(&oss).unwrap();
        furnish(&oss);
        let home = BtServer::alone(&room, &target().join("dist/bt-server")).unwrap();
        let mut world = World {
            server: None,
            home,
            runs: 0,
            host,
            room,
        };
        world.start();
        world
    }

    /// Starts the server with the state that an earlier one has left, and waits until it serves.
    pub(crate) fn start(&mut self) {
        self.runs += 1;
        let scratch = self.room.scratch();
        let (oss, log) = (scratch.join("oss"), format!("server-{}.log", self.runs));
        let log = scratch.join(log);
        let (room, host, options) = (&self.room, &self.host, ["--dhcp", "off"]);
        let started = BtServer::start_in(&self.home, room, host, &oss, &options, &log);
        let server = self.server.insert(started.unwrap());
        server.wait_until_it_serves(host, SOON).unwrap();
    }

    /// Kills the server; it gets no last word.
    pub(crate) fn kill(&mut self) {
        let server = self.server.take().expect("a server runs");
        server.kill().unwrap();
    }

    /// The computer that the server runs on.
    pub(crate) fn server(&self) -> &Host {
        &self.host
    }

    /// Plugs in another computer, with the address 10.77.0.`number`.
    pub(crate) fn host(&mut self, number: u8) -> Host {
        let address = Ipv4Addr::new(10, 77, 0, number);
        self.room.host(Some((address, 24))).unwrap()
    }

    /// What the server printed of its hashing, for people.
    pub(crate) fn said_of_hashing(&self) -> String {
        let said = self.said();
        let lines = said.lines().filter(|line| line.contains(" hash"));
        lines.map(str::trim).collect::<Vec<_>>().join("; ")
    }

    /// Everything the server printed so far.
    pub(crate) fn said(&self) -> String {
        self.server
            .as_ref()
            .map_or_else(String::new, BtServer::said)
    }

    /// Limits what the server sends, in Mbit/s.
    pub(crate) fn limit_sending(&self, megabits: u32) {
        self.host.limit_sending(megabits).unwrap();
    }

    /// Asks the server for `path`, which it has.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        let (status, body) = lab::get(self.host.namespace(), HTTP, path).unwrap();
        assert_eq!(status, 200, "{path}");
        body
    }

    /// How the server answers who asks for `path`.
    pub(crate) fn status(&self, path: &str) -> u16 {
        lab::get(self.host.namespace(), HTTP, path).unwrap().0
    }

    /// As [`World::get`], but only the bytes from `first` to `last`, both included.
    pub(crate) fn get_part(&self, path: &str, first: u64, last: u64) -> Vec<u8> {
        let (status, body) =
            lab::get_part(self.host.namespace(), HTTP, path, first..=last).unwrap();
        assert_eq!(status, 206, "{path} {first}-{last}");
        body
    }

    /// All of `torrents.gz`: path and bytes of each file in it.
    pub(crate) fn torrents_gz(&self) -> Vec<(String, Vec<u8>)> {
        let archive = initrd::gunzip(&self.get("/boot/torrents.gz"), UNPACKED).unwrap();
        let entries = initrd::entries(&archive).unwrap().into_iter();
        let files = entries.filter_map(|entry| match entry.kind {
            Kind::File(bytes) => Some((entry.path, bytes)),
            _ => None,
        });
        files.collect()
    }

    /// The torrent of a system, as machines get it, written to a file of the room.
    pub(crate) fn offer(&self, system: &str) -> Offer {
        let path = format!("torrents/{system}.torrent");
        let found = self.torrents_gz().into_iter().find(|(its, _)| *its == path);
        let (_, bytes) = found.unwrap_or_else(|| panic!("torrents.gz holds no {path}"));
        // Under a name of its own: what the file is called must not matter.
        let torrent = Torrent::parse(&bytes).unwrap();
        let file = self
            .room
            .scratch()
            .join(format!("{}.torrent", torrent.info_hash()));
        fs::write(&file, bytes).unwrap();
        Offer { torrent, file }
    }

    /// How the tracker counts those who share a torrent (BEP 48).
    pub(crate) fn counts(&self, torrent: &Torrent) -> Counts {
        let metainfo::InfoHash(hash) = torrent.info_hash();
        let escaped: String = hash.iter().map(|byte| format!("%{byte:02x}")).collect();
        let body = self.get(&format!("/scrape?info_hash={escaped}"));
        let answer = bencode::parse(&body).unwrap();
        let files = answer.as_dict().unwrap().get("files").unwrap().as_dict();
        let mut all = files.unwrap().iter();
        let (_, counted) = all.next().expect("the tracker serves it");
        assert!(all.next().is_none(), "asked for one, got several");
        let count = |key| {
            let count = counted.as_dict().unwrap().get(key);
            count.and_then(Value::as_size).unwrap()
        };
        Counts {
            complete: count("complete"),
            incomplete: count("incomplete"),
            downloaded: count("downloaded"),
        }
    }

    /// Waits until the tracker counts so.
    pub(crate) fn until_counts(&self, what: &str, torrent: &Torrent, counts: Counts) {
        let mut last = None;
        let counted = until(what, SOON, &Stop::never(), || {
            let now = self.counts(torrent);
            last = Some(now);
            Ok((now == counts).then_some(()))
        });
        if let Err(error) = counted {
            panic!("{error:#}: {last:?} instead of {counts:?}");
        }
    }
}

/// The server's tracker stays within reach of `host`, and its seed does not.
pub(crate) fn forbid_the_seed(host: &Host) {
    let rule = format!(
        "rule add to {SERVER} ipproto tcp dport {} prohibit",
        SEED.port()
    );
    host.namespace().ip(&rule).unwrap();
    let reached = host
        .namespace()
        .enter(|| Ok(TcpStream::connect_timeout(&SEED.into(), Duration::from_secs(1)).is_ok()));
    assert!(!reached.unwrap(), "the seed can still be reached");
}

/// A torrent, and the file it was written to.
pub(crate) struct Offer {
    pub(crate) torrent: Torrent,
    pub(crate) file: PathBuf,
}

/// What a tracker counts of one torrent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) complete: u64,
    pub(crate) incomplete: u64,
    pub(crate) downloaded: u64,
}
