//! Reading one system: its folder's name, its files, and how it starts when no `config.yaml` says so.

use super::{
    PayloadFile, System,
    config::configured,
    image,
    infer::{Guess, Role, guess},
    listed::listed,
    program::{self, Head},
};
use crate::{Checked, Method, Problem, manifest::is_inside, yaml::tree};

/// Longest folder name in bytes: `NAME.torrent` must be a file name.
const LONGEST_NAME: usize = 200;

/// Reads one system: its folder's name, its payload files, and its `config.yaml` if there is one
/// (name to show, text).
///
/// Without `config.yaml` a folder with one kernel and one initrd starts by kexec, and one without such files and with one
/// image of a disc or a disk in QEMU; keys left out of it are inferred in the same way. Problems of a folder without the file carry the folder's name.
/// The value is what could be read, errors or not; it is `None` only where not even the
/// system's name for the menu is known.
///
/// Files are known by their names alone; [`system_of`] can also look into them.
pub fn system(
    folder: &str,
    files: &[PayloadFile],
    config: Option<(&str, &str)>,
) -> Checked<System> {
    system_of(folder, files, config, &|_| Vec::new())
}

/// As [`system`]; where neither `config.yaml` nor names say what a folder is, one with exactly one static program runs that,
/// by the first bytes that `head` tells of each file.
pub fn system_of(
    folder: &str,
    files: &[PayloadFile],
    config: Option<(&str, &str)>,
    head: Head<'_>,
) -> Checked<System> {
    let name_problem = check_folder_name(folder);
    let usable = name_problem.is_none();
    let mut problems = Vec::from_iter(name_problem);
    let system = match config {
        Some((file, text)) => match tree::parse(file, text) {
            Ok(root) => Some(configured(file, folder, (files, head), root, &mut problems)),
            Err(problem) => {
                problems.push(problem);
                None
            }
        },
        None => Some(inferred(folder, files, head, &mut problems)),
    };
    Checked {
        value: system.filter(|_| usable),
        problems,
    }
}

/// A folder's name becomes a file name, a piece of a URL and a torrent's name.
fn check_folder_name(name: &str) -> Option<Problem> {
    let what = if !is_inside(name) || name.contains('/') {
        "is no name for a system's folder"
    } else if name.chars().any(char::is_control) {
        "has a control character in its name"
    } else if name.contains('\\') {
        "has a backslash in its name"
    } else if name.starts_with('.') || name.trim() != name {
        "has a name that starts with a dot or starts or ends with white space"
    } else if name.len() > LONGEST_NAME {
        "has a name of more than 200 bytes"
    } else {
        return None;
    };
    let problem = Problem::error(name, what, "rename the folder");
    Some(problem.found(name))
}

fn inferred(
    folder: &str,
    files: &[PayloadFile],
    head: Head<'_>,
    problems: &mut Vec<Problem>,
) -> System {
    let nothing = |role| guess(role, files) == Guess::Nothing;
    let is_linux = !nothing(Role::Kernel) || !nothing(Role::Initrd);
    let method = match is_linux {
        true => None,
        false => {
            let guest = guest(folder, files, problems);
            guest.or_else(|| bin(folder, files, head, problems))
        }
    };
    System {
        name: folder.to_owned(),
        dispname: folder.to_owned(),
        dispname_line: None,
        method: method.unwrap_or_else(|| linux(folder, files, problems)),
        method_line: None,
    }
}

/// The only image of a folder as a guest; `None` where there is none.
fn guest(folder: &str, files: &[PayloadFile], problems: &mut Vec<Problem>) -> Option<Method> {
    let images: Vec<_> = (files.iter().filter(|file| image::is_image(&file.path))).collect();
    let (what, remedy, found) = match images[..] {
        [] => return None,
        [one] => match image::args(one) {
            Some(args) => return Some(Method::Qemu { args }),
            None => (
                "has no config.yaml, and the image in it has white space or a comma in its name",
                "rename the file: both separate what QEMU is told",
                one.path.clone(),
            ),
        },
        _ => (
            "has no config.yaml and several files that look like images to start in QEMU",
            "write a config.yaml with method: bin-qemu-x86_64 and args: that name the right ones, or give each its own folder",
            listed(&images.iter().map(|one| &*one.path).collect::<Vec<_>>()),
        ),
    };
    problems.push(Problem::error(folder, what, remedy).found(found));
    let args = String::new();
    Some(Method::Qemu { args })
}

/// The only static program of a folder; `None` where nothing in it looks like a program.
fn bin(
    folder: &str,
    files: &[PayloadFile],
    head: Head<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Method> {
    let args = String::new();
    let problem = match program::guess(files, head) {
        program::Guess::Nothing => return None,
        program::Guess::One(path) => {
            let bin = path.to_owned();
            return Some(Method::Bin { bin, args });
        }
        program::Guess::Several(paths) => {
            let what = "has no config.yaml, no kernel, no image, and several programs";
            let remedy = "write a config.yaml with method: bin and bin: that names the right one";
            Problem::error(folder, what, remedy).found(paths)
        }
        program::Guess::Unfit(path, why) => {
            let what = format!("has no config.yaml, no kernel, no image, and its {path} {why}");
            let remedy = format!(
                "put a static program there, or write a config.yaml with method: bin and bin: {path} if phase 1 has what it needs"
            );
            Problem::error(folder, what, remedy)
        }
    };
    problems.push(problem);
    let bin = String::new();
    Some(Method::Bin { bin, args })
}

/// Kernel and initrd, and what is wrong where they are not found.
fn linux(folder: &str, files: &[PayloadFile], problems: &mut Vec<Problem>) -> Method {
    let mut found = |role: Role| match guess(role, files) {
        Guess::One(path) => Some(path.to_owned()),
        Guess::Nothing if files.is_empty() => None,
        Guess::Nothing => {
            let (key, patterns) = (role.key(), role.patterns());
            let what =
                format!("has no config.yaml and no file that looks like the {key} ({patterns})");
            let remedy = match role {
                Role::Kernel => {
                    "put the kernel there, or nothing but an image to start in QEMU or a static program, or write a config.yaml that names it (kernel: FILE) or another method"
                }
                Role::Initrd => {
                    "put the initrd there, or write a config.yaml that names it (initrd: FILE, or initrd: [] for none)"
                }
            };
            problems.push(Problem::error(folder, what, remedy));
            None
        }
        Guess::Several(paths) => {
            let key = role.key();
            let what = format!("has no config.yaml and several files that look like the {key}");
            let remedy = format!("write a config.yaml with {key}: and the right one");
            problems.push(Problem::error(folder, what, remedy).found(listed(&paths)));
            None
        }
    };
    let kernel = found(Role::Kernel).unwrap_or_default();
    let initrd = Vec::from_iter(found(Role::Initrd));
    if files.is_empty() {
        let remedy = "put a kernel and an initrd there, or remove the folder";
        problems.push(Problem::error(folder, "holds no files", remedy));
    }
    Method::Kexec {
        kernel,
        initrd,
        files: Vec::new(),
        cmdline: String::new(),
    }
}
