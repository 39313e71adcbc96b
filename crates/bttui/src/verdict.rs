//! Whether this machine can run a system, and what choosing it will do: decided before a byte is fetched.
//!
//! Only values: what the machine is and what the server says of the system go in, sentences come out. Refused is only
//! what certainly cannot work; what is not known refuses nothing, and whoever downloads or starts has the last word.

use catalog::Method;
use catalog::manifest::Entry;
use catalog::memory::{Memory, Need};

use crate::{menu, qemu};

/// Why a machine with such firmware starts no kernel by kexec, with the remedy.
pub const UEFI_32_BITS: &str = "the UEFI of this machine has 32 bits, and a kernel that uses it cannot start another one. \
                                Boot phase 1 with efi=noruntime on its command line, as this server's grub.cfg does.";

/// What this machine is, as far as it decides which systems can run. The default knows nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its memory before anything was fetched, in bytes.
    pub memory: Memory,
    /// Whether Secure Boot lets the running kernel start signed kernels alone.
    pub only_signed: bool,
    /// Whether the running kernel uses the services of 32-bit UEFI, and so can start no other.
    pub uefi_32_bits: bool,
    /// Whether the processor can run guests (VT-x or AMD-V).
    pub hosts_guests: bool,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine {
            memory: Memory { total: 0, free: 0 },
            only_signed: false,
            uefi_32_bits: false,
            hosts_guests: false,
        }
    }
}

/// What is known of one system.
#[derive(Copy, Clone, Debug)]
pub struct Case<'a> {
    /// What the server says.
    pub entry: &'a Entry,
    /// What it takes of the memory, with the layer it runs in; nothing where its torrent could not be read.
    pub need: Option<Need>,
    /// Whether the server has QEMU.
    pub has_qemu: bool,
}

impl Case<'_> {
    /// Why it cannot run on this machine, in one or a few sentences with the remedy; nothing where it may.
    pub fn refusal(&self, machine: &Machine) -> Option<String> {
        let of_method = match &self.entry.method {
            Method::Local => return None,
            Method::Kexec { .. } if machine.uefi_32_bits => Some(capital(UEFI_32_BITS)),
            Method::Kexec { .. } if machine.only_signed && self.entry.signed == Some(false) => {
                Some(
                    "Secure Boot is on, and this kernel has no signature. Use the distribution's signed kernel, or turn \
                     Secure Boot off."
                        .to_owned(),
                )
            }
            Method::Qemu { .. } if !self.has_qemu => Some(
                "This server has no QEMU for a virtual machine (method bin-qemu-x86_64). Choose another system."
                    .to_owned(),
            ),
            Method::Kexec { .. } | Method::Bin { .. } | Method::Qemu { .. } => None,
        };
        let unfit = || self.entry.unfit.as_deref().map(sentence);
        let memory = || Some(sentence(&self.need?.fits(machine.memory).err()?));
        of_method.or_else(unfit).or_else(memory)
    }

    /// What a person must know before choosing it, where it is not refused: a sentence.
    pub fn warning(&self, machine: &Machine) -> Option<String> {
        let of_kernel = menu::warning(machine.only_signed, self.entry).map(str::to_owned);
        of_kernel.or_else(|| self.need?.warning(machine.memory))
    }

    /// What choosing it will do on this machine, in a sentence.
    pub fn plan(&self, machine: &Machine) -> String {
        let entry = self.entry;
        let inferred = match entry.inferred {
            true => " (no config.yaml: inferred)",
            false => "",
        };
        match &entry.method {
            Method::Kexec { kernel, initrd, .. } if entry.inferred => {
                let beside = match initrd.as_slice() {
                    [] => String::new(),
                    some => format!(" with {}", some.join(", ")),
                };
                format!("Starts the kernel {kernel}{beside}{inferred}.")
            }
            Method::Kexec { .. } => {
                "Starts its own kernel, which takes over this machine.".to_owned()
            }
            Method::Bin { bin, .. } => {
                format!("Runs the program {bin} here{inferred}, then comes back to the menu.")
            }
            Method::Qemu { args } => {
                let how = match machine.hosts_guests {
                    _ if qemu::names_accelerator(args) => "as its args say",
                    true => "with KVM",
                    false => "emulated, without KVM: slow",
                };
                format!("Runs in QEMU{inferred}, {how}, then comes back to the menu.")
            }
            Method::Local => {
                "Restarts this machine; its firmware goes on with its own disk.".to_owned()
            }
        }
    }

    /// What it takes and what this machine has, in a sentence; nothing where nothing is fetched.
    pub fn cost(&self, machine: &Machine) -> Option<String> {
        let need = self.need.filter(|_| self.entry.method != Method::Local)?;
        let fetched = report::bytes(need.files);
        // A guest's memory is taken as it is touched.
        let takes = match need.guest {
            0 => report::bytes(need.to_start()),
            _ => format!("up to {}", report::bytes(need.to_start())),
        };
        Some(match machine.memory.total {
            0 => format!("Fetches {fetched}; takes {takes} of memory."),
            total => format!(
                "Fetches {fetched}; takes {takes} of memory, this machine has {}.",
                report::bytes(total)
            ),
        })
    }
}

/// A clause as a sentence of its own.
fn sentence(clause: &str) -> String {
    let stop = if clause.ends_with('.') { "" } else { "." };
    // The name of a file stays as it is written.
    match clause.starts_with("this ") || clause.starts_with("starting ") {
        true => capital(clause) + stop,
        false => format!("{clause}{stop}"),
    }
}

fn capital(clause: &str) -> String {
    let mut letters = clause.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(method: Method) -> Entry {
        Entry {
            name: "tiny".into(),
            dispname: "Tiny".into(),
            method,
            torrent: "tiny.torrent".into(),
            size: 158_000_000,
            info_hash: String::new(),
            files: Vec::new(),
            signed: None,
            unfit: None,
            inferred: false,
        }
    }

    fn kexec() -> Method {
        Method::Kexec {
            kernel: "vmlinuz".into(),
            initrd: vec!["initrd.img".into()],
            files: Vec::new(),
            cmdline: String::new(),
        }
    }

    fn bin() -> Method {
        Method::Bin {
            bin: "tool".into(),
            args: String::new(),
        }
    }

    fn qemu(args: &str) -> Method {
        Method::Qemu { args: args.into() }
    }

    fn case(entry: &Entry) -> Case<'_> {
        Case {
            entry,
            need: None,
            has_qemu: true,
        }
    }

    #[test]
    fn what_certainly_cannot_run_is_refused_with_its_reason() {
        let secure = Machine {
            only_signed: true,
            ..Machine::default()
        };
        let narrow = Machine {
            uefi_32_bits: true,
            ..Machine::default()
        };
        let unsigned = Entry {
            signed: Some(false),
            ..entry(kexec())
        };
        let signed = Entry {
            signed: Some(true),
            ..entry(kexec())
        };
        let foreign = Entry {
            unfit: Some(
                "tool is a program for ARM64 (64 bits), and this is an x86-64 machine".into(),
            ),
            ..entry(bin())
        };
        let plain = Machine::default();
        for (entry, machine, expected) in [
            (&unsigned, secure, Some("Secure Boot")),
            (&unsigned, plain, None),
            (&signed, secure, None),
            (&entry(kexec()), secure, None),
            (
                &entry(kexec()),
                narrow,
                Some(
                    "The UEFI of this machine has 32 bits, and a kernel that uses it cannot start another one. Boot",
                ),
            ),
            (&entry(bin()), narrow, None),
            (&entry(qemu("")), narrow, None),
            (&foreign, plain, Some("tool is a program for ARM64")),
            (&entry(Method::Local), narrow, None),
        ] {
            let said = case(entry).refusal(&machine);
            match expected {
                Some(words) => assert!(
                    said.as_ref().is_some_and(|said| said.contains(words)),
                    "{said:?}"
                ),
                None => assert_eq!(said, None, "{entry:?}"),
            }
        }
        let without = Entry { ..entry(qemu("")) };
        let without = Case {
            has_qemu: false,
            ..case(&without)
        };
        assert!(
            without
                .refusal(&plain)
                .expect("refused")
                .contains("no QEMU")
        );
    }

    #[test]
    fn memory_is_told_before_the_download_and_slowness_refuses_nothing() {
        let of = |total: u64| Machine {
            memory: Memory {
                total,
                free: total - 100_000_000,
            },
            ..Machine::default()
        };
        let debian = entry(kexec());
        let debian = Case {
            need: Some(Need {
                files: 158_000_000,
                initrds: 150_000_000,
                ..Need::default()
            }),
            ..case(&debian)
        };
        assert_eq!(debian.refusal(&of(743_000_000)), None);
        let said = debian.refusal(&of(611_000_000)).expect("too small");
        assert!(
            said.starts_with("Starting this system takes about 738.0 MB"),
            "{said}"
        );
        assert_eq!(
            debian.cost(&of(743_000_000)).as_deref(),
            Some("Fetches 158.0 MB; takes 738.0 MB of memory, this machine has 743.0 MB.")
        );
        assert_eq!(
            debian.refusal(&Machine::default()),
            None,
            "nothing is known"
        );
        assert_eq!(case(&entry(qemu(""))).refusal(&of(1 << 30)), None);
    }

    #[test]
    fn a_guest_that_asks_for_more_than_is_free_is_warned_of_and_not_refused() {
        let small = Machine {
            memory: Memory {
                total: 2_200_000_000,
                free: 1_700_000_000,
            },
            ..Machine::default()
        };
        let of = |entry: &Entry| {
            let need = Need::of(&entry.method, 100_000_000, |_| 0);
            let case = Case {
                need: Some(need),
                ..case(entry)
            };
            (
                case.refusal(&small),
                case.warning(&small),
                case.cost(&small),
            )
        };
        let (refusal, warning, cost) = of(&entry(qemu("-m 2000000000b")));
        assert_eq!(refusal, None);
        assert_eq!(
            warning.as_deref(),
            Some(
                "Its guest asks for 2.0 GB of memory; this machine will have 1.5 GB free for it: it may run out."
            )
        );
        let cost = cost.expect("a figure");
        assert!(cost.contains("takes up to 2.4 GB"), "{cost}");
        let (refusal, warning, _) = of(&entry(qemu("-m 3G")));
        let refusal = refusal.expect("more than all of it");
        assert!(
            refusal.starts_with("This system's guest asks for 3.2 GB"),
            "{refusal}"
        );
        assert_eq!(warning, None);
        assert_eq!(of(&entry(qemu("-m 1G"))).1, None);
        let secure = Machine {
            only_signed: true,
            ..small
        };
        let said = case(&entry(kexec())).warning(&secure);
        assert!(said.is_some_and(|said| said.contains("Secure Boot")));
    }

    #[test]
    fn what_it_will_do_is_said() {
        let kvm = Machine {
            hosts_guests: true,
            ..Machine::default()
        };
        let inferred = Entry {
            inferred: true,
            ..entry(kexec())
        };
        for (entry, machine, words) in [
            (entry(kexec()), kvm, "takes over this machine"),
            (
                inferred,
                kvm,
                "vmlinuz with initrd.img (no config.yaml: inferred)",
            ),
            (entry(bin()), kvm, "the program tool here"),
            (entry(qemu("")), kvm, "with KVM"),
            (entry(qemu("")), Machine::default(), "without KVM: slow"),
            (entry(qemu("-accel tcg")), kvm, "as its args say"),
            (entry(Method::Local), kvm, "own disk"),
        ] {
            let said = case(&entry).plan(&machine);
            assert!(said.contains(words), "{said}");
            assert!(said.len() <= 76, "one line: {said}");
        }
    }
}
