//! A room that has DHCP servers already: they give the addresses, bt-server only says what to boot.

use std::net::Ipv4Addr;

use lab::{
    Classroom, Firmware, Foreign, Kea, Machine, Nic, Plan, Spec, Start, Stop, TargetOs, built,
    until,
};
use report::Step;

use crate::firmware::says_hello;
use crate::room::{FOREIGN, MIB, SOON, bt_server, open, target};

const SETTINGS: &str = "boottorrent:\n  version: 0\n  timeout: 0\n  seed_time: 0\n";

/// Kea's host, and what it gives: none of dnsmasq's.
const KEA: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const OF_KEA: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 77, 0, 150), Ipv4Addr::new(10, 77, 0, 199));

/// Each of the two machines is known to one of the servers only, so that both are beside one boot.
#[test]
#[ignore = "needs root, QEMU, dnsmasq, Kea and target/dist/bt-server; cargo xtask test runs it"]
fn boot_beside_dhcp_servers_that_know_nothing_of_us() {
    let logs = tempfile::tempdir().unwrap();
    let system = TargetOs::build(&target().join("phase1"), "small", MIB).unwrap();
    let specs = [
        Spec::new("bios", Nic::E1000, 1),
        Spec::new("uefi", Nic::Virtio, 2).with(Firmware::Uefi),
    ];
    let of_kea = &specs[0].mac;
    let not_of_dnsmasq = format!("--dhcp-host={of_kea},ignore");
    let plan = Plan {
        program: &bt_server(),
        settings: SETTINGS,
        start: Start::Flags,
        options: &[],
        has_address: true,
        server_rate: Some(200),
        beside: Some(&[&not_of_dnsmasq]),
        logs: logs.path(),
    };
    let furnish = |oss: &std::path::Path| system.write_to(oss);
    let mut class = Classroom::open(&plan, furnish, &Stop::never()).unwrap();
    let its_host = class.room().host(Some((KEA, 24))).unwrap();
    let kea = Kea {
        program: &built::kea(target()).unwrap(),
        range: OF_KEA,
        only: Some(of_kea),
    };
    let _kea = Foreign::kea(&its_host, logs.path(), &kea).unwrap();

    let is_of_kea = |address| (OF_KEA.0..=OF_KEA.1).contains(&address);
    let gives: [&dyn Fn(Ipv4Addr) -> bool; 2] = [&is_of_kea, &Foreign::gives];
    let mut machines = specs.map(|spec| class.machine(&spec).unwrap());
    for (machine, gives) in machines.iter_mut().zip(&gives) {
        took_its_address(&class, machine, *gives);
    }
    let said = class.server().said();
    assert!(said.contains("DHCP   proxy"), "{said}");
    assert!(said.contains(&format!("{FOREIGN} ")), "{said}");
}

/// Nobody else is there when the server starts, so it gives addresses; then somebody is.
#[test]
#[ignore = "needs root, QEMU, Kea and target/dist/bt-server; cargo xtask test runs it"]
fn boot_where_another_dhcp_server_comes_later() {
    let logs = tempfile::tempdir().unwrap();
    let system = TargetOs::build(&target().join("phase1"), "small", MIB).unwrap();
    let mut class = open(SETTINGS, logs.path(), |oss| system.write_to(oss));
    said(&mut class, "DHCP   full server");
    let its_host = class.room().host(Some((KEA, 24))).unwrap();
    let kea = Kea {
        program: &built::kea(target()).unwrap(),
        range: OF_KEA,
        only: None,
    };
    let _kea = Foreign::kea(&its_host, logs.path(), &kea).unwrap();
    said(
        &mut class,
        &format!("proxy: another DHCP server answers, {KEA}"),
    );
    let spec = Spec::new("uefi", Nic::Virtio, 1).with(Firmware::Uefi);
    let mut machine = class.machine(&spec).unwrap();
    let is_of_kea = |address| (OF_KEA.0..=OF_KEA.1).contains(&address);
    took_its_address(&class, &mut machine, &is_of_kea);
}

/// Waits until the server has said these words; it serves before it has said all of them.
fn said(class: &mut Classroom, words: &str) {
    let said = until(words, SOON, &Stop::never(), || {
        Ok(class.server().said().contains(words).then_some(()))
    });
    said.unwrap_or_else(|error| panic!("{error:#}\n{}", class.server().said()));
}

/// Waits until the machine's system says hello, and sees that every address it had is the other server's.
fn took_its_address(class: &Classroom, machine: &mut Machine, gives: &dyn Fn(Ipv4Addr) -> bool) {
    let line = says_hello(machine);
    // Another client identifier may get another address of the same server.
    let (_, rest) = line.split_once("address ").unwrap();
    let (addresses, _) = rest.split_once(',').unwrap();
    for address in addresses.split(' ') {
        let address = address.parse().unwrap();
        assert!(gives(address), "{address} is of another server");
    }
    let all = class.machines().unwrap();
    let told = all.machine(&machine.spec().mac).unwrap();
    // What it took from the other server is heard and noted; an address of ours would be another one.
    for timed in &told.steps {
        if let Step::Offer { address } | Step::Lease { address } = timed.step {
            assert!(gives(address), "an address of ours: {timed:?}");
        }
    }
}
