//! Who boots from us: rules by hardware address.
//!
//! The longest pattern that fits a machine has the one rule that holds for it. No pattern is there twice, so
//! nothing depends on an order. A machine that is ignored hears nothing from us, not even of an address,
//! whichever program on it asks: to its network this server is not there. One that is left to its own disk gets its
//! address as always, and its firmware is named no loader, or one that there is not ([`crate::plan::own_disk`]): that goes
//! on with the next device of its boot order, whatever firmware it is.
//!
//! Which machines have started is [`Started`]'s; nothing in here knows why a rule is as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use report::{Mac, MacPattern};

use crate::once::Started;

/// What becomes of a machine that is switched on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Boot {
    /// It boots from us each time.
    #[default]
    Always,
    /// It boots from us until a system has started on it; from then on it goes on with its own disk.
    Once,
    /// It goes on with its own disk.
    Local,
    /// It hears nothing from us.
    Ignore,
}

/// What holds for one machine, or for all that a pattern fits.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rule {
    /// Its address, which nobody else gets. For one machine only.
    pub address: Option<Ipv4Addr>,
    /// Its name (option 12).
    pub name: Option<String>,
    /// Whether it boots from us.
    pub boot: Boot,
}

/// The rules of a site. Without any, every machine boots.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Machines {
    rules: BTreeMap<MacPattern, Rule>,
    others: Boot,
}

/// Rules that cannot hold together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// A pattern has two rules.
    #[error("{0} has two rules: keep one of them")]
    Twice(MacPattern),
    /// Two machines have one address.
    #[error("{0} is reserved for two machines: give one of them another address")]
    SameAddress(Ipv4Addr),
    /// A pattern has an address.
    #[error("{0} fits many machines, which cannot all have one address: name each with its own")]
    ManyMachines(MacPattern),
}

/// How a machine is treated now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// It gets an address and a loader.
    Boots,
    /// It gets an address and no loader, and why.
    OwnDisk(&'static str),
    /// It gets no answer: a rule says so.
    Ignored,
    /// It gets no answer: there is no rule for it, and there should be.
    Unknown,
}

/// Why a machine without a rule is not answered, for people.
pub(crate) const UNKNOWN: &str = "it is none of the machines that Boottorrent.yaml names, and machines.unknown is \
                                  ignore: add its hardware address below machines.list to let it boot";

impl Machines {
    /// A site with these rules; `others` is for machines that none of them fits.
    ///
    /// # Errors
    /// The first two rules that cannot hold together.
    pub fn new(
        rules: impl IntoIterator<Item = (MacPattern, Rule)>,
        others: Boot,
    ) -> Result<Self, Conflict> {
        let (mut table, mut addresses) = (BTreeMap::new(), BTreeSet::new());
        for (pattern, rule) in rules {
            if let Some(address) = rule.address {
                if pattern.machine().is_none() {
                    return Err(Conflict::ManyMachines(pattern));
                }
                if !addresses.insert(address) {
                    return Err(Conflict::SameAddress(address));
                }
            }
            if table.insert(pattern, rule).is_some() {
                return Err(Conflict::Twice(pattern));
            }
        }
        Ok(Self {
            rules: table,
            others,
        })
    }

    /// The rule for `mac`, if there is one.
    #[must_use]
    pub fn of(&self, mac: Mac) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        MacPattern::fitting(mac).find_map(|pattern| self.rules.get(&pattern))
    }

    /// The name that `mac` has here.
    #[must_use]
    pub fn name(&self, mac: Mac) -> Option<&str> {
        self.of(mac)?.name.as_deref()
    }

    /// Whether `mac` is to boot, as the rules have it.
    #[must_use]
    pub fn boot(&self, mac: Mac) -> Boot {
        self.of(mac).map_or(self.others, |rule| rule.boot)
    }

    /// Whether any machine boots once.
    #[must_use]
    pub fn boots_once(&self) -> bool {
        let mut all = self.rules.values().map(|rule| rule.boot);
        self.others == Boot::Once || all.any(|boot| boot == Boot::Once)
    }

    /// How `mac` is treated, where the machines of `started` have had their start.
    #[must_use]
    pub fn treatment(&self, mac: Mac, started: &Started) -> Treatment {
        match self.boot(mac) {
            Boot::Once if started.has(mac) => {
                Treatment::OwnDisk("it was to boot once, and has (--boot-again lets it boot again)")
            }
            Boot::Always | Boot::Once if started.is_left(mac) => {
                Treatment::OwnDisk("it was chosen in its menu a moment ago")
            }
            Boot::Always | Boot::Once => Treatment::Boots,
            Boot::Local => Treatment::OwnDisk("Boottorrent.yaml says so"),
            Boot::Ignore if self.of(mac).is_none() => Treatment::Unknown,
            Boot::Ignore => Treatment::Ignored,
        }
    }

    /// Every reserved address and whose it is.
    pub fn reservations(&self) -> impl Iterator<Item = (Ipv4Addr, Mac)> {
        let rules = self.rules.iter();
        rules.filter_map(|(pattern, rule)| Some((rule.address?, pattern.machine()?)))
    }

    /// Every machine that has a name.
    pub fn names(&self) -> impl Iterator<Item = (Mac, &str)> {
        let rules = self.rules.iter();
        rules.filter_map(|(pattern, rule)| Some((pattern.machine()?, rule.name.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> MacPattern {
        text.parse().expect(text)
    }

    fn boots(boot: Boot) -> Rule {
        Rule {
            boot,
            ..Rule::default()
        }
    }

    fn reserved(last: u8) -> Rule {
        Rule {
            address: Some([10, 77, 0, last].into()),
            ..Rule::default()
        }
    }

    #[test]
    fn the_longest_pattern_decides() {
        let rules = [
            ("*", Boot::Always),
            ("52:54:00:*", Boot::Ignore),
            ("52:54:00:12:*", Boot::Local),
            ("52:54:00:12:34:56", Boot::Always),
            ("52:54:00:12:34:57", Boot::Ignore),
            ("52:54:00:13:*", Boot::Once),
        ];
        let [mut ways, mut back] = [Vec::from(rules), Vec::from(rules)];
        back.reverse();
        let started: Started = [[0x52, 0x54, 0, 0x13, 0, 1]].map(Mac).into_iter().collect();
        for rules in [&mut ways, &mut back] {
            let rules = rules
                .iter()
                .map(|(text, boot)| (pattern(text), boots(*boot)));
            let machines = Machines::new(rules, Boot::Ignore).expect("sound");
            for (mac, treatment) in [
                ("52:54:00:12:34:56", Treatment::Boots),
                ("52:54:00:12:34:57", Treatment::Ignored),
                (
                    "52:54:00:12:00:00",
                    Treatment::OwnDisk("Boottorrent.yaml says so"),
                ),
                ("52:54:00:99:00:00", Treatment::Ignored),
                ("52:54:00:13:00:02", Treatment::Boots),
                ("02:00:00:00:00:01", Treatment::Boots),
            ] {
                let mac = mac.parse().expect(mac);
                assert_eq!(machines.treatment(mac, &started), treatment, "{mac}");
            }
            let once = machines.treatment(Mac([0x52, 0x54, 0, 0x13, 0, 1]), &started);
            assert!(matches!(once, Treatment::OwnDisk(why) if why.contains("--boot-again")));
        }
    }

    #[test]
    fn who_chose_its_own_disk_is_left_to_it_for_a_while() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let mut started = Started::default();
        started.leave(mac).expect("room");
        let treated = |others, started: &Started| {
            let machines = Machines::new([], others).expect("sound");
            machines.treatment(mac, started)
        };
        let chosen = Treatment::OwnDisk("it was chosen in its menu a moment ago");
        assert_eq!(treated(Boot::Always, &started), chosen);
        assert_eq!(treated(Boot::Once, &started), chosen);
        assert_eq!(treated(Boot::Ignore, &started), Treatment::Unknown);
        started.come_back(mac);
        assert_eq!(treated(Boot::Always, &started), Treatment::Boots);
    }

    #[test]
    fn those_without_a_rule_are_the_others() {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let started = Started::default();
        let treated = |machines: &Machines| machines.treatment(mac, &started);
        assert_eq!(treated(&Machines::default()), Treatment::Boots);
        let named = [(pattern("52:54:00:12:34:56"), Rule::default())];
        for (others, treatment) in [
            (Boot::Always, Treatment::Boots),
            (Boot::Ignore, Treatment::Unknown),
            (Boot::Local, Treatment::OwnDisk("Boottorrent.yaml says so")),
        ] {
            let machines = Machines::new(named.clone(), others).expect("sound");
            assert_eq!(treated(&machines), treatment);
            assert_eq!(
                machines.boot(Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56])),
                Boot::Always
            );
        }
    }

    #[test]
    fn what_cannot_hold_together_is_refused() {
        let (one, two) = ("52:54:00:12:34:56", "52:54:00:12:34:57");
        let table = [
            (
                vec![(one, reserved(9)), (one, reserved(8))],
                "has two rules",
            ),
            (
                vec![("52:*", Rule::default()), ("52:*", Rule::default())],
                "52:* has two",
            ),
            (
                vec![(one, reserved(9)), (two, reserved(9))],
                "10.77.0.9 is reserved for two",
            ),
            (vec![("52:54:00:*", reserved(9))], "52:54:00:* fits many"),
        ];
        for (rules, said) in table {
            let rules = rules.into_iter().map(|(text, rule)| (pattern(text), rule));
            let conflict = Machines::new(rules, Boot::Always).unwrap_err().to_string();
            assert!(conflict.contains(said), "{conflict}");
        }
    }

    #[test]
    fn names_and_addresses_are_those_of_single_machines() {
        let rule = Rule {
            name: Some("pc01".to_owned()),
            ..reserved(21)
        };
        let group = Rule {
            name: Some("room".to_owned()),
            ..Rule::default()
        };
        let rules = [
            (pattern("52:54:00:12:34:56"), rule),
            (pattern("52:*"), group),
        ];
        let machines = Machines::new(rules, Boot::Always).expect("sound");
        let mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        assert_eq!(machines.names().collect::<Vec<_>>(), [(mac, "pc01")]);
        let addresses: Vec<_> = machines.reservations().collect();
        assert_eq!(addresses, [(Ipv4Addr::new(10, 77, 0, 21), mac)]);
        assert_eq!(machines.name(mac), Some("pc01"));
        assert_eq!(machines.name(Mac([0x52; 6])), Some("room"));
    }
}
