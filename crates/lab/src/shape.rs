//! Cables of a given speed, bad ones, ports that are kept apart, and what went over them.
//!
//! Speeds are those of the wire: headers of Ethernet, IP and TCP count, as they do on a real one.

use anyhow::{Context, Result};

use crate::namespace::Namespace;
use crate::{Host, Room};

impl Host {
    /// Limits what it sends to `megabits` per second, as its network card would.
    pub fn limit_sending(&self, megabits: u32) -> Result<()> {
        limit(self.namespace(), self.interface(), megabits)
    }

    /// Makes it send every packet by itself, as it is on a wire; a virtual cable carries segments of up to
    /// 64 KiB otherwise. For connections that are made from now on.
    pub fn send_single_packets(&self) -> Result<()> {
        let interface = self.interface();
        self.namespace()
            .ip(&format!("link set {interface} gso_max_segs 1"))
    }

    /// Bytes it has sent since [`Host::limit_sending`] was called, headers and all.
    ///
    /// The limiter counts them as they are on a wire. The interface's own counter takes a large segment for one
    /// packet and misses the headers of the others.
    ///
    /// # Errors
    /// Nothing limits what it sends.
    pub fn sent_within_limit(&self) -> Result<u64> {
        let shown = self.namespace().network_tool(
            "tc",
            &format!("-s qdisc show dev {} root", self.interface()),
        )?;
        sent_within(&shown).with_context(|| format!("no limiter counts its bytes: {shown}"))
    }
}

impl Room {
    /// Limits what `host` receives to `megabits` per second: what its port of the switch sends.
    pub fn limit_receiving(&self, host: &Host, megabits: u32) -> Result<()> {
        limit(self.switch(), host.port(), megabits)
    }

    /// Pulls the cable of `host` out: nothing it sends arrives any more, and its own interface has no
    /// carrier.
    pub fn pull_out(&self, host: &Host) -> Result<()> {
        self.switch().ip(&format!("link set {} down", host.port()))
    }

    /// Makes the cable of `host` lose `percent` of 100 packets, by chance, in either direction.
    ///
    /// Where they come in, at the host and at its port: a sender whose own packet filter drops it knows that
    /// the packet is not out. Segments of many packets count as one, so the hosts of a room with such a
    /// cable should send none ([`Host::send_single_packets`]).
    ///
    /// # Errors
    /// There is no `nft`, or the kernel cannot do this.
    pub fn lose(&self, host: &Host, percent: u8) -> Result<()> {
        for (place, device) in [
            (host.namespace(), host.interface()),
            (self.switch(), host.port()),
        ] {
            let chain = "type filter hook ingress device";
            place.network_tool("nft", &format!("add table netdev loss-{device}"))?;
            place.network_tool(
                "nft",
                &format!("add chain netdev loss-{device} in {{ {chain} {device} priority 0 ; }}"),
            )?;
            place.network_tool(
                "nft",
                &format!(
                    "add rule netdev loss-{device} in numgen random mod 100 < {percent} counter drop"
                ),
            )?;
        }
        Ok(())
    }

    /// Packets that were lost since [`Room::lose`], in either direction.
    pub fn lost(&self, host: &Host) -> Result<u64> {
        let mut lost = 0;
        for (place, device) in [
            (host.namespace(), host.interface()),
            (self.switch(), host.port()),
        ] {
            let list = format!("list chain netdev loss-{device} in");
            let shown = place.network_tool("nft", &list)?;
            lost += dropped(&shown).with_context(|| format!("no packets are counted: {shown}"))?;
        }
        Ok(lost)
    }

    /// Lets nothing through to `host` that is sent to groups of the site (239.0.0.0/8), as a switch does that takes it for
    /// no member.
    ///
    /// # Errors
    /// There is no `nft`, or the kernel cannot do this.
    pub fn make_deaf(&self, host: &Host) -> Result<()> {
        let (place, device) = (host.namespace(), host.interface());
        for command in [
            "add table netdev deaf".to_owned(),
            format!(
                "add chain netdev deaf in {{ type filter hook ingress device {device} priority 0 ; }}"
            ),
            "add rule netdev deaf in ip daddr 239.0.0.0/8 counter drop".to_owned(),
        ] {
            place.network_tool("nft", &command)?;
        }
        Ok(())
    }

    /// Packets that `host` did not hear since [`Room::make_deaf`].
    ///
    /// # Errors
    /// It is not deaf.
    pub fn not_heard(&self, host: &Host) -> Result<u64> {
        let shown = host
            .namespace()
            .network_tool("nft", "list chain netdev deaf in")?;
        dropped(&shown).with_context(|| format!("no packets are counted: {shown}"))
    }

    /// Keeps `host` from all other hosts that are kept apart, as Wi-Fi access points do ("client
    /// isolation"), or no more. The others reach it, and it reaches them.
    pub fn keep_apart(&self, host: &Host, apart: Apart) -> Result<()> {
        let isolated = match apart {
            Apart::Yes => "on",
            Apart::No => "off",
        };
        let port = host.port();
        self.switch().ip(&format!(
            "link set {port} type bridge_slave isolated {isolated}"
        ))
    }
}

/// Whether a host is kept from the others that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// It is.
    Yes,
    /// It is not, as at first.
    No,
}

/// The queue holds 50 ms, otherwise small messages wait behind bulk data; the burst is what passes at once after a
/// pause, so short transfers see the limit too.
///
/// A class of htb, not tbf: tbf sets its timer anew with every packet that finds it waiting, by a few nanoseconds,
/// and on a virtual machine each time costs an exit to its host. A room of 16 machines at 40 Mbit/s spent a quarter
/// of the processor there.
fn limit(place: &Namespace, interface: &str, megabits: u32) -> Result<()> {
    let queue = (u64::from(megabits) * 1_000_000 / 8 / 20).max(65_536);
    let root = format!("dev {interface} root");
    // A limit may be there already; without one there is nothing to take away.
    let _ = place.network_tool("tc", &format!("qdisc delete {root}"));
    for command in [
        format!("qdisc add {root} handle 1: htb default 1"),
        format!(
            "class add dev {interface} parent 1: classid 1:1 htb rate {megabits}mbit burst 32kb cburst 32kb quantum 30000"
        ),
        format!("qdisc add dev {interface} parent 1:1 bfifo limit {queue}"),
    ] {
        place.network_tool("tc", &command)?;
    }
    Ok(())
}

/// `qdisc htb 1: root …\n Sent 1234 bytes 5 pkt (…)…`
fn sent_within(shown: &str) -> Option<u64> {
    let mut lines = shown.lines();
    lines.find(|line| line.starts_with("qdisc htb "))?;
    let counted = lines.next()?.trim().strip_prefix("Sent ")?;
    counted.split(' ').next()?.parse().ok()
}

/// `… numgen random mod 100 < 5 counter packets 12 bytes 3456 drop …`
fn dropped(shown: &str) -> Option<u64> {
    let (_, counted) = shown.split_once(" counter packets ")?;
    counted.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::{Stop, until};

    #[test]
    fn only_a_limiters_own_count_is_believed() {
        let shown = "qdisc htb 1: root refcnt 5 r2q 10 default 0x1 direct_packets_stat 0 direct_qlen 1000\n \
             Sent 140509018 bytes 93008 pkt (dropped 0, overlimits 9 requeues 0) \n";
        assert_eq!(sent_within(shown), Some(140_509_018));
        let unlimited = "qdisc noqueue 0: root refcnt 2 \n Sent 0 bytes 0 pkt\n";
        assert_eq!(sent_within(unlimited), None);
        assert_eq!(sent_within(""), None);
    }

    #[test]
    #[ignore = "needs root and nft; cargo xtask test runs it"]
    fn a_bad_cable_loses_as_much_as_it_should_in_either_direction() {
        let mut room = Room::new(&Stop::never()).unwrap();
        let address = |last| Ipv4Addr::new(10, 77, 0, last);
        let hosts = [1, 2].map(|last| room.host(Some((address(last), 24))).unwrap());
        let sockets = [0, 1].map(|at: usize| {
            let bind = || Ok(UdpSocket::bind((address(at as u8 + 1), 7))?);
            let socket = hosts[at].namespace().enter(bind).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            socket
        });
        // Both know the way before it gets bad.
        for (from, to) in [(0, 1), (1, 0)] {
            sockets[from]
                .send_to(b"here", (address(to as u8 + 1), 7))
                .unwrap();
            sockets[to].recv(&mut [0; 9]).unwrap();
        }
        room.lose(&hosts[1], 20).unwrap();
        for (from, to) in [(0, 1), (1, 0)] {
            let mut came = 0;
            for _ in 0..20 {
                for _ in 0..50 {
                    sockets[from]
                        .send_to(b"x", (address(to as u8 + 1), 7))
                        .unwrap();
                }
                // The rest of a batch is there when its last packet is, or lost.
                sockets[to].set_nonblocking(true).unwrap();
                while sockets[to].recv(&mut [0; 9]).is_ok() {
                    came += 1;
                }
                sockets[to].set_nonblocking(false).unwrap();
            }
            while sockets[to].recv(&mut [0; 9]).is_ok() {
                came += 1;
            }
            // 800 of 1000, and five times the deviation to either side.
            assert!((737..863).contains(&came), "{came} of 1000");
        }
        // Some of them were questions for addresses.
        let lost = room.lost(&hosts[1]).unwrap();
        assert!((274..530).contains(&lost), "{lost} lost");
    }

    #[test]
    #[ignore = "needs root"]
    fn hosts_that_are_kept_apart_reach_the_others_and_not_each_other() {
        let mut room = Room::new(&Stop::never()).unwrap();
        let address = |last| Ipv4Addr::new(10, 77, 0, last);
        let hosts = [1, 2, 3].map(|last| room.host(Some((address(last), 24))).unwrap());
        let listeners = [1, 2, 3].map(|last| {
            let bind = || Ok(TcpListener::bind((address(last), 7))?);
            hosts[last as usize - 1].namespace().enter(bind).unwrap()
        });
        let reaches = |from: usize, to: u8| {
            let to = (address(to), 7).into();
            let connect = || Ok(TcpStream::connect_timeout(&to, Duration::from_secs(1)).is_ok());
            hosts[from - 1].namespace().enter(connect).unwrap()
        };
        for host in &hosts[1..] {
            room.keep_apart(host, Apart::Yes).unwrap();
        }
        assert!(reaches(2, 1) && reaches(3, 1) && reaches(1, 2));
        assert!(!reaches(2, 3) && !reaches(3, 2));
        room.keep_apart(&hosts[1], Apart::No).unwrap();
        // A question for an address that is out already is repeated once a second.
        let soon = Duration::from_secs(20);
        until("the way to each other", soon, &Stop::never(), || {
            Ok((reaches(2, 3) && reaches(3, 2)).then_some(()))
        })
        .unwrap();
        drop(listeners);
    }

    #[test]
    #[ignore = "needs root"]
    fn a_cable_is_as_fast_as_it_should_be_in_either_direction_until_it_is_pulled_out() {
        const BYTES: usize = 2_000_000;
        let mut room = Room::new(&Stop::never()).unwrap();
        let address = |last| Ipv4Addr::new(10, 77, 0, last);
        let hosts = [1, 2].map(|last| room.host(Some((address(last), 24))).unwrap());
        let [one, other] = &hosts;
        let listener = other
            .namespace()
            .enter(|| Ok(TcpListener::bind((address(2), 7))?))
            .unwrap();
        let connect = || {
            one.namespace().enter(|| {
                let to = (address(2), 7).into();
                Ok(TcpStream::connect_timeout(&to, Duration::from_secs(1))?)
            })
        };
        let seconds = || {
            let mut to = connect().unwrap();
            let (mut from, _) = listener.accept().unwrap();
            let begin = Instant::now();
            thread::scope(|scope| {
                scope.spawn(move || to.write_all(&vec![1; BYTES]).unwrap());
                from.read_to_end(&mut Vec::new()).unwrap();
            });
            begin.elapsed().as_secs_f64()
        };
        // 16 Mbit/s are 2 MB/s: a second for the bytes alone.
        one.limit_sending(16).unwrap();
        other.limit_sending(1000).unwrap();
        let took = seconds();
        assert!((0.98..1.5).contains(&took), "{took} s");
        let sent = one.sent_within_limit().unwrap() as f64;
        let expected = BYTES as f64 * 1514.0 / 1448.0;
        assert!((0.99..1.03).contains(&(sent / expected)), "{sent} bytes");

        one.limit_sending(1000).unwrap();
        room.limit_receiving(other, 16).unwrap();
        let took = seconds();
        assert!((0.98..1.5).contains(&took), "{took} s");

        room.pull_out(other).unwrap();
        assert!(connect().is_err(), "its cable is out");
    }
}
