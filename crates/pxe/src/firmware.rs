//! Who is asking: a machine's firmware, iPXE, or an operating system that only wants an address.
//!
//! The numbers are data ([`ARCHITECTURES`]); nothing in here decides what anybody gets.

use std::fmt;

use crate::packet::Request;

/// The kind of machine, as far as a loader must fit it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Machine {
    /// A PC with a BIOS.
    Bios,
    /// A 64-bit PC with UEFI.
    UefiX64,
    /// A PC with 32-bit UEFI (some early Atom tablets and boxes).
    UefiIa32,
    /// A 64-bit ARM machine with UEFI.
    UefiArm64,
    /// An architecture that we know nothing about.
    Unknown(u16),
}

/// How it wants to be answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Asks {
    /// PXE: a loader's file name, fetched by TFTP.
    Pxe,
    /// UEFI HTTP Boot: a URL.
    HttpBoot,
    /// iPXE with HTTP: a script's URL.
    Ipxe,
}

/// A machine that wants to boot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Firmware {
    /// What it is.
    pub machine: Machine,
    /// What it understands.
    pub asks: Asks,
}

/// Anybody who asks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Client {
    /// Something that wants to boot.
    Firmware(Firmware),
    /// udhcpc in phase 1, the target's own DHCP client, a printer: it wants an address, no loader.
    System,
}

/// Option 93 to machine, as IANA assigns the numbers (RFC 5970 and its registry). The HTTP Boot
/// numbers differ from the PXE ones, but whether HTTP is asked for is decided by option 60, since
/// that is what the firmware insists on in the answer.
pub const ARCHITECTURES: &[(u16, Machine)] = &[
    (0, Machine::Bios),
    (6, Machine::UefiIa32),
    (7, Machine::UefiX64),
    // "EFI byte code": what the RFC's errata made of x64; some vendors followed.
    (9, Machine::UefiX64),
    (11, Machine::UefiArm64),
    (15, Machine::UefiIa32),
    (16, Machine::UefiX64),
    (17, Machine::UefiX64),
    (19, Machine::UefiArm64),
];

impl Client {
    /// Names the sender of `request`.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let class = request.vendor_class.as_deref().unwrap_or_default();
        let http = class.starts_with(b"HTTPClient");
        let pxe = class.starts_with(b"PXEClient");
        let ipxe = is_ipxe(request);
        if !(http || pxe || ipxe) {
            return Self::System;
        }
        // Option 93 is younger than PXE: without it the vendor class carries the number
        // ("PXEClient:Arch:00000:UNDI:002001"), and without that it can only be an old BIOS.
        let number = request
            .architecture
            .or_else(|| class_architecture(class))
            .unwrap_or(0);
        // An iPXE built without HTTP is of no more use to us than the ROM it replaced.
        let speaks_http = request.ipxe.is_none_or(|features| features.http);
        let asks = match () {
            () if ipxe && speaks_http => Asks::Ipxe,
            () if http => Asks::HttpBoot,
            () => Asks::Pxe,
        };
        Self::Firmware(Firmware {
            machine: machine(number),
            asks,
        })
    }
}

fn machine(number: u16) -> Machine {
    let known = ARCHITECTURES.iter().find(|(code, _)| *code == number);
    known.map_or(Machine::Unknown(number), |(_, machine)| *machine)
}

/// gPXE, its ancestor, sends option 175 too but stumbles over our script: it counts as plain PXE.
fn is_ipxe(request: &Request) -> bool {
    let says = |name: &[u8]| request.user_classes.iter().any(|class| class == name);
    says(b"iPXE") || (request.ipxe.is_some() && !says(b"gPXE"))
}

fn class_architecture(class: &[u8]) -> Option<u16> {
    let digits = class.strip_prefix(b"PXEClient:Arch:")?.get(..5)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bios => f.write_str("BIOS"),
            Self::UefiX64 => f.write_str("UEFI x64"),
            Self::UefiIa32 => f.write_str("UEFI ia32"),
            Self::UefiArm64 => f.write_str("UEFI arm64"),
            Self::Unknown(number) => write!(f, "architecture {number}"),
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asks {
            Asks::Pxe => write!(f, "{} PXE", self.machine),
            Asks::HttpBoot => write!(f, "{} HTTP Boot", self.machine),
            Asks::Ipxe => write!(f, "iPXE on {}", self.machine),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firmware(firmware) => firmware.fmt(f),
            Self::System => f.write_str(report::OPERATING_SYSTEM),
        }
    }
}
