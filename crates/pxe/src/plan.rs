//! The boot plan: one table of what each kind of firmware gets.
//!
//! A new firmware is a new row. The table names files; who serves them is none of its business.

use std::net::SocketAddrV4;
use std::str::FromStr;

use crate::firmware::{Asks, Firmware, Machine};
use crate::script;

/// syslinux's BIOS loader with an HTTP client.
pub const LPXELINUX: &str = "lpxelinux.0";
/// syslinux's BIOS loader, everything by TFTP, as the original used it.
pub const PXELINUX: &str = "pxelinux.0";
/// iPXE for a BIOS, driving the card through the ROM's own UNDI.
pub const UNDIONLY: &str = "undionly.kpxe";
/// iPXE for UEFI, driving the card through the firmware's own SNP.
pub const SNPONLY: &str = "snponly.efi";
/// iPXE for UEFI with drivers of its own.
pub const IPXE_EFI: &str = "ipxe.efi";
/// Debian's shim, signed by Microsoft. It loads [`GRUB_X64`] from where it came itself.
pub const SHIM_X64: &str = "shimx64.efi";
/// Debian's GRUB for the network, signed by Debian, under the name that shim asks for.
pub const GRUB_X64: &str = "grubx64.efi";
/// GRUB for 32-bit UEFI.
pub const GRUB_IA32: &str = "grubia32.efi";
/// GRUB for ARM.
pub const GRUB_ARM64: &str = "grubaa64.efi";

/// A file that there is not: what UEFI is named that is to go on with the machine's own disk. It is on the screen for
/// a moment, so it says what happens.
pub const NO_FILE: &str = "continue-with-own-disk";

/// Which loader machines get (`--loader`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Loader {
    /// The one that works in most cases and of those the fastest, for each kind of firmware.
    #[default]
    Auto,
    /// iPXE (`undionly.kpxe`, `snponly.efi`, `ipxe.efi`), then HTTP. Secure Boot refuses it.
    Ipxe,
    /// For a BIOS: `lpxelinux.0`, then HTTP; also for an iPXE that asks.
    Lpxelinux,
    /// For a BIOS: `pxelinux.0` and TFTP for everything; also for an iPXE that asks.
    Pxelinux,
    /// For UEFI x64: shim and GRUB.
    Shim,
}

impl FromStr for Loader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "ipxe" => Ok(Self::Ipxe),
            "lpxelinux" => Ok(Self::Lpxelinux),
            "pxelinux" => Ok(Self::Pxelinux),
            "shim" => Ok(Self::Shim),
            _ => Err(format!(
                "{text:?} is no loader: use auto, ipxe, lpxelinux, pxelinux or shim"
            )),
        }
    }
}

/// What a machine is told to load, ready to be put into a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Boot {
    /// A file name for TFTP or an HTTP URL.
    pub file: String,
    /// Option 209: where syslinux finds its configuration, so that it need not try nine names.
    pub config: Option<String>,
    /// Option 210: what syslinux puts before every name, which switches lpxelinux to HTTP.
    pub prefix: Option<String>,
}

/// One row: who asks, where, under which settings, gets what.
struct Row {
    asks: Asks,
    machine: Machine,
    settings: &'static [Loader],
    gets: Gets,
}

/// What a row gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gets {
    /// A loader by TFTP that finds its own way from there.
    Tftp(&'static str),
    /// A loader by HTTP.
    Http(&'static str),
    /// syslinux by TFTP, which then reads its configuration by HTTP.
    SyslinuxHttp(&'static str),
    /// syslinux by TFTP, which then reads its configuration by TFTP.
    SyslinuxTftp(&'static str),
    /// The iPXE script.
    Script,
}

use Asks::{HttpBoot, Ipxe, Pxe};
use Gets::{Http, Script, SyslinuxHttp, SyslinuxTftp, Tftp};
use Machine::{Bios, UefiArm64, UefiIa32, UefiX64};

const ANY: &[Loader] = &[
    Loader::Auto,
    Loader::Ipxe,
    Loader::Lpxelinux,
    Loader::Pxelinux,
    Loader::Shim,
];
// What is set for UEFI says nothing about a BIOS, and the other way round.
const BIOS_AUTO: &[Loader] = &[Loader::Auto, Loader::Lpxelinux, Loader::Shim];
const BIOS_SCRIPT: &[Loader] = &[Loader::Auto, Loader::Ipxe, Loader::Shim];
const NOT_IPXE: &[Loader] = &[
    Loader::Auto,
    Loader::Lpxelinux,
    Loader::Pxelinux,
    Loader::Shim,
];
const IPXE: &[Loader] = &[Loader::Ipxe];
const LPXE: &[Loader] = &[Loader::Lpxelinux];
const PXE: &[Loader] = &[Loader::Pxelinux];

#[rustfmt::skip]
const PLANS: &[Row] = &[
    // Debian's iPXE waits 13 s for IPv6 routers before it loads anything; lpxelinux does not.
    Row { asks: Pxe,      machine: Bios,      settings: BIOS_AUTO,   gets: SyslinuxHttp(LPXELINUX) },
    Row { asks: Pxe,      machine: Bios,      settings: IPXE,        gets: Tftp(UNDIONLY) },
    Row { asks: Pxe,      machine: Bios,      settings: PXE,         gets: SyslinuxTftp(PXELINUX) },
    // "77=iPXE" cannot tell a card's ROM from an iPXE that we sent: the script is right for both,
    // and an iPXE that were sent to one would ask again, and get one again, without end.
    Row { asks: Ipxe,     machine: Bios,      settings: BIOS_SCRIPT, gets: Script },
    Row { asks: Ipxe,     machine: Bios,      settings: LPXE,        gets: SyslinuxHttp(LPXELINUX) },
    Row { asks: Ipxe,     machine: Bios,      settings: PXE,         gets: SyslinuxTftp(PXELINUX) },
    Row { asks: Ipxe,     machine: UefiX64,   settings: ANY,         gets: Script },
    // No request tells whether Secure Boot is on. shim boots with it and without, and does not wait. Beside another DHCP
    // server it needs a GRUB from 2.12 on, which phase 1 has: earlier ones ask the server that gave the address for
    // their configuration.
    Row { asks: Pxe,      machine: UefiX64,   settings: NOT_IPXE,    gets: Tftp(SHIM_X64) },
    Row { asks: Pxe,      machine: UefiX64,   settings: IPXE,        gets: Tftp(SNPONLY) },
    // As by PXE. shim and GRUB then fetch by UEFI's own HTTP, which wants "not found" to have a body and GRUB the names of
    // headers in the usual case; GRUB has it from 2.12 on.
    Row { asks: HttpBoot, machine: UefiX64,   settings: NOT_IPXE,    gets: Http(SHIM_X64) },
    Row { asks: HttpBoot, machine: UefiX64,   settings: IPXE,        gets: Http(IPXE_EFI) },
    // There is no iPXE for these in Debian.
    Row { asks: Pxe,      machine: UefiIa32,  settings: ANY,         gets: Tftp(GRUB_IA32) },
    Row { asks: Ipxe,     machine: UefiIa32,  settings: ANY,         gets: Tftp(GRUB_IA32) },
    Row { asks: HttpBoot, machine: UefiIa32,  settings: ANY,         gets: Http(GRUB_IA32) },
    Row { asks: Pxe,      machine: UefiArm64, settings: ANY,         gets: Tftp(GRUB_ARM64) },
    Row { asks: Ipxe,     machine: UefiArm64, settings: ANY,         gets: Tftp(GRUB_ARM64) },
    Row { asks: HttpBoot, machine: UefiArm64, settings: ANY,         gets: Http(GRUB_ARM64) },
];

/// What firmware gets that is to go on with the machine's own disk; all other firmware is named nothing.
///
/// UEFI that is named nothing asks for 61 s, in hope of another server (EDK2). Told "not found" by TFTP, it goes on with
/// the next entry of its boot order at once, and no signature is needed for that as it would be for a loader that only
/// exits. Seen with EDK2's PXE and with its HTTP Boot, whose own next entry, IPv6, asks for a minute before the disk
/// has its turn. A BIOS, and iPXE anywhere, goes on when it is named nothing.
const OWN_DISK: &[(Asks, Gets)] = &[(Pxe, Tftp(NO_FILE)), (HttpBoot, Http(NO_FILE))];

/// What is named to `firmware` that is to go on with the machine's own disk, if anything.
#[must_use]
pub fn own_disk(firmware: Firmware, http: SocketAddrV4) -> Option<Boot> {
    let (_, gets) = OWN_DISK.iter().find(|(asks, _)| *asks == firmware.asks)?;
    (firmware.machine != Bios).then(|| named(*gets, http))
}

/// What `firmware` gets from the server whose HTTP port is `http`, or `None` when this kind of
/// firmware cannot be booted.
#[must_use]
pub fn boot(firmware: Firmware, loader: Loader, http: SocketAddrV4) -> Option<Boot> {
    let row = PLANS.iter().find(|row| {
        row.asks == firmware.asks
            && row.machine == firmware.machine
            && row.settings.contains(&loader)
    })?;
    Some(named(row.gets, http))
}

/// What is written into a reply.
fn named(gets: Gets, http: SocketAddrV4) -> Boot {
    let plain = |file: String| Boot {
        file,
        config: None,
        prefix: None,
    };
    let config = Some(script::PXELINUX_CONFIG.to_owned());
    match gets {
        Tftp(file) => plain(file.to_owned()),
        Http(file) => plain(script::url(http, file)),
        Script => plain(script::url(http, script::IPXE_SCRIPT)),
        SyslinuxTftp(file) => Boot {
            config,
            ..plain(file.to_owned())
        },
        SyslinuxHttp(file) => Boot {
            config,
            prefix: Some(script::url(http, "")),
            ..plain(file.to_owned())
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 77, 0, 1), 6969);
    const MACHINES: [Machine; 4] = [Bios, UefiX64, UefiIa32, UefiArm64];

    #[test]
    fn every_plan_is_found_and_leads_to_one_file() {
        let url = |name: &str| format!("http://10.77.0.1:6969/boot/{name}");
        let script = url("boot.ipxe");
        let cases = [
            (Pxe, Bios, Loader::Auto, LPXELINUX.to_owned()),
            (Pxe, Bios, Loader::Ipxe, UNDIONLY.to_owned()),
            (Pxe, Bios, Loader::Pxelinux, PXELINUX.to_owned()),
            (Pxe, Bios, Loader::Shim, LPXELINUX.to_owned()),
            (Ipxe, Bios, Loader::Auto, script.clone()),
            (Ipxe, Bios, Loader::Ipxe, script.clone()),
            (Ipxe, Bios, Loader::Lpxelinux, LPXELINUX.to_owned()),
            (Ipxe, Bios, Loader::Pxelinux, PXELINUX.to_owned()),
            (Pxe, UefiX64, Loader::Auto, SHIM_X64.to_owned()),
            (Pxe, UefiX64, Loader::Ipxe, SNPONLY.to_owned()),
            (Pxe, UefiX64, Loader::Shim, SHIM_X64.to_owned()),
            (Ipxe, UefiX64, Loader::Pxelinux, script),
            (HttpBoot, UefiX64, Loader::Auto, url(SHIM_X64)),
            (HttpBoot, UefiX64, Loader::Ipxe, url(IPXE_EFI)),
            (HttpBoot, UefiX64, Loader::Shim, url(SHIM_X64)),
            (Pxe, UefiIa32, Loader::Auto, GRUB_IA32.to_owned()),
            (HttpBoot, UefiIa32, Loader::Auto, url(GRUB_IA32)),
            (Pxe, UefiArm64, Loader::Ipxe, GRUB_ARM64.to_owned()),
            (HttpBoot, UefiArm64, Loader::Auto, url(GRUB_ARM64)),
        ];
        for (asks, machine, loader, file) in cases {
            let boot = boot(Firmware { machine, asks }, loader, HTTP).unwrap();
            assert_eq!(boot.file, file, "{asks:?} {machine:?} {loader:?}");
            assert_eq!(boot.prefix.is_some(), file == LPXELINUX);
            let syslinux = file == LPXELINUX || file == PXELINUX;
            assert_eq!(boot.config.is_some(), syslinux);
        }
    }

    #[test]
    fn each_question_has_one_answer() {
        for asks in [Pxe, HttpBoot, Ipxe] {
            for machine in MACHINES {
                for loader in ANY {
                    let rows = PLANS.iter().filter(|row| {
                        row.asks == asks && row.machine == machine && row.settings.contains(loader)
                    });
                    // BIOS has no HTTP Boot.
                    let expected = usize::from((asks, machine) != (HttpBoot, Bios));
                    let count = rows.count();
                    assert_eq!(count, expected, "{asks:?} {machine:?} {loader:?}");
                }
            }
        }
    }

    #[test]
    fn uefi_alone_is_named_a_file_that_there_is_not() {
        for machine in [UefiX64, UefiIa32, UefiArm64, Machine::Unknown(27)] {
            let file = |asks| own_disk(Firmware { machine, asks }, HTTP).map(|boot| boot.file);
            assert_eq!(file(Pxe).as_deref(), Some(NO_FILE));
            assert_eq!(file(HttpBoot), Some(script::url(HTTP, NO_FILE)));
            assert_eq!(file(Ipxe), None);
        }
        for asks in [Pxe, HttpBoot, Ipxe] {
            let firmware = Firmware {
                machine: Bios,
                asks,
            };
            assert_eq!(own_disk(firmware, HTTP), None);
        }
        let is_a_loader =
            |row: &Row| matches!(row.gets, Tftp(file) | Http(file) if file == NO_FILE);
        assert!(!PLANS.iter().any(is_a_loader));
    }

    #[test]
    fn an_ipxe_never_gets_an_ipxe() {
        for row in PLANS.iter().filter(|row| row.asks == Ipxe) {
            let (Tftp(file) | Http(file) | SyslinuxHttp(file) | SyslinuxTftp(file)) = row.gets
            else {
                continue;
            };
            assert!(![UNDIONLY, SNPONLY, IPXE_EFI].contains(&file), "{file}");
        }
    }

    #[test]
    fn what_cannot_be_booted_gets_nothing() {
        for (asks, machine) in [
            (Pxe, Machine::Unknown(31)),
            (Ipxe, Machine::Unknown(2)),
            (HttpBoot, Bios),
        ] {
            let firmware = Firmware { machine, asks };
            assert_eq!(boot(firmware, Loader::Auto, HTTP), None);
        }
    }
}
