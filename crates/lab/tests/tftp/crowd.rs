//! A whole room at once, over cables that lose packets, with firmware that aborts its first request:
//! what it leaves behind at the server, which is nothing.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lab::{Stop, until};

use crate::client::{Order, Program};
use crate::desk::{Desk, Shelf, odd_bytes, odd_name};
use crate::wait_until_told;

/// As large as lpxelinux.0, the largest loader that a BIOS gets.
const LOADER: usize = 75_000;
/// The server hears an abort, and whose port is closed is gone at its next packet. Only who falls silent is waited for: 12 s, and in the
/// middle of a file a minute.
const LETS_GO: Duration = Duration::from_secs(20);
/// An abort alone.
const AT_ONCE: Duration = Duration::from_secs(5);
/// What a transfer may cost the server, in KiB: its socket, its task, a window of blocks.
const EACH: u64 = 64;

#[test]
#[ignore = "needs root, nft, curl and target/dist/bt-server; cargo xtask test runs it"]
fn three_hundred_machines_that_abort_first_fetch_the_loader_over_a_bad_cable() -> Result<()> {
    const MACHINES: u32 = 300;
    let desk = Desk::open(&Shelf::Odd(vec![LOADER]))?;
    let first = u32::from(Ipv4Addr::new(10, 77, 1, 0));
    let addresses: BTreeSet<_> = (first..first + MACHINES).map(Ipv4Addr::from).collect();
    for address in &addresses {
        desk.add_client(*address)?;
    }
    let (before, idle) = (desk.peak_memory()?, desk.transfers()?);
    let (name, right) = (odd_name(LOADER), odd_bytes(LOADER));
    for address in &addresses {
        ensure!(desk.firmware(*address)?.ask_for_the_size(&name)? == LOADER);
    }
    desk.lose(5)?;
    // Half of them as firmware of today, half as that of 1999.
    let order = |(number, address): (usize, &Ipv4Addr)| {
        let block = if number % 2 == 0 { "1468" } else { "512" };
        let address = address.to_string();
        let options = ["--interface", &address, "--tftp-blksize", block];
        Order::get(Program::Curl, &name).with(&options)
    };
    let orders: Vec<Order> = addresses.iter().enumerate().map(order).collect();
    desk.fetch_together(&orders, &right)?;
    let lost = desk.lost()?;
    ensure!(lost > 1000, "only {lost} packets were lost");
    wait_until_told(&desk, &addresses, LOADER)?;
    wait_until_idle(&desk, idle)?;
    let grown = desk.peak_memory()? - before;
    // Each has at most two transfers open: the one it aborted and the one it made.
    let most = 2 * u64::from(MACHINES) * EACH;
    ensure!(grown < most, "{grown} KiB for {MACHINES} machines");
    println!("{MACHINES} machines, {lost} packets lost, {grown} KiB more at most");
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_request_that_was_aborted_leaves_nothing_behind() -> Result<()> {
    let desk = Desk::open(&Shelf::Odd(vec![LOADER]))?;
    let name = odd_name(LOADER);
    let idle = desk.transfers()?;
    let machine = Ipv4Addr::new(10, 77, 0, 9);
    desk.add_client(machine)?;
    let firmware = desk.firmware(machine)?;
    ensure!(firmware.ask_for_the_size(&name)? == LOADER);
    let aborted = Instant::now();
    wait_until_idle(&desk, idle)?;
    let took = aborted.elapsed();
    ensure!(took < AT_ONCE, "let go after {took:?}, not at the abort");
    // The same port may ask again now, and a new one may at any time.
    ensure!(firmware.fetch(&name)? == odd_bytes(LOADER));
    ensure!(firmware.ask_for_the_size(&name)? == LOADER);
    let other = desk.firmware(machine)?;
    ensure!(other.fetch(&name)? == odd_bytes(LOADER));
    wait_until_idle(&desk, idle)
}

fn wait_until_idle(desk: &Desk, idle: usize) -> Result<()> {
    until("the end of all transfers", LETS_GO, &Stop::never(), || {
        Ok((desk.transfers()? == idle).then_some(()))
    })
}
