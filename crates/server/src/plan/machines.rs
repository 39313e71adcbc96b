//! The configuration's rules for machines, as the DHCP door and the machines themselves are told them.

use catalog::manifest::MachineEntry;
use catalog::{Boot, WhoBoots};
use pxe::machines::{Conflict, Rule};

/// What the DHCP door goes by.
///
/// # Errors
/// Rules that cannot hold together, of which the configuration's reader lets none pass.
pub(super) fn rules(who: &WhoBoots) -> Result<pxe::Machines, Conflict> {
    let rules = who.rules.iter().map(|told| {
        let rule = Rule {
            address: told.address,
            name: told.name.clone(),
            boot: boot(told.boot),
        };
        (told.pattern, rule)
    });
    pxe::Machines::new(rules, boot(who.others))
}

fn boot(boot: Boot) -> pxe::Boot {
    match boot {
        Boot::Always => pxe::Boot::Always,
        Boot::Once => pxe::Boot::Once,
        Boot::Local => pxe::Boot::Local,
        Boot::Ignore => pxe::Boot::Ignore,
    }
}

/// What the manifest says of machines: all that may come to read it.
pub(super) fn entries(who: &WhoBoots) -> Vec<MachineEntry> {
    let read_it = who.rules.iter().filter(|told| told.boot != Boot::Ignore);
    read_it
        .map(|told| MachineEntry {
            pattern: told.pattern,
            name: told.name.clone(),
            default: told.default.clone(),
            timeout: told.timeout,
        })
        .collect()
}
