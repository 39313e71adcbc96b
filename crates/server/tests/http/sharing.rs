//! When machines that have everything start, in real time: the machine's model and its questions on
//! one side, the door and announces on the other.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use bttui::app::{Action, App, Event};
use bttui::lease::Lease;
use bttui::news::Voice;
use bttui::waiting;
use catalog::Method;
use catalog::manifest::{Entry, Manifest, SeedUntil};
use report::{Facts, Progress};
use tokio_util::sync::CancellationToken;

use crate::door::{Setup, announce, open};

const OTHER: [u8; 4] = [127, 0, 0, 2];
/// A machine that shares longer than this shares for ever, on a computer that is busy with other tests too.
const PATIENCE: Duration = Duration::from_secs(120);
/// A `seed_max` that nobody lives to see: who starts before it did so for another reason.
const FOR_EVER: u64 = 3600;

fn manifest(server: &str, seed_time: Option<i64>, seed_max: u64) -> Manifest {
    let room = seed_time.is_none();
    Manifest {
        version: catalog::manifest::VERSION,
        timeout: 0,
        default: None,
        seed_time,
        seed_until: room.then_some(SeedUntil::Room),
        seed_max: room.then_some(seed_max),
        server: server.to_owned(),
        seed: None,
        lpd: false,
        exchange: true,
        layer: None,
        shell: catalog::Shell::No,
        machines: Vec::new(),
        systems: vec![Entry {
            name: "debian".into(),
            dispname: "Debian".into(),
            method: Method::Kexec {
                kernel: "vmlinuz".into(),
                initrd: Vec::new(),
                files: Vec::new(),
                cmdline: String::new(),
            },
            torrent: "debian.torrent".into(),
            size: 100,
            info_hash: "ab".repeat(20),
            files: Vec::new(),
            signed: None,
            unfit: None,
            inferred: false,
        }],
    }
}

/// The model of a machine whose download is under way.
fn fetching(manifest: Manifest) -> App {
    let mut app = App::new(Duration::ZERO);
    let (lease, facts) = machine();
    for event in [
        Event::Network { lease, facts },
        Event::Offers(Box::new(manifest.into())),
    ] {
        app.handle(event, Duration::ZERO);
    }
    app
}

fn machine() -> (Lease, Facts) {
    let address = [127, 0, 0, 1].into();
    let lease = Lease {
        interface: "eth0".into(),
        address,
        mac: "52:54:00:12:34:56".parse().unwrap(),
        server: None,
    };
    let facts = Facts {
        memory_bytes: 1,
        cpus: 1,
        cpu: String::new(),
        nic: String::new(),
        address,
        kernel: String::new(),
    };
    (lease, facts)
}

/// Lets the machine's last byte arrive and does what the model says, as phase 1 does. Says how long it
/// took until the system was started; `told` hears who waits, whenever the server says it.
async fn until_start(manifest: Manifest, mut told: impl FnMut(usize)) -> Duration {
    let server = manifest.server.clone();
    let mut app = fetching(manifest);
    let (voice, mut news) = Voice::new();
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let mut event = Event::Fetched {
        progress: Progress {
            system: "debian".into(),
            total: 100,
            have: 100,
            ..Progress::default()
        },
    };
    loop {
        for action in app.handle(event, begun.elapsed()) {
            match action {
                Action::Start(0) => {
                    stop.cancel();
                    return begun.elapsed();
                }
                Action::AskWhoWaits(0) => {
                    let (server, stop, voice) = (server.clone(), stop.clone(), voice.clone());
                    tokio::spawn(async move {
                        waiting::ask(&server, "debian", &stop, &voice).await;
                    });
                }
                Action::Report(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "it shares for ever: {:?}",
            app.screen
        );
        let tick = tokio::time::sleep(Duration::from_millis(50));
        event = tokio::select! {
            Some(news) = news.recv() => news.event,
            () = tick => Event::Tick,
        };
        if let Event::Waiting { machines } = &event {
            told(machines.len());
        }
    }
}

/// A door, and how it is named in manifests.
fn room() -> (crate::door::Door, String) {
    let door = open(Setup::default());
    let url = format!("http://{}", door.address);
    (door, url)
}

/// That it was not early. How late it may be says what was asked and answered meanwhile, and [`PATIENCE`]: a busy
/// computer is late.
fn at_least(took: Duration, seconds: u64) {
    assert!(took >= Duration::from_secs(seconds), "{took:?}");
}

fn nobody_is_asked(_: usize) {
    panic!("nobody is asked");
}

#[test]
fn alone_in_the_room_it_starts_at_once() {
    let (door, url) = room();
    // It has announced itself, of course, and has been fetching until a moment ago.
    announce(&door, [127, 0, 0, 1], "left=9&event=started");
    let mut answers = Vec::new();
    door.runtime
        .block_on(until_start(manifest(&url, None, FOR_EVER), |waiting| {
            answers.push(waiting);
        }));
    assert_eq!(answers, [0], "one question");
}

#[test]
fn it_stays_until_the_others_have_everything() {
    let (door, url) = room();
    announce(&door, OTHER, "left=9&event=started");
    announce(&door, [127, 0, 0, 3], "left=9&event=started");
    let mut answers = Vec::new();
    let took = door
        .runtime
        .block_on(until_start(manifest(&url, None, FOR_EVER), |waiting| {
            answers.push(waiting);
            // One completes after the second answer, the other leaves after the fourth.
            match answers.len() {
                2 => drop(announce(&door, OTHER, "left=0&event=completed")),
                4 => drop(announce(&door, [127, 0, 0, 3], "left=5&event=stopped")),
                _ => {}
            }
        }));
    assert_eq!(answers, [2, 2, 1, 1, 0]);
    at_least(took, 2);
}

#[test]
fn seed_max_ends_it_whoever_waits() {
    let (door, url) = room();
    announce(&door, OTHER, "left=9&event=started");
    let took = door
        .runtime
        .block_on(until_start(manifest(&url, None, 2), |waiting| {
            assert_eq!(waiting, 1);
        }));
    at_least(took, 2);
    door.runtime
        .block_on(until_start(manifest(&url, None, 0), nobody_is_asked));
}

#[test]
fn seed_time_is_a_minimum_although_nobody_waits() {
    let (door, url) = room();
    let took = door
        .runtime
        .block_on(until_start(manifest(&url, Some(2), 60), nobody_is_asked));
    at_least(took, 2);
    announce(&door, OTHER, "left=9&event=started");
    for at_once in [0, -1] {
        let manifest = manifest(&url, Some(at_once), 60);
        door.runtime
            .block_on(until_start(manifest, nobody_is_asked));
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_five_seconds() {
    // One listens and says nothing, one refuses connections, one does not know the system.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut strange = Setup::default();
    strange.systems.clear();
    let strange = open(strange);
    let dead = ([127, 0, 0, 1], 1).into();
    let urls = [silent.local_addr().unwrap(), dead, strange.address]
        .map(|at: SocketAddr| format!("http://{at}"));
    let [first, second, third] = urls.map(|url| async move {
        until_start(manifest(&url, None, FOR_EVER), |_| panic!("nobody answers")).await
    });
    let took = strange
        .runtime
        .block_on(async { tokio::join!(first, second, third) });
    for took in [took.0, took.1, took.2] {
        at_least(took, 5);
    }
}
