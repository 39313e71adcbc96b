//! Right configurations with one thing made wrong.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::hostile::piece;
use crate::world::one;

/// Lines that are wrong in `boottorrent`, whatever else it says.
const BOOTTORRENT: &[&str] = &[
    "version: 1",
    "version: zero",
    "timeout: soon",
    "timeout: yes",
    "timeout: 30 s",
    "timeout: [30]",
    "timeout: 99999999999999999999",
    "timeout: .inf",
    "timout: 30",
    "default_os: Tinny",
    "default_os: no",
    "default_os: {a: b}",
    "seed_time: ''",
    "seed_until: dawn",
    "seed_max: -1",
    "host_ip: 10.77.0.2",
    "host_ip: 10.77.0",
    "host_ip: 10.77.0.256",
    "host_ip: 127.0.0.1",
    "host_ip: ::1",
    "display_oss: [tinny]",
    "display_oss: []",
    "enable_dhcp: True",
    "? [a]\n : b",
];

/// Lines that are wrong in `dnsmasq`.
const DNSMASQ: &[&str] = &[
    "enable_dhcp: maybe",
    "enable_dhcp: 1",
    "enable_dhcp: \"True\"",
    "enable_tftp: []",
    "bind_interfaces: maybe",
    "interface: eth7",
    "interface: lo",
    "interface: [eth1, eth7]",
    "interface: a/b",
    "interface: ''",
    "dhcp_range: 10.77.0.150,10.77.0.50,12h",
    "dhcp_range: 10.77.0.50",
    "dhcp_range: 10.77.0.50,proxy",
    "dhcp_range: 10.77.0.50,10.77.0.150,12y",
    "dhcp_range: 10.77.0.50,10.77.0.150,255.0.255.0,12h",
    "user: root",
    "user: ghost",
    "user: a b",
    "user: ~nobody:x",
];

/// Lines that are wrong in a section of another program.
const OTHERS: &[(&str, &[&str])] = &[
    (
        "opentracker",
        &[
            "enable: 'yes'",
            "port: 0",
            "port: 70000",
            "port: http",
            "port: -1",
        ],
    ),
    (
        "aria2",
        &[
            "bt_enable_lpd: 2",
            "console_log_level: loud",
            "enable_peer_exchange: ''",
        ],
    ),
];

/// What is wrong as a whole file, or behind any.
const TAILS: &[&str] = &[
    "boottorrent:\n\ttimeout: 1\n",
    "dnsmasq: [\n",
    "x: \"unclosed\n",
    ": :\n",
    "a: b: c\n",
    "---\na: 1\n",
    "*nobody\n",
    "x: &a [*a]\n",
    "x: !!python/object/apply:os.system [ls]\n",
    "\0",
];

/// Mistakes of layout: text, the line of it that is wrong, and what the remedy must hold. YAML readers name other lines.
const LAYOUTS: &[(&str, u64, &str)] = &[
    ("boottorrent:\n    version: 0\n\ttimeout: 30\n", 3, "tabs"),
    ("boottorrent:\n\tversion: 0\n", 2, "tabs"),
    (
        "dnsmasq:\n  user: nobody\n\n\t# x\n  \tenable_tftp: True\n",
        5,
        "tabs",
    ),
    ("kernel: vmlinuz\n\tinitrd: initrd\n", 2, "tabs"),
    ("boottorrent:\n    version:0\n    timeout: 30\n", 2, "blank"),
    ("boottorrent:\n    timeout: 30\n    version:0\n", 3, "blank"),
    (
        "dnsmasq:\n  enable_dhcp:True\n\n  # x\n  user: nobody\n",
        2,
        "blank",
    ),
    (
        "opentracker:\n  \"port\":6969\n  enable: True\n",
        2,
        "blank",
    ),
    (
        "kernel: vmlinuz\ninitrd:initrd\ncmdline: quiet\n",
        2,
        "blank",
    ),
];

/// What is wrong behind settings only.
const SETTINGS_TAILS: &[&str] = &["timeout: 30\n", "boottorent: {}\n"];

/// Where a mistake of layout is, and a word of its remedy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Layout {
    pub(crate) line: u64,
    pub(crate) remedy: &'static str,
}

/// The text with a mistake of layout behind it, and what must be said of it.
pub(crate) fn layout(good: &str, random: &mut StdRng) -> (String, Layout) {
    let (tail, line, remedy) = one(LAYOUTS, random);
    let line = line + good.lines().count() as u64;
    (format!("{good}{tail}"), Layout { line, remedy })
}

/// Replaces one section by one with a mistake in it, or spoils the whole.
pub(crate) fn settings(good: &str, random: &mut StdRng) -> String {
    let (section, line) = match random.random_range(0..7) {
        0 | 1 => ("boottorrent", one(BOOTTORRENT, random)),
        2 | 3 => ("dnsmasq", one(DNSMASQ, random)),
        4 => {
            let (section, lines) = one(OTHERS, random);
            (section, one(lines, random))
        }
        5 => return format!("{good}\n{}", one(SETTINGS_TAILS, random)),
        _ => return format!("{good}\n{}", one(TAILS, random)),
    };
    let others: String = sections(good)
        .into_iter()
        .filter(|text| !text.trim_start().starts_with(&format!("{section}:")))
        .collect();
    if random.random_ratio(1, 8) {
        // The same key twice.
        return format!("{others}\n{section}:\n  {line}\n  {line}\n");
    }
    format!("{others}\n{section}:\n {line}\n")
}

/// The text cut before each line that begins a section.
fn sections(text: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let begins = line.starts_with(|c: char| c.is_ascii_alphabetic());
        match sections.last_mut() {
            Some(section) if !begins => section.push_str(line),
            _ => sections.push(line.to_owned()),
        }
    }
    sections
}

/// Whole `config.yaml`s that are wrong.
const CONFIGS: &[&str] = &[
    "kernel: vmlinux\n",
    "kernel: ../second/vmlinuz\n",
    "kernel: /etc/passwd\n",
    "kernel: config.yaml\n",
    "kernel: ''\n",
    "kernel: boot\n",
    "kernel: [vmlinuz]\n",
    "kernel: \"vmlinuz\\0\"\n",
    "initrd: [initrd, initrd2]\n",
    "initrd: {a: b}\n",
    "method: kexek\n",
    "method: [kexec]\n",
    "method: bin\n",
    "method: bin\nbin: nothing\n",
    "bin: hello\n",
    "args: -m 1\n",
    "method: qemu-iso\n",
    "isofile: disc.iso\n",
    "method: qemu-iso\nisofile: tape.iso\n",
    "dispname: ''\n",
    "dispname: \"a\\nb\"\n",
    "dispname: yes\n",
    "dispname: The second\n",
    "dispname: {{ name }}\n",
    "cmdline: \"a\\0b\"\n",
    "cmdline: [quiet]\n",
    "kernell: vmlinuz\n",
    "kernel: vmlinuz\nkernel: vmlinuz\n",
    "- method: kexec\n",
    "kexec\n",
    "42\n",
    "kernel: @vmlinuz\n",
    "kernel: %vmlinuz\n",
    "method:\n\tkernel: vmlinuz\n",
    "dispname: Tiny\n  kernel: vmlinuz\n",
    "kernel: |\n vmlinuz\n initrd\n",
];

/// A `config.yaml` with a mistake, sometimes with an endless value.
pub(crate) fn config(good: &str, random: &mut StdRng) -> String {
    match random.random_range(0..8) {
        0 => format!("{good}{}", one(TAILS, random)),
        1 => format!("cmdline: {}\n", "x ".repeat(1500)),
        2 => format!("dispname: {}\n", "long ".repeat(60)),
        _ => one(CONFIGS, random).to_owned(),
    }
}

/// The text with some places overwritten, removed or filled in.
pub(crate) fn mutated(good: &str, random: &mut StdRng) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..4)).min(bytes.len());
        let new = match random.random_range(0..3) {
            0 => piece(random),
            1 => vec![random.random()],
            _ => Vec::new(),
        };
        bytes.splice(at..end, new);
    }
    bytes
}
