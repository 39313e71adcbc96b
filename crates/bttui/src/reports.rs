//! Tells the server how this machine is doing, on a task of its own: a server that does not listen
//! costs the boot nothing but the report.

use std::collections::VecDeque;
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

/// HTTP's status for what the server cannot do as it is set up.
const CONFLICT: u16 = 409;

/// The way to the server's journal. Dropping it ends the task once the queue is empty.
#[derive(Clone, Debug)]
pub struct Reporter {
    queue: mpsc::Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Report(Report),
    Ask(Report, oneshot::Sender<Option<u16>>),
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

    /// Sends a report, after all before it, that the server must agree to.
    ///
    /// # Errors
    /// It does not, or is not heard of within `limit`: why, in a sentence.
    pub async fn agreed(&self, report: Report, limit: Duration) -> Result<(), String> {
        let (told, answer) = oneshot::channel();
        let ask = async {
            self.queue.send(Message::Ask(report, told)).await.ok()?;
            answer.await.ok()?
        };
        match tokio::time::timeout(limit, ask).await.ok().flatten() {
            Some(200..300) => Ok(()),
            Some(CONFLICT) => Err(
                "the server cannot tell this machine's firmware to go on with the disk, because it does not answer DHCP \
                 here (dhcp: off), or because too many machines have gone on with theirs just now".to_owned(),
            ),
            Some(status) => Err(format!("the server refused it (HTTP status {status})")),
            None => Err("the server did not answer".to_owned()),
        }
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

/// Steps that could not be reported yet, since the machine's address or its server was not known.
#[derive(Debug, Default)]
pub struct Early(VecDeque<(u64, Step)>);

impl Early {
    /// How many are kept.
    const MOST: usize = 16;

    /// Keeps a step, stamped now; when there are many, the last ones: who tries PINs before the cable is plugged in must
    /// not keep the machine from saying that it is awake.
    pub fn keep(&mut self, step: Step) {
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((facts::uptime_ms(), step));
    }

    /// Hands all of them out, as reports of this machine.
    pub fn reports(&mut self, mac: Mac) -> impl Iterator<Item = Report> {
        let kept = self.0.drain(..);
        kept.map(move |(uptime_ms, step)| Report {
            mac,
            uptime_ms,
            step,
        })
    }
}

async fn post_all(url: String, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        match message {
            Message::Report(report) => drop(post(&url, &report).await),
            Message::Ask(report, told) => drop(told.send(post(&url, &report).await)),
            Message::Flush(done) => drop(done.send(())),
        }
    }
}

/// The status of the server's answer, if there was one.
async fn post(url: &str, report: &Report) -> Option<u16> {
    let body = serde_json::to_vec(report).ok()?;
    // A refusal that is meant would be the same once more.
    let answered = |status: u16| (200..300).contains(&status) || status == CONFLICT;
    let first = http::post_json(url, body.clone(), PATIENCE).await;
    // Progress is outdated in a second, anything else is worth another attempt.
    if matches!(first, Ok(status) if answered(status)) || matches!(report.step, Step::Progress(_)) {
        return first.ok();
    }
    tokio::time::sleep(AGAIN_AFTER).await;
    http::post_json(url, body, PATIENCE).await.ok()
}
