//! One torrent: when to speak of it, and who else did.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;

use super::message::Search;
use super::pace::{Pace, Reply};

/// Most that are remembered; a room has fewer.
const MOST_KNOWN: usize = 2048;

/// What we look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// We connect to whom we hear of.
    Others,
    /// We have everything, so others have to connect to us.
    Nobody,
}

/// What is said of a torrent, and heard.
pub(super) struct Voice {
    torrent: InfoHash,
    pace: Pace,
    /// Those that were heard, and as whom: a machine that was restarted is another one.
    known: HashSet<(SocketAddrV4, Option<String>)>,
}

impl Voice {
    pub(super) fn new(torrent: InfoHash) -> Self {
        Self {
            torrent,
            pace: Pace::new(Duration::ZERO),
            known: HashSet::new(),
        }
    }

    /// When [`due`](Self::due) is to be asked.
    pub(super) fn next(&self) -> Duration {
        self.pace.next()
    }

    /// The torrent, if it is time to speak of it.
    pub(super) fn due(&mut self, now: Duration) -> Option<InfoHash> {
        self.pace.due(now).then_some(self.torrent)
    }

    /// Somebody at `from` says this: where it is, if it is about our torrent and no flood. `chance` is
    /// between 0 and 1.
    pub(super) fn hears(
        &mut self,
        from: Ipv4Addr,
        said: &Search,
        needs: Needs,
        chance: f64,
        now: Duration,
    ) -> Option<SocketAddrV4> {
        if !said.torrents.contains(&self.torrent) {
            return None;
        }
        let peer = SocketAddrV4::new(from, said.port);
        let known = &mut self.known;
        let reply = || {
            // When there are far too many it begins anew.
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            match (known.insert((peer, said.cookie.clone())), needs) {
                (true, Needs::Nobody) => Reply::Wanted,
                _ => Reply::Needless,
            }
        };
        self.pace.hears(from, reply, chance, now).then_some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: InfoHash = InfoHash([7; 20]);

    fn search(port: u16, cookie: &str) -> Search {
        Search {
            port,
            torrents: vec![InfoHash([1; 20]), OURS],
            cookie: Some(cookie.into()),
        }
    }

    #[test]
    fn who_is_heard_again_gets_no_second_answer_unless_it_was_restarted() {
        let mut voice = Voice::new(OURS);
        let at = Duration::from_secs;
        assert_eq!(voice.due(at(0)), Some(OURS));
        assert_eq!(voice.due(at(1)), Some(OURS));
        let from = Ipv4Addr::new(10, 77, 0, 2);
        let mut answers = |cookie, second, needs| {
            let peer = voice.hears(from, &search(6881, cookie), needs, 0.0, at(second));
            assert_eq!(peer, Some(SocketAddrV4::new(from, 6881)));
            voice.due(at(second)).is_some()
        };
        assert!(!answers("first", 9, Needs::Others), "we connect to it");
        assert!(answers("second", 10, Needs::Nobody));
        assert!(!answers("second", 20, Needs::Nobody));
        assert!(answers("third", 30, Needs::Nobody));
        let other = Search {
            torrents: vec![InfoHash([1; 20])],
            ..search(6881, "fourth")
        };
        assert_eq!(voice.hears(from, &other, Needs::Nobody, 0.0, at(40)), None);
        assert_eq!(voice.due(at(40)), None);
    }

    #[test]
    fn nothing_is_remembered_of_a_flood() {
        let mut voice = Voice::new(OURS);
        let from = Ipv4Addr::new(10, 77, 0, 2);
        let heard = (1..=10_000).filter(|port| {
            let said = search(*port, "flood");
            let now = Duration::from_millis(500);
            voice.hears(from, &said, Needs::Nobody, 0.5, now).is_some()
        });
        assert_eq!(heard.count(), 4);
        assert_eq!(voice.known.len(), 4);
    }
}
