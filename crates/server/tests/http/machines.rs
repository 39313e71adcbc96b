//! A machine's own word, and whose history it becomes.

use bt_server::once::Once;

use crate::door::{Setup, ask, dropped_when, machines_when, open};

#[test]
fn a_report_is_in_that_machines_history() {
    let door = open(Setup::default());
    let json = "Content-Type: application/json\r\n";
    let body = r#"{"mac":"52:54:00:00:00:01","uptime_ms":1,"step":{"step":"shell"}}"#;
    assert_eq!(ask(&door, "POST", "/api/v1/report", json, body).status, 204);
    let seen = machines_when(&door, |json| {
        json["machines"][0]["mac"] == "52:54:00:00:00:01"
    });
    assert_eq!(seen["machines"][0]["stage"], "shell");
    for bad in [
        "",
        "{}",
        r#"{"mac":"x","uptime_ms":1,"step":{"step":"shell"}}"#,
    ] {
        let status = ask(&door, "POST", "/api/v1/report", json, bad).status;
        assert!((400..500).contains(&status), "{bad}: {status}");
    }
    let huge = format!(r#"{{"mac":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(
        ask(&door, "POST", "/api/v1/report", json, &huge).status,
        413
    );
    dropped_when(&door, "report", "malformed", 4);
}

/// The machine jumps once it has its answer: by then its start must be known and written down.
#[test]
fn the_start_of_a_machine_that_boots_once_is_written_down_before_it_is_answered() {
    let state = tempfile::tempdir().unwrap();
    let rule = pxe::machines::Rule {
        boot: pxe::Boot::Once,
        ..Default::default()
    };
    let machines = pxe::Machines::new([("52:54:00:*".parse().unwrap(), rule)], pxe::Boot::Always);
    let once = Once::open(state.path(), machines.unwrap(), &[]);
    let started = once.watch();
    let door = open(Setup {
        once,
        ..Setup::default()
    });
    let json = "Content-Type: application/json\r\n";
    for mac in ["52:54:00:00:00:01", "02:00:00:00:00:01"] {
        let body = format!(
            r#"{{"mac":"{mac}","uptime_ms":1,"step":{{"step":"starting","system":"debian","method":"kexec"}}}}"#
        );
        assert_eq!(
            ask(&door, "POST", "/api/v1/report", json, &body).status,
            204
        );
    }
    assert!(started.borrow().has("52:54:00:00:00:01".parse().unwrap()));
    assert_eq!(started.borrow().len(), 1, "the other boots always");
    let file = std::fs::read_to_string(state.path().join("booted-once")).unwrap();
    assert!(
        file.contains("\n52:54:00:00:00:01 ") && !file.contains("02:00:00"),
        "{file}"
    );
}

#[test]
fn an_awake_machine_has_the_address_it_reports_from() {
    let door = open(Setup::default());
    let json = "Content-Type: application/json\r\n";
    let body = r#"{"mac":"52:54:00:00:00:01","uptime_ms":1,"step":{"step":"awake","facts":
        {"memory_bytes":1,"cpus":1,"cpu":"","nic":"","address":"10.9.8.7","kernel":""}}}"#;
    assert_eq!(ask(&door, "POST", "/api/v1/report", json, body).status, 204);
    let seen = machines_when(&door, |json| {
        json["machines"][0]["steps"][0]["step"]["step"] == "awake"
    });
    let facts = &seen["machines"][0]["steps"][0]["step"]["facts"];
    assert_eq!(facts["address"], "127.0.0.1");
}
