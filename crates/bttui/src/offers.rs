//! What the server offers, as the kernel unpacked it from `torrents.gz`: the manifest and the
//! torrents. Only reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use catalog::manifest::{Entry, Manifest};
use metainfo::Torrent;
use swarm::net::WebSeed;

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

/// Where the server has all systems' files by HTTP.
pub fn web_seed(manifest: &Manifest) -> Option<WebSeed> {
    WebSeed::parse(&format!("{}/oss/", manifest.server)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::Method;
    use metainfo::{FileEntry, Info};

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
