//! A second start: nothing is read again that is as it was, and machines get the same bytes.

#![allow(missing_docs, reason = "a test")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use bt_server::check::{self, LoadedSystem, Sources};
use bt_server::prepare::{Prepared, Rehash, hash_again, prepare};
use catalog::manifest::Manifest;
use seeder::Cache;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["debian", "rescue", "школа"];
/// What is read for one system: a kernel, an initrd and a file of several pieces.
const EACH: u64 = 1000 + 2000 + 300_000;

/// Stands for QEMU's image.
const QEMU: &[u8] = b"an image";

/// Three systems and a state folder.
struct World {
    environment: TempDir,
    state: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            environment: TempDir::new().unwrap(),
            state: TempDir::new().unwrap(),
        };
        for (index, name) in NAMES.into_iter().enumerate() {
            let folder = world.system(name);
            fs::create_dir_all(folder.join("live")).unwrap();
            let fill = |length| vec![index as u8; length];
            fs::write(folder.join("vmlinuz"), fill(1000)).unwrap();
            fs::write(folder.join("initrd.img"), fill(2000)).unwrap();
            fs::write(folder.join("live/root.img"), fill(300_000)).unwrap();
        }
        world
    }

    fn system(&self, name: &str) -> std::path::PathBuf {
        self.environment.path().join("oss").join(name)
    }

    /// One start, as far as this goes.
    fn start(&self, rehash: Rehash) -> Prepared {
        start(&self.load(), self.state.path(), rehash).unwrap()
    }

    fn load(&self) -> Vec<LoadedSystem> {
        let loaded = check::load(&Sources {
            oss: Some(self.environment.path().join("oss")),
            ..Sources::default()
        });
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        loaded.systems
    }

    fn entries(&self) -> usize {
        fs::read_dir(self.state.path().join("hashes")).map_or(0, Iterator::count)
    }
}

fn start(systems: &[LoadedSystem], state: &Path, rehash: Rehash) -> anyhow::Result<Prepared> {
    let manifest: Manifest = serde_json::from_str(
        r#"{"version": 0, "timeout": 30, "server": "http://10.77.0.1:6969"}"#,
    )?;
    let announce = Some("http://10.77.0.1:6969/announce");
    let cache = Cache::in_state(state);
    prepare(
        systems,
        manifest,
        announce,
        Some(QEMU.into()),
        &cache,
        rehash,
    )
}

/// The manifest as a machine finds it.
fn manifest(prepared: &Prepared) -> Manifest {
    manifest_in(&prepared.torrents_gz)
}

fn manifest_in(torrents_gz: &[u8]) -> Manifest {
    let archive = initrd::gunzip(torrents_gz, 64 << 20).unwrap();
    let entries = initrd::entries(&archive).unwrap();
    let text = |path: &str| {
        let entry = entries.iter().find(|entry| entry.path == path);
        let Some(initrd::Kind::File(bytes)) = entry.map(|entry| &entry.kind) else {
            panic!("no file {path}");
        };
        String::from_utf8(bytes.clone()).unwrap()
    };
    let both = ["Boottorrent.yaml", "configs.yaml"].map(|name| text(&format!("torrents/{name}")));
    Manifest::parse(&both[0], &both[1]).unwrap()
}

/// What `sha256sum` says of a file.
fn sha256sum(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let digits = output.stdout.split(|byte| *byte == b' ').next().unwrap();
    String::from_utf8(digits.to_vec()).unwrap()
}

/// Machines of each network are told of one address of the server, and of the same torrents.
#[test]
fn another_network_gets_the_same_systems_from_another_address() {
    let prepared = World::new().start(Rehash::Changed);
    let told = Manifest {
        server: "http://10.78.0.1:6969".to_owned(),
        systems: Vec::new(),
        ..manifest(&prepared)
    };
    let archive = prepared.torrents_gz_for(told, Some("http://10.78.0.1:6969/announce"));
    let archive = archive.unwrap();
    let (one, two) = (manifest(&prepared), manifest_in(&archive));
    assert_eq!(two.server, "http://10.78.0.1:6969");
    assert_eq!((one.systems.len(), &one.systems), (3, &two.systems));
    let unpacked = initrd::gunzip(&archive, 64 << 20).unwrap();
    let named = |address: &str| {
        let mut parts = unpacked.windows(address.len());
        parts.any(|part| part == address.as_bytes())
    };
    assert!(named("10.78.0.1:6969/announce") && !named("10.77.0.1"));
}

#[test]
fn a_second_start_hashes_nothing_and_gives_the_same_bytes() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    assert_eq!(first.hashed, 3 * EACH);
    let second = world.start(Rehash::Changed);
    assert_eq!(second.hashed, 0);
    assert!(second.torrents_gz == first.torrents_gz);
    assert_eq!(second.systems, first.systems);
    let mut keys: Vec<_> = second.payload.keys().cloned().collect();
    keys.sort();
    assert_eq!(keys.len(), 9);
    assert_eq!(keys[0], "debian/initrd.img");
}

#[test]
fn only_a_system_that_changed_is_hashed_again() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    let touched = File::options()
        .write(true)
        .open(world.system("rescue").join("live/root.img"));
    touched.unwrap().set_modified(SystemTime::now()).unwrap();
    let second = world.start(Rehash::Changed);
    assert_eq!(second.hashed, EACH);
    assert!(second.torrents_gz == first.torrents_gz, "the same bytes");

    fs::write(world.system("rescue").join("vmlinuz"), vec![9; 1000]).unwrap();
    let third = world.start(Rehash::Changed);
    assert_eq!(third.hashed, EACH);
    assert!(third.torrents_gz != first.torrents_gz);
    assert_eq!(world.start(Rehash::Changed).hashed, 0);

    // A command line is not payload.
    fs::write(world.system("debian").join("config.yaml"), "cmdline: quiet").unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
}

#[test]
fn rehash_hashes_everything_and_renews_what_is_remembered() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    let second = world.start(Rehash::Everything);
    assert_eq!(second.hashed, 3 * EACH);
    assert!(second.torrents_gz == first.torrents_gz);
    fs::remove_dir_all(world.state.path().join("hashes")).unwrap();
    assert_eq!(world.start(Rehash::Everything).hashed, 3 * EACH);
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
}

/// While the server runs, too, nobody passes off other bytes by giving a file its old time.
#[test]
fn a_file_rewritten_in_place_with_its_old_time_is_hashed_again() {
    let world = World::new();
    let cache = Cache::in_state(world.state.path());
    let systems = world.load();
    let debian = systems.iter().find(|one| one.system.name == "debian");
    let debian = debian.unwrap();
    let before = hash_again(debian, None, &cache).unwrap();
    assert_eq!(hash_again(debian, Some(&before), &cache).unwrap(), before);
    let kernel = world.system("debian").join("vmlinuz");
    let time = fs::metadata(&kernel).unwrap().modified().unwrap();
    fs::write(&kernel, vec![9; 1000]).unwrap();
    let file = File::options().write(true).open(&kernel);
    file.unwrap().set_modified(time).unwrap();
    let after = hash_again(debian, Some(&before), &cache).unwrap();
    assert_ne!(after.torrent.info_hash(), before.torrent.info_hash());
    assert_ne!(after.sha256, before.sha256);
}

/// As after a kill in the middle: what comes after is not done, what came before need not be again.
#[test]
fn each_system_is_remembered_as_soon_as_it_is_hashed() {
    let world = World::new();
    let systems = world.load();
    let broken = world.system("школа").join("initrd.img");
    fs::write(&broken, "shorter now").unwrap();
    let failed = start(&systems, world.state.path(), Rehash::Changed).unwrap_err();
    let text = format!("{failed:#}");
    assert!(text.contains(broken.to_str().unwrap()), "{text}");
    assert_eq!(world.entries(), 2);
    fs::write(&broken, vec![2; 2000]).unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, EACH);
}

#[test]
fn systems_that_are_gone_are_forgotten() {
    let world = World::new();
    world.start(Rehash::Changed);
    assert_eq!(world.entries(), 3);
    fs::remove_dir_all(world.system("rescue")).unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
    assert_eq!(world.entries(), 2);
}

/// Without state it starts all the same, with what it would have had anyway.
#[test]
fn without_state_everything_is_hashed_every_time() {
    let world = World::new();
    let file = world.environment.path().join("a file");
    fs::write(&file, "").unwrap();
    let systems = world.load();
    let first = world.start(Rehash::Changed);
    for _ in 0..2 {
        let prepared = start(&systems, &file, Rehash::Changed).unwrap();
        assert_eq!(prepared.hashed, 3 * EACH);
        assert!(prepared.torrents_gz == first.torrents_gz);
    }
}

/// Also of an empty file, one in folders, one that reaches over pieces, and one over what a thread takes on at a time;
/// hashed now, or remembered.
#[test]
fn every_file_is_told_with_what_sha256sum_says_of_it() {
    let world = World::new();
    let folder = world.system("школа");
    fs::create_dir_all(folder.join("a/very deep")).unwrap();
    fs::write(folder.join("a/very deep/ä file"), "seven b").unwrap();
    fs::write(folder.join("live/empty"), "").unwrap();
    let counted: Vec<u8> = (0..9_000_001_u32)
        .map(|at| (at ^ (at >> 9)) as u8)
        .collect();
    fs::write(folder.join("live/large.img"), counted).unwrap();
    for expected in [3 * EACH + 7 + 9_000_001, 0] {
        let prepared = world.start(Rehash::Changed);
        assert_eq!(prepared.hashed, expected);
        let told = manifest(&prepared);
        assert_eq!(told.systems.len(), 3);
        for (entry, hashed) in told.systems.iter().zip(&prepared.systems) {
            let in_torrent = hashed.torrent.info().files.iter();
            let paths = entry.files.iter().map(|file| file.path.clone());
            assert!(in_torrent.map(|file| file.path.join("/")).eq(paths));
            for file in &entry.files {
                let sum = sha256sum(&world.system(&entry.name).join(&file.path));
                assert_eq!(file.sha256.to_string(), sum, "{}", file.path);
            }
            let needed = entry.needed_files().expect("kexec");
            assert_eq!(needed, ["vmlinuz", "initrd.img"]);
            assert!(
                needed
                    .iter()
                    .all(|path| entry.files.iter().any(|file| file.path == *path))
            );
        }
        assert_eq!(told.systems[2].files.len(), 6);
    }
}

#[test]
fn a_file_that_changed_between_two_starts_is_told_anew() {
    let world = World::new();
    let sums = |prepared: &Prepared| {
        let systems = manifest(prepared).systems;
        let files = systems.into_iter().flat_map(|entry| entry.files);
        files
            .map(|file| file.sha256.to_string())
            .collect::<Vec<_>>()
    };
    let first = sums(&world.start(Rehash::Changed));
    let image = world.system("rescue").join("live/root.img");
    let mut bytes = fs::read(&image).unwrap();
    bytes[200_000] ^= 1;
    fs::write(&image, bytes).unwrap();
    let second = sums(&world.start(Rehash::Changed));
    let differing: Vec<_> = (0..9).filter(|at| first[*at] != second[*at]).collect();
    assert_eq!(differing, [4], "the second file of the second system");
    assert_eq!(second[4], sha256sum(&image));
}

/// Debian's kernel as it comes, with its signature taken off, and cut off before it.
#[test]
#[ignore = "needs target/phase1; cargo xtask test runs it"]
fn the_manifest_says_whose_kernel_is_signed() {
    let world = World::new();
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/phase1/image/bzImage");
    let signed = fs::read(&image).unwrap();
    let (offset, size) = certificates(&signed);
    assert_eq!(offset + size, signed.len(), "the signature comes last");
    let mut stripped = signed[..offset].to_vec();
    let entry = certificates_entry(&signed);
    stripped[entry..entry + 8].fill(0);
    for (name, kernel) in [
        ("debian", &signed[..]),
        ("rescue", &stripped),
        ("школа", &signed[..offset]),
    ] {
        fs::write(world.system(name).join("vmlinuz"), kernel).unwrap();
    }
    let manifest = manifest(&world.start(Rehash::Changed));
    let told: Vec<_> = manifest.systems.iter().map(|one| one.signed).collect();
    assert_eq!(told, [Some(true), Some(false), Some(false)]);
    // What is remembered of a system does not keep it from being told.
    let again = world.start(Rehash::Changed);
    assert_eq!(again.hashed, 0);
    assert_eq!(self::manifest(&again), manifest);
}

/// Where a 64-bit PE file says where its certificate table is: the fifth data directory (PE format, "Optional Header").
fn certificates_entry(file: &[u8]) -> usize {
    let header = u32::from_le_bytes(file[0x3c..0x40].try_into().unwrap());
    header as usize + 4 + 20 + 112 + 4 * 8
}

fn certificates(file: &[u8]) -> (usize, usize) {
    let entry = certificates_entry(file);
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    (number(entry), number(entry + 4))
}

/// Machines are told of QEMU where a system starts in it, and its torrent travels with theirs.
#[test]
fn qemu_is_offered_where_a_system_starts_in_it() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    assert!(first.qemu.is_none());
    assert!(manifest(&first).layer.is_none());
    assert_eq!(first.torrents().count(), 3);

    let config = "method: bin-qemu-x86_64\nargs: -hda live/root.img\n";
    fs::write(world.system("rescue").join("config.yaml"), config).unwrap();
    let second = world.start(Rehash::Changed);
    assert_eq!(second.hashed, 0, "no payload has changed");
    let told = manifest(&second).layer.expect("told of QEMU");
    let image = second.qemu.as_ref().unwrap();
    assert_eq!(image.bytes, QEMU);
    let Some((name, hash)) = second.torrents().last() else {
        panic!("no torrents");
    };
    assert_eq!(
        (name, hash.to_string()),
        (&*told.name, told.info_hash.clone())
    );
    let [file] = &told.files[..] else {
        panic!("{:?}", told.files);
    };
    assert_eq!((told.size, &*file.path), (8, "qemu.squashfs"));
    assert_eq!(file.sha256, image.sha256);

    let archive = initrd::gunzip(&second.torrents_gz, 64 << 20).unwrap();
    let path = format!("torrents/{}", told.torrent);
    let entries = initrd::entries(&archive).unwrap();
    let entry = entries.into_iter().find(|entry| entry.path == path);
    let Some(initrd::Kind::File(bytes)) = entry.map(|entry| entry.kind) else {
        panic!("no {path}");
    };
    let torrent = metainfo::Torrent::parse(&bytes).unwrap();
    assert_eq!(torrent.info_hash().to_string(), told.info_hash);
    assert_eq!(torrent.announce(), Some("http://10.77.0.1:6969/announce"));
}
