//! Reading a system's `config.yaml`.

use super::{
    PayloadFile, System,
    infer::Role,
    program::{Guess, Head, guess},
};
use crate::{
    Method, Placed, Problem, Severity, cmdline,
    nearest::nearest,
    yaml::{section::Section, tree::Node},
};

mod files;

/// Longest name in the menu, in characters.
const LONGEST_DISPNAME: usize = 200;

/// What a `config.yaml` says, completed from the folder's files.
pub(super) fn configured(
    file: &str,
    folder: &str,
    (files, head): (&[PayloadFile], Head<'_>),
    root: Node,
    problems: &mut Vec<Problem>,
) -> System {
    let mut config = Config {
        section: Section::top(file, root),
        folder,
        files,
        head,
    };
    let top = config.section.line();
    let dispname = config.dispname();
    let (method, method_line) = config.method();
    config.keys_of_other_methods(&method);
    let mut found = config.section.finish(Severity::Error, |_| None);
    found.sort_by_key(|problem| problem.line);
    problems.extend(found);
    System {
        name: folder.to_owned(),
        dispname_line: dispname.as_ref().map_or(top, |dispname| dispname.line),
        dispname: dispname.map_or_else(|| folder.to_owned(), |dispname| dispname.value),
        method,
        method_line: method_line.or(top),
    }
}

/// Every method's keys, with the name of the method they belong to.
const KEYS: [(&str, &str); 8] = [
    ("kernel", "kexec"),
    ("initrd", "kexec"),
    ("initrd_files", "kexec"),
    ("cmdline", "kexec"),
    ("bin", "bin"),
    ("binargs", "bin"),
    ("args", "bin-qemu-x86_64"),
    ("isofile", "qemu-iso"),
];

/// A `config.yaml` while it is being read, with the files it may name.
struct Config<'a> {
    section: Section<'a>,
    folder: &'a str,
    files: &'a [PayloadFile],
    head: Head<'a>,
}

impl Config<'_> {
    fn dispname(&mut self) -> Option<Placed<String>> {
        let written = self.section.text("dispname", "Debian 12")?;
        let name = written.value.trim();
        let what = if name.is_empty() {
            "must not be empty"
        } else if name.chars().any(char::is_control) {
            "must be one line of printable characters"
        } else if name.chars().count() > LONGEST_DISPNAME {
            "must not be longer than 200 characters"
        } else {
            let name = name.to_owned();
            return Some(written.map(|_| name));
        };
        let remedy = "write for example dispname: Debian 12";
        self.section.refuse("dispname", &written, what, remedy);
        None
    }

    fn method(&mut self) -> (Method, Option<u64>) {
        let Some(written) = self.section.text("method", "kexec") else {
            return (self.method_unsaid(), None);
        };
        let line = written.line;
        let method = match written.value.as_str() {
            "kexec" => self.kexec(),
            "bin" => self.bin(),
            "bin-qemu-x86_64" => self.qemu(),
            "qemu-iso" => self.qemu_iso(),
            "local" => Method::Local,
            name => {
                let what = format!("must be one of {}", Method::NAMES.join(", "));
                let remedy = match nearest(name, Method::NAMES) {
                    Some(near) => format!("write method: {near}"),
                    None => "write method: kexec to start a Linux kernel".to_owned(),
                };
                self.section.refuse("method", &written, &what, remedy);
                self.method_unknown()
            }
        };
        (method, line)
    }

    /// No method written: a program or a guest must be asked for, everything else is a kernel.
    fn method_unsaid(&mut self) -> Method {
        let asked = ["bin", "args", "isofile"].into_iter();
        let asked = asked.filter(|key| self.section.has(key));
        let found = KEYS
            .iter()
            .find(|(key, _)| asked.clone().any(|asked| asked == *key));
        let Some((key, method)) = found else {
            let method = self.kexec();
            // One of another method, misspelt, would have asked for that method.
            self.section.knows(KEYS.map(|(key, _)| key));
            return method;
        };
        let remedy = format!("write method: {method}, to which the key {key} belongs");
        self.section.lacks("method", "", remedy);
        self.method_unknown()
    }

    /// Takes the keys of every method, so that only the method itself is complained about.
    fn method_unknown(&mut self) -> Method {
        for (key, _) in KEYS {
            self.section.skip(key);
        }
        Method::Kexec {
            kernel: String::new(),
            initrd: Vec::new(),
            files: Vec::new(),
            cmdline: String::new(),
        }
    }

    /// The original ignored keys of other methods than the one chosen, and its users' files may have them.
    fn keys_of_other_methods(&mut self, chosen: &Method) {
        for (key, method) in KEYS {
            let remedy = format!("remove the line, or write method: {method}, to which it belongs");
            let what = format!("has no effect with method {}", chosen.name());
            self.section.without_effect(key, &what, &remedy);
        }
    }

    fn kexec(&mut self) -> Method {
        let kernel = match self.section.text("kernel", "vmlinuz") {
            Some(kernel) => self.payload("kernel", &kernel),
            None => self.guessed(Role::Kernel),
        };
        let initrd = match self.section.texts("initrd", "initrd.gz") {
            Some(paths) => self.initrds(&paths.value),
            None => {
                Vec::from_iter(Some(self.guessed(Role::Initrd)).filter(|path| !path.is_empty()))
            }
        };
        let files = match self
            .section
            .texts("initrd_files", "live/filesystem.squashfs")
        {
            Some(paths) => self.handed_on(&paths.value, &initrd, &kernel),
            None => Vec::new(),
        };
        let cmdline = self.kernels_cmdline(!files.is_empty());
        Method::Kexec {
            kernel,
            initrd,
            files,
            cmdline,
        }
    }

    fn bin(&mut self) -> Method {
        let bin = match self.section.text("bin", "program") {
            Some(bin) => self.payload("bin", &bin),
            None => match guess(self.files, self.head) {
                Guess::One(path) => path.to_owned(),
                _ => {
                    let remedy = "write bin: and the name of the program in this folder";
                    self.section.lacks("bin", "", remedy);
                    String::new()
                }
            },
        };
        let args = self.words("binargs", "\"-v\"").map(|words| words.value);
        let args = args.unwrap_or_default();
        Method::Bin { bin, args }
    }

    fn qemu(&mut self) -> Method {
        let args = self
            .words("args", "\"-fda disk.img\"")
            .map(|words| words.value);
        let args = args.unwrap_or_default();
        if args.is_empty() {
            let remedy = "write for example args: \"-cdrom disc.iso\" with a file of this folder";
            let what = "is missing: QEMU is started with nothing to start from";
            self.section.warn("args", None, what, remedy);
        }
        Method::Qemu { args }
    }

    /// A method of an earlier version of the original: QEMU with a disc.
    fn qemu_iso(&mut self) -> Method {
        let disc = match self.section.text("isofile", "disc.iso") {
            Some(written) => {
                let path = self.payload("isofile", &written);
                if path.contains(char::is_whitespace) {
                    let what = "has white space in its name, which separates arguments";
                    self.section
                        .refuse("isofile", &written, what, "rename the file");
                }
                path
            }
            None => {
                let remedy = "write isofile: and the name of the disc's image in this folder";
                self.section.lacks("isofile", "", remedy);
                String::new()
            }
        };
        let args = format!("-cdrom {disc}");
        Method::Qemu { args }
    }

    /// Words separated by white space; line breaks of a folded or literal block become spaces.
    fn words(&mut self, key: &'static str, example: &str) -> Option<Placed<String>> {
        let written = self.section.text(key, example)?;
        let words = written.map(|text| text.trim().replace(['\n', '\r', '\t'], " "));
        if words.value.chars().any(char::is_control) {
            let what = "holds a control character";
            self.section
                .refuse(key, &words, what, "remove the control character");
        }
        Some(words)
    }

    /// A kernel's command line, and whether every machine can fill it in.
    fn kernels_cmdline(&mut self, hands_on: bool) -> String {
        const KEY: &str = "cmdline";
        let Some(words) = self.words(KEY, "quiet") else {
            return String::new();
        };
        let all = match hands_on {
            true => cmdline::with_room(&words.value),
            false => (&*words.value).into(),
        };
        let longest = cmdline::longest(&all, self.folder);
        if words.value.len() > cmdline::LONGEST {
            let what = format!(
                "is longer than {} bytes, which a kernel refuses",
                cmdline::LONGEST
            );
            self.section.refuse(KEY, &words, &what, "shorten it");
        } else if longest > cmdline::LONGEST {
            let what = format!(
                "may have up to {longest} bytes when a machine has filled it in, and a kernel refuses more than {}",
                cmdline::LONGEST
            );
            let remedy = "shorten it: machines on which it is too long refuse to start this system";
            self.section.warn(KEY, words.line, &what, remedy);
        }
        if let Some(unknown) = cmdline::unknown(&words.value) {
            let known: Vec<_> = cmdline::WORDS.iter().map(|word| word.name).collect();
            let what = format!("has {{{unknown}}}, which stands for nothing");
            let remedy = match nearest(unknown, known.iter().copied()) {
                Some(near) => format!("write {{{near}}}"),
                None => format!("remove it; machines know {{{}}}", known.join("}, {")),
            };
            self.section.refuse(KEY, &words, &what, remedy);
        }
        words.value
    }
}
