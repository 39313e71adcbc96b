//! bt-server: one process that boots a room of computers over the network.
//!
//! This crate is where the rooms of the house meet. It opens the doors machines knock at (DHCP,
//! TFTP, HTTP with the tracker), keeps the journal of what every machine did, and composes the
//! leaves: `catalog` says what can be booted, `pxe` what to tell firmware, `tracker` who shares
//! what, `seeder` sends the bytes. It takes no protocol decision of its own and starts no process
//! but, where an interface has no address, a copy of itself that takes that address away again. Only the doctor asks
//! other programs: nft, firewall-cmd and iptables-legacy, for what they list.
//!
//! In reading order:
//! 1. [`args`] the command line; [`host`] the machine it runs on, with [`interface`] and [`user`]; [`state`] the
//!    folder it keeps;
//! 2. [`init`] an environment to start from, [`pin`] a line for it; [`check`] everything that is wrong with a configuration, at once;
//!    [`plan`] what follows from configuration, command line and machine together;
//! 3. [`start`] check, [`bind`], drop root, start the runtime: what `main` calls; [`lend`] and [`hold`] where the
//!    interface has no address; [`holder`] who is in the way;
//! 4. [`prepare`] torrents and the initrd that carries them; [`shelf`] the files loaders ask for; [`offer`] what
//!    of it the doors hand out now, since oss is alive (`alive`);
//! 5. [`serve`] runs the [`doors`] until the first signal; [`leases`] and [`once`] outlive it; [`journal`] hears
//!    of every step; [`screen`] prints what a person should know at the start and at the end;
//! 6. [`doctor`] looks for what is in the way of a room; [`explain`] says what a recording holds and what would be
//!    answered; [`look`] shows a machine that is in phase 1.

#![forbid(unsafe_code)]

mod alive;
pub mod args;
pub mod bind;
pub mod check;
pub mod doctor;
pub mod doors;
pub mod explain;
pub mod hold;
pub mod holder;
pub mod host;
pub mod init;
pub mod interface;
pub mod journal;
pub mod leases;
pub mod lend;
pub mod look;
pub mod offer;
pub mod once;
pub mod options;
pub mod payload;
pub mod pin;
pub mod plan;
pub mod prepare;
pub mod refused;
mod replace;
pub mod screen;
pub mod serve;
pub mod shelf;
mod shell;
pub mod start;
pub mod state;
pub mod user;
