//! An address for one run: a laptop, a switch, and nobody who gives addresses.
//!
//! The interface is switched on and its wire looked at first. Only where nobody answers does it get the address that
//! the plan has for it; where somebody does, that one gives addresses, to this computer too. [`crate::hold`] takes
//! everything back at the end. Runs as root, before the runtime.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use catalog::Problem;
use pxe::wire::Role;

use crate::bind;
use crate::doors::wire;
use crate::hold::Hold;
use crate::interface::{self, manager};
use crate::plan::{Network, Plan};
use crate::refused::Refused;
use crate::serve::network::{self, Looked};

/// How long a card may take to find its link after it was switched on. Gigabit over copper needs two to four seconds.
const LINK_WITHIN: Duration = Duration::from_secs(6);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An interface that is ready for the run.
#[derive(Debug)]
pub struct Lent {
    /// Takes everything back when it is dropped.
    pub hold: Hold,
    /// What the wire was found to be.
    pub looked: Looked,
}

/// Makes the interface of a network of the plan ready, if its wire is silent. Hands back DHCP's ports, which are open from then on.
///
/// # Errors
/// This process may not, or somebody else gives addresses on that wire.
pub fn lend(plan: &Plan, network: &Network) -> Result<(Lent, bind::Dhcp), Refused> {
    let interface = &network.interface;
    let opened = bind::dhcp(&interface.name).map_err(Refused::Problems)?;
    let mut hold = Hold::start(&interface.name, plan.user.as_ref())?;
    if !interface.up {
        hold.up()?;
    }
    if plan.networks.len() > 1 && !has_link_within(&interface.name, LINK_WITHIN) {
        return Err(Refused::Problems(vec![no_link(network)]));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let (opened, looked) = runtime.block_on(network::look(opened, plan, network))?;
    match &looked.role {
        role @ Role::Full => {
            if let Some(problem) = network.in_the_way_of(role) {
                return Err(Refused::Problems(vec![problem.clone()]));
            }
        }
        Role::Proxy { why } => return Err(Refused::Problems(vec![taken(network, why)])),
        Role::Second { first } => {
            let why = format!("another bt-server answers there, {first}");
            return Err(Refused::Problems(vec![taken(network, &why)]));
        }
        Role::SameWire { served_from } => {
            return Err(Refused::Problems(vec![same_wire(network, *served_from)]));
        }
    }
    hold.address(interface.address, interface.prefix)?;
    Ok((Lent { hold, looked }, opened))
}

fn has_link_within(name: &str, longest: Duration) -> bool {
    let begun = Instant::now();
    loop {
        let link = interface::now(name).is_ok_and(|now| now.link);
        if link || begun.elapsed() >= longest {
            return link;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Alone it could be waited for.
fn no_link(network: &Network) -> Problem {
    let name = &network.interface.name;
    Problem::error(
        "interface",
        format!(
            "{name} has neither an address nor a link, and the other networks would wait for it"
        ),
        format!("plug in its cable, give it an address, or leave {name} out"),
    )
}

/// This computer gives addresses there, by another interface.
fn same_wire(network: &Network, served_from: Ipv4Addr) -> Problem {
    let name = &network.interface.name;
    Problem::error(
        "interface",
        format!(
            "{name} has no address, and {}",
            wire::same_wire(served_from)
        ),
        format!("leave {name} out"),
    )
}

/// Somebody else gives addresses.
fn taken(network: &Network, why: &str) -> Problem {
    let interface = &network.interface;
    let name = &interface.name;
    let command = manager::ask_for_an_address(interface.manager, name);
    Problem::error(
        "interface",
        format!("{name} has no address, and {why}"),
        format!("let it get its address from there, then start again: {command}"),
    )
}
