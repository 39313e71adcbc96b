//! What each kind of client is told.

use std::net::Ipv4Addr;

use pxe::{Loader, Reason};
use report::Step;

use crate::client::{Client, DISCOVER, Outcome, REQUEST, SERVER, World, mac, settings};

const SCRIPT: &str = "http://10.77.0.1:6969/boot/boot.ipxe";
const PREFIX: &str = "http://10.77.0.1:6969/boot/";

#[test]
fn every_kind_of_client_gets_its_file() {
    let bios = Client::bios(mac(1));
    let ipxe = Client::ipxe(mac(1));
    let gpxe = Client::bios(mac(1))
        .with(77, b"gPXE")
        .with(175, &[19, 1, 1]);
    let no_http = Client::bios(mac(1))
        .with(77, b"iPXE")
        .with(175, &[33, 1, 1]);
    let rfc3004 = Client::new(mac(1), &[(77, b"\x04iPXE")]);
    let x64 = Client::uefi(mac(1));
    let ia32 = Client::new(mac(1), &[(60, b"PXEClient"), (93, &[0, 6])]);
    let arm64 = Client::new(mac(1), &[(60, b"PXEClient"), (93, &[0, 11])]);
    let ebc = Client::new(mac(1), &[(60, b"PXEClient"), (93, &[0, 9])]);
    let by_class = Client::new(mac(1), &[(60, b"PXEClient:Arch:00007:UNDI:003000")]);
    let ancient = Client::new(mac(1), &[(60, b"PXEClient")]);
    let cases = [
        (Loader::Auto, &bios, "BIOS PXE", "lpxelinux.0"),
        (Loader::Ipxe, &bios, "BIOS PXE", "undionly.kpxe"),
        (Loader::Pxelinux, &bios, "BIOS PXE", "pxelinux.0"),
        (Loader::Auto, &ipxe, "iPXE on BIOS", SCRIPT),
        (Loader::Lpxelinux, &ipxe, "iPXE on BIOS", "lpxelinux.0"),
        (Loader::Pxelinux, &ipxe, "iPXE on BIOS", "pxelinux.0"),
        (Loader::Auto, &gpxe, "BIOS PXE", "lpxelinux.0"),
        (Loader::Auto, &no_http, "BIOS PXE", "lpxelinux.0"),
        (Loader::Auto, &rfc3004, "iPXE on BIOS", SCRIPT),
        (Loader::Auto, &x64, "UEFI x64 PXE", "shimx64.efi"),
        (Loader::Ipxe, &x64, "UEFI x64 PXE", "snponly.efi"),
        (Loader::Auto, &ebc, "UEFI x64 PXE", "shimx64.efi"),
        (Loader::Auto, &by_class, "UEFI x64 PXE", "shimx64.efi"),
        (Loader::Auto, &ia32, "UEFI ia32 PXE", "grubia32.efi"),
        (Loader::Auto, &arm64, "UEFI arm64 PXE", "grubaa64.efi"),
        (Loader::Auto, &ancient, "BIOS PXE", "lpxelinux.0"),
    ];
    for (loader, client, name, file) in cases {
        let mut world = World::new(pxe::Settings {
            loader,
            ..settings()
        });
        let offer = world.reply(client, DISCOVER);
        let address = offer.yiaddr;
        let discover = Step::Discover {
            firmware: name.to_owned(),
        };
        assert_eq!(
            offer.steps,
            [(mac(1), discover), (mac(1), Step::Offer { address })]
        );
        let ack = world.lease(client);
        assert_eq!(ack.steps, [(mac(1), Step::Lease { address })]);
        for reply in [&offer, &ack] {
            assert_eq!((reply.file.as_str(), reply.text(67)), (file, Some(file)));
            assert_eq!((reply.siaddr, reply.text(66)), (SERVER, Some("10.77.0.1")));
            let lpxelinux = file == "lpxelinux.0";
            assert_eq!(reply.text(210), lpxelinux.then_some(PREFIX));
            let syslinux = lpxelinux || file == "pxelinux.0";
            assert_eq!(reply.text(209), syslinux.then_some("pxelinux.cfg/default"));
            let sent = client.options.iter().find(|(code, _)| *code == 97);
            assert_eq!(
                reply.options.get(&97),
                sent.map(|(_, data)| data),
                "97 is echoed"
            );
            assert_eq!(reply.options.get(&60), None, "EDK2 would turn to port 4011");
            assert_eq!(reply.options.contains_key(&175), name.starts_with("iPXE"));
        }
    }
}

#[test]
fn http_boot_gets_a_url_and_hears_its_own_class() {
    for (arch, file) in [
        (15_u16, "grubia32.efi"),
        (16, "shimx64.efi"),
        (19, "grubaa64.efi"),
    ] {
        let class = format!("HTTPClient:Arch:{arch:05}:UNDI:003000");
        let client = Client::new(
            mac(arch),
            &[(60, class.as_bytes()), (93, &arch.to_be_bytes())],
        );
        let ack = World::new(settings()).lease(&client);
        let url = format!("{PREFIX}{file}");
        assert_eq!(
            (ack.text(67), ack.text(60)),
            (Some(&*url), Some("HTTPClient"))
        );
    }
}

#[test]
fn a_system_gets_a_lease_and_nothing_to_boot() {
    let mut world = World::new(pxe::Settings {
        router: Some(Ipv4Addr::new(10, 77, 0, 254)),
        dns: vec![SERVER],
        ntp: vec![SERVER; 9],
        domain: Some("lab.example".to_owned()),
        ..settings()
    });
    let ack = world.lease(&Client::udhcpc(mac(1)));
    assert_eq!((ack.file.as_str(), ack.text(67)), ("", None));
    let codes: Vec<u8> = ack.options.keys().copied().collect();
    assert_eq!(codes, [1, 3, 6, 15, 28, 42, 51, 53, 54, 58, 59, 61]);
    assert_eq!(ack.text(15), Some("lab.example"));
    assert_eq!(ack.options[&42], [10, 77, 0, 1].repeat(4));
    assert_eq!(ack.options[&1], [255, 255, 255, 0]);
    assert_eq!(ack.options[&28], [10, 77, 0, 255]);
    assert_eq!(ack.options[&3], [10, 77, 0, 254]);
    assert_eq!(ack.options[&51], 3600_u32.to_be_bytes());
    assert_eq!(ack.options[&58], 1800_u32.to_be_bytes());
    assert_eq!(ack.options[&59], 3150_u32.to_be_bytes());
}

#[test]
fn a_long_identifier_gives_way_to_the_clients_size() {
    let long = Client::new(mac(1), &[(61, &[7; 255])]);
    for (size, kept) in [
        (None, false),
        (Some(300_u16), false),
        (Some(576), false),
        (Some(1500), true),
    ] {
        let client = size.map_or(long.clone(), |size| {
            long.clone().with(57, &size.to_be_bytes())
        });
        let ack = World::new(pxe::Settings {
            dns: vec![SERVER; 8],
            ..settings()
        })
        .lease(&client);
        assert_eq!(ack.options.contains_key(&61), kept, "{size:?}");
    }
}

#[test]
fn firmware_without_a_plan_is_told_once_to_the_journal() {
    let mut world = World::new(settings());
    for (class, arch, name) in [
        ("HTTPClient:Arch:00000:UNDI:003000", 0, "BIOS HTTP Boot"),
        (
            "PXEClient:Arch:00031:UNDI:003000",
            31_u16,
            "architecture 31 PXE",
        ),
    ] {
        let client = Client::new(
            mac(arch),
            &[(60, class.as_bytes()), (93, &arch.to_be_bytes())],
        );
        match world.deliver(&client.datagram(DISCOVER)) {
            Outcome::Refused(why) => {
                assert!(
                    why.starts_with(name) && why.contains("cannot be booted yet"),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.ignored(&client, DISCOVER), Reason::Refused);
        let request = client.with(50, &[10, 77, 0, 9]);
        assert_eq!(
            world.ignored(&request, REQUEST),
            Reason::Refused,
            "nor an address"
        );
    }
}
