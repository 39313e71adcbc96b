//! Histories of machines, told step by step: where each stands, and what is diagnosed.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::{
    ChosenBy, Door, Exit, Facts, MAX_STEPS, OPERATING_SYSTEM, Progress, ShellFrom, Source, Stage,
    Step, Timeline,
};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

fn discover(firmware: &str) -> Step {
    Step::Discover {
        firmware: firmware.into(),
    }
}

fn file(name: &str, bytes: u64, total: u64) -> Step {
    Step::File {
        door: Door::Http,
        name: name.into(),
        bytes,
        total,
        millis: 10,
    }
}

fn awake() -> Step {
    let facts = Facts {
        memory_bytes: 1 << 30,
        cpus: 2,
        cpu: "a CPU".into(),
        nic: "e1000".into(),
        address: ADDRESS,
        kernel: "6.1".into(),
    };
    Step::Awake { facts }
}

fn progress(have: u64) -> Progress {
    let sources = vec![Source {
        address: Ipv4Addr::new(10, 77, 0, 1),
        bytes: have,
    }];
    Progress {
        system: "debian".into(),
        total: 100,
        have,
        uploaded: 7,
        peers: 1,
        rate: 5,
        sources,
    }
}

fn told(steps: Vec<Step>) -> Timeline {
    let mut timeline = Timeline::default();
    for (second, step) in steps.into_iter().enumerate() {
        timeline.push(Duration::from_secs(second as u64), step);
    }
    timeline
}

/// A whole boot by BIOS, as the doors and the machine tell it.
fn boot() -> Vec<(Step, Stage)> {
    let (address, system) = (ADDRESS, "debian".to_owned());
    vec![
        (discover("iPXE on BIOS"), Stage::Firmware),
        (Step::Offer { address }, Stage::Firmware),
        (Step::Lease { address }, Stage::Firmware),
        (file("boot.ipxe", 400, 400), Stage::Loader),
        (file("bzImage", 8_000, 8_000), Stage::Kernel),
        (file("torrents.gz", 4_000, 4_000), Stage::Kernel),
        (discover(OPERATING_SYSTEM), Stage::Kernel),
        (Step::Lease { address }, Stage::Kernel),
        (awake(), Stage::Awake),
        (
            Step::Menu {
                systems: 1,
                timeout_s: 5,
            },
            Stage::Menu,
        ),
        (
            Step::Chosen {
                system: system.clone(),
                by: ChosenBy::Timeout,
            },
            Stage::Fetching,
        ),
        (Step::Progress(progress(40)), Stage::Fetching),
        (Step::Progress(progress(80)), Stage::Fetching),
        (
            Step::Fetched {
                progress: progress(100),
                millis: 900,
            },
            Stage::Sharing,
        ),
        (
            Step::Starting {
                system,
                method: "kexec".into(),
            },
            Stage::Starting,
        ),
        (discover(OPERATING_SYSTEM), Stage::Running),
        (Step::Lease { address }, Stage::Running),
    ]
}

#[test]
fn every_step_of_a_boot_moves_it_where_it_belongs() {
    let mut timeline = Timeline::default();
    for (second, (step, stage)) in boot().into_iter().enumerate() {
        let line = step.line();
        timeline.push(Duration::from_secs(second as u64), step);
        assert_eq!(timeline.stage(), stage, "after {line:?}");
    }
    assert_eq!(timeline.state(), "runs debian");
    assert_eq!((timeline.boots(), timeline.address()), (1, Some(ADDRESS)));
    assert_eq!(timeline.file_bytes(), 12_400);
    assert_eq!(timeline.sources()[0].bytes, 100);
    assert_eq!(
        timeline.diagnosis(Duration::from_secs(10_000)),
        None,
        "it runs"
    );
}

/// A program leaves phase 1 there: its figures go on, its end is not that of the boot, and the next choice is one of the
/// same boot.
#[test]
fn a_program_runs_inside_the_boot_and_the_menu_comes_back() {
    let mut timeline = Timeline::default();
    let mut steps = boot();
    steps.truncate(14);
    let system = "debian".to_owned();
    let method = "bin".to_owned();
    let exit = Exit::Itself { status: 3 };
    let (running, menu) = (
        Step::Running {
            system: system.clone(),
            console: "ttyS0".into(),
            how: String::new(),
        },
        Step::Menu {
            systems: 1,
            timeout_s: -1,
        },
    );
    steps.extend([
        (
            Step::Starting {
                system: system.clone(),
                method,
            },
            Stage::Starting,
        ),
        (running, Stage::Running),
        (Step::Progress(progress(100)), Stage::Running),
        (Step::Ended { system, exit }, Stage::Awake),
        (menu, Stage::Menu),
    ]);
    for (second, (step, stage)) in steps.into_iter().enumerate() {
        let line = step.line();
        timeline.push(Duration::from_secs(second as u64), step);
        assert_eq!(timeline.stage(), stage, "after {line:?}");
    }
    assert_eq!(
        (timeline.boots(), timeline.state()),
        (1, "at the menu".into())
    );
    assert_eq!(timeline.diagnosis(Duration::from_secs(10_000)), None);
}

/// Firmware that is named no loader may ask for a minute before it goes on: that is one boot, and nothing is
/// wrong with it.
#[test]
fn a_machine_that_is_left_to_its_own_disk_is_not_stuck() {
    let why = "once".to_owned();
    let address = ADDRESS;
    let asks = || {
        vec![
            discover("UEFI x64 PXE"),
            Step::Offer { address },
            Step::OwnDisk { why: why.clone() },
        ]
    };
    let mut steps: Vec<Step> = (0..4).flat_map(|_| asks()).collect();
    steps.push(Step::Lease { address });
    let mut timeline = told(steps);
    assert_eq!((timeline.boots(), timeline.stage()), (1, Stage::OwnDisk));
    assert_eq!(timeline.state(), "goes on with its own disk");
    assert_eq!(timeline.diagnosis(Duration::from_secs(10_000)), None);
    assert_eq!(timeline.steps().len(), 4, "repetitions are counted");
    timeline.push(Duration::from_secs(60), discover(OPERATING_SYSTEM));
    assert_eq!(timeline.stage(), Stage::Running);
    timeline.push(Duration::from_secs(90), discover("UEFI x64 PXE"));
    assert_eq!((timeline.boots(), timeline.stage()), (2, Stage::Firmware));
}

#[test]
fn a_second_boot_begins_anew_and_keeps_what_was_given() {
    let again = boot()
        .into_iter()
        .chain(boot().into_iter().take(3))
        .map(|(step, _)| step);
    let timeline = told(again.collect());
    assert_eq!((timeline.boots(), timeline.stage()), (2, Stage::Firmware));
    assert_eq!(timeline.uploaded(), 7, "bytes given in the first boot");
    assert!(timeline.sources().is_empty());
}

#[test]
fn repetitions_are_counted_and_progress_is_replaced() {
    let mut steps = vec![discover("BIOS PXE"); 5];
    steps.extend((0..50).map(|have| Step::Progress(progress(have))));
    let timeline = told(steps);
    let entries: Vec<_> = timeline.steps().collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (entries[0].times, entries[0].last),
        (5, Duration::from_secs(4))
    );
    assert_eq!(entries[1].step, Step::Progress(progress(49)));
}

#[test]
fn the_history_is_bounded() {
    let timeline = told((0..10_000).map(|n| file(&format!("{n}"), 1, 1)).collect());
    assert_eq!(timeline.steps().len(), MAX_STEPS);
}

#[test]
fn a_stuck_machine_is_diagnosed() {
    let (address, why) = (ADDRESS, "all 10 addresses are taken".to_owned());
    let loader = [
        discover("BIOS PXE"),
        Step::Lease { address },
        file("lpxelinux.0", 9, 9),
    ];
    let kernel: Vec<Step> = loader
        .iter()
        .cloned()
        .chain([file("bzImage", 9, 9)])
        .collect();
    let fetching = vec![awake(), Step::Progress(progress(40))];
    let failed = Step::Failed {
        during: "starting debian".into(),
        what: "too little memory".into(),
    };
    let broken: Vec<Step> = loader
        .iter()
        .cloned()
        .chain(vec![file("bzImage", 3, 9); 2])
        .collect();
    let table = [
        (broken, 60, "the transfer of bzImage broke off 2 times"),
        (
            vec![discover("BIOS PXE"); 4],
            5,
            "asked for an address 4 times and was offered none",
        ),
        (
            vec![discover("BIOS PXE"), Step::Refused { why }],
            5,
            "all 10 addresses are taken",
        ),
        (loader[..2].to_vec(), 60, "never asked for a loader"),
        (loader.to_vec(), 60, "never asked for a kernel"),
        (kernel, 600, "has not reported"),
        (fetching, 60, "no word for"),
        (vec![awake(), failed], 5, "too little memory"),
        (
            (0..8)
                .map(|n| {
                    if n % 2 == 0 {
                        discover("x")
                    } else {
                        Step::Offer { address }
                    }
                })
                .collect(),
            9,
            "never took the offer",
        ),
    ];
    for (steps, at, says) in table {
        let timeline = told(steps);
        let said = timeline
            .diagnosis(Duration::from_secs(at))
            .unwrap_or_default();
        assert!(
            said.contains(says),
            "{:?}: {said:?} does not say {says:?}",
            timeline.stage()
        );
    }
}

#[test]
fn what_goes_well_is_not_diagnosed() {
    for upto in 1..boot().len() {
        let timeline = told(
            boot()
                .into_iter()
                .take(upto)
                .map(|(step, _)| step)
                .collect(),
        );
        let said = timeline.diagnosis(Duration::from_secs(upto as u64));
        assert_eq!(
            said,
            None,
            "after {:?}",
            timeline.steps().last().map(|entry| entry.step.line())
        );
    }
}

/// UEFI aborts the first transfer of each file once it knows the size.
#[test]
fn an_aborted_first_transfer_is_not_a_bad_cable() {
    let timeline = told(vec![
        discover("UEFI x64 PXE"),
        Step::Lease { address: ADDRESS },
        file("shimx64.efi", 0, 9),
        file("shimx64.efi", 9, 9),
        file("grubx64.efi", 0, 9),
        file("grubx64.efi", 9, 9),
    ]);
    let said = timeline
        .diagnosis(Duration::from_secs(60))
        .unwrap_or_default();
    assert!(said.contains("never asked for a kernel"), "{said}");
}

/// Firmware fetches all of it, refuses it, and may ask again.
#[test]
fn a_loader_without_a_signature_that_does_not_run_is_secure_boot() {
    let refused = |name: &str| {
        let once = [
            discover("UEFI x64 PXE"),
            Step::Lease { address: ADDRESS },
            file(name, 0, 9),
            file(name, 9, 9),
        ];
        let twice = [once.clone(), once].concat();
        told(twice).diagnosis(Duration::from_secs(60))
    };
    for name in ["snponly.efi", "boot/ipxe.efi"] {
        let said = refused(name).unwrap_or_default();
        assert!(said.contains("probably Secure Boot"), "{said}");
        assert!(said.contains("--loader auto"), "{said}");
    }
    let said = refused("grubx64.efi").unwrap_or_default();
    assert!(!said.contains("probably"), "{said}");
    // It runs, and its script's kernel is what does not come.
    let runs = told(vec![file("snponly.efi", 9, 9), file("boot.ipxe", 9, 9)]);
    let said = runs.diagnosis(Duration::from_secs(60)).unwrap_or_default();
    assert!(!said.contains("probably"), "{said}");
}

/// Beside a foreign DHCP server, and after a failure.
#[test]
fn other_ways_through_a_boot() {
    let chain = told(vec![
        file("pxelinux.0", 9, 9),
        file("pxelinux.cfg/default", 9, 9),
        file("bzImage", 9, 9),
    ]);
    assert_eq!(chain.stage(), Stage::Kernel);
    let chosen = Step::Chosen {
        system: "debian".into(),
        by: ChosenBy::Person,
    };
    let failed = Step::Failed {
        during: "fetching".into(),
        what: "no peer".into(),
    };
    let after = |last| told(vec![awake(), chosen.clone(), failed.clone(), last]).stage();
    assert_eq!(after(Step::Retry), Stage::Fetching);
    let from = ShellFrom::Machine;
    assert_eq!(after(Step::Shell { from }), Stage::Shell);
    // Whoever works from the server, or does not know the PIN, keeps nothing from going on.
    let from = ShellFrom::Server;
    assert_eq!(after(Step::Shell { from }), Stage::Failed);
    let console = "tty1".into();
    assert_eq!(after(Step::PinRefused { console }), Stage::Failed);
    let foreign = told(vec![
        discover(OPERATING_SYSTEM),
        Step::Lease { address: ADDRESS },
    ]);
    assert_eq!((foreign.stage(), foreign.boots()), (Stage::Running, 0));
}
