//! The service over loopback, which has sixteen million addresses: some are the server's, some a stranger's.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use report::Mac;
use report::look::SHELL_PROTOCOL;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::shell::Shells;
use super::{Look, serve};
use crate::app::{App, Event};
use crate::console::View;
use crate::news::{News, Voice};

const SERVER: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);
/// The machine's.
const MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 2);

struct Machine {
    runtime: Runtime,
    at: SocketAddr,
    told: mpsc::Receiver<News>,
}

fn machine(shells: Option<Shells>) -> Machine {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(TcpListener::bind("127.9.0.9:0"))
        .expect("a port");
    let at = listener.local_addr().expect("an address");
    let (voice, told) = Voice::new();
    let mut app = App::new(Duration::ZERO);
    app.history
        .push(Duration::from_millis(1500), "a line of the log");
    let view = View {
        app,
        now: Duration::from_secs(5),
    };
    let look = Look {
        server: SERVER,
        mac: MAC,
        shells,
        voice,
        pictures: watch::channel(Some(Arc::new(view))).1,
    };
    runtime.spawn(serve(listener, look));
    Machine { runtime, at, told }
}

impl Machine {
    /// A stranger's may be broken off before it is there.
    fn connect(&self, from: Ipv4Addr) -> std::io::Result<TcpStream> {
        let connected = self.runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((from, 0).into())?;
            socket.connect(self.at).await?.into_std()
        });
        let stream = connected?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(stream)
    }

    fn ask(&self, from: Ipv4Addr, request: &str) -> std::io::Result<String> {
        let mut stream = self.connect(from)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn get(&self, target: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.at);
        self.ask(SERVER, &request).expect("an answer")
    }

    fn shell(&self) -> TcpStream {
        let mut stream = self.connect(SERVER).expect("a connection");
        let request = format!(
            "GET /shell?columns=123&rows=45&term=vt100 HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: \
             {SHELL_PROTOCOL}\r\n\r\n",
            self.at
        );
        stream.write_all(request.as_bytes()).expect("asked");
        stream
    }
}

/// Reads until a text has come.
fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut shown = Vec::new();
    let mut more = [0; 1024];
    while !String::from_utf8_lossy(&shown).contains(text) {
        let length = stream.read(&mut more).expect("more");
        assert!(
            length > 0,
            "no {text:?}: {}",
            String::from_utf8_lossy(&shown)
        );
        shown.extend(&more[..length]);
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn the_server_sees_every_page() {
    let machine = machine(None);
    for (page, expected) in [
        ("/", "A shell is not allowed"),
        ("/log", "    1.500 s  a line of the log\n"),
        ("/state", "does      waits for an address for 5 s"),
        ("/hardware", "processors: "),
        ("/network", "\nlo: "),
    ] {
        let answer = machine.get(page);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{page}: {answer}"
        );
        assert!(answer.contains(expected), "{page}: {answer}");
    }
    // Not everybody who runs tests may read it; then it says so.
    assert!(machine.get("/kernel").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(machine.get("/passwords").starts_with("HTTP/1.1 404 "));
    assert!(machine.get("/shell").starts_with("HTTP/1.1 426 "));
}

#[test]
fn strangers_are_closed_and_told_of_once() {
    let mut machine = machine(None);
    for _ in 0..20 {
        let request = format!("GET /log HTTP/1.1\r\nHost: {}\r\n\r\n", machine.at);
        // Broken off before or after the request went out.
        let answer = machine.ask(STRANGER, &request).unwrap_or_default();
        assert_eq!(answer, "");
    }
    let state = machine.get("/state");
    assert!(
        state.contains("turned away from this look: 20\n"),
        "{state}"
    );
    let mut of_them = 0;
    while let Ok(News { event, .. }) = machine.told.try_recv() {
        assert!(
            matches!(&event, Event::Note { what } if what.contains("127.9.0.2")),
            "{event:?}"
        );
        of_them += 1;
    }
    assert_eq!(of_them, 1);
}

/// Who connects and says nothing has one of a few places, and only the server gets as far as that.
#[test]
fn silent_connections_take_their_places_and_no_more() {
    let machine = machine(None);
    let silent: Vec<TcpStream> = (0..super::AT_ONCE)
        .map(|_| machine.connect(SERVER).expect("a connection"))
        .collect();
    let closed = machine.ask(SERVER, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert_eq!(closed.unwrap_or_default(), "");
    drop(silent);
    // The places are free once the ends of the silent ones are heard.
    let mut answer = String::new();
    while answer.is_empty() {
        let request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        answer = machine.ask(SERVER, request).unwrap_or_default();
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_shell_is_not_opened_where_none_is_allowed() {
    let machine = machine(None);
    let mut answer = String::new();
    machine
        .shell()
        .read_to_string(&mut answer)
        .expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("remote_shell: yes"), "{answer}");
}

/// An address went from one machine to another while somebody looked at the first.
#[test]
fn a_shell_that_is_another_machine_s_is_not_opened() {
    let machine = machine(Some(Shells::of("/bin/sh")));
    let ask = |mac: Mac| {
        let request = format!(
            "GET /shell?columns=80&rows=24&mac={mac} HTTP/1.1\r\nHost: {}\r\nUpgrade: {SHELL_PROTOCOL}\r\n\r\n",
            machine.at
        );
        let mut stream = machine.connect(SERVER).expect("a connection");
        stream.write_all(request.as_bytes()).expect("asked");
        until(&mut stream, "\r\n\r\n")
    };
    let refused = ask(Mac([0x52, 0x54, 0, 0, 0, 2]));
    assert!(refused.starts_with("HTTP/1.1 409 "), "{refused}");
    let opened = ask(MAC);
    assert!(opened.starts_with("HTTP/1.1 101 "), "{opened}");
}

#[test]
fn a_shell_has_a_terminal_and_nobody_else_has_one() {
    let mut machine = machine(Some(Shells::of("/bin/sh")));
    let mut shell = machine.shell();
    until(&mut shell, "101 Switching Protocols\r\n");
    shell
        .write_all(b"stty size; tty; echo T$((6*7))=$TERM\n")
        .expect("typed");
    let shown = until(&mut shell, "T42=vt100");
    assert!(
        shown.contains("45 123") && shown.contains("/dev/pts/"),
        "{shown}"
    );

    let mut second = String::new();
    machine
        .shell()
        .read_to_string(&mut second)
        .expect("an answer");
    assert!(second.starts_with("HTTP/1.1 409 "), "{second}");

    // Ctrl+C is for what runs in it, not for the shell.
    let sleeper = b"sh -c 'echo begun$((1+1)); exec sleep 1000'\n";
    shell.write_all(sleeper).expect("typed");
    until(&mut shell, "begun2");
    shell.write_all(b"\x03").expect("typed");
    shell.write_all(b"echo after$((1+1))\n").expect("typed");
    until(&mut shell, "after2");
    shell
        .write_all(b"echo last$((1+1)); exit\n")
        .expect("typed");
    let mut rest = String::new();
    shell.read_to_string(&mut rest).expect("its end");
    assert!(rest.contains("last2"), "{rest}");

    // It is in the journal, and so in the log; its end in the log alone.
    let note = |wanted: &str, event: &Event| matches!(event, Event::Note { what } if what.contains(wanted));
    let mut told = || machine.told.blocking_recv().expect("an event").event;
    let [shell, ended] = [told(), told()];
    assert!(
        matches!(shell, Event::ShellOpened { is_remote: true }),
        "{shell:?}"
    );
    assert!(note("the server's shell ended", &ended), "{ended:?}");
}

/// A shell ends with its connection, and the next one can be had.
#[test]
fn a_shell_ends_with_its_connection() {
    let machine = machine(Some(Shells::of("/bin/sh")));
    let mut shell = machine.shell();
    until(&mut shell, "101 Switching Protocols\r\n");
    shell.write_all(b"echo pid=$$.\n").expect("typed");
    // The echo of what was typed has no number in it.
    let shown = until(&mut shell, ".\r\n");
    let number = |text: &str| -> Option<u32> {
        let after = text.rsplit("pid=").next()?;
        after.split('.').next()?.parse().ok()
    };
    let mut all = shown;
    while number(&all).is_none() {
        all += &until(&mut shell, ".\r\n");
    }
    let process = format!("/proc/{}", number(&all).expect("a number"));
    assert!(std::path::Path::new(&process).exists(), "{process}");
    drop(shell);
    loop {
        let mut next = machine.shell();
        let mut begin = [0; 12];
        next.read_exact(&mut begin).expect("an answer");
        match &begin {
            b"HTTP/1.1 101" => break,
            other => assert_eq!(other, b"HTTP/1.1 409"),
        }
    }
    assert!(
        !std::path::Path::new(&process).exists(),
        "{process} still runs"
    );
}
