//! Opens every port before anything is served, while the process still is root.
//!
//! TCP and TFTP bind to the interface's address (replies then leave from it, and the API stays
//! reachable from this machine); DHCP binds to the device, since its clients have no address yet.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};

use catalog::Problem;
use socket2::{Domain, Protocol, Socket, Type};

use crate::doors::{arp, dhcp, pxe4011, udp, wire};
use crate::holder::{self, Holder};
use crate::interface::Interface;

/// Connections that may wait to be accepted: a whole room knocks in the same second.
const BACKLOG: i32 = 1024;

const DHCP: &str = "DHCP (udp)";
const DHCP_CLIENT: &str = "DHCP client (udp)";
const BOOT: &str = "PXE boot service (udp)";
const TFTP: &str = "TFTP (udp)";
const HTTP: &str = "HTTP (tcp)";
const PEER: &str = "peer (tcp)";

/// Which ports the configuration asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Whether DHCP is spoken at all.
    pub dhcp: bool,
    /// Whether TFTP is served.
    pub tftp: bool,
    /// The port of HTTP and the tracker.
    pub http: u16,
    /// The port of the BitTorrent seed.
    pub peer: u16,
}

/// The open ports.
#[derive(Debug)]
pub struct Bound {
    /// DHCP, and what its wire is looked at with.
    pub dhcp: Option<Dhcp>,
    /// TFTP.
    pub tftp: Option<UdpSocket>,
    /// HTTP and tracker.
    pub http: TcpListener,
}

/// What is open of DHCP. It needs no address.
#[derive(Debug)]
pub struct Dhcp {
    /// Where machines ask.
    pub sockets: dhcp::Sockets,
    /// What the wire is looked at with.
    pub wire: wire::Sockets,
}

/// Opens what DHCP needs, or says of every port that could not be opened what is in the way.
///
/// # Errors
/// One problem per port.
pub fn dhcp(interface: &str) -> Result<Dhcp, Vec<Problem>> {
    let mut failed = Vec::new();
    let opened = open_dhcp(interface, &mut failed);
    opened.ok_or_else(|| explain(&failed, interface))
}

/// Opens all ports, or says of every one that could not be opened what is in the way. DHCP's may be open already.
///
/// # Errors
/// One problem per port.
pub fn bind(
    interface: &Interface,
    ports: Ports,
    dhcp: Option<Dhcp>,
) -> Result<Bound, Vec<Problem>> {
    let mut failed = Vec::new();
    let dhcp = match dhcp {
        None if ports.dhcp => open_dhcp(&interface.name, &mut failed),
        opened => opened,
    };
    let tftp = ports
        .tftp
        .then(|| note(&mut failed, TFTP, 69, udp(interface.address, 69)));
    let http = note(
        &mut failed,
        HTTP,
        ports.http,
        tcp(interface.address, ports.http),
    );
    // librqbit opens the seed's port itself, later and as another user. Trying it here puts the
    // usual mistake, a second server on the same machine, on the list with the rest.
    note(
        &mut failed,
        PEER,
        ports.peer,
        tcp(interface.address, ports.peer),
    );
    match http {
        Some(http) if failed.is_empty() => Ok(Bound {
            dhcp,
            tftp: tftp.flatten(),
            http,
        }),
        _ => Err(explain(&failed, &interface.name)),
    }
}

fn open_dhcp(interface: &str, failed: &mut Vec<Failed>) -> Option<Dhcp> {
    let asked = udp::bind_server(interface).and_then(|server| Ok((server, arp::open(interface)?)));
    let asked = note(failed, DHCP, 67, asked);
    let boot = note(failed, BOOT, pxe4011::PORT, pxe4011::bind(interface));
    let wire = note(failed, DHCP_CLIENT, 68, wire::open(interface));
    let (server, arp) = asked?;
    Some(Dhcp {
        sockets: dhcp::Sockets {
            server,
            boot: boot?,
            arp,
        },
        wire: wire?,
    })
}

/// A port that could not be opened.
struct Failed {
    what: &'static str,
    port: u16,
    error: io::Error,
}

fn note<T>(
    failed: &mut Vec<Failed>,
    what: &'static str,
    port: u16,
    opened: io::Result<T>,
) -> Option<T> {
    opened
        .map_err(|error| failed.push(Failed { what, port, error }))
        .ok()
}

fn udp(address: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddrV4::new(address, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn tcp(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((address, port)).into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What is in the way: one message for all ports that need root, one for each other.
fn explain(failed: &[Failed], interface: &str) -> Vec<Problem> {
    let (denied, others): (Vec<&Failed>, Vec<&Failed>) = failed
        .iter()
        .partition(|one| one.error.kind() == ErrorKind::PermissionDenied);
    let named = |one: &Failed| format!("{} {}", one.what, one.port);
    let mut problems: Vec<Problem> = others
        .iter()
        .map(|one| obstacle(one, interface).found(named(one)))
        .collect();
    if !denied.is_empty() {
        let ports: Vec<String> = denied.iter().map(|one| named(one)).collect();
        let remedy = "start with sudo; root is given up right after the ports are open";
        problems.push(
            Problem::error("ports", "may only be opened by root", remedy).found(ports.join(", ")),
        );
    }
    problems
}

fn obstacle(one: &Failed, interface: &str) -> Problem {
    if one.error.kind() != ErrorKind::AddrInUse {
        let what = format!("cannot be opened: {}", one.error);
        return Problem::error(
            "ports",
            what,
            "see that the interface still has its address",
        );
    }
    let protocol = match one.what {
        HTTP | PEER => holder::Protocol::Tcp,
        _ => holder::Protocol::Udp,
    };
    let holders = holder::of(protocol, one.port);
    in_the_way(one, interface, &holders)
}

/// A port that others hold: who they are, and how to get past them.
fn in_the_way(one: &Failed, interface: &str, holders: &[Holder]) -> Problem {
    let names: Vec<String> = holders.iter().map(Holder::to_string).collect();
    let (by, end) = match holders {
        [] => (
            "another program".to_owned(),
            format!(
                "end that program (ss -lnp 'sport = :{}' names it)",
                one.port
            ),
        ),
        [only] => (names.join(", "), format!("end it (kill {})", only.pid)),
        _ => (names.join(", "), "end them".to_owned()),
    };
    // Without these two lines dnsmasq has port 67 of every interface, whatever it serves.
    let dnsmasq = holders.iter().any(|holder| holder.program == "dnsmasq");
    let aside = match one.what {
        DHCP if dnsmasq => format!(
            ", or let dnsmasq leave this interface alone (lines bind-dynamic and except-interface={interface} in its \
             configuration)"
        ),
        _ => String::new(),
    };
    let flag = match one.what {
        HTTP => ", or choose another with --http-port",
        PEER => ", or choose another with --peer-port",
        DHCP | BOOT => {
            ", or start with --dhcp off and let that one name this server and the loader"
        }
        _ => "",
    };
    Problem::error(
        "ports",
        format!("is in use by {by}"),
        format!("{end}{aside}{flag}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_with_the_flag_that_helps() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let mut failed = Vec::new();
        assert!(note(&mut failed, HTTP, port, tcp(Ipv4Addr::LOCALHOST, port)).is_none());
        let [problem] = &explain(&failed, "eth0")[..] else {
            panic!("one problem")
        };
        let text = problem.to_string();
        let this = format!("(process {})", std::process::id());
        assert!(
            text.contains(&port.to_string())
                && text.contains("--http-port")
                && text.contains(&this),
            "{text}"
        );
    }

    #[test]
    fn a_dhcp_server_of_this_computer_is_named_with_what_makes_it_leave() {
        let taken = Failed {
            what: DHCP,
            port: 67,
            error: ErrorKind::AddrInUse.into(),
        };
        let holder = |program: &str| Holder {
            program: program.to_owned(),
            pid: 812,
        };
        let table: [(&[Holder], &[&str]); 3] = [
            (&[], &["another program", "ss -lnp", "--dhcp off"]),
            (
                &[holder("dnsmasq")],
                &["dnsmasq (process 812)", "except-interface=eth0", "kill 812"],
            ),
            (
                &[holder("dhcpd"), holder("kea-dhcp4")],
                &["dhcpd (process 812), kea-dhcp4", "end them"],
            ),
        ];
        for (holders, expected) in table {
            let text = in_the_way(&taken, "eth0", holders).to_string();
            for words in expected {
                assert!(text.contains(words), "{words}: {text}");
            }
        }
    }

    #[test]
    fn no_root_is_one_clear_message() {
        let mut failed = Vec::new();
        for (what, port) in [(DHCP, 67), (DHCP_CLIENT, 68), (TFTP, 69)] {
            note::<()>(
                &mut failed,
                what,
                port,
                Err(ErrorKind::PermissionDenied.into()),
            );
        }
        let [problem] = &explain(&failed, "eth0")[..] else {
            panic!("one problem")
        };
        let text = problem.to_string();
        assert!(
            text.contains("sudo") && text.contains("67") && text.contains("69"),
            "{text}"
        );
    }
}
