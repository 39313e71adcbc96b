//! What machines are given, as it arrives at the relay agent: the count of addresses that two machines have at one time.
//!
//! perfdhcp's own count (-u) is of answers with an address that came before, whoever is answered, and of another ACK to
//! the same machine too. Here an address counts as given twice if it is acknowledged to a machine while the lease of
//! another one runs. It only listens.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::Host;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt,
};

/// Room for all answers of a run, should the thread that reads them come late.
const BUFFER: usize = 64 << 20;
/// How often it is looked whether the run is over.
const BEAT: Duration = Duration::from_millis(100);
/// The fixed part of a DHCP message and its cookie (RFC 2131, section 2).
const FIXED_PART: usize = 240;
const ACK: u8 = 5;

/// An ear in the relay's network.
pub(super) struct Ear {
    over: Arc<AtomicBool>,
    listens: JoinHandle<Given>,
}

impl Ear {
    /// Begins to listen on `relay`.
    pub(super) fn open(relay: &Host) -> Result<Ear> {
        let socket = relay.namespace().enter(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthIp,
            )?;
            setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
            Ok(UdpSocket::from(socket))
        });
        let socket = socket.context("cannot listen to what machines are given")?;
        socket.set_read_timeout(Some(BEAT))?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let listens = thread::spawn(move || {
            let (begun, mut given) = (Instant::now(), Given::default());
            let mut packet = [0; 2048];
            loop {
                match socket.recv(&mut packet) {
                    Ok(length) => given.packet(&packet[..length], begun.elapsed()),
                    Err(_) if ended.load(Ordering::Relaxed) => return given,
                    Err(_) => {}
                }
            }
        });
        Ok(Ear { over, listens })
    }

    /// Ends once nothing comes any more.
    pub(super) fn close(self) -> Result<Given> {
        self.over.store(true, Ordering::Relaxed);
        let given = self.listens.join();
        given.map_err(|_| anyhow::anyhow!("the ear panicked"))
    }
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Addresses that were acknowledged to a machine while another one's lease of them ran.
    pub(super) twice: u32,
    /// Acknowledgements of an address to the machine that has it already.
    pub(super) again: u32,
    /// Who has an address, and until when.
    leases: HashMap<Ipv4Addr, ([u8; 6], Duration)>,
}

impl Given {
    /// An IPv4 packet.
    fn packet(&mut self, packet: &[u8], now: Duration) {
        let Some((machine, address, lease)) = acknowledged(packet) else {
            return;
        };
        let until = now + lease;
        match self.leases.insert(address, (machine, until)) {
            Some((other, ends)) if other != machine && ends > now => self.twice += 1,
            Some((other, _)) if other == machine => self.again += 1,
            _ => {}
        }
    }
}

/// Who got which address for how long, if this packet is an ACK to a relay agent.
fn acknowledged(packet: &[u8]) -> Option<([u8; 6], Ipv4Addr, Duration)> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let dhcp = packet.get(header + 8..)?;
    let is_reply = packet.get(9) == Some(&17) && *dhcp.first()? == 2 && dhcp.len() > FIXED_PART;
    if !is_reply {
        return None;
    }
    let (mut kind, mut lease) = (None, None);
    let mut rest = &dhcp[FIXED_PART..];
    while let [code, tail @ ..] = rest {
        rest = match code {
            0 => tail,
            255 => break,
            _ => {
                let (&length, tail) = tail.split_first()?;
                let (data, tail) = tail.split_at_checked(length.into())?;
                match (code, data) {
                    (53, [value]) => kind = Some(*value),
                    (51, &[a, b, c, d]) => lease = Some(u32::from_be_bytes([a, b, c, d])),
                    _ => {}
                }
                tail
            }
        };
    }
    let address = <[u8; 4]>::try_from(&dhcp[16..20]).ok()?;
    let machine = dhcp[28..34].try_into().ok()?;
    let lease = Duration::from_secs(lease?.into());
    (kind == Some(ACK)).then_some((machine, address.into(), lease))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, machine: u8, address: u8, seconds: u8) -> Vec<u8> {
        let mut packet = vec![0; 28 + FIXED_PART];
        (packet[0], packet[9], packet[28]) = (0x45, 17, 2);
        packet[28 + 16..28 + 20].copy_from_slice(&[10, 77, 1, address]);
        packet[28 + 33] = machine;
        packet.extend([53, 1, kind, 0, 51, 4, 0, 0, 0, seconds, 255]);
        packet
    }

    #[test]
    fn only_two_leases_that_run_at_one_time_count() {
        let mut given = Given::default();
        let mut at = |second, kind, machine, address| {
            let packet = packet(kind, machine, address, 60);
            given.packet(&packet, Duration::from_secs(second));
            (given.twice, given.again)
        };
        assert_eq!(at(0, ACK, 1, 7), (0, 0));
        assert_eq!(at(1, ACK, 2, 8), (0, 0));
        assert_eq!(at(2, ACK, 1, 7), (0, 1), "the same machine");
        assert_eq!(at(3, 2, 3, 7), (0, 1), "only offered");
        assert_eq!(at(4, ACK, 3, 8), (1, 1));
        assert_eq!(at(70, ACK, 4, 7), (1, 1), "its lease is over");
    }

    #[test]
    fn any_bytes_are_survived() {
        let whole = packet(ACK, 1, 7, 60);
        for length in 0..whole.len() - 1 {
            assert_eq!(acknowledged(&whole[..length]).map(|_| length), None);
        }
    }
}
