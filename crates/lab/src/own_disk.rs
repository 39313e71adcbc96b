//! A machine's own disk, as it would be after an installation: what starts from it says so.
//!
//! One FAT file system without partitions, made with mtools. A BIOS runs the code in its first sector; UEFI finds shim
//! below the path that every removable disk has, which starts GRUB as Secure Boot wants it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Enough for shim and GRUB; FAT with 16 bits.
const SIZE: u64 = 16 << 20;
/// The FAT file system's own data ends before (its largest variant's, at 0x5a).
const CODE_AT: u8 = 0x60;
/// Where a BIOS loads the first sector to.
const LOADED_AT: u16 = 0x7c00;

/// A disk that a machine may have.
#[derive(Debug)]
pub struct OwnDisk(PathBuf);

impl OwnDisk {
    /// What is printed on the serial line by whatever starts from it.
    pub const MARKER: &str = "bt-disk: hello from this machine's own disk";

    /// Makes the file `disk.img` in `folder`, with the loaders of `phase1`, the folder where phase 1 was built.
    ///
    /// # Errors
    /// Phase 1 was not built, or there are no mtools.
    pub fn build(phase1: &Path, folder: &Path) -> Result<OwnDisk> {
        let path = folder.join("disk.img");
        let config = folder.join("disk.cfg");
        fs::write(&config, format!("echo \"{}\"\nsleep 3600\n", Self::MARKER))?;
        File::create(&path)?.set_len(SIZE)?;
        mtool("mformat", &path, &["-T", &(SIZE / 512).to_string(), "::"])?;
        for folder in ["EFI", "EFI/BOOT", "grub"] {
            mtool("mmd", &path, &[&format!("::{folder}")])?;
        }
        let image = phase1.join("image");
        for (from, to) in [
            (image.join("shimx64.efi"), "EFI/BOOT/BOOTX64.EFI"),
            (image.join("grubx64.efi"), "EFI/BOOT/grubx64.efi"),
            (image.join("grubia32.efi"), "EFI/BOOT/BOOTIA32.EFI"),
            (config, "grub/grub.cfg"),
        ] {
            let from = from.display().to_string();
            mtool("mcopy", &path, &[&from, &format!("::{to}")])?;
        }
        let disk = File::options().write(true).open(&path)?;
        // A short jump over what the file system keeps there.
        disk.write_all_at(&[0xeb, CODE_AT - 2, 0x90], 0)?;
        disk.write_all_at(&code(Self::MARKER), CODE_AT.into())?;
        disk.write_all_at(&[0x55, 0xaa], 510)?;
        Ok(OwnDisk(path))
    }

    /// Its file. Machines write to a copy of their own.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

fn mtool(program: &str, disk: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(program);
    // mcopy and mmd know it as the drive "::".
    command.arg("-i").arg(disk).args(arguments);
    let output = command
        .output()
        .with_context(|| format!("{program}: install mtools"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {said}");
    Ok(())
}

/// 16-bit code that writes `text` and an end of line to the first serial port, then stops.
fn code(text: &str) -> Vec<u8> {
    const BEFORE_TEXT: u16 = 29;
    let [low, high] = (LOADED_AT + u16::from(CODE_AT) + BEFORE_TEXT).to_le_bytes();
    #[rustfmt::skip]
    let mut code = vec![
        0x31, 0xc0,             // xor ax, ax
        0x8e, 0xd8,             // mov ds, ax
        0xfc,                   // cld
        0xbe, low, high,        // mov si, text
        0xac,                   // next: lodsb
        0x84, 0xc0,             // test al, al
        0x74, 0x0f,             // jz stop
        0x50,                   // push ax
        0xba, 0xfd, 0x03,       // mov dx, 0x3fd: the line's status
        0xec,                   // wait: in al, dx
        0xa8, 0x20,             // test al, 0x20: may it be written to?
        0x74, 0xfb,             // jz wait
        0x58,                   // pop ax
        0xb2, 0xf8,             // mov dl, 0xf8
        0xee,                   // out dx, al
        0xeb, 0xec,             // jmp next
        0xf4,                   // stop: hlt
    ];
    debug_assert_eq!(code.len(), usize::from(BEFORE_TEXT));
    code.extend(text.bytes());
    code.extend(b"\r\n\0");
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_fits_its_sector_and_jumps_to_where_it_should() {
        let code = code(OwnDisk::MARKER);
        assert!(usize::from(CODE_AT) + code.len() <= 510);
        // Relative to the byte after each jump.
        let jump = |at: usize| (at + 2).wrapping_add_signed(isize::from(code[at + 1] as i8));
        assert_eq!(code[jump(11)], 0xf4, "jz stop");
        assert_eq!(code[jump(20)], 0xec, "jz wait");
        assert_eq!(code[jump(26)], 0xac, "jmp next");
        let text =
            usize::from(u16::from_le_bytes([code[6], code[7]]) - LOADED_AT) - usize::from(CODE_AT);
        assert!(code[text..].starts_with(b"bt-disk: "));
    }
}
