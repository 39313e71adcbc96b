//! The doctor beside the programs that manage a packet filter or interfaces: Debian's own, switched on in a network namespace
//! and with a view of files in which they are installed. Nothing of it reaches the computer.

use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use lab::{Stop, built, until};

use super::{Patient, SERVER, SOON, target};

/// Mounts a package's tree over the computer's own files, in memory, and a /run of its own; then `$START`, and says so.
/// It lasts as long as its standard input.
const VIEW: &str = r#"
mount -t tmpfs none "$SCRATCH"
for folder in usr etc var; do
    mkdir -p "$SCRATCH/$folder/upper" "$SCRATCH/$folder/work"
    lower="/$folder"
    if [ -d "$TREE/$folder" ]; then lower="$TREE/$folder:/$folder"; fi
    mount -t overlay none -o "lowerdir=$lower,upperdir=$SCRATCH/$folder/upper,workdir=$SCRATCH/$folder/work" "/$folder"
done
if [ -d "$TREE/lib" ]; then cp -a "$TREE/lib/." /usr/lib/; fi
mount -t tmpfs none /run
eval "$START"
touch /run/manager-is-on
exec cat
"#;
/// What its package's installation does, and what a person types.
const UFW: &str = "
cp /usr/share/ufw/ufw.conf /usr/share/ufw/iptables/*.rules /etc/ufw/
ufw --force enable
";
/// A bus of its own that lets root do everything, as policykit would.
const BUS: &str = "
mkdir -p /run/dbus
cat >/run/bus.conf <<END
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context='default'><allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/><allow user='*'/></policy>
</busconfig>
END
dbus-daemon --config-file=/run/bus.conf --fork
";
const FIREWALLD: &str = "
firewalld --nofork --nopid &
until firewall-cmd --state; do sleep 0.1; done
";
/// Where /sys can be written, it waits for udev to tell of interfaces, which it does not in here.
const NETWORK_MANAGER: &str = "
mount --bind /sys /sys
mount -o remount,ro,bind /sys
mkdir -p /run/NetworkManager
cat >/etc/NetworkManager/NetworkManager.conf <<END
[main]
plugins=keyfile
auth-polkit=false
dns=none
hostname-mode=none
END
NetworkManager --no-daemon &
until nmcli --terse general status && grep managed=true /run/NetworkManager/devices/*; do sleep 0.1; done
";

/// A manager that is on. Dropping it ends its view of files; the room's end ends its processes.
struct Manager(Child);

impl Manager {
    /// Installs a package for `patient` alone and switches it on.
    fn switch_on(patient: &mut Patient, package: &str, start: &str) -> Result<Manager> {
        let log = std::fs::File::create(patient.room.scratch().join("manager.log"))?;
        let scratch = patient.room.scratch().join("view");
        std::fs::create_dir(&scratch)?;
        let mut command = patient.host.command("unshare");
        command
            .args(["--mount", "--uts", "--propagation", "private"])
            .args(["sh", "-e", "-c"])
            .arg(VIEW)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("SCRATCH", scratch)
            .env("TREE", built::unpacked(target()?, package)?)
            .env("START", format!("{BUS}{start}"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut manager = Manager(command.spawn()?);
        let process = manager.0.id();
        patient.view = Some(process);
        until(package, SOON, &Stop::never(), || {
            let said = || std::fs::read_to_string(patient.room.scratch().join("manager.log"));
            ensure!(manager.0.try_wait()?.is_none(), "{package}: {}", said()?);
            let mut is_on = patient.command("test");
            let is_on = is_on
                .args(["-e", "/run/manager-is-on"])
                .stderr(Stdio::null());
            Ok(is_on.status()?.success().then_some(()))
        })?;
        Ok(manager)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// It is named with what it keeps out, its command opens that, and then nothing is wrong.
fn is_named_and_its_command_helps(package: &str, start: &str, name: &str) -> Result<()> {
    let mut patient = Patient::new(Some(SERVER))?;
    let _manager = Manager::switch_on(&mut patient, package, start)?;
    let diagnosis = patient.examine(&[])?;
    let fault = diagnosis.fault()?;
    let closed = "keeps machines out of 67/udp 69/udp 4011/udp 6969/tcp 6881/tcp";
    assert_eq!(fault.what, format!("{name} {closed}"));
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("firewall", Some(1))
    );
    patient.take(&fault.remedy)?;
    let diagnosis = patient.examine(&[])?;
    assert!(diagnosis.faults().is_empty(), "{diagnosis:#?}");
    let open = "machines are let in to 67/udp 69/udp 4011/udp 6969/tcp 6881/tcp";
    let told = |one: &super::Found| one.severity == "ok" && one.what == open;
    assert!(diagnosis.findings.iter().any(told), "{diagnosis:#?}");
    Ok(())
}

#[test]
#[ignore = "needs root, ufw unpacked and target/dist/bt-server; cargo xtask test runs it"]
fn ufw_is_named_and_its_command_opens_the_doors() -> Result<()> {
    is_named_and_its_command_helps("ufw", UFW, "ufw")
}

#[test]
#[ignore = "needs root, firewalld unpacked and target/dist/bt-server; cargo xtask test runs it"]
fn firewalld_is_named_and_its_command_opens_the_doors() -> Result<()> {
    is_named_and_its_command_helps("firewalld", FIREWALLD, "firewalld (zone public)")
}

#[test]
#[ignore = "needs root, network-manager unpacked and target/dist/bt-server; cargo xtask test runs it"]
fn network_manager_is_named_until_it_is_told_to_leave_the_interface_alone() -> Result<()> {
    let mut patient = Patient::new(None)?;
    let _manager = Manager::switch_on(&mut patient, "network-manager", NETWORK_MANAGER)?;
    let cares = |patient: &Patient| {
        let diagnosis = patient.examine(&["--dhcp", "off"])?;
        let about = "NetworkManager cares for eth0 and may take back the address";
        let mut faults = diagnosis.faults().into_iter().cloned();
        anyhow::Ok(faults.find(|fault| fault.what.starts_with(about)))
    };
    let fault = cares(&patient)?.context("it is not named")?;
    patient.take(&fault.remedy)?;
    until("it leaves it alone", SOON, &Stop::never(), || {
        Ok(cares(&patient)?.is_none().then_some(()))
    })
}
