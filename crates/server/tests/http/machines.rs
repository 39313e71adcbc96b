//! A machine's own word, and whose history it becomes.

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
