use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::check::{self, Sources};

/// What was made, relative to `base`.
fn made(base: &Path, dir: &str) -> Vec<String> {
    let made = init(&base.join(dir), None).expect("made");
    made.iter()
        .map(|path| {
            path.strip_prefix(base)
                .expect("inside")
                .display()
                .to_string()
        })
        .collect()
}

#[test]
fn it_makes_an_environment_that_a_kernel_completes() {
    let base = tempfile::tempdir().expect("a folder");
    assert_eq!(
        made(base.path(), "a/room"),
        [
            "a",
            "a/room",
            "a/room/Boottorrent.yaml",
            "a/room/README.md",
            "a/room/oss",
            "a/room/oss/README.md"
        ]
    );
    let room = base.path().join("a/room");
    let load = || {
        check::load(&Sources {
            oss: Some(room.clone()),
            ..Sources::default()
        })
    };
    let empty = load();
    let [problem] = &empty.problems[..] else {
        panic!("{:?}", empty.problems);
    };
    assert_eq!(problem.what, "holds no system");

    fs::create_dir(room.join("oss/debian")).expect("a folder");
    for name in ["vmlinuz", "initrd.img"] {
        fs::write(room.join("oss/debian").join(name), "x").expect("a file");
    }
    let full = load();
    assert!(full.problems.is_empty(), "{:?}", full.problems);
    assert_eq!(full.settings_file, Some(room.join("Boottorrent.yaml")));
    assert_eq!(full.settings, catalog::Settings::default());
}

/// Each `#key: value` is what it says: read without the #, it is accepted, and every key is there.
#[test]
fn every_key_is_there_and_right() {
    let (_, text) = FILES[0];
    // With two blanks a line goes on with the list above.
    let is_key = |line: &str| {
        line.starts_with("  #") && (!line.starts_with("  # ") || line.starts_with("  #  "))
    };
    let uncommented: String = text
        .lines()
        .map(|line| if is_key(line) { line.replacen('#', "", 1) } else { line.to_owned() } + "\n")
        .collect();
    let checked = catalog::settings("Boottorrent.yaml", &uncommented);
    let said: Vec<String> = checked.problems.iter().map(Problem::to_string).collect();
    // Beside the one the other two mean nothing; the file says so.
    assert_eq!(said.len(), 2, "{said:?}");
    for (said, key) in said.iter().zip(["seed_until", "seed_max"]) {
        let expected = format!("{key} has no effect beside seed_time");
        assert!(said.contains(&expected), "{said}");
    }
    for key in [
        "version",
        "timeout",
        "default_os",
        "seed_time",
        "seed_until",
        "seed_max",
        "shell",
        "host_ip",
        "display_oss",
        "remote_shell",
        "multicast",
        "enable_dhcp",
        "enable_tftp",
        "interface",
        "bind_interfaces",
        "dhcp_range",
        "user",
        "enable",
        "port",
        "bt_enable_lpd",
        "enable_peer_exchange",
        "console_log_level",
        "router",
        "dns",
        "ntp",
        "domain",
        "lease",
        "subnets",
        "unknown",
        "ignore",
        "list",
    ] {
        let line = format!("\n  {key}:");
        assert!(uncommented.contains(&line), "{key} is not explained");
    }
    let explained = uncommented
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter(|line| !line.trim_start().starts_with('#'));
    assert_eq!(explained.count(), 31, "a key that the list above lacks");
}

/// The examples of oss/README.md are what a config.yaml may hold.
#[test]
fn the_examples_are_right() {
    let (_, text) = FILES[2];
    let payload: Vec<catalog::PayloadFile> = ["vmlinuz", "initrd.img", "inventory"]
        .map(|path| catalog::PayloadFile {
            path: path.to_owned(),
            size: 1,
        })
        .into();
    let blocks = text
        .split("\n\n")
        .filter(|block| block.starts_with("    dispname"));
    let mut methods = Vec::new();
    for block in blocks {
        let config: String = block
            .lines()
            .map(|line| format!("{}\n", line.trim()))
            .collect();
        let checked = catalog::system("debian", &payload, Some(("config.yaml", &config)));
        assert!(
            checked.problems.is_empty(),
            "{block}: {:?}",
            checked.problems
        );
        methods.extend(checked.value.map(|system| system.method.name()));
    }
    for method in catalog::Method::NAMES {
        assert!(methods.contains(&method), "no example for {method}");
    }
}

#[test]
fn it_never_writes_over_anything() {
    let base = tempfile::tempdir().expect("a folder");
    let room = base.path().join("room");
    for name in ["Boottorrent.yaml", "README.md", "oss/README.md"] {
        fs::create_dir_all(room.join("oss")).expect("a folder");
        let file = room.join(name);
        symlink("nowhere", &file).expect("a link");
        let problem = init(&room, None).expect_err("there already");
        assert_eq!(problem.file, file.display().to_string());
        assert_eq!(problem.what, "is there already");
        fs::remove_file(&file).expect("removed");
        let left = || fs::read_dir(&room).expect("a folder").count();
        assert_eq!(left(), 1, "only oss, as before");
        fs::remove_dir_all(&room).expect("removed");
    }
    // What is none of its business may lie there.
    fs::create_dir_all(room.join("oss/debian")).expect("a folder");
    fs::write(room.join("notes"), "x").expect("a file");
    assert_eq!(
        made(base.path(), "room"),
        [
            "room/Boottorrent.yaml",
            "room/README.md",
            "room/oss/README.md"
        ]
    );
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    let base = tempfile::tempdir().expect("a folder");
    let room = base.path().join("room");
    fs::create_dir(&room).expect("a folder");
    fs::write(room.join("oss"), "no folder").expect("a file");
    let problem = init(&room, None).expect_err("oss is no folder");
    assert_eq!(problem.file, room.join("oss").display().to_string());
    assert!(problem.what.starts_with("cannot be made"), "{problem}");
    let remedy = "name another folder, or move away what is there";
    assert_eq!(problem.remedy, remedy, "{problem}");
    assert_eq!(fs::read_dir(&room).expect("a folder").count(), 1);
    let problem = init(&base.path().join("room/oss/x"), None).expect_err("below a file");
    assert!(problem.file.ends_with("room/oss"), "{problem}");
    assert_eq!(problem.remedy, remedy, "{problem}");
}

#[test]
fn what_cannot_be_made_says_what_helps() {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    for (kind, remedy) in [
        (StorageFull, "make room on that disk"),
        (QuotaExceeded, "make room on that disk"),
        (ReadOnlyFilesystem, "that can be written to"),
        (PermissionDenied, "or use sudo"),
    ] {
        let problem = refused(Path::new("room"), &kind.into());
        assert!(problem.remedy.contains(remedy), "{problem}");
    }
}

#[test]
#[ignore = "needs root, to give files to somebody else; cargo xtask test runs it"]
fn under_sudo_all_of_it_belongs_to_the_caller() {
    let base = tempfile::tempdir().expect("a folder");
    let caller = User {
        name: "caller".to_owned(),
        uid: 4321,
        gid: 1234,
        home: String::new(),
    };
    let made = init(&base.path().join("a/room"), Some(&caller)).expect("made");
    assert_eq!(made.len(), 6);
    for path in made {
        let metadata = fs::symlink_metadata(&path).expect("there");
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (4321, 1234),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_next_command_is_one_to_type() {
    let text = next(Path::new("lab"), "./bt-server");
    assert!(
        text.contains("\n  ./bt-server check --oss lab/oss\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  sudo ./bt-server start --oss lab/oss\n"),
        "{text}"
    );
    let text = next(Path::new("my room"), "/mnt/a stick/bt-server");
    let command = "\n  sudo '/mnt/a stick/bt-server' start --oss 'my room/oss'\n";
    assert!(text.contains(command), "{text}");
}
