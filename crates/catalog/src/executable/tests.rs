use super::*;

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// An ELF file with one segment, in 64 or 32 bits, low or high byte first.
fn made(wide: bool, little: bool, kind: u16, machine: u16, segment: u32, path: &str) -> Vec<u8> {
    let mut file = vec![0; 256];
    let mut put = |at: usize, length: usize, value: u64| {
        for index in 0..length {
            let shift = 8 * if little { index } else { length - 1 - index };
            file[at + index] = (value >> shift) as u8;
        }
    };
    put(16, 2, kind.into());
    put(18, 2, machine.into());
    put(24, 4, 160);
    let size = path.len() as u64 + 1;
    match wide {
        true => {
            put(32, 8, 64);
            put(54, 2, 56);
            put(56, 2, 1);
            put(64, 4, segment.into());
            put(64 + 8, 8, 160);
            put(64 + 32, 8, size);
        }
        false => {
            put(28, 4, 52);
            put(42, 2, 32);
            put(44, 2, 1);
            put(52, 4, segment.into());
            put(52 + 4, 4, 160);
            put(52 + 16, 4, size);
        }
    }
    let magic = [
        0x7f,
        b'E',
        b'L',
        b'F',
        if wide { 2 } else { 1 },
        if little { 1 } else { 2 },
    ];
    file[..6].copy_from_slice(&magic);
    file[160..160 + path.len()].copy_from_slice(path.as_bytes());
    file
}

#[test]
fn programs_and_scripts_are_known() {
    let dynamic = Kind::Dynamic(LOADER.into());
    let shell = Kind::Script("/bin/sh".into());
    let table = [
        (made(true, true, 2, 62, 1, ""), Kind::Static),
        (made(true, true, 3, 62, 1, ""), Kind::Static),
        (made(true, true, 3, 62, 3, LOADER), dynamic),
        (made(false, true, 2, 3, 1, ""), Kind::Static),
        (
            made(false, true, 2, 3, 3, "/lib/ld-linux.so.2"),
            Kind::Dynamic("/lib/ld-linux.so.2".into()),
        ),
        (b"#!/bin/sh\necho".to_vec(), shell.clone()),
        (b"#!  /bin/sh -e\n".to_vec(), shell.clone()),
        (b"#!/bin/sh".to_vec(), shell),
        (
            b"#!/usr/bin/env python3\n".to_vec(),
            Kind::Script("/usr/bin/env".into()),
        ),
    ];
    for (head, expected) in table {
        assert_eq!(kind(&head), Ok(expected));
        assert!(looks_runnable(&head));
    }
}

#[test]
fn what_does_not_run_here_is_explained() {
    let mut library = made(true, true, 3, 62, 1, "");
    library[24] = 0;
    let table = [
        (vec![], "is empty"),
        (b"MZ\x90\0".to_vec(), "for Windows"),
        (b"\xcf\xfa\xed\xfe".to_vec(), "another operating system"),
        (b"echo hello\n".to_vec(), "is no program"),
        (b"\x7fELF\x02\x01".to_vec(), "cut short"),
        (b"#!\n".to_vec(), "names no interpreter"),
        (b"#!/bin/sh\r\necho".to_vec(), "line ends of Windows"),
        (made(true, true, 2, 183, 1, ""), "for ARM64 (64 bits)"),
        (made(true, false, 2, 22, 1, ""), "for IBM Z (64 bits)"),
        (made(false, true, 2, 40, 1, ""), "for ARM (32 bits)"),
        (made(true, true, 2, 9999, 1, ""), "processor number 9999"),
        (made(false, true, 2, 62, 1, ""), "x32"),
        (made(true, true, 1, 62, 1, ""), "not linked"),
        (made(true, true, 4, 62, 1, ""), "core dump"),
        (library, "shared library"),
    ];
    for (head, expected) in table {
        let said = kind(&head).expect_err(expected);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_phase_1_lacks_is_named() {
    let dynamic = made(true, true, 3, 62, 3, LOADER);
    let script = b"#!/usr/bin/perl -w\n".to_vec();
    let said = check(&dynamic, |_| false).unwrap_err();
    assert!(
        said.contains(LOADER) && said.contains("statically"),
        "{said}"
    );
    let said = check(&script, |path| path == "/bin/sh").unwrap_err();
    assert!(said.contains("/usr/bin/perl"), "{said}");
    for head in [dynamic, script] {
        assert_eq!(check(&head, |_| true), kind(&head));
    }
}

/// Whatever a server says is a program, reading it never fails.
#[test]
fn no_bytes_break_the_reader() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..20_000 {
        let wide = round % 2 == 0;
        let mut head = made(wide, true, 2, if wide { 62 } else { 3 }, 3, LOADER);
        for _ in 0..random.random_range(1..12) {
            let at = random.random_range(0..head.len());
            head[at] = random.random();
        }
        head.truncate(random.random_range(0..head.len()));
        let _ = check(&head, |_| false);
    }
}
