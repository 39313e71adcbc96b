//! Following the interface: a cable is pulled, an address goes, a USB card is unplugged. It tells, once each time, and
//! changes nothing. What is bound to the interface goes on when it is back; what needs a restart is said to.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::interface::{self, Interface, Now};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How the interface is, as far as it matters.
#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    /// As it was at the start.
    Well,
    /// No cable, or nothing at its other end.
    NoLink,
    /// Switched off.
    Off,
    /// It has other addresses, or none.
    Elsewhere(Vec<Ipv4Addr>),
    /// There is none of that name.
    Gone,
}

/// Follows `interface` until `stop`.
///
/// # Errors
/// None.
pub async fn run(interface: Interface, stop: CancellationToken) -> anyhow::Result<()> {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = State::Well;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = tick.tick() => {}
        }
        let now = state(interface::now(&interface.name), interface.address);
        if now == before {
            continue;
        }
        if now == State::Well {
            tracing::info!("{}", line(&interface, &before, &now));
        } else {
            tracing::warn!("{}", line(&interface, &before, &now));
        }
        // The sockets are bound to the one that went, whatever the next one is called.
        if before == State::Gone {
            stop.cancelled().await;
            return Ok(());
        }
        before = now;
    }
}

fn state(now: io::Result<Now>, address: Ipv4Addr) -> State {
    match now {
        Err(_) => State::Gone,
        Ok(now) if !now.up => State::Off,
        Ok(now) if !now.own.contains(&address) => State::Elsewhere(now.own),
        Ok(now) if !now.link => State::NoLink,
        Ok(_) => State::Well,
    }
}

/// What a person should know and do.
fn line(interface: &Interface, before: &State, now: &State) -> String {
    let Interface {
        name,
        address,
        prefix,
        ..
    } = interface;
    match now {
        _ if *before == State::Gone => {
            format!("there is an interface {name} again: start bt-server again to serve on it")
        }
        State::Well => format!("{name} is well again: serving at {address}"),
        State::NoLink => format!("{name} has no link: see to its cable and the switch"),
        State::Off => format!("{name} is switched off: ip link set {name} up"),
        State::Gone => format!("there is no interface {name} any more: nobody is served"),
        State::Elsewhere(own) => {
            let has = match &own[..] {
                [] => "none".to_owned(),
                own => own
                    .iter()
                    .map(Ipv4Addr::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            format!(
                "{name} has lost the address {address}, and machines the server; it has {has} now. Give it back (ip \
                 address add {address}/{prefix} dev {name}), or start bt-server again"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);

    fn now(up: bool, link: bool, own: &[Ipv4Addr]) -> io::Result<Now> {
        Ok(Now {
            up,
            link,
            own: own.to_vec(),
            all: own.to_vec(),
        })
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let interface = Interface {
            name: "eth0".to_owned(),
            mac: report::Mac([2, 0, 0, 0, 0, 1]),
            address: OWN,
            prefix: 24,
            has_address: true,
            up: true,
            manager: None,
        };
        let table = [
            (now(true, true, &[OTHER, OWN]), "well again"),
            (now(true, false, &[OWN]), "cable"),
            (now(false, false, &[OWN]), "ip link set eth0 up"),
            (now(true, true, &[]), "it has none now"),
            (
                now(true, false, &[OTHER]),
                "it has 192.168.1.7 now. Give it back (ip address add 10.77.0.1/24 dev eth0)",
            ),
            (Err(io::ErrorKind::NotFound.into()), "no interface eth0"),
        ];
        for (seen, words) in table {
            let said = line(&interface, &State::NoLink, &state(seen, OWN));
            assert!(said.contains(words), "{words}: {said}");
        }
        let said = line(&interface, &State::Gone, &State::Well);
        assert!(said.contains("start bt-server again"), "{said}");
    }
}
