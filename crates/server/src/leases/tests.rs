//! What one run writes down, the next one knows.

mod trouble;

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pxe::record::BEGIN;
use pxe::{Change, Lease, Moment, Responder, Settings};
use report::Mac;
use tempfile::TempDir;

use super::file::{LeaseFile, MOST_BYTES, RETRY, SPARE_LINES};

const HOUR: Duration = Duration::from_secs(3600);
/// No line is longer.
const LINE: u64 = 76;

fn settings(third: u8) -> Settings {
    Settings {
        server: Ipv4Addr::new(10, 77, third, 1),
        prefix: 24,
        range: None,
        lease: HOUR,
        router: None,
        dns: Vec::new(),
        ntp: Vec::new(),
        domain: None,
        subnets: Vec::new(),
        machines: pxe::Machines::default(),
        http_port: 6969,
        loader: pxe::Loader::Auto,
    }
}

fn at(seconds: u64) -> Moment {
    Moment {
        run: BEGIN + Duration::from_secs(seconds),
        wall: 1_800_000_000 + seconds as i64,
    }
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn mac(last: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, last])
}

/// The machine takes the address for an hour.
fn takes(machine: u8, last: u8, now: Moment) -> Change {
    gives_back(machine, last, now.run + HOUR)
}

fn gives_back(machine: u8, last: u8, until: Duration) -> Change {
    Change::Lease(Lease {
        mac: mac(machine),
        address: ip(last),
        until,
    })
}

/// A state folder, the file in it, and what is said about it.
struct Site {
    state: TempDir,
    said: Said,
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Site {
    fn new() -> Self {
        // In memory: files are synced hundreds of times here.
        let state = tempfile::tempdir_in("/dev/shm").unwrap();
        let said = Said::default();
        Self { state, said }
    }

    fn with(text: &[u8]) -> Self {
        let site = Self::new();
        fs::create_dir(site.state.path().join("leases")).unwrap();
        fs::write(site.path(), text).unwrap();
        site
    }

    fn path(&self) -> PathBuf {
        self.state.path().join("leases/10.77.0.0_24")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// A server begins: its file, and the leases it knows.
    fn start(&self, now: Moment) -> (LeaseFile, Vec<Lease>) {
        self.start_in(settings(0), now)
    }

    fn start_in(&self, settings: Settings, now: Moment) -> (LeaseFile, Vec<Lease>) {
        let mut responder = Responder::new(settings).unwrap();
        let file = self.listen(|| LeaseFile::open(self.state.path(), &mut responder, now));
        (file, responder.leases().iter().collect())
    }

    fn write(&self, file: &mut LeaseFile, changes: &[Change], now: Moment) {
        self.listen(|| file.write(changes, now));
    }

    fn listen<T>(&self, work: impl FnOnce() -> T) -> T {
        let said = self.said.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || said.clone())
            .finish();
        tracing::subscriber::with_default(log, work)
    }

    /// What was said since it was last asked.
    fn said(&self) -> String {
        let said = std::mem::take(&mut *self.said.0.lock().unwrap());
        let path = self.state.path().display().to_string();
        String::from_utf8(said).unwrap().replace(&path, "STATE")
    }
}

fn pairs(leases: &[Lease]) -> Vec<(Mac, Ipv4Addr)> {
    leases.iter().map(|l| (l.mac, l.address)).collect()
}

#[test]
fn leases_come_back_by_subnet() {
    let site = Site::new();
    let (mut file, known) = site.start(at(0));
    assert_eq!(known, []);
    site.write(&mut file, &[takes(1, 21, at(5))], at(5));
    let expected = "52:54:00:00:00:01 10.77.0.21 1800000005 1800003605\n";
    assert!(site.text().ends_with(expected), "{}", site.text());
    site.write(&mut file, &[takes(2, 22, at(6))], at(6));
    site.write(&mut file, &[gives_back(2, 22, at(9).run)], at(9));

    let (mut other, known) = site.start_in(settings(9), at(100));
    assert_eq!(known, [], "another room");
    let elsewhere = Change::Lease(Lease {
        mac: mac(1),
        address: Ipv4Addr::new(10, 77, 9, 40),
        until: at(100).run + HOUR,
    });
    site.write(&mut other, &[elsewhere], at(100));
    assert_eq!(site.said(), "");

    let (_file, known) = site.start(at(200));
    let until = [at(5).run + HOUR, at(9).run];
    let lease = |machine, last, until| Lease {
        mac: mac(machine),
        address: ip(last),
        until,
    };
    assert_eq!(known, [lease(1, 21, until[0]), lease(2, 22, until[1])]);
    assert_eq!(
        site.said(),
        " INFO 2 leases remembered from STATE/leases/10.77.0.0_24\n"
    );
    let (_file, known) = site.start_in(settings(9), at(200));
    assert_eq!(known.len(), 1);
    assert_eq!(
        site.said(),
        " INFO 1 lease remembered from STATE/leases/10.77.9.0_24\n"
    );
}

#[test]
fn a_file_that_is_renewed_every_second_stays_small() {
    let site = Site::new();
    let (mut file, _) = site.start(at(0));
    let inode = || fs::metadata(site.path()).unwrap().ino();
    let (mut last, mut rewritten, mut longest) = (inode(), 0, 0);
    for second in 0..5000 {
        // The same second again is no news.
        for _ in 0..3 {
            site.write(&mut file, &[takes(1, 21, at(second))], at(second));
        }
        let found = fs::metadata(site.path()).unwrap();
        rewritten += usize::from(found.ino() != last);
        (last, longest) = (found.ino(), found.len().max(longest));
    }
    assert!(longest <= (SPARE_LINES as u64 + 10) * LINE, "{longest}");
    assert!((3..=5).contains(&rewritten), "{rewritten}");
    let (_, known) = site.start(at(5000));
    assert_eq!(known[0].until, at(4999).run + HOUR);
}

#[test]
fn the_largest_file_is_read_whole() {
    let records = 2 * u64::from(pxe::pool::LARGEST);
    assert!((2 * records + SPARE_LINES as u64 + 10) * LINE <= MOST_BYTES);
}

#[test]
fn a_folder_that_vanishes_is_made_again() {
    let site = Site::new();
    let (mut file, _) = site.start(at(0));
    site.write(&mut file, &[takes(1, 21, at(1))], at(1));
    fs::remove_dir_all(site.state.path().join("leases")).unwrap();
    site.write(&mut file, &[takes(2, 22, at(2))], at(2));
    assert_eq!(site.said(), "");
    // Moved away, the file we hold is no longer the one that the next run will read.
    fs::rename(site.path(), site.path().with_extension("old")).unwrap();
    site.write(&mut file, &[takes(3, 23, at(3))], at(3));
    let (_, known) = site.start(at(4));
    assert_eq!(known.len(), 3);
}

#[test]
fn a_clock_that_is_set_while_we_run_ends_no_lease() {
    let site = Site::new();
    // No battery: the computer woke in 1970, and learns the time after a minute.
    let early = |second| Moment {
        wall: second as i64,
        ..at(second)
    };
    let (mut file, _) = site.start(early(5));
    site.write(&mut file, &[takes(1, 21, early(10))], early(10));
    site.write(&mut file, &[takes(2, 22, at(60))], at(60));
    let (_, known) = site.start(at(70));
    let until: Vec<_> = known.iter().map(|lease| lease.until).collect();
    assert_eq!(until, [at(10).run + HOUR, at(60).run + HOUR]);
}
