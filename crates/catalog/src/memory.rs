//! Whether a machine has the memory for a system, told before the first byte is fetched, and by the server's `check`.
//!
//! A pure rule over figures: only what certainly cannot work is refused, and of what may fail while it runs there is a
//! warning. A guest is of the second kind: QEMU takes its memory from the machine as the guest touches it. What counts is
//! what is fetched: of a folder that holds more than a kernel and what goes into its root, those alone, with the bytes of
//! their neighbours that come with the first and last piece of each. They are verified where they lie; there is no
//! second copy of them until the kernel makes its own.

use crate::Method;

pub mod guest;

/// What phase 1 itself takes of the memory that the kernel manages, in bytes.
const PHASE_1: u64 = 160_000_000;
/// What starting by kexec takes besides, in tenths of the initrds. Before the new kernel begins they are in memory twice (the
/// file and the kernel's buffer, then that and its segments); then once, and unpacked, which is more. This relies on the
/// client emptying the file between its reading and the copy into segments, as it does from 8 MB on; the third copy of a
/// smaller one is within what phase 1 is given. Measured: an initrd of 150 MB starts on a machine of 768 MiB, whose kernel
/// manages 743 MB, and not on one of 640, which has 611.
const KEXEC_TENTHS: u64 = 38;
/// The same of files that are handed on with them. They are not unpacked to something larger, so they are in memory twice
/// before the new kernel begins and twice in it, on the same condition.
const HANDED_ON_TENTHS: u64 = 21;

/// What a system takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// All that is fetched.
    pub files: u64,
    /// Those of them that the kernel copies and unpacks when it starts: the initrds, 0 for other methods.
    pub initrds: u64,
    /// Those of them that the kernel copies with the initrds as they are.
    pub handed_on: u64,
    /// What a guest takes beside all files: its own memory and QEMU, 0 for other methods.
    pub guest: u64,
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
    /// What a system of this method takes where `fetched` bytes are fetched and a file of its folder has `length` bytes.
    pub fn of(method: &Method, fetched: u64, length: impl Fn(&String) -> u64) -> Need {
        let (initrds, handed_on): (&[String], &[String]) = match method {
            Method::Kexec { initrd, files, .. } => (initrd, files),
            Method::Bin { .. } | Method::Qemu { .. } | Method::Local => (&[], &[]),
        };
        let guest = match method {
            Method::Qemu { args } => guest::takes(args),
            Method::Kexec { .. } | Method::Bin { .. } | Method::Local => 0,
        };
        Need {
            files: fetched,
            initrds: initrds.iter().map(&length).sum(),
            handed_on: handed_on.iter().map(&length).sum(),
            guest,
        }
    }

    /// What starting it takes of all memory that a kernel manages, in bytes.
    #[must_use]
    pub fn to_start(self) -> u64 {
        let tenths = |bytes: u64, tenths: u64| (bytes / 10).saturating_mul(tenths);
        let beyond = tenths(self.initrds, KEXEC_TENTHS);
        let beyond = beyond.saturating_add(tenths(self.handed_on, HANDED_ON_TENTHS));
        let beyond = beyond.saturating_add(PHASE_1);
        self.held()
            .saturating_sub(self.copied())
            .saturating_add(beyond)
    }

    /// The same system, where so many more bytes are fetched with it: the layer that it runs in.
    #[must_use]
    pub fn beside(self, layer: u64) -> Need {
        Need {
            files: self.files.saturating_add(layer),
            ..self
        }
    }

    /// What must be built into a machine for that, in bytes. Its kernel manages less: of 768 MiB, 743 MB.
    #[must_use]
    pub fn installed(self) -> u64 {
        let start = self.to_start();
        start.saturating_add(start / 50).saturating_add(50_000_000)
    }

    /// What is in memory at the same time while phase 1 goes on.
    fn held(self) -> u64 {
        self.files.saturating_add(self.guest)
    }

    /// The same with the least of a guest.
    fn held_at_least(self) -> u64 {
        self.files.saturating_add(guest::at_least(self.guest))
    }

    fn copied(self) -> u64 {
        self.initrds.saturating_add(self.handed_on)
    }

    /// Whether that can work.
    ///
    /// # Errors
    /// One sentence with the figures when it cannot.
    pub fn fits(self, memory: Memory) -> Result<(), String> {
        let least = self.held_at_least();
        if memory.free > 0 && least > memory.free {
            let what = match guest::at_least(self.guest) {
                0 => "for the files that are fetched".to_owned(),
                guest => format!(
                    "for the files that are fetched ({}) and for QEMU with the least guest ({})",
                    report::bytes(self.files),
                    report::bytes(guest)
                ),
            };
            return Err(format!(
                "this system needs {} of memory {what}; this machine has room for {}",
                report::bytes(least),
                report::bytes(memory.free)
            ));
        }
        let asked = guest::own(self.guest);
        if memory.total > 0 && asked > memory.total {
            return Err(format!(
                "this system's guest asks for {} of memory (-m in its args); this machine has {} in all",
                report::bytes(asked),
                report::bytes(memory.total)
            ));
        }
        let (start, copied) = (self.to_start(), self.copied());
        if memory.total > 0 && copied > 0 && start > memory.total {
            return Err(format!(
                "starting this system takes about {} of memory, because its initrd of {} is copied and \
                 unpacked; this machine has {}",
                report::bytes(start),
                report::bytes(copied),
                report::bytes(memory.total)
            ));
        }
        Ok(())
    }

    /// What may go wrong while it runs, where it is not refused: its guest may use more than there will be. A sentence.
    pub fn warning(self, memory: Memory) -> Option<String> {
        if memory.free == 0 || self.held() <= memory.free || self.fits(memory).is_err() {
            return None;
        }
        let asked = guest::own(self.guest);
        let beside = self.held().saturating_sub(asked);
        Some(format!(
            "Its guest asks for {} of memory; this machine will have {} free for it: it may run out.",
            report::bytes(asked),
            report::bytes(memory.free.saturating_sub(beside))
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(files: u64, initrds: u64) -> Need {
        Need {
            files,
            initrds,
            ..Need::default()
        }
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
            "starting this system takes about 738.0 MB of memory, because its initrd of 150.0 MB is \
             copied and unpacked; this machine has 611.0 MB"
        );
    }

    #[test]
    fn what_is_handed_on_is_in_memory_twice() {
        let live = Need {
            files: 1_640_000_000,
            initrds: 30_000_000,
            handed_on: 1_600_000_000,
            guest: 0,
        };
        assert_eq!(
            live.to_start(),
            160_000_000 + 10_000_000 + 114_000_000 + 3_360_000_000
        );
        let said = live.fits(memory(3_600_000_000, 3_400_000_000)).unwrap_err();
        assert!(said.contains("3.6 GB") && said.contains("1.6 GB"), "{said}");
        assert_eq!(live.fits(memory(3_700_000_000, 3_400_000_000)), Ok(()));
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
    fn the_layer_of_a_guest_counts() {
        let guest = need(80_000_000, 0);
        let memory = memory(300_000_000, 90_000_000);
        assert_eq!(guest.fits(memory), Ok(()));
        let said = guest.beside(20_000_000).fits(memory).unwrap_err();
        assert!(said.contains("100.0 MB"), "{said}");
        assert_eq!(guest.beside(u64::MAX).files, u64::MAX);
    }

    #[test]
    fn a_guest_s_own_memory_counts_and_a_program_s_folder_alone() {
        let nothing = |_: &String| 0;
        let args = "-m 1G -cdrom a.iso".to_owned();
        let guest = Need::of(&Method::Qemu { args }, 100_000_000, nothing);
        assert_eq!(guest.guest, (1 << 30) + guest::QEMU);
        let all = guest.beside(20_000_000);
        assert_eq!(all.to_start(), 160_000_000 + 120_000_000 + guest.guest);
        let (bin, args) = ("tool".to_owned(), String::new());
        let program = Need::of(&Method::Bin { bin, args }, 100_000_000, nothing);
        assert_eq!(program, need(100_000_000, 0));
        let args = String::new();
        let unsaid = Need::of(&Method::Qemu { args }, 0, nothing);
        assert_eq!(unsaid.guest, guest::LEAST + guest::QEMU);
    }

    /// QEMU takes its guest's memory as it is touched.
    #[test]
    fn a_guest_is_refused_only_where_the_least_one_has_no_room_or_the_machine_is_smaller() {
        let guest = |args: &str| {
            let args = args.to_owned();
            Need::of(&Method::Qemu { args }, 120_000_000, |_| 0)
        };
        let all = memory(2_000_000_000, 1_300_000_000);
        let little = memory(2_000_000_000, 700_000_000);
        let least = memory(2_000_000_000, 120_000_000 + (224 << 20));
        let less = memory(2_000_000_000, least.free - 1);
        let warned = "Its guest asks for 1.1 GB of memory; this machine will have 479.3 MB free for it: it may run out.";
        let table = [
            ("-m 1G", all, Ok(None)),
            ("-m 1G", little, Ok(Some(warned))),
            ("", least, Ok(None)),
            ("-m 2000000000b", least, Ok(Some("asks for 2.0 GB"))),
            (
                "-m 2000000001b",
                all,
                Err("asks for 2.0 GB of memory (-m in its args); this machine has 2.0 GB in all"),
            ),
            (
                "-m 1000E",
                memory(0, 1_300_000_000),
                Ok(Some("it may run out")),
            ),
            ("-m 32", less, Ok(None)),
            ("-m 1G", memory(0, 0), Ok(None)),
            (
                "-m 1G",
                less,
                Err(
                    "this system needs 354.9 MB of memory for the files that are fetched (120.0 MB) and for QEMU with the least guest (234.9 MB); this machine has room for 354.9 MB",
                ),
            ),
        ];
        for (args, memory, expected) in table {
            let need = guest(args);
            let (refusal, warning) = (need.fits(memory), need.warning(memory));
            match expected {
                Ok(None) => assert_eq!((refusal, warning), (Ok(()), None), "{args}"),
                Ok(Some(words)) => {
                    assert_eq!(refusal, Ok(()), "{args}");
                    assert!(
                        warning.as_ref().is_some_and(|said| said.contains(words)),
                        "{warning:?}"
                    );
                }
                Err(words) => {
                    assert!(
                        refusal.as_ref().is_err_and(|said| said.contains(words)),
                        "{refusal:?}"
                    );
                    assert_eq!(warning, None, "{args}");
                }
            }
        }
        assert_eq!(need(5, 0).warning(memory(4, 4)), None);
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
}
