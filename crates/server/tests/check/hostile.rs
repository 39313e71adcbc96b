//! What no configuration looks like: files made to hurt whoever reads them.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::world::one;

/// Small pieces that mean something to a YAML reader, to us, or to whom it is shown.
const PIECES: &[&str] = &[
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "\r",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "#",
    "&a ",
    "*a",
    "!!int ",
    "!x ",
    "!!python/name:os.system ",
    "|",
    "|9\n",
    ">-",
    "<<: ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "%TAG ! x\n",
    "? ",
    "@",
    "`",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "\u{85}",
    "\x1b[2J",
    "é",
    "🐧",
    "yes",
    "0x",
    "1:30",
    "99999999999999999999",
    "-9223372036854775808",
    ".inf",
    "null",
    "~",
    "timeout",
    "boottorrent",
    "dnsmasq",
    "kernel",
    "initrd",
    "method",
    "kexec",
    "display_oss",
    "dhcp_range",
    "interface",
    ",",
    "10.77.0.1",
    "../",
    "/etc/passwd",
    "%s%n",
    "${PATH}",
    "$(reboot)",
    "\"\\u0000\"",
    "\"\\uD800\"",
    "\"\\UFFFFFFFF\"",
];

/// Whole files.
const FILES: &[&str] = &[
    "",
    "\0",
    "\u{feff}",
    "---\n---\n---\n",
    "...\n",
    "%YAML 9.9\n---\na: 1\n",
    "%TAG ! tag:evil,2018:\n---\n!x a: 1\n",
    "!!python/object/apply:os.system [\"reboot\"]\n",
    "!!python/object/new:type {args: [z, !!python/tuple [], {}]}\n",
    "!!set {a, b}\n",
    "!!binary |\n  R0lGODlhDAAMAIQAAP==\n",
    "boottorrent: !!binary aGVsbG8=\n",
    "boottorrent: &a {<<: *a}\n",
    "boottorrent:\n  <<: [*x, *y]\n",
    "<<: {boottorrent: {timeout: soon}}\nboottorrent: {<<: [{version: 7}, {timeout: x}]}\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nboottorrent: *b\n",
    "boottorrent:\n  ? {a: {b: {c: [d]}}}\n  : {e: f}\n",
    "? \n? \n: \n",
    "? |\n  block key\n: - one\n",
    "boottorrent: {timeout: 1, timeout: 2, timeout: 3}\n",
    "boottorrent: {\"\\u0074imeout\": \"\\x1b[31m\"}\n",
    "boottorrent:\n  default_os: \"\\e[2J\\u202e\\0\"\n",
    "boottorrent:\n  display_oss: [\"\\n\", \"../../etc\", \"\", \"a/b\"]\n",
    "dnsmasq:\n  interface: \"../../../etc\"\n  user: \"root\\0\"\n  dhcp_range: \"%s%n%x\"\n",
    "dnsmasq:\n  interface: [a, [b], {c: d}, ~, 1.5]\n",
    "dnsmasq:\n  dhcp_range: 0.0.0.0,255.255.255.255,0.0.0.0,infinite\n",
    "boottorrent: {timeout: 1:59:59:59:59:59:59:59:59:59:59:59:59}\n",
    "boottorrent: {timeout: 0b1111111111111111111111111111111111111111111111111111111111111111}\n",
    "boottorrent: {timeout: -0x8000000000000000, seed_time: 1e+400}\n",
    "kernel: ../../../../etc/shadow\ninitrd: [/etc/passwd, \"a\\0b\", ., .., \"\"]\n",
    "kernel: \"\\n\"\nmethod: \"kexec\\0\"\ndispname: \"\\u202eevil\"\n",
    "method: bin\nbin: /bin/sh\nbinargs: \"-c 'reboot'; $(reboot) `reboot`\"\n",
    "dispname: \"a\u{2029}b\"\ncmdline: init=/bin/sh\u{85}quiet\n",
    "boottorrent:\u{a0}{timeout: 1}\n",
    "“boottorrent”: {}\n",
    "boottorrent:\n\u{3000}\u{3000}timeout: 1\n",
    "boottorrent:\n  timeout: |9\n    1\n",
    "boottorrent:\n  timeout: >+2\n     1\n\n\n",
    "'\n\n\n\n",
    "\"\\\n\\\n",
    "# no line break at the end",
    "\n\n\n\n\n\n",
    "\t\t\t\n",
    "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]>\n",
    "{\"boottorrent\": {\"timeout\": null}, \"dnsmasq\": []}\n",
    "#!/bin/sh\nreboot\n",
];

/// One hostile file.
pub(crate) fn file(random: &mut StdRng) -> Vec<u8> {
    match random.random_range(0..20) {
        0..=8 => one(FILES, random).as_bytes().to_vec(),
        9..=11 => heap(random),
        12 => noise(random),
        13 => deep(random).into_bytes(),
        14 => endless(random).into_bytes(),
        15 => bomb(random).into_bytes(),
        16 => encoded(random),
        17 => many(random).into_bytes(),
        _ => invalid(random),
    }
}

/// A piece, sometimes a few bytes of nothing.
pub(crate) fn piece(random: &mut StdRng) -> Vec<u8> {
    one(PIECES, random).as_bytes().to_vec()
}

fn heap(random: &mut StdRng) -> Vec<u8> {
    let count = random.random_range(1..60);
    (0..count).flat_map(|_| piece(random)).collect()
}

fn noise(random: &mut StdRng) -> Vec<u8> {
    let count = random.random_range(1..3000);
    (0..count).map(|_| random.random()).collect()
}

/// Brackets, braces, lists or keys inside each other.
fn deep(random: &mut StdRng) -> String {
    let depth = one(&[10, 33, 100, 5000, 100_000], random);
    let (open, close) = one(
        &[
            ("[", "]"),
            ("{a: ", "}"),
            ("- ", ""),
            ("? ", ""),
            ("[", ""),
            ("!!seq [", "]"),
            ("&a [", "]"),
        ],
        random,
    );
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    match random.random_range(0..3) {
        0 => format!("boottorrent: {open}{close}\n"),
        1 => {
            let steps = (0..depth.min(600)).map(|step| format!("{}a:\n", " ".repeat(step)));
            steps.collect()
        }
        _ => open + &close,
    }
}

/// Files that are too long, and values that nearly are.
fn endless(random: &mut StdRng) -> String {
    let long = one(&[100_000, 262_140, 262_145, 1_100_000, 2_000_000], random);
    match random.random_range(0..5) {
        0 => "#".repeat(long),
        1 => "a: 1\n".repeat(long / 5),
        2 => format!("boottorrent:\n  timeout: {}\n", "9".repeat(long)),
        3 => format!("dispname: \"{}\"\n", "é".repeat(long / 2)),
        _ => "\n".repeat(long),
    }
}

/// Aliases of aliases: a few lines that stand for millions.
fn bomb(random: &mut StdRng) -> String {
    let width = random.random_range(2..12);
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for step in 1..random.random_range(2..40) {
        let again = vec![format!("*a{}", step - 1); width].join(", ");
        text += &match random.random_bool(0.5) {
            true => format!("a{step}: &a{step} [{again}]\n"),
            false => format!("a{step}: &a{step}\n  <<: {{b: *a{}}}\n", step - 1),
        };
    }
    text
}

/// Right words in another encoding.
fn encoded(random: &mut StdRng) -> Vec<u8> {
    let text = "boottorrent:\n  timeout: 30\n";
    let marked = format!("\u{feff}{text}");
    let text = if random.random_bool(0.5) {
        text
    } else {
        &marked
    };
    match random.random_range(0..4) {
        0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        1 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        2 => text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect(),
        _ => text
            .chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect(),
    }
}

/// Thousands of keys, alike or not.
fn many(random: &mut StdRng) -> String {
    let count = one(&[50, 500, 3000, 30_000], random);
    let alike = random.random_bool(0.5);
    let key = |number: usize| {
        if alike {
            "timeout".to_owned()
        } else {
            format!("key{number}")
        }
    };
    let lines = (0..count).map(|number| format!("  {}: {number}\n", key(number)));
    "boottorrent:\n".to_owned() + &lines.collect::<String>()
}

/// Bytes that are no UTF-8: cut, overlong, of surrogates, and above all of it.
fn invalid(random: &mut StdRng) -> Vec<u8> {
    let wrong: [&[u8]; 7] = [
        b"\xff",
        b"\xc3",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\xe2\x82",
        b"\x80",
    ];
    let mut bytes = b"boottorrent:\n  default_os: \"".to_vec();
    bytes.extend(one(&wrong, random));
    bytes.extend(b"\"\n");
    bytes
}
