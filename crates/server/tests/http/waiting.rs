//! Who is still fetching a system, as a machine that has all of it asks.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use tracker::{Announce, Event, PeerId, Tracker};

use crate::door::{Door, HASH, Setup, announce, ask_from, dropped_when, get, machines_when, open};

const ME: [u8; 4] = [127, 0, 0, 1];

/// Who waits for `system`, as a machine of this address is told.
fn waiting(door: &Door, from: [u8; 4], system: &str) -> Vec<String> {
    let answer = ask_from(
        door,
        from,
        "GET",
        &format!("/api/v1/waiting/{system}"),
        "",
        "",
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let list = json["waiting"].as_array().expect("a list").iter();
    list.map(|address| address.as_str().expect("an address").to_owned())
        .collect()
}

#[test]
fn who_announces_that_something_is_missing_is_waited_for() {
    let door = open(Setup::default());
    assert!(
        waiting(&door, ME, "debian").is_empty(),
        "the server's own seed waits for nothing"
    );
    announce(&door, [127, 0, 0, 1], "left=9&event=started");
    announce(&door, [127, 0, 0, 3], "left=9&event=started");
    announce(&door, [127, 0, 0, 2], "left=9&event=started");
    announce(&door, [127, 0, 0, 4], "left=0&event=started");
    announce(&door, [127, 0, 0, 5], "left=9&event=paused");
    assert_eq!(
        waiting(&door, ME, "debian"),
        ["127.0.0.2", "127.0.0.3"],
        "not the asker"
    );
    assert_eq!(
        waiting(&door, [127, 0, 0, 2], "debian"),
        ["127.0.0.1", "127.0.0.3"]
    );
    announce(&door, [127, 0, 0, 2], "left=0&event=completed");
    announce(&door, [127, 0, 0, 3], "left=9&event=stopped");
    assert!(waiting(&door, ME, "debian").is_empty());
}

#[test]
fn for_one_that_fetches_one_stays_and_the_others_start() {
    let door = open(Setup::default());
    let all = [1, 2, 3].map(|last| [127, 0, 0, last]);
    for host in all {
        announce(&door, host, "left=0&event=completed");
    }
    announce(&door, [127, 0, 0, 9], "left=9&event=started");
    let wait = all.map(|host| waiting(&door, host, "debian").len());
    assert_eq!(wait, [1, 0, 0]);
    announce(&door, all[0], "left=0&event=stopped");
    assert_eq!(waiting(&door, all[1], "debian"), ["127.0.0.9"]);
}

/// A machine reports from its own address, which is how the journal knows it.
fn report(door: &Door, from: [u8; 4], step: &str) {
    let host = from[3];
    let body = format!(r#"{{"mac":"52:54:00:00:00:{host:02}","uptime_ms":1,"step":{{{step}}}}}"#);
    let json = "Content-Type: application/json\r\n";
    let answer = ask_from(door, from, "POST", "/api/v1/report", json, &body);
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn awake(door: &Door, from: [u8; 4]) {
    let facts = r#"{"memory_bytes":1,"cpus":1,"cpu":"","nic":"","address":"0.0.0.0","kernel":""}"#;
    report(door, from, &format!(r#""step":"awake","facts":{facts}"#));
}

fn progress(door: &Door, from: [u8; 4], system: &str, have: u64) {
    report(
        door,
        from,
        &format!(
            r#""step":"progress","system":"{system}","total":100,"have":{have},"uploaded":0,"peers":1,"rate":0,"sources":[]"#
        ),
    );
}

/// Where the tracker is switched off, what machines report is all there is.
#[test]
fn who_reports_an_unfinished_download_is_waited_for() {
    let door = open(Setup {
        tracker: None,
        systems: HashMap::from([("debian".into(), HASH), ("memtest".into(), HASH)]),
        ..Setup::default()
    });
    let stage = |address: &str, stage: &str| {
        machines_when(&door, |json| {
            let machines = json["machines"].as_array().unwrap();
            machines
                .iter()
                .any(|m| m["address"] == address && m["stage"] == stage)
        });
    };
    for host in [2, 3, 4] {
        awake(&door, [127, 0, 0, host]);
        progress(&door, [127, 0, 0, host], "debian", 50);
    }
    stage("127.0.0.4", "fetching");
    assert_eq!(
        waiting(&door, ME, "debian"),
        ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    );
    assert_eq!(
        waiting(&door, [127, 0, 0, 3], "debian"),
        ["127.0.0.2", "127.0.0.4"]
    );
    assert!(waiting(&door, ME, "memtest").is_empty());

    progress(&door, [127, 0, 0, 2], "debian", 100);
    report(
        &door,
        [127, 0, 0, 3],
        r#""step":"menu","systems":2,"timeout_s":-1"#,
    );
    progress(&door, [127, 0, 0, 4], "memtest", 1);
    machines_when(&door, |_| waiting(&door, ME, "memtest") == ["127.0.0.4"]);
    assert!(waiting(&door, ME, "debian").is_empty());
}

#[test]
fn an_unknown_system_is_not_found() {
    let door = open(Setup {
        systems: HashMap::from([("Рабочее место".to_owned(), HASH)]),
        ..Setup::default()
    });
    let name = "%D0%A0%D0%B0%D0%B1%D0%BE%D1%87%D0%B5%D0%B5%20%D0%BC%D0%B5%D1%81%D1%82%D0%BE";
    assert!(waiting(&door, ME, name).is_empty());
    for missing in ["debian", "..", "%2e%2e%2fetc", "%00", &"x".repeat(5000)] {
        let answer = get(&door, &format!("/api/v1/waiting/{missing}"), "");
        assert_eq!(answer.status, 404, "{missing}");
    }
    for none in ["/api/v1/waiting", "/api/v1/waiting/", "/api/v1/waiting/a/b"] {
        assert_eq!(get(&door, none, "").status, 404, "{none}");
    }
    assert_eq!(get(&door, "/api/v1/waiting/%ff", "").status, 400);
    dropped_when(&door, "waiting", "no such system", 4);
}

fn fetching(address: Ipv4Addr) -> Announce {
    Announce {
        info_hash: HASH,
        peer_id: PeerId([7; 20]),
        address: SocketAddrV4::new(address, 6881),
        left: 9,
        event: Event::Started,
        numwant: 0,
        compact: true,
        no_peer_id: true,
    }
}

/// A tracker that heard `count` machines when it began.
fn heard(count: u32) -> Tracker {
    let mut tracker = Tracker::new(tracker::Settings::default());
    tracker.allow(HASH);
    for n in 0..count {
        let address = Ipv4Addr::from(0x0a4d_0000 + n);
        let heard = tracker.announce(
            &fetching(address),
            Duration::ZERO,
            &mut StdRng::seed_from_u64(0),
        );
        assert!(heard.is_ok());
    }
    tracker
}

#[test]
fn no_answer_is_longer_than_a_thousand() {
    let door = open(Setup {
        tracker: Some(heard(1500)),
        ..Setup::default()
    });
    assert_eq!(waiting(&door, ME, "debian").len(), 1000);
}

/// It is in the tracker's table for minutes, but nobody waits for it.
#[test]
fn a_machine_that_was_switched_off_holds_nobody_up() {
    for (ago, expected) in [(20, 1), (31, 0)] {
        let begun = Instant::now().checked_sub(Duration::from_secs(ago));
        let door = open(Setup {
            tracker: Some(heard(1)),
            begun: begun.expect("this computer runs for a minute"),
            ..Setup::default()
        });
        assert_eq!(waiting(&door, ME, "debian").len(), expected, "{ago} s ago");
    }
}
