//! Asking who waits, against servers that behave and servers that do not: which answers reach the
//! model, and what is asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use bttui::app::Event;
use bttui::cli::{Cli, Command};
use bttui::fetch_log::Log;
use bttui::fetch_share::Share;
use bttui::news::{News, Voice};
use bttui::waiting;
use clap::Parser;
use swarm::net::Progress;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);
const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

/// A server that gives one answer after another; what it was asked comes out of the channel.
fn server(answers: Vec<String>) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().flatten().zip(answers) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request");
            let _ = tell.send(line.trim().to_owned());
            while line.trim() != "" {
                line.clear();
                reader.read_line(&mut line).expect("a header");
            }
            // Whoever finds the answer too large is gone before its end.
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

/// Asks a server that gives no answer and then one; returns what the model is told first, and what was asked.
async fn told_after(no_answer: String) -> (Option<Event>, Vec<String>) {
    let answer = format!("{OK}{{\"waiting\":[\"10.77.0.21\",\"10.77.0.22\"],\"more\":1}}");
    let (url, asked) = server(vec![no_answer, answer]);
    let (voice, mut news) = Voice::new();
    let stop = CancellationToken::new();
    let asking = tokio::spawn({
        let stop = stop.clone();
        async move {
            waiting::ask(&format!("{url}/"), "Рабочее место?", &stop, &voice).await;
        }
    });
    let told = tokio::time::timeout(PATIENCE, news.recv()).await;
    stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, asking).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    let event = told.ok().flatten().map(|news: News| news.event);
    (event, asked.try_iter().collect())
}

#[tokio::test]
async fn what_is_no_answer_is_passed_over_and_asked_again() {
    let mut asking = tokio::task::JoinSet::new();
    for no_answer in [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\n{\"waiting\":[]}".to_owned(),
        format!("{OK}<html>"),
        format!("{OK}{{}}"),
        format!("{OK}{{\"waiting\":7}}"),
        format!("{OK}{{\"waiting\":[7]}}"),
        format!("{OK}{{\"waiting\":[\"fe80::1\"]}}"),
        format!("{OK}{{\"waiting\":[{}]}}", "\"10.77.0.21\",".repeat(9000)),
        "SSH-2.0-x\r\n".to_owned(),
        String::new(),
    ] {
        asking.spawn(told_after(no_answer));
    }
    let name = "%D0%A0%D0%B0%D0%B1%D0%BE%D1%87%D0%B5%D0%B5%20%D0%BC%D0%B5%D1%81%D1%82%D0%BE%3F";
    let line = format!("GET /api/v1/waiting/{name} HTTP/1.1");
    while let Some(told) = asking.join_next().await {
        let (event, asked) = told.expect("no panic");
        let Some(Event::Waiting { machines }) = event else {
            panic!("{event:?} {asked:?}")
        };
        let expected = [21, 22].map(|last| Ipv4Addr::new(10, 77, 0, last));
        assert_eq!(machines, expected);
        assert_eq!(asked, [line.clone(), line.clone()]);
    }
}

/// A question that hangs does not outlive the download it belongs to.
#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let (voice, _news) = Voice::new();
    let stop = CancellationToken::new();
    let asking = tokio::spawn({
        let stop = stop.clone();
        async move {
            waiting::ask(&url, "debian", &stop, &voice).await;
        }
    });
    // The connection is there, so the question is under way.
    let accepted = tokio::task::spawn_blocking(move || silent.accept()).await;
    let _connection = accepted.expect("a thread").expect("a connection");
    stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, asking).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
}

/// As the command line of `bttui fetch` says.
async fn shared(options: &str) {
    let words = "bttui fetch tiny.torrent --to there ".to_owned() + options;
    let cli = Cli::try_parse_from(words.split(' ')).expect(&words);
    let Some(Command::Fetch(args)) = cli.command else {
        panic!("{words}")
    };
    let (_figures, news) = watch::channel(Progress::default());
    let mut log = Log::new(false, "tiny");
    let share = Share::of(&args, "tiny");
    let followed = tokio::time::timeout(PATIENCE, share.follow(&news, &mut log)).await;
    followed.expect("it leaves").expect("nothing is written");
}

#[tokio::test]
async fn a_headless_download_shares_as_long_as_its_server_says_that_others_fetch() {
    let [waits, nobody] =
        ["\"10.77.0.21\"", ""].map(|waiting| format!("{OK}{{\"waiting\":[{waiting}]}}"));
    let mut answers = vec![waits.clone(); 100];
    answers[2] = nobody;
    let (url, asked) = server(answers);
    shared(&format!("--seed-room {url}")).await;
    let line = "GET /api/v1/waiting/tiny HTTP/1.1";
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [line; 3]);

    // Somebody always waits: it leaves all the same, when it was told to.
    let (url, asked) = server(vec![waits; 100]);
    shared(&format!("--seed-room {url} --seed-max 2")).await;
    assert!((1..=5).contains(&asked.try_iter().count()));

    // Nobody is asked when only time counts.
    shared("--seed-for 0").await;
}
