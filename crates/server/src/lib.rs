//! bt-server: one process that boots a room of computers over the network.
//!
//! This crate is where the rooms of the house meet. It opens the doors machines knock at (DHCP,
//! TFTP, HTTP with the tracker), keeps the journal of what every machine did, and composes the
//! leaves: `catalog` says what can be booted, `pxe` what to tell firmware, `tracker` who shares
//! what, `seeder` sends the bytes. It takes no protocol decision of its own and starts no process
//! but, where an interface has no address, a copy of itself that takes that address away again.
//!
//! In reading order:
//! 1. [`args`] the command line; [`host`] the machine it runs on, with [`interface`] and [`user`]; [`state`] the
//!    folder it keeps;
//! 2. [`init`] an environment to start from; [`check`] everything that is wrong with a configuration, at once;
//!    [`plan`] what follows from configuration, command line and machine together;
//! 3. [`start`] check, [`bind`], drop root, start the runtime: what `main` calls; [`lend`] and [`hold`] where the
//!    interface has no address; [`holder`] who is in the way;
//! 4. [`prepare`] torrents and the initrd that carries them; [`shelf`] the files loaders ask for;
//! 5. [`serve`] runs the [`doors`] until the first signal; [`leases`] outlive it; [`journal`] hears
//!    of every step; [`screen`] prints what a person should know at the start and at the end.

#![forbid(unsafe_code)]

pub mod args;
pub mod bind;
pub mod check;
pub mod doors;
pub mod hold;
pub mod holder;
pub mod host;
pub mod init;
pub mod interface;
pub mod journal;
pub mod leases;
pub mod lend;
pub mod plan;
pub mod prepare;
pub mod screen;
pub mod serve;
pub mod shelf;
mod shell;
pub mod start;
pub mod state;
pub mod user;
