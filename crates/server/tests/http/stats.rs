//! The statistics page: its modes through the door, and what it costs.

use crate::door::{HASH, SEED, Setup, announce, dropped_when, get, open};
use tracker::Tracker;

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn what_was_asked_is_counted() {
    let door = open(Setup::default());
    let page = |mode: &str| {
        let answer = get(&door, &format!("/stats{mode}"), "");
        assert_eq!(answer.status, 200, "{mode}");
        assert!(
            answer.head.contains("content-type: text/plain"),
            "{}",
            answer.head
        );
        answer.text()
    };
    assert_eq!(page(""), "1\n1\nbt-server serving 1 torrents\nbt-server\n");
    announce(&door, [127, 0, 0, 2], "left=9&event=started");
    announce(&door, [127, 0, 0, 3], "left=9&event=started");
    announce(&door, [127, 0, 0, 3], "left=0&event=completed");
    get(&door, "/announce", "");
    get(&door, "/scrape", "");
    for mode in ["", "?", "?mode=peer", "?mode=peer&format=txt&"] {
        assert_eq!(
            page(mode),
            "3\n2\nbt-server serving 1 torrents\nbt-server\n",
            "{mode}"
        );
    }
    assert_eq!(lines(&page("?mode=torr"))[..2], ["1", "0"]);
    for mode in ["?mode=conn", "?mode=tcp4"] {
        let text = page(mode);
        assert_eq!(
            lines(&text)[..2],
            ["5", "3"],
            "requests, and announces answered: {text}"
        );
        assert!(lines(&text)[2].contains(" seconds ("), "{text}");
        assert_eq!(lines(&text).len(), 4, "{text}");
    }
    assert_eq!(lines(&page("?mode=scrp"))[..2], ["1", "0"]);
    assert_eq!(
        page("?mode=version"),
        format!("bt-server {}\n", env!("CARGO_PKG_VERSION"))
    );
    let hash = "AB".repeat(20);
    assert_eq!(
        page("?mode=top10"),
        format!("Top 10 torrents by peers:\n\t3\t{hash}\nTop 10 torrents by seeds:\n\t2\t{hash}\n")
    );
    let everything = page("?mode=everything");
    for part in [
        "<count_mutex>1<",
        "<accept>5<",
        "<announce>3<",
        "<scrape>1<",
        "info_hash\">1<",
    ] {
        assert!(everything.contains(part), "{part}: {everything}");
    }
}

#[test]
fn an_unknown_mode_is_answered_with_those_there_are() {
    let door = open(Setup::default());
    let long = format!("mode={}", "x".repeat(9000));
    for query in ["mode=", "mode=udp4", "mode=%3Cscript%3E%0d%0a", &long] {
        let answer = get(&door, &format!("/stats?{query}"), "");
        assert_eq!(answer.status, 400, "{query}");
        let text = answer.text();
        assert!(
            text.ends_with("mode=peer, torr, conn, tcp4, scrp, top10, everything, version\n"),
            "{text}"
        );
        assert!(text.lines().count() == 1 && text.len() < 300, "{text}");
    }
    dropped_when(&door, "stats", "unknown mode", 4);
}

/// Whatever strangers announce, no page grows: what is listed are our torrents, ten of them at most.
#[test]
fn no_page_grows_with_what_strangers_announce() {
    let mut tracker = Tracker::new(tracker::Settings::default());
    for byte in 0..100 {
        tracker.add_permanent(metainfo::InfoHash([byte; 20]), SEED);
    }
    tracker.add_permanent(HASH, SEED);
    let door = open(Setup {
        tracker: Some(tracker),
        ..Setup::default()
    });
    for host in 2..60 {
        announce(&door, [127, 0, 1, host], "left=9");
    }
    for (name, _) in tracker::Mode::ALL {
        let page = get(&door, &format!("/stats?mode={name}"), "").text();
        assert!(page.len() < 2000, "{name}: {page}");
    }
    let top = get(&door, "/stats?mode=top10", "").text();
    assert_eq!(lines(&top).len(), 2 * 11, "{top}");
    assert_eq!(lines(&top)[1], format!("\t59\t{}", "AB".repeat(20)));
}
