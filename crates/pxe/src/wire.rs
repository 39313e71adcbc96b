//! Full server, proxy, or nothing at all: what may be answered on this wire.
//!
//! [`Watch`] takes in what is seen of the wire, each with its time: that there is a link, that we asked for an
//! address, that somebody was heard. It says when to ask next, and which [`Role`] is safe. Silence proves something
//! only where we asked more than once and waited; in doubt machines get no address from us. It goes on for as long as
//! the server runs. Asking and listening is the caller's.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::probe::Foreign;

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
}

/// What was seen of one wire so far.
#[derive(Clone, Debug)]
pub struct Watch {
    wish: Wish,
    place: Place,
    /// The server's own address, as other servers hear of it.
    own: Ipv4Addr,
    /// Whether a role was had before: who comes later is then the second.
    settled: bool,
    link: Option<Link>,
}

/// What was seen since the link came up: with the cable, the wire may have become another.
#[derive(Clone, Debug, Default)]
struct Link {
    first_question: Option<Duration>,
    next_question: Duration,
    questions: u32,
    /// Who answered first, and when.
    foreign: Option<(Foreign, Duration)>,
    /// Another bt-server, and when it was heard first.
    ours: Option<(SocketAddrV4, Duration)>,
}

impl Watch {
    /// Nothing was seen yet, not even a link.
    #[must_use]
    pub fn new(wish: Wish, place: Place, own: Ipv4Addr) -> Watch {
        Watch {
            wish,
            place,
            own,
            settled: false,
            link: None,
        }
    }

    /// Whether the interface has a link now. A wire that comes back is looked at anew.
    pub fn link(&mut self, up: bool, now: Duration) {
        match (up, &self.link) {
            (true, None) => {
                self.link = Some(Link {
                    next_question: now,
                    ..Link::default()
                });
            }
            (false, Some(_)) => self.link = None,
            _ => {}
        }
    }

    /// Whether it is time to ask the wire for an address, with [`crate::probe::discover`].
    #[must_use]
    pub fn is_question_due(&self, now: Duration) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| link.foreign.is_none() && link.next_question <= now)
    }

    /// Notes that the question was sent.
    pub fn asked(&mut self, now: Duration) {
        let known = self.role(now).is_some();
        if let Some(link) = &mut self.link {
            link.first_question.get_or_insert(now);
            link.questions += 1;
            link.next_question = now + if known { LATER } else { EVERY };
        }
    }

    /// Notes who was heard: [`crate::probe::foreign_reply`] and [`crate::probe::foreign_choice`] know.
    pub fn heard(&mut self, foreign: Foreign, now: Duration) {
        let late = self.settled;
        let Some(link) = &mut self.link else { return };
        match foreign.ours {
            // Of two that began in the same moment, the one with the lower address goes on.
            Some(first) if late && self.own < *first.ip() => {}
            Some(first) => {
                link.ours.get_or_insert((first, now));
            }
            None => {
                link.foreign.get_or_insert((foreign, now));
            }
        }
    }

    /// The role that is safe as far as is known; `None` while there is not enough to tell.
    #[must_use]
    pub fn role(&self, now: Duration) -> Option<Role> {
        let link = self.link.as_ref()?;
        let answered = [
            link.foreign.as_ref().map(|(_, at)| *at),
            link.ours.map(|(_, at)| at),
        ];
        match answered.into_iter().flatten().min() {
            Some(at) if now < at + OTHERS => None,
            Some(_) => Some(self.beside(link)),
            None => link.was_silent(now).then(|| self.alone()),
        }
    }

    /// Notes that the role is acted on from now on.
    pub fn settle(&mut self) {
        self.settled = true;
    }

    /// Beside somebody who was heard.
    fn beside(&self, link: &Link) -> Role {
        match (link.ours, &link.foreign) {
            (Some((first, _)), _) if !self.settled => Role::Second { first },
            (_, Some((foreign, _))) => Role::Proxy {
                why: format!("another DHCP server answers, {foreign}"),
            },
            (Some((first, _)), None) => Role::Proxy {
                why: format!("another bt-server serves this wire too, {first}: end one of the two"),
            },
            // Only who heard nobody is not beside somebody.
            (None, None) => self.alone(),
        }
    }

    /// On a wire that stayed silent.
    fn alone(&self) -> Role {
        let Place { leased, gateway } = self.place;
        let why = match (self.wish, leased, gateway) {
            (Wish::Full, ..) | (Wish::Auto, None, None) => return Role::Full,
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

impl Link {
    fn was_silent(&self, now: Duration) -> bool {
        let since = |first: Duration| now.saturating_sub(first);
        let long = self
            .first_question
            .is_some_and(|first| since(first) >= SILENCE);
        long && self.questions >= QUESTIONS
    }
}

#[cfg(test)]
mod tests;
