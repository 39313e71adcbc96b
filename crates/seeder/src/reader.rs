//! The seed's bytes, for who sends them in another way than to peers that ask.

use std::sync::{Arc, Weak};

use metainfo::{Info, InfoHash};

use crate::Error;
use crate::seeder::{Seeder, Shared};
use crate::storage::Source;

/// Reads what a seed has. It may outlive the seed, and then finds nothing; nor does one of no seed.
#[derive(Clone, Default)]
pub struct Reader(Weak<Shared>);

/// One torrent's pieces.
#[derive(Clone, Debug)]
pub struct Pieces {
    info: Arc<Info>,
    source: Arc<Source>,
}

impl Seeder {
    /// What reads this seed's torrents.
    pub fn reader(&self) -> Reader {
        Reader(Arc::downgrade(&self.shared))
    }
}

impl Reader {
    /// The pieces of a torrent; none if it is not seeded.
    #[must_use]
    pub fn pieces(&self, torrent: &InfoHash) -> Option<Pieces> {
        let (info, source) = self.0.upgrade()?.parts(torrent)?;
        Some(Pieces { info, source })
    }

    /// Payload bytes of a torrent that were sent to peers so far; none if it is not seeded.
    #[must_use]
    pub fn uploaded(&self, torrent: &InfoHash) -> Option<u64> {
        self.0.upgrade()?.uploaded(torrent)
    }
}

impl Pieces {
    /// What the torrent consists of.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The bytes of a piece from `begin` on. Blocks while the disk reads; nothing is hashed, and a file that is
    /// known to have changed is not read.
    ///
    /// # Errors
    /// A file is missing or changed, or there are fewer bytes in that piece.
    pub fn read(&self, piece: u32, begin: u32, length: u32) -> Result<Vec<u8>, Error> {
        let (mut bytes, mut done) = (vec![0; length as usize], 0);
        for span in self.info.spans_within(piece, begin, length) {
            let part = &mut bytes[done..][..span.length as usize];
            let read = self.source.read(span.file, part, span.offset);
            read.inspect_err(|error| self.source.remember(error))?;
            done += part.len();
        }
        if done < bytes.len() {
            let what = format!("piece {piece} ends before {begin} + {length}");
            return Err(Error::Engine(what));
        }
        Ok(bytes)
    }
}
