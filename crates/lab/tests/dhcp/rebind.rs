//! Machines whose server no longer answers them: seven eighths into their lease they ask everybody
//! (RFC 2131 section 4.4.5), and the server lets them keep what they have.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;

use crate::client::{Client, Lease};
use crate::lesson::{Lesson, Pupil, SERVER};
use crate::networkd::Networkd;
use crate::program::{Identifier, Program};
use crate::{Event, FIRST};

/// The shortest lease there is.
const LEASE: u32 = 120;
/// A whole lease, and something for a computer that is busy.
const LONG: Duration = Duration::from_secs(140);

#[test]
#[ignore = "needs root, nft, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn who_gets_no_answer_from_the_server_asks_everybody_and_keeps_its_address() -> Result<()> {
    let mut lesson = Lesson::open("10.77.0.50,10.77.0.52,2m")?;
    let pupils = [1, 2, 3].map(|number| lesson.pupil(number).unwrap());
    let mut given = BTreeSet::new();
    let mut clients = Vec::new();
    for (pupil, program) in pupils.iter().zip(Program::ALL) {
        let mut client = Client::start(pupil, "home", program, Identifier::Mac)?;
        let lease = client.wait_for(Event::Bound)?;
        lesson.deafen(pupil)?;
        lesson.heard(pupil);
        client.renew()?;
        assert!(given.insert(lease.address), "{program:?} got another's");
        clients.push((pupil, program, client, lease));
    }
    for (pupil, program, client, lease) in &mut clients {
        let again = client.wait_long_for(program.rebinding(), LONG)?;
        let promised = Lease {
            address: lease.address,
            server: SERVER,
            mask: Ipv4Addr::new(255, 255, 255, 0),
            seconds: LEASE,
            router: None,
        };
        assert_eq!((&again, &*lease), (&promised, &promised), "{program:?}");
        assert_asked_everybody(&lesson, pupil, lease.address, &format!("{program:?}"))?;
        lesson.is_reached_from(pupil)?;
    }
    // A release is said to the server alone, and repeated by nobody.
    for (pupil, program, client, lease) in &mut clients {
        lesson.hear(pupil)?;
        client.release()?;
        client.wait_for_the_end()?;
        assert!(pupil.addresses()?.is_empty(), "{program:?} {lease:?}");
    }
    Ok(())
}

#[test]
#[ignore = "needs root, nft, systemd-networkd and target/dist/bt-server; cargo xtask test runs it"]
fn networkd_gets_renews_rebinds_and_releases_a_lease() -> Result<()> {
    let mut lesson = Lesson::open("10.77.0.50,10.77.0.51,2m")?;
    let pupils = [1, 2].map(|number| lesson.pupil(number).unwrap());
    let [renews, rebinds] = &pupils;
    let clients = [renews, rebinds].map(|pupil| Networkd::start(pupil).unwrap());
    let addresses = [clients[0].wait_for_lease()?, clients[1].wait_for_lease()?];
    let both = [FIRST, Ipv4Addr::new(10, 77, 0, 51)];
    assert_eq!(BTreeSet::from(addresses), BTreeSet::from(both));
    lesson.deafen(rebinds)?;
    for pupil in &pupils {
        lesson.is_reached_from(pupil)?;
        lesson.heard(pupil);
    }
    // After half of the lease, and said to the server alone.
    lesson.wait_long_for_leases(renews, 2, LONG)?;
    assert_eq!(lesson.heard(renews), []);
    // After seven eighths.
    lesson.wait_long_for_leases(rebinds, 2, LONG)?;
    assert_asked_everybody(&lesson, rebinds, addresses[1], "networkd")?;
    for (pupil, address) in pupils.iter().zip(addresses) {
        assert_eq!(pupil.addresses()?, [format!("{address}/24")]);
    }
    // Both give back what they have, and others get it.
    lesson.hear(rebinds)?;
    for client in clients {
        client.end()?;
    }
    let others = [3, 4].map(|number| lesson.pupil(number).unwrap());
    let mut given = BTreeSet::new();
    let mut asking = Vec::new();
    for pupil in &others {
        let mut client = Client::start(pupil, "home", Program::Udhcpc, Identifier::Mac)?;
        given.insert(client.wait_for(Event::Bound)?.address);
        asking.push(client);
    }
    assert_eq!(given, BTreeSet::from(both));
    Ok(())
}

/// `who` spoke to its server first, which heard nothing, and then to everybody.
fn assert_asked_everybody(
    lesson: &Lesson,
    pupil: &Pupil,
    address: Ipv4Addr,
    who: &str,
) -> Result<()> {
    assert!(lesson.missed(pupil)? > 0, "{who} did not ask the server");
    let heard = lesson.heard(pupil);
    let asked = heard.iter().any(|one| one.rebinds(address));
    assert!(asked, "{who} said {heard:?}");
    Ok(())
}
