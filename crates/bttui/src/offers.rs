//! What the server offers, as the kernel unpacked it from `torrents.gz`: the manifest and the
//! torrents. Only reads.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use catalog::Shell;
use catalog::manifest::{Entry, Manifest};
use metainfo::{Info, Sha256, Torrent};
use swarm::net::{Wanted, WebSeed};

/// Reads the manifest from a folder.
///
/// # Errors
/// Files that are missing or damaged.
pub fn manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; torrents.gz did not reach this machine. Was it among the loader's initrds?", path.display())
        })
    };
    Ok(Manifest::parse(
        &read("Boottorrent.yaml")?,
        &read("configs.yaml")?,
    )?)
}

/// Who gets a shell, before anything else is known. Nobody, where the manifest cannot be read.
pub fn shell(folder: &Path) -> Shell {
    manifest(folder).map_or(Shell::No, |manifest| manifest.shell)
}

/// Reads a system's torrent and checks that it is the one the manifest means.
///
/// # Errors
/// A file that is missing, damaged, or of another system.
pub fn torrent(folder: &Path, entry: &Entry) -> anyhow::Result<Torrent> {
    let path = folder.join(&entry.torrent);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let torrent =
        Torrent::parse(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    if torrent.info().name != entry.name {
        bail!(
            "{} is the torrent of {:?}, not of {:?}",
            path.display(),
            torrent.info().name,
            entry.name
        );
    }
    if torrent.info_hash().to_string() != entry.info_hash {
        bail!(
            "{} is not the torrent that the server's list names",
            path.display()
        );
    }
    Ok(torrent)
}

/// Which files of its torrent a system is started from.
///
/// # Errors
/// One that the torrent does not have.
pub fn wanted(info: &Info, entry: &Entry) -> anyhow::Result<Wanted> {
    let Some(needed) = entry.needed_files() else {
        return Ok(Wanted::Everything);
    };
    Ok(Wanted::named(info, needed.iter().map(String::as_str))?)
}

/// What those files must be, by their index; nothing where the server's list names no sums at all.
///
/// # Errors
/// A file that the list leaves out.
pub fn sums(
    info: &Info,
    entry: &Entry,
    wanted: &Wanted,
) -> anyhow::Result<BTreeMap<usize, Sha256>> {
    let told: HashMap<&str, Sha256> = entry
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.sha256))
        .collect();
    let mut sums = BTreeMap::new();
    let files = info.files.iter().enumerate();
    for (index, file) in files.filter(|(index, _)| !told.is_empty() && wanted.has(*index)) {
        let path = file.path.join("/");
        let Some(sum) = told.get(path.as_str()) else {
            bail!(
                "the server's list does not say what {path} must be; restart bt-server and then this machine"
            );
        };
        sums.insert(index, *sum);
    }
    Ok(sums)
}

/// Where the server has all systems' files by HTTP.
pub fn web_seed(manifest: &Manifest) -> Option<WebSeed> {
    WebSeed::parse(&format!("{}/oss/", manifest.server)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Method;
    use catalog::manifest::ManifestFile;
    use metainfo::FileEntry;

    fn tiny() -> Torrent {
        Torrent::new(Info {
            name: "tiny".to_owned(),
            piece_length: 65536,
            pieces: vec![[7; 20]],
            files: vec![FileEntry {
                path: vec!["vmlinuz".to_owned()],
                length: 10,
            }],
            private: false,
            single_file: false,
        })
    }

    fn entry(name: &str, info_hash: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            dispname: name.to_owned(),
            method: Method::Local,
            torrent: "tiny.torrent".to_owned(),
            size: 10,
            info_hash: info_hash.to_owned(),
            files: Vec::new(),
            signed: None,
            unfit: None,
            inferred: false,
        }
    }

    #[test]
    fn only_the_torrent_that_the_manifest_means_is_taken() {
        let folder = tempfile::tempdir().expect("a directory");
        fs::write(folder.path().join("tiny.torrent"), tiny().to_bytes()).expect("a torrent");
        let hash = tiny().info_hash().to_string();
        let found = torrent(folder.path(), &entry("tiny", &hash)).expect("the torrent");
        assert_eq!(found.info_hash(), tiny().info_hash());
        let table = [
            (entry("other", &hash), "is the torrent of"),
            (entry("tiny", &"00".repeat(20)), "is not the torrent"),
        ];
        for (entry, expected) in table {
            let error = torrent(folder.path(), &entry).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
        fs::write(folder.path().join("tiny.torrent"), b"d4:info").expect("a torrent");
        let error = torrent(folder.path(), &entry("tiny", &hash)).expect_err("damaged");
        assert!(error.to_string().contains("damaged"), "{error}");
    }

    fn of_three() -> Info {
        let file = |path: &str| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length: 10,
        };
        Info {
            files: vec![file("boot/initrd"), file("disk.img"), file("vmlinuz")],
            ..tiny().info().clone()
        }
    }

    fn kexec(initrd: &str) -> Method {
        Method::Kexec {
            kernel: "vmlinuz".to_owned(),
            initrd: vec![initrd.to_owned()],
            files: Vec::new(),
            cmdline: String::new(),
        }
    }

    #[test]
    fn a_kernel_needs_its_initrds_and_anything_else_its_whole_folder() {
        let of = |method| {
            let entry = Entry {
                method,
                ..entry("tiny", "")
            };
            wanted(&of_three(), &entry).map_err(|error| error.to_string())
        };
        assert_eq!(of(kexec("boot/initrd")), Ok(Wanted::Files([0, 2].into())));
        let bin = Method::Bin {
            bin: "vmlinuz".to_owned(),
            args: String::new(),
        };
        let guest = Method::Qemu {
            args: "-hda disk.img".to_owned(),
        };
        assert_eq!(of(bin), Ok(Wanted::Everything));
        assert_eq!(of(guest), Ok(Wanted::Everything));
        let said = of(kexec("boot/initrd.gz")).unwrap_err();
        assert!(
            said.contains("boot/initrd.gz") && said.contains("disk.img"),
            "{said}"
        );
    }

    #[test]
    fn sums_are_those_of_the_files_that_are_fetched() {
        let sum = |byte| Sha256([byte; 32]);
        let file = |path: &str, byte| ManifestFile {
            path: path.to_owned(),
            sha256: sum(byte),
        };
        let mut entry = entry("tiny", "");
        let some = Wanted::Files([0, 2].into());
        let told = |entry: &Entry, wanted: &Wanted| sums(&of_three(), entry, wanted);
        assert!(told(&entry, &some).unwrap().is_empty(), "an older server");
        entry.files = vec![file("boot/initrd", 1), file("vmlinuz", 3)];
        let expected = BTreeMap::from([(0, sum(1)), (2, sum(3))]);
        assert_eq!(told(&entry, &some).unwrap(), expected);
        let said = told(&entry, &Wanted::Everything).unwrap_err().to_string();
        assert!(said.contains("disk.img"), "{said}");
    }

    #[test]
    fn offers_that_did_not_arrive_are_explained() {
        let folder = tempfile::tempdir().expect("a directory");
        let error = manifest(folder.path()).expect_err("nothing there");
        assert!(error.to_string().contains("torrents.gz"), "{error}");
    }

    #[test]
    fn the_server_s_files_are_where_the_manifest_says() {
        let told = |server: &str| {
            let file = format!(r#"{{"version":0,"timeout":0,"server":"{server}"}}"#);
            web_seed(&Manifest::parse(&file, "[]").expect("a manifest"))
        };
        let expected = WebSeed::parse("http://10.77.0.1:6969/oss/").ok();
        assert!(expected.is_some());
        assert_eq!(told("http://10.77.0.1:6969"), expected);
        assert_eq!(told(""), None, "an older server: there are peers");
    }
}
