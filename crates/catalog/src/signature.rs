//! Whether a kernel carries a signature, as its file's head says. Under Secure Boot a running Linux starts no other
//! kernel than one with an Authenticode signature that it trusts (kexec_file_load(2), kernel_lockdown(7)).
//!
//! Told is that there is one, never whose it is and whether it fits: that only the machine knows.

/// So many bytes of a file are enough: a bzImage has its PE header in the first kilobyte, and the headers of others, such
/// as unified kernel images, end before this too.
pub const HEAD: usize = 4096;

/// Where a PE file's header begins is told here (PE format, "MS-DOS Stub").
const AT_POINTER: usize = 0x3c;
/// Bytes of the COFF file header, behind the four of `PE\0\0`.
const COFF: usize = 20;
/// The optional header's magic numbers, and where in it the number of data directories is; they follow.
const PE32: (u16, usize) = (0x10b, 92);
const PE32_PLUS: (u16, usize) = (0x20b, 108);
/// The number of the data directory that says where the certificate table is. Its place is an offset in the file.
const CERTIFICATES: usize = 4;
/// Bytes of a data directory.
const DIRECTORY: usize = 8;
/// The smallest certificate table: the head of one WIN_CERTIFICATE.
const SMALLEST: u64 = 8;

/// Whether a file of `length` bytes that begins with `head` carries an Authenticode signature. `None` where the head is
/// too short to say. A file in another format than PE carries none.
pub fn is_signed(head: &[u8], length: u64) -> Option<bool> {
    let head = &head[..head
        .len()
        .min(usize::try_from(length).unwrap_or(usize::MAX))];
    if !head.starts_with(b"MZ") {
        return (head.len() >= 2 || length < 2).then_some(false);
    }
    let whole = head.len() as u64 == length;
    // What is behind the end of the file is not there; what is behind the head may be.
    certificate_table(head)
        .map(|table| table.is_some_and(|table| table.is_in(length)))
        .or(whole.then_some(false))
}

/// Where a PE file's signatures are said to be.
struct Table {
    offset: u32,
    size: u32,
}

impl Table {
    /// Whether there can be a signature, in a file of this length.
    fn is_in(&self, length: u64) -> bool {
        let (offset, size) = (u64::from(self.offset), u64::from(self.size));
        offset > 0 && size >= SMALLEST && offset + size <= length
    }
}

/// The entry of the certificate table, if there is one; `None` where the head ends too early.
fn certificate_table(head: &[u8]) -> Option<Option<Table>> {
    let header = usize::try_from(u32_at(head, AT_POINTER)?).ok()?;
    if bytes_at::<4>(head, header)? != *b"PE\0\0" {
        return Some(None);
    }
    let coff = header.checked_add(4)?;
    let optional = coff.checked_add(COFF)?;
    let optional_size = usize::from(u16_at(head, coff.checked_add(16)?)?);
    let (_, count_at) = match u16_at(head, optional)? {
        magic if magic == PE32.0 => PE32,
        magic if magic == PE32_PLUS.0 => PE32_PLUS,
        _ => return Some(None),
    };
    let entry = count_at + 4 + CERTIFICATES * DIRECTORY;
    let count = u32_at(head, optional.checked_add(count_at)?)?;
    if count <= CERTIFICATES as u32 || optional_size < entry + DIRECTORY {
        return Some(None);
    }
    let entry = optional.checked_add(entry)?;
    Some(Some(Table {
        offset: u32_at(head, entry)?,
        size: u32_at(head, entry.checked_add(4)?)?,
    }))
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes_at(bytes, at).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a file with its PE header at 0x40, of this kind and with so many data directories, the fifth of which is
    /// `(offset, size)`.
    fn head((magic, count_at): (u16, usize), count: u32, (offset, size): (u32, u32)) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(AT_POINTER, &0x40u32.to_le_bytes());
        put(0x40, b"PE\0\0");
        let size_of_optional = count_at + 4 + count as usize * DIRECTORY;
        put(0x44 + 16, &(size_of_optional as u16).to_le_bytes());
        let optional = 0x44 + COFF;
        put(optional, &magic.to_le_bytes());
        put(optional + count_at, &count.to_le_bytes());
        let entry = optional + count_at + 4 + CERTIFICATES * DIRECTORY;
        put(entry, &offset.to_le_bytes());
        put(entry + 4, &size.to_le_bytes());
        head
    }

    const LENGTH: u64 = 8_000_000;
    const TABLE: (u32, u32) = (7_998_000, 2_000);

    #[test]
    fn a_table_inside_the_file_is_a_signature() {
        for kind in [PE32, PE32_PLUS] {
            assert_eq!(is_signed(&head(kind, 16, TABLE), LENGTH), Some(true));
            for (why, count, table, length) in [
                ("never signed", 16, (0, 0), LENGTH),
                ("no place", 16, (0, 2_000), LENGTH),
                ("nothing there", 16, (7_998_000, 0), LENGTH),
                ("no head of a certificate", 16, (7_998_000, 7), LENGTH),
                ("cut off", 16, TABLE, LENGTH - 1),
                ("beyond what 32 bits hold", 16, (u32::MAX, u32::MAX), LENGTH),
                // The bytes are there, and belong to something else.
                ("four directories", 4, TABLE, LENGTH),
            ] {
                assert_eq!(
                    is_signed(&head(kind, count, table), length),
                    Some(false),
                    "{why}"
                );
            }
        }
    }

    #[test]
    fn other_formats_carry_none() {
        let mut other_magic = head((0x107, PE32.1), 16, TABLE);
        assert_eq!(is_signed(&other_magic, LENGTH), Some(false));
        other_magic[0x40] = b'N';
        for bytes in [
            &other_magic[..],
            b"\x7fELF and more",
            b"\x1f\x8b gzip",
            b"MZ, and then it ends",
            b"M",
            b"",
        ] {
            assert_eq!(is_signed(bytes, bytes.len() as u64), Some(false));
        }
    }

    /// Neither a panic nor a guess.
    #[test]
    fn a_head_that_is_too_short_says_nothing() {
        let whole = head(PE32_PLUS, 16, TABLE);
        let needed = 0x44 + COFF + PE32_PLUS.1 + 4 + (CERTIFICATES + 1) * DIRECTORY;
        for length in 0..needed {
            let said = is_signed(&whole[..length], LENGTH);
            assert_eq!(said, None, "{length}");
        }
        assert_eq!(is_signed(&whole[..needed], LENGTH), Some(true));
        let mut far = whole;
        for pointer in [HEAD as u32, u32::MAX] {
            far[AT_POINTER..AT_POINTER + 4].copy_from_slice(&pointer.to_le_bytes());
            assert_eq!(is_signed(&far, LENGTH), None, "{pointer}");
        }
    }
}
