//! How much a person may ask for: sizes as they are written, and the largest room.

use anyhow::{Context, Result, bail};

/// More machines have no room in their network when all of them are replaced.
pub(super) const MOST: u32 = 100;

/// `1048576`, `1024KiB`, `1MiB` are all the same.
pub(super) fn parse_size(text: &str) -> Result<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let found = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (digits, shift) = found.unwrap_or((text, 0));
    let number: u64 = digits
        .parse()
        .with_context(|| format!("\"{text}\" is no size such as 128MiB"))?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes <= 1 << 40 => Ok(bytes),
        _ => bail!("{text} is more than any memory holds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_size("128MiB").unwrap(), 128 << 20);
        assert_eq!(parse_size("5").unwrap(), 5);
        for bad in ["", "MiB", "1.5GiB", "-1", "1MB", "99999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }
}
