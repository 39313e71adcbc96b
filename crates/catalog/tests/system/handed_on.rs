//! Files that a kernel finds in its root, and the words of its command line.

use catalog::{Method, system};

use crate::{FILE, files, read, said};

#[test]
fn files_for_the_kernel_s_root_are_named_once_and_spoil_no_link() {
    let folder = ["vmlinuz", "a.gz", "live/root.squashfs", "lib/x.ko"];
    let config =
        "kernel: vmlinuz\ninitrd: a.gz\ninitrd_files: [./live//root.squashfs]\ncmdline: a={files}";
    let checked = read(&folder, config);
    assert_eq!(said(&checked.problems), "");
    let Some(Method::Kexec {
        files: handed_on,
        cmdline,
        ..
    }) = checked.value.map(|system| system.method)
    else {
        panic!("no kexec");
    };
    assert_eq!(handed_on, ["live/root.squashfs"]);
    assert_eq!(cmdline, "a={files}");
    for (line, what) in [
        (
            "initrd_files: [a.gz]",
            "is the kernel or an initrd already (found: a.gz)",
        ),
        (
            "initrd_files: vmlinuz",
            "is the kernel or an initrd already",
        ),
        (
            "initrd_files: [live/root.squashfs, live/root.squashfs]",
            "names a file twice",
        ),
        ("initrd_files: lib/x.ko", "may have a link, and break it"),
        (
            "initrd_files: nothing",
            "names a file that is not in this folder",
        ),
        (
            "cmdline: ip={ipp}",
            "has {ipp}, which stands for nothing (found: ip={ipp})\n    remedy: write {ip}",
        ),
        (
            "cmdline: at={where}",
            "remedy: remove it; machines know {server}, {http}, {files}",
        ),
    ] {
        let problems = read(&folder, &format!("kernel: vmlinuz\ninitrd: a.gz\n{line}")).problems;
        assert_eq!(problems.len(), 1, "{line}");
        let said = said(&problems);
        assert!(
            said.contains(":3: error: ") && said.contains(what),
            "{said}"
        );
    }
    let twice = read(&folder, "kernel: vmlinuz\ninitrd: [a.gz, ./a.gz]").problems;
    let message = said(&twice);
    assert!(
        message.contains(":2: error: initrd names a file twice"),
        "{message}"
    );
    let mut large = files(&folder);
    large[2].size = 5 << 30;
    let config = "kernel: vmlinuz\ninitrd: a.gz\ninitrd_files: live/root.squashfs";
    let said = said(&system("tiny", &large, Some((FILE, config))).problems);
    assert!(
        said.contains("4 GiB or more") && said.contains("{files}"),
        "{said}"
    );
}
