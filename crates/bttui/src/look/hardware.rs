//! What the machine is made of, as text: processors, memory, firmware, PCI devices, disks. Reads `/proc` and `/sys` and
//! opens no device. Serial numbers are left out: nobody needs them to find a missing driver.

use std::fmt::Write;

use super::tree::Tree;
use crate::facts;

/// Everything, below `root` (`/` on a machine).
pub(super) fn hardware(root: &Tree) -> String {
    let mut text = String::new();
    machine(root, &mut text);
    processors(&root.text("proc/cpuinfo"), &mut text);
    memory(&root.text("proc/meminfo"), &mut text);
    pci(root, &mut text);
    disks(root, &mut text);
    text
}

/// What DMI calls it (SMBIOS), who made its firmware, and which kind that is.
fn machine(root: &Tree, text: &mut String) {
    let dmi = |names: &[&str]| {
        let values = names
            .iter()
            .map(|name| root.text(format!("sys/class/dmi/id/{name}")));
        let values: Vec<String> = values.filter(|value| !value.is_empty()).collect();
        match values.is_empty() {
            true => "unknown".to_owned(),
            false => values.join(", "),
        }
    };
    let bits = root.text("sys/firmware/efi/fw_platform_size");
    let kind = match (root.has("sys/firmware/efi"), bits.as_str()) {
        (false, _) => "BIOS".to_owned(),
        (true, "") => "UEFI".to_owned(),
        (true, bits) => format!("UEFI with {bits} bits"),
    };
    let maker = dmi(&["bios_vendor", "bios_version", "bios_date"]);
    let _ = writeln!(
        text,
        "machine   {}",
        dmi(&["sys_vendor", "product_name", "product_version"])
    );
    let _ = writeln!(
        text,
        "board     {}",
        dmi(&["board_vendor", "board_name", "board_version"])
    );
    let _ = writeln!(text, "firmware  {kind}: {maker}");
    let _ = writeln!(text, "kernel    {}", root.text("proc/version"));
    let _ = writeln!(text, "told      {}", root.text("proc/cmdline"));
}

fn processors(cpuinfo: &str, text: &mut String) {
    let mut names: Vec<&str> = facts::values(cpuinfo, "model name").collect();
    let count = facts::processors(cpuinfo);
    names.dedup();
    let _ = writeln!(text, "\nprocessors: {count}, {}", names.join(" and "));
    let flags = facts::values(cpuinfo, "flags").next();
    let flags = flags.unwrap_or_default();
    let known = [
        ("lm", "64 bits"),
        ("vmx", "VT-x"),
        ("svm", "AMD-V"),
        ("aes", "AES"),
        ("avx2", "AVX2"),
        ("hypervisor", "virtual"),
    ];
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    let able: Vec<&str> = known
        .iter()
        .filter(|(flag, _)| has(flag))
        .map(|(_, name)| *name)
        .collect();
    if !able.is_empty() {
        let _ = writeln!(text, "  {}", able.join(", "));
    }
}

fn memory(meminfo: &str, text: &mut String) {
    text.push_str("\nmemory:\n");
    for key in ["MemTotal", "MemAvailable", "Shmem", "Slab"] {
        if let Some(bytes) = facts::memory(meminfo, key) {
            let what = match key {
                "MemTotal" => "in all",
                "MemAvailable" => "available",
                "Shmem" => "files in memory",
                _ => "the kernel's own",
            };
            let shown = report::bytes(bytes);
            let _ = writeln!(text, "  {shown:>10}  {what}");
        }
    }
}

/// Vendor and device as lspci -nn shows them, the class in words, the driver.
fn pci(root: &Tree, text: &mut String) {
    const DEVICES: &str = "sys/bus/pci/devices";
    text.push_str("\nPCI devices:\n");
    for slot in root.names(DEVICES) {
        let attribute = |name: &str| {
            let value = root.text(format!("{DEVICES}/{slot}/{name}"));
            value.trim_start_matches("0x").to_owned()
        };
        let (vendor, device, class) =
            (attribute("vendor"), attribute("device"), attribute("class"));
        let driver = root.link(format!("{DEVICES}/{slot}/driver"));
        let driver = driver.unwrap_or_else(|| "no driver".to_owned());
        let what = class_name(&class);
        let _ = writeln!(text, "  {slot}  {vendor}:{device}  {what:22}  {driver}");
    }
}

/// The PCI class code (PCI Code and ID Assignment Specification), of those that decide about a boot.
fn class_name(class: &str) -> &'static str {
    match class.get(..4).unwrap_or_default() {
        "0101" => "IDE controller",
        "0104" => "RAID controller",
        "0106" => "SATA controller",
        "0107" => "SAS controller",
        "0108" => "NVMe controller",
        "0200" => "Ethernet controller",
        "0280" => "wireless network card",
        "0600" => "host bridge",
        "0601" => "ISA bridge",
        "0604" => "PCI bridge",
        "0c03" => "USB controller",
        "0c05" => "SMBus",
        code => match code.get(..2).unwrap_or_default() {
            "01" => "storage controller",
            "02" => "network controller",
            "03" => "display controller",
            "04" => "multimedia device",
            "05" => "memory",
            "06" => "bridge",
            "07" => "communication device",
            "08" => "system device",
            "09" => "input device",
            "0c" => "serial bus",
            "0d" => "wireless controller",
            "10" => "encryption device",
            "11" => "signal processor",
            "12" => "accelerator",
            _ => "other device",
        },
    }
}

/// Disks alone: not what is only in memory.
fn disks(root: &Tree, text: &mut String) {
    text.push_str("\ndisks (never written by phase 1):\n");
    let in_memory = ["loop", "ram", "zram", "dm-", "md"];
    let is_disk = |name: &String| !in_memory.iter().any(|kind| name.starts_with(kind));
    let names: Vec<String> = root
        .names("sys/block")
        .into_iter()
        .filter(is_disk)
        .collect();
    if names.is_empty() {
        text.push_str("  none that has a driver here\n");
    }
    for name in names {
        let attribute = |file: &str| root.text(format!("sys/block/{name}/{file}"));
        // Always in sectors of 512 bytes, whatever the disk's own are.
        let sectors = root.number(format!("sys/block/{name}/size")).unwrap_or(0);
        let size = report::bytes(sectors.saturating_mul(512));
        let kind = match (
            attribute("removable").as_str(),
            attribute("queue/rotational").as_str(),
        ) {
            ("1", _) => "removable",
            (_, "1") => "turning",
            _ => "solid",
        };
        let model = format!(
            "{} {}",
            attribute("device/vendor"),
            attribute("device/model")
        );
        let _ = writeln!(text, "  {name:8} {size:>10}  {kind:9}  {}", model.trim());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_of;
    use super::*;

    #[test]
    fn a_machine_is_described() {
        let (_kept, root) = made_of(&[
            ("proc/version", "Linux version 6.12.48\n"),
            (
                "proc/cmdline",
                "BOOTIF=01-52-54-00-00-00-01 console=ttyS0\n",
            ),
            (
                "proc/cpuinfo",
                "processor\t: 0\nmodel name\t: A Processor @ 3 GHz\nflags\t\t: fpu lm vmx avx2x\n\nprocessor\t: 1\nmodel name\t: A Processor @ 3 GHz\n",
            ),
            (
                "proc/meminfo",
                "MemTotal:  1000000 kB\nMemFree: 5 kB\nMemAvailable: 500000 kB\n",
            ),
            ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
            ("sys/class/dmi/id/product_name", "Standard PC\n"),
            ("sys/class/dmi/id/product_serial", "SECRET-1\n"),
            ("sys/class/dmi/id/product_uuid", "SECRET-2\n"),
            ("sys/class/dmi/id/bios_vendor", "SeaBIOS\n"),
            ("sys/firmware/efi/fw_platform_size", "64\n"),
            ("sys/bus/pci/devices/0000:00:03.0/vendor", "0x8086\n"),
            ("sys/bus/pci/devices/0000:00:03.0/device", "0x100e\n"),
            ("sys/bus/pci/devices/0000:00:03.0/class", "0x020000\n"),
            (
                "sys/bus/pci/devices/0000:00:03.0/driver",
                "->../../../bus/pci/drivers/e1000",
            ),
            ("sys/bus/pci/devices/0000:00:02.0/vendor", "0x1234\n"),
            ("sys/bus/pci/devices/0000:00:02.0/device", "0x1111\n"),
            ("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n"),
            ("sys/block/sda/size", "1953125\n"),
            ("sys/block/sda/device/vendor", "ATA     \n"),
            ("sys/block/sda/device/model", "QEMU HARDDISK\n"),
            ("sys/block/sda/queue/rotational", "1\n"),
            ("sys/block/sda/removable", "0\n"),
            ("sys/block/nvme0n1/size", "2000\n"),
            ("sys/block/loop0/size", "8\n"),
        ]);
        let text = hardware(&root);
        for line in [
            "machine   QEMU, Standard PC",
            "board     unknown",
            "firmware  UEFI with 64 bits: SeaBIOS",
            "kernel    Linux version 6.12.48",
            "told      BOOTIF=01-52-54-00-00-00-01 console=ttyS0",
            "processors: 2, A Processor @ 3 GHz",
            "  64 bits, VT-x",
            "      1.0 GB  in all",
            "    512.0 MB  available",
            "  0000:00:03.0  8086:100e  Ethernet controller     e1000",
            "  0000:00:02.0  1234:1111  display controller      no driver",
            "  sda          1.0 GB  turning    ATA QEMU HARDDISK",
            "  nvme0n1      1.0 MB  solid      ",
        ] {
            assert!(
                text.contains(&format!("{line}\n")),
                "no {line:?} in\n{text}"
            );
        }
        assert!(
            !text.contains("SECRET") && !text.contains("loop0"),
            "{text}"
        );
    }

    #[test]
    fn a_machine_that_tells_nothing_is_described_too() {
        let (_kept, root) = made_of(&[]);
        let text = hardware(&root);
        assert!(text.contains("machine   unknown\n"), "{text}");
        assert!(text.contains("firmware  BIOS: unknown\n"), "{text}");
        assert!(text.contains("none that has a driver"), "{text}");
    }
}
