//! The tracker as programs that we did not write ask it, over a real connection.

use crate::door::{
    HASH, Setup, announce, ask, connect, dropped_when, exchange, get, machines_when, open,
};
use metainfo::bencode::{self, Value};
use std::io::{Read, Write};
use tracker::Tracker;

const ME: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];
const THIRD: [u8; 4] = [127, 0, 0, 3];

/// A peer of the compact form at port 6881.
fn compact(address: [u8; 4]) -> Vec<u8> {
    [&address[..], &6881u16.to_be_bytes()].concat()
}

/// The answer's value under a key, as bytes.
fn bytes_of(body: &[u8], key: &str) -> Vec<u8> {
    let value = bencode::parse(body).unwrap_or_else(|e| panic!("{e}: {body:?}"));
    let found = value.as_dict().and_then(|dict| dict.get(key)?.as_bytes());
    found
        .unwrap_or_else(|| panic!("no {key}: {body:?}"))
        .to_vec()
}

#[test]
fn a_newcomer_finds_the_seed_and_the_others_at_their_own_addresses() {
    let door = open(Setup::default());
    let first = announce(&door, OTHER, "left=9&compact=1&event=started&ip=127.0.0.9");
    assert_eq!(
        (first.status, bytes_of(&first.body, "peers")),
        (200, compact(ME))
    );
    let second = announce(&door, THIRD, "left=9&compact=1&event=started&ip=192.0.2.1");
    assert_eq!(
        bytes_of(&second.body, "peers"),
        [compact(ME), compact(OTHER)].concat(),
        "the seed and the machine before it, wherever that said it was"
    );
    let none = announce(&door, THIRD, "left=9&numwant=0");
    assert_eq!(bytes_of(&none.body, "peers"), b"");
    announce(&door, OTHER, "left=9&event=stopped");
    let third = announce(&door, THIRD, "left=9");
    assert_eq!(bytes_of(&third.body, "peers"), compact(ME));
}

#[test]
fn the_long_form_is_for_who_asks_for_it() {
    let door = open(Setup::default());
    announce(&door, OTHER, "left=9");
    for (more, id) in [("compact=0", true), ("compact=0&no_peer_id=1", false)] {
        let answer = announce(&door, THIRD, &format!("left=9&{more}"));
        let value = bencode::parse(&answer.body).unwrap();
        let Some(Value::List(peers)) = value.as_dict().and_then(|dict| dict.get("peers")) else {
            panic!("{}", answer.text())
        };
        let other = peers[1].as_dict().unwrap();
        assert_eq!(other.get("ip").and_then(Value::as_str), Some("127.0.0.2"));
        assert_eq!(other.get("port").and_then(Value::as_size), Some(6881));
        assert_eq!(other.get("peer id").is_some(), id, "{more}");
    }
}

/// As BEP 3 has it, and with status 200: many clients look at no body with another.
#[test]
fn what_cannot_be_answered_is_told_in_words() {
    let door = open(Setup::default());
    let hash = "%ab".repeat(20);
    let id = "peer_id=-XX0001-000000000001";
    for (path, reason) in [
        ("/announce".to_owned(), "info_hash"),
        ("/announce?".to_owned(), "info_hash"),
        ("/announce?&".to_owned(), "info_hash"),
        (format!("/announce?info_hash={hash}"), "peer_id"),
        (format!("/announce?info_hash={hash}&{id}"), "port"),
        (format!("/announce?info_hash={hash}&{id}&port=0"), "port"),
        (
            format!("/announce?info_hash={}&{id}&port=1&", "%cd".repeat(20)),
            "does not serve",
        ),
        (format!("/announce?x={}", "y".repeat(9000)), "longer than"),
        ("/scrape?info_hash=short".to_owned(), "info_hash"),
        (format!("/scrape?x={}", "y".repeat(9000)), "longer than"),
    ] {
        let answer = get(&door, &path, "");
        let said = String::from_utf8(bytes_of(&answer.body, "failure reason")).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert!(said.contains(reason), "{path}: {said}");
        assert!(
            answer.head.contains("content-type: text/plain"),
            "{path}: {}",
            answer.head
        );
    }
    dropped_when(&door, "announce", "no usable info_hash", 3);
    dropped_when(&door, "announce", "a torrent that is not ours", 1);
    dropped_when(&door, "scrape", "a query that is too long", 1);
}

#[test]
fn scrapes_name_one_or_many_or_all() {
    let mut tracker = Tracker::new(tracker::Settings::default());
    let other = metainfo::InfoHash([0xcd; 20]);
    tracker.allow(HASH);
    tracker.allow(other);
    let door = open(Setup {
        tracker: Some(tracker),
        ..Setup::default()
    });
    let file = |hash: metainfo::InfoHash| {
        let counts = b"d8:completei0e10:downloadedi0e10:incompletei0ee";
        [b"20:", &hash.0[..], counts].concat()
    };
    let (ab, cd, ef) = ("%ab".repeat(20), "%CD".repeat(20), "%ef".repeat(20));
    for (query, files) in [
        (String::new(), vec![HASH, other]),
        ("?".to_owned(), vec![HASH, other]),
        (format!("?info_hash={ab}"), vec![HASH]),
        (format!("?info_hash={cd}&info_hash={ab}"), vec![HASH, other]),
        (format!("?info_hash={ab}&info_hash={ef}&"), vec![HASH]),
        (format!("?info_hash={ef}"), vec![]),
    ] {
        let body = get(&door, &format!("/scrape{query}"), "").body;
        let files: Vec<u8> = files.into_iter().flat_map(file).collect();
        assert_eq!(body, [b"d5:filesd", &files[..], b"ee"].concat(), "{query}");
    }
}

/// Old clients and small ones speak HTTP/1.0; a HEAD is a GET without its body.
#[test]
fn the_answer_is_the_same_however_it_is_asked_for() {
    let door = open(Setup::default());
    let hash = "%ab".repeat(20);
    let path = format!("/announce?info_hash={hash}&peer_id=-XX0001-000000000001&port=6881&left=9");
    let usual = get(&door, &path, "").body;
    for request in [
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("GET {path}& HTTP/1.0\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n"),
        format!("GET http://x{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: deflate, gzip, br, zstd\r\nWant-Digest: SHA\r\n\r\n"
        ),
    ] {
        let answer = exchange(&door, ME, request.as_bytes());
        assert_eq!((answer.status, &answer.body), (200, &usual), "{request}");
        let length = format!("content-length: {}\r\n", usual.len());
        assert!(answer.head.contains(&length), "{}", answer.head);
    }
    for path in [&path, "/scrape", "/stats"] {
        let whole = get(&door, path, "");
        let head = ask(&door, "HEAD", path, "", "");
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        let length = format!("content-length: {}\r\n", whole.body.len());
        assert!(head.head.contains(&length), "{path}: {}", head.head);
        assert_eq!(ask(&door, "POST", path, "", "").status, 405, "{path}");
    }
}

#[test]
fn one_connection_carries_many_announces() {
    let door = open(Setup::default());
    let mut stream = connect(&door, ME);
    let hash = "%ab".repeat(20);
    let query = format!("info_hash={hash}&peer_id=-XX0001-000000000001&port=6881&left=9");
    let request = format!("GET /announce?{query} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.repeat(3).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    while bytes.windows(5).filter(|w| w == b"peers").count() < 3 {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&some[..read]);
    }
}

/// What is no URL is refused by the HTTP codec, and the door goes on.
#[test]
fn raw_bytes_are_taken_as_far_as_a_url_may_have_them() {
    let door = open(Setup::default());
    let with_id = |id: &[u8]| {
        let hash = "%ab".repeat(20);
        let before = format!("GET /announce?info_hash={hash}&left=9&port=6881&peer_id=");
        let after = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        exchange(&door, OTHER, &[before.as_bytes(), id, after].concat())
    };
    for id in [&b"-XX0001-(*)!'~,;:@/?"[..], "-XX0001-Ünïcödé!".as_bytes()] {
        let answer = with_id(id);
        assert_eq!((answer.status, id.len()), (200, 20));
        assert_eq!(bytes_of(&answer.body, "peers"), compact(ME));
    }
    for id in [
        &b"-XX0001-\xff\xfe\x80789012345"[..],
        b"-XX0001-\x01789012345",
    ] {
        assert_eq!(with_id(id).status, 400, "{id:?}");
    }
    assert_eq!(announce(&door, ME, "left=9").status, 200);
}

#[test]
fn a_tracker_that_is_switched_off_says_so() {
    let door = open(Setup {
        tracker: None,
        ..Setup::default()
    });
    for path in [
        "/announce",
        "/announce?info_hash=x",
        "/scrape",
        "/stats",
        "/stats?mode=conn",
    ] {
        let answer = get(&door, path, "");
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.text().contains("opentracker.enable"),
            "{path}: {}",
            answer.text()
        );
    }
    dropped_when(&door, "tracker", "switched off", 5);
    // The rest of the port is there as ever.
    assert_eq!(get(&door, "/boot/boot.ipxe", "").status, 200);
    machines_when(&door, |json| json["machines"][0]["address"] == "127.0.0.1");
}
