//! What clients send, as tables: the queries of real programs, and odd ones.

use std::net::{Ipv4Addr, SocketAddrV4};

use metainfo::InfoHash;
use tracker::{Announce, Event, Refusal, Scrape};

const FROM: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);
/// The torrent that the recorded clients announced.
const HASH: InfoHash =
    InfoHash(*b"k\xef\x2c\x84\x2f5\x5c\x09\x09\xc3\x92\x9fw\x28\xe4\xea\xca\xb5\x1f\x2a");

/// Recorded: aria2 1.36, transmission 3.00, libtorrent 2.0.8 (which adds its other addresses where it
/// knows them). The last is as librqbit 9.1 writes it.
const CLIENTS: [(&str, &[u8; 20], u16, usize, &str); 4] = [
    (
        "aria2",
        b"A2-1-36-0-\xdb\xa4\x2a\xb4\x82\xacXU\xf1b",
        6942,
        50,
        "info_hash=k%EF%2C%84%2F5%5C%09%09%C3%92%9Fw%28%E4%EA%CA%B5%1F%2A&peer_id=A2-1-36-0-%DB%A4%2A%B4%82%ACXU%F1b\
         &uploaded=0&downloaded=0&left=100000&compact=1&key=%2A%B4%82%ACXU%F1b&numwant=50&no_peer_id=1&port=6942\
         &event=started&supportcrypto=1",
    ),
    (
        "transmission",
        b"-TR3000-rgpx2xst54fz",
        51499,
        80,
        "info_hash=k%ef%2c%84%2f5%5c%09%09%c3%92%9fw%28%e4%ea%ca%b5%1f%2a&peer_id=-TR3000-rgpx2xst54fz&port=51499\
         &uploaded=0&downloaded=0&left=100000&numwant=80&key=6e4ad3df&compact=1&supportcrypto=1&event=started",
    ),
    (
        "libtorrent",
        b"-LT2080-uruIULgK2URg",
        51500,
        200,
        "info_hash=k%ef%2c%84%2f5%5c%09%09%c3%92%9fw(%e4%ea%ca%b5%1f*&peer_id=-LT2080-uruIULgK2URg&port=51500\
         &uploaded=0&downloaded=0&left=100000&corrupt=0&key=D6FF4724&event=started&numwant=200&compact=1\
         &no_peer_id=1&supportcrypto=1&redundant=0&ipv4=192.0.2.1&ipv6=2001%3adb8%3a%3a1",
    ),
    (
        "rqbit",
        b"-rQ9100-abcdefghijkl",
        4240,
        50,
        "info_hash=k%EF%2C%84%2F5%5C%09%09%C3%92%9Fw%28%E4%EA%CA%B5%1F%2A&peer_id=-rQ9100-abcdefghijkl&event=started\
         &port=4240&uploaded=0&downloaded=0&left=100000&compact=1&no_peer_id=0&key=1234567890",
    ),
];

#[test]
fn real_clients_are_understood() {
    for (name, id, port, numwant, query) in CLIENTS {
        let announce = Announce::parse(query, FROM).expect(name);
        assert_eq!(announce.info_hash, HASH, "{name}");
        assert_eq!(&announce.peer_id.0, id, "{name}");
        assert_eq!(announce.address, SocketAddrV4::new(FROM, port), "{name}");
        assert_eq!(
            (announce.left, announce.event),
            (100_000, Event::Started),
            "{name}"
        );
        assert_eq!(announce.numwant, numwant, "{name}");
        assert!(announce.compact, "{name}");
        assert_eq!(
            announce.no_peer_id,
            query.contains("no_peer_id=1"),
            "{name}"
        );
    }
}

const USUAL: &str = "info_hash=AAAAAAAAAAAAAAAAAAAA&peer_id=BBBBBBBBBBBBBBBBBBBB&port=6881&left=17";

/// What is added to a usual announce, and what it comes to.
fn with(more: &str) -> Announce {
    Announce::parse(&format!("{USUAL}&{more}"), FROM).expect(more)
}

#[test]
fn optional_keys_mean_what_they_say_or_nothing() {
    let plain = with("");
    assert_eq!(
        (plain.numwant, plain.compact, plain.no_peer_id),
        (50, true, false)
    );
    for (query, numwant) in [
        ("numwant=0", 0),
        ("numwant=1", 1),
        ("numwant=200", 200),
        ("numwant=201", 200),
        ("numwant=99999999999999999999999999", 200),
        ("numwant=-1", 50),
        ("numwant=-99999999999999999999999999", 50),
        ("numwant=", 50),
        ("numwant=many", 50),
        ("numwant=%ff", 50),
        ("numwant=5&numwant=7", 7),
    ] {
        assert_eq!(with(query).numwant, numwant, "{query}");
    }
    for (query, compact, no_peer_id) in [
        ("compact=0", false, false),
        ("compact=1", true, false),
        ("compact=", true, false),
        ("compact=0&no_peer_id=1", false, true),
        ("compact=0&no_peer_id=0", false, false),
        ("no_peer_id", true, false),
    ] {
        let announce = with(query);
        assert_eq!(
            (announce.compact, announce.no_peer_id),
            (compact, no_peer_id),
            "{query}"
        );
    }
    for (query, event) in [
        ("event=started", Event::Started),
        ("event=completed", Event::Completed),
        ("event=stopped", Event::Stopped),
        ("event=paused", Event::Paused),
        ("event=", Event::Regular),
        ("event=empty", Event::Regular),
        ("event=STARTED", Event::Regular),
        ("event=%00", Event::Regular),
        ("event=started&event=stopped", Event::Stopped),
    ] {
        assert_eq!(with(query).event, event, "{query}");
    }
}

#[test]
fn what_is_left_is_believed_as_far_as_it_is_a_number() {
    let without = USUAL.replace("&left=17", "");
    for (more, left) in [
        ("left=0", 0),
        ("left=18446744073709551615", u64::MAX),
        ("left=18446744073709551616", u64::MAX),
        ("left=-1", u64::MAX),
        ("left=", u64::MAX),
        ("", u64::MAX),
        ("event=completed", 0),
        ("event=completed&left=5", 5),
        ("left=3&left=4", 4),
        ("uploaded=-1&downloaded=99999999999999999999&left=6", 6),
    ] {
        let announce = Announce::parse(&format!("{without}&{more}"), FROM).expect(more);
        assert_eq!(announce.left, left, "{more}");
    }
}

/// Nobody names an address for somebody else.
#[test]
fn the_address_is_the_connections_own() {
    for more in [
        "ip=192.0.2.1",
        "ip=2001:db8::1",
        "ip=example.org",
        "ipv4=192.0.2.1",
        "ip=",
    ] {
        assert_eq!(with(more), with(""), "{more}");
    }
}

#[test]
fn what_changes_nothing_is_passed_over() {
    for more in [
        "",
        "&",
        "&&&",
        "key=12345678",
        "key=",
        "trackerid=x",
        "supportcrypto=1",
        "x",
        "=",
        "%=%",
    ] {
        assert_eq!(with(more), with(""), "{more}");
    }
}

/// Each byte of a hash plain, in either case of hexadecimal, or escaped although it need not be.
#[test]
fn bytes_may_be_escaped_or_not() {
    let with = |hash: &str, id: &str| {
        Announce::parse(&format!("info_hash={hash}&peer_id={id}&port=1"), FROM)
            .map(|announce| (announce.info_hash.0, announce.peer_id.0))
    };
    let expected = Ok((*b"ABCDEFGHIJKLMNOPQRS\xe9", *b"bB~.-_!*'()$,:;@/+]\0"));
    for (hash, id) in [
        ("ABCDEFGHIJKLMNOPQRS%e9", "bB~.-_!*'()$,:;@/+]%00"),
        ("ABCDEFGHIJKLMNOPQRS%E9", "b%42%7E.-_!*'()$,:;@/%2B%5D%00"),
        (
            "%41%42%43%44%45%46%47%48%49%4a%4b%4C%4D%4e%4f%50%51%52%53%e9",
            "%62%42%7e.%2d%5f!*'()$,:;@/%2b%5d%00",
        ),
    ] {
        assert_eq!(with(hash, id), expected, "{hash} {id}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (query, refusal) in [
        ("", Refusal::InfoHash),
        ("&", Refusal::InfoHash),
        ("port=1", Refusal::InfoHash),
        (&USUAL.replace("info_hash", "Info_hash"), Refusal::InfoHash),
        (&USUAL.replace("=AA", "=A"), Refusal::InfoHash),
        (&USUAL.replace("=AA", "=AAA"), Refusal::InfoHash),
        (&USUAL.replace("=AA", "=%ZZ"), Refusal::InfoHash),
        (&format!("{USUAL}&info_hash="), Refusal::InfoHash),
        (&USUAL.replace("peer_id=", "peer="), Refusal::PeerId),
        (&USUAL.replace("=BB", "=B"), Refusal::PeerId),
        (&USUAL.replace("port=6881", "port=0"), Refusal::Port),
        (&USUAL.replace("port=6881", "port=65536"), Refusal::Port),
        (&USUAL.replace("port=6881", "port=-1"), Refusal::Port),
        (&USUAL.replace("port=6881", "port="), Refusal::Port),
        (&USUAL.replace("port=6881", "p=6881"), Refusal::Port),
        (&format!("{USUAL}&x={}", "y".repeat(8192)), Refusal::TooLong),
    ] {
        assert_eq!(Announce::parse(query, FROM), Err(refusal), "{query}");
    }
}

#[test]
fn a_scrape_names_some_or_none() {
    let (a, b) = ("A".repeat(20), "%42".repeat(20));
    let [first, second] = [b'A', b'B'].map(|byte| InfoHash([byte; 20]));
    let many = format!("info_hash={}", "%42".repeat(20)) + "&";
    for (query, expected) in [
        ("", Ok(Scrape::All)),
        ("&", Ok(Scrape::All)),
        ("numwant=5", Ok(Scrape::All)),
        (&format!("info_hash={a}"), Ok(Scrape::Named(vec![first]))),
        (
            &format!("info_hash={a}&info_hash={b}&"),
            Ok(Scrape::Named(vec![first, second])),
        ),
        (&many.repeat(100), Ok(Scrape::Named(vec![second; 100]))),
        // Not all torrents, for somebody who asked about one.
        ("info_hash=", Err(Refusal::InfoHash)),
        ("info_hash=short", Err(Refusal::InfoHash)),
        (
            &format!("info_hash={a}&info_hash=short"),
            Err(Refusal::InfoHash),
        ),
        (&many.repeat(200), Err(Refusal::TooLong)),
    ] {
        assert_eq!(Scrape::parse(query), expected, "{query}");
    }
}
