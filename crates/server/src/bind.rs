//! Opens every port before anything is served, while the process still is root.
//!
//! TCP and TFTP bind to the interface's address (replies then leave from it, and the API stays
//! reachable from this machine); DHCP binds to the device, since its clients have no address yet.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};

use catalog::Problem;
use socket2::{Domain, Protocol, Socket, Type};

use crate::doors::dhcp;
use crate::interface::Interface;

/// Connections that may wait to be accepted: a whole room knocks in the same second.
const BACKLOG: i32 = 1024;

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
    /// DHCP, server side (67) and the side the wire is asked from (68).
    pub dhcp: Option<(UdpSocket, UdpSocket)>,
    /// TFTP.
    pub tftp: Option<UdpSocket>,
    /// HTTP and tracker.
    pub http: TcpListener,
}

/// Opens all ports, or says of every one that could not be opened what is in the way.
///
/// # Errors
/// One problem per port.
pub fn bind(interface: &Interface, ports: Ports) -> Result<Bound, Vec<Problem>> {
    let mut problems = Vec::new();
    let name = &interface.name;
    let dhcp = ports.dhcp.then(|| {
        let server = note(&mut problems, "DHCP (udp)", 67, dhcp::bind_server(name));
        let client = note(
            &mut problems,
            "DHCP client (udp)",
            68,
            dhcp::bind_client(name),
        );
        server.zip(client)
    });
    let tftp = ports
        .tftp
        .then(|| note(&mut problems, "TFTP (udp)", 69, udp(interface.address, 69)));
    let http = note(
        &mut problems,
        "HTTP (tcp)",
        ports.http,
        tcp(interface.address, ports.http),
    );
    // librqbit opens the seed's port itself, later and as another user. Trying it here puts the
    // usual mistake, a second server on the same machine, on the list with the rest.
    note(
        &mut problems,
        "peer (tcp)",
        ports.peer,
        tcp(interface.address, ports.peer),
    );
    match http {
        Some(http) if problems.is_empty() => Ok(Bound {
            dhcp: dhcp.flatten(),
            tftp: tftp.flatten(),
            http,
        }),
        _ => Err(problems),
    }
}

/// What was opened; else it becomes a problem.
fn note<T>(problems: &mut Vec<Problem>, what: &str, port: u16, opened: io::Result<T>) -> Option<T> {
    opened
        .map_err(|e| problems.push(explain(what, port, &e)))
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

fn explain(what: &str, port: u16, error: &io::Error) -> Problem {
    let (said, remedy) = match error.kind() {
        ErrorKind::AddrInUse => (
            "is in use by another program".to_owned(),
            format!(
                "end that program (ss -lnp 'sport = :{port}' names it) or choose another port where there is a flag"
            ),
        ),
        ErrorKind::PermissionDenied => (
            "may only be opened by root".to_owned(),
            "start with sudo; root is given up right after the ports are open".to_owned(),
        ),
        _ => (
            format!("cannot be opened: {error}"),
            "see the error".to_owned(),
        ),
    };
    Problem::error("ports", said, remedy).found(format!("{what} {port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let error = tcp(Ipv4Addr::LOCALHOST, port).expect_err("it is taken");
        let text = explain("HTTP (tcp)", port, &error).to_string();
        assert!(
            text.contains(&port.to_string()) && text.contains("in use"),
            "{text}"
        );
    }

    #[test]
    fn no_root_is_one_clear_message() {
        let text = explain("TFTP (udp)", 69, &ErrorKind::PermissionDenied.into()).to_string();
        assert!(text.contains("sudo") && text.contains("69"), "{text}");
    }
}
