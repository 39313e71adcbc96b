//! Full server, proxy, or nothing at all: what may be answered on this wire.
//!
//! [`Watch`] takes in what is seen of the wire, each with its time: that there is a link, that we asked for an
//! address, that somebody was heard. It says when to ask next, and which [`Role`] is safe. Silence proves something
//! only where we asked more than once and waited; in doubt machines get no address from us. It goes on for as long as
//! the server runs. Asking and listening is the caller's.
//!
//! Another server counts for as long as it is heard. Once our questions stayed without an answer for [`GONE`], the wire
//! is looked at as at the start; who comes and goes is waited for twice as long each time. Of several bt-servers one
//! serves: the one that did first, of those that begin together the one with the lower address, and so do two that
//! served on two wires that have become one.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use report::Mac;

use crate::probe::{Claim, Foreign, Overheard};
use present::Link;

pub use present::GONE;

mod present;

/// How long the wire must have been silent, from our first question on, before anybody gets an address from us. A
/// server that pings an address before it offers it needs 3 s, so three of our questions get the time they need.
pub const SILENCE: Duration = Duration::from_secs(8);
/// How many of our questions must have stayed without an answer.
const QUESTIONS: u32 = 2;
/// Between two questions until the role is known.
const EVERY: Duration = Duration::from_secs(2);
/// Between two questions afterwards. A switch port with spanning tree passes nothing on for 30 s after its link came
/// up, and a router may be plugged in at any time; its answers to others are not heard here.
const LATER: Duration = Duration::from_secs(15);
/// How long others get to be heard too, once one was: a bt-server and a DHCP server answer the same question.
const OTHERS: Duration = Duration::from_secs(1);

/// What the person wants (`--dhcp`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Whatever is safe.
    Auto,
    /// Give addresses, whatever speaks against it but another server's answer.
    Full,
    /// Give none.
    Proxy,
}

/// What the server's own interface says of the network, before anybody is heard.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Its address, where it has that from somebody for a time only: a lease.
    pub leased: Option<Ipv4Addr>,
    /// Whom this computer reaches the rest of the world through, by this interface.
    pub gateway: Option<Ipv4Addr>,
}

/// What the server is on this wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Role {
    /// The DHCP server: it gives addresses and says what to boot.
    Full,
    /// It says what to boot; addresses are somebody else's.
    Proxy {
        /// Why, in words that follow "proxy: ".
        why: String,
    },
    /// Another bt-server boots this room: nobody is answered.
    Second {
        /// The HTTP address of that one.
        first: SocketAddrV4,
    },
    /// This computer serves the same wire by another interface, in another subnet: nobody is answered here.
    SameWire {
        /// Its address there.
        served_from: Ipv4Addr,
    },
}

/// What was seen of one wire so far.
#[derive(Clone, Debug)]
pub struct Watch {
    wish: Wish,
    place: Place,
    /// The server's own address, as other servers hear of it, and its interface's hardware address.
    own: (Ipv4Addr, Mac),
    /// All addresses of this computer.
    computer: Vec<Ipv4Addr>,
    /// The port that it will answer HTTP at, where it looks in order to serve.
    http: Option<u16>,
    /// Why no address may be given away whatever is seen.
    barred: Option<String>,
    /// Whether a role is had: who comes later is then the second. Not any more while the wire is looked at anew.
    settled: bool,
    link: Option<Link>,
}

impl Watch {
    /// Nothing was seen yet, not even a link. `own` is the address that the server has or will take, `mac` its
    /// interface's.
    #[must_use]
    pub fn new(wish: Wish, place: Place, own: Ipv4Addr, mac: Mac) -> Watch {
        Watch {
            wish,
            place,
            own: (own, mac),
            computer: Vec::new(),
            http: None,
            barred: None,
            settled: false,
            link: None,
        }
    }

    /// The same for who looks in order to serve, with HTTP at this port, and not only to see.
    #[must_use]
    pub fn to_serve(self, http: u16) -> Watch {
        Watch {
            http: Some(http),
            ..self
        }
    }

    /// Notes all addresses of this computer: a bt-server that answers from one of them is not another's.
    pub fn computer(&mut self, addresses: &[Ipv4Addr]) {
        if self.computer != addresses {
            self.computer = addresses.to_vec();
        }
    }

    /// From now on no address is given away, whatever is seen; `why` follows "proxy: ".
    pub fn bar(&mut self, why: String) {
        self.barred = Some(why);
    }

    /// What our questions are to tell other bt-servers: nothing any more once the role is had, for then they are
    /// answered.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        let (address, mac) = self.own;
        let http = self.http.filter(|_| !self.settled)?;
        Some(Claim { address, mac, http })
    }

    /// Where another bt-server's question is to be answered from, if it is to be: it is to hear of the one that
    /// serves, and of nobody who is not sure. Who makes way says for a moment still that it served, or the other, which may have
    /// heard only its offers, would take it for a stranger.
    #[must_use]
    pub fn serves(&self) -> Option<SocketAddrV4> {
        let link = self.link.as_ref();
        let second = link.is_some_and(|link| link.ours.is_some() && link.made_way.is_none());
        let http = self.http.filter(|_| self.settled && !second)?;
        Some(SocketAddrV4::new(self.own.0, http))
    }

    /// Whether the interface has a link now. A wire that comes back is looked at anew.
    pub fn link(&mut self, up: bool, now: Duration) {
        match (up, &self.link) {
            (true, None) => self.link = Some(Link::new(now)),
            (false, Some(_)) => (self.link, self.settled) = (None, false),
            _ => {}
        }
    }

    /// Whether it is time to ask the wire for an address, with [`crate::probe::discover`].
    #[must_use]
    pub fn is_question_due(&self, now: Duration) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| link.next_question <= now)
    }

    /// Notes that the question was sent.
    pub fn asked(&mut self, now: Duration) {
        let every = match self.role(now) {
            Some(_) => LATER,
            None => EVERY,
        };
        if let Some(link) = &mut self.link {
            link.asked(every, now);
        }
    }

    /// Notes who answered somebody, as [`crate::probe::foreign_reply`] reads it.
    pub fn heard(&mut self, foreign: Foreign, now: Duration) {
        let (late, served) = (self.settled, self.serves().is_some());
        let Some(link) = &mut self.link else { return };
        if foreign.ours.is_some_and(|ours| *ours.ip() == self.own.0) {
            // The kernel brings back what we said to everybody.
            return;
        }
        if let Some(first) = foreign.ours {
            // Of two that serve already, the one with the lower address goes on.
            link.sister(first, late && self.own.0 < *first.ip(), now);
            if served && link.ours.is_some() {
                link.made_way.get_or_insert(now);
            }
            return;
        }
        let answers_us = foreign.to == Some(self.own.1);
        let before = link.first_heard().is_some();
        link.stranger(foreign, answers_us, now);
        if (late || !answers_us) && !before && link.first_heard().is_some() {
            // Another bt-server, or a stranger? And does it answer again?
            link.next_question = now;
        }
    }

    /// Notes what came to port 67, as [`crate::probe::overheard`] reads it.
    pub fn overheard(&mut self, what: Overheard, now: Duration) {
        match (what, self.claim()) {
            (Overheard::Choice(foreign), _) => self.heard(foreign, now),
            // Its firmware asks for a minute: nobody is to find out only after that that the other server is gone.
            (Overheard::Wants, _) => {
                let link = self.link.as_mut();
                if let Some(link) = link.filter(|link| link.first_heard().is_some()) {
                    link.ask_soon(now);
                }
            }
            (Overheard::Question(Some(twin)), Some(own)) if twin < own => {
                if let Some(link) = &mut self.link {
                    link.twin(now);
                }
            }
            (Overheard::Question(_), _) => {}
        }
    }

    /// The role that is safe as far as is known; `None` while there is not enough to tell.
    #[must_use]
    pub fn role(&mut self, now: Duration) -> Option<Role> {
        if self.link.as_mut()?.forget(now) {
            self.settled = false;
        }
        let link = self.link.as_ref()?;
        match link.first_heard() {
            Some(first) if now < first + OTHERS => None,
            Some(_) => Some(self.beside(link)),
            None if self.waits_for_a_twin(now) => None,
            None => link.was_silent(QUESTIONS, now).then(|| self.alone()),
        }
    }

    /// Whether another bt-server that began together with us is to take its role first.
    #[must_use]
    pub fn waits_for_a_twin(&self, now: Duration) -> bool {
        let link = self.link.as_ref();
        self.claim().is_some() && link.is_some_and(|link| link.waits_for_a_twin(now))
    }

    /// Notes that the role is acted on from now on.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// Beside somebody who was heard.
    fn beside(&self, link: &Link) -> Role {
        match (&link.ours, &link.stranger) {
            (Some(ours), _) if self.computer.contains(ours.who.ip()) => Role::SameWire {
                served_from: *ours.who.ip(),
            },
            (Some(ours), _) => Role::Second { first: ours.who },
            (None, Some(stranger)) => Role::Proxy {
                why: format!("another DHCP server answers, {}", stranger.who.named),
            },
            // Only who heard nobody is not beside somebody.
            (None, None) => self.alone(),
        }
    }

    /// On a wire that stayed silent.
    fn alone(&self) -> Role {
        let Place { leased, gateway } = self.place;
        let why = match (self.wish, leased, gateway) {
            (Wish::Full, ..) | (Wish::Auto, None, None) => match &self.barred {
                None => return Role::Full,
                Some(why) => why.clone(),
            },
            (Wish::Proxy, ..) => {
                "as --dhcp proxy says, although nobody was heard who gives addresses".to_owned()
            }
            (Wish::Auto, Some(address), _) => format!(
                "somebody gave this interface its address {address} for a time, although no server \
                 answers now; to give addresses all the same, start with --dhcp full"
            ),
            (Wish::Auto, None, Some(gateway)) => format!(
                "this computer's way out, {gateway}, is on this wire, so it is somebody's network; \
                 to give addresses all the same, start with --dhcp full"
            ),
        };
        Role::Proxy { why }
    }
}

#[cfg(test)]
mod tests;
