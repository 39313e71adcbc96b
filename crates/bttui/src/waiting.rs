//! Asks the server, twice a second, which other machines are still fetching a system. Decides nothing:
//! the answers are the model's events, and a server that does not answer is told by silence.

use std::net::Ipv4Addr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use swarm::net::http;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::app::Event;
use crate::news::Voice;

/// How often it asks.
const EVERY: Duration = Duration::from_millis(500);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest answer read, in bytes: a thousand addresses are 18 KB.
const LARGEST: usize = 64 * 1024;

/// Asks `server` (`http://ADDRESS:PORT`) about the system of this folder name until `stop`, first at
/// once.
pub async fn ask(server: &str, system: &str, stop: &CancellationToken, voice: &Voice) {
    let name = utf8_percent_encode(system, NON_ALPHANUMERIC);
    let url = format!("{}/api/v1/waiting/{name}", server.trim_end_matches('/'));
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asking = async {
        loop {
            due.tick().await;
            if let Some(machines) = once(&url).await {
                voice.tell(Event::Waiting { machines }).await;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = stop.cancelled() => {}
    }
}

/// The addresses in one answer; none if there was no such answer.
async fn once(url: &str) -> Option<Vec<Ipv4Addr>> {
    let (status, body) = http::get(url, PATIENCE, LARGEST).await.ok()?;
    if status != 200 {
        return None;
    }
    let answer: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let addresses = answer.get("waiting")?.as_array()?.iter();
    addresses
        .map(|address| address.as_str()?.parse().ok())
        .collect()
}
