//! What is stuck and why, in one sentence with the remedy, for the cases that history makes plain.

use std::time::Duration;

use crate::text::plural;
use crate::{Stage, Timeline, millis};

/// A loader or a kernel needs a while under a slow firmware; past this, nothing comes any more.
const LOADER_PATIENCE: Duration = Duration::from_secs(30);
/// Unpacking and driver loading on an old machine.
const WAKE_PATIENCE: Duration = Duration::from_secs(120);
/// A download reports once a second.
const SILENCE: Duration = Duration::from_secs(15);
/// Loaders for UEFI without a signature.
const UNSIGNED: [&str; 2] = ["snponly.efi", "ipxe.efi"];
/// Requests for an address that are no accident any more.
const ASKED_OFTEN: u32 = 3;

impl Timeline {
    /// What keeps this machine from its operating system at `now`; `None` while all seems well.
    #[must_use]
    pub fn diagnosis(&self, now: Duration) -> Option<String> {
        let boot = &self.boot;
        let idle = now.saturating_sub(boot.grew);
        match boot.stage {
            Stage::Firmware => self.firmware(idle),
            Stage::Loader => self.loader(idle),
            Stage::Kernel => self.kernel(idle),
            Stage::Fetching => self.fetching(now, idle),
            Stage::Failed => Some(format!(
                "failed: {}",
                boot.trouble.as_deref().unwrap_or("for an unknown reason")
            )),
            _ => None,
        }
    }

    fn firmware(&self, idle: Duration) -> Option<String> {
        let boot = &self.boot;
        if boot.trouble.is_some() {
            return self.refused();
        }
        if let Some(why) = &boot.unfollowed {
            return Some(format!("boots nothing of ours: {why}"));
        }
        match (boot.address, boot.offered) {
            (Some(address), _) if idle > LOADER_PATIENCE => Some(format!(
                "took {address} but never asked for a loader: is UDP port 69 blocked by a firewall, or network boot \
                 not the first choice in its setup?"
            )),
            (None, Some(address)) if boot.asked >= ASKED_OFTEN => Some(format!(
                "asked for an address {} and never took the offer of {address}: does another DHCP server answer it, \
                 or a switch drop our answers?",
                plural(u64::from(boot.asked), "time")
            )),
            (None, None) if boot.asked >= ASKED_OFTEN => Some(format!(
                "asked for an address {} and was offered none",
                plural(u64::from(boot.asked), "time")
            )),
            _ => None,
        }
    }

    fn refused(&self) -> Option<String> {
        self.boot
            .trouble
            .as_ref()
            .map(|why| format!("got no address: {why}"))
    }

    fn loader(&self, idle: Duration) -> Option<String> {
        (idle > LOADER_PATIENCE).then(|| {
            let broken_off = self.broken_off();
            broken_off.or_else(|| self.unsigned()).unwrap_or_else(|| {
                "fetched the loader but never asked for a kernel: look at its screen; Secure Boot refuses \
                 loaders that are not signed"
                    .into()
            })
        })
    }

    /// A loader that runs asks for more.
    fn unsigned(&self) -> Option<String> {
        let loader = self.boot.loader.as_deref()?;
        let name = loader.rsplit('/').next()?;
        UNSIGNED.contains(&name).then(|| {
            format!(
                "fetched {name}, which is not signed, and then nothing more: probably Secure Boot is on and refuses it. \
                 Switch that off in its setup, or start the server with --loader auto or shim, whose loaders are signed"
            )
        })
    }

    fn kernel(&self, idle: Duration) -> Option<String> {
        if self.boot.trouble.is_some() {
            return self.refused();
        }
        if let (true, Some(broken_off)) = (idle > LOADER_PATIENCE, self.broken_off()) {
            return Some(broken_off);
        }
        (idle > WAKE_PATIENCE).then(|| {
            format!(
                "fetched phase 1 but it has not reported for {}: look at its screen; often it has too little \
                 memory, or a network card that phase 1 has no driver for",
                span(idle)
            )
        })
    }

    /// Once is normal: UEFI aborts its first transfer of a file when it knows the size.
    fn broken_off(&self) -> Option<String> {
        let (name, times) = self
            .boot
            .broken_off
            .as_ref()
            .filter(|(_, times)| *times > 1)?;
        let times = plural(u64::from(*times), "time");
        Some(format!(
            "the transfer of {name} broke off {times}: look at the cable and the switch"
        ))
    }

    fn fetching(&self, now: Duration, idle: Duration) -> Option<String> {
        let silent = now.saturating_sub(self.boot.heard);
        let peers = self.boot.transfer.last().peers;
        if silent > SILENCE {
            return Some(format!(
                "no word for {} in the middle of its download: switched off, or its cable pulled?",
                span(silent)
            ));
        }
        let stuck = idle > SILENCE;
        stuck.then(|| match peers {
            0 => format!("has received nothing for {} and reaches nobody: is the server's peer port blocked by a firewall?", span(idle)),
            _ => format!("has received nothing for {} from {}", span(idle), plural(u64::from(peers), "peer")),
        })
    }
}

fn span(time: Duration) -> String {
    millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / 1000 * 1000)
}
