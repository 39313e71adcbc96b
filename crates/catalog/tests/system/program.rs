//! Folders without a config.yaml that hold one program.

use catalog::{Checked, Method, System, executable, system_of};

use crate::{FILE, files, said};

/// A program for x86-64: an ELF header with one segment, which names a loader where there is one (elf(5)).
fn program(loader: Option<&str>) -> Vec<u8> {
    let mut file = vec![0; 160];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    for (at, value) in [(16, 2), (18, 62), (24, 64), (32, 64), (54, 56), (56, 1)] {
        file[at] = value;
    }
    file[64] = if loader.is_some() { 3 } else { 1 };
    file[72] = 160;
    if let Some(loader) = loader {
        file[64 + 32] = loader.len() as u8;
        file.extend(loader.as_bytes());
    }
    file
}

/// Names, and how the files begin.
type Folder<'a> = &'a [(&'a str, &'a [u8])];

/// What a folder is whose files begin so.
fn look(folder: Folder<'_>, config: Option<&str>) -> Checked<System> {
    let paths: Vec<&str> = folder.iter().map(|(path, _)| *path).collect();
    let head = |asked: &str| {
        let found = folder.iter().find(|(path, _)| *path == asked);
        found.map_or_else(Vec::new, |(_, head)| head.to_vec())
    };
    let config = config.map(|text| (FILE, text));
    system_of("tiny", &files(&paths), config, &head)
}

#[test]
fn a_folder_with_one_static_program_runs_it() {
    let (alone, dynamic) = (program(None), program(Some("/lib64/ld-linux-x86-64.so.2")));
    assert_eq!(executable::kind(&alone), Ok(executable::Kind::Static));
    let bin = |bin: &str| Method::Bin {
        bin: bin.to_owned(),
        args: String::new(),
    };
    let folder: Folder<'_> = &[
        ("README", b"read me"),
        ("bin/tool", &alone),
        ("bin/other", &dynamic),
        ("lib/libc.so.6", &alone),
        ("start.sh", b"#!/bin/sh\n"),
    ];
    let found = look(folder, None);
    assert_eq!(said(&found.problems), "");
    let system = found.value.unwrap();
    assert_eq!((system.method, system.method_line), (bin("bin/tool"), None));

    // A config.yaml may leave the name out, as with a kernel.
    let found = look(folder, Some("method: bin\nbinargs: -v"));
    assert_eq!(said(&found.problems), "");
    let args = "-v".to_owned();
    let expected = Method::Bin {
        bin: "bin/tool".to_owned(),
        args,
    };
    assert_eq!(found.value.unwrap().method, expected);

    // A kernel and an image say more than a program.
    for (other, method) in [("disc.iso", "bin-qemu-x86_64"), ("vmlinuz", "kexec")] {
        let initrd: (&str, &[u8]) = ("initrd.img", b"");
        let mut files = vec![("tool", &alone[..]), (other, b"")];
        files.extend((other == "vmlinuz").then_some(initrd));
        let found = look(&files, None);
        assert_eq!(said(&found.problems), "");
        assert_eq!(found.value.unwrap().method.name(), method);
    }
}

#[test]
fn thousands_of_programs_make_a_short_message_and_are_not_all_looked_into() {
    use std::cell::Cell;
    let (alone, dynamic) = (program(None), program(Some("/lib64/ld-linux-x86-64.so.2")));
    let names: Vec<String> = (1000..9000).map(|number| format!("p{number}")).collect();
    let paths: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = files(&paths);
    let three = paths[..3].join(", ");
    let looked = Cell::new(0);
    let of = |is_static: &dyn Fn(&str) -> bool| {
        looked.set(0);
        let head = |path: &str| {
            looked.set(looked.get() + 1);
            if is_static(path) {
                alone.clone()
            } else {
                dynamic.clone()
            }
        };
        system_of("tiny", &all, None, &head)
    };
    let message = said(&of(&|_| false).problems);
    let found = format!("several programs (found: {three} and 7,997 more)");
    assert!(message.contains(&found), "{message}");
    let message = said(&of(&|_| true).problems);
    let found = format!("several programs (found: {three} and more)");
    assert!(message.contains(&found), "{message}");
    assert_eq!(looked.get(), 4);
    // The only static one may be the last.
    let found = of(&|path| path == "p8999");
    assert_eq!(said(&found.problems), "");
    let (bin, args) = ("p8999".to_owned(), String::new());
    assert_eq!(found.value.unwrap().method, Method::Bin { bin, args });
}

#[test]
fn what_is_not_one_static_program_is_explained() {
    let (alone, dynamic) = (program(None), program(Some("/lib64/ld-linux-x86-64.so.2")));
    let mut arm = alone.clone();
    arm[18] = 183;
    let table: [(Folder<'_>, &[&str]); 7] = [
        (
            &[("tool", &dynamic)],
            &[
                "tiny: error: has no config.yaml, no kernel, no image, and its tool needs shared libraries",
                "/lib64/ld-linux-x86-64.so.2",
                "link it statically",
            ],
        ),
        (
            &[("run", b"#!/bin/sh\n"), ("data", b"x")],
            &[
                "its run is a script for /bin/sh and not a static program",
                "method: bin and bin: run",
            ],
        ),
        (
            &[("run", b"#!/usr/bin/perl\n")],
            &["its run is a script for /usr/bin/perl, which phase 1 does not have"],
        ),
        (&[("tool", &arm)], &["its tool is a program for ARM64"]),
        (
            &[("a", &alone), ("b", &alone)],
            &["several programs (found: a, b)"],
        ),
        (
            &[("a", &dynamic), ("b", b"#!/bin/sh\n")],
            &["several programs (found: a, b)"],
        ),
        (
            &[("data", b"x"), ("lib/x.so", &alone)],
            &["no file that looks like the kernel", "a static program"],
        ),
    ];
    for (folder, expected) in table {
        let message = said(&look(folder, None).problems);
        for part in expected {
            assert!(message.contains(part), "{message}");
        }
    }
    let message = said(&look(&[("a", &dynamic)], Some("method: bin")).problems);
    assert!(
        message.contains("config.yaml:1: error: bin is missing"),
        "{message}"
    );
}
