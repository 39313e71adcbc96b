//! Folders made for the purpose, and what is said about them.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

mod files;
mod offered;

/// An environment in a folder that goes away with it.
struct Environment(tempfile::TempDir);

impl Environment {
    /// Settings that ask for nothing, and one good system.
    fn new() -> Environment {
        let environment = Environment(tempfile::tempdir().expect("a temporary folder"));
        environment
            .write("oss/tiny/vmlinuz", "kernel")
            .write("oss/tiny/initrd", "ramdisk");
        // What tempfile makes is for its owner only; these tests are about what is below it.
        environment.mode("", 0o755);
        environment
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> &Environment {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
        self
    }

    fn link(&self, path: &str, target: &str) -> &Environment {
        symlink(target, self.path(path)).expect("a link");
        self
    }

    fn mode(&self, path: &str, mode: u32) -> &Environment {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).expect("a mode");
        self
    }

    fn load(&self) -> Loaded {
        load(&Sources {
            oss: Some(self.path("oss")),
            ..Sources::default()
        })
    }

    fn load_as(&self, uid: u32) -> Loaded {
        load(&Sources {
            oss: Some(self.path("oss")),
            as_user: Some((uid, uid)),
            ..Sources::default()
        })
    }

    /// All problems as text, with the temporary folder's name taken out.
    fn said(&self, loaded: &Loaded) -> String {
        let text: String = loaded
            .problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect();
        text.replace(&self.0.path().display().to_string(), "ENV")
    }
}

fn paths(system: &LoadedSystem) -> Vec<String> {
    system
        .files
        .iter()
        .map(|file| file.path.join("/"))
        .collect()
}

#[test]
fn a_kernel_and_an_initrd_are_enough() {
    let environment = Environment::new();
    let loaded = environment.load();
    assert_eq!(environment.said(&loaded), "");
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(loaded.settings_file, None);
    let [tiny] = &loaded.systems[..] else {
        panic!("{loaded:?}")
    };
    assert_eq!((tiny.system.name.as_str(), tiny.size()), ("tiny", 13));
    assert_eq!(paths(tiny), ["initrd", "vmlinuz"]);
    assert_eq!(
        tiny.root,
        environment.path("oss/tiny").canonicalize().unwrap()
    );
}

#[test]
fn the_description_is_not_payload_and_the_rest_is_sorted() {
    let environment = Environment::new();
    environment
        .write("oss/tiny/config.yaml", "dispname: Tiny\ncmdline: quiet\n")
        .write("oss/tiny/sub/config.yaml", "")
        .write("oss/tiny/sub-a", "x")
        .write("oss/tiny/.hidden", "x");
    let loaded = environment.load();
    assert_eq!(environment.said(&loaded), "");
    let [tiny] = &loaded.systems[..] else {
        panic!("{loaded:?}")
    };
    assert_eq!(
        paths(tiny),
        [".hidden", "initrd", "sub-a", "sub/config.yaml", "vmlinuz"]
    );
    assert_eq!(tiny.system.dispname, "Tiny");
    assert!(
        tiny.config.ends_with("oss/tiny/config.yaml"),
        "{}",
        tiny.config
    );
}

#[test]
fn settings_are_found_beside_or_in_oss_or_where_told() {
    let timeout = |sources: Sources| {
        let loaded = load(&sources);
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        (loaded.settings.timeout.value, loaded.systems.len())
    };
    let text = "boottorrent: {timeout: 7}";
    let beside = Environment::new();
    beside.write("Boottorrent.yaml", text);
    let inside = Environment::new();
    inside.write("oss/Boottorrent.yaml", text);
    let oss = |environment: &Environment, path: &str| Sources {
        oss: Some(environment.path(path)),
        ..Sources::default()
    };
    assert_eq!(timeout(oss(&beside, "oss")), (7, 1));
    assert_eq!(timeout(oss(&beside, "oss/")), (7, 1));
    assert_eq!(timeout(oss(&beside, "oss/tiny/..")), (7, 1));
    assert_eq!(timeout(oss(&beside, "")), (7, 1), "a whole environment");
    let config = Some(beside.path("Boottorrent.yaml"));
    assert_eq!(
        timeout(Sources {
            config,
            ..Sources::default()
        }),
        (7, 1)
    );
    assert_eq!(timeout(oss(&inside, "oss")), (7, 1));
}

#[test]
fn every_problem_of_every_file_is_said_at_once() {
    let environment = Environment::new();
    environment
        .write(
            "Boottorrent.yaml",
            "boottorrent:\n  timeout: soon\n  default_os: Debain\n",
        )
        .write("oss/a/config.yaml", "dispname: Debian\nkernel: vmlinux\n")
        .write("oss/a/vmlinuz", "x")
        .write("oss/b/config.yaml", "dispname: Debian\nmethod: kexek\n")
        .write("oss/c/nothing", "x")
        .write("oss/d/config.yml", "dispname: D\n")
        .write("oss/d/vmlinuz", "x")
        .write("oss/d/initrd", "x");
    let loaded = environment.load();
    let said = environment.said(&loaded);
    for expected in [
        "ENV/Boottorrent.yaml:2: error: boottorrent.timeout must be a whole number (found: soon)",
        "ENV/Boottorrent.yaml:3: error: boottorrent.default_os names no system (found: Debain)",
        "ENV/oss/a/config.yaml:2: error: kernel names a file that is not in this folder (found: vmlinux)",
        "ENV/oss/b/config.yaml:2: error: method must be one of",
        "ENV/oss/b/config.yaml:1: error: dispname is the same as in ENV/oss/a/config.yaml (found: Debian)",
        "ENV/oss/c: error: has no config.yaml and no file that looks like the kernel",
        "ENV/oss/c: error: has no config.yaml and no file that looks like the initrd",
        "ENV/oss/d/config.yml: error: is not read under this name",
    ] {
        assert!(said.contains(expected), "{expected}\nnot in\n{said}");
    }
    assert_eq!(loaded.problems.len(), 8, "{said}");
    assert!(loaded.has_errors());
    let names: Vec<_> = loaded
        .systems
        .iter()
        .map(|one| one.system.name.as_str())
        .collect();
    assert_eq!(names, ["tiny"], "only what has no errors is a system");
}

#[test]
fn a_folder_whose_name_cannot_travel_is_named_with_its_place() {
    let environment = Environment::new();
    environment.write("oss/a /config.yaml", "kernel: x\n");
    let said = environment.said(&environment.load());
    assert!(said.contains("ENV/oss/a : error: has a name that starts with a dot or starts or ends with white space"), "{said}");
    assert!(
        said.contains("ENV/oss/a /config.yaml:1: error: kernel names a file"),
        "{said}"
    );
}

#[test]
fn a_description_that_cannot_be_read_hides_no_default() {
    let environment = Environment::new();
    environment
        .write(
            "Boottorrent.yaml",
            "boottorrent: {default_os: Other, timeout: 0}",
        )
        .write("oss/other/config.yaml", "dispname: Other\nkernel: [\n");
    let said = environment.said(&environment.load());
    assert!(said.contains("ENV/oss/other/config.yaml:"), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "{said}");
}

#[test]
fn an_oss_that_is_none_says_what_to_do() {
    let environment = Environment::new();
    let at = |path: &str| {
        environment.said(&load(&Sources {
            oss: Some(environment.path(path)),
            ..Sources::default()
        }))
    };
    let said = at("nowhere");
    assert!(
        said.contains("ENV/nowhere: error: does not exist") && said.contains("--oss"),
        "{said}"
    );
    let said = at("oss/tiny/vmlinuz");
    assert!(
        said.contains("ENV/oss/tiny/vmlinuz: error: is not a folder"),
        "{said}"
    );
    let said = at("oss/tiny");
    assert!(
        said.contains("holds files, but no folder with a system (found: initrd, vmlinuz)"),
        "{said}"
    );
    assert!(
        said.contains("remedy: make a folder for each system"),
        "{said}"
    );
    environment
        .write("oss/stray.tar", "x")
        .write("oss/README", "x")
        .write("oss/.git/x", "x");
    let said = at("oss");
    assert!(said.contains("ENV/oss: warning: holds files that belong to no system and are not offered (found: stray.tar)"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let environment = Environment::new();
    let missing = Sources {
        config: Some(environment.path("other.yaml")),
        ..Sources::default()
    };
    let said = environment.said(&load(&missing));
    assert!(
        said.contains("ENV/other.yaml: error: cannot be read: No such file"),
        "{said}"
    );
    for (path, oss) in [
        ("Boottorrent.yaml", "oss"),
        ("Boottorrent.yaml", ""),
        ("oss/Boottorrent.yaml", "oss"),
    ] {
        environment.link(path, "nowhere");
        let said = environment.said(&load(&Sources {
            oss: Some(environment.path(oss)),
            ..Sources::default()
        }));
        assert_eq!(
            said,
            format!(
                "ENV/{path}: error: is a symbolic link to nowhere, which is not there\n    remedy: correct or remove the link\n"
            )
        );
        fs::remove_file(environment.path(path)).expect("removed");
    }
    environment.write("boottorrent.yml", "boottorrent: {timeout: 1}");
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/boottorrent.yml: error: is not read under this name"),
        "{said}"
    );
    fs::write(
        environment.path("Boottorrent.yaml"),
        b"boottorrent:\n  timeout: \xff\n",
    )
    .unwrap();
    let said = environment.said(&environment.load());
    assert!(
        said.contains("ENV/Boottorrent.yaml:2: error: is not UTF-8 text"),
        "{said}"
    );
}
