//! Does anybody answer at this address? Asked before an address is given away.
//!
//! The question goes out by [`super::arp`], twice, and whoever says within [`PATIENCE`] that the address is his has
//! it, unless he is the machine it is meant for. Many questions are open at once, and none of them keeps the DHCP door
//! from answering others. It decides nothing.

use std::collections::{HashMap, VecDeque};
use std::future;
use std::net::Ipv4Addr;
use std::time::Duration;

use pxe::Question;
use report::Mac;
use tokio::time::{Instant, sleep_until};

use super::arp::{Arp, Said};

/// How long an address may stay silent before it counts as free. On a wire, ARP answers within
/// milliseconds; sleeping machines take a little longer.
const PATIENCE: Duration = Duration::from_millis(300);
/// When it is asked a second time: a wire may lose a packet.
const AGAIN: Duration = Duration::from_millis(150);
/// How often the wire is listened to while questions are open.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Open questions at once: six thousand machines a second, each with two packets to everybody. The next machine has
/// to ask again, which firmware does within seconds.
const MOST: usize = 2048;

/// The questions that are open on one interface.
#[derive(Debug)]
pub struct Neighbours {
    arp: Arp,
    /// In whose name is asked.
    server: Ipv4Addr,
    open: VecDeque<Open>,
    settled: VecDeque<(Question, bool)>,
    next_look: Instant,
}

#[derive(Debug)]
struct Open {
    question: Question,
    begun: Instant,
    asked_again: bool,
}

/// What is known of a question so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Free,
    InUse,
    Unknown,
}

impl Open {
    /// `holders`: who said since the last look that the address is his.
    fn verdict(&self, holders: &[Mac], now: Instant) -> Verdict {
        let machine = self.question.request.mac;
        if holders.iter().any(|holder| *holder != machine) {
            Verdict::InUse
        } else if now >= self.begun + PATIENCE {
            Verdict::Free
        } else {
            Verdict::Unknown
        }
    }
}

impl Neighbours {
    /// Asks by `arp` in the name of `server`, the address of its interface.
    #[must_use]
    pub fn new(arp: Arp, server: Ipv4Addr) -> Self {
        Self {
            arp,
            server,
            open: VecDeque::new(),
            settled: VecDeque::new(),
            next_look: Instant::now(),
        }
    }

    /// Opens a question.
    ///
    /// # Errors
    /// Too many are open already: it is handed back.
    pub fn ask(&mut self, question: Question) -> Result<(), Box<Question>> {
        if self.open.len() + self.settled.len() >= MOST {
            return Err(Box::new(question));
        }
        let now = Instant::now();
        if self.open.is_empty() {
            // What was said while nobody listened is of yesterday.
            self.arp.forget();
            self.next_look = now + LOOK_EVERY;
        }
        // A failure to send (no carrier) tells nothing about the address: it will count as silent, and a machine that
        // asked over this very interface is on the wire anyhow.
        let _ = self.arp.ask(question.address, self.server);
        self.open.push_back(Open {
            question,
            begun: now,
            asked_again: false,
        });
        Ok(())
    }

    /// The next question that is settled, and whether the address is in use. Waits for ever while
    /// no question is open. Nothing is lost when the future is dropped.
    pub async fn settled(&mut self) -> (Question, bool) {
        loop {
            if let Some(settled) = self.next_settled() {
                return settled;
            }
            if self.open.is_empty() {
                future::pending::<()>().await;
            }
            sleep_until(self.next_look).await;
            self.look();
        }
    }

    /// The next question that is settled already.
    pub fn next_settled(&mut self) -> Option<(Question, bool)> {
        self.settled.pop_front()
    }

    /// Settles what can be settled: addresses that somebody says are his, and those whose time is up.
    fn look(&mut self) {
        let heard = self.heard();
        let now = Instant::now();
        self.next_look = now + LOOK_EVERY;
        for mut open in std::mem::take(&mut self.open) {
            let address = open.question.address;
            let holders = heard.get(&address).map(Vec::as_slice);
            match open.verdict(holders.unwrap_or_default(), now) {
                Verdict::Unknown => {
                    if !open.asked_again && now >= open.begun + AGAIN {
                        open.asked_again = true;
                        let _ = self.arp.ask(address, self.server);
                    }
                    self.open.push_back(open);
                }
                verdict => {
                    let in_use = verdict == Verdict::InUse;
                    self.settled.push_back((open.question, in_use));
                }
            }
        }
    }

    /// Who said since the last look that which address is his.
    fn heard(&self) -> HashMap<Ipv4Addr, Vec<Mac>> {
        let mut heard: HashMap<_, Vec<Mac>> = HashMap::new();
        for Said { mac, address } in self.arp.hear() {
            heard.entry(address).or_default().push(mac);
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(last: u8) -> Mac {
        Mac([0x52, 0x54, 0, 0, 0, last])
    }

    #[test]
    fn who_answers_has_it_unless_it_is_the_machine_itself() {
        use Verdict::{Free, InUse, Unknown};
        let (own, other) = (mac(1), mac(2));
        let discover = pxe::probe::discover(7, own, None);
        let open = Open {
            question: Question {
                address: Ipv4Addr::new(10, 77, 0, 9),
                request: pxe::Request::read(&discover).expect("our own packet"),
            },
            begun: Instant::now(),
            asked_again: false,
        };
        let table: [(&[Mac], Duration, Verdict); 7] = [
            (&[], Duration::ZERO, Unknown),
            (&[], PATIENCE, Free),
            (&[own], Duration::ZERO, Unknown),
            (&[own], PATIENCE, Free),
            // Its lease is over, but it still is there.
            (&[other], Duration::ZERO, InUse),
            (&[own, other], AGAIN, InUse),
            (&[other], PATIENCE, InUse),
        ];
        for (holders, after, verdict) in table {
            let says = open.verdict(holders, open.begun + after);
            assert_eq!(says, verdict, "{holders:?} {after:?}");
        }
    }
}
