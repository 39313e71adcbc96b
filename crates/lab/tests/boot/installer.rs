//! An operating system that is not ours: Debian's installer, as its package brings it.

use std::fs;
use std::path::Path;

use lab::{Nic, Spec};
use report::{ChosenBy, Step};

use crate::original::{self, Original};
use crate::room::BOOT;

/// Where the package puts kernel and initrd.
const IMAGES: &str = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64";
/// The installer's first question.
const FIRST_SCREEN: &str = "Select a language";

/// As an administrator would put it there.
fn installer(oss: &Path) -> anyhow::Result<()> {
    let folder = oss.join("debian-12");
    fs::create_dir_all(&folder)?;
    for (from, to) in [("linux", "linux"), ("initrd.gz", "initrd.gz")] {
        fs::copy(Path::new(IMAGES).join(from), folder.join(to))?;
    }
    let config = "dispname: Debian 12 installer\nmethod: kexec\nkernel: linux\ninitrd: initrd.gz\n\
        cmdline: console=ttyS0,115200\n";
    fs::write(folder.join("config.yaml"), config)?;
    original::three_systems(oss)
}

#[test]
#[ignore = "needs root, QEMU, Debian's installer and target/dist/bt-server; cargo xtask test runs it"]
fn boot_debians_installer() {
    let logs = tempfile::tempdir().unwrap();
    // An iPXE in the card's ROM needs no TFTP: it gets everything by HTTP.
    let settings = Original {
        timeout: 5,
        default_os: "debian-12",
        enable_dhcp: "True",
        enable_tftp: "False",
        opentracker: "True",
    }
    .settings();
    let mut class = original::open(&settings, &[], logs.path(), installer);
    let machines =
        [("intel", Nic::E1000, 1), ("virtio", Nic::Virtio, 2)].map(|(name, nic, number)| {
            let spec = Spec {
                memory_mib: 1024,
                ..Spec::new(name, nic, number)
            };
            class.machine(&spec).unwrap()
        });
    for machine in machines {
        machine.console().wait_for(FIRST_SCREEN, BOOT).unwrap();
        // timeout: 5 waits five seconds for a person, then starts the default. The server's times are
        // those at which it heard of it.
        let all = class.machines().unwrap();
        let told = all.machine(&machine.spec().mac).unwrap();
        let menu = original::at(told, |step| {
            matches!(
                step,
                Step::Menu {
                    systems: 4,
                    timeout_s: 5
                }
            )
        });
        let chosen = original::at(
            told,
            |step| matches!(step, Step::Chosen { system, by: ChosenBy::Timeout } if system == "debian-12"),
        );
        let waited = chosen - menu;
        assert!((3000..20_000).contains(&waited), "{waited} ms in the menu");
    }
}
