//! Rooms with ordinary programs and one real PXE firmware in them.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{Nic, Room, Spec, Stop, until};

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

#[test]
#[ignore = "needs root"]
fn room_hosts_reach_each_other_and_nobody_else() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let first = room.host(Some((FIRST, 24))).unwrap();
    let second = room.host(Some((SECOND, 24))).unwrap();
    let listener = first
        .namespace()
        .enter(|| Ok(std::net::TcpListener::bind((FIRST, 8000))?))
        .unwrap();
    let reached = second.namespace().enter(|| {
        let there = (FIRST, 8000).into();
        Ok(std::net::TcpStream::connect_timeout(
            &there,
            Duration::from_secs(20),
        )?)
    });
    reached.expect("the switch carries packets");
    drop(listener);
    assert!(
        std::net::UdpSocket::bind((FIRST, 0)).is_err(),
        "an address of the room appeared on the computer"
    );
}

#[test]
#[ignore = "needs root"]
fn room_ends_its_processes_and_removes_its_files() {
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(None).unwrap();
    let mut stubborn = stubborn(&mut host.command("sh"));
    let scratch = room.scratch().to_owned();
    std::fs::write(scratch.join("file"), "x").unwrap();
    assert!(stubborn.try_wait().unwrap().is_none());
    drop(room);
    // It ignores every polite signal, so only the room's watcher can have ended it.
    assert!(!stubborn.wait().unwrap().success());
    assert!(!scratch.exists());
}

#[test]
#[ignore = "needs root"]
fn room_is_tidied_up_even_when_its_maker_is_killed() {
    // This very test program, run again, is the maker that gets killed.
    let mut maker = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "room_of_a_victim"])
        .env("BT_LAB_VICTIM", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(maker.stdout.take().unwrap()).lines();
    let pid = lines
        .find_map(|line| {
            line.unwrap()
                .strip_prefix("inhabitant ")?
                .parse::<u32>()
                .ok()
        })
        .expect("the maker names a process of its room");
    maker.kill().unwrap();
    maker.wait().unwrap();
    let process = format!("/proc/{pid}/ns/net");
    until("its end", Duration::from_secs(20), &Stop::never(), || {
        Ok(std::fs::metadata(&process).is_err().then_some(()))
    })
    .unwrap();
}

/// Not a test of its own: what `room_is_tidied_up_even_when_its_maker_is_killed` kills.
#[test]
#[ignore = "part of another test"]
fn room_of_a_victim() {
    if std::env::var_os("BT_LAB_VICTIM").is_none() {
        return;
    }
    let mut room = Room::new(&Stop::never()).unwrap();
    let host = room.host(None).unwrap();
    let mut inhabitant = stubborn(&mut host.command("sh"));
    println!("inhabitant {}", inhabitant.id());
    inhabitant.wait().unwrap();
}

/// A process that ignores every polite signal; when this returns it does so already.
fn stubborn(shell: &mut Command) -> Child {
    let mut child = shell
        .args([
            "-c",
            "trap '' INT TERM HUP; echo ready; while :; do sleep 1; done",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
#[ignore = "needs root and QEMU"]
fn room_machines_ask_for_an_address_when_switched_on() {
    for (number, nic) in [(1, Nic::E1000), (2, Nic::Virtio)] {
        let mut room = Room::new(&Stop::never()).unwrap();
        let listener = room.host(Some((FIRST, 24))).unwrap();
        let ear = listener
            .namespace()
            .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 67))?))
            .unwrap();
        ear.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let machine = room.machine(&Spec::new("probe", nic, number)).unwrap();
        let mut heard = [0; 1500];
        let length = ear.recv(&mut heard).expect("a request for an address");
        // RFC 2131, figure 1: the client's hardware address begins at byte 28.
        let mac: Vec<String> = heard[28..34]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(length > 240, "too short for DHCP");
        assert_eq!(mac.join(":"), machine.spec().mac);
    }
}
