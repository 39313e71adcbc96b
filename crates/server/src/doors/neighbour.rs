//! Does anybody answer at this address? Asked before an address is given away.
//!
//! It needs no privilege: an empty datagram to the address makes the kernel ask by ARP, and what
//! came of it is read from the kernel's table. Many questions are open at once, and none of them
//! keeps the DHCP door from answering others. It decides nothing.

use std::collections::{HashMap, VecDeque};
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use pxe::Question;
use report::Mac;
use tokio::time::{Instant, sleep_until};

/// How long an address may stay silent before it counts as free. On a wire, ARP answers within
/// milliseconds; sleeping machines take a little longer.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long an entry that was in the table before we asked may take to prove itself. The kernel
/// keeps entries of machines that are long gone; our datagram makes it wait 5 s for a sign of life,
/// ask three times, 1 s apart, and then drop the entry.
const PROOF: Duration = Duration::from_secs(9);
/// How often the kernel's table is read while questions are open.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Open questions at once. The next machine has to ask again, which firmware does within seconds.
const MOST: usize = 512;
/// The discard port (RFC 863): whoever listens there throws the datagram away.
const DISCARD: u16 = 9;
/// The table of the network namespace this thread is in; /proc/net would be the main thread's.
const TABLE: &str = "/proc/thread-self/net/arp";

/// The questions that are open on one interface.
#[derive(Debug)]
pub struct Neighbours {
    socket: UdpSocket,
    device: String,
    open: VecDeque<Open>,
    settled: VecDeque<(Question, bool)>,
    next_look: Instant,
}

#[derive(Debug)]
struct Open {
    question: Question,
    /// Who answered there according to the table before we asked.
    before: Option<Mac>,
    until: Instant,
}

/// What the table says about a question so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Free,
    InUse,
    Unknown,
}

impl Open {
    fn new(question: Question, before: Option<Mac>, now: Instant) -> Self {
        let old = before.is_some_and(|mac| is_stranger(&question, mac));
        let until = now + if old { PROOF } else { PATIENCE };
        Self {
            question,
            before,
            until,
        }
    }

    /// Somebody who answers for the first time is there. An old entry is believed only if it
    /// outlives the kernel's own check, and that of the machine whose lease ended not at all.
    fn verdict(&self, holder: Option<Mac>, now: Instant) -> Verdict {
        let stranger = holder.filter(|mac| is_stranger(&self.question, *mac));
        let old = self
            .before
            .is_some_and(|mac| is_stranger(&self.question, mac));
        match stranger {
            Some(mac) if self.before != Some(mac) => Verdict::InUse,
            Some(mac) if self.question.former == Some(mac) => Verdict::Free,
            Some(_) if self.until <= now => Verdict::InUse,
            Some(_) => Verdict::Unknown,
            None if old || self.until <= now => Verdict::Free,
            None => Verdict::Unknown,
        }
    }
}

fn is_stranger(question: &Question, mac: Mac) -> bool {
    mac != question.request.mac
}

impl Neighbours {
    /// Asks from `server`, the address of the interface `device`.
    ///
    /// # Errors
    /// The address is not this computer's.
    pub fn new(server: Ipv4Addr, device: String) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddrV4::new(server, 0))?;
        socket.set_nonblocking(true)?;
        let (open, settled) = (VecDeque::new(), VecDeque::new());
        Ok(Self {
            socket,
            device,
            open,
            settled,
            next_look: Instant::now(),
        })
    }

    /// Opens a question. Says `false` when too many are open already.
    pub fn ask(&mut self, question: Question) -> bool {
        if self.open.len() + self.settled.len() >= MOST {
            return false;
        }
        let before = self.holders().remove(&question.address);
        // A failure to send (no route, no carrier) tells nothing about the address: it will count
        // as silent, and a machine that asked over this very interface is on the wire anyhow.
        let _ = self
            .socket
            .send_to(&[], SocketAddrV4::new(question.address, DISCARD));
        let now = Instant::now();
        if self.open.is_empty() {
            self.next_look = now + LOOK_EVERY;
        }
        self.open.push_back(Open::new(question, before, now));
        true
    }

    /// The next question that is settled, and whether the address is in use. Waits for ever while
    /// no question is open. Nothing is lost when the future is dropped.
    pub async fn settled(&mut self) -> (Question, bool) {
        loop {
            if let Some(settled) = self.settled.pop_front() {
                return settled;
            }
            if self.open.is_empty() {
                future::pending::<()>().await;
            }
            sleep_until(self.next_look).await;
            self.look();
        }
    }

    fn holders(&self) -> HashMap<Ipv4Addr, Mac> {
        let table = std::fs::read_to_string(TABLE).unwrap_or_default();
        holders(&table, &self.device)
    }

    /// Settles what can be settled: addresses that somebody answers at, and those whose time is up.
    fn look(&mut self) {
        let now = Instant::now();
        self.next_look = now + LOOK_EVERY;
        let holders = self.holders();
        for open in std::mem::take(&mut self.open) {
            let holder = holders.get(&open.question.address).copied();
            match open.verdict(holder, now) {
                Verdict::Unknown => self.open.push_back(open),
                verdict => {
                    let in_use = verdict == Verdict::InUse;
                    self.settled.push_back((open.question, in_use));
                }
            }
        }
    }
}

/// Who answers on `device`, by the kernel's table: a line of it is address, hardware type, flags,
/// hardware address, mask, device. Flag 0x2 means that somebody answered.
fn holders(table: &str, device: &str) -> HashMap<Ipv4Addr, Mac> {
    let line = |line: &str| {
        let mut columns = line.split_whitespace();
        let address = columns.next()?.parse().ok()?;
        let flags = u32::from_str_radix(columns.nth(1)?.strip_prefix("0x")?, 16).ok()?;
        let mac = columns.next()?.parse().ok()?;
        (flags & 0x2 != 0 && columns.nth(1) == Some(device)).then_some((address, mac))
    };
    table.lines().skip(1).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
10.77.0.9        0x1         0x2         52:54:00:77:00:09     *        eth0
10.77.0.10       0x1         0x0         00:00:00:00:00:00     *        eth0
10.77.0.11       0x1         0x6         52:54:00:77:00:0b     *        eth0
10.77.0.12       0x1         0x2         52:54:00:77:00:0c     *        eth1
";

    #[test]
    fn reads_the_kernels_table() {
        let holders = holders(SAMPLE, "eth0");
        let cases = [
            (9, Some("52:54:00:77:00:09")),
            (10, None),
            (11, Some("52:54:00:77:00:0b")),
            (12, None),
            (13, None),
        ];
        for (last, mac) in cases {
            let found = holders
                .get(&Ipv4Addr::new(10, 77, 0, last))
                .map(Mac::to_string);
            assert_eq!(found.as_deref(), mac, "{last}");
        }
    }

    fn mac(last: u8) -> Mac {
        Mac([0x52, 0x54, 0, 0, 0, last])
    }

    fn question(from: Mac, former: Option<Mac>) -> Question {
        let discover = pxe::probe::discover(7, from);
        Question {
            address: Ipv4Addr::new(10, 77, 0, 9),
            former,
            request: pxe::Request::read(&discover).expect("our own packet"),
        }
    }

    #[tokio::test]
    async fn old_entries_must_prove_themselves_and_fresh_ones_are_believed() {
        use Verdict::{Free, InUse, Unknown};
        let (own, former, other) = (Some(mac(1)), Some(mac(2)), Some(mac(3)));
        let now = Instant::now();
        // (in the table before we asked, after how long, in the table then, verdict)
        let table = [
            (None, Duration::ZERO, None, Unknown),
            (None, PATIENCE, None, Free),
            (None, Duration::ZERO, other, InUse),
            (None, Duration::ZERO, former, InUse),
            (None, PATIENCE, own, Free),
            (own, PATIENCE, own, Free),
            (own, Duration::ZERO, other, InUse),
            (former, Duration::ZERO, former, Free),
            (former, Duration::ZERO, other, InUse),
            (other, PATIENCE, other, Unknown),
            (other, PATIENCE, None, Free),
            (other, PROOF, other, InUse),
        ];
        for (before, after, holder, verdict) in table {
            let open = Open::new(question(mac(1), former), before, now);
            let says = open.verdict(holder, now + after);
            assert_eq!(says, verdict, "{before:?} {after:?} {holder:?}");
        }
    }
}
