//! What to tell firmware, from its first DISCOVER to the script its loader reads.
//!
//! This crate decides and never acts: bytes and the time go in, an [`Action`] comes out. It opens
//! no socket, reads no clock, draws no random number and touches no file, so a whole room of
//! machines can be played against it in a test.
//!
//! In reading order:
//! 1. [`packet`] reads a stranger's bytes into a [`Request`], or says why not;
//! 2. [`firmware`] names who sent it; [`plan`] is the one table of what each of them gets, and
//!    [`machines`] says which of them get anything;
//! 3. [`lease`] keeps which address of the [`pool`] belongs to which machine, in each subnet, and
//!    [`record`] how that is written down for the next run;
//! 4. [`responder`] puts the three together and writes the reply; [`settings`] is what it must know,
//!    [`action`] what it says;
//! 5. [`script`] is what the loaders read next;
//! 6. [`probe`] is the other direction: asking whether somebody else answers on the wire; [`wire`]
//!    says what follows from that.

#![forbid(unsafe_code)]

pub mod action;
pub mod firmware;
pub mod lease;
pub mod machines;
pub mod packet;
pub mod plan;
pub mod pool;
pub mod probe;
pub mod record;
mod refusals;
mod reply;
pub mod responder;
pub mod script;
pub mod settings;
mod subnet;
mod unfollowed;
pub mod wire;

pub use action::{Action, Question, Reason};
pub use firmware::{Client, Firmware};
pub use lease::{Change, Lease, Leases};
pub use machines::Machines;
pub use packet::{Kind, Request};
pub use plan::Loader;
pub use pool::{Pool, PoolError};
pub use probe::Foreign;
pub use record::{Moment, Record, Records};
pub use responder::Responder;
pub use settings::{Mode, RelayedSubnet, Settings};
