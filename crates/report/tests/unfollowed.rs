//! Firmware that is told what to boot and goes elsewhere: what is said of it, and for how long.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::{Door, Step, Timeline};

/// What is said a minute after these steps, one a second.
fn diagnosis(steps: &[Step]) -> Option<String> {
    let mut timeline = Timeline::default();
    for (second, step) in (0..).zip(steps) {
        timeline.push(Duration::from_secs(second), step.clone());
    }
    timeline.diagnosis(Duration::from_secs(60 + steps.len() as u64))
}

/// Its next address comes from the other server too, and changes nothing; an offer or a loader of ours does.
#[test]
fn firmware_that_does_not_follow_is_named_until_it_does() {
    let asks = || Step::Discover {
        firmware: "BIOS PXE".into(),
    };
    let address = Ipv4Addr::new(10, 77, 0, 99);
    let takes = || Step::Lease { address };
    let why = "it ignores proxyDHCP offers".to_owned();
    let unfollowed = Step::Unfollowed { why };
    let mut steps = vec![asks(), takes(), asks(), takes(), asks(), unfollowed];
    let said = Some("boots nothing of ours: it ignores proxyDHCP offers".to_owned());
    assert_eq!(diagnosis(&steps), said);
    steps.extend([takes(), asks(), takes()]);
    assert_eq!(diagnosis(&steps), said);
    let offered = [&steps[..], &[asks(), Step::Offer { address }]].concat();
    assert_eq!(diagnosis(&offered), None);
    steps.push(Step::File {
        door: Door::Tftp,
        name: "lpxelinux.0".into(),
        bytes: 9,
        total: 9,
        millis: 10,
    });
    let said = diagnosis(&steps).unwrap_or_default();
    assert!(said.starts_with("fetched the loader"), "{said}");
}
