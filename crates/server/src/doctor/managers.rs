//! The programs that manage the packet filter, in their own words: firewalld's zones and ufw's rules. Text in, values
//! out.

use crate::holder::Protocol;

use super::ports::name;

/// What firewalld's own services open that matter to us (firewalld.services(5)).
const SERVICES: [(&str, Protocol, u16); 3] = [
    ("dhcp", Protocol::Udp, 67),
    ("tftp", Protocol::Udp, 69),
    ("proxy-dhcp", Protocol::Udp, 4011),
];

/// What firewalld lets into a zone, by the text of `firewall-cmd --zone=ZONE --list-all`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    accepts_all: bool,
    ports: Vec<String>,
    services: Vec<String>,
}

impl Zone {
    pub(crate) fn read(list: &str) -> Zone {
        let words = |key: &str| {
            let mut lines = list.lines();
            let line = lines
                .find_map(|line| line.trim().strip_prefix(key))
                .unwrap_or_default();
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        Zone {
            accepts_all: words("target:") == ["ACCEPT"],
            ports: words("ports:"),
            services: words("services:"),
        }
    }

    /// Does it let in what is for this port?
    pub(crate) fn lets_in(&self, protocol: Protocol, port: u16) -> bool {
        let by_service = |(service, of, number): &(&str, Protocol, u16)| {
            *of == protocol && *number == port && self.services.iter().any(|one| one == service)
        };
        let by_port = |text: &String| {
            let (ports, of) = text.split_once('/').unwrap_or((text, ""));
            of == name(protocol) && includes(ports, '-', port)
        };
        self.accepts_all || self.ports.iter().any(by_port) || SERVICES.iter().any(by_service)
    }
}

/// The zone of an interface by the files of /etc/firewalld/zones, each with its name and text: `<interface
/// name="eth0"/>` in one of them.
pub(crate) fn zone_of<'z>(zones: &'z [(String, String)], interface: &str) -> Option<&'z str> {
    let names = |text: &str| {
        let mut parts = text.split("<interface").skip(1);
        parts.any(|part| {
            let tag = part.split('>').next().unwrap_or_default();
            ['"', '\'']
                .iter()
                .any(|quote| tag.contains(&format!("name={quote}{interface}{quote}")))
        })
    };
    zones
        .iter()
        .find(|(_, text)| names(text))
        .map(|(zone, _)| zone.as_str())
}

/// The zone of interfaces that no zone names, in the text of firewalld.conf.
pub(crate) fn default_zone(settings: &str) -> &str {
    let mut lines = settings.lines();
    let set = lines.find_map(|line| line.trim().strip_prefix("DefaultZone="));
    set.map_or("public", str::trim)
}

/// Is ufw switched on, by the text of /etc/ufw/ufw.conf?
pub(crate) fn ufw_is_on(settings: &str) -> bool {
    settings.lines().any(|line| {
        let line = line.trim();
        let value = line.strip_prefix("ENABLED=").unwrap_or_default();
        value
            .trim_matches(['"', '\'', ' '])
            .eq_ignore_ascii_case("yes")
    })
}

/// What ufw lets in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ufw {
    /// The text of /etc/ufw/user.rules.
    pub(crate) rules: String,
    /// What no rule fits is let in, by the text of /etc/default/ufw.
    pub(crate) lets_in_others: bool,
}

/// Does ufw let in what no rule fits, by the text of /etc/default/ufw?
pub(crate) fn ufw_lets_in_others(settings: &str) -> bool {
    settings.lines().any(|line| {
        let value = line.trim().strip_prefix("DEFAULT_INPUT_POLICY=");
        value.is_some_and(|value| value.trim_matches(['"', '\'', ' ']) == "ACCEPT")
    })
}

/// Does ufw let in what is for this port, by the tuples in its rules: action, protocol, port, to, port of the sender, from,
/// direction with the interface? The first that fits decides.
pub(crate) fn ufw_lets_in(ufw: &Ufw, interface: &str, protocol: Protocol, port: u16) -> bool {
    let tuples = ufw
        .rules
        .lines()
        .filter_map(|line| line.strip_prefix("### tuple ### "));
    let mut fitting = tuples.filter_map(|tuple| {
        let words: Vec<&str> = tuple.split_whitespace().collect();
        let [action, of, ports, to, _, from, direction, ..] = words[..] else {
            return None;
        };
        let everybody = [to, from].iter().all(|who| *who == "0.0.0.0/0");
        let here = direction == "in" || direction.strip_prefix("in_") == Some(interface);
        let fits = [name(protocol), "any"].contains(&of)
            && (ports == "any" || ports.split(',').any(|one| includes(one, ':', port)));
        (everybody && here && fits).then_some(action)
    });
    fitting.next().map_or(ufw.lets_in_others, |action| {
        matches!(action, "allow" | "limit")
    })
}

/// `67`, or a range from one end to the other.
fn includes(text: &str, between: char, port: u16) -> bool {
    let (first, last) = text.split_once(between).unwrap_or((text, text));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&port),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Tcp, Udp};

    const LIST: &str = "\
public (active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0
  services: dhcpv6-client ssh tftp
  ports: 6969/tcp 4000-4020/udp
  source-ports:
  rich rules:
";

    #[test]
    fn what_a_zone_of_firewalld_lets_in() {
        let zone = Zone::read(LIST);
        for (protocol, port, expected) in [
            (Tcp, 6969, true),
            (Udp, 6969, false),
            (Udp, 4011, true),
            (Udp, 69, true),
            (Udp, 67, false),
            (Tcp, 6881, false),
        ] {
            assert_eq!(
                zone.lets_in(protocol, port),
                expected,
                "{protocol:?} {port}"
            );
        }
        let trusted = Zone::read("trusted (active)\n  target: ACCEPT\n  ports: \n");
        assert!(trusted.lets_in(Udp, 67));
        assert!(!Zone::read("").lets_in(Udp, 67));
    }

    #[test]
    fn the_zone_of_an_interface() {
        let zone = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let zones = [
            zone(
                "home",
                "<?xml?>\n<zone>\n  <interface name=\"eth1\"/>\n</zone>",
            ),
            zone(
                "room",
                "<zone><source address='10.0.0.0/8'/><interface name='eth0'/></zone>",
            ),
        ];
        assert_eq!(zone_of(&zones, "eth0"), Some("room"));
        assert_eq!(zone_of(&zones, "eth1"), Some("home"));
        assert_eq!(zone_of(&zones, "eth"), None);
        assert_eq!(default_zone("# comment\nDefaultZone=work\n"), "work");
        assert_eq!(default_zone(""), "public");
    }

    #[test]
    fn ufw_on_and_off() {
        for (settings, expected) in [
            ("# ENABLED=yes\nENABLED=no\n", false),
            ("LOGLEVEL=low\nENABLED=yes\n", true),
            ("ENABLED=\"YES\"", true),
            ("", false),
        ] {
            assert_eq!(ufw_is_on(settings), expected, "{settings}");
        }
    }

    #[test]
    fn the_first_rule_of_ufw_that_fits_decides() {
        let rules = "\
### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
### tuple ### allow udp 67,69 0.0.0.0/0 any 0.0.0.0/0 in_eth0
### tuple ### deny udp 4011 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow any 4000:4020 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow tcp 6969 0.0.0.0/0 any 10.9.9.9 in
### tuple ### allow tcp 6881 0.0.0.0/0 any 0.0.0.0/0 out
";
        let mut ufw = Ufw {
            rules: rules.to_owned(),
            lets_in_others: false,
        };
        for (interface, protocol, port, expected) in [
            ("eth0", Udp, 67, true),
            ("eth1", Udp, 67, false),
            ("eth0", Udp, 69, true),
            ("eth0", Udp, 4011, false),
            ("eth0", Tcp, 4011, true),
            ("eth0", Tcp, 6969, false),
            ("eth0", Tcp, 6881, false),
        ] {
            assert_eq!(
                ufw_lets_in(&ufw, interface, protocol, port),
                expected,
                "{interface} {port}"
            );
        }
        ufw.lets_in_others = true;
        assert!(ufw_lets_in(&ufw, "eth0", Tcp, 6881));
        assert!(!ufw_lets_in(&ufw, "eth0", Udp, 4011));
        let default = "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n# comment\n";
        assert!(!ufw_lets_in_others(default) && !ufw_lets_in_others(""));
        assert!(ufw_lets_in_others(&default.replace("DROP", "ACCEPT")));
    }
}
