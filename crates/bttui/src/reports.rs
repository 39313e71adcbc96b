//! Tells the server how this machine is doing, on a task of its own: a server that does not listen
//! costs the boot nothing but the report.

use std::time::Duration;

use report::{Mac, Report, Step};
use swarm::net::http;
use tokio::sync::{mpsc, oneshot};

use crate::facts;

/// Reports that wait to be sent; later ones are dropped.
const QUEUE: usize = 32;
/// How long one report may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause before the second and last attempt for a step that matters.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The way to the server's journal. Dropping it ends the task once the queue is empty.
#[derive(Clone, Debug)]
pub struct Reporter {
    queue: mpsc::Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Report(Report),
    Flush(oneshot::Sender<()>),
}

impl Reporter {
    /// Starts the task that posts to `server` (`http://ADDRESS:PORT`).
    pub fn start(server: &str) -> Reporter {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let url = format!("{}/api/v1/report", server.trim_end_matches('/'));
        tokio::spawn(post_all(url, waiting));
        Reporter { queue }
    }

    /// Queues a report; a full queue loses it.
    pub fn send(&self, report: Report) {
        let _ = self.queue.try_send(Message::Report(report));
    }

    /// Sends the last report before the machine leaves: waits until it and all before it were sent
    /// or given up, but not longer than `limit`.
    pub async fn last(&self, report: Report, limit: Duration) {
        let (done, sent) = oneshot::channel();
        let all = async {
            let queued = self.queue.send(Message::Report(report)).await.is_ok();
            if queued && self.queue.send(Message::Flush(done)).await.is_ok() {
                let _ = sent.await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }
}

/// A report of this machine, stamped now.
pub fn stamped(mac: Mac, step: Step) -> Report {
    Report {
        mac,
        uptime_ms: facts::uptime_ms(),
        step,
    }
}

async fn post_all(url: String, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        match message {
            Message::Report(report) => post(&url, &report).await,
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

async fn post(url: &str, report: &Report) {
    let Ok(body) = serde_json::to_vec(report) else {
        return;
    };
    let accepted = |status: u16| (200..300).contains(&status);
    let first = http::post_json(url, body.clone(), PATIENCE).await;
    // Progress is outdated in a second, anything else is worth another attempt.
    if !matches!(first, Ok(status) if accepted(status)) && !matches!(report.step, Step::Progress(_))
    {
        tokio::time::sleep(AGAIN_AFTER).await;
        let _ = http::post_json(url, body, PATIENCE).await;
    }
}
