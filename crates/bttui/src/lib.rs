//! The machine's side: what a computer runs between its firmware and its operating system.
//!
//! In reading order: [`app`] is the model of the [`screen`]s, with its [`event`]s, [`menu`]'s rules,
//! [`verdict`] on what this machine can run, [`history`] and [`keys`], and [`sharing`] says when a machine that has everything starts;
//! [`ui`] draws it; [`console`] and [`tty`] bring it to every screen and serial line, and [`gate`] says who gets a shell there. [`flow`] is
//! phase 1 from waking up to the jump: [`lease`], [`facts`] and [`offers`] read what phase 1 left for
//! it, [`memory`] and [`space`] say whether a system fits, [`job`] and [`download`] fetch, [`joined`] makes one initrd of several files, [`words`] fills in the command line,
//! [`reports`] tells the server and [`waiting`] asks it, [`kexec`] starts what takes phase 1's place and
//! [`program`] runs what does not ([`overlay`], [`leftovers`], [`reins`]), for a guest [`layer`] and [`qemu`], and [`phase1`] guards all
//! that acts on the machine. [`guest`] shows a virtual machine's screen on this one's. [`look`] lets the server see this machine. [`fetch`] is the download alone, for any Linux.
//!
//! It holds no protocol (that is `swarm`) and no server code. Names are never resolved: a static
//! program cannot, and everything it is told carries addresses. Unsafe code is in [`sys`] alone.

pub mod app;
pub mod cli;
pub mod console;
pub mod download;
pub mod event;
pub mod facts;
pub mod fetch;
pub mod fetch_log;
pub mod fetch_share;
pub mod flow;
pub mod gate;
pub mod guest;
pub mod history;
pub mod job;
pub mod joined;
pub mod kexec;
pub mod keys;
pub mod layer;
pub mod lease;
pub mod leftovers;
pub mod look;
pub mod memory;
pub mod menu;
pub mod news;
pub mod offers;
pub mod overlay;
pub mod phase1;
pub mod program;
pub mod qemu;
pub mod reins;
pub mod reports;
pub mod screen;
pub mod sharing;
pub mod space;
pub mod sys;
pub mod tty;
pub mod ui;
pub mod verdict;
pub mod waiting;
pub mod words;
