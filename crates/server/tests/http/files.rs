//! What loaders and machines fetch: the loaders' files, and payload as plain files.

use std::collections::HashMap;

use bt_server::payload::PayloadFile;
use seeder::InMemory;

use crate::door::{Setup, ask, dropped_when, get, machines_when, open};

fn with_payload(payload: HashMap<String, PayloadFile>) -> Setup {
    Setup {
        payload,
        ..Setup::default()
    }
}

#[test]
fn boot_files_come_whole_in_parts_and_not_at_all() {
    let door = open(Setup::default());
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
        "/grub/x86_64-efi/command.lst",
        "/",
    ] {
        let answer = get(&door, missing, "");
        assert_eq!(answer.status, 404, "{missing}");
        // EDK2 waits for a body, until the connection ends.
        assert!(!answer.body.is_empty(), "{missing}");
    }
}

/// Debian's signed GRUB looks at the root, and reads the length only from a header whose name is written like this.
#[test]
fn grub_finds_its_configuration_and_its_length() {
    let door = open(Setup::default());
    let head = ask(&door, "HEAD", "/grub/grub.cfg", "", "");
    let whole = get(&door, "/grub/grub.cfg", "");
    assert_eq!((head.status, whole.status), (200, 200));
    let length = format!("\r\nContent-Length: {}\r\n", whole.body.len());
    for answer in [&head, &whole] {
        assert!(answer.written.contains(&length), "{}", answer.written);
    }
    assert!(!whole.body.is_empty());
}

#[test]
fn a_fetched_file_is_in_the_journal() {
    let door = open(Setup::default());
    get(&door, "/boot/boot.ipxe", "");
    let json = machines_when(&door, |json| {
        json["machines"][0]["steps"][0]["step"]["name"] == "boot.ipxe"
    });
    let step = &json["machines"][0]["steps"][0]["step"];
    assert_eq!((&step["bytes"], &step["total"]), (&7.into(), &7.into()));
    assert_eq!(json["machines"][0]["address"], "127.0.0.1");
}

/// Machines that no peer reaches fetch it as they fetch a system's files.
#[test]
fn qemu_is_payload_that_is_in_memory() {
    let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    let image = InMemory::hash(".qemu", "qemu.squashfs", bytes.clone().into()).unwrap();
    let door = open(Setup {
        qemu: Some(image),
        ..Setup::default()
    });
    let path = "/oss/.qemu/qemu.squashfs";
    assert!(get(&door, path, "").body == bytes);
    let part = get(&door, path, "Range: bytes=257-259\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &[1u8, 2, 3][..]));
    let unfit = get(&door, path, "Range: bytes=3145728-\r\n");
    assert_eq!(unfit.status, 416);
    for missing in ["/oss/.qemu", "/oss/.qemu/", "/oss/qemu.squashfs"] {
        assert_eq!(get(&door, missing, "").status, 404, "{missing}");
    }
    // The whole is told, a small part is not.
    let told = machines_when(&door, |json| {
        json["machines"][0]["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    });
    let steps = told["machines"][0]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert_eq!(steps[0]["step"]["name"], "oss/.qemu/qemu.squashfs");
}

#[test]
fn who_offers_no_qemu_has_none_to_give() {
    let door = open(Setup::default());
    assert_eq!(get(&door, "/oss/.qemu/qemu.squashfs", "").status, 404);
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
    let door = open(with_payload(HashMap::from([(
        "debian/vmlinuz".to_owned(),
        file,
    )])));
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
    let door = open(with_payload(HashMap::from([(
        "debian/vmlinuz".to_owned(),
        file,
    )])));
    let touched = std::fs::File::options().write(true).open(&path).unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 409);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"not a folder").unwrap();
    assert_eq!(get(&door, "/oss/debian/vmlinuz", "").status, 500);
}
