//! Spellings, types and keys that the original project let pass: they mean here what they meant there.

#![cfg(feature = "yaml")]

mod common;

use catalog::{Method, PayloadFile, system};
use common::{read, said};

/// A key in every section that has booleans.
const TRUTHS: &str = "\
dnsmasq:
  enable_dhcp: True
  enable_tftp: True
  bind_interfaces: True
opentracker:
  enable: True
aria2:
  bt_enable_lpd: True
  enable_peer_exchange: True
";

/// Numbers as Python's `int()` takes them from what PyYAML read, and their meaning.
#[test]
fn numbers_are_read_as_the_original_did() {
    for (written, seconds) in [
        ("30", 30),
        ("\"30\"", 30),
        ("' 30 '", 30),
        ("\"010\"", 10),
        ("010", 8),
        ("08", 8),
        ("1_000", 1000),
        ("12:30", 750),
        ("0x1E", 30),
        ("30.0", 30),
        ("-1", -1),
        ("\"-1\"", -1),
        ("99999999999", 31_536_000),
        ("-99999999999", -31_536_000),
    ] {
        let (settings, problems) = read(&format!("boottorrent: {{timeout: {written}}}"));
        assert_eq!(said(&problems), "", "{written}");
        assert_eq!(settings.timeout.value, seconds, "{written}");
        let (settings, problems) = read(&format!("boottorrent: {{seed_time: {written}}}"));
        assert_eq!(said(&problems), "", "{written}");
        let read = settings.seed_time.map(|time| time.value);
        assert_eq!(read, Some(seconds), "{written}");
    }
    let (settings, problems) = read("opentracker: {port: \"10001\"}");
    assert_eq!(
        (settings.http_port(), said(&problems)),
        (10_001, String::new())
    );
    let (settings, problems) = read("boottorrent:\n  timeout: 5.9\n");
    assert_eq!(settings.timeout.value, 5);
    assert_eq!(
        said(&problems),
        "Boottorrent.yaml:2: warning: boottorrent.timeout is a whole number: 5 is taken\n    remedy: write timeout: 5\n"
    );
}

/// Every word for a truth that PyYAML knows.
#[test]
fn its_booleans() {
    for (written, value) in [
        ("True", true),
        ("yes", true),
        ("ON", true),
        ("off", false),
        ("No", false),
    ] {
        let (settings, problems) = read(&TRUTHS.replace("True", written));
        let message = said(&problems);
        // What is off and missed is worth a word.
        assert_eq!(message.is_empty(), value, "{written}: {message}");
        for said in [
            ":3: warning: dnsmasq.enable_tftp is off: plain PXE firmware gets no loader",
            ":6: warning: opentracker.enable is off",
        ] {
            assert_eq!(message.contains(said), !value, "{message}");
        }
        assert_eq!(settings.enable_dhcp.map(|on| on.value), Some(value));
        let all = [
            settings.enable_tftp.value,
            settings.bind_interfaces,
            settings.tracker,
            settings.bt_enable_lpd,
            settings.enable_peer_exchange,
        ];
        assert_eq!(all, [value; 5], "{written}");
    }
}

/// An empty name of a user is none, and a list may stand at its key's own indentation.
#[test]
fn what_its_yaml_let_pass() {
    let text = "\
boottorrent:
    \"seed_time\" : 30
    display_oss:
    - testos
    - 'freedos'
dnsmasq:
    user: ''
";
    let (settings, problems) = read(text);
    assert_eq!((settings.user, said(&problems)), (None, String::new()));
    assert_eq!(settings.seed_time.map(|time| time.value), Some(30));
    let names = settings.display_oss.iter().map(|name| name.value.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["testos", "freedos"]);
}

/// What the original let pass and passed over.
#[test]
fn what_has_no_effect_is_only_mentioned() {
    let file = |path: &str, size| PayloadFile {
        path: path.to_owned(),
        size,
    };
    let folder = [file("vmlinuz", 1), file("initrd", 1), file("none", 0)];
    let kexec = |initrd: &[&str]| Method::Kexec {
        kernel: "vmlinuz".to_owned(),
        initrd: initrd.iter().map(|path| (*path).to_owned()).collect(),
        files: Vec::new(),
        cmdline: String::new(),
    };
    let table = [
        (
            "method: local\nkernel: vmlinuz",
            ":2: warning: kernel has no effect with method local",
            Method::Local,
        ),
        (
            "method: kexec\nargs: -m 64",
            ":2: warning: args has no effect with method kexec",
            kexec(&["initrd"]),
        ),
        (
            "method: bin-qemu-x86_64",
            ":1: warning: args is missing",
            Method::Qemu {
                args: String::new(),
            },
        ),
        (
            "method: kexec\nkernel: vmlinuz\ninitrd: none",
            ":3: warning: initrd names none, a file of 0 bytes, and is left out\n    \
             remedy: write initrd: [] for a kernel that needs none\n",
            kexec(&[]),
        ),
        // The other one of the list is not to be lost.
        (
            "kernel: vmlinuz\ninitrd:\n- initrd\n- /none\n",
            ":4: warning: initrd names none, a file of 0 bytes, and is left out\n    \
             remedy: remove none from the list\n",
            kexec(&["initrd"]),
        ),
    ];
    for (config, what, method) in table {
        let checked = system("tiny", &folder, Some(("config.yaml", config)));
        let message = said(&checked.problems);
        assert!(message.contains(what), "{config}: {message}");
        assert_eq!(checked.problems.len(), 1, "{config}: {message}");
        assert_eq!(checked.value.expect(config).method, method, "{config}");
    }
}
