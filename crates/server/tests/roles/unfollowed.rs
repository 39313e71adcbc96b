//! Firmware that drops the exchange of two offers: it takes an address from the other server, and nothing of ours.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use lab::{MachineView, Machines, Stop, until};
use report::{Mac, Step};

use crate::common::dnsmasq::{Dnsmasq, OTHER};
use crate::common::{HTTP, target};
use crate::one_offer::OneOffer;
use crate::world::{SERVER, SOON, World};

const MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 0x31]);
const LOADER: &str = "lpxelinux.0";

/// A synthetic scenario: the firmware is played by us. dnsmasq, the server and the fetched loader are real.
///
/// The remedy is taken from the journal's own words and done.
#[test]
#[ignore = "needs root, dnsmasq, curl, network namespaces and target/phase1; cargo xtask test runs it"]
fn firmware_that_knows_one_offer_is_named_and_boots_by_the_remedy() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    let mut rom = OneOffer::on(world.room.host(None)?, MAC)?;
    let dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &["--no-ping"])?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());

    // One lost packet explains one round; only the third try after two of them is a pattern.
    for _ in 0..2 {
        goes_elsewhere(&mut rom)?;
    }
    // At least: a request that is not answered within a second is said again, and heard again.
    let before = machine(&world, |one| leases(one) >= 2)?;
    ensure!(unfollowed(&before).is_none(), "too early: {before:?}");
    goes_elsewhere(&mut rom)?;
    // That it took its address from there once more does not hide it.
    let more = |one: &MachineView| unfollowed(one).is_some() && leases(one) > leases(&before);
    let named = machine(&world, more)?;
    let why = unfollowed(&named).with_context(|| format!("not named: {named:?}"))?;
    ensure!(why.contains("ignores proxyDHCP offers") && why.contains("10.77.0.2 again and again"));
    ensure!(why.ends_with("start with --dhcp full"), "{why}");
    let diagnosis = format!("boots nothing of ours: {why}");
    ensure!(named.diagnosis.as_ref() == Some(&diagnosis), "{named:?}");
    server.wait_until_it_says(&diagnosis, SOON)?;

    let next: Ipv4Addr = word_after(&why, "next-server (option 66) to ")?.parse()?;
    let file = word_after(&why, "boot file (option 67) to ")?;
    drop(dnsmasq);
    let remedy = format!("--dhcp-boot={file},,{next}");
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &["--no-ping", &remedy])?;
    let told = rom.round()?;
    ensure!(
        (told.next_server, told.file.as_str()) == (SERVER, LOADER),
        "{told:?}"
    );
    let curl = rom
        .takes(told.address)?
        .command("curl")
        .args(["--silent", "--show-error", "--max-time", "20"])
        .arg(format!("tftp://{}/{}", told.next_server, told.file))
        .stderr(Stdio::inherit())
        .output()?;
    let loader = fs::read(target().join("phase1/image").join(LOADER))?;
    ensure!(
        curl.status.success() && curl.stdout == loader,
        "{}",
        curl.status
    );
    let booted = machine(&world, |one| one.stage == "loader")?;
    ensure!(booted.diagnosis.is_none(), "{booted:?}");
    Ok(())
}

/// It boots, with an address of dnsmasq's and without a file, although it was told one.
fn goes_elsewhere(rom: &mut OneOffer) -> Result<()> {
    let told = rom.round()?;
    ensure!((told.server, told.file.as_str()) == (OTHER, ""), "{told:?}");
    let ours = rom.passed_over(SERVER)?;
    ensure!(
        (ours.next_server, ours.file.as_str()) == (SERVER, LOADER),
        "{ours:?}"
    );
    ensure!(
        ours.address.is_unspecified(),
        "an address of ours: {ours:?}"
    );
    Ok(())
}

/// Waits until the API has the firmware's machine so.
fn machine(world: &World, is_so: impl Fn(&MachineView) -> bool) -> Result<MachineView> {
    until("it in the API", SOON, &Stop::never(), || {
        let (_, body) = lab::get(world.host.namespace(), HTTP, "/api/v1/machines")?;
        let all: Machines = serde_json::from_slice(&body)?;
        let known = all.machine(&MAC.to_string()).cloned();
        Ok(known.filter(&is_so))
    })
}

/// How often it took an address.
fn leases(machine: &MachineView) -> u32 {
    let leases = machine.steps.iter();
    let leases = leases.filter(|one| matches!(one.step, Step::Lease { .. }));
    leases.map(|one| one.times).sum()
}

fn unfollowed(machine: &MachineView) -> Option<String> {
    machine.steps.iter().find_map(|one| match &one.step {
        Step::Unfollowed { why } => Some(why.clone()),
        _ => None,
    })
}

fn word_after<'a>(text: &'a str, words: &str) -> Result<&'a str> {
    let rest = text.split_once(words).map(|(_, rest)| rest);
    let word = rest.and_then(|rest| rest.split([' ', ',']).next());
    word.with_context(|| format!("no {words:?} in {text:?}"))
}
