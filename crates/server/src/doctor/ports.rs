//! The ports that the server opens, and who has them already. Decides; who was asked is `super::look`'s matter.

use super::finding::Finding;
use crate::bind::Ports;
use crate::holder::{Holder, Protocol};

const ABOUT: &str = "ports";

/// A port that the server needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Door {
    /// What is spoken there.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    /// It is opened on the interface, not on its address.
    pub(crate) on_device: bool,
    /// What helps beside ending the program that has it.
    flag: &'static str,
}

/// A program that has a port, and what it runs for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Program {
    pub(crate) holder: Holder,
    /// The service of systemd that it belongs to.
    pub(crate) unit: Option<String>,
    /// The network of libvirt that it serves.
    pub(crate) libvirt: Option<String>,
}

/// What is known of one port.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) door: Door,
    /// Who has it, on whatever address or interface, as far as this user may see.
    pub(crate) program: Option<Program>,
    /// Whether it could be opened just now; `None` where this user may not try.
    pub(crate) opens: Option<bool>,
}

/// The ports of a run, 68 and 4011 with DHCP: the first is where other servers' offers are heard, the second where
/// firmware asks a proxy.
pub(crate) fn doors(ports: Ports) -> Vec<Door> {
    let door = |name, protocol, port, on_device, flag| Door {
        name,
        protocol,
        port,
        on_device,
        flag,
    };
    let dhcp = ", or start with --dhcp off";
    let mut doors = Vec::new();
    if ports.dhcp {
        doors.push(door("DHCP", Protocol::Udp, 67, true, dhcp));
        doors.push(door("DHCP client", Protocol::Udp, 68, true, dhcp));
    }
    if ports.tftp {
        doors.push(door("TFTP", Protocol::Udp, 69, false, ""));
    }
    if ports.dhcp {
        doors.push(door("PXE", Protocol::Udp, 4011, true, dhcp));
    }
    doors.push(door(
        "HTTP",
        Protocol::Tcp,
        ports.http,
        false,
        ", or choose another with --http-port",
    ));
    doors.push(door(
        "peer",
        Protocol::Tcp,
        ports.peer,
        false,
        ", or choose another with --peer-port",
    ));
    doors
}

impl Door {
    /// As people write it: `67/udp`.
    pub(crate) fn port(&self) -> String {
        format!("{}/{}", self.port, name(self.protocol))
    }
}

/// What is to be said of all of them: one line for those that are free, one for those that nobody may try, one for each
/// other.
pub(crate) fn findings(all: &[Looked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listed = |wanted: Option<bool>| {
        let those = all
            .iter()
            .filter(|one| one.opens == wanted && obstacle(one).is_none());
        those
            .map(|one| one.door.port())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (free, untried) = (listed(Some(true)), listed(None));
    if !free.is_empty() {
        findings.push(Finding::ok(ABOUT, format!("free: {free}")));
    }
    if !untried.is_empty() {
        findings.push(
            Finding::note(ABOUT, format!("{untried}: only root may try them"))
                .remedy("run it with sudo"),
        );
    }
    findings.extend(all.iter().filter_map(obstacle));
    findings
}

fn obstacle(looked: &Looked) -> Option<Finding> {
    let Looked {
        door,
        program,
        opens,
    } = looked;
    let named = format!("{} {}", door.name, door.port());
    match (program, opens) {
        // Whoever has it has it on another interface or address.
        (_, Some(true)) | (None, None) => None,
        // DHCP clients let others have it too.
        (Some(_), None) if door.port == 68 => None,
        (Some(own), _) if own.holder.program == "bt-server" => {
            let what = format!("{named} is held by {}, which runs", own.holder);
            Some(Finding::note(ABOUT, what).remedy(format!("to start another: {}", own.end())))
        }
        (Some(program), _) => {
            let what = format!("{named} is taken by {}", program.holder);
            Some(Finding::error(
                ABOUT,
                what,
                format!("{}{}", program.end(), door.flag),
            ))
        }
        (None, Some(false)) => {
            let what = format!("{named} is taken by a program that cannot be seen");
            let remedy = format!(
                "name it: sudo ss -lnp 'sport = :{}'{}",
                door.port, door.flag
            );
            Some(Finding::error(ABOUT, what, remedy))
        }
    }
}

impl Program {
    /// The command that ends it.
    fn end(&self) -> String {
        match (&self.libvirt, &self.unit) {
            (Some(network), _) => format!("virsh net-destroy {network}"),
            (None, Some(unit)) => format!("systemctl stop {unit}"),
            (None, None) => format!("kill {}", self.holder.pid),
        }
    }
}

/// As it is written behind a port's number.
pub(crate) fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The service in the text of /proc/PID/cgroup: the last part of the path that ends so.
pub(crate) fn unit(cgroup: &str) -> Option<String> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut parts = path.rsplit('/').filter(|part| part.ends_with(".service"));
    // The user's own manager is no service to be stopped for one program.
    parts
        .next()
        .filter(|unit| !unit.starts_with("user@"))
        .map(str::to_owned)
}

/// The network that a dnsmasq of libvirt's serves, by its arguments: --conf-file=/var/lib/libvirt/dnsmasq/NAME.conf.
pub(crate) fn libvirt_network(arguments: &str) -> Option<String> {
    let (_, rest) = arguments.split_once("/libvirt/dnsmasq/")?;
    let (name, _) = rest.split_once(".conf")?;
    (!name.contains(['/', '\0'])).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    const PORTS: Ports = Ports {
        dhcp: true,
        tftp: true,
        http: 6969,
        peer: 6881,
    };

    fn program(name: &str) -> Program {
        Program {
            holder: Holder {
                program: name.to_owned(),
                pid: 7,
            },
            unit: None,
            libvirt: None,
        }
    }

    fn looked(port: u16, program: Option<Program>, opens: Option<bool>) -> Looked {
        let door = doors(PORTS)
            .into_iter()
            .find(|door| door.port == port)
            .unwrap();
        Looked {
            door,
            program,
            opens,
        }
    }

    #[test]
    fn without_dhcp_its_ports_are_not_needed() {
        let ports = |ports| {
            doors(ports)
                .iter()
                .map(|door| door.port)
                .collect::<Vec<_>>()
        };
        assert_eq!(ports(PORTS), [67, 68, 69, 4011, 6969, 6881]);
        let (dhcp, tftp) = (false, false);
        assert_eq!(
            ports(Ports {
                dhcp,
                tftp,
                ..PORTS
            }),
            [6969, 6881]
        );
    }

    #[test]
    fn ports_without_trouble_share_a_line() {
        let opens = |port| if port < 1024 { None } else { Some(true) };
        let all: Vec<Looked> = doors(PORTS)
            .iter()
            .map(|door| looked(door.port, None, opens(door.port)))
            .collect();
        let [free, untried] = &findings(&all)[..] else {
            panic!("two findings")
        };
        assert_eq!(free.what, "free: 4011/udp 6969/tcp 6881/tcp");
        assert_eq!(untried.what, "67/udp 68/udp 69/udp: only root may try them");
    }

    #[test]
    fn who_is_in_the_way_is_named_with_the_command_that_ends_it() {
        let service = Program {
            unit: Some("tftpd-hpa.service".to_owned()),
            ..program("in.tftpd")
        };
        let libvirt = Program {
            libvirt: Some("default".to_owned()),
            unit: Some("libvirtd.service".to_owned()),
            ..program("dnsmasq")
        };
        for (looked, what, remedy) in [
            (
                looked(69, Some(service), Some(false)),
                "TFTP 69/udp is taken by in.tftpd (process 7)",
                "systemctl stop tftpd-hpa.service",
            ),
            (
                looked(67, Some(libvirt), None),
                "DHCP 67/udp is taken by dnsmasq (process 7)",
                "virsh net-destroy default, or start with --dhcp off",
            ),
            (
                looked(6969, Some(program("python3")), Some(false)),
                "HTTP 6969/tcp is taken by python3 (process 7)",
                "kill 7, or choose another with --http-port",
            ),
            (
                looked(69, None, Some(false)),
                "TFTP 69/udp is taken by a program that cannot be seen",
                "name it: sudo ss -lnp 'sport = :69'",
            ),
        ] {
            let finding = obstacle(&looked).unwrap();
            let expected = (Severity::Error, what, Some(remedy));
            assert_eq!(
                (
                    finding.severity,
                    finding.what.as_str(),
                    finding.remedy.as_deref()
                ),
                expected
            );
        }
    }

    #[test]
    fn what_is_no_obstacle_is_none() {
        assert_eq!(
            obstacle(&looked(67, Some(program("dnsmasq")), Some(true))),
            None,
            "on another interface"
        );
        assert_eq!(obstacle(&looked(68, Some(program("dhclient")), None)), None);
        assert_eq!(obstacle(&looked(69, None, None)), None);
        let own = obstacle(&looked(67, Some(program("bt-server")), Some(false))).unwrap();
        assert_eq!(own.severity, Severity::Note);
    }

    #[test]
    fn services_and_networks_by_what_proc_says() {
        for (cgroup, expected) in [
            (
                "0::/system.slice/dnsmasq.service\n",
                Some("dnsmasq.service"),
            ),
            (
                "1:name=systemd:/x\n0::/system.slice/ssh.service/child\n",
                Some("ssh.service"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice\n",
                None,
            ),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
            ("", None),
        ] {
            assert_eq!(unit(cgroup).as_deref(), expected, "{cgroup}");
        }
        let arguments = "/usr/sbin/dnsmasq\0--conf-file=/var/lib/libvirt/dnsmasq/default.conf\0";
        assert_eq!(libvirt_network(arguments).as_deref(), Some("default"));
        assert_eq!(
            libvirt_network("dnsmasq\0-C/etc/libvirt/dnsmasq/a/b.conf"),
            None
        );
    }
}
