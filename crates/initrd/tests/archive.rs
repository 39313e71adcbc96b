//! Archives as their readers see them: our own, and Debian's cpio.

use std::io::Write;
use std::process::{Command, Stdio};

use initrd::{Archive, Device, Entry, Error, Kind, entries, gunzip, gzip};
use proptest::prelude::*;

fn sample() -> Archive {
    let mut archive = Archive::new();
    archive.file("/torrents/Дебиан 中文.torrent", b"d4:infoe", 0o644);
    archive.file("torrents/empty", b"", 0o600);
    archive.dir("root", 0o700);
    archive.symlink("init", "/bin/busybox");
    archive.device("dev/console", Device::Character, 5, 1, 0o600);
    archive
}

fn find<'a>(all: &'a [Entry], path: &str) -> &'a Entry {
    all.iter()
        .find(|entry| entry.path == path)
        .unwrap_or_else(|| panic!("{path} is not there"))
}

#[test]
fn everything_comes_back() {
    let all = entries(&sample().finish().unwrap()).unwrap();
    assert_eq!(
        find(&all, "torrents/Дебиан 中文.torrent").kind,
        Kind::File(b"d4:infoe".to_vec())
    );
    assert_eq!(find(&all, "torrents/empty").mode, 0o600);
    assert_eq!(
        (find(&all, "root").mode, &find(&all, "root").kind),
        (0o700, &Kind::Folder)
    );
    assert_eq!(
        find(&all, "init").kind,
        Kind::Symlink("/bin/busybox".into())
    );
    assert_eq!(find(&all, "dev/console").kind, Kind::Device(5, 1));
    assert_eq!(find(&all, "torrents").kind, Kind::Folder, "made on the way");
    let place = |path: &str| all.iter().position(|entry| entry.path == path).unwrap();
    assert!(
        place("torrents") < place("torrents/empty"),
        "the kernel unpacks in order"
    );
    let mut inodes: Vec<u32> = all.iter().map(|entry| entry.inode).collect();
    inodes.sort_unstable();
    inodes.dedup();
    assert_eq!(inodes.len(), all.len(), "equal inodes would be hard links");
}

#[test]
fn the_order_of_adding_does_not_show() {
    let mut other = Archive::new();
    other.device("dev/console", Device::Character, 5, 1, 0o600);
    other.symlink("init", "/bin/busybox");
    other.file("torrents/empty", b"overwritten", 0o644);
    other.file("torrents/empty", b"", 0o600);
    other.dir("/root/", 0o700);
    other.file("torrents/Дебиан 中文.torrent", b"d4:infoe", 0o644);
    assert_eq!(sample().finish().unwrap(), other.finish().unwrap());
}

#[test]
fn what_the_kernel_cannot_unpack_is_refused() {
    for path in [
        "",
        "/",
        "../etc/passwd",
        "a//b",
        "a/./b",
        "a\0b",
        "TRAILER!!!",
        &"x".repeat(4096),
    ] {
        let mut archive = Archive::new();
        archive.file(path, b"", 0o644);
        assert!(matches!(archive.finish(), Err(Error::Path(_))), "{path:?}");
    }
    let mut archive = Archive::new();
    archive.file("a", b"", 0o644);
    archive.file("a/b", b"", 0o644);
    assert!(matches!(archive.finish(), Err(Error::NotAFolder(path)) if path == "a"));
}

#[test]
fn a_link_to_nowhere_is_refused() {
    for target in ["", "a\0b", &"x".repeat(4096)] {
        let mut archive = Archive::new();
        archive.symlink("link", target);
        assert!(
            matches!(archive.finish(), Err(Error::Target { .. })),
            "{target:?}"
        );
    }
}

/// What Debian's `cpio`, installed by `cargo xtask setup`, says of the sample.
fn cpio(options: &str) -> String {
    let mut cpio = Command::new("cpio")
        .args([options, "--quiet"])
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program cpio is needed: run cargo xtask setup");
    let archive = sample().finish().unwrap();
    cpio.stdin.take().unwrap().write_all(&archive).unwrap();
    let output = cpio.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn debians_cpio_lists_the_same_names() {
    let ours = entries(&sample().finish().unwrap()).unwrap();
    let ours: Vec<&str> = ours.iter().map(|entry| entry.path.as_str()).collect();
    let listing = cpio("-it");
    assert_eq!(listing.lines().collect::<Vec<_>>(), ours);
    assert!(listing.contains("Дебиан 中文"), "{listing}");
}

#[test]
fn debians_cpio_lists_the_same_modes() {
    let listing = cpio("-itv");
    let kind = |entry: &Entry| match entry.kind {
        Kind::Folder => 'd',
        Kind::Symlink(_) => 'l',
        Kind::Device(..) => 'c',
        Kind::File(_) | Kind::Other => '-',
    };
    let ours = entries(&sample().finish().unwrap()).unwrap();
    assert_eq!(listing.lines().count(), ours.len(), "{listing}");
    for (line, entry) in listing.lines().zip(&ours) {
        let expected = format!("{}{}", kind(entry), permissions(entry.mode));
        assert!(line.starts_with(&expected), "{expected}: {line}");
        assert!(line.contains("Jan  1  1970"), "{line}");
    }
    assert!(listing.contains("5,   1"), "the console: {listing}");
    assert!(listing.contains("init -> /bin/busybox"), "{listing}");
}

fn permissions(mode: u32) -> String {
    let letters = "rwxrwxrwx".chars().enumerate();
    letters
        .map(|(bit, letter)| match mode >> (8 - bit) & 1 {
            1 => letter,
            _ => '-',
        })
        .collect()
}

#[test]
fn gzip_keeps_bytes_and_limits() {
    let bytes = sample().finish().unwrap();
    let packed = gzip(&bytes, 9);
    assert_eq!(packed, gzip(&bytes, 9), "reproducible");
    assert_eq!(gunzip(&packed, bytes.len()).unwrap(), bytes);
    assert!(gunzip(&packed, bytes.len() - 1).is_err(), "over the limit");
    assert!(
        gunzip(&packed[..packed.len() / 2], bytes.len()).is_err(),
        "cut short"
    );
    let bomb = gzip(&vec![0; 1 << 20], 9);
    assert!(gunzip(&bomb, 1000).is_err());
}

proptest! {
    #[test]
    fn any_file_comes_back(name in "[^/\0]{1,40}", bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assume!(!matches!(name.as_str(), "." | ".." | "TRAILER!!!"));
        let mut archive = Archive::new();
        archive.file(&format!("folder/{name}"), &bytes, 0o640);
        let packed = archive.finish().unwrap();
        prop_assert_eq!(packed.len() % 4, 0);
        let all = entries(&packed).unwrap();
        prop_assert_eq!(&all[1].path, &format!("folder/{name}"));
        prop_assert_eq!(&all[1].kind, &Kind::File(bytes));
    }

    #[test]
    fn strangers_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500), at in any::<proptest::sample::Index>(), by in any::<u8>()) {
        let _ = entries(&bytes);
        let _ = gunzip(&bytes, 1 << 16);
        let mut damaged = sample().finish().unwrap();
        let at = at.index(damaged.len());
        damaged[at] = by;
        let _ = entries(&damaged);
    }

    #[test]
    fn an_archive_cut_short_is_noticed(at in any::<proptest::sample::Index>()) {
        let whole = sample().finish().unwrap();
        prop_assert!(entries(&whole[..at.index(whole.len())]).is_err());
    }
}
