//! Machines in another subnet than the server's, behind a router with a relay agent: firmware, loader, kernel and
//! target system reach the server through it.

use std::net::Ipv4Addr;

use lab::{Firmware, Nic, RelayAgent, Room, Router, Spec, Stop, TargetOs, built};
use report::{Door, Step};

use crate::firmware::{files, says_hello};
use crate::room::{MIB, SERVER, open, target};

/// The router, in the server's room and in the machines'.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
const SETTINGS: &str = "boottorrent:\n  version: 0\n  timeout: 3\n  seed_time: 0\nnetwork:\n  subnets:\n  \
    - subnet: 10.88.0.0/24\n    range: \"10.88.0.50,10.88.0.99\"\n";

#[test]
#[ignore = "needs root, QEMU, dhcrelay and target/dist/bt-server; cargo xtask test runs it"]
fn boot_bios_and_uefi_behind_a_relay_agent() {
    let logs = tempfile::tempdir().unwrap();
    let system = TargetOs::build(&target().join("phase1"), "small", MIB).unwrap();
    let mut class = open(SETTINGS, logs.path(), |oss| system.write_to(oss));
    let mut beyond = Room::new(&Stop::never()).unwrap();
    beyond.keep_logs_in(logs.path());
    let mut router = Router::plug_into(class.room(), NEAR).unwrap();
    router.reach(&mut beyond, FAR).unwrap();
    router.show_the_way(class.host()).unwrap();
    let program = built::dhcrelay(target()).unwrap();
    let log = logs.path().join("relay.log");
    let _agent = RelayAgent::isc(&program, &router, SERVER, &log).unwrap();

    let specs = [
        Spec::new("bios", Nic::E1000, 1),
        Spec::new("uefi", Nic::Virtio, 2).with(Firmware::Uefi),
    ];
    let mut machines = specs.map(|spec| beyond.machine(&spec).unwrap());
    for machine in &mut machines {
        let line = says_hello(machine);
        // One address from firmware to system, of the subnet that the machine is in.
        let (_, rest) = line.split_once("address ").unwrap();
        let (address, _) = rest.split_once(',').unwrap();
        assert!(address.starts_with("10.88.0."), "{line}");
        let address: Ipv4Addr = address.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!((50..=99).contains(&address.octets()[3]), "{line}");
        let all = class.machines().unwrap();
        let told = all.machine(&machine.spec().mac).unwrap();
        assert_eq!(told.address, Some(address));
        let mut leases = told.steps.iter().filter_map(|one| match one.step {
            Step::Lease { address } => Some(address),
            _ => None,
        });
        assert!(leases.all(|given| given == address), "{:?}", told.steps);
    }
    let [bios, uefi] = &machines;
    for (machine, door, name) in [
        (bios, Door::Http, "bzImage"),
        (uefi, Door::Tftp, "grub/grub.cfg"),
    ] {
        let files = files(&class, machine);
        assert!(files.contains(&(door, name.to_owned())), "{files:?}");
    }
}
