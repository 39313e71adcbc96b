//! The manifest's way to the machine, and what is refused of it.

use super::*;

fn entry(name: &str, method: Method) -> Entry {
    Entry {
        name: name.into(),
        dispname: format!("The {name}"),
        method,
        torrent: format!("{name}.torrent"),
        size: 7,
        info_hash: "00".repeat(20),
        files: vec![file("sub/ä file", 0xab)],
        signed: Some(true),
        unfit: Some("vmlinuz is a kernel with 32 bits".into()),
        inferred: true,
    }
}

fn file(path: &str, byte: u8) -> ManifestFile {
    ManifestFile {
        path: path.into(),
        sha256: Sha256([byte; 32]),
    }
}

fn kexec(kernel: &str, initrd: &[&str]) -> Method {
    Method::Kexec {
        kernel: kernel.into(),
        initrd: initrd.iter().map(|path| (*path).to_owned()).collect(),
        files: Vec::new(),
        cmdline: "quiet".into(),
    }
}

fn manifest(systems: Vec<Entry>) -> Manifest {
    Manifest {
        version: VERSION,
        timeout: -1,
        default: Some("tiny".into()),
        seed_time: None,
        seed_until: Some(SeedUntil::Room),
        seed_max: Some(600),
        server: "http://10.77.0.1:6969".into(),
        seed: Some(SocketAddrV4::new([10, 77, 0, 1].into(), 6881)),
        lpd: true,
        exchange: false,
        layer: None,
        shell: Shell::Yes,
        machines: Vec::new(),
        systems,
    }
}

#[test]
fn every_method_survives_the_way_to_the_machine() {
    let bin = Method::Bin {
        bin: "hello".into(),
        args: "-v".into(),
    };
    let qemu = Method::Qemu {
        args: "-fda odin.img".into(),
    };
    let sent = manifest(vec![
        entry("tiny", kexec("boot/vmlinuz", &["a.gz", "b.gz"])),
        entry("a program", bin),
        entry("дос", qemu),
        entry("disk", Method::Local),
    ]);
    let (boottorrent, configs) = sent.to_files();
    assert_eq!(Manifest::parse(&boottorrent, &configs).unwrap(), sent);
}

#[test]
fn keys_are_those_of_config_yaml() {
    let (_, configs) = manifest(vec![entry("tiny", kexec("vmlinuz", &["initrd"]))]).to_files();
    let value: serde_json::Value = serde_json::from_str(&configs).unwrap();
    assert_eq!(value[0]["method"], "kexec");
    assert_eq!(value[0]["kernel"], "vmlinuz");
    assert_eq!(value[0]["initrd"][0], "initrd");
    assert_eq!(value[0]["torrent"], "tiny.torrent");
    assert_eq!(value[0]["signed"], true);
    assert_eq!(value[0]["files"][0]["path"], "sub/ä file");
    assert_eq!(value[0]["files"][0]["sha256"], "ab".repeat(32));
}

/// As a server wrote it that knew nothing of files, and as none may write it.
#[test]
fn files_may_be_missing_and_never_half_a_hash() {
    let bare = Entry {
        files: Vec::new(),
        signed: None,
        unfit: None,
        inferred: false,
        ..entry("tiny", kexec("vmlinuz", &[]))
    };
    let (boottorrent, configs) = manifest(vec![bare.clone()]).to_files();
    assert!(
        !configs.contains("files") && !configs.contains("signed"),
        "{configs}"
    );
    let read = Manifest::parse(&boottorrent, &configs).unwrap();
    assert_eq!(read.systems, [bare]);

    let (boottorrent, configs) = manifest(vec![entry("tiny", Method::Local)]).to_files();
    for bad in ["ab".repeat(31), "zz".repeat(32), String::new()] {
        let damaged = configs.replace(&"ab".repeat(32), &bad);
        let refused = Manifest::parse(&boottorrent, &damaged).unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains("a SHA-256 is 64 hexadecimal digits"),
            "{said}"
        );
    }
}

#[test]
fn only_kexec_needs_less_than_its_folder() {
    let needed = |method| entry("tiny", method).needed_files();
    let two = ["boot/vmlinuz", "a.gz", "b.gz"].map(str::to_owned);
    assert_eq!(
        needed(kexec("boot/vmlinuz", &["a.gz", "b.gz"])),
        Some(two.to_vec())
    );
    assert_eq!(
        needed(kexec("k", &["k", "i", "i"])),
        Some(vec!["k".to_owned(), "i".to_owned()]),
        "each once"
    );
    assert_eq!(needed(kexec("k", &[])), Some(vec!["k".to_owned()]));
    let (bin, args) = ("hello".to_owned(), String::new());
    assert_eq!(needed(Method::Bin { bin, args }), None);
    let args = "-fda odin.img".to_owned();
    assert_eq!(needed(Method::Qemu { args }), None);
    assert_eq!(needed(Method::Local), None);
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    for path in ["../vmlinuz", "/vmlinuz", "a//b", "", ".", "a/..", "a\0b"] {
        let named = Entry {
            files: vec![file("kernel", 1), file(path, 2)],
            ..entry("tiny", Method::Local)
        };
        for bad in [
            named,
            entry("tiny", kexec(path, &[])),
            entry("tiny", kexec("k", &[path])),
            entry(path, Method::Local),
        ] {
            let (boottorrent, configs) = manifest(vec![bad]).to_files();
            let refused = Manifest::parse(&boottorrent, &configs);
            assert!(matches!(refused, Err(Error::Unsafe { .. })), "{path:?}");
        }
    }
}

#[test]
fn seed_time_holds_before_seed_until() {
    let seconds = Duration::from_secs;
    let room = |most| Seeding::WhileOthersFetch {
        at_most: seconds(most),
    };
    for (seed_time, seed_until, seed_max, expected) in [
        (None, None, None, room(60)),
        (None, Some(SeedUntil::Room), None, room(60)),
        (None, Some(SeedUntil::Room), Some(0), room(0)),
        (None, None, Some(600), room(600)),
        (Some(30), None, None, Seeding::AtLeast(seconds(30))),
        (
            Some(30),
            Some(SeedUntil::Room),
            Some(600),
            Seeding::AtLeast(seconds(30)),
        ),
        (Some(0), None, Some(600), Seeding::AtLeast(Duration::ZERO)),
        (Some(-5), None, None, Seeding::AtLeast(Duration::ZERO)),
        (Some(i64::MIN), None, None, Seeding::AtLeast(Duration::ZERO)),
    ] {
        let told = Manifest {
            seed_time,
            seed_until,
            seed_max,
            ..manifest(vec![])
        };
        assert_eq!(told.seeding(), expected, "{told:?}");
    }
}

#[test]
fn damage_and_another_version_are_named() {
    let (boottorrent, configs) = manifest(vec![]).to_files();
    let newer = boottorrent.replace("\"version\": 0", "\"version\": 9");
    let said = Manifest::parse(&newer, &configs).unwrap_err().to_string();
    assert!(said.contains("version 9"), "{said}");
    let said = Manifest::parse("{", &configs).unwrap_err().to_string();
    assert!(said.starts_with("Boottorrent.yaml is damaged"), "{said}");
    let said = Manifest::parse(&boottorrent, "[{}]")
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("configs.yaml is damaged"), "{said}");
}

#[test]
fn machines_tell_each_other_whom_they_know_where_nothing_is_said() {
    let (boottorrent, configs) = manifest(vec![]).to_files();
    let mut told: serde_json::Value = serde_json::from_str(&boottorrent).unwrap();
    for (said, expected) in [(Some(false), false), (Some(true), true), (None, true)] {
        let told = told.as_object_mut().unwrap();
        told.remove("exchange");
        told.extend(said.map(|said| ("exchange".to_owned(), said.into())));
        let boottorrent = serde_json::to_string(&told).unwrap();
        let read = Manifest::parse(&boottorrent, &configs).unwrap();
        assert_eq!(read.exchange, expected, "{said:?}");
    }
}

#[test]
fn a_machine_is_told_its_own_default() {
    let entry = |pattern: &str, default: Option<&str>, timeout| MachineEntry {
        pattern: pattern.parse().unwrap(),
        name: None,
        default: default.map(str::to_owned),
        timeout,
    };
    let mut sent = manifest(vec![]);
    let mut one = entry("52:54:00:12:34:56", Some("debian"), 0);
    one.name = Some("pc01".into());
    // The order means nothing.
    sent.machines = vec![
        entry("52:*", None, -1),
        one,
        entry("52:54:00:*", Some("alpine"), 5),
    ];
    let (boottorrent, configs) = sent.to_files();
    let read = Manifest::parse(&boottorrent, &configs).expect("its own");
    assert_eq!(read, sent);
    for (mac, default, timeout, name) in [
        ("52:54:00:12:34:56", Some("debian"), 0, Some("pc01")),
        ("52:54:00:12:34:57", Some("alpine"), 5, None),
        ("52:55:00:12:34:57", None, -1, None),
        ("02:00:00:00:00:01", Some("tiny"), -1, None),
    ] {
        let mac = mac.parse().expect(mac);
        let named = read.entry_of(mac).and_then(|entry| entry.name.as_deref());
        assert_eq!(named, name, "{mac}");
        let told = read.clone().told_to(mac);
        assert_eq!(
            (told.default.as_deref(), told.timeout),
            (default, timeout),
            "{mac}"
        );
    }
    let damaged = boottorrent.replace("52:54:00:*", "52:54");
    assert!(Manifest::parse(&damaged, &configs).is_err());
}

/// A server of before says nothing of machines, and one without such entries says no more than it did.
#[test]
fn a_room_without_entries_is_told_as_before() {
    let (boottorrent, configs) = manifest(vec![]).to_files();
    assert!(!boottorrent.contains("machines"));
    let read = Manifest::parse(&boottorrent, &configs).expect("its own");
    let mac = report::Mac([2, 0, 0, 0, 0, 1]);
    assert_eq!(read.clone().told_to(mac), read);
}

#[test]
fn a_layer_survives_the_way_and_older_servers_name_none() {
    let mut sent = manifest(vec![]);
    let (without, configs) = sent.to_files();
    assert!(!without.contains("layer"), "{without}");
    let qemu = Method::Qemu {
        args: String::new(),
    };
    sent.layer = Some(entry(".qemu", qemu));
    let (with, _) = sent.to_files();
    assert_eq!(Manifest::parse(&with, &configs).unwrap(), sent);
    let bad = with.replace("\".qemu\"", "\"../qemu\"");
    let read = Manifest::parse(&bad, &configs);
    assert!(matches!(read, Err(Error::Unsafe { .. })), "{read:?}");
}
