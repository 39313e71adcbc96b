//! Leases that outlive the server: what a decision changes, and what the next run knows of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use pxe::record::BEGIN;
use pxe::{Action, Change, Lease, Moment, Reason, Records, Responder, Settings};

use crate::client::{
    ACK, Client, DECLINE, DISCOVER, NAK, OFFER, Outcome, RELEASE, REQUEST, World, mac, settings,
};

const ANOTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// A server that writes its leases down, on a computer whose clock can be set.
struct Site {
    world: World,
    records: Records,
    text: String,
    wall: i64,
}

impl Site {
    fn new(settings: Settings) -> Self {
        let records = Records::default();
        Self {
            world: World::new(settings),
            text: records.to_string(),
            records,
            wall: 1_800_000_000,
        }
    }

    fn at(&self) -> Moment {
        Moment {
            run: self.world.now,
            wall: self.wall + self.world.now.as_secs() as i64,
        }
    }

    /// Ends this run without a word and begins another one `off` seconds later, with nothing but
    /// what was written.
    fn restart(self, settings: Settings, off: i64) -> Self {
        let wall = self.at().wall + off;
        let mut world = World::new(settings);
        world.now = BEGIN;
        let at = Moment {
            run: world.now,
            wall,
        };
        let pools = world.responder.pools();
        let (records, foreign) = Records::read(self.text.as_bytes(), &pools, wall);
        assert_eq!(foreign, 0);
        for change in records.changes(at) {
            world.responder.restore(change);
        }
        Self {
            world,
            text: records.to_string(),
            records,
            wall: wall - BEGIN.as_secs() as i64,
        }
    }

    fn write(&mut self) {
        let at = self.at();
        for change in self.world.responder.changes() {
            if let Some(record) = self.records.note(*change, at) {
                self.text += &format!("{record}\n");
            }
        }
    }

    fn reply(&mut self, client: &Client, kind: u8) -> crate::client::Reply {
        let reply = self.world.reply(client, kind);
        self.write();
        reply
    }

    fn tell(&mut self, client: &Client, kind: u8) -> Reason {
        let reason = self.world.ignored(client, kind);
        self.write();
        reason
    }

    fn lease(&mut self, client: &Client) -> Ipv4Addr {
        let address = self.world.lease(client).yiaddr;
        self.write();
        address
    }
}

fn range(first: u8, last: u8) -> Settings {
    let ip = |last| Ipv4Addr::new(10, 77, 0, last);
    Settings {
        range: Some((ip(first), ip(last))),
        ..settings()
    }
}

fn udhcpc(number: u16) -> Client {
    Client::udhcpc(mac(number))
}

#[test]
fn leases_are_changes_and_offers_are_none() {
    let mut world = World::new(settings());
    let client = udhcpc(1);
    let address = world.reply(&client, DISCOVER).yiaddr;
    assert_eq!(world.responder.changes(), []);
    let leased = |until| {
        Change::Lease(Lease {
            mac: mac(1),
            address,
            until,
        })
    };
    let hour = settings().lease;
    world.lease(&client);
    assert_eq!(world.responder.changes(), [leased(world.now + hour)]);
    world.pass(1800);
    world.reply(&client.clone().at(address), REQUEST);
    assert_eq!(world.responder.changes(), [leased(world.now + hour)]);
    world.reply(&client.clone().with(50, &ANOTHER.octets()), REQUEST);
    assert_eq!(world.responder.changes(), [], "a NAK");

    world.ignored(&client.clone().at(address), RELEASE);
    assert_eq!(world.responder.changes(), [leased(world.now)]);
    world.ignored(&client.clone().at(address), RELEASE);
    assert_eq!(world.responder.changes(), [], "released before");
    world.lease(&client);
    let elsewhere = client.clone().with(54, &ANOTHER.octets());
    world.ignored(&elsewhere, REQUEST);
    assert_eq!(world.responder.changes(), [leased(world.now)]);
    world.lease(&client);
    world.ignored(&client.with(50, &address.octets()), DECLINE);
    assert!(
        matches!(world.responder.changes(), [Change::Aside { address: aside, .. }] if *aside == address)
    );
}

#[test]
fn invented_machines_write_nothing() {
    let mut site = Site::new(range(10, 40));
    let before = site.lease(&udhcpc(1));
    site.world.pass(4000);
    let text = site.text.clone();
    site.world.taken.insert(Ipv4Addr::new(10, 77, 0, 20));
    for number in 100..1000 {
        let _ = site
            .world
            .deliver(&Client::bios(mac(number)).datagram(DISCOVER));
        site.write();
    }
    assert_eq!(site.text, text);
    let mut site = site.restart(range(10, 40), 60);
    assert_eq!(site.lease(&udhcpc(1)), before, "past, but still remembered");
}

#[test]
fn a_lease_survives_a_restart_without_a_probe() {
    let mut site = Site::new(settings());
    let wanted = Ipv4Addr::new(10, 77, 0, 50);
    assert_eq!(
        site.reply(&udhcpc(1).with(50, &wanted.octets()), REQUEST)
            .kind,
        ACK
    );
    let mut site = site.restart(settings(), 30);
    let renewed = site.reply(&udhcpc(1).at(wanted), REQUEST);
    assert_eq!((renewed.kind, renewed.yiaddr), (ACK, wanted));
    assert_eq!(site.lease(&Client::bios(mac(1))), wanted);
    assert_eq!(site.world.probes, 0);
    for client in [udhcpc(2).with(50, &wanted.octets()), udhcpc(2).at(wanted)] {
        assert_eq!(site.reply(&client, REQUEST).kind, NAK);
    }
    let other = site.reply(&udhcpc(2).with(50, &wanted.octets()), DISCOVER);
    assert_ne!(other.yiaddr, wanted);
}

#[test]
fn what_a_machine_gave_back_is_free_but_remembered() {
    let mut site = Site::new(range(10, 11));
    let first = site.lease(&udhcpc(1));
    site.tell(&udhcpc(1).at(first), RELEASE);
    let mut site = site.restart(range(10, 11), 1);
    let asked = udhcpc(1).at(first).datagram(REQUEST);
    let action = site.world.responder.handle(&asked, site.world.now);
    assert!(
        matches!(action, Action::ProbeAddress(_)),
        "no lease any more: {action:?}"
    );

    let mut site = site.restart(range(10, 11), 1);
    let other = site.lease(&udhcpc(2));
    assert_ne!(other, first, "an address nobody had comes first");
    assert_eq!(site.lease(&udhcpc(3)), first, "now somebody needs it");
    let mut site = site.restart(range(10, 11), 1);
    assert!(matches!(
        site.world.deliver(&udhcpc(1).datagram(DISCOVER)),
        Outcome::Refused(_)
    ));
}

#[test]
fn what_a_machine_declined_is_nobodys_for_a_while() {
    let mut site = Site::new(settings());
    let first = site.lease(&udhcpc(1));
    let wanting = udhcpc(1).with(50, &first.octets());
    site.tell(&wanting, DECLINE);
    let mut site = site.restart(settings(), 1);
    assert_eq!(site.world.responder.leases().iter().count(), 0);
    assert_ne!(site.reply(&wanting, DISCOVER).yiaddr, first);
    assert_eq!(site.reply(&wanting, REQUEST).kind, NAK);
    let mut site = site.restart(settings(), 301);
    assert!(site.records.is_empty());
    assert_eq!(site.reply(&wanting, DISCOVER).yiaddr, first);
}

#[test]
fn the_oldest_past_lease_goes_first_also_after_a_restart() {
    let mut site = Site::new(range(10, 12));
    let addresses: Vec<_> = (0..3)
        .map(|number| {
            site.world.pass(100);
            site.lease(&udhcpc(number))
        })
        .collect();
    site.world.pass(100);
    site.reply(&udhcpc(0).at(addresses[0]), REQUEST);
    for off in [86_400, 400 * 86_400] {
        site = site.restart(range(10, 12), off);
        let kept = site.world.responder.leases().iter().count();
        assert_eq!(kept, 3);
    }
    let heirs: Vec<_> = (7..10).map(|number| site.lease(&udhcpc(number))).collect();
    assert_eq!(heirs, [addresses[1], addresses[2], addresses[0]]);
}

#[test]
fn a_range_that_is_changed_back_finds_its_leases_again() {
    let mut site = Site::new(range(100, 199));
    let (old, other) = (site.lease(&udhcpc(1)), site.lease(&udhcpc(2)));
    let mut site = site.restart(range(10, 50), 1);
    assert_eq!(site.world.responder.leases().iter().count(), 0);
    let new = site.lease(&udhcpc(2));
    assert_ne!(new, other);
    let mut site = site.restart(range(100, 199), 1);
    let renewed = site.reply(&udhcpc(1).at(old), REQUEST);
    assert_eq!((renewed.kind, site.world.probes), (ACK, 0));
    let all = site.world.responder.leases().iter().count();
    assert_eq!(all, 1, "a machine has one address, the last it got");
}

/// What happens to a site: a machine does something, or the server ends and begins again.
#[derive(Clone, Debug)]
enum Event {
    Packet(u16, u8, Option<u8>, bool),
    Pass(u64),
    Restart(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kinds = prop::sample::select(vec![DISCOVER, REQUEST, REQUEST, DECLINE, RELEASE]);
    let packet = (0..8_u16, kinds, prop::option::of(10..16_u8), any::<bool>());
    let event = prop_oneof![
        8 => packet.prop_map(|(number, kind, asked, elsewhere)| {
            Event::Packet(number, kind, asked, elsewhere)
        }),
        2 => (0..2000_u64).prop_map(Event::Pass),
        1 => (0..5000_i64).prop_map(Event::Restart),
    ];
    vec(event, 1..80)
}

/// Sends what a machine sends, about its own address or the one it asks for.
fn send(site: &mut Site, number: u16, kind: u8, asked: Option<u8>, elsewhere: bool) {
    let own = site.world.responder.leases().iter();
    let own = own.filter(|lease| lease.mac == mac(number)).last();
    let wanted = asked.map(|last| Ipv4Addr::new(10, 77, 0, last));
    let mut client = udhcpc(number);
    match (kind, wanted, own) {
        (RELEASE, _, Some(own)) => client.ciaddr = own.address,
        (_, Some(wanted), _) => client = client.with(50, &wanted.octets()),
        (DECLINE | REQUEST, None, Some(own)) => client = client.with(50, &own.address.octets()),
        _ => {}
    }
    if elsewhere && kind == REQUEST && number == 0 {
        client = client.with(54, &ANOTHER.octets());
    }
    let outcome = site.world.deliver(&client.datagram(kind));
    site.write();
    if let Outcome::Reply(reply) = outcome
        && reply.kind == OFFER
    {
        let request = udhcpc(number).with(50, &reply.yiaddr.octets());
        let _ = site.world.deliver(&request.datagram(REQUEST));
        site.write();
    }
}

/// Machine, address and what is left of the lease, of a table at a moment.
fn leases(responder: &Responder, now: Duration) -> Vec<(report::Mac, Ipv4Addr, u64)> {
    let leases = responder.leases().iter();
    leases
        .map(|lease| {
            let left = lease.until.saturating_sub(now).as_secs();
            (lease.mac, lease.address, left)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happened, a restart changes no lease: the same machines have the same addresses for
    /// as long as before, and whoever is known besides is known of the past.
    #[test]
    fn a_restart_changes_no_lease(events in events()) {
        let mut site = Site::new(range(10, 15));
        for event in events {
            match event {
                Event::Packet(number, kind, asked, elsewhere) => {
                    send(&mut site, number, kind, asked, elsewhere);
                }
                Event::Pass(seconds) => site.world.pass(seconds),
                Event::Restart(off) => site = site.restart(range(10, 15), off),
            }
        }
        let before = leases(&site.world.responder, site.world.now);
        let site = site.restart(range(10, 15), 0);
        let after = leases(&site.world.responder, site.world.now);
        let same = |a: &(report::Mac, Ipv4Addr, u64), b: &(report::Mac, Ipv4Addr, u64)| {
            (a.0, a.1) == (b.0, b.1) && a.2.abs_diff(b.2) <= 1
        };
        for (these, those) in [(&before, &after), (&after, &before)] {
            for lease in these.iter().filter(|(_, _, left)| *left > 1) {
                prop_assert!(those.iter().any(|other| same(lease, other)), "{lease:?} is not among {those:?}");
            }
        }
    }
}
