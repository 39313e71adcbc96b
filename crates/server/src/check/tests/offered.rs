//! `display_oss`, and what is said when the settings or a system cannot be read at all.

use super::*;

#[test]
fn what_is_not_offered_is_not_looked_at() {
    let environment = Environment::new();
    environment
        .write("Boottorrent.yaml", "boottorrent:\n  display_oss: [tiny]\n")
        .write("oss/broken/config.yaml", "kernel: [")
        .write("oss/empty/README", "")
        .write("oss/notes.txt", "x")
        .link("oss/away", "/etc");
    let loaded = environment.load();
    let names: Vec<&str> = loaded
        .systems
        .iter()
        .map(|one| one.system.name.as_str())
        .collect();
    assert_eq!(names, ["tiny"]);
    let said = environment.said(&loaded);
    assert!(!loaded.has_errors(), "{said}");
    assert!(
        said.contains("ENV/Boottorrent.yaml:2: warning: boottorrent.display_oss leaves out folders of oss, which are not offered (found: away, broken, empty)"),
        "{said}"
    );

    environment.write("Boottorrent.yaml", "boottorrent:\n  display_oss: tinny\n");
    let loaded = environment.load();
    let said = environment.said(&loaded);
    assert!(loaded.systems.is_empty());
    assert!(
        said.contains("ENV/Boottorrent.yaml:2: error: boottorrent.display_oss names a folder that is not in oss (found: tinny)\n    remedy: write tiny\n"),
        "{said}"
    );
    assert!(!said.contains("holds no system"), "{said}");
}

/// One mistake is one message: what follows from it is not complained about.
#[test]
fn settings_that_are_no_yaml_are_told_alone() {
    let environment = Environment::new();
    environment
        .write("Boottorrent.yaml", "boottorrent:\n\ttimeout: 0\n")
        .write("oss/other/vmlinuz", "x")
        .write("oss/other/initrd", "x");
    let loaded = environment.load();
    assert_eq!(loaded.understood, Understood::No);
    let said = environment.said(&loaded);
    assert_eq!(loaded.problems.len(), 1, "{said}");
    assert!(
        said.starts_with("ENV/Boottorrent.yaml:2: error: is not valid YAML"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_text_of_ours_is_named_with_its_line() {
    let environment = Environment::new();
    let utf_16: Vec<u8> = "\u{feff}a: 1\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let long = "dispname: Tiny\n".repeat(100_000);
    let table: [(&[u8], &str); 4] = [
        (&utf_16, ":1: error: is UTF-16"),
        (long.as_bytes(), ":17477: error: is larger than 256 KiB"),
        (
            b"dispname: Tiny\n\0\n",
            ":2: error: holds the character U+0000",
        ),
        (b"dispname: \xe9t\xe9\n", ":1: error: is not UTF-8 text"),
    ];
    for (bytes, expected) in table {
        let file = environment.path("oss/tiny/config.yaml");
        fs::write(file, bytes).expect("written");
        let said = environment.said(&environment.load());
        let expected = format!("ENV/oss/tiny/config.yaml{expected}");
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn a_default_that_could_not_be_read_is_not_called_unknown() {
    let environment = Environment::new();
    environment
        .write(
            "Boottorrent.yaml",
            "boottorrent: {default_os: away, timeout: 0}",
        )
        .link("oss/away", "/etc");
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/oss/away: error: is a symbolic link that leaves oss"),
        "{said}"
    );
    assert_eq!(said.matches("error:").count(), 1, "{said}");
}

#[test]
fn a_backslash_is_refused_before_it_is_hashed() {
    let environment = Environment::new();
    environment.write("oss/tiny/a\\b", "x");
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/oss/tiny/a\\b: error: has a backslash"),
        "{said}"
    );
}

/// An image directly in oss is a system by itself; a link that leaves oss is refused, like any other.
#[test]
fn images_that_lie_in_oss_itself_are_systems() {
    let environment = Environment::new();
    environment
        .write("oss/debian.iso", "a disc")
        .write("oss/notes.txt", "x")
        .write("oss/.half.iso", "a download")
        .link("oss/same.iso", "debian.iso");
    let loaded = environment.load();
    let said = environment.said(&loaded);
    assert!(!loaded.has_errors(), "{said}");
    let found: Vec<_> = loaded
        .systems
        .iter()
        .map(|one| (&*one.system.name, one.files[0].path.join("/"), one.size()))
        .collect();
    let disc = |name: &'static str| (name, name.to_owned(), 6);
    let tiny = ("tiny", "initrd".to_owned(), 13);
    assert_eq!(found, [disc("debian.iso"), disc("same.iso"), tiny]);
    let oss = environment.path("oss").canonicalize().unwrap();
    assert_eq!(loaded.systems[0].root, oss);
    let args = "-cdrom debian.iso -boot d".to_owned();
    assert_eq!(
        loaded.systems[0].system.method,
        catalog::Method::Qemu { args }
    );
    assert!(said.contains("(found: notes.txt)"), "{said}");

    environment.link("oss/away.iso", "/dev/null");
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/oss/away.iso: error: is a symbolic link that leaves oss, to /dev/null"),
        "{said}"
    );
}

/// A program is known by its first bytes; what the folder needs is the folder.
#[test]
fn a_folder_with_one_static_program_is_a_system() {
    let environment = Environment::new();
    let mut program = vec![0; 200];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    for (at, value) in [
        (16, 2),
        (18, 62),
        (24, 120),
        (32, 64),
        (54, 56),
        (56, 1),
        (64, 1),
    ] {
        program[at] = value;
    }
    environment
        .write("oss/tool/data", "some data")
        .write("oss/dynamic/data", "some data");
    std::fs::write(environment.path("oss/tool/tool"), &program).unwrap();
    let loaded = environment.load();
    let found = loaded.systems.iter().find(|one| one.system.name == "tool");
    let found = found.expect("the tool");
    let (bin, args) = ("tool".to_owned(), String::new());
    assert_eq!(found.system.method, catalog::Method::Bin { bin, args });
    assert_eq!(found.need().files, 209);

    let own = std::env::current_exe().unwrap();
    std::fs::copy(own, environment.path("oss/dynamic/program")).unwrap();
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/oss/dynamic: error: has no config.yaml, no kernel, no image, and its program needs shared libraries"),
        "{said}"
    );
}
