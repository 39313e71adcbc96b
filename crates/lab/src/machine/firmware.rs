//! What runs first on a machine: the kinds of firmware the lab has, and the parts each is made of.
//!
//! One table; a new firmware is a new row. Everything is Debian's: SeaBIOS and iPXE's ROMs come with
//! QEMU, EDK2 comes with the packages ovmf, ovmf-ia32 and qemu-efi-aarch64.

/// What runs first on a machine.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Firmware {
    /// SeaBIOS with the card's PXE ROM, which is iPXE.
    #[default]
    Bios,
    /// EDK2 for a 64-bit PC, by its own PXE: as near to a vendor's UEFI as free software gets.
    Uefi,
    /// The same, by UEFI's HTTP Boot.
    UefiHttp,
    /// EDK2 with Secure Boot on and Microsoft's keys, as PCs are sold.
    SecureBoot,
    /// The same, by UEFI's HTTP Boot.
    SecureBootHttp,
    /// EDK2 with 32 bits on a 64-bit processor, as early Atom tablets and boxes have it.
    UefiIa32,
    /// EDK2 on a 64-bit ARM machine.
    UefiArm64,
}

/// What QEMU makes a machine with this firmware from.
#[derive(Debug)]
pub(super) struct Parts {
    /// The emulator.
    pub(super) program: &'static str,
    /// Board, processor, screen, and what the firmware insists on.
    pub(super) board: &'static str,
    /// The firmware's flash; none where QEMU brings it along.
    pub(super) flash: Option<Flash>,
    /// Whether this computer's own processor could run it.
    pub(super) native: bool,
}

/// A firmware that lies in two flash chips.
#[derive(Debug)]
pub(super) struct Flash {
    /// The program, shared and never written.
    pub(super) code: &'static str,
    /// The variables (boot order, keys) as they are sold: each machine gets a copy of its own.
    pub(super) variables: &'static str,
    /// The Debian package that has both.
    pub(super) package: &'static str,
}

const PC: &str = "qemu-system-x86_64";

/// EDK2 that was built to check signatures keeps its variables behind system management mode, which
/// the board must have; it has no sleep state S3 then.
const GUARDED: &str = "-machine q35,smm=on -vga std \
    -global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1";

/// The same board without PXE, as [`UEFI_HTTP`].
const GUARDED_HTTP: &str = "-machine q35,smm=on -vga std \
    -global driver=cfi.pflash01,property=secure,value=on -global ICH9-LPC.disable_s3=1 \
    -fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n \
    -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n";

const BIOS: Parts = Parts {
    program: PC,
    board: "-machine pc -vga std",
    flash: None,
    native: true,
};

const UEFI: Parts = Parts {
    program: PC,
    board: "-machine q35 -vga std",
    flash: Some(Flash {
        code: "/usr/share/OVMF/OVMF_CODE_4M.fd",
        variables: "/usr/share/OVMF/OVMF_VARS_4M.fd",
        package: "ovmf",
    }),
    native: true,
};

/// It tries PXE before HTTP and gets an answer there; so PXE is switched off, as a person would in its setup.
const UEFI_HTTP: Parts = Parts {
    board: "-machine q35 -vga std -fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n \
        -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n",
    ..UEFI
};

const SECURE_BOOT: Parts = Parts {
    program: PC,
    board: GUARDED,
    flash: Some(Flash {
        code: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
        variables: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
        package: "ovmf",
    }),
    native: true,
};

const SECURE_BOOT_HTTP: Parts = Parts {
    board: GUARDED_HTTP,
    ..SECURE_BOOT
};

/// Debian builds it for Secure Boot only; without keys in its variables it checks nothing.
const UEFI_IA32: Parts = Parts {
    program: PC,
    board: GUARDED,
    flash: Some(Flash {
        code: "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd",
        variables: "/usr/share/OVMF/OVMF32_VARS_4M.fd",
        package: "ovmf-ia32",
    }),
    native: true,
};

const UEFI_ARM64: Parts = Parts {
    program: "qemu-system-aarch64",
    board: "-machine virt -cpu cortex-a57 -device ramfb",
    flash: Some(Flash {
        code: "/usr/share/AAVMF/AAVMF_CODE.fd",
        variables: "/usr/share/AAVMF/AAVMF_VARS.fd",
        package: "qemu-efi-aarch64",
    }),
    native: false,
};

impl Firmware {
    /// All of them.
    pub const ALL: [Firmware; 7] = [
        Firmware::Bios,
        Firmware::Uefi,
        Firmware::UefiHttp,
        Firmware::SecureBoot,
        Firmware::SecureBootHttp,
        Firmware::UefiIa32,
        Firmware::UefiArm64,
    ];

    pub(super) fn parts(self) -> &'static Parts {
        match self {
            Firmware::Bios => &BIOS,
            Firmware::Uefi => &UEFI,
            Firmware::UefiHttp => &UEFI_HTTP,
            Firmware::SecureBoot => &SECURE_BOOT,
            Firmware::SecureBootHttp => &SECURE_BOOT_HTTP,
            Firmware::UefiIa32 => &UEFI_IA32,
            Firmware::UefiArm64 => &UEFI_ARM64,
        }
    }

    /// RAM in MiB with which it starts phase 1 and, by kexec, a system of some MiB. EDK2 keeps more
    /// for itself than a BIOS does.
    pub fn usual_memory_mib(self) -> u32 {
        match self {
            Firmware::Bios => 320,
            _ => 448,
        }
    }

    /// Whether the card's own ROM is left out, so that the firmware's PXE speaks and not QEMU's iPXE.
    pub(super) fn speaks_itself(self) -> bool {
        self != Firmware::Bios
    }
}
