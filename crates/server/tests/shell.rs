//! `bt-server shell` on a terminal of its own: raw while it lasts, and as before after any end. The machine is a plain
//! socket that plays its part.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bt-shell\r\n\r\nprompt> ";

struct Room {
    machine: TcpStream,
    request: String,
    near: File,
    far: File,
    program: Child,
}

/// A shell on the machine of this address, opened from a terminal of 100 by 30.
fn open(address: &str) -> Room {
    let listener = TcpListener::bind((address, 6970)).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = openpt(flags).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let far = File::from(ioctl_tiocgptpeer(&near, flags).unwrap());
    let size = Winsize {
        ws_row: 30,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&far, size).unwrap();
    assert!(is_usual(&far));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let port = free.port().to_string();
    let words = [
        "shell",
        address,
        "--server",
        "127.0.0.1",
        "--http-port",
        &port,
    ];
    let program = Command::new(env!("CARGO_BIN_EXE_bt-server"))
        .args(words)
        .env("TERM", "screen-256color")
        .stdin(far.try_clone().unwrap())
        .stdout(far.try_clone().unwrap())
        .stderr(far.try_clone().unwrap())
        .spawn()
        .unwrap();
    let (mut machine, _) = listener.accept().unwrap();
    machine
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        machine.read_exact(&mut byte).unwrap();
        request.extend(byte);
    }
    Room {
        machine,
        request: String::from_utf8(request).unwrap(),
        near: near.into(),
        far,
        program,
    }
}

fn is_usual(terminal: &File) -> bool {
    let modes = tcgetattr(terminal).unwrap().local_modes;
    modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
}

impl Room {
    fn shown(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        let mut more = [0; 1024];
        while !String::from_utf8_lossy(&all).contains(text) {
            let length = self.near.read(&mut more).unwrap();
            all.extend(&more[..length]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    fn ended(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.program.try_wait().unwrap() {
                assert!(is_usual(&self.far), "the terminal stays raw");
                return status.code();
            }
        }
        self.program.kill().unwrap();
        panic!("it does not end");
    }
}

#[test]
fn a_shell_has_the_terminal_until_the_machine_ends_it() {
    let mut room = open("127.0.8.3");
    let target =
        "GET /shell?columns=100&rows=30&term=screen-256color HTTP/1.1\r\nHost: 127.0.8.3:6970\r\n";
    assert!(room.request.starts_with(target), "{}", room.request);
    assert!(
        room.request.contains("\r\nUpgrade: bt-shell\r\n"),
        "{}",
        room.request
    );
    room.machine.write_all(SWITCHED).unwrap();
    let shown = room.shown("prompt> ");
    assert!(shown.contains("unencrypted"), "{shown}");
    assert!(!is_usual(&room.far));
    // Ctrl+C is the machine's.
    room.near.write_all(b"ls\x03").unwrap();
    let mut typed = [0; 3];
    room.machine.read_exact(&mut typed).unwrap();
    assert_eq!(&typed, b"ls\x03");
    room.machine.write_all(b"bye\r\n").unwrap();
    room.machine.shutdown(std::net::Shutdown::Both).unwrap();
    room.shown("has ended");
    assert_eq!(room.ended(), Some(0));
}

#[test]
fn ctrl_and_a_bracket_leave_it() {
    let mut room = open("127.0.8.4");
    room.machine.write_all(SWITCHED).unwrap();
    room.shown("prompt> ");
    room.near.write_all(b"a\x1d").unwrap();
    let mut all = Vec::new();
    room.machine.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"a");
    assert_eq!(room.ended(), Some(0));
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let mut room = open("127.0.8.5");
    room.machine.write_all(SWITCHED).unwrap();
    room.shown("prompt> ");
    assert!(!is_usual(&room.far));
    kill_process(Pid::from_child(&room.program), Signal::TERM).unwrap();
    assert_eq!(room.ended(), Some(0));
}

#[test]
fn a_refusal_is_shown_and_the_terminal_never_raw() {
    let mut room = open("127.0.8.6");
    let answer = "HTTP/1.1 409 Conflict\r\nConnection: close\r\n\r\nsomebody has a shell here\n";
    room.machine.write_all(answer.as_bytes()).unwrap();
    room.machine.shutdown(std::net::Shutdown::Both).unwrap();
    room.shown("error: somebody has a shell here");
    assert_eq!(room.ended(), Some(1));
}
