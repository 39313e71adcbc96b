//! Two machines, from power-on into their system: the main promise.

use std::time::Duration;

use lab::{Nic, Spec, Stop, TargetOs, until};

use crate::room::{
    BOOT, MIB, SERVER, SOON, has_its_disk, keep, open, target, wait_for_stage, with_disk,
};

/// In megabits per second.
const SERVER_CABLE: u32 = 20;
/// What the server promises for its end.
const STOPPED: Duration = Duration::from_secs(2);

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_two_machines() {
    let logs = tempfile::tempdir().unwrap();
    // The menu waits for a person, so that the test decides who starts when; a machine that has
    // everything stays for the other one.
    let settings = "boottorrent:\n  version: 0\n  timeout: -1\n  seed_time: 20\n";
    let system = TargetOs::build(&target().join("phase1"), "small", 12 * MIB).unwrap();
    // Of several files one initrd is made, without a copy of any. The folder holds more than those: nobody needs that to
    // start.
    let mut class = open(settings, logs.path(), |oss| {
        system.write_in_parts(oss, "bt.ip={ip} bt.mac={mac} bt.files={files}")?;
        let beside = oss.join("small/not needed.img");
        Ok(std::fs::write(beside, vec![7; 64 * MIB])?)
    });
    for ids in class.server().user_ids().unwrap() {
        assert!(!ids.contains(&0), "a thread of the server is root: {ids:?}");
    }

    let [mut first, mut second] =
        [("first", Nic::E1000, 1), ("second", Nic::Virtio, 2)].map(|(name, nic, number)| {
            let spec = with_disk(Spec::new(name, nic, number), logs.path());
            class.machine(&spec).unwrap()
        });
    wait_for_stage(&class, &mut first, "menu");
    wait_for_stage(&class, &mut second, "menu");
    // As long as the server alone would take nine seconds for each of them, they have time to meet, however slow this
    // computer is: at full speed the second one may have everything before it knows the first.
    class.host().limit_sending(SERVER_CABLE).unwrap();
    // One is chosen at its keyboard, the other over the serial line.
    first.press(&["ret"]).unwrap();
    until("a byte at the first", SOON, &Stop::never(), || {
        let all = class.machines()?;
        let one = all.machine(&first.spec().mac);
        Ok(one.filter(|one| one.bytes_from(SERVER) > 0).map(drop))
    })
    .unwrap();
    keep(&mut first, "fetching");
    second.console().type_text("\r").unwrap();
    wait_for_stage(&class, &mut first, "sharing");
    keep(&mut first, "sharing");

    let addresses = [&first, &second].map(|machine| {
        machine.console().wait_for(TargetOs::MARKER, BOOT).unwrap();
        // The end of the line.
        machine.console().wait_for("/oss/small", SOON).unwrap();
        let line = machine.console().line_with(TargetOs::MARKER).unwrap();
        let all = class.machines().unwrap();
        let told = all.machine(&machine.spec().mac).unwrap();
        let address = told.address.expect("the journal knows its address");
        assert!(line.contains(&machine.spec().mac), "{line}");
        assert!(
            line.contains(&format!("address {address},")),
            "its address changed: {line}"
        );
        assert!(line.contains(TargetOs::INTACT), "{line}");
        let mac = &machine.spec().mac;
        let words = format!("bt.ip={address} bt.mac={mac} bt.files=http://{SERVER}:6969/oss/small");
        assert!(line.contains(&words), "{line}");
        assert!(line.contains("rootfstype=ramfs"), "{line}");
        assert!(has_its_disk(machine), "its own disk has changed");
        let fetched: u64 = told.sources.iter().map(|source| source.bytes).sum();
        assert!(
            (system.size()..system.size() + MIB as u64).contains(&fetched),
            "{fetched} bytes fetched to start from {}",
            system.size()
        );
        address
    });
    let all = class.machines().unwrap();
    let second_got = all.machine(&second.spec().mac).unwrap();
    assert!(
        second_got.bytes_from(SERVER) > 0,
        "{:?}",
        second_got.sources
    );
    assert!(
        second_got.bytes_from(addresses[0]) > 0,
        "{:?}",
        second_got.sources
    );

    let (status, took) = class.server().interrupt().unwrap();
    let said = class.server().said();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(took < STOPPED, "its end took {took:?}\n{said}");
    for machine in [&first, &second] {
        let mut rows = said
            .lines()
            .filter(|line| line.contains(&machine.spec().mac));
        assert!(
            rows.next_back().is_some_and(|row| row.contains('│')),
            "no row in the table\n{said}"
        );
    }
}
