//! The statistics page to the byte, after a known history.

use std::net::Ipv4Addr;
use std::time::Duration;

use metainfo::InfoHash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tracker::{Announce, Mode, Refusal, Scrape, Settings, Tracker};

const TWO_HOURS: Duration = Duration::from_secs(7200);

/// Two torrents, the server's seed on both; of the first two machines, one of them with everything.
fn room() -> Tracker {
    let mut tracker = Tracker::new(Settings {
        id: 4711,
        ..Settings::default()
    });
    let seed = "10.77.0.1:6881".parse().expect("an address");
    for byte in [0xab, 0xcd] {
        tracker.add_permanent(InfoHash([byte; 20]), seed);
    }
    let mut ask = |host: u8, more: &str| {
        let hash = "%ab".repeat(20);
        let query = format!(
            "info_hash={hash}&peer_id=-XX0001-00000000000{}&port=6881&{more}",
            host % 10
        );
        let asked = Announce::parse(&query, Ipv4Addr::new(10, 77, 0, host))
            .and_then(|asker| tracker.announce(&asker, TWO_HOURS, &mut StdRng::seed_from_u64(0)));
        if let Err(refusal) = asked {
            tracker.refused(refusal);
        }
    };
    ask(2, "left=9&event=started");
    ask(3, "left=9&event=started");
    ask(3, "left=0&event=completed");
    ask(4, "left=9&port=0");
    ask(4, "left=9&info_hash=%12");
    tracker.scrape(&Scrape::All, TWO_HOURS);
    tracker
}

#[test]
fn every_mode_to_the_byte() {
    let version = env!("CARGO_PKG_VERSION");
    let (ab, cd) = ("AB".repeat(20), "CD".repeat(20));
    for (mode, expected) in [
        (
            Mode::Peer,
            "4\n3\nbt-server serving 2 torrents\nbt-server\n".to_owned(),
        ),
        (
            Mode::Torr,
            "2\n0\nbt-server serving 2 torrents\nbt-server\n".to_owned(),
        ),
        (
            Mode::Conn,
            "6\n3\n7200 seconds (2 hours)\nbt-server connections, 0 conns/s :: 0 success/s\n"
                .to_owned(),
        ),
        (
            Mode::Tcp4,
            "6\n3\n7200 seconds (2 hours)\nbt-server tcp4 stats, 0 conns/s :: 0 success/s\n"
                .to_owned(),
        ),
        (
            Mode::Scrp,
            "1\n0\n7200 seconds (2 hours)\nbt-server scrape stats, 0 tcp/s :: 0 udp/s\n".to_owned(),
        ),
        (
            Mode::Top10,
            format!(
                "Top 10 torrents by peers:\n\t3\t{ab}\n\t1\t{cd}\nTop 10 torrents by seeds:\n\t2\t{ab}\n\t1\t{cd}\n"
            ),
        ),
        (Mode::Version, format!("bt-server {version}\n")),
    ] {
        assert_eq!(room().stats(mode, TWO_HOURS), expected, "{mode:?}");
    }
}

/// The paths that exporters written for opentracker look up.
#[test]
fn everything_is_one_xml_document() {
    let page = room().stats(Mode::Everything, TWO_HOURS);
    let flat: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "<stats> <tracker_id>4711</tracker_id> <version>bt-server",
        "<uptime>7200</uptime>",
        "<torrents> <count_mutex>2</count_mutex> <count_iterator>2</count_iterator> </torrents>",
        "<peers> <count>4</count> </peers> <seeds> <count>3</count> </seeds>",
        "<completed> <count>1</count> </completed>",
        "<connections> <tcp> <accept>6</accept> <announce>3</announce> <scrape>1</scrape> </tcp> <udp>",
        "<count code=\"no usable info_hash\">1</count>",
        "<count code=\"no usable port\">1</count>",
        "<count code=\"a torrent that is not ours\">0</count>",
        "</debug> </stats>",
    ] {
        assert!(flat.contains(part), "{part}\n{page}");
    }
    assert!(
        page.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"),
        "{page}"
    );
    balanced(&page);
}

/// Every tag is closed, in the right order.
fn balanced(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1).filter(|tag| !tag.starts_with('?')) {
        let (tag, _) = tag.split_once('>').expect("a whole tag");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn counts_are_of_those_who_are_there_now() {
    let mut tracker = room();
    let later = TWO_HOURS + Settings::default().expiry;
    assert_eq!(
        tracker.stats(Mode::Peer, later),
        "2\n2\nbt-server serving 2 torrents\nbt-server\n"
    );
}

#[test]
fn a_tracker_that_just_began_divides_by_nothing() {
    let mut tracker = Tracker::new(Settings::default());
    for (name, mode) in Mode::ALL {
        assert!(!tracker.stats(mode, Duration::ZERO).is_empty(), "{name}");
    }
    assert_eq!(
        tracker.stats(Mode::Top10, Duration::ZERO),
        "Top 10 torrents by peers:\nTop 10 torrents by seeds:\n"
    );
}

#[test]
fn however_many_torrents_ten_are_listed() {
    let mut tracker = Tracker::new(Settings::default());
    let seed = "10.77.0.1:6881".parse().expect("an address");
    (0..50).for_each(|byte| tracker.add_permanent(InfoHash([byte; 20]), seed));
    let page = tracker.stats(Mode::Top10, Duration::ZERO);
    assert_eq!(page.lines().count(), 2 * (1 + 10), "{page}");
}

#[test]
fn modes_are_named_in_the_query() {
    for (name, mode) in Mode::ALL {
        assert_eq!(Mode::parse(&format!("mode={name}")), Ok(mode));
        assert_eq!(Mode::parse(&format!("format=txt&mode={name}&")), Ok(mode));
    }
    assert_eq!(Mode::parse(""), Ok(Mode::Peer));
    assert_eq!(Mode::parse("format=txt"), Ok(Mode::Peer));
    let long = format!("mode={}", "\u{e9}".repeat(9000));
    for query in ["mode=", "mode=udp4", "mode=PEER", "mode=%ff%00%1b", &long] {
        let refused = Mode::parse(query).expect_err(query).to_string();
        assert!(
            refused
                .ends_with("Ask for mode=peer, torr, conn, tcp4, scrp, top10, everything, version"),
            "{refused}"
        );
        assert!(
            refused.chars().all(|c| !c.is_control()) && refused.len() < 400,
            "{refused}"
        );
    }
}

#[test]
fn refusals_are_counted_by_reason_and_never_overflow() {
    let mut tracker = Tracker::new(Settings::default());
    for refusal in Refusal::ALL {
        tracker.refused(refusal);
        tracker.refused(refusal);
    }
    assert!(
        Refusal::ALL
            .iter()
            .all(|refusal| tracker.totals().refused[refusal] == 2)
    );
}
