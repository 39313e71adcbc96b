//! What machines are told that report what they lack.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bt_server::doors::multicast::Desk;
use metainfo::InfoHash;
use seeder::{InMemory, Seeder};
use swarm::core::Bitfield;
use swarm::core::multicast::{Answer as Told, Report};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::door::{Answer, Door, Setup, dropped_when, exchange, open};

const PIECES: u32 = 3;

/// A seed of one torrent of [`PIECES`] pieces, and a door in front of it.
struct World {
    door: Door,
    torrent: InfoHash,
    _seed: Seeder,
    _state: TempDir,
    _runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let state = TempDir::new().unwrap();
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let settings = seeder::Settings {
            listen: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0),
            state: state.path().to_owned(),
        };
        let bytes = vec![7; PIECES as usize * 65_536];
        let file = InMemory::hash("debian", "image", bytes.into()).unwrap();
        assert_eq!(file.torrent.info().piece_count(), PIECES);
        let seed = runtime.block_on(async {
            let seed = Seeder::start(settings).await.unwrap();
            seed.add_in_memory(&file).await.unwrap();
            seed
        });
        let setup = Setup {
            desk: Desk::new(seed.reader()),
            ..Setup::default()
        };
        Self {
            door: open(setup),
            torrent: file.torrent.info_hash(),
            _seed: seed,
            _state: state,
            _runtime: runtime,
        }
    }
}

fn report(door: &Door, torrent: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST /api/v1/multicast/{torrent} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(door, [127, 0, 0, 2], &[head.as_bytes(), body].concat())
}

fn lacking(pieces: u32) -> Vec<u8> {
    let report = Report {
        peer_id: [1; 20],
        lacking: Bitfield::full(pieces),
        fetched: 0,
        of_server: 0,
        heard: None,
    };
    report.to_bencode()
}

#[test]
fn who_reports_is_told_where_to_listen_and_everybody_of_a_torrent_the_same() {
    let world = World::new();
    let torrent = world.torrent.to_string();
    let told = [(); 2].map(|()| {
        let answer = report(&world.door, &torrent, &lacking(PIECES));
        assert_eq!(answer.status, 200, "{}", answer.text());
        Told::parse(&answer.body).expect("an answer")
    });
    assert_eq!(told[0], told[1]);
    let group = told[0].invitation.group;
    assert_eq!(group.ip().octets()[..2], [239, 255], "{group}");
    assert_eq!(told[0].interval, Duration::from_millis(250));
}

#[test]
fn what_is_no_report_is_refused_and_counted() {
    let world = World::new();
    let torrent = world.torrent.to_string();
    let (good, other) = (lacking(PIECES), lacking(PIECES + 8));
    let mut count = 0;
    for bad in [&b""[..], b"de", b"\xff\xfe", &good[1..], &other] {
        assert_eq!(report(&world.door, &torrent, bad).status, 400, "{bad:?}");
        count += 1;
        dropped_when(&world.door, "multicast", "not a report", count);
    }
    let large = report(&world.door, &torrent, &vec![b'd'; 65 * 1024]);
    assert_eq!(large.status, 400);
    dropped_when(&world.door, "multicast", "a report that cannot be read", 1);
}

#[test]
fn of_what_is_not_seeded_and_where_it_is_switched_off_there_is_no_such_thing() {
    let world = World::new();
    let unknown = "ab".repeat(20);
    for path in [unknown.as_str(), "debian", ".."] {
        assert_eq!(
            report(&world.door, path, &lacking(PIECES)).status,
            404,
            "{path}"
        );
    }
    let door = open(Setup::default());
    let torrent = world.torrent.to_string();
    assert_eq!(report(&door, &torrent, &lacking(PIECES)).status, 404);
    dropped_when(&door, "multicast", "no such torrent", 1);
}
