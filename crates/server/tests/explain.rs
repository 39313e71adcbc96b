//! Recordings of real firmware, explained. What is said of each lies beside it as text, under the command that says it;
//! `UPDATE_FIXTURES=1` writes the texts anew. A new firmware is a new file.

use std::path::{Path, PathBuf};
use std::{env, fs};

use bt_server::args::{Cli, Command};
use bt_server::explain::{self, Explain, Told};
use bt_server::plan;
use bt_server::shelf::Shelf;
use clap::Parser;

/// What a phase 1 holds, by name; the scripts are the server's own.
const SHELF: [&str; 14] = [
    "bzImage",
    "rootfs.gz",
    "diff.gz",
    "torrents.gz",
    "lpxelinux.0",
    "ldlinux.c32",
    "pxelinux.0",
    "undionly.kpxe",
    "snponly.efi",
    "ipxe.efi",
    "shimx64.efi",
    "grubx64.efi",
    "grubia32.efi",
    "grubaa64.efi",
];

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dhcp");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|end| end == "pcap"))
        .collect();
    all.sort();
    all
}

fn options(command: &str) -> Explain {
    let words = command.trim_start_matches("$ ").split(' ');
    match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Some(Command::Explain(how))) => how,
        other => panic!("{command}: {other:?}"),
    }
}

fn told(recording: &[u8], how: &Explain) -> Told {
    let mut shelf = Shelf::default();
    for name in SHELF {
        shelf.put(name, "x");
    }
    plan::put_scripts(&mut shelf, how.http());
    explain::explain(recording, how, Some(&shelf)).expect("there is room for machines")
}

#[test]
fn every_recording_is_explained_as_its_text_says() {
    let update = env::var_os("UPDATE_FIXTURES").is_some();
    let recordings = recordings();
    assert!(
        recordings.len() >= 11,
        "only {} recordings were found",
        recordings.len()
    );
    for recording in recordings {
        let text = recording.with_extension("explain.txt");
        let expected = fs::read_to_string(&text).unwrap_or_default();
        let name = recording.file_name().unwrap().to_string_lossy();
        // As whom it is explained is written on top of its text.
        let command = match expected.lines().next() {
            Some(line) if line.starts_with("$ bt-server explain ") => line.to_owned(),
            _ => format!("$ bt-server explain {name}"),
        };
        let told = told(&fs::read(&recording).unwrap(), &options(&command));
        assert_eq!(told.broken, None, "{name}");
        let said = format!("{command}\n{}", told.text);
        if update {
            fs::write(&text, &said).unwrap();
        } else {
            assert_eq!(said, expected, "{name} (UPDATE_FIXTURES=1 rewrites)");
        }
    }
}

/// Recordings that break off or were damaged: what can be read is explained, and there is an end.
#[test]
fn damaged_recordings_are_explained_as_far_as_they_go() {
    for recording in recordings() {
        let whole = fs::read(&recording).unwrap();
        let how = options("$ bt-server explain x");
        for part in 1..20 {
            let cut = &whole[..whole.len() * part / 20];
            let told = told(cut, &how);
            let place = told.broken.map(|broken| broken.offset);
            assert!(
                place.is_none_or(|offset| offset <= cut.len()),
                "{}",
                recording.display()
            );
        }
        for number in 0..40_usize {
            let mut damaged = whole.clone();
            for step in 0..8 {
                let at = (number * 7_919 + step * 104_729) % damaged.len();
                damaged[at] = damaged[at].wrapping_mul(31).wrapping_add(number as u8);
            }
            let _ = told(&damaged, &how);
        }
    }
}

/// The program itself: its exit codes, and what people read where a file is no recording.
#[test]
fn the_program_says_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recordings().remove(0);
    let bytes = fs::read(&whole).unwrap();
    let (cut, none) = (
        folder.path().join("cut.pcap"),
        folder.path().join("none.pcap"),
    );
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    fs::write(&none, "not a recording").unwrap();
    for (file, code, says) in [
        (&whole, 0, ""),
        (&cut, 1, "cut.pcap: byte "),
        (
            &none,
            1,
            "none.pcap: byte 0: neither pcap nor pcapng begins so",
        ),
        (&folder.path().join("absent"), 1, "remedy: "),
    ] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_bt-server"));
        let output = program.arg("explain").arg(file).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(says), "{error}");
        assert_eq!(error.is_empty(), code == 0, "{error}");
        let explained = String::from_utf8_lossy(&output.stdout).contains("DISCOVER: ");
        assert_eq!(
            explained,
            file == &whole || file == &cut,
            "{}",
            file.display()
        );
    }
}
