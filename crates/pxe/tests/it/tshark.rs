//! A second opinion on what we send: tshark reads every reply to the recorded firmware, and finds
//! nothing malformed in it and nothing to warn of.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;

use pxe::Action;

use crate::client::SERVER;
use crate::recordings::{recordings, remember, world};

/// The severity of a warning; an error's is higher, a remark's lower (wireshark's `expert.h`).
const WARNING: u32 = 0x60_0000;

/// A reply, and where it goes.
type Reply = (Vec<u8>, SocketAddrV4);

#[test]
#[ignore = "needs tshark; cargo xtask test runs it"]
fn tshark_reads_every_reply_to_recorded_firmware_without_a_warning() {
    let mut replies = Vec::new();
    for recording in recordings() {
        let before = replies.len();
        play(&fs::read(&recording).unwrap(), &mut replies);
        let name = recording.display();
        assert!(replies.len() > before, "{name}: nothing was answered");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replies.pcap");
    write(&file, &replies).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-r"])
        .arg(&file)
        .args(["-T", "fields", "-e", "dhcp.type", "-e", "dhcp.option.dhcp"])
        .args(["-e", "_ws.malformed", "-e", "_ws.expert.severity"])
        .args(["-e", "_ws.expert.message"])
        .output()
        .expect("no tshark: `cargo xtask setup` installs it");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), replies.len());
    for (line, (reply, to)) in lines.iter().zip(&replies) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [operation, kind, malformed, severity, _] = fields[..] else {
            panic!("{line}");
        };
        // What it takes for a BOOTREPLY with a type it has really taken apart.
        assert!(operation == "2" && !kind.is_empty(), "{line}");
        let severities = severity.split(',').filter(|one| !one.is_empty());
        let worst = severities.map(|one| one.parse::<u32>().unwrap()).max();
        assert!(
            malformed.is_empty() && worst.unwrap_or_default() < WARNING,
            "{line}\nof {reply:02x?} to {to}; {} has it",
            file.display()
        );
    }
}

/// The replies to everything in a recording.
fn play(recording: &[u8], replies: &mut Vec<Reply>) {
    let datagrams = crate::pcap::read(recording);
    let mut world = world(&datagrams);
    remember(&mut world, recording);
    let server = world.responder.settings().server;
    for datagram in &datagrams {
        let (ip, port) = datagram.source;
        let responder = &mut world.responder;
        world.now = world.now.max(datagram.at);
        let mut action = match datagram.destination {
            (_, 67) => responder.handle(&datagram.payload, world.now),
            (to, 4011) if to == server => {
                let from = SocketAddrV4::new(ip, port);
                responder.handle_4011(&datagram.payload, from, world.now)
            }
            _ => continue,
        };
        while let Action::ProbeAddress(question) = action {
            action = responder.probed(question, false, world.now);
        }
        if let Action::Reply { bytes, to, .. } = action {
            replies.push((bytes, to));
        }
    }
}

/// A pcap file of Ethernet frames, as they would leave the server.
fn write(file: &Path, replies: &[Reply]) -> io::Result<()> {
    let mut pcap = BufWriter::new(File::create(file)?);
    // Version 2.4 of the format, times in microseconds, whole frames, Ethernet.
    pcap.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    pcap.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    pcap.write_all(&65_535_u32.to_le_bytes())?;
    pcap.write_all(&1_u32.to_le_bytes())?;
    for (second, (payload, to)) in (0_u32..).zip(replies) {
        let frame = frame(payload, *to);
        let length = u32::try_from(frame.len()).unwrap();
        for number in [second, 0, length, length] {
            pcap.write_all(&number.to_le_bytes())?;
        }
        pcap.write_all(&frame)?;
    }
    pcap.flush()
}

fn frame(payload: &[u8], to: SocketAddrV4) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
    let mut ip = vec![0x45, 0];
    ip.extend(short(20 + 8 + payload.len()));
    ip.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    ip.extend(SERVER.octets());
    ip.extend(to.ip().octets());
    let sum = checksum(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    // To the machine's own card, or to all where the address is everybody's.
    let card = match *to.ip() {
        Ipv4Addr::BROADCAST => [255; 6],
        _ => payload[28..34].try_into().unwrap(),
    };
    let mut frame = [&card[..], &[0x52, 0x54, 0, 0, 0, 1], &[8, 0], &ip].concat();
    frame.extend(67_u16.to_be_bytes());
    frame.extend(to.port().to_be_bytes());
    frame.extend(short(8 + payload.len()));
    // No checksum, which UDP allows.
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// RFC 791's: the complement of the sum of all 16-bit words in one's complement.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}
