//! The JSON of reports, to the letter: server and client of different versions meet here.

use std::net::Ipv4Addr;

use report::{ChosenBy, Door, Exit, Facts, Mac, Progress, Report, ShellFrom, Source, Step};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

fn progress() -> Progress {
    Progress {
        system: "debian".into(),
        total: 9,
        have: 4,
        uploaded: 1,
        peers: 2,
        rate: 3,
        sources: vec![Source {
            address: ADDRESS,
            bytes: 4,
        }],
    }
}

/// Every step and its JSON.
fn steps() -> Vec<(Step, &'static str)> {
    let system = || "debian".to_owned();
    vec![
        (
            Step::Discover {
                firmware: "BIOS PXE".into(),
            },
            r#"{"step":"discover","firmware":"BIOS PXE"}"#,
        ),
        (
            Step::Offer { address: ADDRESS },
            r#"{"step":"offer","address":"10.77.0.101"}"#,
        ),
        (
            Step::Lease { address: ADDRESS },
            r#"{"step":"lease","address":"10.77.0.101"}"#,
        ),
        (
            Step::Refused { why: "full".into() },
            r#"{"step":"refused","why":"full"}"#,
        ),
        (
            Step::Unfollowed {
                why: "ignored".into(),
            },
            r#"{"step":"unfollowed","why":"ignored"}"#,
        ),
        (
            Step::OwnDisk {
                why: "started once".into(),
            },
            r#"{"step":"own_disk","why":"started once"}"#,
        ),
        (
            Step::File {
                door: Door::Tftp,
                name: "a".into(),
                bytes: 1,
                total: 2,
                millis: 3,
            },
            r#"{"step":"file","door":"tftp","name":"a","bytes":1,"total":2,"millis":3}"#,
        ),
        (
            Step::Awake {
                facts: Facts {
                    memory_bytes: 1,
                    cpus: 2,
                    cpu: "c".into(),
                    nic: "n".into(),
                    address: ADDRESS,
                    kernel: "k".into(),
                },
            },
            r#"{"step":"awake","facts":{"memory_bytes":1,"cpus":2,"cpu":"c","nic":"n","address":"10.77.0.101","kernel":"k"}}"#,
        ),
        (
            Step::Menu {
                systems: 2,
                timeout_s: -1,
            },
            r#"{"step":"menu","systems":2,"timeout_s":-1}"#,
        ),
        (
            Step::Chosen {
                system: system(),
                by: ChosenBy::Timeout,
            },
            r#"{"step":"chosen","system":"debian","by":"timeout"}"#,
        ),
        (
            Step::Progress(progress()),
            r#"{"step":"progress","system":"debian","total":9,"have":4,"uploaded":1,"peers":2,"rate":3,"sources":[{"address":"10.77.0.101","bytes":4}]}"#,
        ),
        (
            Step::Fetched {
                progress: progress(),
                millis: 7,
            },
            r#"{"step":"fetched","progress":{"system":"debian","total":9,"have":4,"uploaded":1,"peers":2,"rate":3,"sources":[{"address":"10.77.0.101","bytes":4}]},"millis":7}"#,
        ),
        (
            Step::Starting {
                system: system(),
                method: "kexec".into(),
            },
            r#"{"step":"starting","system":"debian","method":"kexec"}"#,
        ),
        (
            Step::Running {
                system: system(),
                console: "tty1".into(),
                how: String::new(),
            },
            r#"{"step":"running","system":"debian","console":"tty1"}"#,
        ),
        (
            Step::Ended {
                system: system(),
                exit: Exit::Itself { status: 3 },
            },
            r#"{"step":"ended","system":"debian","exit":{"by":"itself","status":3}}"#,
        ),
        (
            Step::Ended {
                system: system(),
                exit: Exit::Signal { signal: 9 },
            },
            r#"{"step":"ended","system":"debian","exit":{"by":"signal","signal":9}}"#,
        ),
        (
            Step::Failed {
                during: "d".into(),
                what: "w".into(),
            },
            r#"{"step":"failed","during":"d","what":"w"}"#,
        ),
        (
            Step::Shell {
                from: ShellFrom::Machine,
            },
            r#"{"step":"shell"}"#,
        ),
        (
            Step::Shell {
                from: ShellFrom::Server,
            },
            r#"{"step":"shell","from":"server"}"#,
        ),
        (
            Step::PinRefused {
                console: "ttyS0".into(),
            },
            r#"{"step":"pin_refused","console":"ttyS0"}"#,
        ),
        (Step::Retry, r#"{"step":"retry"}"#),
    ]
}

#[test]
fn every_step_travels() {
    for (step, json) in steps() {
        assert_eq!(serde_json::to_string(&step).unwrap(), json);
        let report = Report {
            mac: Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            uptime_ms: 5,
            step,
        };
        let sent = serde_json::to_string(&report).unwrap();
        assert_eq!(
            sent,
            format!(r#"{{"mac":"52:54:00:12:34:56","uptime_ms":5,"step":{json}}}"#)
        );
        assert_eq!(serde_json::from_str::<Report>(&sent).unwrap(), report);
    }
}

/// Before there was a word for where a shell was opened, a report had none; and whoever knows no such word reads on.
#[test]
fn shells_of_older_machines_and_for_older_servers_are_read() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(tag = "step", rename_all = "snake_case")]
    enum Older {
        Shell,
    }
    let read = |json| serde_json::from_str::<Step>(json).unwrap();
    let machine = Step::Shell {
        from: ShellFrom::Machine,
    };
    assert_eq!(read(r#"{"step":"shell"}"#), machine);
    assert_eq!(read(r#"{"step":"shell","from":"machine"}"#), machine);
    let server = Step::Shell {
        from: ShellFrom::Server,
    };
    let sent = serde_json::to_string(&server).unwrap();
    let older: Older = serde_json::from_str(&sent).unwrap();
    assert_eq!(older, Older::Shell);
}

#[test]
fn what_is_no_report_is_refused() {
    let step = r#"{"step":"shell"}"#;
    for body in [
        String::new(),
        "{}".into(),
        format!(r#"{{"mac":"52:54","uptime_ms":5,"step":{step}}}"#),
        format!(r#"{{"mac":"52:54:00:12:34:56","uptime_ms":-5,"step":{step}}}"#),
        r#"{"mac":"52:54:00:12:34:56","uptime_ms":5,"step":{"step":"format_disk"}}"#.into(),
        r#"{"mac":"52:54:00:12:34:56","uptime_ms":5,"step":{"step":"lease","address":"10.77"}}"#
            .into(),
    ] {
        assert!(serde_json::from_str::<Report>(&body).is_err(), "{body}");
    }
}
