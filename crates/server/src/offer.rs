//! What a network's doors hand out now. It changes as a whole, when oss does; each door looks at the last one whenever
//! it is asked, so that no answer is half of one and half of another.

use std::collections::HashMap;
use std::sync::Arc;

use metainfo::InfoHash;
use seeder::InMemory;
use tokio::sync::watch;

use crate::payload::PayloadFile;
use crate::shelf::Shelf;

/// What is offered in a network, now and whenever that changes.
pub type Offers = watch::Receiver<Arc<Offer>>;

/// Payload by `NAME/path/in/folder`.
pub type Payload = HashMap<String, Arc<PayloadFile>>;

/// What is offered in a network.
#[derive(Debug, Default)]
pub struct Offer {
    /// The loaders' files.
    pub shelf: Arc<Shelf>,
    /// Payload on the disk.
    pub payload: Arc<Payload>,
    /// QEMU's image, where it is offered: payload that is in memory.
    pub qemu: Option<Arc<InMemory>>,
    /// The torrents of every system, and of QEMU, by its name. A system that changed has several, the last one last: of
    /// the others, machines that booted before may still be in the middle.
    pub systems: HashMap<String, Vec<InfoHash>>,
}

impl Offer {
    /// All torrents that the seed has, in order.
    #[must_use]
    pub fn torrents(&self) -> Vec<InfoHash> {
        let mut all: Vec<_> = self.systems.values().flatten().copied().collect();
        all.sort_unstable();
        all
    }
}

/// The last offer.
#[must_use]
pub fn last(offers: &Offers) -> Arc<Offer> {
    Arc::clone(&offers.borrow())
}
