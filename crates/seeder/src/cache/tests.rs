//! Entries that nobody here has written, or not like this.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::AtomicU64;

use metainfo::bencode::{self, Encoded};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A folder of two files and a state folder.
struct World {
    root: TempDir,
    _state: TempDir,
    cache: Cache,
    files: Vec<FileEntry>,
}

impl World {
    fn new() -> Self {
        let (root, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut files = Vec::new();
        for (name, length) in [("initrd", 200_000), ("vmlinuz", 5)] {
            fs::write(root.path().join(name), vec![b'x'; length]).unwrap();
            files.push(FileEntry {
                path: vec![name.to_owned()],
                length: length as u64,
            });
        }
        let cache = Cache::in_state(state.path());
        fs::create_dir(&cache.folder).unwrap();
        Self {
            root,
            _state: state,
            cache,
            files,
        }
    }

    fn find(&self) -> Option<Hashed> {
        self.cache.find(self.root.path(), "name", &self.files)
    }

    /// Hashes, and says how many bytes were read for it.
    fn hash(&self) -> (Hashed, u64) {
        let read = AtomicU64::new(0);
        let progress = |bytes| _ = read.fetch_add(bytes, Ordering::Relaxed);
        let hashed = self
            .cache
            .hash(self.root.path(), "name", &self.files, 1, &progress);
        (hashed.unwrap(), read.into_inner())
    }

    fn place(&self) -> PathBuf {
        self.cache.place(self.root.path())
    }

    /// What is hashed, as it is now.
    fn identity(&self) -> Encoded {
        let info = empty_info("name", &self.files).unwrap();
        let payload = Payload::look(self.root.path(), &info.files).unwrap();
        let disks = disk::of(&payload).unwrap().expect("a disk to be believed");
        entry::identity(self.root.path(), &info, &payload, &disks)
    }

    fn hashes(&self) -> (Vec<[u8; 20]>, Vec<Sha256>) {
        let hashed = self.hash().0;
        (hashed.torrent.info().pieces.clone(), hashed.sha256)
    }

    /// Puts bytes where the folder's entry is looked for.
    fn plant(&self, bytes: &[u8]) {
        fs::write(self.place(), bytes).unwrap();
    }
}

/// An entry with a checksum that fits, whatever it holds.
fn sealed(content: &[u8]) -> Vec<u8> {
    let seal = entry::seal(&Encoded::int(0), &[], &[]);
    let version = seal.split(|byte| *byte == b'\n').next().unwrap();
    [version, b"\n", &Sha1::digest(content), content].concat()
}

#[test]
fn what_is_written_is_found() {
    let world = World::new();
    assert_eq!(world.find(), None);
    let (hashed, read) = world.hash();
    assert_eq!(read, 200_005);
    assert_eq!(world.find().as_ref(), Some(&hashed));
    let (pieces, sha256) = world.hashes();
    let sealed = entry::seal(&world.identity(), &pieces, &sha256);
    assert!(fs::read(world.place()).unwrap() == sealed);
    let root = entry::root(&sealed);
    assert_eq!(root.as_deref(), Some(world.root.path()));
}

/// A disk that lies, or a clone of a file system: everything looks the same and is not.
#[test]
fn hashes_that_are_wrong_are_forgotten_and_made_again() {
    let world = World::new();
    let good = world.hash().0;
    let (mut pieces, sha256) = world.hashes();
    pieces[3][19] ^= 1;
    world.plant(&entry::seal(&world.identity(), &pieces, &sha256));
    assert_eq!(world.find(), None);
    assert!(!world.place().exists(), "forgotten");
    let (again, read) = world.hash();
    assert_eq!((&again, read), (&good, 200_005));
    assert_eq!(world.find(), Some(good));
}

#[test]
fn entries_with_a_good_checksum_and_bad_content_are_none() {
    let world = World::new();
    let (identity, (pieces, sha256)) = (world.identity(), world.hashes());
    let sums: Vec<u8> = sha256.iter().flat_map(|hash| hash.0).collect();
    let entry = |of: Encoded, pieces: Encoded, sha256: &[u8]| {
        let sha256 = Encoded::bytes(sha256);
        let dict = Encoded::dict([("of", of), ("pieces", pieces), ("sha256", sha256)]);
        sealed(dict.as_bytes())
    };
    let all = Encoded::bytes(pieces.as_flattened());
    world.plant(&entry(identity.clone(), all.clone(), &sums));
    assert!(world.find().is_some(), "the others differ in one thing");
    let without = Encoded::dict([("of", identity.clone()), ("pieces", all.clone())]);
    let entry_of = |pieces: &[u8]| entry(identity.clone(), Encoded::bytes(pieces), &sums);
    let bad = [
        sealed(without.as_bytes()),
        entry(identity.clone(), all.clone(), &[]),
        entry(identity.clone(), all.clone(), &sums[32..]),
        entry(identity.clone(), all.clone(), &sums[1..]),
        entry(
            identity.clone(),
            all.clone(),
            &[&sums[..], &[0; 32]].concat(),
        ),
        entry_of(&[]),
        entry_of(pieces[1..].as_flattened()),
        entry_of(&[pieces.as_flattened(), &[0; 20]].concat()),
        entry_of(&[pieces.as_flattened(), &[0]].concat()),
        entry(identity.clone(), Encoded::int(1), &sums),
        entry(Encoded::list([]), all.clone(), &sums),
        entry(Encoded::dict([("root", Encoded::int(1))]), all, &sums),
        sealed(Encoded::dict([("of", identity)]).as_bytes()),
        sealed(b""),
        sealed(b"de"),
        sealed(b"i1e"),
        sealed(b"d2:ofd4:rooti99999999999999999999eee"),
        sealed(&vec![b'l'; 1 << 20]),
        sealed(&vec![b'd'; 1 << 20]),
        sealed(b"d2:of9223372036854775807:"),
        vec![],
        b"bt-server hashes 3\n".to_vec(),
        vec![0; 100],
    ];
    for bytes in bad {
        world.plant(&bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        assert_eq!(world.find(), None, "{shown}");
        let (_, read) = world.hash();
        assert_eq!(read, 200_005, "{shown}");
        assert!(world.find().is_some(), "renewed over {shown}");
    }
}

#[test]
fn what_is_no_file_is_no_entry_and_waited_for_by_nobody() {
    type Plant = fn(&Path, &Path);
    let plants: [(&str, Plant); 4] = [
        ("a pipe", |place, _| {
            let made = Command::new("mkfifo").arg(place).status().unwrap();
            assert!(made.success());
        }),
        ("a folder", |place, _| fs::create_dir(place).unwrap()),
        ("a link to a good entry", |place, good| {
            symlink(good, place).unwrap();
        }),
        ("too long", |place, good| {
            fs::copy(good, place).unwrap();
            let file = File::options().write(true).open(place).unwrap();
            file.set_len(entry::MAX_BYTES as u64 + 1).unwrap();
        }),
    ];
    for (what, plant) in plants {
        let world = World::new();
        world.hash();
        let good = world.place().with_extension("good");
        fs::rename(world.place(), &good).unwrap();
        plant(&world.place(), &good);
        assert_eq!(world.find(), None, "{what}");
        world.cache.tidy();
        assert_eq!(world.hash().1, 200_005, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    /// Bytes of a good entry changed, cut out and put in, with the checksum made to fit again.
    #[test]
    fn changed_entries_with_a_good_checksum_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, any::<u8>()), 1..6)
    ) {
        let of = Encoded::dict([
            ("files", Encoded::list([Encoded::list([Encoded::bytes("vmlinuz"), Encoded::int(7)])])),
            ("root", Encoded::bytes("/oss/debian")),
        ]);
        let entry = entry::seal(&of, &[[1; 20], [2; 20]], &[Sha256([3; 32])]);
        let start = entry.iter().position(|byte| *byte == b'\n').unwrap() + 1 + 20;
        let mut content = entry[start..].to_vec();
        for (at, what, byte) in edits {
            let at = at.index(content.len().max(1));
            match what {
                0 => content.truncate(at),
                1 => content.insert(at.min(content.len()), byte),
                _ => if let Some(changed) = content.get_mut(at) { *changed = byte },
            }
        }
        let changed = sealed(&content);
        let same = bencode::parse(&content)
            .ok()
            .and_then(|value| Some(value.as_dict()?.get("of")?.as_dict()?.raw() == of.as_bytes()));
        prop_assert!(entry::hashes(&changed, &of).is_none() || same == Some(true));
        let _ = entry::root(&changed);
        // Without the right checksum it is never one.
        let damaged = [&entry[..start], &content].concat();
        prop_assert!(damaged == entry || entry::root(&damaged).is_none());
    }
}
