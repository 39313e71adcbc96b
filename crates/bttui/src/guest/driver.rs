//! A driver for the machine's graphics card, where its screen shows only text and a guest shall be on it.
//!
//! That is every screen of a BIOS, unless phase 1's kernel was started in a graphics mode. The drivers come with QEMU's layer
//! and are loaded not before they are wanted. Nothing unloads them: the console goes on as a frame buffer's.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::phase1::Phase1;
use crate::qemu::LAYER;

/// Loads what fits the cards of this machine. Whether that gave a frame buffer is seen by `/dev/fb0`.
pub(super) fn load(_allowed: Phase1) {
    let modules = Path::new(LAYER).join("usr/lib/modules");
    let table = fs::read_to_string(modules.join("screens")).unwrap_or_default();
    for name in fitting(&table, &devices(Path::new("/sys/bus"))) {
        let mut insmod = Command::new("/sbin/insmod");
        // One that is there already is refused, and so is one without a card.
        let _ = insmod.arg(modules.join(name)).stdin(Stdio::null()).output();
    }
}

/// By what names the kernel tells this machine's devices, in the order of their paths.
fn devices(buses: &Path) -> Vec<String> {
    let below = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let buses = below(buses).into_iter();
    let devices = buses.flat_map(|bus| below(&bus.join("devices")));
    let names = devices.filter_map(|device| fs::read_to_string(device.join("modalias")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

/// The modules for these devices, each once and after those it needs. A line of the table is the pattern of a device's
/// name, then file names; never paths.
fn fitting<'a>(table: &'a str, devices: &[String]) -> Vec<&'a str> {
    let mut all = Vec::new();
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let pattern = words.next().unwrap_or_default();
        if devices.iter().any(|device| matches(pattern, device)) {
            for name in words.filter(|name| !name.contains('/')) {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
        }
    }
    all
}

/// Whether a device's name fits a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
pci:v00001234d00001111sv*sd*bc*sc*i* drm.ko bochs.ko
pci:v00001013d000000B8sv00001AF4sd00001100bc*sc*i* drm.ko cirrus.ko
pci:v00008086d00000046sv*sd*bc03sc*i* drm.ko video.ko i915.ko ../evil.ko
virtio:d00000010v* drm.ko virtio-gpu.ko
";

    fn of(names: &[&str]) -> Vec<&'static str> {
        let devices: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        fitting(TABLE, &devices)
    }

    #[test]
    fn a_card_has_its_driver_and_what_that_needs() {
        let network = "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00";
        let std = "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00";
        let intel = "pci:v00008086d00000046sv0000103Csd00001521bc03sc00i00";
        assert_eq!(of(&[network, std]), ["drm.ko", "bochs.ko"]);
        assert_eq!(
            of(&[std, intel, "virtio:d00000010v00001AF4"]),
            ["drm.ko", "bochs.ko", "video.ko", "i915.ko", "virtio-gpu.ko"]
        );
        // Not a display's class.
        let other = "pci:v00008086d00000046sv0000103Csd00001521bc02sc00i00";
        assert!(of(&[network, other, "", "virtio:d00000001v00001AF4"]).is_empty());
        assert!(fitting("\n \n", &["pci:".to_owned()]).is_empty());
    }

    #[test]
    fn a_pattern_is_the_whole_name() {
        for (pattern, name, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "abc", true),
            ("a*bc", "abc", true),
            ("a*b*b", "ab", false),
            ("a*c", "abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn devices_are_found_on_all_buses() {
        let sys = tempfile::tempdir().expect("a directory");
        for (path, name) in [("pci/devices/b", "pci:2\n"), ("isa/devices/a", "isa:1")] {
            fs::create_dir_all(sys.path().join(path)).expect("a folder");
            fs::write(sys.path().join(path).join("modalias"), name).expect("a name");
        }
        fs::create_dir_all(sys.path().join("pci/devices/a")).expect("one without a name");
        assert_eq!(devices(sys.path()), ["isa:1", "pci:2"]);
        assert!(devices(Path::new("/nowhere")).is_empty());
    }
}
