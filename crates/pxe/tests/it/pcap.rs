//! Just enough of pcap, Ethernet, IPv4 and UDP to take DHCP out of a recording.

use std::net::Ipv4Addr;
use std::time::Duration;

/// One UDP datagram of a recording.
pub(crate) struct Datagram {
    pub(crate) at: Duration,
    pub(crate) source: (Ipv4Addr, u16),
    pub(crate) destination: (Ipv4Addr, u16),
    pub(crate) payload: Vec<u8>,
}

/// All UDP datagrams of a little-endian pcap file with Ethernet frames; times count from its first
/// frame.
pub(crate) fn read(file: &[u8]) -> Vec<Datagram> {
    assert_eq!(
        file[..4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        "not a little-endian pcap in microseconds"
    );
    assert_eq!(file[20], 1, "not Ethernet");
    let mut rest = &file[24..];
    let mut datagrams = Vec::new();
    let mut begun = None;
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let at = Duration::from_secs(word(0).into()) + Duration::from_micros(word(4).into());
        let begun = *begun.get_or_insert(at);
        let (frame, after) = rest[16..].split_at(word(8) as usize);
        datagrams.extend(udp(frame, at - begun));
        rest = after;
    }
    datagrams
}

fn udp(frame: &[u8], at: Duration) -> Option<Datagram> {
    let ip = frame[12..].strip_prefix(&[8, 0])?;
    let (header, rest) = ip.split_at(usize::from(ip[0] & 15) * 4);
    if header[9] != 17 {
        return None;
    }
    let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&header[at..at + 4]).unwrap());
    let number = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    Some(Datagram {
        at,
        source: (address(12), number(0)),
        destination: (address(16), number(2)),
        payload: rest[8..usize::from(number(4))].to_vec(),
    })
}
