//! The file as a killed server, a full disk, a person with an editor or chance may leave it.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use pxe::Change;

use super::{LeaseFile, RETRY, Site, at, gives_back, ip, mac, pairs, takes};

/// Killed while it wrote, a server leaves any part of its file: every whole line counts, the torn
/// one does not, and the next run goes on with a sound file.
#[test]
fn a_file_cut_at_any_byte_keeps_all_whole_lines() {
    let site = Site::new();
    let (mut file, _) = site.start(at(0));
    let aside = Change::Aside {
        address: ip(23),
        until: at(300).run,
    };
    let changes = [
        takes(1, 21, at(1)),
        takes(2, 22, at(2)),
        takes(3, 23, at(3)),
        takes(1, 21, at(4)),
        gives_back(2, 22, at(5).run),
        takes(4, 22, at(6)),
        aside,
        takes(3, 24, at(8)),
    ];
    for (second, change) in (1..).zip(changes) {
        site.write(&mut file, &[change], at(second));
    }
    let text = site.text();
    assert_eq!(text.lines().count(), 1 + changes.len());
    // What is known after so many whole lines, the remark at the top included.
    let known_after: [&[(u8, u8)]; 10] = [
        &[],
        &[],
        &[(1, 21)],
        &[(1, 21), (2, 22)],
        &[(1, 21), (2, 22), (3, 23)],
        &[(1, 21), (2, 22), (3, 23)],
        &[(1, 21), (2, 22), (3, 23)],
        &[(1, 21), (4, 22), (3, 23)],
        &[(1, 21), (4, 22)],
        &[(1, 21), (4, 22), (3, 24)],
    ];
    for length in 0..=text.len() {
        let cut = Site::with(&text.as_bytes()[..length]);
        let (mut file, known) = cut.start(at(20));
        let lines = text[..length].matches('\n').count();
        let expected = known_after[lines].iter().map(|(m, a)| (mac(*m), ip(*a)));
        assert_eq!(pairs(&known), expected.collect::<Vec<_>>(), "{length}");
        assert!(!cut.said().contains("WARN"), "{length}");
        cut.write(&mut file, &[takes(9, 99, at(21))], at(21));
        let (_, again) = cut.start(at(22));
        assert_eq!(again.len(), known.len() + 1, "{length}");
        assert_eq!(pairs(&again).last(), Some(&(mac(9), ip(99))));
    }
}

#[test]
fn damage_is_told_once_and_never_stops_the_server() {
    let good = b"52:54:00:00:00:01 10.77.0.21 1800000000 1800003600\n";
    let (noise, long) = ([0xff; 5000], [b'5'; 100_000]);
    // What stands before the good line, and what is said about it.
    let cases: [(&[u8], &str); 7] = [
        (b"", ""),
        (b"\n\r\n# a remark\n", "1 line is no lease"),
        (b"x\ny\n", "2 lines are no leases"),
        (&noise, ""),
        (&long, ""),
        (
            b"52:54:00:00:00:02 192.168.1.9 1800000000 1800003600\n",
            "1 line is no lease",
        ),
        (b"52:54:00:00:00:02 10.77.0.1 1800000000 1800003600\n", ""),
    ];
    for (before, what) in cases {
        let end: &[u8] = if before.ends_with(b"\n") { b"" } else { b"\n" };
        let site = Site::with(&[before, end, good].concat());
        let (_, known) = site.start(at(10));
        assert_eq!(pairs(&known), [(mac(1), ip(21))]);
        let said = site.said();
        let warnings: Vec<_> = said.lines().filter(|line| line.contains("WARN")).collect();
        let told = !what.is_empty() || before.len() > 1000;
        assert_eq!(warnings.len(), usize::from(told), "{said}");
        for warning in warnings {
            assert!(
                warning.contains("STATE/leases/10.77.0.0_24: ") && warning.contains(what),
                "{warning}"
            );
        }
        site.start(at(11));
        assert!(!site.said().contains("WARN"), "written anew");
    }
}

/// What a person mistyped is nowhere else. Only the last such file is kept, and a sound one takes nobody's place.
#[test]
fn a_damaged_file_is_kept_once() {
    let good = "52:54:00:00:00:01 10.77.0.21 1800000000 1800003600\n";
    let site = Site::new();
    fs::create_dir(site.state.path().join("leases")).unwrap();
    let kept = site.state.path().join("leases/10.77.0.0_24.damaged");
    for mistyped in ["10.77.0.22 is the printer\n", "l0.77.0.23\n"] {
        let text = format!("{good}{mistyped}");
        fs::write(site.path(), &text).unwrap();
        let (_, known) = site.start(at(10));
        assert_eq!(pairs(&known), [(mac(1), ip(21))]);
        let said = site.said();
        for part in [
            "the file as it was is STATE/leases/10.77.0.0_24.damaged",
            "\n    remedy: ",
            "stop the server",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(fs::read_to_string(&kept).unwrap(), text);
        assert!(!site.text().contains(mistyped));
        site.start(at(11));
        assert_eq!(fs::read_to_string(&kept).unwrap(), text, "a sound file");
        let files = fs::read_dir(site.state.path().join("leases")).unwrap();
        assert_eq!(files.count(), 2);
    }
    // The remedy helps.
    let mut file = File::options().append(true).open(site.path()).unwrap();
    file.write_all(b"52:54:00:00:00:03 10.77.0.23 1800000000 1800003600\n")
        .unwrap();
    assert_eq!(site.start(at(12)).1.len(), 2);

    // Somebody made a folder of that name: the leases are written all the same.
    fs::remove_file(&kept).unwrap();
    fs::create_dir(&kept).unwrap();
    fs::write(site.path(), format!("{good}x\n")).unwrap();
    site.said();
    assert_eq!(site.start(at(13)).1.len(), 1);
    let said = site.said();
    assert!(said.contains("cannot be kept as STATE/leases/"), "{said}");
    assert!(!site.text().contains("x\n"));
}

#[test]
fn of_a_huge_file_the_end_is_read() {
    let site = Site::with(b"52:54:00:00:00:01 10.77.0.21 1800000000 1800003600\n");
    let mut huge = File::options().write(true).open(site.path()).unwrap();
    huge.seek(SeekFrom::Start(1 << 34)).unwrap();
    huge.write_all(b"\n52:54:00:00:00:02 10.77.0.22 1800000000 1800003600\n")
        .unwrap();
    let (_, known) = site.start(at(10));
    assert_eq!(pairs(&known), [(mac(2), ip(22))]);
    let said = site.said();
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    assert!(fs::metadata(site.path()).unwrap().len() < 1000);
    let kept = site.path().with_extension("0_24.damaged");
    assert!(fs::metadata(kept).unwrap().len() > 1 << 34, "not copied");
}

/// What cannot be read is a person's to look at: it is not replaced by what we know.
#[test]
fn what_is_no_file_is_left_alone() {
    type Make = fn(&Path);
    let makes: [Make; 2] = [
        |path| fs::create_dir(path).unwrap(),
        |path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap(),
    ];
    for make in makes {
        let site = Site::new();
        fs::create_dir(site.state.path().join("leases")).unwrap();
        make(&site.path());
        let (mut file, known) = site.start(at(0));
        assert_eq!(known, []);
        for second in 1..100 {
            let now = at(second * RETRY.as_secs());
            site.write(&mut file, &[takes(1, 21, now)], now);
        }
        assert!(!fs::metadata(site.path()).unwrap().is_file());
        let said = site.said();
        assert_eq!(said.matches("WARN").count(), 1, "{said}");
        assert!(
            said.contains("STATE/leases/10.77.0.0_24: it is no file"),
            "{said}"
        );
    }
}

#[test]
fn what_cannot_be_written_is_said_once_and_tried_again() {
    let site = Site::new();
    let folder = site.state.path().join("leases");
    fs::write(&folder, "in the way").unwrap();
    let (mut file, _) = site.start(at(0));
    fs::remove_file(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    for second in 1..100 {
        site.write(&mut file, &[takes(1, 21, at(second))], at(second));
    }
    let said = site.said();
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    for part in ["with its memory alone and tries again", "\n    remedy: "] {
        assert!(said.contains(part), "{said}");
    }

    fs::remove_file(&folder).unwrap();
    let later = 100 + RETRY.as_secs();
    site.write(&mut file, &[takes(2, 22, at(later))], at(later));
    assert_eq!(
        site.said(),
        " INFO leases are written to STATE/leases/10.77.0.0_24 again\n"
    );
    let (_, known) = site.start(at(later));
    assert_eq!(known.len(), 2, "also what came meanwhile");
}

#[test]
#[ignore = "needs root; cargo xtask test runs it"]
fn a_full_or_write_protected_disk_costs_nothing_but_memory() {
    std::thread::spawn(with_a_small_disk).join().unwrap();
}

/// The disk is in a mount namespace of its own, which ends with the thread.
fn with_a_small_disk() {
    let site = Site::new();
    let disk = site.state.path();
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).expect("root");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let small = Some("size=64k");
    mount(Some("tmpfs"), disk, Some("tmpfs"), MsFlags::empty(), small).unwrap();

    let (mut file, _) = site.start(at(0));
    site.write(&mut file, &[takes(1, 21, at(1))], at(1));
    let mut ballast = File::create(disk.join("ballast")).unwrap();
    while ballast.write_all(&[0; 1024]).is_ok() {}
    let renewals = |file: &mut LeaseFile, seconds: std::ops::Range<u64>| {
        for second in seconds {
            site.write(file, &[takes(2, 22, at(second))], at(second));
        }
    };
    renewals(&mut file, 2..500);
    let said = site.said();
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    let (_, known) = site.start(at(500));
    assert_eq!(known[0].mac, mac(1), "what was written once stays");
    site.said();

    fs::remove_file(disk.join("ballast")).unwrap();
    drop(ballast);
    renewals(&mut file, 600..610);
    assert!(site.said().contains("again"));
    let remount = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    // The disk cannot be protected while a file is open for writing.
    drop(file);
    mount(none, disk, none, remount, small).unwrap();
    let (mut file, known) = site.start(at(700));
    assert_eq!(known.len(), 2);
    renewals(&mut file, 700..800);
    let said = site.said();
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    drop(file);
    umount(disk).unwrap();
}
