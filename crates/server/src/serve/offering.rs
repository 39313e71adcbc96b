//! What a network offers: its seed, its tracker and what its doors hand out, at the start and whenever oss changes.
//!
//! First the seed has a torrent, then the tracker knows it, and only then a machine is told of it. What was offered
//! before stays with seed and tracker until the end of the run: machines that know it may be in the middle. The seed
//! itself sees to it that no file is served that is not what it was.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use seeder::Seeder;
use swarm::core::multicast::DESK;
use tokio::sync::watch;
use tracker::Tracker;

use crate::doors::http;
use crate::offer::{Offer, Offers};
use crate::plan::Plan;
use crate::prepare::Prepared;

/// How long until what could not be offered is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// The systems as they were hashed last; nothing until they are for the first time.
pub(super) type Changes = watch::Receiver<Option<Arc<Prepared>>>;

/// What network number `at` of the plan offers.
pub(super) struct Offering {
    plan: Arc<Plan>,
    at: usize,
    seed: SocketAddrV4,
    changes: Changes,
    /// What is offered now.
    offered: Option<Arc<Prepared>>,
    /// None where the configuration switched it off.
    pub(super) tracker: Option<Arc<Mutex<Tracker>>>,
    offers: watch::Sender<Arc<Offer>>,
}

impl Offering {
    /// Starts the seed, and the tracker, and offers the systems once they are hashed.
    ///
    /// # Errors
    /// The hashing ended; the seed cannot be started, or a system not be seeded.
    pub(super) async fn begin(
        plan: Arc<Plan>,
        at: usize,
        mut changes: Changes,
    ) -> anyhow::Result<(Self, Seeder)> {
        let first = changes.wait_for(Option::is_some).await;
        let first = first.ok().and_then(|first| first.clone());
        let first = first.context("hashing ended early")?;
        let network = &plan.networks[at];
        let listen = SocketAddrV4::new(network.interface.address, plan.ports.peer);
        let state = seeds_folder(&plan, at);
        let seeder = Seeder::start(seeder::Settings { listen, state })
            .await
            .with_context(|| format!("cannot start the seed at {listen}"))?;
        let tracker = network.announce.is_some().then(|| {
            Tracker::new(tracker::Settings {
                id: rand::random(),
                extra: plan
                    .library
                    .settings
                    .multicast
                    .then_some((DESK, http::MULTICAST)),
                ..tracker::Settings::default()
            })
        });
        let mut offering = Self {
            plan,
            at,
            seed: listen,
            changes,
            offered: None,
            tracker: tracker.map(|tracker| Arc::new(Mutex::new(tracker))),
            offers: watch::Sender::new(Arc::default()),
        };
        offering.offer(&seeder, first).await?;
        Ok((offering, seeder))
    }

    /// What the doors hand out.
    pub(super) fn offers(&self) -> Offers {
        self.offers.subscribe()
    }

    /// Takes in every change, until there are no more. What cannot be offered leaves all as it was and is tried again: a
    /// file that changed just now comes as another change, but one that could not be opened comes by itself.
    pub(super) async fn follow(mut self, seeder: &Seeder) {
        let mut due = Due::of(self.changes.clone(), AGAIN);
        while let Some(now) = due.next().await {
            if let Some(why) = due.tried(self.offer(seeder, now).await) {
                tracing::warn!(
                    "machines are told of the same systems as before: {why}; it is tried again every {} s",
                    AGAIN.as_secs()
                );
            }
        }
        std::future::pending::<()>().await;
    }

    async fn offer(&mut self, seeder: &Seeder, now: Arc<Prepared>) -> anyhow::Result<()> {
        let before = self.offered.as_deref();
        let known = before.map_or(&[][..], |before| &before.systems);
        for hashed in now.systems.iter().filter(|one| !known.contains(one)) {
            let name = &hashed.torrent.info().name;
            let put = seeder.put_hashed(hashed).await;
            put.with_context(|| format!("cannot seed system {name}"))?;
        }
        let network = &self.plan.networks[self.at];
        let torrents_gz = match self.at {
            // The first network's is made by the hashing.
            0 => now.torrents_gz.clone(),
            _ => {
                let (manifest, _) = self.plan.told(network, &now.loaded);
                now.torrents_gz_for(manifest, network.announce.as_deref())?
            }
        };
        // Last of what may fail: a second time it would be there already.
        if let (Some(qemu), None) = (&now.qemu, before.and_then(|before| before.qemu.as_ref())) {
            let added = seeder.add_in_memory(qemu).await;
            added.context("cannot seed QEMU")?;
        }
        let mut systems = self.offers.borrow().systems.clone();
        for (name, hash) in now.torrents() {
            let hashes = systems.entry(name.to_owned()).or_default();
            hashes.retain(|known| *known != hash);
            hashes.push(hash);
            if let Some(tracker) = &self.tracker {
                let mut tracker = tracker.lock().unwrap_or_else(PoisonError::into_inner);
                tracker.allow(hash);
                tracker.add_permanent(hash, self.seed);
            }
        }
        let mut shelf = network.shelf.clone();
        shelf.put("torrents.gz", torrents_gz);
        self.offers.send_replace(Arc::new(Offer {
            shelf: Arc::new(shelf),
            payload: Arc::clone(&now.payload),
            qemu: now.qemu.clone().map(Arc::new),
            systems,
        }));
        self.offered = Some(now);
        Ok(())
    }
}

/// When something is to be offered: what is new, and what could not be, after a while.
struct Due<T> {
    changes: watch::Receiver<Option<T>>,
    /// How long until what could not be offered is tried again.
    again: Duration,
    /// Why the last one could not be.
    trouble: Option<String>,
}

impl<T: Clone> Due<T> {
    fn of(changes: watch::Receiver<Option<T>>, again: Duration) -> Due<T> {
        Due {
            changes,
            again,
            trouble: None,
        }
    }

    /// Waits for what is to be offered now; None if there will be nothing new any more.
    async fn next(&mut self) -> Option<T> {
        loop {
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = tokio::time::sleep(self.again), if self.trouble.is_some() => {}
            }
            if let Some(now) = self.changes.borrow_and_update().clone() {
                return Some(now);
            }
        }
    }

    /// Takes in how that went. Gives the trouble that is to be told: each once, for as long as it lasts.
    fn tried(&mut self, outcome: anyhow::Result<()>) -> Option<&str> {
        let trouble = outcome.err().map(|error| format!("{error:#}"));
        let is_new = trouble != self.trouble;
        self.trouble = trouble;
        self.trouble.as_deref().filter(|_| is_new)
    }
}

/// Where a network's seed may write: it empties what it finds there.
fn seeds_folder(plan: &Plan, at: usize) -> PathBuf {
    match at {
        0 => plan.state.clone(),
        _ => plan.state.join(format!("network-{at}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    /// A first value that was not seen yet.
    fn due(again: Duration) -> (watch::Sender<Option<u8>>, Due<u8>) {
        let (sender, mut changes) = watch::channel(Some(1));
        changes.mark_changed();
        (sender, Due::of(changes, again))
    }

    /// What is due next; a wait without an end is a failure.
    async fn soon(due: &mut Due<u8>) -> Option<u8> {
        let patience = Duration::from_secs(20);
        let next = tokio::time::timeout(patience, due.next()).await;
        next.expect("something is due")
    }

    #[tokio::test]
    async fn what_could_not_be_offered_is_tried_again_and_told_once() {
        let (sender, mut due) = due(Duration::from_millis(1));
        for (trouble, told) in [
            ("a file cannot be opened", true),
            ("a file cannot be opened", false),
            ("another one", true),
        ] {
            assert_eq!(soon(&mut due).await, Some(1), "as long as it fails");
            let outcome = Err(anyhow!(trouble));
            assert_eq!(due.tried(outcome), told.then_some(trouble));
        }
        assert_eq!(soon(&mut due).await, Some(1));
        assert_eq!(due.tried(Ok(())), None);
        drop(sender);
        assert_eq!(soon(&mut due).await, None, "it was offered");
    }

    #[tokio::test]
    async fn a_change_is_due_at_once_in_place_of_what_could_not_be_offered() {
        let (sender, mut due) = due(Duration::from_secs(86_400));
        assert_eq!(soon(&mut due).await, Some(1));
        assert!(due.tried(Err(anyhow!("a file changed just now"))).is_some());
        sender.send_replace(Some(2));
        assert_eq!(soon(&mut due).await, Some(2));
    }
}
