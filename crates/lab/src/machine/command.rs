//! QEMU's command line for a machine. Starts nothing.

use std::path::Path;

use super::{Nic, Spec};
use crate::Accelerator;

/// What a machine is connected to on this computer.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    /// The tap that is its network cable.
    pub(super) tap: &'a str,
    /// The socket of its serial line.
    pub(super) serial: &'a Path,
    /// The socket of QEMU's monitor.
    pub(super) monitor: &'a Path,
    /// Its own copy of the firmware's variables.
    pub(super) variables: &'a Path,
}

/// The words after the program's name. The machine starts frozen.
pub(super) fn arguments(spec: &Spec, ends: &Ends<'_>, here: Accelerator) -> Vec<String> {
    let parts = spec.firmware.parts();
    let accelerator = match parts.native {
        true => here,
        false => Accelerator::Tcg,
    };
    let line = format!(
        "-name {} {} -accel {} -m {} -nodefaults -display none -S \
         -netdev tap,id=wire,ifname={},script=no,downscript=no -device {} -serial chardev:line",
        spec.name,
        parts.board,
        accelerator.name(),
        spec.memory_mib,
        ends.tap,
        card(spec),
    );
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    // Paths may hold spaces, and a comma is written twice.
    let path = |path: &Path| path.display().to_string().replace(',', ",,");
    if let Some(flash) = &parts.flash {
        let chip = |unit: u8, rights: &str, file: &Path| {
            let file = path(file);
            format!("if=pflash,format=raw,unit={unit},{rights}file={file}")
        };
        let code = chip(0, "readonly=on,", Path::new(flash.code));
        let variables = chip(1, "", ends.variables);
        words.extend(["-drive".to_owned(), code, "-drive".to_owned(), variables]);
    }
    if let Some(disk) = &spec.disk {
        let snapshot = if spec.keeps_disk { "off" } else { "on" };
        let file = path(disk);
        let drive = format!("if=none,id=disk,format=raw,snapshot={snapshot},file={file}");
        let device = "virtio-blk-pci,drive=disk,bootindex=1".to_owned();
        words.extend(["-drive".to_owned(), drive, "-device".to_owned(), device]);
    }
    let line = format!(
        "socket,id=line,path={},server=on,wait=off",
        path(ends.serial)
    );
    let monitor = format!("unix:{},server=on,wait=off", path(ends.monitor));
    words.extend(["-chardev".to_owned(), line, "-qmp".to_owned(), monitor]);
    words
}

/// The network card, first in the boot order.
fn card(spec: &Spec) -> String {
    // EDK2 has a driver of its own for the paravirtual card alone; for the other it needs the one in
    // the card's ROM, iPXE's.
    let rom = match (spec.firmware.speaks_itself(), spec.nic) {
        (true, Nic::Virtio) => ",romfile=",
        _ => "",
    };
    let (device, mac) = (spec.nic.device(), &spec.mac);
    format!("{device},netdev=wire,mac={mac},bootindex=0{rom}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Firmware;

    fn line(firmware: Firmware, nic: Nic) -> String {
        let spec = Spec::new("m", nic, 7).with(firmware);
        let ends = Ends {
            tap: "tap1",
            serial: Path::new("/tmp/a,b/m.serial"),
            monitor: Path::new("/tmp/m.qmp"),
            variables: Path::new("/tmp/m.vars"),
        };
        arguments(&spec, &ends, Accelerator::Kvm).join(" ")
    }

    #[test]
    fn every_firmware_boots_from_its_only_card_with_variables_of_its_own() {
        for firmware in Firmware::ALL {
            let line = line(firmware, Nic::Virtio);
            assert!(line.contains("mac=52:54:00:00:00:07,bootindex=0"), "{line}");
            let has_flash = firmware != Firmware::Bios;
            assert_eq!(
                line.contains("unit=1,file=/tmp/m.vars"),
                has_flash,
                "{line}"
            );
            assert_eq!(line.matches("-drive").count(), 2 * usize::from(has_flash));
            assert_eq!(line.contains("romfile="), has_flash, "{line}");
        }
    }

    #[test]
    fn only_a_pc_runs_on_a_pcs_processor() {
        assert!(line(Firmware::SecureBoot, Nic::Virtio).contains("-accel kvm"));
        assert!(line(Firmware::UefiArm64, Nic::Virtio).contains("-accel tcg"));
    }

    #[test]
    fn a_disk_comes_after_the_network() {
        let mut spec = Spec {
            disk: Some("/tmp/disk.img".into()),
            ..Spec::new("m", Nic::E1000, 7)
        };
        let ends = Ends {
            tap: "tap1",
            serial: Path::new("/tmp/m.serial"),
            monitor: Path::new("/tmp/m.qmp"),
            variables: Path::new("/tmp/m.vars"),
        };
        let line = arguments(&spec, &ends, Accelerator::Tcg).join(" ");
        assert!(line.contains(
            "snapshot=on,file=/tmp/disk.img -device virtio-blk-pci,drive=disk,bootindex=1"
        ));
        spec.keeps_disk = true;
        let line = arguments(&spec, &ends, Accelerator::Tcg).join(" ");
        assert!(line.contains("snapshot=off,file=/tmp/disk.img"), "{line}");
    }

    #[test]
    fn the_intel_card_keeps_the_driver_in_its_rom() {
        assert!(!line(Firmware::Uefi, Nic::E1000).contains("romfile"));
    }

    #[test]
    fn a_comma_in_a_path_is_no_separator() {
        let line = line(Firmware::Bios, Nic::E1000);
        assert!(line.contains("path=/tmp/a,,b/m.serial,server=on"), "{line}");
    }
}
