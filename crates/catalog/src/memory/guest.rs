//! What a guest in QEMU takes of a machine's memory, beside its folder and QEMU's layer: pure text in, bytes out.

/// What QEMU itself takes beside its guest, in bytes: its program, libraries and devices.
pub const QEMU: u64 = 96 << 20;
/// The least that a guest is given where its arguments do not say, in bytes: as much as QEMU's own default (qemu(1), `-m`).
pub const LEAST: u64 = 128 << 20;

/// Units of QEMU's sizes, in bytes; it takes them in both cases.
const UNITS: [(char, u32); 7] = [
    ('b', 0),
    ('k', 10),
    ('m', 20),
    ('g', 30),
    ('t', 40),
    ('p', 50),
    ('e', 60),
];

/// What a guest with these arguments, separated by white space, takes at least, in bytes, with QEMU itself.
pub fn takes(args: &str) -> u64 {
    told(args).unwrap_or(LEAST).saturating_add(QEMU)
}

/// What of that is the guest's own memory.
pub fn own(takes: u64) -> u64 {
    takes.saturating_sub(QEMU)
}

/// What such a guest needs to begin at all, with QEMU itself: QEMU takes the rest as the guest touches it.
pub fn at_least(takes: u64) -> u64 {
    takes.min(LEAST + QEMU)
}

/// The guest's memory as `-m` in its arguments has it, in bytes: of several the last, as QEMU takes them. None where
/// there is none that QEMU would understand.
pub fn told(args: &str) -> Option<u64> {
    let words: Vec<&str> = args.split_whitespace().collect();
    let values = words.windows(2).filter_map(|pair| match pair {
        ["-m" | "--m", value] => Some(*value),
        _ => None,
    });
    let mut sizes = values.filter_map(|value| {
        let mut parts = value.split(',');
        parts.find_map(|part| match part.split_once('=') {
            None => size(part),
            Some(("size", given)) => size(given),
            Some(_) => None,
        })
    });
    sizes.next_back().filter(|size| *size > 0)
}

/// `512` (MiB), `512M`, `1.5G`.
fn size(text: &str) -> Option<u64> {
    let is_unit = |unit: &char| unit.is_ascii_alphabetic();
    let (number, unit) = match text.chars().last().filter(is_unit) {
        Some(unit) => (text.get(..text.len() - 1)?, unit.to_ascii_lowercase()),
        None => (text, 'm'),
    };
    let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let unit = 1_u64 << shift;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let part = match fraction {
        "" => 0,
        digits if digits.len() > 9 || !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            return None;
        }
        digits => {
            let tenths = 10_u128.pow(digits.len() as u32);
            digits.parse::<u128>().ok()? * u128::from(unit) / tenths
        }
    };
    let bytes = whole.parse::<u64>().ok()?.saturating_mul(unit);
    let bytes = bytes.saturating_add(part as u64);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_s_memory_is_read_as_qemu_reads_it() {
        const MIB: u64 = 1 << 20;
        for (args, expected) in [
            ("-m 512", Some(512 * MIB)),
            ("--m 512 -smp 2", Some(512 * MIB)),
            ("-cdrom a.iso -m 2G", Some(2048 * MIB)),
            ("-m 1.5g", Some(1_610_612_736)),
            ("-m 65536k", Some(64 * MIB)),
            ("-m size=1G,slots=3,maxmem=4G", Some(1024 * MIB)),
            ("-m maxmem=4G,size=256", Some(256 * MIB)),
            ("-m 64 -m 96", Some(96 * MIB)),
            ("-m 999999999999E", Some(u64::MAX)),
            ("-m 0", None),
            ("-m", None),
            ("-m -smp", None),
            ("-m much", None),
            ("-m 1.x", None),
            ("-m ü", None),
            ("-m 99999999999999999999", None),
            ("-drive file=m,if=none", None),
            ("", None),
        ] {
            assert_eq!(told(args), expected, "{args}");
        }
        assert_eq!(takes("-m 32"), 128 * MIB);
        assert_eq!(takes("-cdrom a.iso"), 224 * MIB);
        assert_eq!(takes("-m 999999999999E"), u64::MAX);
        assert_eq!((own(takes("-m 32")), own(0)), (32 * MIB, 0));
        assert_eq!(at_least(takes("-m 32")), 128 * MIB);
        assert_eq!(at_least(takes("-m 4G")), 224 * MIB);
    }
}
