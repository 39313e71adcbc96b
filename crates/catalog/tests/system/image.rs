//! Folders without a config.yaml that hold an image of a disc or a disk.

use catalog::{Method, system};

use crate::{files, said};

/// Without a config.yaml: one image and no Linux starts in QEMU, two are not guessed.
#[test]
fn a_folder_with_one_image_is_a_guest() {
    let read = |paths: &[&str]| system("tiny", &files(paths), None);
    let found = read(&["readme.txt", "sub/disc.iso"]);
    assert_eq!(said(&found.problems), "");
    let args = "-cdrom sub/disc.iso -boot d".to_owned();
    assert_eq!(found.value.unwrap().method, Method::Qemu { args });

    // A live system's kernel and initrd, with its file system beside them.
    let found = read(&["vmlinuz", "initrd.img", "root.img"]);
    assert_eq!(said(&found.problems), "");
    let method = found.value.unwrap().method;
    assert!(matches!(method, Method::Kexec { .. }), "{method:?}");

    let several = said(&read(&["a.iso", "b.qcow2"]).problems);
    assert!(
        several.contains("several files that look like images"),
        "{several}"
    );
    assert!(several.contains("a.iso, b.qcow2"), "{several}");
    let spaced = said(&read(&["two words.iso"]).problems);
    assert!(spaced.contains("rename the file"), "{spaced}");
    let lonely = said(&read(&["initrd.img", "disc.iso"]).problems);
    assert!(lonely.contains("looks like the kernel"), "{lonely}");
}
