//! Reports over a real socket: they arrive in order, the last one is waited for, and a server that
//! is dead or silent costs no more than the time it is given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bttui::reports::{Early, Reporter, stamped};
use report::{Mac, Report, ShellFrom, Step};

const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
const SHELL: Step = Step::Shell {
    from: ShellFrom::Machine,
};

/// A server that accepts every report; what it got comes out of the channel.
fn server() -> (String, mpsc::Receiver<(String, Report)>) {
    answering("204 No Content")
}

/// A server that answers every report so.
fn answering(status: &'static str) -> (String, mpsc::Receiver<(String, Report)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (got, out) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).expect("a request");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a header");
                match line.to_ascii_lowercase().strip_prefix("content-length:") {
                    Some(value) => length = value.trim().parse().expect("a number"),
                    None if line.trim().is_empty() => break,
                    None => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let report = serde_json::from_slice(&body).expect("a report");
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            let _ = got.send((first.trim().to_owned(), report));
            reader
                .get_mut()
                .write_all(answer.as_bytes())
                .expect("an answer");
        }
    });
    (url, out)
}

#[tokio::test]
async fn reports_arrive_in_order_and_the_last_is_waited_for() {
    let (url, out) = server();
    let reporter = Reporter::start(&url);
    reporter.send(stamped(MAC, Step::Retry));
    reporter
        .last(stamped(MAC, SHELL), Duration::from_secs(20))
        .await;
    for expected in [Step::Retry, SHELL] {
        let (line, report) = out.try_recv().expect("it is there already");
        assert_eq!(line, "POST /api/v1/report HTTP/1.1");
        assert_eq!((report.mac, report.step), (MAC, expected));
        assert!(report.uptime_ms > 0);
    }
}

#[tokio::test]
async fn what_the_server_must_agree_to_is_refused_in_words() {
    let table = [
        ("204 No Content", None),
        ("409 Conflict", Some("does not answer DHCP")),
        ("500 Internal Server Error", Some("status 500")),
    ];
    for (status, expected) in table {
        let (url, out) = answering(status);
        let reporter = Reporter::start(&url);
        reporter.send(stamped(MAC, SHELL));
        let agreed = reporter
            .agreed(stamped(MAC, Step::Retry), Duration::from_secs(20))
            .await;
        assert_eq!(out.try_recv().expect("the first").1.step, SHELL);
        match expected {
            None => assert_eq!(agreed, Ok(())),
            Some(why) => assert!(agreed.expect_err(status).contains(why), "{status}"),
        }
    }
    let gone = Reporter::start("http://127.0.0.1:1");
    let agreed = gone.agreed(stamped(MAC, Step::Retry), Duration::from_secs(20));
    assert!(agreed.await.expect_err("nobody").contains("did not answer"));
}

#[tokio::test]
async fn a_dead_or_silent_server_holds_up_nothing() {
    // One port that nobody listens on, one whose listener never answers.
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|port| port.local_addr())
        .expect("a port");
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    for address in [dead, silent.local_addr().expect("an address")] {
        let reporter = Reporter::start(&format!("http://{address}"));
        // More than the queue holds: the rest is lost, nothing waits.
        (0..1000).for_each(|_| reporter.send(stamped(MAC, Step::Retry)));
        let started = Instant::now();
        reporter
            .last(stamped(MAC, SHELL), Duration::from_millis(200))
            .await;
        assert!(started.elapsed() < Duration::from_secs(10), "{address}");
    }
}

/// Somebody who tries PINs before the cable is plugged in is told of, too.
#[test]
fn what_happens_before_the_network_is_up_is_kept_with_its_time_and_has_an_end() {
    let mut early = Early::default();
    let before = bttui::facts::uptime_ms();
    for _ in 0..100 {
        early.keep(SHELL);
    }
    early.keep(Step::Retry);
    let after = bttui::facts::uptime_ms();
    let told: Vec<Report> = early.reports(MAC).collect();
    assert_eq!(told.len(), 16);
    let steps: Vec<_> = told.iter().map(|report| &report.step).collect();
    assert_eq!(steps[15], &Step::Retry, "the last one is there");
    assert!(steps[..15].iter().all(|step| **step == SHELL));
    for report in &told {
        assert_eq!(report.mac, MAC);
        assert!((before..=after).contains(&report.uptime_ms), "{report:?}");
    }
    assert_eq!(early.reports(MAC).count(), 0, "told once");
}
