//! The HTTP door over a real socket on loopback: what loaders, machines and BitTorrent clients get.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bt_server::doors::http::{self, PayloadFile, State};
use bt_server::journal;
use bt_server::shelf::Shelf;
use metainfo::InfoHash;
use report::Step;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

const HASH: InfoHash = InfoHash([0xab; 20]);
const SEED: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6881);

/// A door on a free loopback port, and everything it stands on.
struct Door {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    machines: watch::Receiver<Arc<journal::Snapshot>>,
    runtime: tokio::runtime::Runtime,
}

fn open(payload: HashMap<String, PayloadFile>) -> Door {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (journal, recorder, machines) = journal::journal();
    let mut shelf = Shelf::default();
    shelf.put(
        "rootfs.gz",
        (0..=255u8).cycle().take(1_000_000).collect::<Vec<u8>>(),
    );
    shelf.put("boot.ipxe", "#!ipxe\n");
    shelf.put("big", vec![0; 64 << 20]);
    let mut tracker = Tracker::new(tracker::Settings::default());
    tracker.allow(HASH);
    tracker.add_permanent(HASH, SEED);
    let state = State {
        shelf: Arc::new(shelf),
        payload: Arc::new(payload),
        systems: Arc::new(HashMap::from([("debian".to_owned(), HASH)])),
        tracker: Some(Arc::new(Mutex::new(tracker))),
        journal,
        machines: machines.clone(),
        begun: Instant::now(),
    };
    // the journal goes on after the door closed, as in the server
    let recording = journal::record(recorder, Ipv4Addr::LOCALHOST, CancellationToken::new());
    runtime.spawn(recording);
    let serving = runtime.spawn(http::run(listener, state, stop.clone()));
    Door {
        address,
        stop,
        serving,
        machines,
        runtime,
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

fn ask(door: &Door, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(door.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let split = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a whole head")
        + 4;
    let head = String::from_utf8(bytes[..split].to_vec())
        .unwrap()
        .to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head,
        body: bytes[split..].to_vec(),
    }
}

fn get(door: &Door, path: &str, headers: &str) -> Answer {
    ask(door, "GET", path, headers, "")
}

/// Reads the API until `done`: the journal publishes a moment after the event.
fn machines_when(door: &Door, done: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = get(door, "/api/v1/machines", "");
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        if done(&json) {
            return json;
        }
        assert!(Instant::now() < deadline, "never came: {json:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `count` of `reason` at least were refused at the door.
fn dropped_when(door: &Door, at: &str, reason: &str, count: u64) {
    machines_when(door, |json| {
        let dropped = json["dropped"].as_array().unwrap();
        dropped
            .iter()
            .any(|d| d["door"] == at && d["reason"] == reason && d["count"].as_u64() >= Some(count))
    });
}

#[test]
fn boot_files_come_whole_in_parts_and_not_at_all() {
    let door = open(HashMap::new());
    let whole = get(&door, "/boot/rootfs.gz", "");
    assert_eq!((whole.status, whole.body.len()), (200, 1_000_000));
    let part = get(&door, "/boot/rootfs.gz", "Range: bytes=256-259\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &[0u8, 1, 2, 3][..]));
    assert!(
        part.head.contains("content-range: bytes 256-259/1000000"),
        "{}",
        part.head
    );
    assert_eq!(
        get(&door, "/boot/rootfs.gz", "Range: bytes=1000000-\r\n").status,
        416
    );
    let validated = "Range: bytes=256-259\r\nIf-Range: \"of another server\"\r\n";
    let whole = get(&door, "/boot/rootfs.gz", validated);
    assert_eq!((whole.status, whole.body.len()), (200, 1_000_000));
    let head = ask(
        &door,
        "HEAD",
        "/boot/rootfs.gz",
        "Range: bytes=256-259\r\n",
        "",
    );
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(
        head.head.contains("content-length: 1000000"),
        "{}",
        head.head
    );
    for missing in [
        "/boot/nothing",
        "/boot/../Cargo.toml",
        "/boot/%2e%2e/etc/passwd",
        "/",
    ] {
        assert_eq!(get(&door, missing, "").status, 404, "{missing}");
    }
}

#[test]
fn a_fetched_file_is_in_the_journal() {
    let door = open(HashMap::new());
    get(&door, "/boot/boot.ipxe", "");
    let json = machines_when(&door, |json| {
        json["machines"][0]["steps"][0]["step"]["name"] == "boot.ipxe"
    });
    let step = &json["machines"][0]["steps"][0]["step"];
    assert_eq!((&step["bytes"], &step["total"]), (&7.into(), &7.into()));
    assert_eq!(json["machines"][0]["address"], "127.0.0.1");
}

/// A payload file that was hashed just now.
fn as_it_is(path: &std::path::Path) -> PayloadFile {
    let was = seeder::Fingerprint::of(&path.metadata().unwrap());
    PayloadFile::new(path.to_owned(), was)
}

#[test]
fn payload_is_served_only_while_it_is_what_was_hashed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vmlinuz");
    std::fs::write(&path, b"0123456789").unwrap();
    let file = as_it_is(&path);
    let door = open(HashMap::from([("debian/vmlinuz".to_owned(), file)]));
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").body, b"0123456789");
    let part = get(&door, "/oss/debian/vmlinuz", "Range: bytes=2-3\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &b"23"[..]));
    assert_eq!(get(&door, "/oss/debian/config.yaml", "").status, 404);
    assert_eq!(get(&door, "/oss/debian/../debian/vmlinuz", "").status, 404);
    let whole = get(
        &door,
        "/oss/debian/vmlinuz",
        "Range: bytes=2-3\r\nIf-Range: \"x\"\r\n",
    );
    assert_eq!((whole.status, whole.body.len()), (200, 10));
    // the same size, and even the same time: another file all the same
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let other = dir.path().join("other");
    std::fs::write(&other, b"9876543210").unwrap();
    let touched = std::fs::File::options().write(true).open(&other).unwrap();
    touched.set_modified(modified).unwrap();
    std::fs::rename(&other, &path).unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 409);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 404);
    dropped_when(&door, "http", "a payload file that changed", 1);
}

#[test]
fn payload_written_in_place_or_out_of_reach_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("debian");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("vmlinuz");
    std::fs::write(&path, b"0123456789").unwrap();
    let file = as_it_is(&path);
    let door = open(HashMap::from([("debian/vmlinuz".to_owned(), file)]));
    let touched = std::fs::File::options().write(true).open(&path).unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 409);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"not a folder").unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 500);
}

#[test]
fn announce_finds_the_seed_and_the_other_machine() {
    let door = open(HashMap::new());
    let hash = "%ab".repeat(20);
    let query = |id: &str, port: u16| {
        format!(
            "/announce?info_hash={hash}&peer_id=-XX0001-{id:0>12}&port={port}&left=9&compact=1&event=started"
        )
    };
    let first = get(&door, &query("1", 7001), "").body;
    let seed = [127, 0, 0, 1, 0x1a, 0xe1];
    assert!(
        first.windows(6).any(|w| w == seed),
        "{:?}",
        String::from_utf8_lossy(&first)
    );
    let second = get(&door, &query("2", 7002), "").body;
    let machine = [127, 0, 0, 1, 0x1b, 0x59];
    assert!(
        second.windows(6).any(|w| w == machine),
        "{:?}",
        String::from_utf8_lossy(&second)
    );
    let refused = get(&door, &query("1", 7001).replace("%ab", "%cd"), "").body;
    assert!(
        refused.starts_with(b"d14:failure reason"),
        "{:?}",
        String::from_utf8_lossy(&refused)
    );
    let scrape = get(&door, &format!("/scrape?info_hash={hash}"), "").body;
    assert!(
        scrape.starts_with(b"d5:filesd20:"),
        "{:?}",
        String::from_utf8_lossy(&scrape)
    );
}

#[test]
fn a_report_is_in_that_machines_history() {
    let door = open(HashMap::new());
    let json = "Content-Type: application/json\r\n";
    let body = r#"{"mac":"52:54:00:00:00:01","uptime_ms":1,"step":{"step":"shell"}}"#;
    assert_eq!(ask(&door, "POST", "/api/v1/report", json, body).status, 204);
    let seen = machines_when(&door, |json| {
        json["machines"][0]["mac"] == "52:54:00:00:00:01"
    });
    assert_eq!(seen["machines"][0]["stage"], "shell");
    for bad in [
        "",
        "{}",
        r#"{"mac":"x","uptime_ms":1,"step":{"step":"shell"}}"#,
    ] {
        let status = ask(&door, "POST", "/api/v1/report", json, bad).status;
        assert!((400..500).contains(&status), "{bad}: {status}");
    }
    let huge = format!(r#"{{"mac":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(
        ask(&door, "POST", "/api/v1/report", json, &huge).status,
        413
    );
    dropped_when(&door, "report", "malformed", 4);
}

#[test]
fn an_awake_machine_has_the_address_it_reports_from() {
    let door = open(HashMap::new());
    let json = "Content-Type: application/json\r\n";
    let body = r#"{"mac":"52:54:00:00:00:01","uptime_ms":1,"step":{"step":"awake","facts":
        {"memory_bytes":1,"cpus":1,"cpu":"","nic":"","address":"10.9.8.7","kernel":""}}}"#;
    assert_eq!(ask(&door, "POST", "/api/v1/report", json, body).status, 204);
    let seen = machines_when(&door, |json| {
        json["machines"][0]["steps"][0]["step"]["step"] == "awake"
    });
    let facts = &seen["machines"][0]["steps"][0]["step"]["facts"];
    assert_eq!(facts["address"], "127.0.0.1");
}

/// Connections that say nothing take no more than one address's share of the places.
#[test]
fn one_address_has_its_share_of_connections() {
    let door = open(HashMap::new());
    let connect = || TcpStream::connect(door.address).unwrap();
    let silent: Vec<TcpStream> = (0..64).map(|_| connect()).collect();
    let mut refused = connect();
    refused
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let read = refused.read(&mut [0; 1]);
    assert!(matches!(read, Ok(0)), "{read:?}");
    drop(silent);
    // the server notices a moment later
    let deadline = Instant::now() + Duration::from_secs(20);
    while !answers(door.address) {
        assert!(Instant::now() < deadline, "no place came back");
        std::thread::sleep(Duration::from_millis(20));
    }
    dropped_when(&door, "http", "too many connections from one address", 1);
}

fn answers(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut answer = Vec::new();
    stream.write_all(request).is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && !answer.is_empty()
}

/// A client that stops reading must not keep the server from ending, and what it did not get is
/// told before the door says it has closed.
#[test]
fn stops_in_the_middle_of_a_transfer() {
    let mut door = open(HashMap::new());
    let mut stream = TcpStream::connect(door.address).unwrap();
    stream
        .write_all(b"GET /boot/big HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    door.stop.cancel();
    let ended = door
        .runtime
        .block_on(async { tokio::time::timeout(http::LAST_WORDS * 10, door.serving).await });
    assert!(
        ended.is_ok(),
        "the door still waits for a client that reads no more"
    );
    let told = door.machines.wait_for(|snapshot| {
        let steps = snapshot.machines.iter().flat_map(|m| m.steps.iter());
        steps.map(|told| &told.step).any(
            |step| matches!(step, Step::File { name, bytes, total, .. } if name == "big" && bytes < total),
        )
    });
    door.runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), told)
            .await
            .expect("the broken-off transfer is in the journal")
            .unwrap();
    });
}
