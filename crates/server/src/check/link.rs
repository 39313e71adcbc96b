//! Where an entry of oss really is, and through which folders a symbolic link leads there. Opens nothing.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

/// What is wrong with an entry, and what to do about it.
pub(super) type Refusal = (String, String);

/// An entry, or what is wrong with it.
pub(super) type Resolved = Result<Found, Refusal>;

/// An entry of oss.
#[derive(Debug)]
pub(super) struct Found {
    /// Its place, absolute and free of symbolic links.
    pub(super) real: PathBuf,
    /// What is there.
    pub(super) metadata: Metadata,
    /// Where it is a link, the folders that whoever follows it must be able to enter, in their order.
    pub(super) way: Vec<PathBuf>,
}

/// The real place of an entry of `oss` and what is there. Neither `oss` nor the folder of the entry has symbolic
/// links in its path.
pub(super) fn resolve(path: &Path, oss: &Path) -> Resolved {
    let failed = |error: &io::Error| {
        let remedy = "make it readable, or remove it";
        (format!("cannot be looked at: {error}"), remedy.to_owned())
    };
    let metadata = fs::symlink_metadata(path).map_err(|error| failed(&error))?;
    if !metadata.is_symlink() {
        return Ok(Found {
            real: path.to_path_buf(),
            metadata,
            way: Vec::new(),
        });
    }
    let target = fs::read_link(path).unwrap_or_default();
    let target = target.display();
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) => {
            let what = format!("is a symbolic link to {target}, which cannot be reached ({error})");
            return Err((what, "correct or remove the link".to_owned()));
        }
    };
    if !real.starts_with(oss) {
        let what = format!("is a symbolic link that leaves oss, to {target}");
        let remedy =
            "copy what it points to into its place, or mount that there with `mount --bind`";
        return Err((what, remedy.to_owned()));
    }
    let metadata = fs::metadata(&real).map_err(|error| failed(&error))?;
    Ok(Found {
        real,
        metadata,
        way: way(path),
    })
}

/// Most links of one path, as in the kernel (path_resolution(7)).
const MOST_LINKS: u32 = 40;

/// The folders in which the kernel looks something up when it follows a link (path_resolution(7)). That is more
/// than the folders of the target: a link may lead to another one somewhere else.
fn way(link: &Path) -> Vec<PathBuf> {
    let mut way: Vec<PathBuf> = Vec::new();
    let mut folder = link.parent().unwrap_or(link).to_path_buf();
    // What is still to be looked up, the last first.
    let mut ahead: Vec<OsString> = link.file_name().map(OsString::from).into_iter().collect();
    let mut links = 0;
    while let Some(step) = ahead.pop() {
        if step == "/" {
            folder = PathBuf::from("/");
            continue;
        }
        if !way.contains(&folder) {
            way.push(folder.clone());
        }
        if step == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(&step);
        match fs::read_link(&next) {
            Ok(_) if links == MOST_LINKS => break,
            Ok(target) => {
                links += 1;
                let steps = target.components().rev();
                ahead.extend(steps.map(|step| step.as_os_str().to_owned()));
            }
            // No link.
            Err(_) => folder = next,
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_way_goes_through_every_folder_that_is_looked_into() {
        let base = tempfile::tempdir().expect("a folder");
        let base = base.path().canonicalize().expect("a folder");
        for folder in ["oss/deb/boot", "oss/.store/deb", "oss/far"] {
            fs::create_dir_all(base.join(folder)).expect("a folder");
        }
        fs::write(base.join("oss/.store/deb/vmlinuz"), "x").expect("a file");
        let absolute = base.join("oss/.store/deb");
        for (link, target) in [
            ("oss/a", Path::new(".store/deb")),
            ("oss/b", &absolute),
            (
                "oss/deb/boot/vmlinuz",
                Path::new("../../.store/deb/vmlinuz"),
            ),
            ("oss/far/next", Path::new("../.store")),
            ("oss/deb/chain", Path::new(".././far/next/deb/vmlinuz")),
            ("oss/self", Path::new("self")),
        ] {
            symlink(target, base.join(link)).expect("a link");
        }
        let inside = |link: &str| -> Vec<String> {
            let way = way(&base.join(link));
            let inside = way
                .iter()
                .filter_map(|folder| folder.strip_prefix(&base).ok());
            inside.map(|folder| folder.display().to_string()).collect()
        };
        assert_eq!(inside("oss/a"), ["oss", "oss/.store"]);
        assert_eq!(inside("oss/b"), ["oss", "", "oss/.store"]);
        assert!(way(&base.join("oss/b")).contains(&PathBuf::from("/")));
        assert_eq!(
            inside("oss/deb/boot/vmlinuz"),
            [
                "oss/deb/boot",
                "oss/deb",
                "oss",
                "oss/.store",
                "oss/.store/deb"
            ]
        );
        assert_eq!(
            inside("oss/deb/chain"),
            ["oss/deb", "oss", "oss/far", "oss/.store", "oss/.store/deb"]
        );
        assert_eq!(inside("oss/self"), ["oss"]);
    }
}
