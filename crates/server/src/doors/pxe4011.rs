//! The second place firmware asks at: port 4011, the boot service of a proxy (PXE specification 2.1, section 2.2.3).
//!
//! It asks there once it has its address from somebody else, at the address of who told it to, and expects the answer
//! at the port it asked from. The socket is opened here, and the task of [`super::dhcp`] serves it together with its
//! own: both answer by the same [`pxe::Responder`].

use std::io;
use std::net::UdpSocket;

use super::udp;

/// The port (IANA: altserviceboot).
pub const PORT: u16 = 4011;

/// Opens the port on `interface`, for datagrams of that interface only, to whatever address: some firmware broadcasts
/// its second question, too. Needs root, or CAP_NET_RAW.
///
/// # Errors
/// `AddrInUse` when another boot service is there.
pub fn bind(interface: &str) -> io::Result<UdpSocket> {
    udp::bind(interface, PORT, false)
}
