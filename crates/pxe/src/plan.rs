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

/// Which loader a BIOS gets (`--loader`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Loader {
    /// The fastest that works: the script for an iPXE that is there already, otherwise lpxelinux,
    /// because Debian's iPXE waits 13 s for IPv6 routers before it loads anything.
    #[default]
    Auto,
    /// iPXE (`undionly.kpxe`), then HTTP.
    Ipxe,
    /// `lpxelinux.0`, then HTTP; also for an iPXE that asks.
    Lpxelinux,
    /// `pxelinux.0` and TFTP for everything; also for an iPXE that asks.
    Pxelinux,
}

impl FromStr for Loader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "ipxe" => Ok(Self::Ipxe),
            "lpxelinux" => Ok(Self::Lpxelinux),
            "pxelinux" => Ok(Self::Pxelinux),
            _ => Err(format!(
                "{text:?} is no loader: use auto, ipxe, lpxelinux or pxelinux"
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

/// One row: who asks, under which settings, gets what.
struct Row {
    asks: Asks,
    machine: Machine,
    settings: &'static [Loader],
    gets: Gets,
}

/// What a row gives.
#[derive(Clone, Copy)]
enum Gets {
    /// A loader by TFTP that fetches its own script by HTTP.
    Tftp(&'static str),
    /// syslinux by TFTP, which then reads its configuration by HTTP.
    SyslinuxHttp(&'static str),
    /// syslinux by TFTP, which then reads its configuration by TFTP.
    SyslinuxTftp(&'static str),
    /// The iPXE script.
    Script,
}

const ANY: &[Loader] = &[
    Loader::Auto,
    Loader::Ipxe,
    Loader::Lpxelinux,
    Loader::Pxelinux,
];

#[rustfmt::skip]
const PLANS: &[Row] = &[
    Row { asks: Asks::Pxe,  machine: Machine::Bios,    settings: &[Loader::Auto, Loader::Lpxelinux], gets: Gets::SyslinuxHttp(LPXELINUX) },
    Row { asks: Asks::Pxe,  machine: Machine::Bios,    settings: &[Loader::Ipxe],                    gets: Gets::Tftp(UNDIONLY) },
    Row { asks: Asks::Pxe,  machine: Machine::Bios,    settings: &[Loader::Pxelinux],                gets: Gets::SyslinuxTftp(PXELINUX) },
    // "77=iPXE" cannot tell a card's ROM from an iPXE that we sent: the script is right for both.
    Row { asks: Asks::Ipxe, machine: Machine::Bios,    settings: &[Loader::Auto, Loader::Ipxe],      gets: Gets::Script },
    Row { asks: Asks::Ipxe, machine: Machine::Bios,    settings: &[Loader::Lpxelinux],               gets: Gets::SyslinuxHttp(LPXELINUX) },
    Row { asks: Asks::Ipxe, machine: Machine::Bios,    settings: &[Loader::Pxelinux],                gets: Gets::SyslinuxTftp(PXELINUX) },
    // syslinux's setting is about BIOS machines: UEFI has one chain so far.
    Row { asks: Asks::Pxe,  machine: Machine::UefiX64, settings: ANY,                                gets: Gets::Tftp(SNPONLY) },
    Row { asks: Asks::Ipxe, machine: Machine::UefiX64, settings: ANY,                                gets: Gets::Script },
];

/// What `firmware` gets from the server whose HTTP port is `http`, or `None` when this kind of
/// firmware cannot be booted yet.
#[must_use]
pub fn boot(firmware: Firmware, loader: Loader, http: SocketAddrV4) -> Option<Boot> {
    let row = PLANS.iter().find(|row| {
        row.asks == firmware.asks
            && row.machine == firmware.machine
            && row.settings.contains(&loader)
    })?;
    let plain = |file: String| Boot {
        file,
        config: None,
        prefix: None,
    };
    let config = Some(script::PXELINUX_CONFIG.to_owned());
    Some(match row.gets {
        Gets::Tftp(file) => plain(file.to_owned()),
        Gets::Script => plain(script::url(http, script::IPXE_SCRIPT)),
        Gets::SyslinuxTftp(file) => Boot {
            config,
            ..plain(file.to_owned())
        },
        Gets::SyslinuxHttp(file) => Boot {
            config,
            prefix: Some(script::url(http, "")),
            ..plain(file.to_owned())
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 77, 0, 1), 6969);

    #[test]
    fn every_plan_is_found_and_leads_to_one_file() {
        let script = "http://10.77.0.1:6969/boot/boot.ipxe";
        let cases = [
            (Asks::Pxe, Machine::Bios, Loader::Auto, LPXELINUX),
            (Asks::Pxe, Machine::Bios, Loader::Ipxe, UNDIONLY),
            (Asks::Pxe, Machine::Bios, Loader::Pxelinux, PXELINUX),
            (Asks::Ipxe, Machine::Bios, Loader::Auto, script),
            (Asks::Ipxe, Machine::Bios, Loader::Ipxe, script),
            (Asks::Ipxe, Machine::Bios, Loader::Lpxelinux, LPXELINUX),
            (Asks::Ipxe, Machine::Bios, Loader::Pxelinux, PXELINUX),
            (Asks::Pxe, Machine::UefiX64, Loader::Auto, SNPONLY),
            (Asks::Ipxe, Machine::UefiX64, Loader::Pxelinux, script),
        ];
        for (asks, machine, loader, file) in cases {
            let boot = boot(Firmware { machine, asks }, loader, HTTP).unwrap();
            assert_eq!(boot.file, file, "{asks:?} {machine:?} {loader:?}");
            assert_eq!(boot.prefix.is_some(), file == LPXELINUX);
            assert_eq!(boot.config.is_some(), [LPXELINUX, PXELINUX].contains(&file));
        }
    }

    #[test]
    fn no_two_rows_answer_the_same_question() {
        for (index, row) in PLANS.iter().enumerate() {
            for other in &PLANS[index + 1..] {
                let same = row.asks == other.asks && row.machine == other.machine;
                assert!(
                    !same
                        || !row
                            .settings
                            .iter()
                            .any(|loader| other.settings.contains(loader))
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_booted_yet_gets_nothing() {
        for (asks, machine) in [
            (Asks::HttpBoot, Machine::UefiX64),
            (Asks::Pxe, Machine::UefiIa32),
            (Asks::Pxe, Machine::UefiArm64),
            (Asks::Pxe, Machine::Unknown(31)),
        ] {
            assert_eq!(boot(Firmware { machine, asks }, Loader::Auto, HTTP), None);
        }
    }
}
