//! What the system that was chosen takes of this machine's memory, from its torrent; the rule is [`catalog::memory`].

pub use catalog::memory::{Memory, Need};

use std::path::Path;

use catalog::Method;
use catalog::manifest::{Entry, Manifest};
use metainfo::Info;
use swarm::net::Wanted;

use crate::offers;

/// What each system of the server's list takes, with the layer that it runs in; nothing where it is not fetched, or its
/// torrent in this folder cannot be read.
pub fn needs(folder: &Path, manifest: &Manifest) -> Vec<Option<Need>> {
    let of = |entry: &Entry| {
        let torrent = offers::torrent(folder, entry).ok()?;
        let wanted = offers::wanted(torrent.info(), entry).ok()?;
        Some(need(torrent.info(), &wanted, &entry.method))
    };
    let layer = manifest.layer.as_ref().and_then(of);
    let layer = layer.map_or(0, |layer| layer.files);
    let systems = manifest.systems.iter();
    systems
        .map(|entry| match &entry.method {
            Method::Local => None,
            Method::Qemu { .. } => of(entry).map(|need| need.beside(layer)),
            Method::Kexec { .. } | Method::Bin { .. } => of(entry),
        })
        .collect()
}

/// What a torrent's system takes when these files are fetched and it is started so.
pub fn need(info: &Info, wanted: &Wanted, method: &Method) -> Need {
    let length = |path: &String| {
        let mut files = info.files.iter();
        let file = files.find(|file| file.path.join("/") == *path);
        file.map_or(0, |file| file.length)
    };
    Need::of(method, wanted.fetched_bytes(info), length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metainfo::FileEntry;

    #[test]
    fn what_is_fetched_counts_and_only_a_kernel_s_initrds_are_copied() {
        let file = |path: &str, length| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length,
        };
        let info = Info {
            name: "tiny".into(),
            piece_length: 65536,
            // The other system's image begins in the kernel's last piece.
            pieces: vec![[0; 20]; 3],
            files: vec![
                file("boot/a.gz", 5),
                file("b", 7),
                file("vmlinuz", 11),
                file("other.img", 150_000),
            ],
            private: false,
            single_file: false,
        };
        let kexec = Method::Kexec {
            kernel: "vmlinuz".into(),
            initrd: vec!["boot/a.gz".into(), "missing".into()],
            files: vec!["b".into()],
            cmdline: String::new(),
        };
        let guest = Method::Qemu {
            args: "-fda b".into(),
        };
        let some = Wanted::named(&info, ["vmlinuz", "boot/a.gz", "b"]).unwrap();
        let fetched = Need {
            files: 65_536,
            initrds: 5,
            handed_on: 7,
            guest: 0,
        };
        assert_eq!(need(&info, &some, &kexec), fetched);
        let fetched = Need {
            files: 150_023,
            guest: catalog::memory::guest::takes(""),
            ..Need::default()
        };
        assert_eq!(need(&info, &Wanted::Everything, &guest), fetched);
    }
}
