//! The whole chain with the finished bt-server: real firmware, real kernels, real packets.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use lab::{BtServer, Classroom, Host, Machine, Nic, Plan, Room, Spec, Stop, TargetOs, until};
use nix::sys::socket::{setsockopt, sockopt};

const SERVER: Ipv4Addr = Classroom::SERVER;
const FOREIGN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// A machine under emulation, on a computer that may be busy with something else.
const BOOT: Duration = Duration::from_secs(240);
/// From a decision of a program to its effect.
const SOON: Duration = Duration::from_secs(60);
/// What the server promises for its end.
const STOPPED: Duration = Duration::from_secs(2);
const MIB: usize = 1 << 20;

/// Cargo's target folder: the one that holds its folder for tests.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

fn bt_server() -> PathBuf {
    target().join("dist/bt-server")
}

fn open(
    settings: &str,
    logs: &Path,
    furnish: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> Classroom {
    let plan = Plan {
        program: &bt_server(),
        settings,
        options: &[],
        server_rate: Some(200),
        logs,
    };
    Classroom::open(&plan, furnish, &Stop::never()).unwrap()
}

/// Waits until the server says that `machine` is at `stage`.
fn wait_for_stage(class: &Classroom, machine: &mut Machine, stage: &str) {
    let spec = machine.spec().clone();
    let what = format!("{} at stage {stage}", spec.name);
    let reached = until(&what, BOOT, &Stop::never(), || {
        let all = class.machines()?;
        let Some(one) = all.machine(&spec.mac) else {
            return Ok(None);
        };
        anyhow::ensure!(one.stage != "failed", "{}: {}", spec.name, one.state);
        Ok((one.stage == stage).then_some(()))
    });
    if let Err(error) = reached {
        panic!("{error:#}\n{}", machine.evidence());
    }
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_two_machines() {
    let logs = tempfile::tempdir().unwrap();
    // The menu waits for a person, so that the test decides who starts when; a machine that has
    // everything stays for the other one.
    let settings = "boottorrent:\n  version: 0\n  timeout: -1\n  seed_time: 20\n";
    let system = TargetOs::build(&target().join("phase1"), "small", 12 * MIB).unwrap();
    let mut class = open(settings, logs.path(), |oss| system.write_to(oss));
    for ids in class.server().user_ids().unwrap() {
        assert!(!ids.contains(&0), "a thread of the server is root: {ids:?}");
    }

    let mut first = class.machine(&Spec::new("first", Nic::E1000, 1)).unwrap();
    let mut second = class.machine(&Spec::new("second", Nic::Virtio, 2)).unwrap();
    wait_for_stage(&class, &mut first, "menu");
    wait_for_stage(&class, &mut second, "menu");
    // One is chosen at its keyboard, the other over the serial line.
    first.press(&["ret"]).unwrap();
    until("a byte at the first", SOON, &Stop::never(), || {
        let all = class.machines()?;
        let one = all.machine(&first.spec().mac);
        Ok(one.filter(|one| one.bytes_from(SERVER) > 0).map(drop))
    })
    .unwrap();
    second.console().type_text("\r").unwrap();

    let addresses = [&first, &second].map(|machine| {
        machine.console().wait_for(TargetOs::MARKER, BOOT).unwrap();
        machine.console().wait_for("kernel cmdline", SOON).unwrap();
        let line = machine.console().line_with(TargetOs::MARKER).unwrap();
        let all = class.machines().unwrap();
        let told = all.machine(&machine.spec().mac).unwrap();
        let address = told.address.expect("the journal knows its address");
        assert!(line.contains(&machine.spec().mac), "{line}");
        assert!(
            line.contains(&format!("address {address},")),
            "its address changed: {line}"
        );
        assert!(line.contains(TargetOs::INTACT), "{line}");
        address
    });
    let all = class.machines().unwrap();
    let second_got = all.machine(&second.spec().mac).unwrap();
    assert!(
        second_got.bytes_from(SERVER) > 0,
        "{:?}",
        second_got.sources
    );
    assert!(
        second_got.bytes_from(addresses[0]) > 0,
        "{:?}",
        second_got.sources
    );

    let (status, took) = class.server().interrupt().unwrap();
    let said = class.server().said();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(took < STOPPED, "its end took {took:?}\n{said}");
    for machine in [&first, &second] {
        let mut rows = said
            .lines()
            .filter(|line| line.contains(&machine.spec().mac));
        assert!(
            rows.next_back().is_some_and(|row| row.contains('│')),
            "no row in the table\n{said}"
        );
    }
}

/// A folder with one system in it, large enough to be in the middle of its transfer.
fn noise(oss: &Path) -> anyhow::Result<()> {
    let folder = oss.join("noise");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("vmlinuz"), vec![1; MIB])?;
    fs::write(folder.join("initrd.img"), vec![2; 64 * MIB])?;
    Ok(())
}

/// Starts the server on `host` with that one system.
fn start(room: &Room, host: &Host) -> BtServer {
    let oss = room.scratch().join("oss");
    noise(&oss).unwrap();
    let log = room.scratch().join("server.log");
    BtServer::start(room, host, &bt_server(), &oss, &[], &log).unwrap()
}

/// Waits until the server has refused to serve; hands back what it said.
fn refusal(server: &mut BtServer) -> String {
    let status = server.wait_for_its_end(SOON).unwrap();
    let said = server.said();
    assert!(!status.success(), "it should have refused:\n{said}");
    said
}

#[test]
#[ignore = "needs root, dnsmasq and target/dist/bt-server; cargo xtask test runs it"]
fn server_refuses_beside_a_foreign_dhcp_server() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(Some((SERVER, 24))).unwrap();
    let other = room.host(Some((FOREIGN, 24))).unwrap();
    let client = room.host(None).unwrap();
    let _dnsmasq = Foreign::dhcp(&other, room.scratch());
    let firmware = client_without_address(&client).unwrap();

    // A machine keeps asking while the server looks at the wire.
    let mut server = start(&room, &host);
    let mut answered_by = Vec::new();
    let status = until("a refusal", SOON, &Stop::never(), || {
        firmware.send_to(&discover(), (Ipv4Addr::BROADCAST, 67))?;
        let mut offer = [0; 1500];
        while let Ok((_, from)) = firmware.recv_from(&mut offer) {
            answered_by.push(from.ip());
        }
        server.ended()
    })
    .unwrap();
    let said = server.said();
    assert!(!status.success(), "{said}");
    assert!(said.contains(&FOREIGN.to_string()), "{said}");
    assert!(
        answered_by.contains(&FOREIGN.into()),
        "the client heard nobody: {answered_by:?}"
    );
    assert!(
        !answered_by.contains(&SERVER.into()),
        "bt-server answered all the same"
    );
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn server_names_the_port_that_is_in_use() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(Some((SERVER, 24))).unwrap();
    let _taken = host
        .namespace()
        .enter(|| Ok(std::net::TcpListener::bind((SERVER, 6969))?))
        .unwrap();
    let said = refusal(&mut start(&room, &host));
    assert!(said.contains("6969") && said.contains("in use"), "{said}");
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn server_says_that_its_interface_has_no_address() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(None).unwrap();
    let said = refusal(&mut start(&room, &host));
    assert!(
        said.contains(host.interface()) && said.contains("address"),
        "{said}"
    );
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn server_stops_in_the_middle_of_a_transfer() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(Some((SERVER, 24))).unwrap();
    let client = room.host(Some((FOREIGN, 24))).unwrap();
    let mut server = start(&room, &host);
    server.wait_until_it_serves(&host, SOON).unwrap();
    // The client takes the beginning of a file and then nothing more: the rest stays in flight.
    let mut transfer = client
        .namespace()
        .enter(|| Ok(TcpStream::connect((SERVER, 6969))?))
        .unwrap();
    transfer
        .write_all(b"GET /oss/noise/initrd.img HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut begin = vec![0; 256 << 10];
    transfer.read_exact(&mut begin).unwrap();
    assert!(begin.ends_with(&[2; 1024]), "not the file's bytes");
    let (status, took) = server.interrupt().unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.said());
    assert!(took < STOPPED, "its end took {took:?}\n{}", server.said());
}

/// A socket as a DHCP client has it: on a port of its own kind, on an interface without address.
fn client_without_address(host: &Host) -> anyhow::Result<UdpSocket> {
    let socket = host
        .namespace()
        .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68))?))?;
    setsockopt(&socket, sockopt::BindToDevice, &host.interface().into())?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A request for an address as PXE firmware broadcasts it (RFC 2131, figure 1; options 53, 60 and
/// 93), with the flag that asks for a broadcast answer.
fn discover() -> Vec<u8> {
    let mut packet = vec![0; 236];
    packet[..4].copy_from_slice(&[1, 1, 6, 0]);
    packet[4..8].copy_from_slice(b"ask!");
    packet[10] = 0x80;
    packet[28..34].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 9]);
    packet.extend([99, 130, 83, 99, 53, 1, 1, 60, 9]);
    packet.extend(b"PXEClient");
    packet.extend([93, 2, 0, 0, 255]);
    packet.resize(300, 0);
    packet
}

/// Somebody else's DHCP server.
struct Foreign(Child);

impl Foreign {
    fn dhcp(host: &Host, scratch: &Path) -> Foreign {
        let dnsmasq = host
            .command("dnsmasq")
            .args([
                "--no-daemon",
                "--conf-file=/dev/null",
                "--port=0",
                "--user=root",
                "--pid-file=",
            ])
            .arg(format!("--interface={}", host.interface()))
            .arg(format!(
                "--dhcp-leasefile={}",
                scratch.join("leases").display()
            ))
            .args(["--dhcp-range=10.77.0.50,10.77.0.99", "--dhcp-authoritative"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Foreign(dnsmasq)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
