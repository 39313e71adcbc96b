//! The finished server's TFTP, with the TFTP clients that Debian's users have.

mod client;
mod crowd;
mod desk;
mod firmware;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::{Order, Program};
use desk::{Desk, Shelf, odd_bytes, odd_name};
use lab::{Stop, until};
use report::{Door, Step};

/// From the end of a transfer to what the API says of it.
const SOON: Duration = Duration::from_secs(20);
/// What booting as in 2018 fetches, by the names it fetches it by.
const ORIGINAL: [&str; 6] = [
    "pxelinux.0",
    "pxelinux.cfg",
    "bzImage",
    "rootfs.gz",
    "diff.gz",
    "torrents.gz",
];
/// A block that is not full ends a transfer, so a file of nothing but full blocks ends with an
/// empty one.
const SIZES: [usize; 7] = [0, 1, 511, 512, 513, 1024, MIDDLE];
/// Full blocks of 512 bytes and of 1468, the largest on an Ethernet.
const MIDDLE: usize = 512 * 1468;
/// More blocks than their number has values: it begins again at 0.
const MANY_BLOCKS: usize = 65_536 + 10;

#[test]
#[ignore = "needs root, TFTP clients and target/dist/bt-server; cargo xtask test runs it"]
fn curl_tftp_hpa_and_atftp_fetch_what_the_original_served() -> Result<()> {
    let desk = Desk::open(&Shelf::Embedded)?;
    for name in ORIGINAL {
        let right = desk.by_http(name)?;
        for program in Program::ALL {
            desk.fetch(&Order::get(program, name), &right)?;
        }
        let with_a_slash = format!("/{name}");
        desk.fetch(&Order::get(Program::TftpHpa, &with_a_slash), &right)?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root, TFTP clients and target/dist/bt-server; cargo xtask test runs it"]
fn a_file_of_any_size_arrives_whole() -> Result<()> {
    let (large, in_windows) = (MANY_BLOCKS * 512, MANY_BLOCKS * 64);
    let sizes = [&SIZES[..], &[large, in_windows]].concat();
    let desk = Desk::open(&Shelf::Odd(sizes))?;
    for size in SIZES {
        for program in Program::ALL {
            desk.fetch(&Order::get(program, &odd_name(size)), &odd_bytes(size))?;
        }
    }
    let one_by_one = Order::get(Program::TftpHpa, &odd_name(large));
    desk.fetch(&one_by_one, &odd_bytes(large))?;
    let windows = Order::get(Program::Atftp, &odd_name(in_windows))
        .with(&["--option", "blksize 64"])
        .with(&["--option", "windowsize 16"]);
    desk.fetch(&windows, &odd_bytes(in_windows)).map(drop)
}

#[test]
#[ignore = "needs root, TFTP clients and target/dist/bt-server; cargo xtask test runs it"]
fn options_are_granted_within_limits() -> Result<()> {
    let desk = Desk::open(&Shelf::Odd(vec![MIDDLE]))?;
    let (name, right) = (odd_name(MIDDLE), odd_bytes(MIDDLE));
    for options in [
        &["--tftp-no-options"][..],
        &["--tftp-blksize", "128"],
        &["--tftp-blksize", "1468"],
        &["--tftp-blksize", "65464"],
    ] {
        desk.fetch(&Order::get(Program::Curl, &name).with(options), &right)?;
    }
    let size = format!("tsize: {MIDDLE}");
    for (wish, granted) in [
        ("blksize 1024", "blksize: 1024"),
        ("blksize 65464", "blksize: 1468"),
        ("windowsize 8", "windowsize: 8"),
        ("windowsize 9999", "windowsize: 16"),
        ("tsize 0", &size),
    ] {
        let order = Order::get(Program::Atftp, &name).with(&["--trace", "--option", wish]);
        let said = desk.fetch(&order, &right)?;
        let answer = said.lines().find(|line| line.contains("received OACK"));
        let answer = answer.with_context(|| format!("{wish} was ignored"))?;
        ensure!(answer.contains(granted), "{wish}: {answer}");
    }
    // That one is not granted, and the transfer goes on without it (RFC 2347).
    let timeout = Order::get(Program::Atftp, &name).with(&["--option", "timeout 2"]);
    desk.fetch(&timeout, &right).map(drop)
}

#[test]
#[ignore = "needs root, TFTP clients and target/dist/bt-server; cargo xtask test runs it"]
fn what_is_not_there_and_what_would_be_written_is_refused_at_once() -> Result<()> {
    let desk = Desk::open(&Shelf::Embedded)?;
    for program in Program::ALL {
        let (not_found, not_permitted) = match program {
            Program::Curl => ("(68)", "(69)"),
            Program::TftpHpa | Program::Atftp => ("File not found", "Permission denied"),
        };
        for name in ["missing", "../server.log", "/etc/passwd", "pxelinux.0/"] {
            desk.refused(&Order::get(program, name), not_found)?;
        }
        for name in ["new", "pxelinux.0"] {
            desk.refused(&Order::put(program, name), not_permitted)?;
        }
    }
    Ok(())
}

#[test]
#[ignore = "needs root, TFTP clients and target/dist/bt-server; cargo xtask test runs it"]
fn thirty_machines_fetch_at_once() -> Result<()> {
    let size = 2 << 20;
    let desk = Desk::open(&Shelf::Odd(vec![size]))?;
    let addresses: BTreeSet<_> = (100..130)
        .map(|last| Ipv4Addr::new(10, 77, 0, last))
        .collect();
    for address in &addresses {
        desk.add_client(*address)?;
    }
    let order = |address: &Ipv4Addr| {
        let curl = Order::get(Program::Curl, &odd_name(size));
        curl.with(&["--interface", &address.to_string()])
    };
    let orders: Vec<Order> = addresses.iter().map(order).collect();
    desk.fetch_together(&orders, &odd_bytes(size))?;
    wait_until_told(&desk, &addresses, size)
}

/// Waits until the API says that each of `addresses` has fetched the file of `size` bytes whole.
fn wait_until_told(desk: &Desk, addresses: &BTreeSet<Ipv4Addr>, size: usize) -> Result<()> {
    until("all transfers in the API", SOON, &Stop::never(), || {
        let machines = desk.machines()?.machines;
        let whole = machines.iter().filter(|one| {
            let mut steps = one.steps.iter().map(|told| &told.step);
            steps.any(|step| {
                matches!(step, Step::File { door: Door::Tftp, bytes, total, .. }
                    if bytes == total && *total == size as u64)
            })
        });
        let served: BTreeSet<_> = whole.filter_map(|one| one.address).collect();
        Ok((served == *addresses).then_some(()))
    })
}
