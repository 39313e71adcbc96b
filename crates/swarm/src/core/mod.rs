//! The rules of the swarm, without sockets, files or clocks.
//!
//! # How a piece travels
//! 1. The tracker names addresses, and peers name others ([`wire::Pex`]), which counts as hearsay;
//!    [`Swarm`] decides which of them to connect to, and asks its shell for it with an [`Action`]. Both sides greet each other ([`wire::Handshake`]), say what
//!    they have, and unchoke each other at once: in a room everybody serves everybody.
//! 2. The server gives each piece once, as long as there are pieces that it has not given. A machine asks
//!    it only for what no peer has and nobody claims, tells its own kind what it takes
//!    ([`wire::Claim`], extension `bs_claim`) and which piece it will take next, so that two who
//!    chose the same one notice before they ask. It walks from piece to neighbouring piece, which
//!    keeps machines apart even where they do not hear each other. In a room larger than what
//!    everybody is connected to, claims are told on once, and nobody walks far, since two who met there would go on one behind
//!    the other. Where the server has enough to do already, others wait; in such a room the claims heard directly are
//!    counted as a part of all, for that the others came true is heard late.
//!
//!    Who took more than its share of the server's pieces asks for one block at a time until the others have caught up, and who
//!    has just met the server for a few only, so that others have something to share soon. A claim is a courtesy: it ends
//!    when it is not repeated, a stranger has a few at most, and who breaks one is not believed any more. When
//!    nothing is claimed and nothing new is left, the server gives the rarest pieces again rather than rest.
//! 3. A machine that lacks a piece which a peer has is interested and keeps a window of requests
//!    open at that peer, as many as the peer answers within a fraction of a second (one that is
//!    not ours: within one and a half; half as many again for who is behind the others; where its cable is free all the same, as many as it would take from
//!    each if all brought the same, and at most four times as many as the peer answers). Beyond that a window grows only while all of it
//!    is used. Of other machines it
//!    wants the rarest piece, at random among equals, so that all have something to trade. No block is asked for twice, except
//!    the last few of all (end game); when one peer has brought it, the other is told so and drops what it has not begun to send (not the server, whose seed hears of no cancel). Requests,
//!    and all else that is short, go before the blocks that wait for the same peer.
//! 4. A block that arrives goes to the file at once ([`Action::Store`]). When the last one of a
//!    piece is there, the shell checks the hash ([`Action::Check`]) and reports the verdict.
//! 5. Only a verified piece counts, and is served to whoever asks. What nobody else has is told to everybody at
//!    once. What the room has already, our own kind hears only where it is lacking, together with the next
//!    word to that peer and within a tenth of a second; strangers hear everything at once. A piece that is wrong is fetched again from one peer alone, so that the liar is known
//!    and banned when it lies again.
//! 6. Not everybody wants everything: a machine that boots a kernel wants the pieces of that and of its initrds
//!    ([`Swarm::wanting`]). All that is said above of lacking, asking and claiming is of wanted pieces; it is
//!    complete with them, says so (BEP 21), and serves what it has to whoever wants more. Two that want nothing
//!    more of each other part. Claims of what it does not want it passes over, so that it never waits
//!    for somebody who wants much.
//! 7. Where the machines' ways out are so slow that the server sends everything several times over, it sends it once to
//!    everybody at a time: [`multicast`]. Who hears that asks nobody meanwhile.
//! 8. Who promises and does not deliver loses its requests after seconds and is passed over for a
//!    while; who vanishes loses them at once.
//!
//! Nothing here sleeps, reads or sends. Time is an argument, counted from wherever the caller
//! likes; chance comes from a seed. Whatever a stranger sends is a message that was already checked
//! by [`wire`], and everything it may make us remember has a limit.
#![forbid(unsafe_code)]

mod action;
mod bitfield;
mod by_conn;
mod claims;
mod dialer;
mod exchange;
mod layout;
mod meter;
pub mod multicast;
mod offenders;
mod peer;
mod picker;
mod requests;
mod swarm;
mod uploads;
pub mod wire;

pub use action::{Action, ConnId, Reason};
pub use bitfield::Bitfield;
pub(crate) use by_conn::ByConn;
pub use exchange::PeerExchange;
pub use layout::{BLOCK, Block, Layout};
pub(crate) use peer::HOUSE;
pub use peer::Offer;
pub use requests::{MAX_WINDOW, MIN_WINDOW};
pub use swarm::{Holdings, Settings, Status, Swarm};
