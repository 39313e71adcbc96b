//! Where this program is allowed to act on the machine: in phase 1 and nowhere else.
//!
//! Loading a kernel and jumping into it, deleting from `/os`, taking over consoles: on a person's
//! own computer all of that would be a disaster. So whatever does it asks for a [`Phase1`], and
//! one can only be had where every sign of phase 1 is there.

use std::fs;
use std::path::Path;

/// The marker that the root file system of phase 1 carries.
const MARKER: &str = "/etc/bt-phase1";
/// Where the kernel unpacked what the server offers.
pub const OFFERS: &str = "/torrents";
/// Where downloads go: a tmpfs.
pub const DOWNLOADS: &str = "/os";
/// Where the layer with QEMU goes: memory as well, and never emptied for another system.
pub const LAYERS: &str = "/run/layers";

/// The proof that this is phase 1.
#[derive(Copy, Clone, Debug)]
pub struct Phase1(());

impl Phase1 {
    /// Looks for all signs of phase 1.
    ///
    /// # Errors
    /// The first sign that is missing, as a sentence.
    pub fn detect() -> Result<Phase1, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("this is not phase 1: not running as root".to_owned());
        }
        for path in [MARKER, OFFERS] {
            if !Path::new(path).exists() {
                return Err(format!("this is not phase 1: there is no {path}"));
            }
        }
        let first = fs::read_link("/proc/1/exe").unwrap_or_default();
        let name = first
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !matches!(name, "busybox" | "init") {
            return Err(format!(
                "this is not phase 1: the first process is {}",
                first.display()
            ));
        }
        Ok(Phase1(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests run on people's computers: there the proof must not be had.
    #[test]
    fn a_development_machine_is_not_phase_1() {
        assert!(Phase1::detect().is_err());
    }
}
