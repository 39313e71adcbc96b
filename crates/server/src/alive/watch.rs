//! When a change in oss is over: pure, by what was seen and when. Times are those of a clock that starts with the
//! server; those that files have are compared for equality alone, so no clock that is wrong or set back matters.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long nothing may change until a folder is taken for complete. Copying leaves pauses: a slow stick makes the
/// kernel wait for seconds.
pub(super) const SETTLED: Duration = Duration::from_secs(10);
/// The same where a name says that somebody is still at it.
pub(super) const UNFINISHED: Duration = Duration::from_secs(120);
/// A folder that settled and changed again so often has to be quiet for twice as long each further time, up to so many
/// doublings: one that somebody writes a log into is not hashed for ever.
const FREE_CHANGES: u32 = 3;
const DOUBLINGS: u32 = 5;
/// A folder that was quiet for so long is like a new one.
const FORGIVEN: Duration = Duration::from_secs(15 * 60);

/// One entry of oss as it was seen. Two that are equal are taken for the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// Of the paths, sizes, times and rights of all that is in it, and of the text of its `config.yaml`.
    pub(super) digest: u64,
    /// A name in it is one that programs give to what they have not finished.
    pub(super) is_unfinished: bool,
}

/// All entries of oss that may be systems, by name.
pub(super) type Seen = BTreeMap<String, Sight>;

/// What is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Over {
    /// Entries that are to be read: new, or not what they were when they were last handed out.
    pub(super) settled: Vec<String>,
    /// Entries that are no longer there.
    pub(super) gone: Vec<String>,
}

impl Over {
    /// Whether there is nothing to do.
    #[must_use]
    pub(super) fn is_nothing(&self) -> bool {
        self.settled.is_empty() && self.gone.is_empty()
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// `None`: it was there, and is not.
    sight: Option<Sight>,
    /// Since when it looks as it does.
    since: Duration,
    /// Whether that was handed out.
    is_told: bool,
    /// How often it changed after that.
    changes: u32,
}

impl Entry {
    /// How long it has to look as it does.
    fn quiet(&self) -> Duration {
        let least = match self.sight {
            Some(sight) if sight.is_unfinished => UNFINISHED,
            _ => SETTLED,
        };
        least * 2_u32.pow(self.changes.saturating_sub(FREE_CHANGES).min(DOUBLINGS))
    }

    fn becomes(&mut self, sight: Option<Sight>, now: Duration) {
        if self.is_told {
            let was_quiet = now.saturating_sub(self.since) >= FORGIVEN;
            self.changes = if was_quiet { 0 } else { self.changes + 1 };
        }
        (self.sight, self.since, self.is_told) = (sight, now, false);
    }
}

impl Watcher {
    /// Takes in what is seen `now`, and hands out what has settled. The first look hands out everything once it has:
    /// what was read before may have changed by then.
    pub(super) fn look(&mut self, now: Duration, seen: &Seen) -> Over {
        for (name, sight) in seen {
            match self.entries.get_mut(name) {
                Some(entry) if entry.sight == Some(*sight) => {}
                Some(entry) => entry.becomes(Some(*sight), now),
                None => {
                    let entry = Entry {
                        sight: Some(*sight),
                        since: now,
                        is_told: false,
                        changes: 0,
                    };
                    self.entries.insert(name.clone(), entry);
                }
            }
        }
        let mut over = Over::default();
        for (name, entry) in &mut self.entries {
            if entry.sight.is_some() && !seen.contains_key(name) {
                entry.becomes(None, now);
            }
            // With a clock that went back it takes a little longer.
            if entry.is_told || now.saturating_sub(entry.since) < entry.quiet() {
                continue;
            }
            entry.is_told = true;
            match entry.sight {
                Some(_) => over.settled.push(name.clone()),
                None => over.gone.push(name.clone()),
            }
        }
        self.entries.retain(|name, _| !over.gone.contains(name));
        over
    }

    /// What an entry was when it was last seen.
    #[must_use]
    pub(super) fn sight(&self, name: &str) -> Option<Sight> {
        self.entries.get(name)?.sight
    }

    /// Hands `name` out again although it looks the same: what was to be done with it failed.
    pub(super) fn again(&mut self, name: &str, now: Duration) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.becomes(entry.sight, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at `(second, [(name, content)])`, and hands back for each what is over.
    struct Days(Watcher);

    impl Days {
        fn at(&mut self, second: u64, entries: &[(&str, u64)]) -> (Vec<String>, Vec<String>) {
            let seen = entries.iter().map(|(name, digest)| {
                let sight = Sight {
                    digest: *digest,
                    is_unfinished: *digest == PART,
                };
                ((*name).to_owned(), sight)
            });
            let over = self.0.look(Duration::from_secs(second), &seen.collect());
            (over.settled, over.gone)
        }
    }

    /// A content with an unfinished file.
    const PART: u64 = 999;

    fn nothing() -> (Vec<String>, Vec<String>) {
        <_>::default()
    }

    fn settled(names: &[&str]) -> (Vec<String>, Vec<String>) {
        (names.iter().map(|&name| name.to_owned()).collect(), vec![])
    }

    fn gone(names: &[&str]) -> (Vec<String>, Vec<String>) {
        let (names, none) = settled(names);
        (none, names)
    }

    /// Days on which `debian` is there and told.
    fn begun() -> Days {
        let mut days = Days(Watcher::default());
        assert_eq!(days.at(0, &[("debian", 1)]), nothing());
        assert_eq!(days.at(9, &[("debian", 1)]), nothing());
        assert_eq!(days.at(10, &[("debian", 1)]), settled(&["debian"]));
        days
    }

    #[test]
    fn what_settled_is_told_once() {
        let mut days = begun();
        for second in [11, 20, 100, 100_000] {
            assert_eq!(days.at(second, &[("debian", 1)]), nothing());
        }
    }

    #[test]
    fn what_still_grows_is_not_told() {
        let mut days = begun();
        for second in 20..90 {
            let entries = [("debian", 1), ("memtest", second)];
            assert_eq!(days.at(second, &entries), nothing());
        }
        assert_eq!(days.at(98, &[("debian", 1), ("memtest", 89)]), nothing());
        let complete = [("debian", 1), ("memtest", 89)];
        assert_eq!(days.at(99, &complete), settled(&["memtest"]));
    }

    #[test]
    fn an_unfinished_name_has_to_rest_for_longer() {
        let mut days = begun();
        let entries = [("debian", 1), ("memtest", PART)];
        assert_eq!(days.at(20, &entries), nothing());
        assert_eq!(days.at(139, &entries), nothing());
        assert_eq!(days.at(140, &entries), settled(&["memtest"]));
        // Renamed to what it is meant to be.
        let mut days = begun();
        assert_eq!(days.at(20, &entries), nothing());
        assert_eq!(days.at(30, &[("debian", 1), ("memtest", 5)]), nothing());
        let complete = [("debian", 1), ("memtest", 5)];
        assert_eq!(days.at(40, &complete), settled(&["memtest"]));
    }

    #[test]
    fn a_folder_that_is_gone_has_to_stay_away() {
        let mut days = begun();
        assert_eq!(days.at(20, &[]), nothing());
        assert_eq!(days.at(29, &[]), nothing());
        assert_eq!(days.at(30, &[]), gone(&["debian"]));
        // It is a new one when it comes back.
        assert_eq!(days.at(50, &[("debian", 1)]), nothing());
        assert_eq!(days.at(60, &[("debian", 1)]), settled(&["debian"]));
    }

    #[test]
    fn a_renamed_folder_comes_and_goes_at_once() {
        let mut days = Days(Watcher::default());
        days.at(0, &[("debian", 1)]);
        days.at(10, &[("debian", 1)]);
        assert_eq!(days.at(20, &[("debian12", 1)]), nothing());
        assert_eq!(days.at(29, &[("debian12", 1)]), nothing());
        let renamed = (vec!["debian12".into()], vec!["debian".into()]);
        assert_eq!(days.at(30, &[("debian12", 1)]), renamed);
    }

    #[test]
    fn a_folder_that_comes_back_soon_was_never_gone() {
        let mut days = begun();
        assert_eq!(days.at(20, &[]), nothing());
        assert_eq!(days.at(24, &[("debian", 1)]), nothing());
        // It is read again, which finds that nothing changed.
        assert_eq!(days.at(34, &[("debian", 1)]), settled(&["debian"]));
        assert_eq!(days.at(99, &[]), nothing());
        assert_eq!(days.at(109, &[]), gone(&["debian"]));
    }

    #[test]
    fn who_changes_again_and_again_has_to_rest_for_longer_each_time() {
        let mut days = begun();
        let mut now = 10;
        let rests = [10, 10, 10, 20, 40, 80, 160, 320, 320];
        for (content, rest) in (2..).zip(rests) {
            assert_eq!(days.at(now, &[("debian", content)]), nothing());
            let almost = days.at(now + rest - 1, &[("debian", content)]);
            assert_eq!(almost, nothing(), "{content}");
            now += rest;
            let told = days.at(now, &[("debian", content)]);
            assert_eq!(told, settled(&["debian"]), "{content}");
        }
        // Whose peace lasted is trusted again.
        now += 5_000;
        assert_eq!(days.at(now, &[("debian", 100)]), nothing());
        assert_eq!(days.at(now + 10, &[("debian", 100)]), settled(&["debian"]));
    }

    #[test]
    fn a_clock_that_goes_back_tells_nothing_twice_and_nothing_early() {
        let mut days = begun();
        assert_eq!(days.at(3, &[("debian", 1), ("memtest", 1)]), nothing());
        assert_eq!(days.at(0, &[("debian", 1), ("memtest", 1)]), nothing());
        let later = days.at(13, &[("debian", 1), ("memtest", 1)]);
        assert_eq!(later, settled(&["memtest"]));
    }

    #[test]
    fn what_failed_is_told_again_later() {
        let mut days = begun();
        days.0.again("debian", Duration::from_secs(12));
        assert_eq!(days.at(21, &[("debian", 1)]), nothing());
        assert_eq!(days.at(22, &[("debian", 1)]), settled(&["debian"]));
        days.0.again("unknown", Duration::from_secs(33));
        assert_eq!(days.at(99, &[("debian", 1)]), nothing());
    }
}
