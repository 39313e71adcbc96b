//! `bttui fetch` as people run it: the program itself against a seeder and a tracker on loopback.

#[path = "../../swarm/tests/common/web.rs"]
#[allow(dead_code, reason = "the engine's tests use all of it")]
mod web;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use metainfo::{FileEntry, Info, Torrent};
use sha1::{Digest, Sha1};
use swarm::net::{Download, Options};
use web::{Manner, Web};

const PIECE: usize = 64 * 1024;
const ANYWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

/// A torrent named `tiny` of several files, on disk below `folder`, announced to nobody yet.
fn make(folder: &Path) -> Torrent {
    let files: [(&str, usize); 4] = [
        ("boot/initrd", 300_000),
        ("boot/vmlinuz", 131_072),
        ("empty", 0),
        ("readme", 17),
    ];
    let mut all = Vec::new();
    let mut entries = Vec::new();
    for (name, length) in files {
        let bytes: Vec<u8> = (0..length)
            .map(|at| (at * 31 + at / 251 + name.len()) as u8)
            .collect();
        let path = folder.join("tiny").join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, &bytes).expect("a file");
        entries.push(FileEntry {
            path: name.split('/').map(str::to_owned).collect(),
            length: length as u64,
        });
        all.extend(bytes);
    }
    Torrent::new(Info {
        name: "tiny".to_owned(),
        piece_length: PIECE as u32,
        pieces: all
            .chunks(PIECE)
            .map(|piece| Sha1::digest(piece).into())
            .collect(),
        files: entries,
        private: false,
        single_file: false,
    })
}

/// A tracker that knows one peer; returns its announce address. It lives as long as the test.
fn tracker(peer: Option<SocketAddrV4>) -> String {
    let listener = TcpListener::bind(ANYWHERE).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                request.push(byte[0]);
            }
            let mut body = b"d8:intervali2e5:peers".to_vec();
            match peer {
                Some(peer) => {
                    body.extend(b"6:");
                    body.extend(peer.ip().octets());
                    body.extend(peer.port().to_be_bytes());
                }
                None => body.extend(b"0:"),
            }
            body.push(b'e');
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    format!("http://{address}/announce")
}

fn bttui(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bttui"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().expect("plain ASCII")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_arrives_and_the_last_line_says_so() {
    let folder = tempfile::tempdir().expect("a directory");
    let source = folder.path().join("source");
    let torrent = make(&source);
    let seeding = Options {
        listen: ANYWHERE,
        ..Options::new(&source)
    };
    let seed = Download::seed(Arc::new(torrent.clone()), seeding)
        .await
        .expect("a seeder");
    let file = folder.path().join("tiny.torrent");
    let announced = torrent.with_announce(tracker(Some(seed.address())));
    fs::write(&file, announced.to_bytes()).expect("the torrent");
    let to = folder.path().join("to");

    let arguments = [
        "fetch",
        text(&file),
        "--to",
        text(&to),
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--seed-for",
        "1",
    ];
    let mut command = bttui(&arguments);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("a thread")
        .expect("bttui");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for name in ["boot/initrd", "boot/vmlinuz", "empty", "readme"] {
        let [had, got] =
            [&source, &to].map(|root| fs::read(root.join("tiny").join(name)).expect(name));
        assert!(had == got, "{name} differs");
    }
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let complete: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at]["event"] == "complete")
        .collect();
    let [at] = complete[..] else {
        panic!("one line says complete: {lines:?}")
    };
    assert!(
        lines[..at].iter().all(|line| line["event"] == "progress"),
        "{lines:?}"
    );
    assert!(
        lines[at + 1..]
            .iter()
            .all(|line| line["event"] == "seeding"),
        "{lines:?}"
    );
    assert_eq!(lines[at]["have"], 431_089);
    assert_eq!(lines[at]["total"], 431_089);
    assert_eq!(lines[at]["sources"][0]["address"], "127.0.0.1");
    seed.stop().await;
}

#[test]
fn files_that_are_named_come_alone_and_one_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().expect("a directory");
    let source = folder.path().join("source");
    let torrent = make(&source);
    let web = Web::new(&source, Ipv4Addr::new(127, 0, 0, 9), Manner::Right);
    let (file, to) = (folder.path().join("torrent"), folder.path().join("to"));
    fs::write(&file, torrent.to_bytes()).expect("the torrent");
    let fetch = |words: &[&str]| {
        bttui(&["fetch", text(&file), "--to", text(&to), "--json"])
            .args(["--listen", "127.0.0.1:0", "--web-seed", &web.url()])
            .args(words)
            .output()
            .expect("bttui")
    };
    let output = fetch(&["--only", "boot/vmlinux"]);
    assert_eq!(output.status.code(), Some(1));
    let said_so = "bttui: the torrent tiny has no file boot/vmlinux; it has boot/initrd, boot/vmlinuz, \
                   empty, readme\n";
    assert_eq!(said(&output), said_so);
    assert!(!to.exists(), "nothing is made");
    let output = fetch(&["--only", "boot/vmlinuz", "--only", "empty"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for (name, wanted) in [
        ("boot/initrd", false),
        ("boot/vmlinuz", true),
        ("empty", true),
        ("readme", false),
    ] {
        let [had, got] = [&source, &to].map(|root| fs::read(root.join("tiny").join(name)).ok());
        assert_eq!(got.is_some(), wanted, "{name}");
        assert!(!wanted || had == got, "{name} differs");
    }
}

/// Named on the command line, or by the torrent (BEP 19).
#[test]
fn where_there_is_no_peer_every_byte_comes_by_http() {
    let folder = tempfile::tempdir().expect("a directory");
    let source = folder.path().join("source");
    let torrent = make(&source).with_announce(tracker(None));
    let web = Web::new(&source, Ipv4Addr::new(127, 0, 0, 9), Manner::Right);
    let told = torrent.clone().with_web_seed(web.url());
    for (number, torrent, words) in [
        (1, torrent, vec!["--web-seed".to_owned(), web.url()]),
        (2, told, vec![]),
    ] {
        let path = |name: &str| folder.path().join(format!("{name}{number}"));
        let (file, to) = (path("torrent"), path("to"));
        fs::write(&file, torrent.to_bytes()).expect("the torrent");
        let output = bttui(&["fetch", text(&file), "--to", text(&to), "--json"])
            .args(["--listen", "127.0.0.1:0"])
            .args(words)
            .output()
            .expect("bttui");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        for name in ["boot/initrd", "boot/vmlinuz", "empty", "readme"] {
            let [had, got] =
                [&source, &to].map(|root| fs::read(root.join("tiny").join(name)).expect(name));
            assert!(had == got, "{name} differs");
        }
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = out.lines().last().expect("a line");
        let complete: serde_json::Value = serde_json::from_str(last).expect(last);
        assert_eq!(complete["sources"][0]["address"], "127.0.0.9", "{last}");
        assert_eq!(complete["sources"][0]["bytes"], 431_089, "{last}");
    }
}

/// Nobody has the bytes, so it waits until it is told to stop.
#[test]
fn signals_end_it_with_their_code() {
    use rustix::process::{Pid, Signal, kill_process};
    let folder = tempfile::tempdir().expect("a directory");
    let torrent = make(&folder.path().join("source")).with_announce(tracker(None));
    let file = folder.path().join("tiny.torrent");
    fs::write(&file, torrent.to_bytes()).expect("the torrent");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let to = folder.path().join(format!("to-{code}"));
        let mut child = bttui(&[
            "fetch",
            text(&file),
            "--to",
            text(&to),
            "--json",
            "--listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("bttui");
        // The first line of progress says that it listens for signals.
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 8]).expect("a line");
        kill_process(Pid::from_child(&child), signal).expect("a signal");
        let mut rest = String::new();
        out.read_to_string(&mut rest).expect("the rest");
        assert_eq!(child.wait().expect("its end").code(), Some(code));
        assert!(!rest.contains("complete"), "{rest}");
    }
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name);
    let put = |name: &str, bytes: &[u8]| -> PathBuf {
        fs::write(path(name), bytes).expect("a file");
        path(name)
    };
    let good = put("good.torrent", &make(&path("source")).to_bytes());
    let broken = put("broken.torrent", b"d4:infod6:lengthi1ee");
    let text_file = put("notes.txt", b"This is not a torrent.\n");
    let huge = put("huge.torrent", &huge().to_bytes());
    let to = path("to");
    let table = [
        (path("missing.torrent"), to.clone(), "missing.torrent"),
        (folder.path().to_owned(), to.clone(), "cannot read"),
        (broken, to.clone(), "not a torrent"),
        (text_file.clone(), to.clone(), "not a torrent"),
        (good.clone(), text_file.join("below"), "notes.txt"),
        (good, PathBuf::from("/proc/bttui"), "/proc/bttui"),
        (huge, to, "no space"),
    ];
    for (torrent, to, expected) in table {
        let output = bttui(&["fetch", text(&torrent), "--to", text(&to)])
            .output()
            .expect("bttui");
        assert_eq!(output.status.code(), Some(1), "{}", torrent.display());
        let said = said(&output);
        assert!(
            said.starts_with("bttui: ") && said.contains(expected),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}

/// Twelve tebibytes, which no disk here has.
fn huge() -> Torrent {
    let (piece_length, pieces) = (128 << 20, 100_000);
    Torrent::new(Info {
        name: "huge".to_owned(),
        piece_length,
        pieces: vec![[0; 20]; pieces],
        files: vec![FileEntry {
            path: vec!["disk.img".to_owned()],
            length: u64::from(piece_length) * pieces as u64,
        }],
        private: false,
        single_file: false,
    })
}

/// On a person's computer the program of phase 1 says so and touches nothing.
#[test]
fn without_a_command_it_does_nothing_here() {
    let output = bttui(&[]).output().expect("bttui");
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(
        said.contains("not phase 1") && said.contains("fetch"),
        "{said}"
    );
    assert!(said.lines().count() <= 24, "{said}");
    let version = bttui(&["--version"]).output().expect("bttui");
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        format!("bttui {}\n", env!("CARGO_PKG_VERSION"))
    );
}
