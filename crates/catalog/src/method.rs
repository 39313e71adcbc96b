//! The ways a machine can start a system.

use serde::{Deserialize, Serialize};

/// How a system is started once its files are there. Paths are relative to the system's folder,
/// separated by `/`.
///
/// The serialised form uses the key names of `config.yaml`, with the method's name under `method`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method")]
pub enum Method {
    /// A Linux kernel replaces the running one.
    #[serde(rename = "kexec")]
    Kexec {
        /// The kernel image (a bzImage).
        kernel: String,
        /// The initial RAM disks, in order; empty for a kernel that brings its own.
        #[serde(default)]
        initrd: Vec<String>,
        /// Files that the kernel finds at their paths in its root, handed on behind the initial RAM disks.
        #[serde(
            default,
            rename = "initrd_files",
            skip_serializing_if = "Vec::is_empty"
        )]
        files: Vec<String>,
        /// The kernel's command line, with the words of [`cmdline`](crate::cmdline) still in it.
        #[serde(default)]
        cmdline: String,
    },
    /// A program that runs inside phase 1.
    #[serde(rename = "bin")]
    Bin {
        /// The program.
        bin: String,
        /// Its arguments, separated by white space.
        #[serde(default, rename = "binargs")]
        args: String,
    },
    /// A guest in QEMU (`qemu-system-x86_64`) inside phase 1.
    #[serde(rename = "bin-qemu-x86_64")]
    Qemu {
        /// Arguments for QEMU, separated by white space; its working directory is the system's
        /// folder.
        #[serde(default)]
        args: String,
    },
    /// The machine goes on with its own disk.
    #[serde(rename = "local")]
    Local,
}

impl Method {
    /// Every method's name as `config.yaml` writes it.
    pub const NAMES: [&'static str; 4] = ["kexec", "bin", "bin-qemu-x86_64", "local"];

    /// The method's name as `config.yaml` writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Kexec { .. } => "kexec",
            Method::Bin { .. } => "bin",
            Method::Qemu { .. } => "bin-qemu-x86_64",
            Method::Local => "local",
        }
    }
}
