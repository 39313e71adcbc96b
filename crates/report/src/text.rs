//! Quantities for people. Written here once, so that log, table, menu and dashboard agree.

/// `count` bytes in decimal units, as disks and links are sold: `512 B`, `3.1 MB`, `8.2 GB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Tenths in integers: 999 960 is "1.0 MB", which dividing first would print as "1000.0 kB".
    let mut tenths = (u128::from(count) + 50) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `per_second` bytes a second: `11.8 MB/s`.
#[must_use]
pub fn rate(per_second: u64) -> String {
    format!("{}/s", bytes(per_second))
}

/// A time span given in milliseconds: `0.42 s`, `3.1 s`, `2 min 5 s`, `3 h 12 min`.
#[must_use]
pub fn millis(span: u64) -> String {
    let seconds = span / 1000;
    match span {
        0..1_000 => format!("0.{:02} s", span / 10),
        1_000..60_000 => format!("{seconds}.{} s", span % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `part` of `whole` in percent, rounded down so that only the end is 100.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 100;
    }
    let percent = u128::from(part.min(whole)) * 100 / u128::from(whole);
    u64::try_from(percent).unwrap_or(100)
}

/// `1 machine`, `2 machines`.
pub(crate) fn plural(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (74_331, "74.3 kB"),
            (999_949, "999.9 kB"),
            (999_960, "1.0 MB"),
            (3_100_000, "3.1 MB"),
            (31_000_000, "31.0 MB"),
            (8_589_934_592, "8.6 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in table {
            assert_eq!(bytes(count), text, "{count}");
        }
        assert_eq!(rate(11_800_000), "11.8 MB/s");
    }

    #[test]
    fn spans_read_well() {
        let table = [
            (0, "0.00 s"),
            (420, "0.42 s"),
            (3_140, "3.1 s"),
            (59_999, "59.9 s"),
            (125_000, "2 min 5 s"),
            (11_520_000, "3 h 12 min"),
        ];
        for (span, text) in table {
            assert_eq!(millis(span), text, "{span}");
        }
        assert!(millis(u64::MAX).ends_with("min"));
    }

    #[test]
    fn percent_is_bounded() {
        for (part, whole, want) in [
            (0, 10, 0),
            (999, 1000, 99),
            (10, 10, 100),
            (11, 10, 100),
            (0, 0, 100),
            (u64::MAX, u64::MAX, 100),
        ] {
            assert_eq!(percent(part, whole), want, "{part} of {whole}");
        }
    }
}
