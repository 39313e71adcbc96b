//! What a kernel's command line tells a system of where it is: words in braces that each machine fills in for itself.
//!
//! Pure text. A word in braces that is none of these is a mistake, found before any machine starts; braces around
//! anything else mean themselves.

use std::borrow::Cow;

/// Longest command line in bytes: x86 kernels hold 2048 with the final NUL and refuse more (`COMMAND_LINE_SIZE`).
pub const LONGEST: usize = 2047;

/// What makes the kernel unpack its initrd to ramfs. The tmpfs that it takes otherwise has room for half of the memory that
/// the packed initrd leaves (init/do_mounts.c).
const ROOM: &str = "rootfstype=ramfs";

/// A word that stands for something only the machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// What is written between the braces.
    pub name: &'static str,
    /// What it becomes.
    pub means: &'static str,
}

/// Every word, in the order the docs name them.
pub const WORDS: [Word; 6] = [
    word("server", "the server's address"),
    word(
        "http",
        "where the server's HTTP begins, as http://10.0.0.1:6969",
    ),
    word("files", "the URL of this system's folder"),
    word("ip", "the machine's address"),
    word(
        "mac",
        "the machine's hardware address, as 52:54:00:12:34:56",
    ),
    word(
        "name",
        "the machine's name, or its hardware address with - for :",
    ),
];

const fn word(name: &'static str, means: &'static str) -> Word {
    Word { name, means }
}

/// The command line with every word that `value` knows replaced. What is in braces beside them stays as it is.
pub fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(template.len());
    for part in parts(template) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Braced { all, name } => match value(name) {
                Some(value) => filled.push_str(&value),
                None => filled.push_str(all),
            },
        }
    }
    filled
}

/// The command line of a system whose files are handed on with its initrd: where it names no root file system, all memory
/// is room for them. What stands behind a bare `--` is for init, and the kernel does not read it (kernel-parameters.txt).
pub fn with_room(cmdline: &str) -> Cow<'_, str> {
    let names_root = |word: &str| word.starts_with("root=") || word.starts_with("rootfstype=");
    match kernels_words(cmdline).any(names_root) {
        true => Cow::Borrowed(cmdline),
        false => Cow::Owned(format!("{ROOM} {cmdline}").trim_end().to_owned()),
    }
}

/// The words that the kernel itself reads: all before a bare `--`. White space in double quotes ends none (lib/cmdline.c).
fn kernels_words(cmdline: &str) -> impl Iterator<Item = &str> {
    let mut in_quotes = false;
    let words = cmdline.split(move |letter: char| {
        in_quotes ^= letter == '"';
        !in_quotes && letter.is_ascii_whitespace()
    });
    let bare = words.map(|word| word.strip_prefix('"').unwrap_or(word));
    bare.take_while(|word| word.trim_end_matches('"') != "--")
}

/// Bytes of the longest command line that a machine can make of this, for the system in `folder`.
pub fn longest(template: &str, folder: &str) -> usize {
    const ADDRESS: usize = "255.255.255.255".len();
    const HTTP: usize = "http://255.255.255.255:65535".len();
    // What is no plain character takes three in a URL.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = |byte| if plain(byte) { 1 } else { 3 };
    let lengths = parts(template).map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Braced { all, name } => match name {
            "server" | "ip" => ADDRESS,
            "http" => HTTP,
            "files" => HTTP + "/oss/".len() + folder.bytes().map(escaped).sum::<usize>(),
            "mac" => "52:54:00:12:34:56".len(),
            // A host's name.
            "name" => 63,
            _ => all.len(),
        },
    });
    lengths.sum()
}

/// The first word in braces that stands for nothing.
pub fn unknown(template: &str) -> Option<&str> {
    parts(template).find_map(|part| match part {
        Part::Braced { name, .. } if WORDS.iter().all(|word| word.name != name) => Some(name),
        _ => None,
    })
}

enum Part<'a> {
    Text(&'a str),
    /// `{name}`: lower-case letters alone, so that other uses of braces stay what they are.
    Braced {
        all: &'a str,
        name: &'a str,
    },
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = braced(rest) {
            let (all, behind) = rest.split_at(name.len() + 2);
            rest = behind;
            return Some(Part::Braced { all, name });
        }
        // The brace that begins here is text; the next one may be more.
        let braces = rest.match_indices('{').map(|(at, _)| at);
        let next = braces.into_iter().find(|at| *at > 0);
        let (text, behind) = rest.split_at(next.unwrap_or(rest.len()));
        rest = behind;
        Some(Part::Text(text))
    })
}

/// The name in the braces that a text begins with.
fn braced(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    sound.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_what_the_machine_knows() {
        let value = |name: &str| match name {
            "ip" => Some("10.0.0.7".to_owned()),
            "name" => Some("lab-7".to_owned()),
            _ => None,
        };
        for (template, expected) in [
            ("", ""),
            ("quiet ip={ip} host={name}", "quiet ip=10.0.0.7 host=lab-7"),
            ("{ip}{ip}", "10.0.0.710.0.0.7"),
            ("a={mac}", "a={mac}"),
            ("{{ip}}", "{10.0.0.7}"),
            ("json={\"a\":1} {ip", "json={\"a\":1} {ip"),
            ("{IP} {} { ip } }{", "{IP} {} { ip } }{"),
            ("größe={ip}ß", "größe=10.0.0.7ß"),
            ("ß{ß}{ip}", "ß{ß}10.0.0.7"),
        ] {
            assert_eq!(fill(template, value), expected, "{template}");
        }
    }

    #[test]
    fn the_longest_command_line_is_known_before_any_machine_is() {
        let longest = |template| longest(template, "Debian 13");
        assert_eq!(longest("quiet {x}"), 9);
        assert_eq!(longest("{files}"), HTTP.len() + "/oss/Debian%2013".len());
        assert_eq!(
            longest("a={ip} {server} {mac} {http}"),
            2 + 15 + 1 + 15 + 1 + 17 + 1 + 28
        );
        assert_eq!(longest("{name}ß"), 63 + 2);
    }

    const HTTP: &str = "http://255.255.255.255:65535";

    #[test]
    fn what_is_handed_on_has_room_unless_a_root_is_named() {
        for (cmdline, expected) in [
            ("", ROOM),
            ("quiet boot=live", "rootfstype=ramfs quiet boot=live"),
            ("root=/dev/sda1 quiet", "root=/dev/sda1 quiet"),
            ("rootfstype=tmpfs", "rootfstype=tmpfs"),
            ("netroot=x", "rootfstype=ramfs netroot=x"),
            ("quiet -- single", "rootfstype=ramfs quiet -- single"),
            ("a -- root=/x", "rootfstype=ramfs a -- root=/x"),
            ("a \"--\" root=/x", "rootfstype=ramfs a \"--\" root=/x"),
            (
                "-- rootfstype=tmpfs",
                "rootfstype=ramfs -- rootfstype=tmpfs",
            ),
            ("root=/x -- a", "root=/x -- a"),
            ("a=--  --b root=/x", "a=--  --b root=/x"),
            ("--=1 root=/x", "--=1 root=/x"),
            ("a=\"b -- c\" \"root=/x\"", "a=\"b -- c\" \"root=/x\""),
            ("a=\"b root=/x c\"", "rootfstype=ramfs a=\"b root=/x c\""),
        ] {
            assert_eq!(with_room(cmdline), expected);
        }
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_found() {
        assert_eq!(unknown("a={ip} b={adress} c={x}"), Some("adress"));
        assert_eq!(unknown("a={\"ip\"} {IP} {}"), None);
        let all: String = WORDS
            .iter()
            .map(|word| format!("{{{}}} ", word.name))
            .collect();
        assert_eq!(unknown(&all), None);
        let filled = fill(&all, |name| Some(name.to_uppercase()));
        assert_eq!(filled, "SERVER HTTP FILES IP MAC NAME ");
    }
}
