//! Whether a machine has the memory for a system, told before the first byte is fetched.
//!
//! A pure rule over figures: only what certainly cannot work is refused. What counts is what is fetched: of a
//! folder that holds more than a kernel and its initrds, those alone, with the bytes of their
//! neighbours that come with the first and last piece of each. They are verified where they lie; there is no
//! second copy of them until the kernel makes its own.

use catalog::Method;
use metainfo::Info;
use swarm::net::Wanted;

/// What starting by kexec takes of all memory, in tenths of the initrds: where they lie, once more in the
/// kernel's buffer, in its segments, and unpacked. Measured: an initrd of 150 MB starts on a machine of
/// 768 MiB, whose kernel manages 743 MB, and not on one of 640, which has 611: 4.1 times is too
/// little and 4.9 enough.
const KEXEC_TENTHS: u64 = 45;

/// What a system takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// All that is fetched.
    pub files: u64,
    /// Those of them that the kernel copies when it starts: the initrds, 0 for other methods.
    pub initrds: u64,
}

/// What a machine has, in bytes; 0 where it is not known, which refuses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All memory that the kernel manages.
    pub total: u64,
    /// What it can still give away, with what the system's files occupy already.
    pub free: u64,
}

impl Need {
    /// What a torrent's system takes when these files are fetched and it is started so.
    pub fn of(info: &Info, wanted: &Wanted, method: &Method) -> Need {
        let named: &[String] = match method {
            Method::Kexec { initrd, .. } => initrd,
            Method::Bin { .. } | Method::Qemu { .. } | Method::Local => &[],
        };
        let length = |path: &String| {
            let mut files = info.files.iter();
            let file = files.find(|file| file.path.join("/") == *path);
            file.map_or(0, |file| file.length)
        };
        Need {
            files: wanted.fetched_bytes(info),
            initrds: named.iter().map(length).sum(),
        }
    }

    /// Whether that can work.
    ///
    /// # Errors
    /// One sentence with the figures when it cannot.
    pub fn fits(self, memory: Memory) -> Result<(), String> {
        let Need { files, initrds } = self;
        if memory.free > 0 && files > memory.free {
            return Err(format!(
                "this system needs {} of memory for the files that are fetched; this machine has room for {}",
                report::bytes(files),
                report::bytes(memory.free)
            ));
        }
        let beyond = initrds.saturating_mul(KEXEC_TENTHS) / 10;
        let start = files.saturating_sub(initrds).saturating_add(beyond);
        if memory.total > 0 && initrds > 0 && start > memory.total {
            return Err(format!(
                "starting this system takes about {} of memory, because its initrd of {} is copied and \
                 unpacked; this machine has {}",
                report::bytes(start),
                report::bytes(initrds),
                report::bytes(memory.total)
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::FileEntry;

    fn need(files: u64, initrds: u64) -> Need {
        Need { files, initrds }
    }

    fn memory(total: u64, free: u64) -> Memory {
        Memory { total, free }
    }

    /// The two machines of the measurement, with the 8 MB of a kernel.
    #[test]
    fn what_was_seen_to_work_is_let_through_and_what_was_not_is_refused() {
        let debian = need(158_000_000, 150_000_000);
        assert_eq!(debian.fits(memory(725_696 << 10, 637_788 << 10)), Ok(()));
        let said = debian
            .fits(memory(596_672 << 10, 518_916 << 10))
            .unwrap_err();
        assert_eq!(
            said,
            "starting this system takes about 683.0 MB of memory, because its initrd of 150.0 MB is \
             copied and unpacked; this machine has 611.0 MB"
        );
    }

    #[test]
    fn files_that_do_not_fit_are_refused_with_both_figures() {
        let said = need(5_000_000_000, 0).fits(memory(4_000_000_000, 3_700_000_000));
        assert_eq!(
            said.unwrap_err(),
            "this system needs 5.0 GB of memory for the files that are fetched; this machine has room \
             for 3.7 GB"
        );
    }

    #[test]
    fn what_is_not_known_refuses_nothing_and_no_size_overflows() {
        let huge = need(u64::MAX, u64::MAX);
        assert_eq!(huge.fits(memory(0, 0)), Ok(()));
        assert!(huge.fits(memory(1, 0)).is_err());
        assert!(huge.fits(memory(0, 1)).is_err());
        assert_eq!(
            need(100, 0).fits(memory(10, 100)),
            Ok(()),
            "it may be in swap"
        );
    }

    #[test]
    fn what_is_fetched_counts_and_only_a_kernel_s_initrds_are_copied() {
        let file = |path: &str, length| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length,
        };
        let info = Info {
            name: "tiny".into(),
            piece_length: 65536,
            // The other system's image begins in the kernel's last piece.
            pieces: vec![[0; 20]; 3],
            files: vec![
                file("boot/a.gz", 5),
                file("b", 7),
                file("vmlinuz", 11),
                file("other.img", 150_000),
            ],
            private: false,
            single_file: false,
        };
        let kexec = Method::Kexec {
            kernel: "vmlinuz".into(),
            initrd: vec!["boot/a.gz".into(), "b".into(), "missing".into()],
            cmdline: String::new(),
        };
        let guest = Method::Qemu {
            args: "-fda b".into(),
        };
        let some = Wanted::named(&info, ["vmlinuz", "boot/a.gz", "b"]).unwrap();
        assert_eq!(Need::of(&info, &some, &kexec), need(65_536, 12));
        let all = Wanted::Everything;
        assert_eq!(Need::of(&info, &all, &guest), need(150_023, 0));
    }
}
