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

/// `cpio` is installed by `cargo xtask setup`.
#[test]
fn debians_cpio_lists_the_same() {
    let mut cpio = Command::new("cpio")
        .args(["-itv", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program cpio is needed: run cargo xtask setup");
    cpio.stdin
        .take()
        .unwrap()
        .write_all(&sample().finish().unwrap())
        .unwrap();
    let output = cpio.wait_with_output().unwrap();
    assert!(output.status.success());
    let listing = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| {
        listing
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_else(|| panic!("{name}: {listing}"))
    };
    assert!(
        line("torrents/empty").starts_with("-rw-------"),
        "{listing}"
    );
    assert!(
        line("init -> /bin/busybox").starts_with("lrwxrwxrwx"),
        "{listing}"
    );
    assert!(line("dev/console").starts_with("crw-------"), "{listing}");
    assert!(line("1970 root").starts_with("drwx------"), "{listing}");
    assert_eq!(listing.lines().count(), 7, "{listing}");
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
    fn strangers_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500), cut in 0usize..400) {
        let _ = entries(&bytes);
        let _ = gunzip(&bytes, 1 << 16);
        let whole = sample().finish().unwrap();
        let cut = cut.min(whole.len());
        prop_assert!(entries(&whole[..cut]).is_err() || cut > whole.len() - 200);
    }
}
