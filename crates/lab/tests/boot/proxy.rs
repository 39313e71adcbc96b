//! A room that has a DHCP server already: it gives the addresses, bt-server only says what to boot.

use lab::{Classroom, Firmware, Foreign, Nic, Plan, Spec, Start, Stop, TargetOs};
use report::Step;

use crate::firmware::says_hello;
use crate::room::{FOREIGN, MIB, bt_server, target};

#[test]
#[ignore = "needs root, QEMU, dnsmasq and target/dist/bt-server; cargo xtask test runs it"]
fn boot_beside_a_dhcp_server_that_knows_nothing_of_us() {
    let logs = tempfile::tempdir().unwrap();
    let system = TargetOs::build(&target().join("phase1"), "small", MIB).unwrap();
    let plan = Plan {
        program: &bt_server(),
        settings: "boottorrent:\n  version: 0\n  timeout: 0\n  seed_time: 0\n",
        start: Start::Flags,
        options: &[],
        has_address: true,
        server_rate: Some(200),
        beside: Some(&[]),
        logs: logs.path(),
    };
    let furnish = |oss: &std::path::Path| system.write_to(oss);
    let mut class = Classroom::open(&plan, furnish, &Stop::never()).unwrap();

    let specs = [
        Spec::new("bios", Nic::E1000, 1),
        Spec::new("uefi", Nic::Virtio, 2).with(Firmware::Uefi),
    ];
    let mut machines = specs.map(|spec| class.machine(&spec).unwrap());
    for machine in &mut machines {
        let line = says_hello(machine);
        // dnsmasq gives another address to another client identifier, as it may.
        let (_, rest) = line.split_once("address ").unwrap();
        let (addresses, _) = rest.split_once(',').unwrap();
        for address in addresses.split(' ') {
            let address = address.parse().unwrap();
            assert!(Foreign::gives(address), "{address} is not of dnsmasq's");
        }
        let all = class.machines().unwrap();
        let told = all.machine(&machine.spec().mac).unwrap();
        // What it took from dnsmasq is heard and noted; an address of ours would be another one.
        for timed in &told.steps {
            if let Step::Offer { address } | Step::Lease { address } = timed.step {
                assert!(Foreign::gives(address), "an address of ours: {timed:?}");
            }
        }
    }
    let said = class.server().said();
    assert!(said.contains("DHCP   proxy"), "{said}");
    assert!(said.contains(&format!("{FOREIGN} ")), "{said}");
}
