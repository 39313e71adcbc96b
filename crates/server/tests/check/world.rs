//! Where the generated files lie, and the computer they are checked on.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bt_server::host::Host;
use bt_server::interface::{Kind as Made, Seen};
use bt_server::options::Serve;
use bt_server::user::Users;
use catalog::Problem;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::broken::{self, Layout};
use crate::{hostile, valid};

/// What is expected of an environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// It must be accepted.
    Valid,
    /// It must be refused.
    Broken,
    /// A valid one with a few bytes changed: nobody knows.
    Mutated,
    /// Something that no configuration looks like.
    Hostile,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Valid, Kind::Broken, Kind::Mutated, Kind::Hostile];
}

/// The files of one environment that are generated. The systems' own files are always the same: see [`World`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Case {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    /// `Boottorrent.yaml`.
    pub(crate) settings: Vec<u8>,
    /// `oss/tiny/config.yaml`.
    pub(crate) config: Vec<u8>,
    /// A mistake of layout in the one of the two that is spoilt.
    pub(crate) layout: Option<Layout>,
}

impl Case {
    /// The environment of this number. The kinds take turns, and so do the two files as the place of what is wrong.
    pub(crate) fn generate(number: u64) -> Case {
        let mut random = StdRng::seed_from_u64(number);
        let kind = Kind::ALL[(number % 4) as usize];
        let of_settings = (number / 4).is_multiple_of(2);
        let (settings, config) = (valid::settings(&mut random), valid::config(&mut random));
        let mut layout = None;
        let mut spoil = |good: &str, random: &mut StdRng| match kind {
            Kind::Valid => valid::dressed(good, random),
            Kind::Broken if random.random_ratio(1, 5) => {
                let (text, wrong) = broken::layout(good, random);
                layout = Some(wrong);
                text.into_bytes()
            }
            Kind::Broken if of_settings => broken::settings(good, random).into_bytes(),
            Kind::Broken => broken::config(good, random).into_bytes(),
            Kind::Mutated => broken::mutated(good, random),
            Kind::Hostile => hostile::file(random),
        };
        let (settings, config) = if of_settings {
            (spoil(&settings, &mut random), config.into_bytes())
        } else {
            (settings.into_bytes(), spoil(&config, &mut random))
        };
        Case {
            number,
            kind,
            settings,
            config,
            layout,
        }
    }

    /// Whether problems say where the mistake of layout is, if there is one, and what to do.
    pub(crate) fn is_told(&self, problems: &[Problem]) -> bool {
        self.layout.is_none_or(|wrong| {
            let told =
                |one: &Problem| one.line == Some(wrong.line) && one.remedy.contains(wrong.remedy);
            problems.iter().any(told)
        })
    }

    /// The generated files, by their path in the environment.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        [
            ("Boottorrent.yaml", &self.settings[..]),
            ("oss/tiny/config.yaml", &self.config[..]),
            ("oss/second/config.yaml", SECOND.as_bytes()),
        ]
        .into_iter()
    }

    /// For a failure's message.
    pub(crate) fn told(&self) -> String {
        let shown = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
            format!("{text}\n({} bytes)", bytes.len())
        };
        format!(
            "environment {} ({:?})\n--- Boottorrent.yaml\n{}\n--- config.yaml\n{}",
            self.number,
            self.kind,
            shown(&self.settings),
            shown(&self.config)
        )
    }
}

/// The description of the other system, which is always right.
const SECOND: &str = "dispname: The second\nmethod: kexec\nkernel: vmlinuz\ninitrd: initrd\n";

/// The files of both systems.
pub(crate) const PAYLOAD: [&str; 5] = ["vmlinuz", "initrd", "boot/modules.gz", "hello", "disc.iso"];

/// Writes the files of both systems into an environment.
pub(crate) fn furnish(environment: &Path) {
    for system in ["tiny", "second"] {
        for path in PAYLOAD {
            let file = environment.join("oss").join(system).join(path);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, path).expect("written");
        }
    }
}

/// Writes the generated files, over those of another case.
pub(crate) fn write(case: &Case, environment: &Path) {
    for (name, bytes) in case.files() {
        fs::write(environment.join(name), bytes).expect("written");
    }
}

/// An environment's folder, and a phase 1 of three empty files.
pub(crate) struct World {
    folder: tempfile::TempDir,
    host: Host,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("opened");
        furnish(&folder.path().join("room"));
        fs::create_dir(folder.path().join("phase1")).expect("made");
        for name in ["bzImage", "rootfs.gz", "diff.gz"] {
            fs::write(folder.path().join("phase1").join(name), "").expect("written");
        }
        let host = host();
        World { folder, host }
    }

    pub(crate) fn write(&self, case: &Case) {
        write(case, &self.folder.path().join("room"));
    }

    pub(crate) fn serve(&self) -> Serve {
        Serve {
            oss: Some(self.folder.path().join("room/oss")),
            phase1: Some(self.folder.path().join("phase1")),
            ..Serve::default()
        }
    }

    pub(crate) fn host(&self) -> Host {
        self.host.clone()
    }

    /// A file of the environment as problems name it.
    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.folder.path().join("room").join(name);
        path.display().to_string()
    }

    pub(crate) fn said(&self, problems: &[Problem]) -> String {
        let text: String = problems.iter().map(|one| format!("{one}\n")).collect();
        text.replace(&self.folder.path().display().to_string(), "")
    }
}

/// A computer with one interface that could be meant, and an ordinary user who may read everything.
fn host() -> Host {
    let wired = |name: &str, addresses: &[[u8; 4]]| Seen {
        name: name.to_owned(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        addresses: addresses
            .iter()
            .map(|address| (Ipv4Addr::from(*address), 24))
            .collect(),
        up: true,
        kind: Made::Wired,
        ..Seen::default()
    };
    let interfaces = vec![
        wired("eth0", &[[10, 77, 0, 1]]),
        wired("eth1", &[]),
        Seen {
            kind: Made::Loopback,
            mac: None,
            ..wired("lo", &[[127, 0, 0, 1]])
        },
    ];
    Host {
        interfaces: Ok(interfaces),
        routes: Vec::new(),
        users: Users {
            root: false,
            passwd: Ok("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n".into()),
            caller: None,
        },
    }
}

/// How many lines a file has: at least one, and none after the last line break.
pub(crate) fn lines(bytes: &[u8]) -> u64 {
    let mut count = 1;
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1);
        let breaks = *byte == b'\n' || (*byte == b'\r' && next != Some(&b'\n'));
        count += u64::from(breaks && next.is_some());
    }
    count
}

/// One of them.
pub(crate) fn one<T: Copy>(of: &[T], random: &mut StdRng) -> T {
    of[random.random_range(0..of.len())]
}
