//! Keys and values that are right, in the spellings that people, PyYAML and this server know.

/// A key's name, and values of it that are right.
pub(crate) type Key = (&'static str, &'static [&'static str]);

const TRUTHS: &[&str] = &[
    "True",
    "False",
    "yes",
    "no",
    "on",
    "OFF",
    "true",
    "!!bool true",
];

/// The keys of `boottorrent` but those that name systems, and one that nobody knows.
pub(crate) const BOOTTORRENT: &[Key] = &[
    ("colour", &["red", "[1, 2]"]),
    ("version", &["0", "0x0", "\"0\"", "-0"]),
    (
        "timeout",
        &[
            "30",
            "-1",
            "5",
            "\"45\"",
            "1_0",
            "010",
            "12:30",
            "5.0",
            "0x1E",
            "+7",
            "99999999999",
        ],
    ),
    ("seed_time", &["0", "60", "-5", "'08'", "1_000"]),
    ("seed_max", &["0", "600", "\"60\""]),
    (
        "host_ip",
        &["10.77.0.1", "\"10.77.0.1\"", "10.77.0.001", "' 10.77.0.1 '"],
    ),
];

/// The keys of `dnsmasq`.
pub(crate) const DNSMASQ: &[Key] = &[
    ("enable_dhcp", TRUTHS),
    ("enable_tftp", TRUTHS),
    ("bind_interfaces", &["True", "no", "1", "0", "\"yes\""]),
    (
        "interface",
        &["eth0", "[eth0]", "\"eth0\"", " eth0 # the room's"],
    ),
    (
        "dhcp_range",
        &[
            "10.77.0.50,10.77.0.150,12h",
            "\"10.77.0.50, 10.77.0.150\"",
            "10.77.0.2,10.77.0.254,255.255.255.0,90m",
            "'10.77.0.9,10.77.0.9,infinite'",
            "10.77.0.50,10.77.0.150,255.255.255.0,10.77.0.255,1D",
        ],
    ),
    ("user", &["nobody", "'65534'", "65534"]),
    // Old or foreign: warned about.
    ("port", &["0", "53"]),
    ("dhcp_boot", &["pxelinux.0"]),
];

/// The keys of `opentracker` and of `hefur`.
pub(crate) const TRACKER: &[Key] = &[
    ("enable", TRUTHS),
    (
        "port",
        &["6969", "10001", "0x1B39", "\"6969\"", "6881", "80"],
    ),
];

/// The keys of `aria2`.
pub(crate) const ARIA2: &[Key] = &[
    ("bt_enable_lpd", TRUTHS),
    ("enable_peer_exchange", TRUTHS),
    (
        "console_log_level",
        &["debug", "info", "notice", "'warn'", "error"],
    ),
    ("enable_dht", &["False", "True"]),
    ("check_integrity", &["True"]),
];

/// Ways to start the system `tiny`, each a list of lines.
pub(crate) const METHODS: &[&[&str]] = &[
    &[],
    &["method: kexec"],
    &["method: kexec", "kernel: vmlinuz", "initrd: initrd"],
    &["kernel: /vmlinuz", "initrd: [initrd, boot/modules.gz]"],
    &["method: 'kexec'", "kernel: ./vmlinuz"],
    &[
        "method: kexec",
        "initrd: []",
        "cmdline: >-\n  quiet\n  console=ttyS0",
    ],
    &[
        "method: kexec",
        "initrd:\n- initrd\n- ./boot//modules.gz",
        "cmdline: |\n  one\n  two",
    ],
    &["method: bin", "bin: hello", "binargs: \"-v --all\""],
    &["method: \"bin\"", "bin: hello", "binargs: \"\""],
    &["method: bin-qemu-x86_64", "args: -cdrom disc.iso -m 512"],
    &["method: qemu-iso", "isofile: disc.iso"],
    &["method: local"],
    &["method: local", "kernel: vmlinuz", "args: x"],
];

/// Names for the menu.
pub(crate) const DISPNAMES: &[&str] = &[
    "Tiny Core",
    "\"Tiny: Core\"",
    "12.10",
    "Debian 12 # stable",
    "'it''s'",
    "Система",
    "\"\\u00e9\\t\"",
    "日本 🐧",
    "2018-06-01",
    "-no list",
];
