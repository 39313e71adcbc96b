//! A door on a free loopback port, and how to ask it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bt_server::doors::connect_back;
use bt_server::doors::http::{self, State};
use bt_server::doors::multicast::Desk;
use bt_server::journal;
use bt_server::offer::Offer;
use bt_server::once::Once;
use bt_server::payload::PayloadFile;
use bt_server::shelf::Shelf;
use metainfo::InfoHash;
use seeder::InMemory;
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

pub(crate) const HASH: InfoHash = InfoHash([0xab; 20]);
pub(crate) const SEED: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6881);

/// What a door stands on that tests choose.
pub(crate) struct Setup {
    pub(crate) payload: HashMap<String, PayloadFile>,
    pub(crate) qemu: Option<InMemory>,
    pub(crate) systems: HashMap<String, InfoHash>,
    pub(crate) tracker: Option<Tracker>,
    pub(crate) once: Once,
    pub(crate) desk: Desk,
    /// When the tracker began.
    pub(crate) begun: Instant,
}

impl Default for Setup {
    fn default() -> Self {
        let mut tracker = Tracker::new(tracker::Settings::default());
        tracker.allow(HASH);
        tracker.add_permanent(HASH, SEED);
        Self {
            payload: HashMap::new(),
            qemu: None,
            systems: HashMap::from([("debian".to_owned(), HASH)]),
            tracker: Some(tracker),
            once: Once::unused(),
            desk: Desk::closed(),
            begun: Instant::now(),
        }
    }
}

/// The door, and everything it stands on.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<anyhow::Result<()>>,
    pub(crate) machines: watch::Receiver<Arc<journal::Snapshot>>,
    pub(crate) runtime: tokio::runtime::Runtime,
}

pub(crate) fn open(setup: Setup) -> Door {
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
    shelf.put("grub/grub.cfg", "boot\n");
    shelf.put("big", vec![0; 64 << 20]);
    let payload = setup.payload.into_iter();
    let systems = setup.systems.into_iter();
    let offer = Offer {
        shelf: Arc::new(shelf),
        payload: Arc::new(payload.map(|(at, file)| (at, Arc::new(file))).collect()),
        qemu: setup.qemu.map(Arc::new),
        systems: systems.map(|(name, hash)| (name, vec![hash])).collect(),
    };
    let state = State {
        offers: watch::channel(Arc::new(offer)).1,
        tracker: setup.tracker.map(|tracker| Arc::new(Mutex::new(tracker))),
        desk: setup.desk,
        announced: connect_back::channel().0,
        journal,
        once: setup.once,
        machines: machines.clone(),
        begun: setup.begun,
        own: Arc::new([("lo".to_owned(), Ipv4Addr::LOCALHOST)]),
    };
    // the journal goes on after the door closed, as in the server
    let recording = journal::record(
        recorder,
        vec![Ipv4Addr::LOCALHOST],
        CancellationToken::new(),
    );
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

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The same with its capitals.
    pub(crate) written: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body for people.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client's connection from this address of loopback, which has sixteen million.
pub(crate) fn connect(door: &Door, from: [u8; 4]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&door.address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Sends these bytes and reads one answer, until the door closes the connection.
pub(crate) fn exchange(door: &Door, from: [u8; 4], request: &[u8]) -> Answer {
    let mut stream = connect(door, from);
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let split = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a whole head")
        + 4;
    let written = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let head = written.to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head,
        written,
        body: bytes[split..].to_vec(),
    }
}

/// Asks as a machine of this address.
pub(crate) fn ask_from(
    door: &Door,
    from: [u8; 4],
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    exchange(door, from, request.as_bytes())
}

pub(crate) fn ask(door: &Door, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    ask_from(door, [127, 0, 0, 1], method, path, headers, body)
}

pub(crate) fn get(door: &Door, path: &str, headers: &str) -> Answer {
    ask(door, "GET", path, headers, "")
}

/// A machine's announce of the one torrent there is.
pub(crate) fn announce(door: &Door, from: [u8; 4], more: &str) -> Answer {
    let (hash, host) = ("%ab".repeat(20), from[3]);
    let path =
        format!("/announce?info_hash={hash}&peer_id=-XX0001-000000000{host:03}&port=6881&{more}");
    ask_from(door, from, "GET", &path, "", "")
}

/// Reads the API until `done`: the journal publishes a moment after the event.
pub(crate) fn machines_when(
    door: &Door,
    done: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
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
pub(crate) fn dropped_when(door: &Door, at: &str, reason: &str, count: u64) {
    machines_when(door, |json| {
        let dropped = json["dropped"].as_array().unwrap();
        dropped
            .iter()
            .any(|d| d["door"] == at && d["reason"] == reason && d["count"].as_u64() >= Some(count))
    });
}
