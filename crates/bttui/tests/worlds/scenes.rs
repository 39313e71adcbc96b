//! One moment of every screen, reached through the model's own events so that it can really occur.

use std::net::Ipv4Addr;
use std::time::Duration;

use bttui::app::{App, Event};
use bttui::keys::Key;
use bttui::lease::Lease;
use catalog::manifest::{Entry, Manifest};
use catalog::{Method, Shell};
use report::{Exit, Facts, Progress, Source};

#[path = "running.rs"]
mod running;

#[path = "refused.rs"]
mod refused;

#[allow(
    unused_imports,
    reason = "shared by several tests, none of which uses all"
)]
pub(crate) use refused::small;
use refused::{foreign, inferred, logged, tight, without_shell};
use running::{CRASHED, ended, hosting, not_started};
#[allow(
    unused_imports,
    reason = "shared by several tests, none of which uses all"
)]
pub(crate) use running::{of_program, running, to_run, with_program};

/// A moment: its name, the model, the time.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) app: App,
    pub(crate) now: Duration,
}

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn all() -> Vec<Scene> {
    let scene = |name, app, now| Scene {
        name,
        app,
        now: seconds(now),
    };
    vec![
        scene("waiting", waiting(), 12),
        scene("menu-countdown", menu(three()), 21),
        scene("menu-stopped", after(menu(three()), [Key::Down], 21), 22),
        scene(
            "menu-many",
            after(menu(many()), [Key::End, Key::Up], 21),
            22,
        ),
        scene("menu-secure-boot", secure(menu(three())), 21),
        scene("menu-signed", secure(menu(signed(Some(true)))), 21),
        scene("menu-unsigned", secure(menu(signed(Some(false)))), 21),
        scene("menu-empty", menu(manifest(30, None, vec![])), 21),
        scene("fetching", fetching(None), 33),
        scene(
            "fetching-trouble",
            fetching(Some(
                "The tracker at 10.77.0.1:6969 does not answer: connection refused. Trying again.",
            )),
            33,
        ),
        scene("sharing", sharing(), 50),
        scene("sharing-room", sharing_with(&[22, 23]), 53),
        scene("sharing-one", sharing_with(&[22]), 53),
        scene(
            "sharing-many",
            sharing_with(&(30..60).collect::<Vec<u8>>()),
            53,
        ),
        scene("sharing-asked", complete(three()), 41),
        scene("sharing-unheard", sharing_with(&[22, 23]), 55),
        scene("starting", starting(), 50),
        scene(
            "starting-disk",
            after(menu(three()), [Key::End, Key::Enter], 21),
            22,
        ),
        scene("starting-program", to_run(), 21),
        scene("running", running(), 95),
        scene("running-guest", hosting(), 95),
        scene("running-ending", after(running(), [Key::Char('x')], 96), 97),
        scene("menu-ended", ended(Exit::Itself { status: 3 }), 100),
        scene("menu-ended-well", ended(Exit::Itself { status: 0 }), 100),
        scene("menu-ended-secure-boot", secure(ended(CRASHED)), 100),
        scene("failed-program", not_started(), 22),
        scene("failed-kexec", failed(), 52),
        scene(
            "failed-unsupported",
            after(menu(three()), [Key::Down, Key::Enter], 21),
            22,
        ),
        scene("failed-reading", unread(), 23),
        scene("menu-too-large", small(three(), 611_000_000), 21),
        scene(
            "menu-refused",
            after(small(three(), 900_000_000), [Key::Down], 21),
            22,
        ),
        scene("menu-cost", small(three(), 900_000_000), 21),
        scene("menu-guest-memory", tight(), 22),
        scene("menu-inferred", menu(inferred()), 21),
        scene("menu-foreign", after(menu(foreign()), [Key::End], 21), 22),
        scene("menu-no-shell", without_shell(menu(three())), 21),
        scene(
            "failed-refused",
            after(small(three(), 611_000_000), [Key::Enter], 21),
            22,
        ),
        scene("log", after(failed(), [Key::Char('l')], 52), 53),
        scene(
            "log-up",
            after(logged(), [Key::Char('l'), Key::PageUp], 95),
            95,
        ),
        scene("log-waiting", after(waiting(), [Key::Char('L')], 12), 13),
    ]
}

pub(crate) fn awake() -> App {
    let mut app = App::new(Duration::ZERO);
    let lease = Lease {
        interface: "eth0".to_owned(),
        address: Ipv4Addr::new(10, 77, 0, 21),
        mac: "52:54:00:12:34:56".parse().expect("a hardware address"),
        server: Some(SERVER),
    };
    let facts = Facts {
        memory_bytes: 16_307_460 * 1024,
        cpus: 4,
        cpu: "Intel Core i5-4590 CPU @ 3.30GHz".to_owned(),
        nic: "eth0 (e1000e), 1000 Mbit/s".to_owned(),
        address: lease.address,
        kernel: "6.1.0-44-amd64".to_owned(),
    };
    app.handle(Event::Network { lease, facts }, seconds(4));
    app
}

pub(crate) fn menu(manifest: Manifest) -> App {
    let mut app = awake();
    app.handle(Event::Offers(Box::new(manifest.into())), seconds(5));
    app
}

/// A machine whose kernel is locked down.
fn secure(mut app: App) -> App {
    app.machine.only_signed = true;
    app
}

/// The three systems, of whose kernel this is known.
fn signed(signed: Option<bool>) -> Manifest {
    let mut manifest = three();
    manifest.systems[0].signed = signed;
    manifest
}

pub(crate) fn three() -> Manifest {
    let kexec = Method::Kexec {
        kernel: "vmlinuz".to_owned(),
        initrd: vec!["initrd.img".to_owned()],
        files: Vec::new(),
        cmdline: "quiet".to_owned(),
    };
    let qemu = Method::Qemu {
        args: "-cdrom memtest.iso".to_owned(),
    };
    let systems = vec![
        entry("debian", "Debian 12 with GNOME", kexec, 851_443_712),
        entry("memtest", "Memory test", qemu, 1_474_560),
        entry("disk", "This machine's own disk", Method::Local, 0),
    ];
    manifest(30, Some("debian"), systems)
}

pub(crate) fn manifest(timeout: i64, default: Option<&str>, systems: Vec<Entry>) -> Manifest {
    Manifest {
        version: catalog::manifest::VERSION,
        timeout,
        default: default.map(str::to_owned),
        seed_time: None,
        seed_until: None,
        seed_max: None,
        server: format!("http://{SERVER}:6969"),
        seed: None,
        lpd: false,
        exchange: true,
        remote_shell: false,
        layer: None,
        shell: Shell::Yes,
        machines: Vec::new(),
        systems,
    }
}

pub(crate) fn entry(name: &str, dispname: &str, method: Method, size: u64) -> Entry {
    Entry {
        name: name.to_owned(),
        dispname: dispname.to_owned(),
        method,
        torrent: format!("{name}.torrent"),
        size,
        info_hash: "00".repeat(20),
        files: Vec::new(),
        signed: None,
        unfit: None,
        inferred: false,
    }
}

pub(crate) fn progress(have: u64) -> Progress {
    let from_server = have * 58 / 100;
    Progress {
        system: "debian".to_owned(),
        total: 851_443_712,
        have,
        uploaded: 212 << 20,
        peers: 7,
        rate: 40 << 20,
        sources: vec![
            Source {
                address: SERVER,
                bytes: from_server,
            },
            Source {
                address: Ipv4Addr::new(10, 77, 0, 22),
                bytes: (have - from_server) / 3,
            },
            Source {
                address: Ipv4Addr::new(10, 77, 0, 23),
                bytes: have - from_server - (have - from_server) / 3,
            },
        ],
    }
}

/// Presses keys one after another at one time.
pub(crate) fn after<const N: usize>(mut app: App, keys: [Key; N], at: u64) -> App {
    for key in keys {
        app.handle(Event::Key { console: 0, key }, seconds(at));
    }
    app
}

fn many() -> Manifest {
    let names = [
        "Ubuntu 24.04",
        "Fedora 42 Workstation",
        "Рабочее место",
        "教室",
        "A name that is so long that it cannot possibly fit into the room that one line of the menu has for it",
    ];
    let systems = (1..=20)
        .map(|number| {
            let name = names[(number - 1) % names.len()];
            entry(
                &format!("os{number}"),
                &format!("{number:>2} {name}"),
                three().systems[0].method.clone(),
                1 << (18 + number),
            )
        })
        .collect();
    manifest(-1, None, systems)
}

fn waiting() -> App {
    let mut app = App::new(Duration::ZERO);
    app.handle(
        Event::NoNetwork {
            why: "no link on eth0; is the network cable plugged in?".to_owned(),
        },
        seconds(3),
    );
    app
}

fn fetching(trouble: Option<&str>) -> App {
    let mut app = after(menu(three()), [Key::Enter], 20);
    app.handle(
        Event::Progress {
            progress: progress(503 << 20),
            trouble: trouble.map(str::to_owned),
        },
        seconds(32),
    );
    app
}

/// Chosen by a person at second 20, every byte is there at second 41.
pub(crate) fn complete(manifest: Manifest) -> App {
    let mut app = after(menu(manifest), [Key::Enter], 20);
    app.handle(fetched(), seconds(41));
    app
}

pub(crate) fn fetched() -> Event {
    Event::Fetched {
        progress: progress(851_443_712),
    }
}

/// The server's answer, with the last numbers of the addresses.
pub(crate) fn waiting_for(machines: &[u8]) -> Event {
    let address = |last: &u8| Ipv4Addr::new(10, 77, 0, *last);
    Event::Waiting {
        machines: machines.iter().map(address).collect(),
    }
}

fn sharing() -> App {
    let mut patient = three();
    patient.seed_time = Some(60);
    complete(patient)
}

/// The server has just said who waits.
fn sharing_with(machines: &[u8]) -> App {
    let mut app = complete(three());
    for second in 41..=52 {
        app.handle(waiting_for(machines), seconds(second));
    }
    app
}

fn starting() -> App {
    let mut app = complete(three());
    app.handle(waiting_for(&[]), seconds(41));
    app
}

/// Nobody is there, so it tries again by itself.
fn failed() -> App {
    let mut app = menu(three());
    app.handle(Event::Tick, seconds(36));
    app.handle(fetched(), seconds(50));
    app.handle(waiting_for(&[]), seconds(50));
    let what = "The new kernel could not be loaded: there is not enough memory: the kernel has 8.3 MB, the initrd 843.1 MB; 943.7 MB of memory are free, and about 5 times the initrd is needed. [Cannot allocate memory (os error 12)]";
    app.handle(
        Event::Broken {
            what: what.to_owned(),
        },
        seconds(51),
    );
    app
}

fn unread() -> App {
    let mut app = awake();
    let what = "cannot read /torrents/Boottorrent.yaml".to_owned();
    app.handle(Event::Broken { what }, seconds(20));
    app
}
