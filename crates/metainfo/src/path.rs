//! Which paths a torrent may name.

use crate::FileEntry;

/// The longest name of a file or folder, in bytes (`NAME_MAX` of Linux).
pub const MAX_COMPONENT: usize = 255;

/// The longest path below a torrent's root, in bytes: room is left for where the root itself lies
/// below `PATH_MAX`.
pub const MAX_PATH: usize = 3072;

/// Why a path may not be in a torrent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No component at all.
    #[error("a file has an empty path")]
    Empty,
    /// A component that leads elsewhere, or that no file can have.
    #[error("unsafe path {0:?}")]
    Unsafe(Vec<String>),
    /// Longer than [`MAX_COMPONENT`] or [`MAX_PATH`].
    #[error("a path is too long: it starts with {0:?}")]
    TooLong(String),
    /// The same path twice, or a file where another path needs a folder.
    #[error("path {0:?} is there twice, or is a file and a folder")]
    Twice(Vec<String>),
}

/// Refuses a path that could leave the folder it is put into, or that no file can have.
pub fn check_path<S: AsRef<str>>(path: &[S]) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    let owned = || path.iter().map(|part| part.as_ref().to_owned()).collect();
    let mut length = 0;
    for part in path.iter().map(AsRef::as_ref) {
        if matches!(part, "" | "." | "..") || part.contains(['/', '\0']) {
            return Err(PathError::Unsafe(owned()));
        }
        length += part.len() + 1;
        if part.len() > MAX_COMPONENT || length > MAX_PATH {
            return Err(PathError::TooLong(part.chars().take(40).collect()));
        }
    }
    Ok(())
}

/// Checks every path, and that they can all exist beside each other.
///
/// # Errors
/// The first path that is refused by [`check_path`], is there twice, or is a file where another
/// path needs a folder.
pub fn check_files(files: &[FileEntry]) -> Result<(), PathError> {
    for file in files {
        check_path(&file.path)?;
    }
    let mut paths: Vec<&[String]> = files.iter().map(|file| &file.path[..]).collect();
    paths.sort_unstable();
    // Component by component, all paths below "a" come directly after "a" itself.
    match paths.windows(2).find(|pair| pair[1].starts_with(pair[0])) {
        Some(pair) => Err(PathError::Twice(pair[0].to_vec())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{PathError, check_files, check_path};
    use crate::FileEntry;

    #[test]
    fn paths_stay_below_their_root() {
        for good in [
            &["a"][..],
            &["a", "b c", "ß漢"],
            &["..."],
            &[".hidden"],
            &["a\\b"],
            &["con"],
        ] {
            assert_eq!(check_path(good), Ok(()), "{good:?}");
        }
        for bad in [
            &[""][..],
            &["."],
            &[".."],
            &["a", ".."],
            &["a", "", "b"],
            &["/"],
            &["a/b"],
            &["a\0"],
        ] {
            assert!(
                matches!(check_path(bad), Err(PathError::Unsafe(_))),
                "{bad:?}"
            );
        }
        assert_eq!(check_path::<&str>(&[]), Err(PathError::Empty));
        assert!(check_path(&["x".repeat(255)]).is_ok());
        assert!(matches!(
            check_path(&["x".repeat(256)]),
            Err(PathError::TooLong(_))
        ));
        assert!(matches!(
            check_path(&vec!["x"; 2000]),
            Err(PathError::TooLong(_))
        ));
    }

    #[test]
    fn files_can_exist_beside_each_other() {
        let files = |paths: &[&str]| -> Vec<FileEntry> {
            paths
                .iter()
                .map(|path| FileEntry {
                    path: path.split('/').map(str::to_owned).collect(),
                    length: 0,
                })
                .collect()
        };
        assert_eq!(
            check_files(&files(&["a/b", "a b", "a.b", "a/c", "b"])),
            Ok(())
        );
        for bad in [
            &["a", "b", "a"][..],
            &["a/b", "a.b", "a"],
            &["a", "a-b", "a/b/c"],
        ] {
            assert_eq!(
                check_files(&files(bad)),
                Err(PathError::Twice(vec!["a".into()])),
                "{bad:?}"
            );
        }
    }
}
