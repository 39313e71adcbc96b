//! A machine's pages through the door, and `bt-server look`: the machine's side is the real one, on another address of
//! loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bttui::app::App;
use bttui::console::View;
use bttui::look::{self, Look};
use bttui::news::Voice;
use report::Mac;
use tokio::sync::watch;

use crate::door::{Answer, Door, Setup, ask_from, dropped_when, exchange, machines_when, open};

const SERVER: [u8; 4] = [127, 0, 0, 1];
const STRANGER: [u8; 4] = [127, 0, 0, 5];

/// Lets the server look at a machine of this address.
fn machine(door: &Door, address: [u8; 4]) -> tokio::task::JoinHandle<()> {
    let mut app = App::new(Duration::ZERO);
    app.history
        .push(Duration::ZERO, "a line of the machine\u{1b}[2J");
    let now = Duration::ZERO;
    let look = Look {
        server: SERVER.into(),
        mac: Mac([0x52, 0x54, 0, 0, 0, 1]),
        shells: None,
        // Nobody listens.
        voice: Voice::new().0,
        pictures: watch::channel(Some(Arc::new(View { app, now }))).1,
    };
    door.runtime
        .spawn(look::run(look::place(address.into()), look))
}

/// Has the machine of this address, and with this number, tell what it did.
fn report(door: &Door, from: [u8; 4], number: u8, step: &str) {
    let body = format!(r#"{{"mac":"52:54:00:00:00:{number:02x}","uptime_ms":1,"step":{step}}}"#);
    let json = "Content-Type: application/json\r\n";
    let told = ask_from(door, from, "POST", "/api/v1/report", json, &body);
    assert_eq!(told.status, 204, "{}", told.text());
}

const AWAKE: &str = r#"{"step":"awake","facts":{"memory_bytes":1,"cpus":1,"cpu":"","nic":"","address":"0.0.0.0","kernel":""}}"#;

/// Wakes as a machine of this address, and waits until the journal knows that.
fn wake(door: &Door, from: [u8; 4], number: u8) {
    report(door, from, number, AWAKE);
    let address = Ipv4Addr::from(from).to_string();
    machines_when(door, |json| {
        let machines = json["machines"].as_array().unwrap();
        machines
            .iter()
            .any(|machine| machine["address"] == *address)
    });
}

fn look_from(door: &Door, from: [u8; 4], path: &str) -> Answer {
    let host = door.address;
    let path = format!("/api/v1/machines/{path}");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(door, from, request.as_bytes())
}

/// Asks until the machine listens.
fn look_when_it_listens(door: &Door, path: &str) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = look_from(door, SERVER, path);
        if answer.status == 200 || Instant::now() > deadline {
            return answer;
        }
    }
}

fn bt_server(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bt-server"));
    command.args(words).output().unwrap()
}

#[test]
fn who_sits_at_the_server_sees_a_machine_s_pages() {
    let door = open(Setup::default());
    let address = [127, 0, 9, 3];
    let _machine = machine(&door, address);
    wake(&door, address, 1);
    for id in ["52:54:00:00:00:01", "127.0.9.3"] {
        let answer = look_when_it_listens(&door, &format!("{id}/look/log"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(
            answer.text().contains("a line of the machine [2J\n"),
            "{}",
            answer.text()
        );
        assert!(
            answer.head.contains("cache-control: no-store"),
            "{}",
            answer.head
        );
    }
    assert!(
        look_from(&door, SERVER, "127.0.9.3/look/network")
            .text()
            .contains("routes:")
    );
    let place = look_from(&door, SERVER, "127.0.9.3/look");
    let place: serde_json::Value = serde_json::from_slice(&place.body).unwrap();
    assert_eq!(place["address"], "127.0.9.3");
    assert_eq!(
        (&place["from"], &place["port"]),
        (&"127.0.0.1".into(), &6970.into())
    );
    assert_eq!(
        look_from(&door, SERVER, "127.0.9.3/look/secrets").status,
        404
    );
    let unknown = look_from(&door, SERVER, "pc09/look/log");
    assert_eq!(unknown.status, 404);
    assert!(
        unknown
            .text()
            .contains("known are 52:54:00:00:00:01 (127.0.9.3)"),
        "{}",
        unknown.text()
    );
}

#[test]
fn nobody_else_sees_them() {
    let door = open(Setup::default());
    let address = [127, 0, 9, 4];
    let _machine = machine(&door, address);
    wake(&door, address, 1);
    assert_eq!(
        look_when_it_listens(&door, "127.0.9.4/look/log").status,
        200
    );
    for (from, path) in [
        (STRANGER, "127.0.9.4/look/log"),
        (STRANGER, "127.0.9.4/look"),
        (address, "127.0.9.4/look/log"),
    ] {
        let refused = look_from(&door, from, path);
        assert_eq!(refused.status, 403, "{from:?} {path}: {}", refused.text());
        assert!(!refused.text().contains("a line of"), "{}", refused.text());
    }
    // A browser that somebody's name led here.
    let request = "GET /api/v1/machines/127.0.9.4/look/log HTTP/1.1\r\nHost: evil.example:6969\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(&door, SERVER, request.as_bytes()).status, 403);
    // The room, through a proxy that runs on the server's computer.
    let host = door.address;
    for of_proxy in [
        "Via: 1.1 squid",
        "Forwarded: for=10.0.0.9",
        "x-forwarded-for: 10.0.0.9",
    ] {
        let request = format!(
            "GET /api/v1/machines/127.0.9.4/look/log HTTP/1.1\r\nHost: {host}\r\n{of_proxy}\r\nConnection: close\r\n\r\n"
        );
        let refused = exchange(&door, SERVER, request.as_bytes());
        assert_eq!(refused.status, 403, "{of_proxy}: {}", refused.text());
    }
    dropped_when(&door, "look", "not from this computer", 7);
}

#[test]
fn a_machine_that_is_not_in_phase_1_is_not_looked_at() {
    let door = open(Setup::default());
    let address = [127, 0, 9, 5];
    wake(&door, address, 1);
    let silent = look_from(&door, SERVER, "127.0.9.5/look/log");
    assert_eq!(silent.status, 502, "{}", silent.text());
    assert!(
        silent.text().contains("does not answer") && silent.text().contains("phase 1 runs"),
        "{}",
        silent.text()
    );
    report(
        &door,
        address,
        1,
        r#"{"step":"starting","system":"debian","method":"kexec"}"#,
    );
    machines_when(&door, |json| json["machines"][0]["stage"] == "starting");
    let started = look_from(&door, SERVER, "127.0.9.5/look/log");
    assert_eq!(started.status, 409, "{}", started.text());
    assert!(
        started.text().contains("is starting its operating system"),
        "{}",
        started.text()
    );
}

#[test]
fn the_command_shows_a_page_or_says_why_not() {
    let door = open(Setup::default());
    let address = [127, 0, 9, 6];
    let _machine = machine(&door, address);
    wake(&door, address, 1);
    assert_eq!(
        look_when_it_listens(&door, "127.0.9.6/look/log").status,
        200
    );
    let port = door.address.port().to_string();
    let at = ["--server", "127.0.0.1", "--http-port", &port];
    let call = |words: &[&str]| bt_server(&[words, &at[..]].concat());

    let shown = call(&["look", "52:54:00:00:00:01", "log"]);
    assert!(shown.status.success(), "{shown:?}");
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("a line of the machine"),
        "{shown:?}"
    );
    // Without a word it is the state.
    let shown = call(&["look", "52:54:00:00:00:01"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("waits for an address"),
        "{shown:?}"
    );

    let refused = |output: &Output, expected: &str| {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{said}"
        );
    };
    refused(
        &call(&["look", "pc09", "log"]),
        "no machine is known as pc09",
    );
    refused(&call(&["shell", "pc09"]), "no machine is known as pc09");
    refused(&call(&["shell", "52:54:00:00:00:01"]), "remote_shell: yes");
    assert_eq!(call(&["look", "pc09", "secrets"]).status.code(), Some(2));
}

/// A server that was started anew has not heard of the machines at their menus.
#[test]
fn without_a_server_that_knows_it_a_machine_is_named_by_its_address() {
    let door = open(Setup::default());
    let address = [127, 0, 9, 7];
    let _machine = machine(&door, address);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for port in [door.address.port(), free.port()] {
        let port = port.to_string();
        let words = [
            "look",
            "127.0.9.7",
            "log",
            "--server",
            "127.0.0.1",
            "--http-port",
            &port,
        ];
        let deadline = Instant::now() + Duration::from_secs(20);
        let shown = loop {
            let shown = bt_server(&words);
            if shown.status.success() || Instant::now() > deadline {
                break shown;
            }
        };
        assert!(
            String::from_utf8_lossy(&shown.stdout).contains("a line of the machine"),
            "{shown:?}"
        );
        let words = [
            "look",
            "pc01",
            "--server",
            "127.0.0.1",
            "--http-port",
            &port,
        ];
        assert_eq!(bt_server(&words).status.code(), Some(1));
    }
}
