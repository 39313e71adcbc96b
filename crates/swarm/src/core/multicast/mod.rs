//! Each piece sent once to all machines at a time, where they cannot pass it on fast enough themselves.
//!
//! A room shares its pieces by BitTorrent, and where all cables are alike nothing is faster: each byte leaves
//! the server once, and all machines have everything as soon as the server has sent everything. Where the machines'
//! ways out are slow the server sends the same bytes several times over. Then, and only then, it sends
//! them by multicast.
//!
//! # How it goes
//! 1. A machine that is fetching tells the server what it lacks, how much came and how much of that from the server itself: a
//!    [`Report`], up to four times a second, by HTTP: the rarer the slower the server's cable is, since the answers go over
//!    it. It has joined the group that the [`Answer`] names, in which nothing is said yet.
//! 2. [`Room`] sees that the server sends more than twice as much as a machine gets. It sends one short burst of packets
//!    as fast as they leave (a trial), and hears from each machine whether they came and how far they were apart on arrival:
//!    that is what the machine's cable carries.
//! 3. Where the slowest of those that hear could get half as much again as they get now, all pieces that two machines lack are
//!    sent once, in order, at a rate that they keep up with: it falls when packets are lost, and rises again.
//!    Where not, all stays as it was, and the next trial is ever later.
//! 4. Machines that hear this ask nobody for anything ([`Swarm::listen`](super::Swarm::listen)): the room is quiet, so
//!    that nothing is lost. What comes is stored and verified as what a peer brings. Packets that are lost are nobody's
//!    business yet.
//! 5. After the last piece, or where the server falls silent, the machines go on as before, and have nearly everything:
//!    what the one lacks the others have.
//!
//! Nobody has to hear it: a machine on a port where multicast is filtered, that came late or was started after
//! the middle fetches from the others what it lacks, and so does one that gets fewer than half of the blocks whole. Nobody has to
//! believe it: after three wrong pieces, or three times five seconds without a right one, a machine listens no more and
//! fetches what it heard of unfinished pieces anew. Nobody can start it alone: it takes machines at three addresses, and is
//! never faster at first than what the seed has really sent.
//!
//! Of several torrents one at a time is sent so ([`Rooms`]).
//!
//! All of this is decided from values and a `now`; sockets are the shell's.

mod pace;
mod packet;
mod receiver;
mod report;
mod room;
mod rooms;

/// The key of a tracker's answer that names the path to which machines report, at the tracker's own address. Other programs pass
/// over keys that they do not know (BEP 3).
pub const DESK: &str = "multicast";

pub use packet::{HEADER, Kind, PART, Packet, parts};
pub use receiver::{Change, Receiver};
pub use report::{Answer, Burst, Heard, Invitation, Report};
pub use room::{Order, Room};
pub use rooms::{Rooms, Task};
