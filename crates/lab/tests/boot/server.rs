//! The server alone: what it refuses, and how it ends.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use lab::{BtServer, Host, Room, Stop, until};
use nix::sys::socket::{setsockopt, sockopt};

use crate::foreign::Foreign;
use crate::room::{FOREIGN, MIB, SERVER, SOON, bt_server};

/// What the server promises for its end.
const STOPPED: Duration = Duration::from_secs(2);

/// A folder with one system in it, large enough to be in the middle of its transfer.
fn noise(oss: &Path) -> anyhow::Result<()> {
    let folder = oss.join("noise");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("vmlinuz"), vec![1; MIB])?;
    fs::write(folder.join("initrd.img"), vec![2; 64 * MIB])?;
    Ok(())
}

/// Starts the server on `host` with that one system and further `options`.
fn start(room: &Room, host: &Host, options: &[&str]) -> BtServer {
    let oss = room.scratch().join("oss");
    noise(&oss).unwrap();
    let log = room.scratch().join("server.log");
    BtServer::start(room, host, &bt_server(), &oss, options, &log).unwrap()
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
fn server_refuses_to_be_a_second_full_dhcp_server() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(Some((SERVER, 24))).unwrap();
    let other = room.host(Some((FOREIGN, 24))).unwrap();
    let client = room.host(None).unwrap();
    let _dnsmasq = Foreign::dhcp(&other, room.scratch(), &[]);
    let firmware = client_without_address(&client).unwrap();

    // A machine keeps asking while the server looks at the wire.
    let mut server = start(&room, &host, &["--dhcp", "full"]);
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
    let said = refusal(&mut start(&room, &host, &[]));
    assert!(said.contains("6969") && said.contains("in use"), "{said}");
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn server_without_dhcp_says_that_its_interface_has_no_address() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(None).unwrap();
    let said = refusal(&mut start(&room, &host, &["--dhcp", "off"]));
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
    let mut server = start(&room, &host, &[]);
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
