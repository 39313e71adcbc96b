//! Recordings of real firmware, played into the responder. What it answers lies beside each
//! recording as text; `UPDATE_FIXTURES=1` writes the texts anew.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::{env, fs};

use pxe::{Change, Lease, Request, Settings};

use crate::client::{World, settings};
use crate::pcap::Datagram;
use crate::{pcap, show};

#[test]
fn recorded_firmware_is_answered_as_the_texts_say() {
    let update = env::var_os("UPDATE_FIXTURES").is_some();
    let mut played = 0;
    for recording in recordings() {
        let text = play(&fs::read(&recording).unwrap());
        let expected = recording.with_extension("txt");
        if update {
            fs::write(&expected, &text).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(
            text,
            expected,
            "{} (UPDATE_FIXTURES=1 rewrites)",
            recording.display()
        );
        played += 1;
    }
    assert!(played >= 19, "only {played} recordings were found");
}

/// All recordings there are.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dhcp");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_recording = |file: &PathBuf| file.extension().is_some_and(|it| it == "pcap");
    files.filter(is_recording).collect()
}

fn play(recording: &[u8]) -> String {
    let datagrams = pcap::read(recording);
    let mut world = world(&datagrams);
    remember(&mut world, recording);
    let server = world.responder.settings().server;
    let mut text = String::new();
    for datagram in &datagrams {
        let asks_4011 = datagram.destination == (server, 4011);
        if datagram.destination.1 != 67 && !asks_4011 {
            continue;
        }
        let request = Request::read(&datagram.payload).expect("a request of a real client");
        let _ = writeln!(
            text,
            "{:7.3} {}{}",
            datagram.at.as_secs_f64(),
            show::request(&request),
            if asks_4011 { ", at port 4011" } else { "" }
        );
        world.now = world.now.max(datagram.at);
        let (ip, port) = datagram.source;
        let outcome = if asks_4011 {
            world.deliver_4011(&datagram.payload, SocketAddrV4::new(ip, port))
        } else {
            world.deliver(&datagram.payload)
        };
        for line in show::outcome(&outcome).lines() {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

/// We play the part of the server that told firmware what to boot: beside another one, where its
/// offers had no address.
pub(crate) fn world(datagrams: &[Datagram]) -> World {
    let replies = || datagrams.iter().filter(|datagram| datagram.source.1 == 67);
    let proxy = replies().find(|datagram| datagram.payload[16..20] == [0; 4]);
    let played = proxy.or_else(|| replies().next()).expect("a server");
    let settings = Settings {
        server: played.source.0,
        ..settings()
    };
    if proxy.is_some() {
        World::proxy(settings)
    } else {
        World::new(settings)
    }
}

/// The client goes on with the address that it was offered then: remembers it as its own.
pub(crate) fn remember(world: &mut World, recording: &[u8]) {
    let server = world.responder.settings().server;
    let replies = pcap::read(recording);
    for datagram in replies.iter().filter(|reply| reply.source == (server, 67)) {
        let reply = &datagram.payload;
        let address = Ipv4Addr::from(<[u8; 4]>::try_from(&reply[16..20]).unwrap());
        let mac = report::Mac(reply[28..34].try_into().unwrap());
        // No address of the pool is 0.0.0.0, which a proxy offers.
        world.responder.restore(Change::Lease(Lease {
            mac,
            address,
            until: world.now,
        }));
    }
}
