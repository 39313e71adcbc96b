//! Cables of a given speed, cables that are pulled out, and what went over them.
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

    /// Bytes it has sent since [`Host::limit_sending`] was called, headers and all.
    ///
    /// The limiter counts them, after it has cut large segments into packets. The interface's own
    /// counter takes such a segment for one packet and misses the headers of the others.
    ///
    /// # Errors
    /// Nothing limits what it sends.
    pub fn sent_within_limit(&self) -> Result<u64> {
        let shown = self.namespace().network_tool(
            "tc",
            &format!("-s qdisc show dev {} root", self.interface()),
        )?;
        sent_by_tbf(&shown).with_context(|| format!("no limiter counts its bytes: {shown}"))
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
}

/// The burst stays below one 64 KiB segment, otherwise the limit is not seen by short transfers,
/// and the queue holds 50 ms, otherwise small messages wait behind bulk data.
fn limit(place: &Namespace, interface: &str, megabits: u32) -> Result<()> {
    let queue = (u64::from(megabits) * 1_000_000 / 8 / 20).max(65_536);
    place
        .network_tool(
            "tc",
            &format!(
                "qdisc replace dev {interface} root tbf rate {megabits}mbit burst 32kb limit {queue}"
            ),
        )
        .map(drop)
}

/// `qdisc tbf 8001: root …\n Sent 1234 bytes 5 pkt (…)…`
fn sent_by_tbf(shown: &str) -> Option<u64> {
    let mut lines = shown.lines();
    lines.find(|line| line.starts_with("qdisc tbf "))?;
    let counted = lines.next()?.trim().strip_prefix("Sent ")?;
    counted.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use crate::Stop;

    #[test]
    fn only_a_limiters_own_count_is_believed() {
        let shown = "qdisc tbf 8001: root refcnt 5 rate 40Mbit burst 32Kb lat 50ms \n \
             Sent 140509018 bytes 93008 pkt (dropped 0, overlimits 9 requeues 0) \n";
        assert_eq!(sent_by_tbf(shown), Some(140_509_018));
        let unlimited = "qdisc noqueue 0: root refcnt 2 \n Sent 0 bytes 0 pkt\n";
        assert_eq!(sent_by_tbf(unlimited), None);
        assert_eq!(sent_by_tbf(""), None);
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
