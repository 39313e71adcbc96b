//! Images of discs and disks, which start in QEMU: known by how their names end, and how QEMU is told of them.

use super::PayloadFile;

/// How names end, and the format that QEMU knows it by (qemu-img(1)); "raw" is a disk byte for byte.
const ENDINGS: [(&str, &str); 9] = [
    (".iso", ISO),
    (".img", "raw"),
    (".raw", "raw"),
    (".ima", "raw"),
    (".qcow2", "qcow2"),
    (".vmdk", "vmdk"),
    (".vdi", "vdi"),
    (".vhd", "vpc"),
    (".vhdx", "vhdx"),
];
/// Not a format, but a disc.
const ISO: &str = "iso";
/// Sizes of floppy disks in bytes: 720, 1440 and 2880 KiB. A hard disk of that size boots nothing.
const FLOPPIES: [u64; 3] = [720 << 10, 1440 << 10, 2880 << 10];

/// Whether a file's name says that it is the image of a disc or a disk. `initrd.img` is none.
#[must_use]
pub fn is_image(path: &str) -> bool {
    format(path).is_some()
}

fn format(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if name.starts_with("initrd") || name.starts_with("initramfs") {
        return None;
    }
    let mut endings = ENDINGS.iter();
    let known = endings.find(|(end, _)| name.len() > end.len() && name.ends_with(end));
    known.map(|(_, format)| *format)
}

/// What QEMU is told to start from an image; `None` where that cannot be told in words, which white space and commas
/// end.
pub(super) fn args(file: &PayloadFile) -> Option<String> {
    let path = &file.path;
    if path.contains(char::is_whitespace) || path.contains(',') {
        return None;
    }
    Some(match format(path)? {
        ISO => format!("-cdrom {path} -boot d"),
        "raw" if FLOPPIES.contains(&file.size) => {
            format!("-drive file={path},format=raw,if=floppy -boot a")
        }
        format => format!("-drive file={path},format={format}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_say_how_qemu_takes_an_image() {
        let table = [
            ("debian.iso", 1, Some("-cdrom debian.iso -boot d")),
            ("sub/Disc.ISO", 1, Some("-cdrom sub/Disc.ISO -boot d")),
            ("a.img", 1 << 30, Some("-drive file=a.img,format=raw")),
            (
                "dos.img",
                1_474_560,
                Some("-drive file=dos.img,format=raw,if=floppy -boot a"),
            ),
            (
                "a.qcow2",
                1_474_560,
                Some("-drive file=a.qcow2,format=qcow2"),
            ),
            ("a.vhd", 1, Some("-drive file=a.vhd,format=vpc")),
            ("two words.iso", 1, None),
            ("a,b.iso", 1, None),
        ];
        for (path, size, expected) in table {
            assert!(is_image(path), "{path}");
            let path = path.to_owned();
            let found = args(&PayloadFile { path, size });
            assert_eq!(found.as_deref(), expected);
        }
        for path in [
            ".iso",
            "iso",
            "initrd.img",
            "initramfs-linux.img",
            "a.iso.torrent",
            "vmlinuz",
        ] {
            assert!(!is_image(path), "{path}");
        }
    }
}
