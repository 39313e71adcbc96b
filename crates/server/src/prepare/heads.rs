//! What the first bytes of a system's kernel or program say of the machines that can run it. Only reads.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use catalog::{Method, executable, kernel, signature};

use crate::check::LoadedSystem;

/// What the manifest says of a system's kernel or program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether the kernel carries a signature; nothing where there is none, or nobody can tell.
    pub(super) signed: Option<bool>,
    /// Why no machine can run it, if none can.
    pub(super) unfit: Option<String>,
}

/// Reads what there is to be said; a file that cannot be read says nothing here.
pub(super) fn of(one: &LoadedSystem) -> Head {
    let about = |path: &str, why: String| format!("{path} {why}");
    match &one.system.method {
        Method::Kexec { kernel: path, .. } => {
            let most = signature::HEAD.max(kernel::HEAD);
            let Some((head, length)) = read(&one.root.join(path), most) else {
                return Head::default();
            };
            Head {
                signed: signature::is_signed(&head, length),
                unfit: kernel::unfit(&head).map(|why| about(path, why)),
            }
        }
        Method::Bin { bin, .. } => {
            let read = read(&one.root.join(bin), executable::HEAD);
            let unfit = read.and_then(|(head, _)| executable::kind(&head).err());
            Head {
                signed: None,
                unfit: unfit.map(|why| about(bin, why)),
            }
        }
        Method::Qemu { .. } | Method::Local => Head::default(),
    }
}

/// Why no machine can run a system's kernel or program, if none can: a clause that begins with the file's name.
pub(crate) fn unfit_file(one: &LoadedSystem) -> Option<String> {
    of(one).unfit
}

/// A file's first bytes, and how many it has.
fn read(path: &Path, most: usize) -> Option<(Vec<u8>, u64)> {
    let file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut head = Vec::with_capacity(most.min(4096));
    file.take(most as u64).read_to_end(&mut head).ok()?;
    Some((head, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(folder: &Path, method: Method) -> LoadedSystem {
        LoadedSystem {
            root: folder.to_owned(),
            system: catalog::System {
                name: "tool".into(),
                dispname: "Tool".into(),
                dispname_line: None,
                method,
                method_line: None,
            },
            config: "tool".into(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_program_of_another_processor_is_told_before_anybody_fetches_it() {
        let folder = tempfile::tempdir().expect("a directory");
        let bin = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("a file");
            let bin = Method::Bin {
                bin: name.into(),
                args: String::new(),
            };
            of(&system(folder.path(), bin))
        };
        let mut arm = vec![0; 64];
        arm[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (arm[16], arm[18]) = (2, 183);
        let said = bin("tool-arm", &arm).unfit.expect("refused");
        assert!(
            said.starts_with("tool-arm is a program for ARM64"),
            "{said}"
        );
        assert_eq!(bin("script", b"#!/bin/sh\n"), Head::default());
    }
}
