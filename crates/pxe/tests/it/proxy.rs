//! Beside another DHCP server: firmware hears what to boot, nobody gets an address, port 4011.

use std::net::{Ipv4Addr, SocketAddrV4};

use pxe::{Loader, Mode, Reason, Settings};
use report::Step;

use crate::client::{
    ACK, Client, DECLINE, DISCOVER, INFORM, NAK, OFFER, Outcome, RELEASE, REQUEST, Reply, SERVER,
    World, mac, settings,
};

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 99);
const SCRIPT: &str = "http://10.77.0.1:6969/boot/boot.ipxe";

/// The client's REQUEST for what the other server offered.
fn takes_the_others(client: &Client) -> Client {
    client
        .clone()
        .with(50, &ADDRESS.octets())
        .with(54, &OTHER.octets())
}

fn at_4011(world: &mut World, client: &Client, kind: u8, port: u16) -> Reply {
    let from = SocketAddrV4::new(ADDRESS, port);
    match world.deliver_4011(&client.datagram(kind), from) {
        Outcome::Reply(reply) => {
            assert_eq!(reply.to, from);
            reply
        }
        other => panic!("no reply: {other:?}"),
    }
}

#[test]
fn every_firmware_hears_its_file_in_the_form_that_it_takes() {
    let just_boot: Option<&[u8]> = Some(&[6, 1, 8, 255]);
    let no_http = Client::bios(mac(1))
        .with(77, b"iPXE")
        .with(175, &[33, 1, 1]);
    let shim_url = "http://10.77.0.1:6969/boot/shimx64.efi";
    let cases = [
        (Client::bios(mac(1)), "lpxelinux.0", "PXEClient", just_boot),
        (no_http, "lpxelinux.0", "PXEClient", just_boot),
        (Client::ipxe(mac(1)), SCRIPT, "PXEClient", None),
        (Client::uefi(mac(1)), "shimx64.efi", "PXEClient", None),
        (Client::http_boot(mac(1)), shim_url, "HTTPClient", None),
    ];
    for (client, file, class, vendor) in cases {
        let mut world = World::proxy(settings());
        let offer = world.reply(&client, DISCOVER);
        assert_eq!((offer.kind, offer.yiaddr), (OFFER, Ipv4Addr::UNSPECIFIED));
        assert_eq!(offer.to, SocketAddrV4::new(Ipv4Addr::BROADCAST, 68));
        assert!(offer.broadcast);
        assert_eq!(offer.text(60), Some(class));
        assert_eq!(offer.options.get(&43).map(Vec::as_slice), vendor, "{file}");
        let answer = at_4011(&mut world, &client.clone().at(ADDRESS), REQUEST, 4011);
        assert_eq!((answer.kind, answer.ciaddr), (ACK, ADDRESS));
        assert_eq!(
            (answer.text(60), answer.options.get(&43)),
            (Some(class), None)
        );
        let address = ADDRESS;
        assert_eq!(answer.steps, [(mac(1), Step::Lease { address })]);
        for reply in [offer, answer] {
            assert_eq!(reply.yiaddr, Ipv4Addr::UNSPECIFIED);
            assert_eq!((reply.file.as_str(), reply.text(67)), (file, Some(file)));
            assert_eq!((reply.siaddr, reply.text(66)), (SERVER, Some("10.77.0.1")));
            let sent = client.options.iter().find(|(code, _)| *code == 97);
            assert_eq!(reply.options.get(&97), sent.map(|(_, data)| data));
            for code in [1, 3, 6, 28, 51, 58, 59, 175] {
                assert_eq!(
                    reply.options.get(&code),
                    None,
                    "{code} is the other server's"
                );
            }
        }
        assert_eq!(world.responder.leases().iter().count(), 0);
        assert_eq!(world.probes, 0);
    }
}

#[test]
fn an_ipxe_is_never_sent_to_an_ipxe() {
    for loader in [
        Loader::Auto,
        Loader::Ipxe,
        Loader::Lpxelinux,
        Loader::Pxelinux,
        Loader::Shim,
    ] {
        let mut world = World::proxy(Settings {
            loader,
            ..settings()
        });
        let uefi = Client::uefi(mac(2))
            .with(77, b"iPXE")
            .with(175, &[19, 1, 1]);
        for client in [Client::ipxe(mac(1)), uefi] {
            let offer = world.reply(&client, DISCOVER);
            let answer = at_4011(&mut world, &client, REQUEST, 68);
            for reply in [offer, answer] {
                assert!(
                    ![".efi", ".kpxe"]
                        .iter()
                        .any(|end| reply.file.ends_with(end))
                );
            }
        }
    }
}

#[test]
fn systems_hear_nothing_and_the_others_clients_are_left_alone() {
    let mut world = World::proxy(settings());
    let system = Client::udhcpc(mac(1));
    for kind in [DISCOVER, INFORM] {
        let client = system.clone().at(ADDRESS);
        assert_eq!(world.ignored(&client, kind), Reason::WantsAnAddress);
    }
    assert_eq!(
        world.ignored(&takes_the_others(&system), REQUEST),
        Reason::AnotherServer
    );
    let renews = system.clone().at(ADDRESS);
    assert_eq!(world.ignored(&renews, REQUEST), Reason::NotOurLease);
    let reboots = system.clone().with(50, &ADDRESS.octets());
    assert_eq!(world.ignored(&reboots, REQUEST), Reason::NotOurLease);
    assert_eq!(world.ignored(&system, REQUEST), Reason::NoAddress);

    let firmware = takes_the_others(&Client::bios(mac(2)));
    let Outcome::Noted(steps) = world.deliver(&firmware.datagram(REQUEST)) else {
        panic!("firmware's address is worth noting");
    };
    assert_eq!(steps, [(mac(2), Step::Lease { address: ADDRESS })]);
    let inform = world.reply(&Client::bios(mac(2)).at(ADDRESS), INFORM);
    assert_eq!((inform.kind, *inform.to.ip()), (ACK, ADDRESS));
    assert_eq!(inform.text(67), Some("lpxelinux.0"));
}

#[test]
fn a_lease_of_ours_outlives_the_change_of_mode() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let address = world.lease(&client).yiaddr;
    world.responder.set_mode(Mode::Proxy);
    world.pass(1800);
    let renewed = world.reply(&client.clone().at(address), REQUEST);
    assert_eq!((renewed.kind, renewed.yiaddr), (ACK, address));
    assert_eq!(renewed.options[&51], 3600_u32.to_be_bytes());
    assert_eq!(world.ignored(&client, DISCOVER), Reason::WantsAnAddress);
    let stranger = Client::udhcpc(mac(2)).at(address);
    assert_eq!(world.ignored(&stranger, REQUEST), Reason::NotOurLease);

    let gives_back = client.clone().at(address);
    assert_eq!(world.ignored(&gives_back, RELEASE), Reason::Released);
    assert_eq!(world.ignored(&gives_back, REQUEST), Reason::NotOurLease);
}

#[test]
fn an_offer_from_before_the_other_server_came_is_taken_back() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let offer = world.reply(&client, DISCOVER);
    world.responder.set_mode(Mode::Proxy);
    let takes = client
        .with(50, &offer.yiaddr.octets())
        .with(54, &SERVER.octets());
    let nak = world.reply(&takes, REQUEST);
    let why = "another server gives addresses here now";
    assert_eq!((nak.kind, nak.text(56)), (NAK, Some(why)));
    assert_eq!(world.responder.leases().iter().count(), 0);
}

#[test]
fn a_probe_that_ends_after_the_change_gives_no_address() {
    let mut world = World::new(settings());
    let mut ask = |client: &Client| {
        let discover = client.datagram(DISCOVER);
        match world.responder.handle(&discover, world.now) {
            pxe::Action::ProbeAddress(question) => question,
            other => panic!("not probed: {other:?}"),
        }
    };
    let (system, firmware) = (ask(&Client::udhcpc(mac(1))), ask(&Client::bios(mac(2))));
    world.responder.set_mode(Mode::Proxy);
    let action = world.responder.probed(system, false, world.now);
    let reason = Reason::WantsAnAddress;
    let mac = Some(mac(1));
    assert_eq!(action, pxe::Action::Ignore { reason, mac });
    let action = world.responder.probed(firmware, false, world.now);
    let pxe::Action::Reply { bytes, to, steps } = action else {
        panic!("{action:?}");
    };
    assert!(Reply::read(&bytes, to, steps).yiaddr.is_unspecified());
}

#[test]
fn declines_are_about_leases_of_ours_alone() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let address = world.lease(&client).yiaddr;
    world.responder.set_mode(Mode::Proxy);
    let stranger = Client::udhcpc(mac(2)).with(50, &address.octets());
    assert_eq!(world.ignored(&stranger, DECLINE), Reason::Declined);
    assert_eq!(world.responder.leases().iter().count(), 1);
    let owner = client.with(50, &address.octets());
    assert_eq!(world.ignored(&owner, DECLINE), Reason::Declined);
    assert_eq!(world.responder.leases().iter().count(), 0);
}

#[test]
fn port_4011_answers_firmware_in_both_modes_where_it_asked_from() {
    for (mut world, file) in [
        (World::new(settings()), "shimx64.efi"),
        (World::proxy(settings()), "shimx64.efi"),
    ] {
        let edk2 = Client::uefi(mac(1)).at(ADDRESS);
        assert_eq!(at_4011(&mut world, &edk2, REQUEST, 4011).file, file);
        assert_eq!(at_4011(&mut world, &edk2, INFORM, 1234).file, file);
        let chosen = [71, 4, 0x80, 0, 0, 0, 255];
        let rom = Client::bios(mac(2)).at(ADDRESS).with(43, &chosen);
        let answer = at_4011(&mut world, &rom, REQUEST, 68);
        assert_eq!(answer.options[&43], chosen, "what was chosen is echoed");
        assert_eq!(world.responder.leases().iter().count(), 0);

        let mut reason = |client: &Client, kind, from: &str| {
            let from = from.parse().unwrap();
            match world.deliver_4011(&client.datagram(kind), from) {
                Outcome::Ignored(reason) => reason,
                other => panic!("not ignored: {other:?}"),
            }
        };
        let usual = "10.77.0.99:4011";
        let system = Client::udhcpc(mac(3)).at(ADDRESS);
        assert_eq!(reason(&system, REQUEST, usual), Reason::NotABootQuestion);
        assert_eq!(reason(&edk2, DISCOVER, usual), Reason::NotABootQuestion);
        let elsewhere = edk2.clone().with(54, &OTHER.octets());
        assert_eq!(reason(&elsewhere, REQUEST, usual), Reason::AnotherServer);
        for from in ["224.0.0.1:68", "255.255.255.255:68", "10.77.0.99:0"] {
            assert_eq!(reason(&edk2, REQUEST, from), Reason::NowhereToAnswer);
        }
        let from = "0.0.0.0:68".parse().unwrap();
        let Outcome::Reply(reply) = world.deliver_4011(&edk2.datagram(REQUEST), from) else {
            panic!("no reply");
        };
        assert_eq!(reply.to, SocketAddrV4::new(Ipv4Addr::BROADCAST, 68));
    }
}

/// Synthetic: no recording, but what firmware does that knows only the offer with an address.
#[test]
fn firmware_that_ignores_proxy_offers_is_named_with_the_remedy() {
    let mut world = World::proxy(settings());
    let client = Client::uefi(mac(1));
    let mut told = Vec::new();
    for _ in 0..8 {
        let offer = world.reply(&client, DISCOVER);
        assert_eq!(offer.file, "shimx64.efi", "it gets what can be given");
        let named = offer.steps.into_iter().filter_map(|(_, step)| match step {
            Step::Unfollowed { why } => Some(why),
            _ => None,
        });
        told.extend(named.map(|why| (world.now.as_secs(), why)));
        world.pass(1);
        world.deliver(&takes_the_others(&client).datagram(REQUEST));
        world.pass(14);
    }
    let times: Vec<u64> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [30, 90], "from the third round on, once a minute");
    let expected = "its UEFI x64 PXE firmware ignores proxyDHCP offers and takes 10.77.0.99 from 10.77.0.2 again and again. \
                    Set next-server (option 66) to 10.77.0.1 and the boot file (option 67) to shimx64.efi there, or switch \
                    that DHCP server off and start with --dhcp full";
    assert_eq!(told[0].1, expected);
}

/// The journal cuts long texts, and the remedy is at the end of this one.
#[test]
fn the_remedy_is_told_whole_for_every_firmware_and_the_longest_addresses() {
    let server = Ipv4Addr::new(192, 168, 178, 101);
    let (other, address) = ([192, 168, 178, 102], [192, 168, 178, 103]);
    let clients = [
        (
            Client::bios(mac(1)),
            "boot file (option 67) to lpxelinux.0 there",
        ),
        (
            Client::ipxe(mac(1)),
            "Set the boot file (option 67) to http://192.168.178.101:6969/boot/boot.ipxe there",
        ),
        (
            Client::http_boot(mac(1)),
            "Set option 60 to HTTPClient and option 67 to http://192.168.178.101:6969/boot/shimx64.efi there",
        ),
    ];
    for (client, says) in clients {
        let mut world = World::proxy(Settings {
            server,
            ..settings()
        });
        let takes = client.clone().with(50, &address).with(54, &other);
        let mut steps = Vec::new();
        for _ in 0..3 {
            steps = world.reply(&client, DISCOVER).steps;
            world.deliver(&takes.datagram(REQUEST));
        }
        let [_, (_, step @ Step::Unfollowed { why })] = &steps[..] else {
            panic!("{steps:?}");
        };
        assert!(why.contains(says), "{why}");
        assert_eq!(step.clone().clipped(), *step, "cut: {why}");
    }
}

/// Synthetic as well: those that do follow, each in its way, and fail later.
#[test]
fn firmware_that_follows_is_not_suspected() {
    type Follows = fn(&mut World, &Client);
    let ways: [Follows; 3] = [
        |world, client| {
            at_4011(world, &client.clone().at(ADDRESS), REQUEST, 4011);
        },
        |world, _| world.responder.fetches(ADDRESS),
        |world, client| {
            world.ignored(&Client::udhcpc(client.mac), DISCOVER);
        },
    ];
    for follows in ways {
        let mut world = World::proxy(settings());
        let client = Client::uefi(mac(1));
        for _ in 0..8 {
            let offer = world.reply(&client, DISCOVER);
            assert_eq!(offer.steps.len(), 1, "{:?}", offer.steps);
            world.deliver(&takes_the_others(&client).datagram(REQUEST));
            follows(&mut world, &client);
            world.pass(20);
        }
    }
}
