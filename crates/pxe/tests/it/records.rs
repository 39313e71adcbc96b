//! The lease file's text: damaged, foreign, huge, and written by clocks that were wrong.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use pxe::pool::LARGEST;
use pxe::{Change, Lease, Moment, Pool, Records};

use crate::client::{SERVER, mac};

const RUN: Duration = Duration::from_secs(1_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn pool() -> Pool {
    Pool::new(SERVER, 24, None, None).unwrap()
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn at(wall: i64) -> Moment {
    Moment { run: RUN, wall }
}

fn lease(number: u16, last: u8, until: Duration) -> Change {
    Change::Lease(Lease {
        mac: mac(number),
        address: ip(last),
        until,
    })
}

fn read(text: &str, wall: i64) -> (Vec<Change>, usize) {
    let (records, foreign) = Records::read(text.as_bytes(), &[pool()], wall);
    (records.changes(at(wall)).collect(), foreign)
}

#[test]
fn a_line_can_be_read_by_people() {
    let mut records = Records::default();
    let record = records.note(lease(1, 21, RUN + HOUR), at(1_763_712_000));
    assert_eq!(
        record.unwrap().to_string(),
        "52:54:00:77:00:01 10.77.0.21 1763712000 1763715600"
    );
    let aside = Change::Aside {
        address: ip(21),
        until: RUN + Duration::from_secs(300),
    };
    let record = records.note(aside, at(1_763_712_005)).unwrap();
    assert_eq!(record.to_string(), "- 10.77.0.21 1763712005 1763712305");
    let text = records.to_string();
    assert!(text.starts_with("# hardware address "), "{text}");
    assert!(text.ends_with(&format!("\n{record}\n")), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn what_is_written_already_is_not_written_again() {
    let mut records = Records::default();
    let now = at(1000);
    assert!(records.note(lease(1, 21, RUN + HOUR), now).is_some());
    assert_eq!(records.note(lease(1, 21, RUN + HOUR), now), None);
    let next = RUN + HOUR + Duration::from_secs(1);
    assert!(records.note(lease(1, 21, next), now).is_some());
    let never_leased = Change::Aside {
        address: ip(22),
        until: RUN + HOUR,
    };
    assert_eq!(records.note(never_leased, now), None);
    assert_eq!(records.len(), 1);
}

/// Written at, read at, by the computer's clock, and how long the lease of an hour lasts then.
#[test]
fn a_clock_that_was_wrong_makes_no_lease_shorter() {
    let past = |seconds| RUN - Duration::from_secs(seconds);
    let left = |seconds| RUN + Duration::from_secs(seconds);
    for (written, read_at, until) in [
        (1_800_000_000, 1_800_000_000, left(3600)),
        (1_800_000_000, 1_800_000_600, left(3000)),
        (1_800_000_000, 1_800_003_600, left(0)),
        (1_800_000_000, 1_800_086_400, past(82_800)),
        // The clock went back to 1970, and before.
        (1_800_000_000, 90, left(3600)),
        (1_800_000_000, -50, left(3600)),
        (300, 60, left(3600)),
        (-4000, -3000, left(2600)),
        // A year so far in the future that a run's clock has no time for it.
        (0, i64::MAX, Duration::ZERO),
        (0, i64::MIN, left(3600)),
    ] {
        let mut records = Records::default();
        let record = records.note(lease(1, 21, RUN + HOUR), at(written));
        let (changes, foreign) = read(&format!("{}\n", record.unwrap()), read_at);
        assert_eq!(
            (changes, foreign),
            (vec![lease(1, 21, until)], 0),
            "{written} {read_at}"
        );
    }
}

#[test]
fn a_clock_that_is_set_takes_what_is_written_along() {
    let (before, after) = (at(90), at(1_800_000_000));
    let set = after.was_set_since(before);
    assert_eq!(set, 1_799_999_910);
    let later = Moment {
        run: RUN + HOUR,
        wall: after.wall + 3600,
    };
    assert_eq!(later.was_set_since(after), 0);
    let mut records = Records::default();
    records.note(lease(1, 21, RUN + HOUR), before);
    records.shift(set);
    let (changes, _) = read(&records.to_string(), after.wall);
    assert_eq!(changes, [lease(1, 21, RUN + HOUR)]);
}

#[test]
fn the_last_line_holds() {
    let text = "\
52:54:00:77:00:01 10.77.0.21 1000 4600
52:54:00:77:00:02 10.77.0.21 1000 4600
52:54:00:77:00:02 10.77.0.22 1000 4600
52:54:00:77:00:03 10.77.0.23 1000 4600
52:54:00:77:00:03 10.77.0.23 1000 1000
52:54:00:77:00:04 10.77.0.24 1000 4600
- 10.77.0.24 1000 1300
";
    let (changes, foreign) = read(text, 1000);
    let aside = Change::Aside {
        address: ip(24),
        until: RUN + Duration::from_secs(300),
    };
    assert_eq!(
        changes,
        [lease(2, 22, RUN + HOUR), lease(3, 23, RUN), aside]
    );
    assert_eq!(foreign, 0);
    let (changes, _) = read(text, 1300);
    assert_eq!(changes.len(), 2, "set aside no longer");
}

#[test]
fn damaged_and_foreign_lines_are_counted_and_left_out() {
    let damaged = [
        "x",
        "52:54:00:77:00:01",
        "52:54:00:77:00:01 10.77.0.21 1000",
        "52:54:00:77:00:01 10.77.0.21 1000 4600 5",
        "52:54:00:77:00 10.77.0.21 1000 4600",
        "52:54:00:77:00:01 10.77.0.256 1000 4600",
        "52:54:00:77:00:01 10.77.0.21 1000 999",
        "52:54:00:77:00:01 10.77.0.21 0 4294967296",
        "52:54:00:77:00:01 10.77.0.21 -9223372036854775808 9223372036854775807",
        "52:54:00:77:00:01 10.77.0.21 1000 99999999999999999999",
        "52:54:00:77:00:01 192.168.1.21 1000 4600",
        "52:54:00:77:00:01 10.77.0.255 1000 4600",
        "1763712000 52:54:00:77:00:01 10.77.0.21 name *",
        "\0\0\0\0",
    ];
    let good = "52:54:00:77:00:01 10.77.0.21 1000 4600";
    for line in damaged {
        let text = format!("{good}\n{line}\n\n# a remark\n");
        let (changes, foreign) = read(&text, 1000);
        assert_eq!((changes.len(), foreign), (1, 1), "{line}");
    }
    let (records, foreign) = Records::read(b"\xff\xfe\n", &[pool()], 0);
    assert_eq!((records.len(), foreign), (0, 1));
    let (changes, foreign) = read(&format!("{good}\r\n"), 1000);
    assert_eq!((changes.len(), foreign), (1, 0), "saved by an editor");
}

#[test]
fn a_line_that_was_not_completed_does_not_count() {
    // Read as it stands, the second line would end in 1970.
    let text = "52:54:00:77:00:01 10.77.0.21 1763712000 1763715600\n\
                52:54:00:77:00:02 10.77.0.22 17637 17638";
    let (changes, foreign) = read(text, 1_763_712_000);
    assert_eq!((changes.len(), foreign), (1, 0));
}

#[test]
fn addresses_outside_the_range_are_kept_up_to_a_bound() {
    let server = Ipv4Addr::new(10, 0, 0, 1);
    let range = Some((
        Ipv4Addr::new(10, 200, 0, 1),
        Ipv4Addr::new(10, 200, 255, 254),
    ));
    let pool = Pool::new(server, 8, range, None).unwrap();
    let mut text = String::new();
    for number in 0..3 * LARGEST {
        let [_, b, c, d] = number.to_be_bytes();
        let ends = 2000 + number;
        text += &format!("02:00:00:{b:02x}:{c:02x}:{d:02x} 10.{b}.{c}.{d} 1000 {ends}\n");
        text += &format!("06:00:00:{b:02x}:{c:02x}:{d:02x} 10.200.{c}.{d} 1000 2000\n");
    }
    let (records, foreign) = Records::read(text.as_bytes(), std::slice::from_ref(&pool), 1000);
    let inside = records
        .changes(at(1000))
        .filter(|change| matches!(change, Change::Lease(lease) if pool.contains(lease.address)));
    // Three times over: every address of the pool, and as many outside, the ones that end last.
    assert_eq!(inside.count(), pool.size());
    assert_eq!(records.len(), pool.size() + LARGEST as usize);
    assert_eq!(foreign, 1, "10.0.0.0 is the network, not an address");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..2000), wall: i64) {
        let (records, _) = Records::read(&text, &[pool()], wall);
        prop_assert!(records.changes(at(wall)).count() <= 256);
    }

    #[test]
    fn spoilt_files_and_spoilt_clocks(
        lines in vec((0..9_u16, 2..12_u8, any::<i64>(), any::<u32>()), 0..40),
        spoil in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        wall: i64,
        set: i64,
    ) {
        let line = |(number, last, written, lasts): (u16, u8, i64, u32)| {
            let ends = written.saturating_add(i64::from(lasts));
            format!("{} {} {written} {ends}\n", mac(number), ip(last))
        };
        let mut text = lines.into_iter().map(line).collect::<String>().into_bytes();
        for (place, value) in spoil {
            if !text.is_empty() {
                let place = place.index(text.len());
                text[place] = value;
            }
        }
        let (mut records, _) = Records::read(&text, &[pool()], wall);
        records.shift(set);
        let (again, foreign) = Records::read(records.to_string().as_bytes(), &[pool()], wall);
        prop_assert!(again.len() <= records.len() && foreign <= records.len());
        for change in again.changes(at(wall)) {
            let (Change::Lease(Lease { until, .. }) | Change::Aside { until, .. }) = change;
            prop_assert!(until <= RUN + Duration::from_secs(u64::from(u32::MAX)));
        }
    }
}
