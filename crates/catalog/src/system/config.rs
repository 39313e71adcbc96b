//! Reading a system's `config.yaml`.

use super::{
    PayloadFile, System,
    infer::{Guess, Role, guess},
};
use crate::{
    Method, Placed, Problem, Severity,
    manifest::is_inside,
    nearest::nearest,
    yaml::{section::Section, tree::Node},
};

/// Longest name in the menu, in characters.
const LONGEST_DISPNAME: usize = 200;

/// Longest command line in bytes: x86 kernels hold 2048 with the final NUL and refuse more.
const LONGEST_CMDLINE: usize = 2047;

/// What a `config.yaml` says, completed from the folder's files.
pub(super) fn configured(
    file: &str,
    folder: &str,
    files: &[PayloadFile],
    root: Node,
    problems: &mut Vec<Problem>,
) -> System {
    let mut config = Config {
        section: Section::open(file, "", root),
        files,
    };
    let dispname = config.dispname();
    let (method, method_line) = config.method();
    let mut found = config.section.finish(Severity::Error, method_of);
    found.sort_by_key(|problem| problem.line);
    problems.extend(found);
    System {
        name: folder.to_owned(),
        dispname_line: dispname.as_ref().and_then(|dispname| dispname.line),
        dispname: dispname.map_or_else(|| folder.to_owned(), |dispname| dispname.value),
        method,
        method_line,
    }
}

/// What to do with a key that belongs to another method than the one chosen.
fn method_of(key: &str) -> Option<String> {
    let method = match key {
        "kernel" | "initrd" | "cmdline" => "kexec",
        "bin" | "binargs" => "bin",
        "args" => "bin-qemu-x86_64",
        _ => return None,
    };
    Some(format!(
        "remove the line, or write method: {method}, to which this key belongs"
    ))
}

/// A `config.yaml` while it is being read, with the files it may name.
struct Config<'a> {
    section: Section<'a>,
    files: &'a [PayloadFile],
}

impl Config<'_> {
    fn dispname(&mut self) -> Option<Placed<String>> {
        let Placed { value, line } = self.section.text("dispname", "Debian 12")?;
        let name = value.trim();
        let what = if name.is_empty() {
            "must not be empty"
        } else if name.chars().any(char::is_control) {
            "must be one line of printable characters"
        } else if name.chars().count() > LONGEST_DISPNAME {
            "must not be longer than 200 characters"
        } else {
            let value = name.to_owned();
            return Some(Placed { value, line });
        };
        let remedy = "write for example dispname: Debian 12";
        self.section.refuse("dispname", line, &value, what, remedy);
        None
    }

    fn method(&mut self) -> (Method, Option<u64>) {
        let Some(Placed { value, line }) = self.section.text("method", "kexec") else {
            return (self.method_unsaid(), None);
        };
        let method = match value.as_str() {
            "kexec" => self.kexec(),
            "bin" => self.bin(),
            "bin-qemu-x86_64" => self.qemu(),
            "local" => Method::Local,
            _ => {
                let what = format!("must be one of {}", Method::NAMES.join(", "));
                let remedy = match (value.as_str(), nearest(&value, Method::NAMES)) {
                    ("qemu-iso", _) => {
                        "write method: bin-qemu-x86_64 with args: \"-cdrom FILE.iso\"".to_owned()
                    }
                    (_, Some(near)) => format!("write method: {near}"),
                    (_, None) => "write method: kexec to start a Linux kernel".to_owned(),
                };
                self.section.refuse("method", line, &value, &what, remedy);
                self.method_unknown()
            }
        };
        (method, line)
    }

    /// No method written: a program or a guest must be asked for, everything else is a kernel.
    fn method_unsaid(&mut self) -> Method {
        let (key, method) = if self.section.has("bin") {
            ("bin", "bin")
        } else if self.section.has("args") {
            ("args", "bin-qemu-x86_64")
        } else {
            return self.kexec();
        };
        let remedy = format!("write method: {method}, to which the key {key} belongs");
        self.section
            .refuse("method", None, "", "is missing", remedy);
        self.method_unknown()
    }

    /// Reads the keys of every method, so that only the method itself is complained about.
    fn method_unknown(&mut self) -> Method {
        for key in [
            "kernel", "initrd", "cmdline", "bin", "binargs", "args", "isofile",
        ] {
            self.section.skip(key);
        }
        Method::Kexec {
            kernel: String::new(),
            initrd: Vec::new(),
            cmdline: String::new(),
        }
    }

    fn kexec(&mut self) -> Method {
        let kernel = match self.section.text("kernel", "vmlinuz") {
            Some(kernel) => self.payload("kernel", &kernel),
            None => self.guessed(Role::Kernel),
        };
        let initrd = match self.section.texts("initrd", "initrd.gz") {
            Some(paths) => {
                let paths = paths.iter();
                paths.map(|path| self.payload("initrd", path)).collect()
            }
            None => {
                Vec::from_iter(Some(self.guessed(Role::Initrd)).filter(|path| !path.is_empty()))
            }
        };
        let cmdline = self.cmdline("cmdline", "quiet", LONGEST_CMDLINE);
        Method::Kexec {
            kernel,
            initrd,
            cmdline,
        }
    }

    fn bin(&mut self) -> Method {
        let bin = match self.section.text("bin", "program") {
            Some(bin) => self.payload("bin", &bin),
            None => {
                let remedy = "write bin: and the name of the program in this folder";
                self.section.refuse("bin", None, "", "is missing", remedy);
                String::new()
            }
        };
        let args = self.cmdline("binargs", "\"-v\"", usize::MAX);
        Method::Bin { bin, args }
    }

    fn qemu(&mut self) -> Method {
        let args = self.cmdline("args", "\"-fda disk.img\"", usize::MAX);
        if args.is_empty() {
            let remedy = "write for example args: \"-cdrom disc.iso\" with a file of this folder";
            self.section.refuse("args", None, "", "is missing", remedy);
        }
        Method::Qemu { args }
    }

    /// Words separated by white space; line breaks of a folded or literal block become spaces.
    fn cmdline(&mut self, key: &'static str, example: &str, longest: usize) -> String {
        let Some(Placed { value, line }) = self.section.text(key, example) else {
            return String::new();
        };
        let value = value.trim().replace(['\n', '\r', '\t'], " ");
        if value.chars().any(char::is_control) {
            let what = "holds a control character";
            let remedy = "remove the control character";
            self.section.refuse(key, line, &value, what, remedy);
        } else if value.len() > longest {
            let what = format!("is longer than {longest} bytes, which a kernel refuses");
            self.section.refuse(key, line, &value, &what, "shorten it");
        }
        value
    }

    /// A file of the payload, by its path in the folder.
    fn payload(&mut self, key: &'static str, written: &Placed<String>) -> String {
        let path = written.value.trim();
        let path = path.strip_prefix("./").unwrap_or(path);
        let (what, remedy) = match self.files.iter().find(|file| file.path == path) {
            Some(file) if file.size > 0 => return path.to_owned(),
            Some(_) => {
                let what = "names a file of 0 bytes".to_owned();
                (what, "copy the file again".to_owned())
            }
            None if path == "config.yaml" => {
                let what = "names config.yaml, which machines do not get".to_owned();
                (
                    what,
                    format!("write {key}: and another file of this folder"),
                )
            }
            None if !is_inside(path) => {
                let what = "must be a file inside this folder".to_owned();
                let remedy =
                    format!("copy the file into the folder and write its name after {key}:");
                (what, remedy)
            }
            None => (
                "names a file that is not in this folder".to_owned(),
                self.instead(key, path),
            ),
        };
        self.section
            .refuse(key, written.line, &written.value, &what, remedy);
        path.to_owned()
    }

    /// What to write instead of a path that is not there.
    fn instead(&self, key: &str, path: &str) -> String {
        let paths = || self.files.iter().map(|file| file.path.as_str());
        let name = |path: &'_ str| path.rsplit('/').next().map(str::to_owned);
        let elsewhere = paths().find(|known| name(known) == name(path));
        if let Some(near) = elsewhere.or_else(|| nearest(path, paths())) {
            return format!("write {key}: {near}");
        }
        let some: Vec<&str> = paths().take(5).collect();
        let more = if self.files.len() > some.len() {
            ", …"
        } else {
            ""
        };
        match some[..] {
            [] => "copy the file into the folder, which holds none".to_owned(),
            _ => format!(
                "copy the file there, or name one of {}{more}",
                some.join(", ")
            ),
        }
    }

    /// The one file whose name fits the role; nothing (and a problem where that matters) otherwise.
    fn guessed(&mut self, role: Role) -> String {
        let key = role.key();
        match guess(role, self.files) {
            Guess::One(path) => return path.to_owned(),
            Guess::Nothing if role == Role::Initrd => {}
            Guess::Nothing => {
                let what = format!("is missing and no file looks like it ({})", role.patterns());
                let remedy = format!("write {key}: and the name of the file in this folder");
                self.section.refuse(key, None, "", &what, remedy);
            }
            Guess::Several(paths) => {
                let remedy = format!("write {key}: and the right one");
                let what = "is missing and several files look like it";
                let found = paths.join(", ");
                self.section.refuse(key, None, &found, what, remedy);
            }
        }
        String::new()
    }
}
