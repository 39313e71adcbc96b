//! A server on a VLAN, on Debian's kernel: a machine in that VLAN is served, and the untagged network never hears a word.
//!
//! All of it is one virtual machine: the server, a virtual cable, and at its other end the two clients in a network
//! namespace. So it does not matter what the kernel of this computer can do.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use initrd::Archive;
use lab::{Accelerator, Stop, built, until};

use crate::room::{bt_server, target};

/// What runs there as process 1; its words begin with `said: `.
const INIT: &str = include_str!("vlan/init.sh");
/// What udhcpc calls with its lease.
const LEASE: &str = "#!/bin/sh\n[ \"$1\" = bound ] && echo \"$ip\" >>/run/lease\n";
/// What the kernel's package has as modules, each after those it needs.
const MODULES: [&str; 6] = [
    "drivers/net/veth.ko",
    "net/llc/llc.ko",
    "net/802/stp.ko",
    "net/802/garp.ko",
    "net/802/mrp.ko",
    "net/8021q/8021q.ko",
];
/// Two starts of the server and a look of the doctor, under emulation.
const ALL_OF_IT: Duration = Duration::from_secs(240);

#[test]
#[ignore = "needs QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_a_server_on_a_vlan_that_the_untagged_network_never_hears() -> Result<()> {
    let said = run(&archive()?)?;
    let told = |what: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(what));
        line.with_context(|| format!("no {what:?} in:\n{said}"))
            .map(str::trim)
    };
    assert_eq!(told("said: on-vlan tagged")?, "10.77.42.50", "{said}");
    assert_eq!(told("said: on-vlan untagged")?, "none", "{said}");
    assert_eq!(told("said: on-vlan heard untagged")?, "0", "{said}");
    let doctor = told("said: doctor")?;
    assert!(doctor.contains("eth0.42 is VLAN 42 on eth0"), "{said}");
    // The same ears, with the server on the interface without a tag: they do hear.
    assert_eq!(told("said: on-cable untagged")?, "10.77.7.50", "{said}");
    assert_eq!(told("said: on-cable tagged")?, "none", "{said}");
    let heard: u32 = told("said: on-cable heard untagged")?.parse()?;
    assert!(heard > 0, "{said}");
    Ok(())
}

/// The machine's root file system.
fn archive() -> Result<Vec<u8>> {
    let modules = built::kernel_modules(target())?;
    let mut archive = Archive::new();
    for folder in [
        "proc",
        "sys",
        "dev",
        "run",
        "bin",
        "modules",
        "etc",
        "tmp",
        "oss",
        "oss/small",
    ] {
        archive.dir(folder, 0o755);
    }
    archive.file("bin/busybox", &fs::read(built::busybox(target())?)?, 0o755);
    archive.symlink("bin/sh", "busybox");
    archive.file("bt-server", &fs::read(bt_server())?, 0o755);
    archive.file("init", INIT.as_bytes(), 0o755);
    archive.file("lease", LEASE.as_bytes(), 0o755);
    let users = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
    archive.file("etc/passwd", users.as_bytes(), 0o644);
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644);
    archive.file("oss/small/vmlinuz", b"a kernel", 0o644);
    archive.file("oss/small/initrd.img", b"its initrd", 0o644);
    for (number, module) in MODULES.iter().enumerate() {
        let file = modules.join(module);
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        archive.file(&format!("modules/{number}.ko"), &bytes, 0o644);
    }
    Ok(archive.finish()?)
}

/// Runs a machine with this root file system until it switches itself off; hands back its console.
fn run(archive: &[u8]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (initrd, console) = (folder.path().join("initrd"), folder.path().join("console"));
    fs::write(&initrd, archive)?;
    let accelerator = Accelerator::here().name();
    let mut machine = Command::new("qemu-system-x86_64")
        .args([
            "-machine",
            "pc",
            "-accel",
            accelerator,
            "-m",
            "768",
            "-no-reboot",
        ])
        .args(["-display", "none", "-nic", "none", "-serial"])
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(target().join("phase1/image/bzImage"))
        .arg("-initrd")
        .arg(&initrd)
        .args([
            "-append",
            "console=ttyS0 quiet ipv6.disable_ipv6=1 panic=-1",
        ])
        .stdin(Stdio::null())
        .spawn()
        .context("cannot start qemu-system-x86_64")?;
    let ended = until("the machine's end", ALL_OF_IT, &Stop::never(), || {
        Ok(machine.try_wait()?)
    });
    let _ = machine.kill();
    let _ = machine.wait();
    let said = String::from_utf8_lossy(&fs::read(&console)?).into_owned();
    ended.with_context(|| format!("it said:\n{said}"))?;
    Ok(said)
}
