//! `torrents.gz` as other programs read it, and how large it is.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::World;

const SYSTEMS: usize = 20;
/// Bytes of a system's image. Large enough for a list of hashes that is not lost among the rest.
const IMAGE: u64 = 100 << 20;
/// The piece length of a torrent of this size, in bytes.
const PIECE: u64 = 64 << 10;
/// What a torrent holds beside its hashes, and its entries in archive and manifest, at most.
const REST: u64 = 2 << 10;
/// A list of hashes does not compress, so gzip makes it longer by a little.
const GZIP: f64 = 1.001;

/// A name as a site may have it; some have letters that are not ASCII.
fn name(number: usize) -> String {
    match number % 4 {
        0 => format!("debian-12.{number}"),
        1 => format!("Класс {number}"),
        2 => format!("系統{number}"),
        _ => format!("windows rescue (old) {number}"),
    }
}

/// A system with folders and an empty file, whose image is sparse and yet has no two equal pieces.
fn system(oss: &Path, number: usize) {
    let folder = oss.join(name(number));
    fs::create_dir_all(folder.join("images/live")).unwrap();
    fs::write(folder.join("vmlinuz"), vec![1; 1000]).unwrap();
    fs::write(folder.join("initrd.img"), vec![2; 1000]).unwrap();
    fs::write(folder.join("images/empty"), []).unwrap();
    let image = File::create(folder.join("images/live/filesystem.squashfs")).unwrap();
    image.set_len(IMAGE).unwrap();
    for at in (0..IMAGE).step_by(PIECE as usize) {
        let mark = (number as u64) << 40 | (at + 1);
        image.write_all_at(&mark.to_be_bytes(), at).unwrap();
    }
}

#[test]
#[ignore = "needs root, cpio, bsdtar and target/dist/bt-server; cargo xtask test runs it"]
fn torrents_gz_with_twenty_systems_is_read_by_cpio_and_bsdtar() {
    let world = World::open(|oss| (1..=SYSTEMS).for_each(|number| system(oss, number)));
    let archive = world.room.scratch().join("torrents.gz");
    let packed = world.get("/boot/torrents.gz");
    fs::write(&archive, &packed).unwrap();

    let ours = world.torrents_gz();
    let mut expected: Vec<String> = (1..=SYSTEMS)
        .map(|number| format!("torrents/{}.torrent", name(number)))
        .collect();
    expected.extend(["Boottorrent.yaml", "configs.yaml"].map(|file| format!("torrents/{file}")));
    expected.sort();
    let mut names: Vec<_> = ours.iter().map(|(path, _)| path.clone()).collect();
    names.sort();
    assert_eq!(names, expected);

    let mut rows = vec![Row::new('d', 0, "torrents")];
    let files = ours.iter();
    rows.extend(files.map(|(path, bytes)| Row::new('-', bytes.len(), path)));
    let mut gzip = Command::new("gzip")
        .arg("-dc")
        .arg(&archive)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let cpio = list(
        Command::new("cpio")
            .arg("-itv")
            .stdin(gzip.stdout.take().unwrap()),
    );
    assert!(gzip.wait().unwrap().success());
    assert_eq!(cpio, rows, "cpio");
    let bsdtar = list(Command::new("bsdtar").arg("-tvf").arg(&archive));
    assert_eq!(bsdtar, rows, "bsdtar");

    // 20 bytes for each piece, and never more than 8192 pieces.
    let bound = |hashes: u64| (((hashes * 20 + REST) * SYSTEMS as u64) as f64 * GZIP) as u64;
    let size = packed.len() as u64;
    println!("{}", world.said_of_hashing());
    println!("torrents.gz: {size} bytes for {SYSTEMS} systems of 100 MiB");
    assert!(size <= bound(IMAGE / PIECE + 1), "{size}");
    assert!(size >= IMAGE / PIECE * 20 * SYSTEMS as u64, "{size}");
    let large = (4 << 30_u64) / u64::from(metainfo::piece_length(4 << 30));
    println!("at most {} bytes for {SYSTEMS} of 4 GiB", bound(large));
    assert_eq!(large, metainfo::MAX_PIECES);
}

/// One entry as a listing shows it.
#[derive(Debug, Eq, PartialEq)]
struct Row {
    kind: char,
    size: usize,
    name: String,
}

impl Row {
    fn new(kind: char, size: usize, name: &str) -> Row {
        let name = name.to_owned();
        Row { kind, size, name }
    }
}

/// What a program lists in the manner of `ls -l`: mode, links, owner, group, size, date in three
/// words, name.
fn list(program: &mut Command) -> Vec<Row> {
    let output = program.env("LC_ALL", "C.UTF-8").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program:?}: {told}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(row).collect()
}

fn row(line: &str) -> Row {
    let mut rest = line;
    let mut words = Vec::new();
    for _ in 0..8 {
        let (word, more) = rest.trim_start().split_once(' ').unwrap();
        words.push(word);
        rest = more;
    }
    // Owned by root, and readable by everybody.
    assert_eq!(words[0][1..].replace('x', "-"), "rw-r--r--", "{line}");
    let size = words[4].parse().unwrap();
    Row::new(line.chars().next().unwrap(), size, rest.trim_start())
}
