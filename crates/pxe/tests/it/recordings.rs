//! Recordings of real firmware, played into the responder. What it answers lies beside each
//! recording as text; `UPDATE_FIXTURES=1` writes the texts anew.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::{env, fs};

use pxe::{Change, Lease, Request};

use crate::client::{SERVER, World, settings};
use crate::{pcap, show};

#[test]
fn recorded_firmware_is_answered_as_the_texts_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dhcp");
    let update = env::var_os("UPDATE_FIXTURES").is_some();
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let recording = entry.unwrap().path();
        if recording
            .extension()
            .is_none_or(|extension| extension != "pcap")
        {
            continue;
        }
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
    assert!(played >= 11, "only {played} recordings were found");
}

fn play(recording: &[u8]) -> String {
    let mut world = World::new(settings());
    let mut text = String::new();
    for datagram in pcap::read(recording) {
        if datagram.source == (SERVER, 67) {
            // The client goes on with the address that it was offered then: remember it as its own.
            remember(&mut world, &datagram.payload);
        }
    }
    for datagram in pcap::read(recording) {
        if datagram.destination.1 != 67 {
            continue;
        }
        let request = Request::read(&datagram.payload).expect("a request of a real client");
        let _ = writeln!(
            text,
            "{:7.3} {}",
            datagram.at.as_secs_f64(),
            show::request(&request)
        );
        world.now = world.now.max(datagram.at);
        let outcome = show::outcome(&world.deliver(&datagram.payload));
        for line in outcome.lines() {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

fn remember(world: &mut World, reply: &[u8]) {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(&reply[16..20]).unwrap());
    let mac = report::Mac(reply[28..34].try_into().unwrap());
    world.responder.restore(Change::Lease(Lease {
        mac,
        address,
        until: world.now,
    }));
}
