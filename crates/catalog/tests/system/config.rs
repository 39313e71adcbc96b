//! What a `config.yaml` says, and what is said about mistakes in it.

use catalog::{Method, system};

use crate::{FILE, files, read, said};

fn kexec(kernel: &str, initrd: &[&str], cmdline: &str) -> Method {
    Method::Kexec {
        kernel: kernel.to_owned(),
        initrd: initrd.iter().map(|path| (*path).to_owned()).collect(),
        files: Vec::new(),
        cmdline: cmdline.to_owned(),
    }
}

#[test]
fn every_method_is_read() {
    let folder = ["vmlinuz", "a.gz", "sub/b.gz", "hello", "odin.img"];
    let table = [
        (
            "method: kexec\nkernel: vmlinuz\ninitrd: a.gz\ncmdline: quiet splash",
            kexec("vmlinuz", &["a.gz"], "quiet splash"),
        ),
        (
            "method: kexec\nkernel: ./vmlinuz\ninitrd: [a.gz, sub/b.gz]",
            kexec("vmlinuz", &["a.gz", "sub/b.gz"], ""),
        ),
        (
            "method: kexec\nkernel: vmlinuz\ninitrd: []",
            kexec("vmlinuz", &[], ""),
        ),
        (
            "kernel: vmlinuz\ninitrd: a.gz\ncmdline: >\n  one\n  two\n",
            kexec("vmlinuz", &["a.gz"], "one two"),
        ),
        (
            "kernel: vmlinuz\ncmdline: |\n  one\n  two\n",
            kexec("vmlinuz", &[], "one two"),
        ),
        (
            "method: \"bin\"\nbin: hello\nbinargs: \"\"",
            Method::Bin {
                bin: "hello".into(),
                args: String::new(),
            },
        ),
        (
            "method: bin\nbin: hello\nbinargs: -v -x",
            Method::Bin {
                bin: "hello".into(),
                args: "-v -x".into(),
            },
        ),
        (
            "method: bin-qemu-x86_64\nargs: \"-fda odin.img\"",
            Method::Qemu {
                args: "-fda odin.img".into(),
            },
        ),
        ("method: local", Method::Local),
        (
            "method: qemu-iso\nisofile: /odin.img",
            Method::Qemu {
                args: "-cdrom odin.img".into(),
            },
        ),
        (
            "method: kexec\nkernel: //vmlinuz\ninitrd: ./sub//b.gz",
            kexec("vmlinuz", &["sub/b.gz"], ""),
        ),
    ];
    for (config, method) in table {
        let checked = read(&folder, config);
        assert_eq!(said(&checked.problems), "", "{config}");
        assert_eq!(checked.value.expect(config).method, method, "{config}");
    }
}

#[test]
fn the_menus_name_is_the_dispname_or_the_folder() {
    let folder = ["vmlinuz", "initrd"];
    for (config, dispname, line) in [
        ("method: kexec\ndispname: Tiny Core\n", "Tiny Core", Some(2)),
        ("dispname: 12.10", "12.10", Some(1)),
        ("dispname: \" Система \"", "Система", Some(1)),
        ("dispname:", "tiny", Some(1)),
        ("# the folder's name\n\ncmdline: quiet", "tiny", Some(3)),
        ("", "tiny", Some(1)),
    ] {
        let checked = read(&folder, config);
        assert_eq!(said(&checked.problems), "", "{config}");
        let system = checked.value.expect(config);
        assert_eq!(
            (system.dispname.as_str(), system.dispname_line),
            (dispname, line)
        );
        assert_eq!(system.name, "tiny");
        let cmdline = if config.contains("quiet") {
            "quiet"
        } else {
            ""
        };
        assert_eq!(system.method, kexec("vmlinuz", &["initrd"], cmdline));
    }
}

#[test]
fn a_kernel_and_an_initrd_are_enough() {
    let files = files(&[
        "README",
        "boot/initrd.img-6.1",
        "boot/vmlinuz-6.1",
        "live.squashfs",
    ]);
    let checked = system("tiny", &files, None);
    assert_eq!(said(&checked.problems), "");
    let system = checked.value.expect("a system");
    assert_eq!(
        system.method,
        kexec("boot/vmlinuz-6.1", &["boot/initrd.img-6.1"], "")
    );
    assert_eq!(system.dispname, "tiny");
}

#[test]
fn what_cannot_be_inferred_is_said_with_the_candidates() {
    let table: [(&[&str], &[&str]); 5] = [
        (&[], &["tiny: error: holds no files"]),
        (
            &["initrd.gz"],
            &["no file that looks like the kernel (vmlinuz*, bzImage*, linux)"],
        ),
        (
            &["vmlinuz"],
            &["no file that looks like the initrd", "initrd: [] for none"],
        ),
        (
            &["vmlinuz", "bzImage", "initrd"],
            &[
                "several files that look like the kernel (found: vmlinuz, bzImage)",
                "kernel: and the right one",
            ],
        ),
        (
            &["vmlinuz", "initrd.gz", "initramfs.img"],
            &["several files that look like the initrd (found: initrd.gz, initramfs.img)"],
        ),
    ];
    for (paths, expected) in table {
        let checked = system("tiny", &files(paths), None);
        let message = said(&checked.problems);
        assert_eq!(checked.problems.len(), 1, "{message}");
        for part in expected {
            assert!(message.contains(part), "{message}");
        }
    }
}

/// A `config.yaml`, the line of its one problem, and what the message must hold.
#[test]
fn each_mistake_has_line_value_and_remedy() {
    let folder = ["vmlinuz-lts", "boot/initramfs.img", "hello"];
    let table = [
        (
            "kernel: vmlinuz-ltss",
            1,
            "kernel names a file that is not in this folder (found: vmlinuz-ltss)",
            "write kernel: vmlinuz-lts",
        ),
        (
            "kernel: vmlinuz-lts\ninitrd: initramfs.img",
            2,
            "initrd names a file that is not in this folder",
            "write initrd: boot/initramfs.img",
        ),
        (
            "initrd:\n- boot/initramfs.img\n- nothing.gz",
            3,
            "(found: nothing.gz)",
            "name one of vmlinuz-lts, boot/initramfs.img, hello",
        ),
        (
            "kernel: ../vmlinuz",
            1,
            "kernel must be a file inside this folder",
            "copy the file into the folder",
        ),
        (
            "kernel: /boot/vmlinuz",
            1,
            "kernel must be a file inside this folder",
            "copy the file into the folder",
        ),
        (
            "kernel: config.yaml",
            1,
            "names config.yaml, which machines do not get",
            "another file",
        ),
        (
            "kernel: [vmlinuz-lts]",
            1,
            "kernel must be text (found: a list)",
            "kernel: vmlinuz",
        ),
        (
            "method: kexek",
            1,
            "method must be one of kexec, bin, bin-qemu-x86_64, local (found: kexek)",
            "write method: kexec",
        ),
        (
            "method: qemu-iso\nisofile: x.iso",
            2,
            "isofile names a file that is not in this folder",
            "name one of",
        ),
        (
            "method: qemu-iso",
            1,
            "isofile is missing",
            "write isofile:",
        ),
        (
            "\n# a disc\nisofile: hello",
            3,
            "method is missing",
            "write method: qemu-iso",
        ),
        (
            "method: magic\nkernel: nothing\nargs: x",
            1,
            "(found: magic)",
            "write method: kexec to start a Linux kernel",
        ),
        ("method: bin", 1, "bin is missing", "write bin:"),
        ("\nbin: hello", 2, "method is missing", "write method: bin"),
        (
            "args: -fda x",
            1,
            "method is missing",
            "write method: bin-qemu-x86_64",
        ),
        (
            "kernell: vmlinuz-lts",
            1,
            "unknown key kernell",
            "write kernel if that is meant",
        ),
        (
            "dispname: ''",
            1,
            "dispname must not be empty (found: nothing)",
            "dispname: Debian 12",
        ),
        (
            "dispname: \"a\\tb\"",
            1,
            "dispname must be one line",
            "dispname: Debian 12",
        ),
        (
            "dispname: on",
            1,
            "dispname must be text (found: on, a boolean)",
            "write dispname: \"on\"",
        ),
        (
            "cmdline: \"a\\0b\"",
            1,
            "cmdline holds a control character",
            "remove",
        ),
        (
            "cmdline: a\ncmdline: b",
            2,
            "cmdline is written twice (found: b)",
            "keep either this line or line 1",
        ),
        (
            "- kernel",
            1,
            "must hold keys and values (found: a list)",
            "key: value",
        ),
    ];
    for (config, line, what, remedy) in table {
        let checked = read(&folder, config);
        let [problem] = &checked.problems[..] else {
            panic!("{config}: {}", said(&checked.problems));
        };
        assert_eq!(problem.file, FILE);
        assert_eq!(problem.line, Some(line), "{config}: {problem}");
        assert!(problem.to_string().contains(what), "{config}: {problem}");
        assert!(problem.remedy.contains(remedy), "{config}: {problem}");
        assert!(problem.is_error(), "{config}: {problem}");
    }
}

#[test]
fn an_empty_kernel_and_an_endless_command_line_are_refused() {
    let mut files = files(&["vmlinuz", "initrd"]);
    files[0].size = 0;
    let config = format!("kernel: vmlinuz\ncmdline: {}\n", "x".repeat(2048));
    let checked = system("tiny", &files, Some((FILE, &config)));
    let message = said(&checked.problems);
    assert!(
        message.contains("config.yaml:1: error: kernel names a file of 0 bytes"),
        "{message}"
    );
    assert!(
        message.contains("config.yaml:2: error: cmdline is longer than 2047 bytes"),
        "{message}"
    );
}

/// What is in braces is longer at some machine.
#[test]
fn a_command_line_that_may_become_too_long_is_warned_of() {
    let folder = ["vmlinuz", "initrd", "root.squashfs"];
    let words = |length: usize| format!("cmdline: {}", "x".repeat(length));
    let longest = "http://255.255.255.255:65535/oss/tiny".len();
    let table = [
        (format!("{}{{files}}", words(2047 - longest)), None),
        (
            format!("{}{{files}}", words(2048 - longest)),
            Some("cmdline may have up to 2048 bytes when a machine has filled it in"),
        ),
        (words(2047), None),
        (
            format!("initrd_files: root.squashfs\n{}", words(2047)),
            Some("up to 2064 bytes"),
        ),
    ];
    for (config, expected) in table {
        let checked = read(&folder, &format!("kernel: vmlinuz\n{config}"));
        let message = said(&checked.problems);
        match expected {
            None => assert_eq!(message, ""),
            Some(part) => assert!(
                message.contains(": warning: ") && message.contains(part),
                "{message}"
            ),
        }
    }
}

#[test]
fn folder_names_that_cannot_travel_are_refused() {
    let files = files(&["vmlinuz", "initrd"]);
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\nb",
        " a",
        ".git",
        &"x".repeat(201),
    ] {
        let checked = system(name, &files, None);
        assert!(checked.value.is_none(), "{name:?}");
        assert_eq!(checked.problems[0].remedy, "rename the folder", "{name:?}");
    }
    for name in ["tiny", "Debian 12", "система", "a.b-c_d", "100%"] {
        assert!(system(name, &files, None).problems.is_empty(), "{name:?}");
    }
}

#[test]
fn many_mistakes_are_all_said_at_once() {
    let checked = read(
        &["vmlinuz", "initrd.gz"],
        "\
dispname: \"\"
method: kexec
kernel: vmlinux
initrd:
  - initrd.gz
  - /initrd2.gz
cmdline: [quiet]
binargs: -v
kernal: vmlinuz
method: bin
",
    );
    insta::assert_snapshot!(said(&checked.problems));
}
