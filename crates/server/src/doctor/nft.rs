//! The kernel's packet filter, from the JSON of `nft -j list ruleset` (libnftables-json(5)): would it let a machine's
//! packet in?
//!
//! Every chain that such a packet passes is followed, rule by rule. What a rule compares and nobody can know before the
//! packet is there (its source, a mark, a limit) may be so or not; then several ends are possible, and that is said.

mod compare;

use serde_json::Value;

use self::compare::{Holds, Sets};
use crate::holder::Protocol;

/// Jumps within jumps; the kernel allows no more (NFT_JUMP_STACK_SIZE).
const DEEPEST: u32 = 16;
/// Rules looked at for one packet, so that no ruleset keeps the doctor for long.
const MOST_RULES: u32 = 20_000;

/// The packet that is played against the rules: from a machine to a port of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe<'a> {
    /// The interface it comes in by.
    pub(crate) interface: &'a str,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    /// It answers what this machine sent: no first packet.
    pub(crate) answers: bool,
}

/// What becomes of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It is let in.
    Passes,
    /// This chain drops it.
    Dropped(ChainName),
    /// Each of these chains may drop it, by what only the packet itself will show; there is one at least.
    MayBeDropped(Vec<ChainName>),
}

/// A chain, as nft's commands name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ChainName {
    pub(crate) family: String,
    pub(crate) table: String,
    pub(crate) name: String,
}

impl std::fmt::Display for ChainName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

/// All tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ruleset {
    chains: Vec<Chain>,
    sets: Sets,
}

#[derive(Clone, Debug)]
struct Chain {
    name: ChainName,
    /// Where the kernel comes to it by itself, and on which device.
    hook: Option<String>,
    device: Option<String>,
    is_filter: bool,
    drops: bool,
    /// The expressions of each rule.
    rules: Vec<Vec<Value>>,
}

/// Which ends a packet may come to in a part of the rules.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    accepted: bool,
    dropped: bool,
    /// It goes on with the next rule.
    goes_on: bool,
    /// It leaves the chain, and goes on where somebody jumped to it.
    returns: bool,
}

impl Ends {
    const NONE: Ends = Ends {
        accepted: false,
        dropped: false,
        goes_on: false,
        returns: false,
    };
    const ACCEPTED: Ends = Ends {
        accepted: true,
        ..Ends::NONE
    };
    const DROPPED: Ends = Ends {
        dropped: true,
        ..Ends::NONE
    };
    const GOES_ON: Ends = Ends {
        goes_on: true,
        ..Ends::NONE
    };
    const RETURNS: Ends = Ends {
        returns: true,
        ..Ends::NONE
    };
    const ANY: Ends = Ends {
        accepted: true,
        dropped: true,
        goes_on: true,
        ..Ends::NONE
    };

    fn or(self, other: Ends) -> Ends {
        Ends {
            accepted: self.accepted || other.accepted,
            dropped: self.dropped || other.dropped,
            goes_on: self.goes_on || other.goes_on,
            returns: self.returns || other.returns,
        }
    }

    /// Seen from outside of the chain: whoever left it goes on.
    fn outside(self) -> Ends {
        Ends {
            goes_on: self.goes_on || self.returns,
            returns: false,
            ..self
        }
    }

    /// Seen by a chain that was left for another one with goto.
    fn gone(self) -> Ends {
        Ends {
            goes_on: false,
            returns: self.returns || self.goes_on,
            ..self
        }
    }
}

impl Ruleset {
    /// Reads what nft printed; `None` where that is no such JSON.
    pub(crate) fn read(json: &str) -> Option<Ruleset> {
        let value: Value = serde_json::from_str(json).ok()?;
        let mut ruleset = Ruleset::default();
        for object in value.get("nftables")?.as_array()? {
            if let Some(chain) = object.get("chain").and_then(chain) {
                ruleset.chains.push(chain);
            } else if let Some(rule) = object.get("rule") {
                ruleset.add(rule);
            } else if let Some(set) = object.get("set").or_else(|| object.get("map")) {
                ruleset.sets.add(set);
            }
        }
        Some(ruleset)
    }

    fn add(&mut self, rule: &Value) -> Option<()> {
        let (family, table, chain) = (
            text(rule, "family")?,
            text(rule, "table")?,
            text(rule, "chain")?,
        );
        let expressions = rule.get("expr")?.as_array()?.clone();
        let chains = self.chains.iter_mut();
        let mut same = chains.filter(|one| {
            one.name.family == family && one.name.table == table && one.name.name == chain
        });
        same.next()?.rules.push(expressions);
        Some(())
    }

    /// Is there a chain or a table that begins so? Firewall managers are known by theirs.
    pub(crate) fn has(&self, begin: &str) -> bool {
        let mut names = self.chains.iter().map(|chain| &chain.name);
        names.any(|chain| chain.name.starts_with(begin) || chain.table.starts_with(begin))
    }

    /// What becomes of a packet for this machine.
    pub(crate) fn fate(&self, probe: &Probe<'_>) -> Fate {
        self.fate_at(&["ingress", "prerouting", "input"], probe)
    }

    /// Does anything drop what goes from one machine through this one to another?
    pub(crate) fn drops_forwarded(&self, probe: &Probe<'_>) -> bool {
        matches!(self.fate_at(&["forward"], probe), Fate::Dropped(_))
    }

    fn fate_at(&self, hooks: &[&str], probe: &Probe<'_>) -> Fate {
        let mut doubtful = Vec::new();
        for chain in self
            .chains
            .iter()
            .filter(|chain| chain.sees(hooks, probe.interface))
        {
            let mut rules_left = MOST_RULES;
            let mut ends = self.follow(chain, probe, 0, &mut rules_left);
            if ends.goes_on {
                ends = ends.or(if chain.drops {
                    Ends::DROPPED
                } else {
                    Ends::ACCEPTED
                });
            }
            match (ends.accepted, ends.dropped) {
                (_, false) => {}
                (false, true) => return Fate::Dropped(chain.name.clone()),
                (true, true) => doubtful.push(chain.name.clone()),
            }
        }
        match doubtful.is_empty() {
            true => Fate::Passes,
            false => Fate::MayBeDropped(doubtful),
        }
    }

    fn follow(&self, chain: &Chain, probe: &Probe<'_>, depth: u32, rules_left: &mut u32) -> Ends {
        let mut ends = Ends::default();
        for rule in &chain.rules {
            let Some(left) = rules_left.checked_sub(1) else {
                return Ends::ANY;
            };
            *rules_left = left;
            let (holds, verdict) = self.rule(chain, rule, probe, depth, rules_left);
            match holds {
                Holds::No => {}
                Holds::Yes => {
                    ends = ends.or(Ends {
                        goes_on: false,
                        ..verdict
                    });
                    if !verdict.goes_on {
                        return ends.outside();
                    }
                }
                Holds::Maybe => {
                    ends = ends.or(Ends {
                        goes_on: false,
                        ..verdict
                    });
                }
            }
        }
        ends.or(Ends::GOES_ON).outside()
    }

    /// Whether a rule is for the packet, and what becomes of the packet then.
    fn rule(
        &self,
        chain: &Chain,
        rule: &[Value],
        probe: &Probe<'_>,
        depth: u32,
        rules_left: &mut u32,
    ) -> (Holds, Ends) {
        let mut holds = Holds::Yes;
        for expression in rule {
            let Some((kind, content)) = expression
                .as_object()
                .and_then(|object| object.iter().next())
            else {
                continue;
            };
            let sets = self.sets.of(&chain.name);
            match kind.as_str() {
                "match" => holds = holds.and(compare::matches(content, probe, sets)),
                // A limit, or an extension of iptables that nft does not know.
                "limit" | "xt" | "connlimit" | "quota" => holds = holds.and(Holds::Maybe),
                "vmap" => {
                    let mut ends = Ends::default();
                    for (chosen, verdict) in compare::chosen(content, probe, sets) {
                        let target = self.verdict(chain, &verdict, probe, depth, rules_left);
                        ends = ends.or(target.unwrap_or(Ends::GOES_ON));
                        if chosen == Holds::Yes {
                            return (holds, ends);
                        }
                    }
                    return (holds, ends.or(Ends::GOES_ON));
                }
                _ => {
                    if let Some(ends) = self.verdict(chain, expression, probe, depth, rules_left) {
                        return (holds, ends);
                    }
                }
            }
            if holds == Holds::No {
                break;
            }
        }
        (holds, Ends::GOES_ON)
    }

    /// What a verdict leads to; `None` where the expression is no verdict.
    fn verdict(
        &self,
        chain: &Chain,
        expression: &Value,
        probe: &Probe<'_>,
        depth: u32,
        rules_left: &mut u32,
    ) -> Option<Ends> {
        let (kind, content) = expression.as_object()?.iter().next()?;
        Some(match kind.as_str() {
            "accept" => Ends::ACCEPTED,
            "drop" | "reject" => Ends::DROPPED,
            "queue" | "tproxy" => Ends::ANY,
            "return" => Ends::RETURNS,
            "continue" => Ends::GOES_ON,
            "jump" | "goto" => {
                let name = content.get("target")?.as_str()?;
                let same = |one: &&Chain| {
                    one.name.name == name
                        && one.name.table == chain.name.table
                        && one.name.family == chain.name.family
                };
                let ends = match self.chains.iter().find(same) {
                    Some(target) if depth < DEEPEST => {
                        self.follow(target, probe, depth + 1, rules_left)
                    }
                    _ => Ends::ANY,
                };
                if kind == "goto" { ends.gone() } else { ends }
            }
            _ => return None,
        })
    }
}

impl Chain {
    fn sees(&self, hooks: &[&str], interface: &str) -> bool {
        let hooked = self
            .hook
            .as_deref()
            .is_some_and(|hook| hooks.contains(&hook));
        let family = match self.name.family.as_str() {
            "ip" | "inet" => true,
            "netdev" => self.device.as_deref() == Some(interface),
            _ => false,
        };
        hooked && family && self.is_filter
    }
}

fn chain(value: &Value) -> Option<Chain> {
    Some(Chain {
        name: ChainName {
            family: text(value, "family")?.to_owned(),
            table: text(value, "table")?.to_owned(),
            name: text(value, "name")?.to_owned(),
        },
        hook: text(value, "hook").map(str::to_owned),
        device: text(value, "dev").map(str::to_owned),
        is_filter: text(value, "type") == Some("filter"),
        drops: text(value, "policy") == Some("drop"),
        rules: Vec::new(),
    })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests;
