//! oss is alive: what is added, changed or removed while the server runs is offered to machines that boot from then on.
//!
//! [`look`] sees what lies there, [`watch`] decides when a change is over, the checks of the start read it, and [`judge`]
//! decides what becomes of the offer. Then each network takes it in (`serve/offering.rs`). Nothing here writes into oss
//! or takes anything away from a machine that is fetching; `Boottorrent.yaml` is read at the start alone.

mod judge;
mod look;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Boot, Problem, WhoBoots};
use seeder::{Cache, Hashed};

use crate::check::{self, LoadedSystem};
use crate::plan::Plan;
use crate::prepare::{Prepared, hash_again, starts_in_qemu};
use watch::{Over, Watcher};

/// How often it is looked; and of how much time looking takes at most one part.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const ONE_PART_OF: u32 = 20;

/// Follows oss and tells of every change through `prepared`, which has the systems of the start. Ends only where it cannot
/// go on, and then all stays as it is.
pub(crate) async fn follow(
    plan: Arc<Plan>,
    prepared: &tokio::sync::watch::Sender<Option<Arc<Prepared>>>,
) {
    let mut library = Library::new(plan);
    let mut pause = LOOK_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let Some(before) = prepared.borrow().clone() else {
            return;
        };
        // It reads the disk and hashes.
        let round = tokio::task::spawn_blocking(move || {
            let (after, took) = library.look(&before);
            (library, after, took)
        });
        let Ok((same, after, took)) = round.await else {
            return tracing::error!(
                "oss is looked at no more: what changes in it is offered after a restart"
            );
        };
        library = same;
        pause = LOOK_EVERY.max(took * ONE_PART_OF);
        if let Some(after) = after {
            prepared.send_replace(Some(Arc::new(after)));
        }
    }
}

/// The folder of systems and what is known of it.
struct Library {
    plan: Arc<Plan>,
    begun: Instant,
    watcher: Watcher,
    cache: Cache,
    /// Which folder oss was at the start, or else when it could be listed first.
    place: Option<look::Place>,
    /// What was said of oss that cannot be looked at.
    trouble: Option<String>,
    /// What was said of settings and systems taken together.
    told: BTreeSet<String>,
}

impl Library {
    fn new(plan: Arc<Plan>) -> Self {
        let cache = Cache::in_state(&plan.state);
        let told = judge::together(&plan.library, &plan.systems);
        Self {
            cache,
            begun: Instant::now(),
            watcher: Watcher::default(),
            place: look::Place::of(&plan.library.oss).ok(),
            trouble: None,
            told: told.iter().map(Problem::to_string).collect(),
            plan,
        }
    }

    /// Looks, and hands back what is offered from now on, if that is anything else, and how long the look took.
    fn look(&mut self, before: &Prepared) -> (Option<Prepared>, Duration) {
        let begun = Instant::now();
        let source = &self.plan.library;
        let seen = match look::look(&source.oss, &source.settings, &mut self.place) {
            Ok(seen) => seen,
            Err(unseen) => {
                let unseen = unseen.to_string();
                if self.trouble.as_ref() != Some(&unseen) {
                    tracing::warn!("{unseen}");
                    self.trouble = Some(unseen);
                }
                return (None, begun.elapsed());
            }
        };
        self.trouble = None;
        let over = self.watcher.look(self.begun.elapsed(), &seen);
        let took = begun.elapsed();
        let after = match over.is_nothing() {
            true => None,
            false => self.take_in(&over, before),
        };
        (after, took)
    }

    fn take_in(&mut self, over: &Over, before: &Prepared) -> Option<Prepared> {
        let source = &self.plan.library;
        let read = over.settled.iter();
        let read = read.filter_map(|name| Some((name, check::read_again(&source.oss, name)?)));
        let (mut fit, mut unfit) = (Vec::new(), BTreeMap::new());
        for (name, (system, problems)) in read {
            match system {
                Some(system) => fit.push((system, problems)),
                None => _ = unfit.insert(name.clone(), problems),
            }
        }
        let (fit, twice) = judge::apart(source, &before.loaded, fit, &over.gone);
        unfit.extend(twice);
        for (name, problems) in &unfit {
            tell(name, problems, before);
        }
        let mut new = Vec::new();
        for (system, warnings) in fit {
            if let Some(hashed) = self.hash(&system, before) {
                if !before.loaded.contains(&system) {
                    self.warn(&system, &warnings);
                }
                new.push((system, hashed));
            }
        }
        let systems = judge::offer(before, new, &over.gone);
        // What is remembered of those that are gone stays until the next start: they may come back.
        self.assemble(systems, before)
    }

    /// Hashes a system, unless somebody is at it again. What fails is tried again later.
    fn hash(&mut self, system: &LoadedSystem, before: &Prepared) -> Option<Hashed> {
        let name = &system.system.name;
        let known = before.offered().find(|(entry, _)| entry.name == *name);
        let hashed = hash_again(system, known.map(|(_, hashed)| hashed), &self.cache);
        let now = look::sight(&self.plan.library.oss.join(name));
        if self.watcher.sight(name) != Some(now) {
            // The next look finds that too.
            return None;
        }
        match hashed {
            Ok(hashed) => Some(hashed),
            Err(error) => {
                tracing::warn!("{error:#}; it is tried again");
                self.watcher.again(name, self.begun.elapsed());
                None
            }
        }
    }

    fn warn(&self, system: &LoadedSystem, warnings: &[Problem]) {
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        if starts_in_qemu(&system.system) && self.plan.first().shelf.qemu().is_none() {
            tracing::warn!(
                "{}: starts in QEMU, and this bt-server was built without it: machines cannot start this system",
                system.config
            );
        }
    }

    /// What is offered from now on, told in the log; nothing where that is what was offered before.
    fn assemble(
        &mut self,
        systems: Vec<(LoadedSystem, Hashed)>,
        before: &Prepared,
    ) -> Option<Prepared> {
        let network = self.plan.first();
        let loaded: Vec<_> = systems.iter().map(|(one, _)| one.clone()).collect();
        let (manifest, who) = self.plan.told(network, &loaded);
        let qemu = network.shelf.qemu();
        let after = before.again(systems, manifest, network.announce.as_deref(), qemu);
        let after = match after {
            Ok(after) => after,
            Err(error) => {
                tracing::error!("machines are told of the same systems as before: {error:#}");
                return None;
            }
        };
        let news = judge::news(before, &after);
        if news.is_empty() {
            return None;
        }
        for line in news {
            tracing::info!("{line}");
        }
        for problem in judge::together(&self.plan.library, &after.loaded) {
            if self.told.insert(problem.to_string()) {
                tracing::warn!("{problem}");
            }
        }
        if who_boots_otherwise(&self.plan.who, &who) && self.told.insert("boot".to_owned()) {
            tracing::warn!(
                "another system starts by itself now, so other machines are to be left to their own disks: that takes effect \
                 after a restart"
            );
        }
        Some(after)
    }
}

/// What is wrong with an entry, and what machines are told of it all the same.
fn tell(name: &str, problems: &[Problem], before: &Prepared) {
    let was_offered = before.loaded.iter().any(|one| one.system.name == name);
    let errors = problems.iter().filter(|problem| problem.is_error());
    for problem in errors {
        match was_offered {
            true => tracing::warn!("{problem}\n    until then machines are told of it as it was"),
            false => tracing::warn!("{problem}\n    until then it is not offered"),
        }
    }
}

/// Whether other machines than at the start are to go on with their own disks, which DHCP decides.
fn who_boots_otherwise(before: &WhoBoots, now: &WhoBoots) -> bool {
    let local = |who: &WhoBoots| {
        let rules = who.rules.iter().map(|told| told.boot == Boot::Local);
        rules.chain([who.others == Boot::Local]).collect::<Vec<_>>()
    };
    local(before) != local(now)
}
