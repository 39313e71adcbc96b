//! The real program in a room of its own: what `check` accepts, `start` starts; what it refuses, `start` refuses in
//! the same words; and an ordinary user's `check` says what root's does.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::common::{Lab, REFUSED, phase1};
use crate::world::{Case, Kind, furnish, write};

/// How many generated environments are started: ten of each kind.
const CASES: u64 = 40;

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn what_check_accepts_the_server_starts() -> Result<()> {
    let lab = Lab::new()?;
    let environment = lab.folder("generated")?;
    furnish(&environment);
    let (mut started, mut refused) = (0, 0);
    for number in 0..CASES {
        let case = Case::generate(number);
        write(&case, &environment);
        let oss = environment.join("oss");
        let starts = agree(&lab, &oss).with_context(|| case.told())?;
        ensure!(starts || case.kind != Kind::Valid, "{}", case.told());
        match starts {
            true => started += 1,
            false => refused += 1,
        }
    }
    println!("{started} started, {refused} refused");
    ensure!(started >= 10 && refused >= 10, "{started} and {refused}");
    Ok(())
}

/// Folders that are right and yet not what one expects; each is one environment.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn folders_of_every_shape_start_or_are_refused_by_check() -> Result<()> {
    let lab = Lab::new()?;
    let long = "x".repeat(200);
    let too_long = "x".repeat(201);
    let deep = vec!["d"; 60].join("/") + "/f";
    let kernel = ["vmlinuz", "initrd"];
    let with = |name: &'static str| ["vmlinuz", "initrd", name];
    let table: [(&str, &str, &[&str], bool); 18] = [
        ("Debian 12", "", &kernel, true),
        ("система", "", &kernel, true),
        ("a%20b#c?d&e", "", &kernel, true),
        ("quote'\"$(x)", "", &kernel, true),
        (&long, "", &kernel, true),
        (&too_long, "", &kernel, false),
        ("back\\slash", "", &kernel, false),
        ("line\nbreak", "", &kernel, false),
        (" blank", "", &kernel, false),
        ("own disk", "method: local\n", &[], true),
        ("no files", "", &[], false),
        ("guest", "method: bin-qemu-x86_64\nargs: -m 64\n", &[], true),
        (
            "only empty",
            "method: local\n",
            &["empty", "sub/empty"],
            true,
        ),
        ("odd files", "", &with("a%b #c?.img"), true),
        ("line break", "", &with("a\nb"), true),
        ("backslash", "", &with("a\\b"), false),
        ("deep", "", &["vmlinuz", "initrd", &deep], true),
        ("hidden", "", &with(".hidden/x"), true),
    ];
    for (at, (name, config, files, accepted)) in table.into_iter().enumerate() {
        let oss = lab.folder(&format!("shape{at}"))?.join("oss");
        let system = oss.join(name);
        fs::create_dir_all(&system)?;
        if !config.is_empty() {
            fs::write(system.join("config.yaml"), config)?;
        }
        for file in files {
            let path = system.join(file);
            fs::create_dir_all(path.parent().context("no folder")?)?;
            fs::write(&path, if file.ends_with("empty") { "" } else { name })?;
        }
        let starts = agree(&lab, &oss).with_context(|| format!("{name:?}"))?;
        ensure!(starts == accepted, "{name:?}: accepted: {starts}");
    }
    Ok(())
}

/// What depends on this computer: its interfaces, addresses and users.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn what_the_computer_cannot_give_is_refused_by_everybody_alike() -> Result<()> {
    let lab = Lab::new()?;
    // As Debian adds a second address: under a name of its own.
    let mut ip = lab.host.command("ip");
    ip.args(["address", "add", "10.78.0.1/24", "dev", "eth0"]);
    ensure!(ip.args(["label", "eth0:0"]).status()?.success());
    let environment = lab.folder("asked")?;
    furnish(&environment);
    let table = [
        ("boottorrent: {host_ip: 10.77.0.1}", true),
        ("boottorrent: {host_ip: 10.77.0.9}", false),
        ("boottorrent: {host_ip: 10.78.0.1}", true),
        ("dnsmasq: {interface: eth0}", true),
        ("dnsmasq: {interface: eth9}", false),
        ("dnsmasq: {interface: lo}", false),
        ("dnsmasq: {interface: \"eth0,eth9\"}", false),
        // Each that is named is served, so each has to be there.
        (
            "dnsmasq: {interface: [eth9, eth0]}\nboottorrent: {host_ip: 10.77.0.1}",
            false,
        ),
        ("dnsmasq: {user: nobody}", true),
        ("dnsmasq: {user: root}", false),
        ("dnsmasq: {user: ghost}", false),
        // The other server gives addresses: this one's range is nobody's concern.
        (
            "dnsmasq: {enable_dhcp: False, dhcp_range: \"192.168.1.50,192.168.1.150,12h\"}",
            true,
        ),
        ("opentracker: {port: 6881}", true),
        ("opentracker: {enable: False, port: 80}", true),
    ];
    let settings = environment.join("Boottorrent.yaml");
    for (text, accepted) in table {
        fs::write(&settings, text)?;
        let starts = agree(&lab, &environment.join("oss")).context(text)?;
        ensure!(starts == accepted, "{text}: accepted: {starts}");
    }
    // Root may read it, the user it becomes may not.
    fs::write(&settings, "dnsmasq: {user: nobody}")?;
    let kernel = environment.join("oss/tiny/vmlinuz");
    fs::set_permissions(kernel, fs::Permissions::from_mode(0o600))?;
    ensure!(!agree(&lab, &environment.join("oss"))?);
    Ok(())
}

/// The folder that `init` makes needs a kernel, an initrd and nothing else: no edit, no word about interface, user
/// or folder.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn what_init_makes_starts_with_a_kernel_and_an_initrd() -> Result<()> {
    let lab = Lab::new()?;
    let room = lab.folder("by hand")?.join("room");
    let init = || {
        let mut init = lab.command(&["init"]);
        init.env("SUDO_USER", "caller").env("SUDO_UID", "4321");
        init.env("SUDO_GID", "1234").arg(&room).output()
    };
    let output = init()?;
    ensure!(output.status.success(), "{output:?}");
    for name in ["Boottorrent.yaml", "oss", "oss/README.md"] {
        ensure!(fs::metadata(room.join(name))?.uid() == 4321, "{name}");
    }
    let again = init()?;
    ensure!(again.status.code() == Some(REFUSED), "{again:?}");

    let system = room.join("oss/debian");
    fs::create_dir(&system)?;
    for name in ["vmlinuz", "initrd.img"] {
        fs::write(system.join(name), name)?;
    }
    let mut check = lab.command(&["check"]);
    let said = check.args(phase1()).current_dir(&room).output()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(said.contains("  room   eth0, 10.77.0.1/24\n"), "{said}");
    ensure!(said.contains("the configuration is sound"), "{said}");
    // With DHCP: it listens to the wire first.
    let mut start = lab.command(&["start"]);
    start.args(phase1()).current_dir(&room).arg("--state");
    let (end, told) = run(&lab, start.arg(lab.room.scratch().join("state")))?;
    ensure!(
        matches!(end, End::Terminated(status) if status.success()),
        "{told}"
    );
    ensure!(told.contains("gives 10.77.0.1 to 10.77.0.254"), "{told}");
    Ok(())
}

/// A file that did not fit is taken away again, and so is what was made before it.
#[test]
#[ignore = "needs root and mount namespaces; cargo xtask test runs it"]
fn init_on_a_full_disk_leaves_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let disk = lab.folder("full")?;
    // Two pages, for two of the three files.
    let script = "mount -t tmpfs -o size=8k none \"$1\" && \"$0\" init \"$1/room\"; echo \"ends with $?\"; ls \"$1\"";
    let mut shell = lab.host.command("unshare");
    shell.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let output = shell.arg(&lab.program).arg(&disk).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(said == format!("ends with {REFUSED}\n"), "{said}{told}");
    ensure!(told.contains("cannot be made: No space left"), "{told}");
    ensure!(told.contains("remedy: make room on that disk"), "{told}");
    Ok(())
}

/// Whether check accepts the systems in `oss`.
///
/// # Errors
/// The server does otherwise, or another user hears otherwise.
fn agree(lab: &Lab, oss: &Path) -> Result<bool> {
    let options = |command: &mut Command| {
        command.args(phase1()).args(["--dhcp", "off", "--oss"]);
        command.arg(oss);
    };
    let mut check = lab.command(&["check"]);
    options(&mut check);
    let check = check.output()?;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    let accepted = check.status.success();
    ensure!(
        accepted || check.status.code() == Some(REFUSED),
        "check ends with {}: {said}",
        check.status
    );
    let mut other = lab.host.command("setpriv");
    other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    other.arg(&lab.program).arg("check");
    options(&mut other);
    let other = other.output()?;
    let heard = String::from_utf8_lossy(&other.stdout).into_owned();
    ensure!(said == heard, "root hears\n{said}\nnobody hears\n{heard}");

    let mut start = lab.command(&["start", "--state"]);
    start.arg(lab.room.scratch().join("state"));
    options(&mut start);
    let (end, told) = run(lab, &mut start)?;
    match end {
        End::Terminated(status) => {
            ensure!(accepted, "check refuses what starts: {said}");
            ensure!(status.success(), "SIGTERM ends it with {status}: {told}");
        }
        End::Itself(status) => {
            ensure!(!accepted, "check accepts what does not start: {told}");
            ensure!(status.code() == Some(REFUSED), "{status}: {told}");
            ensure!(
                told.trim_end() == format!("{}, nothing was started", said.trim_end()),
                "check says\n{said}\nstart says\n{told}"
            );
        }
    }
    Ok(accepted)
}

/// Runs the server until it is ready and then told to stop, or ends by itself; with what it printed.
fn run(lab: &Lab, start: &mut Command) -> Result<(End, String)> {
    let mut server = lab.start(start, "log")?;
    let end = match server.ready_or_ended()? {
        Some(status) => End::Itself(status),
        None => {
            server.signal(Signal::SIGTERM)?;
            End::Terminated(server.end()?)
        }
    };
    Ok((end, server.told()))
}

/// How a server ended.
enum End {
    /// By itself, without ever being ready.
    Itself(ExitStatus),
    /// It was ready and then told to stop.
    Terminated(ExitStatus),
}
