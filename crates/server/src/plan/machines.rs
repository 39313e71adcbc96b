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

#[cfg(test)]
mod tests {
    use super::*;
    use report::Mac;

    #[test]
    fn the_configuration_reaches_the_door_and_the_machines() {
        let text = "\
machines:
  unknown: ignore
  ignore: [\"00:80:77:*\"]
  list:
    - {mac: 52:54:00:12:34:56, address: 10.77.0.21, name: pc01, timeout: 5}
    - {match: 52:54:00:*, os: deb, boot: once}
    - {match: 02:*, os: disk}
";
        let checked = catalog::settings("Boottorrent.yaml", text);
        assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        let systems =
            [("deb", "kernel: vmlinuz"), ("disk", "method: local")].map(|(name, config)| {
                let files = [catalog::PayloadFile {
                    path: "vmlinuz".to_owned(),
                    size: 1,
                }];
                let read = catalog::system(name, &files, Some(("config.yaml", config)));
                read.value.expect(name)
            });
        let who = catalog::who_boots(&checked.value.expect("settings"), &systems);
        let rules = rules(&who).expect("sound");
        let one = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        for (mac, boot) in [
            (one, pxe::Boot::Once),
            (Mac([0x52, 0x54, 0, 0, 0, 1]), pxe::Boot::Once),
            (Mac([2, 0, 0, 0, 0, 1]), pxe::Boot::Local),
            (Mac([0, 0x80, 0x77, 0, 0, 1]), pxe::Boot::Ignore),
            (Mac([6, 0, 0, 0, 0, 1]), pxe::Boot::Ignore),
        ] {
            assert_eq!(rules.boot(mac), boot, "{mac}");
        }
        assert_eq!(rules.name(one), Some("pc01"));
        let kept: Vec<_> = rules.reservations().collect();
        assert_eq!(kept, [([10, 77, 0, 21].into(), one)]);
        let told: Vec<_> = entries(&who)
            .into_iter()
            .map(|entry| (entry.pattern.to_string(), entry.default, entry.timeout))
            .collect();
        let expected = [
            ("52:54:00:12:34:56", "deb", 5),
            ("52:54:00:*", "deb", 30),
            ("02:*", "disk", 30),
        ];
        let expected = expected.map(|(pattern, default, timeout)| {
            (pattern.to_owned(), Some(default.to_owned()), timeout)
        });
        assert_eq!(told, expected);
    }
}
