//! Which files of a folder are the kernel and the initrd when nobody says so.
//!
//! Names are all there is to go by: the patterns are those of the distributions' installers and of
//! `/boot`. Where more than one file fits, nothing is guessed.

use super::PayloadFile;

/// What is being looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A Linux kernel.
    Kernel,
    /// An initial RAM disk.
    Initrd,
}

/// What the names say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guess<'a> {
    /// No file has such a name.
    Nothing,
    /// One has.
    One(&'a str),
    /// Several have; the paths, in the order given.
    Several(Vec<&'a str>),
}

impl Role {
    /// The key of `config.yaml`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Role::Kernel => "kernel",
            Role::Initrd => "initrd",
        }
    }

    /// The names looked for, for messages.
    pub(super) fn patterns(self) -> &'static str {
        match self {
            Role::Kernel => "vmlinuz*, bzImage*, linux",
            Role::Initrd => "initrd*, initramfs*",
        }
    }

    fn matches(self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        match self {
            Role::Kernel => {
                name.starts_with("vmlinuz") || name.starts_with("bzimage") || name == "linux"
            }
            Role::Initrd => name.starts_with("initrd") || name.starts_with("initramfs"),
        }
    }
}

/// Looks through the files.
pub(super) fn guess(role: Role, files: &[PayloadFile]) -> Guess<'_> {
    let fitting = files.iter().filter(|file| role.matches(&file.path));
    let paths: Vec<&str> = fitting.map(|file| file.path.as_str()).collect();
    match paths[..] {
        [] => Guess::Nothing,
        [one] => Guess::One(one),
        _ => Guess::Several(paths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kernel_and_initrd() {
        let table = [
            ("vmlinuz", Some(Role::Kernel)),
            ("vmlinuz-6.1.0-18-amd64", Some(Role::Kernel)),
            ("boot/bzImage", Some(Role::Kernel)),
            ("bzImage64", Some(Role::Kernel)),
            ("linux", Some(Role::Kernel)),
            ("linux-firmware.bin", None),
            ("initrd.gz", Some(Role::Initrd)),
            ("initrd.img-6.1.0-18-amd64", Some(Role::Initrd)),
            ("initramfs-linux-lts.img", Some(Role::Initrd)),
            ("my-initrd.gz", None),
            ("initrd/readme", None),
            ("filesystem.squashfs", None),
        ];
        for (path, role) in table {
            let files = [PayloadFile {
                path: path.to_owned(),
                size: 1,
            }];
            for asked in [Role::Kernel, Role::Initrd] {
                let found = guess(asked, &files) == Guess::One(path);
                assert_eq!(found, role == Some(asked), "{path} as {asked:?}");
            }
        }
    }

    #[test]
    fn two_of_a_kind_are_not_guessed() {
        let files = ["vmlinuz", "vmlinuz.old", "initrd"].map(|path| PayloadFile {
            path: path.to_owned(),
            size: 1,
        });
        let several = Guess::Several(vec!["vmlinuz", "vmlinuz.old"]);
        assert_eq!(guess(Role::Kernel, &files), several);
        assert_eq!(guess(Role::Initrd, &files), Guess::One("initrd"));
    }
}
