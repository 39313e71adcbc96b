//! What a machine did, as words that travel: the steps of one boot, as the doors of the server see
//! them and as the machine itself reports them, and the bounded history drawn from them.
//!
//! Server and client share these types and nothing else, so they are plain values. This crate never
//! opens a socket, never looks at a clock (`now` is a [`core::time::Duration`] since an epoch of the
//! caller's choice) and trusts no text: what a stranger reports is shortened and freed of control
//! characters before it is kept or shown.
#![forbid(unsafe_code)]

mod boot;
mod clip;
mod diagnosis;
mod exit;
mod line;
pub mod look;
mod mac;
mod pattern;
mod stage;
mod step;
mod text;
mod timeline;
mod transfer;

pub use exit::Exit;
pub use mac::{Mac, MacError};
pub use pattern::{MacPattern, MacPatternError};
pub use stage::Stage;
pub use step::{
    ChosenBy, Door, Facts, OPERATING_SYSTEM, Progress, Report, ShellFrom, Source, Step,
};
pub use text::{bytes, millis, rate};
pub use timeline::{Entry, MAX_STEPS, Timeline};
