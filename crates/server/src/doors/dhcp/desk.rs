//! What the DHCP door says: to machines, to the journal and to the log.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use pxe::wire::Role;
use pxe::{Action, Mode, Question, Responder};
use report::Step;

use super::super::neighbour::Neighbours;
use super::super::sparingly::Sparingly;
use super::super::wire;
use crate::journal::{Journal, Who};

/// The door, as the journal counts what it refuses.
pub(super) const DOOR: &str = "dhcp";
/// A pulled cable makes receiving fail; the door waits this long before it tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What the task has beside its sockets and its leases.
pub(super) struct Desk {
    pub(super) neighbours: Neighbours,
    pub(super) journal: Journal,
    in_use_log: Sparingly,
    failure_log: Sparingly,
}

impl Desk {
    pub(super) fn new(neighbours: Neighbours, journal: Journal) -> Self {
        Self {
            neighbours,
            journal,
            in_use_log: Sparingly::default(),
            failure_log: Sparingly::default(),
        }
    }

    /// What the wire showed: told in one line, since it happens with a cable or a person, not with a packet.
    pub(super) fn take_role(&self, role: Option<&Role>, responder: &mut Responder) {
        let before = responder.mode();
        responder.set_mode(mode(role));
        match (role, before) {
            (None, Mode::Full) => {
                tracing::info!("looking at the wire anew; new machines get no address meanwhile");
            }
            (None, Mode::Proxy | Mode::Second) => {}
            (Some(Role::Full), _) => {
                tracing::info!("nobody else gives addresses: full DHCP server");
            }
            (Some(Role::Proxy { why }), _) => {
                tracing::warn!(
                    "proxy: {why}; new machines get no address from here, and leases go on being renewed"
                );
                self.journal.dropped(DOOR, "another server was heard");
            }
            (Some(Role::Second { first }), _) => {
                tracing::warn!(
                    "another bt-server boots this room: {first}; this one is silent from now on, but for leases, and a \
                     second seed"
                );
            }
            (Some(Role::SameWire { served_from }), _) => {
                tracing::warn!(
                    "silent from now on, but for leases: {}",
                    wire::same_wire(*served_from)
                );
            }
        }
    }

    pub(super) fn is_in_use(&mut self, address: Ipv4Addr, now: Duration) {
        if self.in_use_log.may_log(now) {
            tracing::info!("{address} is used by somebody we did not give it to: left alone");
        } else {
            self.journal
                .dropped(DOOR, "an address is used by somebody we did not give it to");
        }
    }

    /// Tells now and then that the interface does not work, and waits: it may come back.
    pub(super) async fn failed(&mut self, what: &str, error: &io::Error, now: Duration) {
        self.tell_failure(what, error, now);
        tokio::time::sleep(AFTER_FAILURE).await;
    }

    pub(super) fn tell_failure(&mut self, what: &str, error: &io::Error, now: Duration) {
        if self.failure_log.may_log(now) {
            tracing::warn!("cannot {what}: {error}");
        } else {
            self.journal.dropped(DOOR, "the interface failed");
        }
    }

    /// Does what was decided; a reply goes out at `from`. Hands back a question about an address that cannot be asked now.
    pub(super) async fn act(
        &mut self,
        action: Action,
        from: &tokio::net::UdpSocket,
    ) -> Option<Box<Question>> {
        match action {
            Action::Reply { bytes, to, steps } => {
                if let Err(error) = from.send_to(&bytes, to).await {
                    tracing::debug!("cannot send a DHCP reply to {to}: {error}");
                    self.journal.dropped(DOOR, "the reply could not be sent");
                    return None;
                }
                for (mac, step) in steps {
                    self.journal.step(Who::Mac(mac), step);
                }
            }
            Action::Note { steps } => {
                for (mac, step) in steps {
                    self.journal.step(Who::Mac(mac), step);
                }
            }
            Action::ProbeAddress(question) => {
                if let Err(unasked) = self.neighbours.ask(question) {
                    self.journal
                        .dropped(DOOR, "too many addresses are being probed");
                    return Some(unasked);
                }
            }
            Action::Refuse { mac, why } => {
                self.journal.step(Who::Mac(mac), Step::Refused { why });
            }
            Action::Ignore { reason, .. } => self.journal.dropped(DOOR, reason.as_str()),
        }
        None
    }
}

/// How the responder is to answer in a role: no address while the role is not known.
pub(super) fn mode(role: Option<&Role>) -> Mode {
    match role {
        Some(Role::Full) => Mode::Full,
        Some(Role::Second { .. } | Role::SameWire { .. }) => Mode::Second,
        Some(Role::Proxy { .. }) | None => Mode::Proxy,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use super::*;

    #[test]
    fn only_a_known_full_role_gives_addresses() {
        let proxy = Role::Proxy { why: String::new() };
        let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 6969);
        assert_eq!(mode(Some(&Role::Full)), Mode::Full);
        for role in [None, Some(proxy)] {
            assert_eq!(mode(role.as_ref()), Mode::Proxy, "{role:?}");
        }
        assert_eq!(mode(Some(&Role::Second { first })), Mode::Second);
        let served_from = *first.ip();
        assert_eq!(mode(Some(&Role::SameWire { served_from })), Mode::Second);
    }
}
