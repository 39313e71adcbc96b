//! Why a kernel's file can start on none of the machines that come here, from its first bytes.
//!
//! Phase 1 runs in 64 bits on a PC, and so must what takes its place. A pure reader of the head of a bzImage (Linux,
//! Documentation/arch/x86/boot.rst) and of ARM's image (Documentation/arch/arm64/booting.rst). Only what certainly
//! cannot work is refused: what is not understood is let through, for the running kernel has the last word.

/// So many bytes of a file are enough.
pub const HEAD: usize = 1024;

/// `HdrS`, the mark of a bzImage, its protocol version, and the flags that came with version 2.12.
const AT_MARK: usize = 0x202;
const AT_VERSION: usize = 0x206;
const AT_FLAGS: usize = 0x236;
const WITH_FLAGS: u16 = 0x020c;
/// `XLF_KERNEL_64`: there is an entry for 64 bits.
const HAS_64_BITS: u16 = 1;
/// Where ARM's images have `ARM\x64`.
const AT_ARM: usize = 0x38;

/// The reason, as the end of a sentence that begins with the file's name.
pub fn unfit(head: &[u8]) -> Option<String> {
    let at = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    if at(AT_ARM, b"ARM\x64") {
        return Some("is a kernel for ARM64, and this is an x86-64 machine".to_owned());
    }
    if !at(AT_MARK, b"HdrS") {
        return None;
    }
    let number = |at: usize| {
        let bytes = head.get(at..at + 2)?.try_into().ok()?;
        Some(u16::from_le_bytes(bytes))
    };
    let (version, flags) = (number(AT_VERSION)?, number(AT_FLAGS)?);
    let has_64_bits = version >= WITH_FLAGS && flags & HAS_64_BITS != 0;
    (!has_64_bits).then(|| {
        "is a kernel with 32 bits, and only one with 64 can take this one's place".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bz_image(version: u16, flags: u16) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[..2].copy_from_slice(b"MZ");
        head[AT_MARK..AT_MARK + 4].copy_from_slice(b"HdrS");
        head[AT_VERSION..AT_VERSION + 2].copy_from_slice(&version.to_le_bytes());
        head[AT_FLAGS..AT_FLAGS + 2].copy_from_slice(&flags.to_le_bytes());
        head
    }

    #[test]
    fn kernels_of_other_machines_are_told_from_those_of_this_one() {
        assert_eq!(unfit(&bz_image(0x020f, 0x007f)), None);
        for (version, flags) in [(0x020f, 0x007e), (0x020b, 0xffff)] {
            let said = unfit(&bz_image(version, flags)).expect("32 bits");
            assert!(said.contains("32 bits"), "{said}");
        }
        let mut arm = vec![0; 64];
        arm[AT_ARM..AT_ARM + 4].copy_from_slice(b"ARM\x64");
        assert!(unfit(&arm).expect("ARM").contains("ARM64"));
    }

    #[test]
    fn what_is_not_understood_is_let_through() {
        let cut = &bz_image(0x020f, 0)[..AT_FLAGS + 1];
        let elf = b"\x7fELF\x02\x01";
        for head in [&b""[..], b"MZ", &[0x1f, 0x8b], elf, cut] {
            assert_eq!(unfit(head), None);
        }
    }
}
