//! Who may look: the server that this machine booted from, and nobody else.
//!
//! What counts is the other end's address of an accepted connection, which a stranger has to take over on the wire,
//! since TCP needs answers. Whoever does that could as well have given the machine another system to boot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use catalog::manifest::Manifest;

/// The server's address as the manifest, which came with the boot, names it.
pub fn server(manifest: &Manifest) -> Option<Ipv4Addr> {
    let url = manifest.server.strip_prefix("http://")?;
    url.split([':', '/']).next()?.parse().ok()
}

/// Whether a connection from this address is the server's.
pub fn admits(server: Ipv4Addr, peer: SocketAddr) -> bool {
    peer.ip() == IpAddr::V4(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_alone_is_admitted() {
        let server = Ipv4Addr::new(10, 77, 0, 1);
        let table = [
            ("10.77.0.1:5000", true),
            ("10.77.0.1:6970", true),
            ("10.77.0.2:5000", false),
            ("127.0.0.1:5000", false),
            ("[::1]:5000", false),
            ("[::ffff:10.77.0.1]:5000", false),
        ];
        for (peer, expected) in table {
            let address = peer.parse().expect("an address");
            assert_eq!(admits(server, address), expected, "{peer}");
        }
    }
}
