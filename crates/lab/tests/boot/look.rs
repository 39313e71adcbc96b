//! The remote look at a machine in phase 1: by `bt-server look` and `bt-server shell` on the server's computer, and by
//! nobody else in the room.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Output, Stdio};

use lab::{BtServer, Classroom, Machine, get};
use report::look::PORT;
use report::{ShellFrom, Step};

use crate::room::{SERVER, bt_server, wait_for_step};

/// Looks at a machine that stands at its menu, in a room where `remote_shell` says yes.
pub(crate) fn at_the_menu(class: &mut Classroom, machine: &Machine, card: &str) {
    // Where everybody may read it.
    let home = BtServer::alone(class.room(), &bt_server()).unwrap();
    let program = home.join("bt-server");
    let mac = machine.spec().mac.clone();
    let all = class.machines().unwrap();
    let address = all.machine(&mac).unwrap().address.unwrap();
    for (page, expected) in [
        (
            "state",
            vec!["is at the menu".to_owned(), format!("server    {SERVER}\n")],
        ),
        (
            "log",
            vec!["menu of 2 systems".to_owned(), format!("{SERVER} may look")],
        ),
        ("kernel", vec!["Linux version ".to_owned()]),
        (
            "hardware",
            vec![
                "QEMU".to_owned(),
                format!("  {card}\n"),
                "Ethernet controller".to_owned(),
            ],
        ),
        (
            "network",
            vec![
                mac.clone(),
                format!("address   {address}/24"),
                format!("  {SERVER}  "),
            ],
        ),
    ] {
        let shown = as_nobody(class, &program, &["look", &mac, page], "");
        let text = String::from_utf8_lossy(&shown.stdout);
        assert!(shown.status.success(), "{page}: {shown:?}");
        for line in expected {
            assert!(text.contains(&line), "no {line:?} on {page}:\n{text}");
        }
    }
    let typed = "echo pid 1 is $(cat /proc/1/comm), menu: $(pidof bttui >/dev/null && echo $((40+2))); \
                 echo timestamps: $(cat /proc/sys/net/ipv4/tcp_timestamps); exit\n";
    let shell = as_nobody(class, &program, &["shell", &address.to_string()], typed);
    let text = String::from_utf8_lossy(&shell.stdout);
    assert!(shell.status.success(), "{shell:?}");
    assert!(text.contains("pid 1 is init, menu: 42"), "{text}");
    assert!(text.contains("timestamps: 0"), "{text}");
    // The journal tells it from a person's at the machine, which still is at its menu.
    let from = ShellFrom::Server;
    wait_for_step(class, &mac, &Step::Shell { from });
    let all = class.machines().unwrap();
    assert_eq!(all.machine(&mac).unwrap().stage, "menu");
    let unknown = as_nobody(class, &program, &["look", "52:54:00:00:00:77"], "");
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains(&mac), "{said}");
    strangers(class, address, &mac);
}

/// Another computer of the room gets nothing from the machine, and nothing by way of the server.
fn strangers(class: &mut Classroom, machine: Ipv4Addr, mac: &str) {
    let taken = class.machines().unwrap();
    let is_free = |address: &Ipv4Addr| {
        taken
            .machines
            .iter()
            .all(|one| one.address != Some(*address))
    };
    let own = (2..250)
        .map(|host| Ipv4Addr::new(10, 77, 0, host))
        .find(is_free)
        .unwrap();
    let stranger = class.room().host(Some((own, 24))).unwrap();
    let at = SocketAddrV4::new(machine, PORT);
    for path in ["/", "/log", "/shell?columns=80&rows=24"] {
        // Closed before an answer: broken off, or without a byte.
        let answer = get(stranger.namespace(), at, path);
        assert!(answer.is_err(), "{path}: {answer:?}");
    }
    let server = SocketAddrV4::new(SERVER, 6969);
    let path = format!("/api/v1/machines/{mac}/look/log");
    let (status, _) = get(stranger.namespace(), server, &path).unwrap();
    assert_eq!(status, 403);
    let (status, body) = get(class.host().namespace(), server, &path).unwrap();
    let text = String::from_utf8_lossy(&body);
    assert_eq!(status, 200, "{text}");
    let told = text.matches(&format!("{own} wanted")).count();
    assert_eq!(told, 1, "{text}");
}

/// Calls bt-server on the server's computer as a user without rights, with `typed` on its standard input.
fn as_nobody(class: &Classroom, program: &Path, words: &[&str], typed: &str) -> Output {
    let mut command = class.host().command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(program).args(words);
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // Nothing is typed where nothing is read.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}
