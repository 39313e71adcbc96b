//! An ear for other DHCP servers: what is said to port 68 on one interface, by whomever, to whomever; and to everybody's port 67
//! by somebody who has an address, as servers greet each other.
//!
//! An ordinary socket would miss it. Where the interface has no address, or one of another network than the server
//! that speaks, the kernel takes the speaker for an impostor and drops its datagrams (rp_filter, which Debian's
//! systemd switches on). And what this computer itself says by another interface on the same wire the kernel always drops,
//! for a packet from outside cannot come from an address of its own. So this listens before the kernel judges, with a packet socket (packet(7)), and a filter in
//! the kernel keeps everything else from it, which on a busy server is nearly all. It says nothing, ever.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::OwnedFd;

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// Where servers are asked.
pub const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// IPv4, as the link layer numbers it (ETH_P_IP), in the byte order of the wire.
const IPV4: i32 = 0x0800_u16.to_be() as i32;
const UDP: u8 = 17;
/// The shortest header of UDP over IPv4.
const HEADERS: usize = 20 + 8;
const UDP_HEADER: usize = 8;
/// Where an IPv4 header has its sender's address (RFC 791 section 3.1).
const SOURCE: u32 = 12;
/// And its receiver's.
const RECEIVER: u32 = 16;

/// The instructions of the kernel's packet filter that are used here (linux/bpf_common.h).
mod code {
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    /// X becomes the length of the IP header at a position.
    pub(super) const LOAD_HEADER_LENGTH: u16 = 0xb1;
    pub(super) const LOAD_HALF_AFTER_X: u16 = 0x48;
    pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
    pub(super) const JUMP_IF_ANY_BIT: u16 = 0x45;
    pub(super) const RETURN: u16 = 0x06;
    /// Where the number of the interface can be loaded from (linux/filter.h: SKF_AD_OFF, SKF_AD_IFINDEX).
    pub(super) const INTERFACE: u32 = 0xffff_f000 + 8;
}

/// Opens it on `interface`. Needs root, or CAP_NET_RAW. It is a datagram socket of another kind, and received from
/// like one.
///
/// # Errors
/// There is no such interface, or this process may not.
pub fn open(interface: &str) -> io::Result<UdpSocket> {
    let index = if_nametoindex(interface)?;
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(IPV4)))?;
    socket.attach_filter(&filter(index))?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from(OwnedFd::from(socket));
    // What came before the filter was there.
    while socket.recv(&mut [0; 1]).is_ok() {}
    Ok(socket)
}

/// Keeps whole datagrams to port 68 that came in by interface number `index`, and those to everybody's port 67 whose sender
/// has an address: a room that is switched on has none yet, relay agents and renewals speak to the server alone, and all of
/// them are heard at an ordinary socket.
fn filter(index: u32) -> [SockFilter; 16] {
    use code::{
        INTERFACE, JUMP_IF_ANY_BIT, JUMP_IF_EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_HALF_AFTER_X,
        LOAD_HEADER_LENGTH, LOAD_WORD, RETURN,
    };
    let all = u32::MAX;
    // Jumps count the instructions that are left out, if it is so and if not.
    [
        SockFilter::new(LOAD_WORD, 0, 0, INTERFACE),
        SockFilter::new(JUMP_IF_EQUAL, 0, 12, index),
        SockFilter::new(LOAD_BYTE, 0, 0, 9),
        SockFilter::new(JUMP_IF_EQUAL, 0, 10, UDP.into()),
        SockFilter::new(LOAD_HALF, 0, 0, 6),
        // A later fragment has no UDP header.
        SockFilter::new(JUMP_IF_ANY_BIT, 8, 0, 0x1fff),
        SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_HALF_AFTER_X, 0, 0, 2),
        SockFilter::new(JUMP_IF_EQUAL, 6, 0, CLIENT_PORT.into()),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, SERVER_PORT.into()),
        SockFilter::new(LOAD_WORD, 0, 0, SOURCE),
        SockFilter::new(JUMP_IF_EQUAL, 2, 0, 0),
        SockFilter::new(LOAD_WORD, 0, 0, RECEIVER),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, all),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, all),
    ]
}

/// A UDP datagram to port 68 or 67.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub from: Ipv4Addr,
    /// To which of the two ports.
    pub to: u16,
    /// What it says.
    pub payload: &'a [u8],
}

/// What a packet says. `None` for anything but a UDP datagram to one of the ports.
#[must_use]
pub fn datagram(packet: &[u8]) -> Option<Datagram<'_>> {
    let first = *packet.first()?;
    let header = usize::from(first & 0x0f) * 4;
    let plausible = first >> 4 == 4 && header >= HEADERS - UDP_HEADER && *packet.get(9)? == UDP;
    if !plausible {
        return None;
    }
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let udp = packet.get(header..)?;
    let half = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    let to = half(2).filter(|to| [SERVER_PORT, CLIENT_PORT].contains(to))?;
    // The link layer may have padded it.
    let length = usize::from(half(4)?).min(udp.len());
    Some(Datagram {
        from: source.into(),
        to,
        payload: udp.get(UDP_HEADER..length)?,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use socket2::SockRef;

    use super::*;

    fn packet(options: usize, to: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20 + options];
        packet[0] = 0x40 | (packet.len() / 4) as u8;
        packet[9] = UDP;
        packet[12..16].copy_from_slice(&[10, 77, 0, 2]);
        packet.extend(67_u16.to_be_bytes());
        packet.extend(to.to_be_bytes());
        packet.extend((8 + payload.len() as u16).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_datagram_is_found_behind_its_headers() {
        let who = Ipv4Addr::new(10, 77, 0, 2);
        for options in [0, 4, 40] {
            let mut padded = packet(options, 68, b"offer");
            padded.extend([0; 18]);
            let expected = Datagram {
                from: who,
                to: 68,
                payload: b"offer",
            };
            assert_eq!(datagram(&padded), Some(expected), "{options}");
        }
        let question = packet(0, 67, b"discover");
        assert_eq!(datagram(&question).map(|heard| heard.to), Some(67));
        assert_eq!(datagram(&packet(0, 69, b"read")), None);
    }

    /// What the kernel hands on of `packets`, with the filter but for its first two instructions: they ask for the interface,
    /// and these packets come by none.
    fn kept(packets: &[Vec<u8>]) -> Vec<bool> {
        let (says, hears) = UnixDatagram::pair().expect("a pair of sockets");
        let filter = filter(1);
        SockRef::from(&hears)
            .attach_filter(&filter[2..])
            .expect("the kernel takes the filter");
        hears.set_nonblocking(true).expect("a socket of ours");
        let is_kept = |packet: &Vec<u8>| {
            says.send(packet).expect("its other end is open");
            let mut heard = [0; 2048];
            match hears.recv(&mut heard) {
                Ok(length) => {
                    assert_eq!(heard[..length], packet[..], "kept whole");
                    true
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    false
                }
            }
        };
        packets.iter().map(is_kept).collect()
    }

    fn to(receiver: [u8; 4], mut packet: Vec<u8>) -> Vec<u8> {
        packet[16..20].copy_from_slice(&receiver);
        packet
    }

    fn from_nobody(mut packet: Vec<u8>) -> Vec<u8> {
        packet[12..16].copy_from_slice(&[0; 4]);
        packet
    }

    /// The kernel itself is the judge.
    #[test]
    fn of_port_67_only_what_an_address_says_to_everybody_is_heard() {
        const ALL: [u8; 4] = [255; 4];
        const US: [u8; 4] = [10, 77, 0, 1];
        for options in [0, 4, 40] {
            let say = |port| packet(options, port, b"word");
            let table = [
                ("a server greets", true, to(ALL, say(67))),
                (
                    "a room is switched on",
                    false,
                    from_nobody(to(ALL, say(67))),
                ),
                ("a relay agent or a renewal", false, to(US, say(67))),
                (
                    "its subnet's broadcast",
                    false,
                    to([10, 77, 0, 255], say(67)),
                ),
                ("an answer to everybody", true, to(ALL, say(68))),
                ("an answer to us", true, to(US, say(68))),
                ("an answer to another", true, to([10, 77, 0, 9], say(68))),
                ("an answer of nobody", true, from_nobody(to(ALL, say(68)))),
                ("TFTP", false, to(ALL, say(69))),
            ];
            let packets = table.clone().map(|(_, _, packet)| packet);
            for ((what, is_kept, _), kept) in table.into_iter().zip(kept(&packets)) {
                assert_eq!(kept, is_kept, "{what}, {options} bytes of IP options");
            }
        }
    }

    #[test]
    fn what_is_no_first_datagram_of_udp_is_not_heard() {
        let answer = || packet(0, 68, b"offer");
        let (mut tcp, mut first, mut later) = (answer(), answer(), answer());
        tcp[9] = 6;
        // RFC 791 section 3.1: more fragments follow; and an offset, in units of eight bytes.
        first[6] = 0x20;
        later[7] = 1;
        let short = answer()[..23].to_vec();
        let kept = kept(&[answer(), tcp, first, later, short]);
        assert_eq!(kept, [true, false, true, false, false]);
    }

    #[test]
    fn any_bytes_are_survived() {
        let whole = packet(8, 68, b"offer");
        for length in 0..whole.len() - 5 {
            assert_eq!(datagram(&whole[..length]), None);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x0f, 0x45, 0xff] {
                let mut odd = whole.clone();
                odd[at] = value;
                let _ = datagram(&odd);
            }
        }
    }
}
