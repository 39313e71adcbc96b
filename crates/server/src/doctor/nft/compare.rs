//! What a rule compares of a packet, as far as it is known before there is one.

use serde_json::Value;

use super::{ChainName, Probe};
use crate::holder::Protocol;

/// Whether a comparison is true.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Holds {
    Yes,
    No,
    /// Only the packet itself will show.
    Maybe,
}

impl Holds {
    pub(super) fn and(self, other: Holds) -> Holds {
        match (self, other) {
            (Holds::No, _) | (_, Holds::No) => Holds::No,
            (Holds::Yes, Holds::Yes) => Holds::Yes,
            _ => Holds::Maybe,
        }
    }

    fn not(self) -> Holds {
        match self {
            Holds::Yes => Holds::No,
            Holds::No => Holds::Yes,
            Holds::Maybe => Holds::Maybe,
        }
    }

    fn of(sure: bool) -> Holds {
        if sure { Holds::Yes } else { Holds::No }
    }
}

/// Sets and maps that have names.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets(Vec<(String, String, String, Value)>);

/// Those of one table.
#[derive(Clone, Copy)]
pub(super) struct Named<'s> {
    sets: &'s Sets,
    family: &'s str,
    table: &'s str,
}

impl Sets {
    pub(super) fn add(&mut self, set: &Value) {
        let text = |key: &str| {
            set.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let elements = set.get("elem").cloned().unwrap_or(Value::Array(Vec::new()));
        self.0
            .push((text("family"), text("table"), text("name"), elements));
    }

    pub(super) fn of<'s>(&'s self, chain: &'s ChainName) -> Named<'s> {
        Named {
            sets: self,
            family: &chain.family,
            table: &chain.table,
        }
    }
}

impl<'s> Named<'s> {
    /// The elements of `@name`.
    fn get(self, name: &str) -> Option<&'s Value> {
        let name = name.strip_prefix('@')?;
        let same = |set: &&(String, String, String, Value)| {
            set.0 == self.family && set.1 == self.table && set.2 == name
        };
        self.sets
            .0
            .iter()
            .find(same)
            .map(|(_, _, _, elements)| elements)
    }
}

/// What a comparison looks at.
#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Number(u64),
    /// The packet has no such part: it is of another protocol.
    Absent,
    Unknown,
}

/// `{"op": …, "left": …, "right": …}`.
pub(super) fn matches(content: &Value, probe: &Probe<'_>, sets: Named<'_>) -> Holds {
    let (Some(left), Some(right)) = (content.get("left"), content.get("right")) else {
        return Holds::Maybe;
    };
    let part = part(left, probe);
    if matches!(part, Part::Absent) {
        return Holds::No;
    }
    let compared = |order: fn(&u64, &u64) -> bool| match (&part, right.as_u64()) {
        (Part::Number(number), Some(right)) => Holds::of(order(number, &right)),
        _ => Holds::Maybe,
    };
    match content.get("op").and_then(Value::as_str) {
        Some("==" | "in") | None => among(&part, right, sets),
        Some("!=") => among(&part, right, sets).not(),
        Some("<") => compared(u64::lt),
        Some(">") => compared(u64::gt),
        Some("<=") => compared(u64::le),
        Some(">=") => compared(u64::ge),
        Some(_) => Holds::Maybe,
    }
}

/// The verdicts of `{"key": …, "data": …}` that the packet may be given: the one that is certain, or all that are not
/// impossible.
pub(super) fn chosen(content: &Value, probe: &Probe<'_>, sets: Named<'_>) -> Vec<(Holds, Value)> {
    let part = content
        .get("key")
        .map_or(Part::Unknown, |key| part(key, probe));
    let data = content.get("data").and_then(|data| match data.as_str() {
        Some(name) => sets.get(name),
        None => Some(data.get("set").unwrap_or(data)),
    });
    let pairs = data
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let holds = |pair: &Value| {
        let (key, verdict) = (pair.get(0)?, pair.get(1)?);
        let holds = match part {
            Part::Absent => Holds::No,
            _ => among(&part, key, sets),
        };
        (holds != Holds::No).then(|| (holds, verdict.clone()))
    };
    pairs.iter().filter_map(holds).collect()
}

/// The packet's part that an expression names.
fn part(expression: &Value, probe: &Probe<'_>) -> Part {
    let Some((kind, content)) = expression
        .as_object()
        .and_then(|object| object.iter().next())
    else {
        return Part::Unknown;
    };
    let word = |key: &str| content.get(key).and_then(Value::as_str).unwrap_or_default();
    let protocol = || Part::Text(name(probe.protocol).to_owned());
    match (kind.as_str(), word("protocol"), word("field"), word("key")) {
        ("meta", _, _, "iifname" | "iif") => Part::Text(probe.interface.to_owned()),
        ("meta", _, _, "l4proto") | ("payload", "ip", "protocol", _) => protocol(),
        ("meta", _, _, "nfproto") => Part::Text("ipv4".to_owned()),
        ("meta", _, _, "protocol") => Part::Text("ip".to_owned()),
        ("ct", _, _, "state") => {
            Part::Text(if probe.answers { "established" } else { "new" }.to_owned())
        }
        // A machine speaks to this computer's own address: nothing was translated. firewalld lets in what was.
        ("ct", _, _, "status") => Part::Text("none".to_owned()),
        ("payload", "udp" | "tcp", _, _) if word("protocol") != name(probe.protocol) => {
            Part::Absent
        }
        ("payload", "udp" | "tcp" | "th", "dport", _) => Part::Number(probe.port.into()),
        (
            "payload",
            "icmp" | "icmpv6" | "igmp" | "ip6" | "sctp" | "dccp" | "arp" | "esp" | "ah",
            _,
            _,
        ) => Part::Absent,
        _ => Part::Unknown,
    }
}

/// Is the part what `right` says, or in it?
fn among(part: &Part, right: &Value, sets: Named<'_>) -> Holds {
    if let Part::Unknown | Part::Absent = part {
        return Holds::Maybe;
    }
    match right {
        Value::Array(all) => any(part, all, sets),
        Value::Object(object) => match object.iter().next() {
            Some((kind, Value::Array(all))) if kind == "set" => any(part, all, sets),
            Some((kind, Value::Array(ends))) if kind == "range" => {
                match (
                    part,
                    ends.first().and_then(Value::as_u64),
                    ends.get(1).and_then(Value::as_u64),
                ) {
                    (Part::Number(number), Some(first), Some(last)) => {
                        Holds::of((first..=last).contains(number))
                    }
                    _ => Holds::Maybe,
                }
            }
            Some((kind, element)) if kind == "elem" => element
                .get("val")
                .map_or(Holds::Maybe, |value| among(part, value, sets)),
            _ => Holds::Maybe,
        },
        Value::String(name) if name.starts_with('@') => match sets.get(name) {
            Some(Value::Array(all)) => any(part, all, sets),
            _ => Holds::Maybe,
        },
        Value::String(word) => match part {
            Part::Text(text) => Holds::of(same(text, word)),
            Part::Number(number) => word
                .parse::<u64>()
                .map_or(Holds::Maybe, |word| Holds::of(word == *number)),
            Part::Absent | Part::Unknown => Holds::Maybe,
        },
        Value::Number(number) => match (part, number.as_u64()) {
            (Part::Number(own), Some(number)) => Holds::of(*own == number),
            // Protocols by their number (`nft -n`).
            (Part::Text(text), Some(17)) if matches!(text.as_str(), "udp" | "tcp") => {
                Holds::of(text == "udp")
            }
            (Part::Text(text), Some(6)) if matches!(text.as_str(), "udp" | "tcp") => {
                Holds::of(text == "tcp")
            }
            (Part::Text(text), Some(_)) if matches!(text.as_str(), "udp" | "tcp") => Holds::No,
            _ => Holds::Maybe,
        },
        _ => Holds::Maybe,
    }
}

/// A set: in it if one element is, perhaps if one element may be.
fn any(part: &Part, all: &[Value], sets: Named<'_>) -> Holds {
    let mut found = Holds::No;
    for element in all {
        match among(part, element, sets) {
            Holds::Yes => return Holds::Yes,
            Holds::Maybe => found = Holds::Maybe,
            Holds::No => {}
        }
    }
    found
}

/// Names of interfaces may end in a star.
fn same(text: &str, word: &str) -> bool {
    match word.strip_suffix('*') {
        Some(begin) => text.starts_with(begin),
        None => text == word,
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}
