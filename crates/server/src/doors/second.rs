//! A second seed: where another bt-server boots the room, this one's seed is told of at that one's tracker, so that
//! machines fetch from both. No machine knocks here; it is the server that does. Once the first one is gone, so is
//! this.
//!
//! A torrent is the same on every server that has the same files (its name and its bytes make its hash). Of those that
//! the first one does not have, its tracker says so, and they are asked about again.

use std::net::SocketAddrV4;
use std::time::Duration;

use metainfo::InfoHash;
use metainfo::bencode::{self, Value};
use pxe::wire::Role;
use swarm::net::http;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::offer::Offers;

/// What an announce may take; a tracker in the same room answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(5);
/// What the last words may take: nobody waits for them.
const FAREWELL: Duration = Duration::from_millis(300);
/// The largest answer read, in bytes.
const LARGEST: usize = 1 << 20;
/// How often it is said that the seed is there, whatever the tracker wishes.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// How the peer ids of this house begin (BEP 20): the first one then waits for machines to come here, and does not
/// connect back.
const HOUSE: &[u8; 8] = b"-BS0001-";

/// Follows the role: announces the torrents that are offered, which the seed at `port` has all of, to the first bt-server
/// for as long as there is one and this is the second, until `stop`.
///
/// # Errors
/// As [`run`].
pub async fn follow(
    mut roles: watch::Receiver<Role>,
    mut offers: Offers,
    port: u16,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let whose = |role: &Role| match role {
        Role::Second { first } => Some(*first),
        // Machines of one subnet do not reach the seed's address in the other.
        Role::Full | Role::Proxy { .. } | Role::SameWire { .. } => None,
    };
    while !stop.is_cancelled() {
        let first = whose(&roles.borrow_and_update());
        let torrents = offers.borrow_and_update().torrents();
        let over = stop.child_token();
        let watching = async {
            let another = tokio::select! {
                another = roles.wait_for(|role| whose(role) != first) => another.is_ok(),
                Ok(_) = offers.wait_for(|offer| offer.torrents() != torrents) => true,
                () = stop.cancelled() => false,
            };
            over.cancel();
            another
        };
        let announcing = async {
            match first {
                Some(first) => run(first, torrents.clone(), port, over.clone()).await,
                None => Ok(()),
            }
        };
        let (another, announced) = tokio::join!(watching, announcing);
        announced?;
        if !another {
            break;
        }
    }
    Ok(())
}

/// Announces `torrents`, which the seed at `port` has all of, to the tracker of the bt-server at `first`, until `stop`.
///
/// # Errors
/// None: without the first one's tracker the room boots all the same.
pub async fn run(
    first: SocketAddrV4,
    torrents: Vec<InfoHash>,
    port: u16,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut id = [0; 20];
    id[..HOUSE.len()].copy_from_slice(HOUSE);
    id[HOUSE.len()..].copy_from_slice(&rand::random::<[u8; 12]>());
    let url = |torrent: &InfoHash, event: &str| {
        let (hash, id) = (escaped(&torrent.0), escaped(&id));
        format!(
            "http://{first}/announce?info_hash={hash}&peer_id={id}&port={port}&uploaded=0&downloaded=0&left=0\
             &compact=1&numwant=0{event}"
        )
    };
    let mut troubled = false;
    loop {
        let round = async {
            let (mut wait, mut trouble) = (INTERVALS.1, None);
            for torrent in &torrents {
                match announce(&url(torrent, "")).await {
                    Ok(interval) => wait = wait.min(interval),
                    Err(why) => trouble = Some(format!("torrent {torrent}: {why}")),
                }
            }
            (wait, trouble)
        };
        let (wait, trouble) = tokio::select! {
            round = round => round,
            () = stop.cancelled() => break,
        };
        match (&trouble, troubled) {
            (Some(why), false) => {
                tracing::warn!("the bt-server at {first} does not take this seed: {why}");
            }
            (None, true) => tracing::info!("the bt-server at {first} takes this seed"),
            _ => {}
        }
        troubled = trouble.is_some();
        tokio::select! {
            () = tokio::time::sleep(wait.max(INTERVALS.0)) => {}
            () = stop.cancelled() => break,
        }
    }
    let farewell = async {
        for torrent in &torrents {
            let _ = announce(&url(torrent, "&event=stopped")).await;
        }
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    Ok(())
}

/// One announce; hands back when the next one is wished for, or why it was refused.
async fn announce(url: &str) -> Result<Duration, String> {
    let (status, body) = http::get(url, ANSWER, LARGEST)
        .await
        .map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(format!("its tracker answers with status {status}"));
    }
    read(&body)
}

fn read(body: &[u8]) -> Result<Duration, String> {
    let answer = bencode::parse(body).map_err(|error| error.to_string())?;
    let answer = answer
        .as_dict()
        .ok_or("its tracker's answer is no dictionary")?;
    if let Some(why) = answer.get("failure reason").and_then(Value::as_bytes) {
        let why = String::from_utf8_lossy(why);
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(format!("its tracker refuses: {why}"));
    }
    let interval = answer.get("interval").and_then(Value::as_size);
    Ok(Duration::from_secs(interval.unwrap_or(0)))
}

/// Bytes as a URL can have them.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_to_come_again_or_why_not() {
        assert_eq!(
            read(b"d8:intervali7e5:peers0:e"),
            Ok(Duration::from_secs(7))
        );
        assert_eq!(read(b"de"), Ok(Duration::ZERO));
        let refused = read(b"d14:failure reason8:not\x1bourse").unwrap_err();
        assert_eq!(refused, "its tracker refuses: notours");
        assert!(read(b"<html>").is_err() && read(b"le").is_err());
    }
}
