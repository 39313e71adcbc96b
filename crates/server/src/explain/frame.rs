//! What is in a frame, as far as booting is concerned: UDP and TCP over IPv4, and the questions for IPv6 routers that
//! an iPXE waits for. The headers are etherparse's work; it reads as far as a broken packet goes.

use std::net::SocketAddrV4;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

use super::recording::Frame;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// ICMPv6's router solicitation (RFC 4861, section 4.1).
const ROUTER_SOLICITATION: u8 = 133;

/// A packet's content, and who sent it to whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Packet<'a> {
    /// A datagram.
    Udp(Talk<'a>),
    /// A segment with something in it.
    Tcp(Talk<'a>),
    /// Somebody asks for an IPv6 router.
    RouterSolicitation,
    /// Anything else.
    Other,
}

/// Bytes from one program to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Talk<'a> {
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) payload: &'a [u8],
}

/// Reads a frame.
pub(crate) fn read<'a>(frame: &Frame<'a>) -> Packet<'a> {
    let Some((ether_type, bytes)) = link(frame.link, frame.bytes) else {
        return Packet::Other;
    };
    let packet = LaxSlicedPacket::from_ether_type(EtherType(ether_type), bytes);
    let addresses = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            Some((header.source_addr(), header.destination_addr()))
        }
        _ => None,
    };
    let talk = |ports: (u16, u16), payload: &'a [u8]| {
        let (from, to) = addresses?;
        Some(Talk {
            from: SocketAddrV4::new(from, ports.0),
            to: SocketAddrV4::new(to, ports.1),
            payload,
        })
    };
    let read = match &packet.transport {
        Some(TransportSlice::Udp(udp)) => {
            let ports = (udp.source_port(), udp.destination_port());
            talk(ports, udp.payload()).map(Packet::Udp)
        }
        Some(TransportSlice::Tcp(tcp)) => {
            let ports = (tcp.source_port(), tcp.destination_port());
            let talk = talk(ports, tcp.payload());
            talk.filter(|talk| !talk.payload.is_empty())
                .map(Packet::Tcp)
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            (icmp.type_u8() == ROUTER_SOLICITATION).then_some(Packet::RouterSolicitation)
        }
        _ => None,
    };
    read.unwrap_or(Packet::Other)
}

/// What comes after the link's header, and its type: Ethernet, IP alone, or what Linux makes of a recording on all
/// interfaces (LINKTYPE_LINUX_SLL and _SLL2 of the registry at tcpdump.org).
fn link(link: Linktype, bytes: &[u8]) -> Option<(u16, &[u8])> {
    let typed = |at: usize, after: usize| {
        let ether_type = bytes.get(at..at + 2)?;
        let ether_type = u16::from_be_bytes([ether_type[0], ether_type[1]]);
        Some((ether_type, bytes.get(after..)?))
    };
    match link {
        Linktype::ETHERNET => typed(12, 14),
        Linktype::LINUX_SLL => typed(14, 16),
        Linktype::LINUX_SLL2 => typed(0, 20),
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => match bytes.first()? >> 4 {
            4 => Some((IPV4, bytes)),
            6 => Some((IPV6, bytes)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read_as(link: Linktype, bytes: &[u8]) -> Packet<'_> {
        read(&Frame {
            at: Duration::ZERO,
            link,
            bytes,
            cut: false,
        })
    }

    /// "hi" from 10.77.0.9:1024 to 10.77.0.1:69.
    const DATAGRAM: [u8; 30] = [
        0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 9, 10, 77, 0, 1, 4, 0, 0, 69, 0, 10,
        0, 0, b'h', b'i',
    ];

    fn expected() -> Packet<'static> {
        Packet::Udp(Talk {
            from: "10.77.0.9:1024".parse().unwrap(),
            to: "10.77.0.1:69".parse().unwrap(),
            payload: b"hi",
        })
    }

    #[test]
    fn one_datagram_under_every_link() {
        let under = |head: &[u8]| [head, &DATAGRAM[..]].concat();
        let tagged = [&[0; 12][..], &[0x81, 0, 0, 5, 8, 0]].concat();
        let twice = [&[0; 12][..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]].concat();
        let sll2 = [&[8, 0][..], &[0; 18]].concat();
        for (link, bytes) in [
            (Linktype::ETHERNET, under(&[&[0; 12][..], &[8, 0]].concat())),
            (Linktype::ETHERNET, under(&tagged)),
            (Linktype::ETHERNET, under(&twice)),
            (
                Linktype::LINUX_SLL,
                under(&[&[0; 14][..], &[8, 0]].concat()),
            ),
            (Linktype::LINUX_SLL2, under(&sll2)),
            (Linktype::RAW, under(&[])),
            (Linktype::IPV4, under(&[])),
        ] {
            assert_eq!(read_as(link, &bytes), expected(), "{link:?}");
        }
        assert_eq!(
            read_as(Linktype(105), &DATAGRAM),
            Packet::Other,
            "a radio's"
        );
    }

    #[test]
    fn what_is_cut_or_broken_panics_nowhere() {
        for length in 0..DATAGRAM.len() {
            let read = read_as(Linktype::RAW, &DATAGRAM[..length]);
            assert_ne!(read, expected(), "{length}");
            for value in 0..=255 {
                let mut changed = DATAGRAM;
                changed[length] = value;
                let _ = read_as(Linktype::RAW, &changed);
            }
        }
    }
}
