//! The server's seed: folders hashed into torrents, and their bytes sent to whoever asks.
//!
//! [`hash_folder`] reads a system's payload with all cores and makes the torrent that every server
//! makes of the same bytes. [`Cache`] remembers that, and believes it only while every file has the
//! [`Fingerprint`] it had. [`Seeder`] sends those bytes to peers. It is the one place that knows
//! librqbit, and hands it a storage of ours that can only read. [`Dialer`] opens a connection to a peer
//! that waits for one. [`Reader`] gives pieces to who sends them in another way. [`InMemory`] is a torrent of a file that lies on no disk.
//!
//! This crate never writes below a payload folder, never dials a tracker, nor a peer that the caller did
//! not name, and never serves a file that is known to have changed since it was added.
//!
//! What librqbit does not let us bound: the requests of one peer wait in a queue without end, so a
//! stranger who asks and never reads costs memory until it is cut off for not reading.
#![forbid(unsafe_code)]

mod cache;
mod dial;
mod engine;
mod error;
mod fingerprint;
mod hash;
mod memory;
mod own_thread;
mod payload;
mod reader;
mod seeder;
mod storage;

pub use cache::{Cache, Hashed};
pub use dial::{Connection, Dialer};
pub use engine::HOUSE;
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use hash::hash_folder;
pub use memory::InMemory;
pub use reader::{Pieces, Reader};
pub use seeder::{Peer, Seeder, Settings, Stats};
