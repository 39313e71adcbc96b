//! The statistics page, in the shapes that programs written for opentracker read: MRTG's four lines
//! (two numbers, a sentence, a name), a list of the largest torrents, and one XML document.
//!
//! Everything is counted from a few torrents and from counters, so an answer costs little whoever asks.

use std::cmp::Reverse;
use std::time::Duration;

use metainfo::InfoHash;

use crate::query::pairs;
use crate::swarm::Counts;
use crate::{Refusal, Tracker};

/// How many torrents [`Mode::Top10`] lists at most.
const TOP: usize = 10;
/// How much of an unknown mode is repeated to who asked for it, in characters.
const REPEATED: usize = 40;

/// What the page is asked to show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Peers and seeds, the server's own seed among both.
    #[default]
    Peer,
    /// How many torrents are served.
    Torr,
    /// Requests that reached the tracker, and announces among them that were answered.
    Conn,
    /// The same: there is no other way in than TCP over IPv4.
    Tcp4,
    /// Scrapes by TCP and by UDP; the latter is always 0.
    Scrp,
    /// The torrents with the most peers and those with the most seeds.
    Top10,
    /// All of it, as XML.
    Everything,
    /// This program's name and version.
    Version,
}

/// The page has no such mode.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{found:?} is no mode of this page. Ask for mode={}", Mode::names())]
pub struct UnknownMode {
    /// The beginning of what was asked for.
    pub found: String,
}

impl Mode {
    /// Every mode under its name in the query.
    pub const ALL: [(&'static str, Self); 8] = [
        ("peer", Self::Peer),
        ("torr", Self::Torr),
        ("conn", Self::Conn),
        ("tcp4", Self::Tcp4),
        ("scrp", Self::Scrp),
        ("top10", Self::Top10),
        ("everything", Self::Everything),
        ("version", Self::Version),
    ];

    /// The mode that a raw query asks for with `mode=`; [`Mode::Peer`] where it does not say.
    ///
    /// # Errors
    /// A mode that the page does not have, or a query that is longer than any sensible one.
    pub fn parse(query: &str) -> Result<Self, UnknownMode> {
        let unknown = |value: &[u8]| {
            let text = String::from_utf8_lossy(value);
            let found = text.chars().take(REPEATED).collect();
            UnknownMode { found }
        };
        let pairs = pairs(query).map_err(|_| unknown(query.as_bytes()))?;
        match pairs.filter(|(key, _)| *key == "mode").last() {
            None => Ok(Self::default()),
            Some((_, value)) => Self::ALL
                .iter()
                .find(|(name, _)| name.as_bytes() == &*value)
                .map(|(_, mode)| *mode)
                .ok_or_else(|| unknown(&value)),
        }
    }

    fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }
}

impl Tracker {
    /// The statistics page's text at `now`, which is also how long the tracker runs.
    pub fn stats(&mut self, mode: Mode, now: Duration) -> String {
        self.expire(now);
        let sum = self.sum();
        let torrents = self.torrents.len();
        let serving = format!("bt-server serving {torrents} torrents\nbt-server\n");
        let asked = [sum.requests, sum.announces];
        match mode {
            Mode::Peer => format!("{}\n{}\n{serving}", sum.peers, sum.seeds),
            Mode::Torr => format!("{torrents}\n0\n{serving}"),
            Mode::Conn => four_lines(asked, now, "connections", ["conns", "success"]),
            Mode::Tcp4 => four_lines(asked, now, "tcp4 stats", ["conns", "success"]),
            Mode::Scrp => {
                let counts = [sum.scrapes, 0];
                four_lines(counts, now, "scrape stats", ["tcp", "udp"])
            }
            Mode::Top10 => self.top(),
            Mode::Everything => self.everything(&sum, now),
            Mode::Version => format!("{}\n", version()),
        }
    }

    fn sum(&self) -> Sum {
        let counts = self.each().map(|(_, counts)| counts);
        let of_peers = counts.fold(Counts::default(), |sum, one| Counts {
            complete: sum.complete + one.complete,
            incomplete: sum.incomplete + one.incomplete,
            downloaded: sum.downloaded.saturating_add(one.downloaded),
        });
        let totals = self.totals();
        let refused = totals.refused.values();
        Sum {
            peers: of_peers.complete + of_peers.incomplete,
            seeds: of_peers.complete,
            completed: of_peers.downloaded,
            announces: totals.announces,
            scrapes: totals.scrapes,
            requests: refused.fold(totals.announces.saturating_add(totals.scrapes), |sum, n| {
                sum.saturating_add(*n)
            }),
        }
    }

    fn each(&self) -> impl Iterator<Item = (InfoHash, Counts)> {
        let torrents = self.torrents.iter();
        torrents.map(|(hash, swarm)| (*hash, swarm.counts()))
    }

    /// Two lists of at most ten, the largest first, equal ones by their hashes.
    fn top(&self) -> String {
        let by_peers = self.largest("peers", |counts| counts.complete + counts.incomplete);
        by_peers + &self.largest("seeds", |counts| counts.complete)
    }

    fn largest(&self, of: &str, count: fn(&Counts) -> u64) -> String {
        let mut all: Vec<(Reverse<u64>, InfoHash)> = self
            .each()
            .map(|(hash, counts)| (Reverse(count(&counts)), hash))
            .filter(|(Reverse(count), _)| *count > 0)
            .collect();
        all.sort_unstable();
        let lines = all.into_iter().take(TOP).map(|(Reverse(count), hash)| {
            let hash = hash.to_string().to_uppercase();
            format!("\t{count}\t{hash}\n")
        });
        format!("Top {TOP} torrents by {of}:\n{}", lines.collect::<String>())
    }

    /// What opentracker counts and this tracker cannot have (UDP, several trackers in step, waiting for
    /// one another) is there with the true value 0, because the programs that read this look for it.
    fn everything(&self, sum: &Sum, now: Duration) -> String {
        let refused = Refusal::ALL.map(|refusal| {
            let count = self.totals().refused.get(&refusal).unwrap_or(&0);
            let code = refusal.reason();
            format!("      <count code=\"{code}\">{count}</count>\n")
        });
        format!(
            include_str!("everything.xml"),
            id = self.settings.id,
            version = version(),
            uptime = now.as_secs(),
            torrents = self.torrents.len(),
            peers = sum.peers,
            seeds = sum.seeds,
            completed = sum.completed,
            requests = sum.requests,
            announces = sum.announces,
            scrapes = sum.scrapes,
            refused = refused.concat(),
        )
    }
}

/// What the page counts, over all torrents.
struct Sum {
    peers: u64,
    seeds: u64,
    completed: u64,
    /// Announces and scrapes, answered or not. One connection may carry many.
    requests: u64,
    /// Those that were answered.
    announces: u64,
    scrapes: u64,
}

/// Two counts, how long they were counted, and how many of each there were in a second of that.
fn four_lines(counts: [u64; 2], now: Duration, what: &str, units: [&str; 2]) -> String {
    let [first, second] = counts;
    let seconds = now.as_secs();
    let hours = seconds / 3600;
    let [often, well] = counts.map(|count| count / seconds.max(1));
    let [one, other] = units;
    format!(
        "{first}\n{second}\n{seconds} seconds ({hours} hours)\n\
         bt-server {what}, {often} {one}/s :: {well} {other}/s\n"
    )
}

fn version() -> &'static str {
    concat!("bt-server ", env!("CARGO_PKG_VERSION"))
}
