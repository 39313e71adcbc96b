//! UDP on one interface alone, for DHCP: opened as root, and used without.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// Room for the requests of a whole room that is switched on at once.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Opens port 67 on `interface`, for datagrams of that interface only. Needs root (or
/// CAP_NET_BIND_SERVICE and CAP_NET_RAW).
///
/// # Errors
/// `AddrInUse` when another program serves DHCP there: without SO_REUSEADDR, which would let two
/// servers share the port without noticing. A server that is bound to another interface is no
/// obstacle.
pub fn bind_server(interface: &str) -> io::Result<UdpSocket> {
    bind(interface, SERVER_PORT, false)
}

/// Opens port 68 on `interface`, to ask the wire for other servers from; what is answered is heard by
/// [`super::ear`]. A DHCP client of this computer may hold the port: where it does not share it, another port will
/// do, since servers answer to port 68 in any case (RFC 2131 section 4.1).
///
/// # Errors
/// There is no such interface, or this process may not.
pub fn bind_client(interface: &str) -> io::Result<UdpSocket> {
    let socket = match bind(interface, CLIENT_PORT, true) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bind(interface, 0, true)?,
        bound => bound?,
    };
    // Nobody reads it: nothing is to wait there.
    let nothing = socket2::SockFilter::new(RETURN, 0, 0, 0);
    SockRef::from(&socket).attach_filter(&[nothing])?;
    Ok(socket)
}

/// The instruction of the kernel's packet filter that ends it: so many bytes are kept (linux/bpf_common.h).
const RETURN: u16 = 0x06;

pub(super) fn bind(interface: &str, port: u16, share: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(share)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // Without root's right the kernel's limit (net.core.rmem_max) holds, and it gives what it can.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
