//! What this machine is: memory, processors, network driver, kernel, read from `/proc` and `/sys`.
//! A fact that cannot be read is empty or zero; nothing here fails.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use report::Facts;

use crate::memory::Memory;
use crate::verdict::Machine;

/// Reads everything once.
pub fn gather(interface: &str, address: Ipv4Addr) -> Facts {
    let cpuinfo = read("/proc/cpuinfo");
    Facts {
        memory_bytes: memory_total(),
        cpus: processors(&cpuinfo),
        cpu: processor_name(&cpuinfo),
        nic: card(Path::new("/sys/class/net"), interface),
        address,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
    }
}

/// Bytes of memory that the kernel manages.
pub fn memory_total() -> u64 {
    memory(&read("/proc/meminfo"), "MemTotal").unwrap_or(0)
}

/// Bytes of memory the kernel can still give away without harm.
pub fn memory_available() -> u64 {
    memory(&read("/proc/meminfo"), "MemAvailable").unwrap_or(0)
}

/// What this machine has for a guest.
pub fn for_guest(frame_buffer: bool) -> crate::qemu::Machine {
    let kvm = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm");
    crate::qemu::Machine {
        total: memory_total(),
        available: memory_available(),
        cpus: processors(&read("/proc/cpuinfo")),
        kvm: kvm.is_ok(),
        frame_buffer,
    }
}

/// What decides which systems this machine can run, with the memory it has for them.
pub fn machine(memory: Memory) -> Machine {
    Machine {
        memory,
        only_signed: only_signed_kernels(),
        uefi_32_bits: uses_32_bit_uefi(),
        hosts_guests: can_host_guests(&read("/proc/cpuinfo")),
    }
}

/// Whether this kernel starts signed kernels alone, as it does under Secure Boot.
pub fn only_signed_kernels() -> bool {
    is_locked(&read("/sys/kernel/security/lockdown"))
}

/// Whether this kernel uses the services of 32-bit UEFI: then it starts no other kernel.
pub fn uses_32_bit_uefi() -> bool {
    uses_32_bits(
        &read("/sys/firmware/efi/fw_platform_size"),
        &read("/proc/cmdline"),
    )
}

/// Time since the kernel started, in milliseconds, for the server's timeline.
pub fn uptime_ms() -> u64 {
    uptime(&read("/proc/uptime"))
}

/// `none [integrity] confidentiality`: the level in brackets holds (kernel_lockdown(7)). Without the
/// file there is nothing that could lock.
fn is_locked(lockdown: &str) -> bool {
    let levels = ["[integrity]", "[confidentiality]"];
    levels.iter().any(|level| lockdown.contains(level))
}

/// `noefi` and `efi=noruntime` leave UEFI's services alone (kernel-parameters.txt).
fn uses_32_bits(platform_size: &str, cmdline: &str) -> bool {
    let is_off = |word: &str| {
        let of_efi = word.strip_prefix("efi=").unwrap_or_default();
        word == "noefi" || of_efi.split(',').any(|flag| flag == "noruntime")
    };
    platform_size.trim() == "32" && !cmdline.split_whitespace().any(is_off)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// One line of `/proc/meminfo` in bytes; the file counts in KiB.
pub(crate) fn memory(meminfo: &str, key: &str) -> Option<u64> {
    let value = values(meminfo, key).next()?;
    let kib = value.split_whitespace().next()?.parse::<u64>().ok()?;
    Some(kib.saturating_mul(1024))
}

/// What stands behind a key of `/proc/cpuinfo` or `/proc/meminfo`, in every line that begins with it.
pub(crate) fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.filter(move |(name, _)| name.trim() == key);
    found.map(|(_, value)| value.trim())
}

/// Logical processors.
pub(crate) fn processors(cpuinfo: &str) -> u32 {
    let count = values(cpuinfo, "processor").count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Intel's and AMD's flag; kernels clear it where the firmware has turned it off.
fn can_host_guests(cpuinfo: &str) -> bool {
    let flags = values(cpuinfo, "flags").next().unwrap_or_default();
    let mut flags = flags.split_whitespace();
    flags.any(|flag| matches!(flag, "vmx" | "svm"))
}

/// The marketing name without the ornaments that fill half of it.
fn processor_name(cpuinfo: &str) -> String {
    let name = values(cpuinfo, "model name").next().unwrap_or_default();
    let plain = name
        .replace("(R)", "")
        .replace("(TM)", "")
        .replace("(tm)", "");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The interface with its driver and the link's speed: `eth0 (e1000e), 1000 Mbit/s`. Virtual cards have no speed.
fn card(class_net: &Path, interface: &str) -> String {
    let folder = class_net.join(interface);
    let driver = fs::read_link(folder.join("device/driver")).ok();
    let driver = driver.and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
    let speed = fs::read_to_string(folder.join("speed")).unwrap_or_default();
    let speed = speed
        .trim()
        .parse::<u32>()
        .ok()
        .filter(|mbit| *mbit > 0 && *mbit < u32::MAX);
    let driver = driver.map_or_else(String::new, |driver| format!(" ({driver})"));
    match speed {
        Some(mbit) => format!("{interface}{driver}, {mbit} Mbit/s"),
        None => format!("{interface}{driver}, no link speed known"),
    }
}

fn uptime(text: &str) -> u64 {
    let seconds: f64 = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0);
    (seconds * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-4590 CPU   @ 3.30GHz\n\nprocessor\t: 1\nmodel name\t: Intel(R) Core(TM) i5-4590 CPU   @ 3.30GHz\n";

    #[test]
    fn the_kernel_s_texts_are_understood() {
        assert_eq!(
            memory("MemTotal:       16307460 kB\nMemFree: 1 kB\n", "MemTotal"),
            Some(16_307_460 * 1024)
        );
        assert_eq!(processors(CPUINFO), 2);
        assert_eq!(processor_name(CPUINFO), "Intel Core i5-4590 CPU @ 3.30GHz");
        assert!(can_host_guests("flags\t\t: fpu vmx sse\n"));
        assert!(can_host_guests("flags : svm\n") && !can_host_guests("flags : fpu vmxoff\n"));
        assert_eq!(uptime("12.34 45.67\n"), 12_340);
        assert!(uses_32_bits("32\n", "quiet\n"));
        for (size, line) in [
            ("64\n", "quiet"),
            ("", ""),
            ("32\n", "quiet efi=debug,noruntime\n"),
            ("32\n", "noefi"),
        ] {
            assert!(!uses_32_bits(size, line), "{size}{line}");
        }
        assert!(is_locked("none [integrity] confidentiality\n"));
        assert!(is_locked("none integrity [confidentiality]\n"));
        assert!(!is_locked("[none] integrity confidentiality\n"));
    }

    #[test]
    fn texts_that_are_not_there_give_nothing() {
        assert_eq!(memory("", "MemTotal"), None);
        assert_eq!(memory("MemTotal: lots\n", "MemTotal"), None);
        assert_eq!((processors(""), processor_name("").as_str()), (0, ""));
        assert_eq!(uptime("-"), 0);
        assert!(!is_locked(""));
        let said = card(Path::new("/nonexistent"), "eth0");
        assert_eq!(said, "eth0, no link speed known");
    }

    #[test]
    fn the_card_is_named_with_driver_and_speed() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("eth0/device")).expect("eth0");
        std::os::unix::fs::symlink(
            "../../../bus/pci/drivers/e1000",
            root.path().join("eth0/device/driver"),
        )
        .expect("a link");
        assert_eq!(
            card(root.path(), "eth0"),
            "eth0 (e1000), no link speed known"
        );
        for (speed, expected) in [
            ("1000\n", "eth0 (e1000), 1000 Mbit/s"),
            ("-1\n", "eth0 (e1000), no link speed known"),
        ] {
            fs::write(root.path().join("eth0/speed"), speed).expect("a speed");
            assert_eq!(card(root.path(), "eth0"), expected);
        }
    }
}
