//! What a file that is to be run is, from its first bytes, and why a machine cannot run it.
//!
//! A pure reader of ELF headers (elf(5)) and of `#!` lines (execve(2)). The kernel has one errno for many
//! reasons, and for a missing loader it says that the program itself is not there; here each has its sentence.
//! What is not understood is let through: the kernel has the last word.

/// Bytes of a file that are looked at. The program header table stands right behind the ELF header, and the
/// loader's name right behind that, in all that linkers write.
pub const HEAD: usize = 64 << 10;
/// Of a script's first line the kernel reads so much (`BINPRM_BUF_SIZE`).
const LINE: usize = 256;

/// ELF's `e_machine` and class of what an x86-64 kernel with 32-bit emulation runs.
const X86_64: u16 = 62;
const I386: u16 = 3;
/// `e_type`: not linked yet, loaded anywhere, and the memory of a program that crashed.
const RELOCATABLE: u16 = 1;
const SHARED: u16 = 3;
const CORE: u16 = 4;
/// `p_type` of the segment that names the loader.
const PT_INTERP: u32 = 3;

/// What a runnable file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An ELF program without a loader: nothing else is needed.
    Static,
    /// An ELF program that this dynamic loader starts, with its shared libraries.
    Dynamic(String),
    /// A script for this interpreter.
    Script(String),
}

/// Why a file cannot be run on an x86-64 machine, as the end of a sentence that begins with its name.
pub type Unfit = String;

/// What the file with these first bytes is.
///
/// # Errors
/// It is nothing that runs, or not on this kind of processor.
pub fn kind(head: &[u8]) -> Result<Kind, Unfit> {
    if let Some(line) = head.strip_prefix(b"#!") {
        return script(line);
    }
    if head.starts_with(b"\x7fELF") {
        let header = Elf::of(head).ok_or("is an ELF program cut short")?;
        return elf(&header);
    }
    Err(match head {
        [] => "is empty",
        [b'M', b'Z', ..] => {
            "is a program for Windows, DOS or UEFI; method bin runs programs for Linux"
        }
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => {
            "is a program for another operating system; method bin runs programs for Linux"
        }
        _ => "is no program: neither ELF nor a script that begins with #!",
    }
    .to_owned())
}

/// Whether the file runs where `exists` knows the absolute paths that are there.
///
/// # Errors
/// As [`kind`], and what it needs that is not there, with the remedy.
pub fn check(head: &[u8], exists: impl Fn(&str) -> bool) -> Result<Kind, Unfit> {
    let kind = kind(head)?;
    match &kind {
        Kind::Dynamic(loader) if !exists(loader) => Err(format!(
            "needs shared libraries and their loader {loader}, which phase 1 does not have: link it statically, \
             or put loader and libraries into its folder and name the loader as bin, with \"--library-path LIBRARIES \
             ./PROGRAM\" before its arguments"
        )),
        Kind::Script(interpreter) if !exists(interpreter) => Err(format!(
            "is a script for {interpreter}, which phase 1 does not have; it has /bin/sh (busybox)"
        )),
        _ => Ok(kind),
    }
}

/// Whether a file with these first bytes is meant to be run at all: whoever packed its folder into a torrent has lost
/// the mode that said so.
pub fn looks_runnable(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || head.starts_with(b"#!")
}

fn script(line: &[u8]) -> Result<Kind, Unfit> {
    let line = &line[..line.len().min(LINE)];
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") {
        return Err(
            "is a script with the line ends of Windows, which no interpreter is found by: convert it with dos2unix"
                .to_owned(),
        );
    }
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t'));
    match words.find(|word| !word.is_empty()) {
        Some(interpreter) => Ok(Kind::Script(
            String::from_utf8_lossy(interpreter).into_owned(),
        )),
        None => Err("is a script whose first line names no interpreter".to_owned()),
    }
}

fn elf(elf: &Elf<'_>) -> Result<Kind, Unfit> {
    let bits = if elf.wide { 64 } else { 32 };
    match (elf.machine, elf.wide) {
        (X86_64, true) | (I386, false) if elf.little => {}
        (X86_64, false) => {
            return Err("is an x32 program, which Debian's kernel does not run".to_owned());
        }
        (machine, _) => {
            let number = || format!("processor number {machine}");
            let name = processor(machine).map_or_else(number, str::to_owned);
            return Err(format!(
                "is a program for {name} ({bits} bits), and this is an x86-64 machine"
            ));
        }
    }
    match elf.kind {
        RELOCATABLE => return Err("is an object file that was not linked".to_owned()),
        CORE => return Err("is the core dump of a program".to_owned()),
        _ => {}
    }
    match elf.loader() {
        Some(loader) => Ok(Kind::Dynamic(loader)),
        // Static programs that are loaded anywhere begin somewhere.
        None if elf.kind == SHARED && elf.entry() == Some(0) => {
            Err("is a shared library, which is no program".to_owned())
        }
        None => Ok(Kind::Static),
    }
}

/// Those that Linux distributions are made for; `e_machine` in elf.h.
fn processor(machine: u16) -> Option<&'static str> {
    Some(match machine {
        I386 => "x86",
        8 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC (64 bits)",
        22 => "IBM Z",
        40 => "ARM",
        43 => "SPARC",
        183 => "ARM64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => return None,
    })
}

/// An ELF file's header.
struct Elf<'a> {
    head: &'a [u8],
    /// 64 bits.
    wide: bool,
    little: bool,
    kind: u16,
    machine: u16,
}

impl<'a> Elf<'a> {
    fn of(head: &'a [u8]) -> Option<Elf<'a>> {
        let (class, order) = (*head.get(4)?, *head.get(5)?);
        let mut elf = Elf {
            head,
            wide: class == 2,
            little: order == 1,
            kind: 0,
            machine: 0,
        };
        elf.kind = u16::try_from(elf.number(16, 2)?).ok()?;
        elf.machine = u16::try_from(elf.number(18, 2)?).ok()?;
        // The header is there as a whole.
        elf.head.get(if elf.wide { 63 } else { 51 })?;
        Some(elf)
    }

    /// Where it begins.
    fn entry(&self) -> Option<u64> {
        self.number(24, if self.wide { 8 } else { 4 })
    }

    /// The loader's path, where the program names one that stands in what was read.
    fn loader(&self) -> Option<String> {
        let (table, length, count) = match self.wide {
            true => (
                self.number(32, 8)?,
                self.number(54, 2)?,
                self.number(56, 2)?,
            ),
            false => (
                self.number(28, 4)?,
                self.number(42, 2)?,
                self.number(44, 2)?,
            ),
        };
        (0..count).find_map(|index| {
            let at = usize::try_from(table.checked_add(index.checked_mul(length)?)?).ok()?;
            if self.number(at, 4)? != u64::from(PT_INTERP) {
                return None;
            }
            let (offset, size) = match self.wide {
                true => (
                    self.number(at.checked_add(8)?, 8)?,
                    self.number(at.checked_add(32)?, 8)?,
                ),
                false => (
                    self.number(at.checked_add(4)?, 4)?,
                    self.number(at.checked_add(16)?, 4)?,
                ),
            };
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            let path = self.head.get(start..end)?.split(|byte| *byte == 0).next()?;
            Some(String::from_utf8_lossy(path).into_owned())
        })
    }

    fn number(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.head.get(at..at.checked_add(length)?)?.iter();
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self.little {
            true => bytes.rev().fold(0, push),
            false => bytes.fold(0, push),
        })
    }
}

#[cfg(test)]
mod tests;
