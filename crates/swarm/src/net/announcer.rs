//! The tracker's client: says that we are there, and learns who else is (BEP 3, 23).
//!
//! A tracker that cannot be reached never stops a download; it is tried again, and the trouble is
//! told to whoever watches.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use metainfo::bencode::{self, Value};
use metainfo::{InfoHash, Torrent};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::multicast::Desk;
use super::{Progress, http};
use crate::core::multicast::DESK;
use crate::core::wire::from_compact;

/// What an announce may take; a tracker in the same room answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(5);
/// What may be left of an announce, and then the farewell may take: nobody waits for them.
const LAST_WORD: Duration = Duration::from_millis(150);
const FAREWELL: Duration = Duration::from_millis(800);
/// The largest answer read, in bytes: 200 peers in the long form are 20 KB.
const LARGEST: usize = 1 << 20;
/// We announce within these bounds, whatever the tracker says.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30 * 60));
/// The first wait after a failure; it doubles up to the last, which is short: when the tracker is back, the
/// machines of a room are to know each other within seconds, and a thousand of them ask it 250 times a
/// second at most.
const RETRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// A wait is longer or shorter by this part, by chance, so that a room does not ask in one beat.
const SPREAD: f64 = 0.25;

/// Who announces.
pub(super) struct Announcer {
    pub(super) torrent: Arc<Torrent>,
    pub(super) peer_id: [u8; 20],
    pub(super) port: u16,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) events: mpsc::Sender<Event>,
    /// Where a tracker of ours wants to hear more: see [`multicast`](super::multicast).
    pub(super) desk: watch::Sender<Option<Desk>>,
}

impl Announcer {
    /// Announces until `stop` or until the engine is gone, then says farewell. Ends at once if the
    /// torrent names no tracker.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let Some(tracker) = self.torrent.announce().map(str::to_owned) else {
            return;
        };
        let mut event = Some("started");
        let mut complete_told = self.progress.borrow().complete;
        let mut retries = Retries::default();
        loop {
            let url = self.url(&tracker, event);
            let given_up = async {
                stop.cancelled().await;
                // A word that counts is said to its end where there is somebody to hear it.
                if event == Some("completed") {
                    sleep(LAST_WORD).await;
                }
            };
            let answer = tokio::select! {
                answer = ask(&url) => answer,
                () = given_up => break,
            };
            let wait = match answer {
                Ok(answer) => {
                    (event, retries) = (None, Retries::default());
                    let desk = answer.desk.and_then(|path| Desk::of(&tracker, path));
                    self.desk.send_if_modified(|known| {
                        let changed = *known != desk;
                        *known = desk;
                        changed
                    });
                    let _ = self.events.send(Event::Tracker(Ok(answer.peers))).await;
                    answer.interval.clamp(INTERVALS.0, INTERVALS.1)
                }
                Err(why) => {
                    let _ = self.events.send(Event::Tracker(Err(why))).await;
                    retries.wait(rand::random())
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => break,
                engine = self.progress.wait_for(|now| now.complete && !complete_told) => {
                    if engine.is_err() {
                        break;
                    }
                    complete_told = true;
                    event = event.or(Some("completed"));
                }
            }
        }
        let complete = self.progress.borrow().complete;
        let owes_completion = complete && (!complete_told || event == Some("completed"));
        let _ = timeout(FAREWELL, self.farewell(&tracker, owes_completion)).await;
    }

    /// The last words. Whoever leaves at the moment of its last byte has not said yet that it
    /// completed, and a tracker counts that word alone (BEP 3).
    async fn farewell(&self, tracker: &str, owes_completion: bool) {
        if owes_completion {
            let _ = ask(&self.url(tracker, Some("completed"))).await;
        }
        let _ = ask(&self.url(tracker, Some("stopped"))).await;
    }

    fn url(&self, tracker: &str, event: Option<&str>) -> String {
        let InfoHash(hash) = self.torrent.info_hash();
        let now = self.progress.borrow();
        let downloaded: u64 = now.sources.iter().map(|(_, bytes)| bytes).sum();
        let mut url = format!(
            "{tracker}{}info_hash={}&peer_id={}&port={}&uploaded={}&downloaded={downloaded}&left={}&compact=1",
            if tracker.contains('?') { '&' } else { '?' },
            percent_encode(&hash, NON_ALPHANUMERIC),
            percent_encode(&self.peer_id, NON_ALPHANUMERIC),
            self.port,
            now.uploaded,
            now.total - now.have,
        );
        if let Some(event) = event {
            url.push_str("&event=");
            url.push_str(event);
        }
        url
    }
}

/// How long to wait for a tracker that does not answer.
#[derive(Clone, Copy)]
struct Retries(Duration);

impl Default for Retries {
    fn default() -> Self {
        Self(RETRIES.0)
    }
}

impl Retries {
    /// It did not answer once more. `chance` is between 0 and 1.
    fn wait(&mut self, chance: f64) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(RETRIES.1);
        wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance)
    }
}

struct Answer {
    interval: Duration,
    peers: Vec<SocketAddrV4>,
    /// The path of the desk.
    desk: Option<String>,
}

async fn ask(url: &str) -> Result<Answer, String> {
    let (status, body) = http::get(url, ANSWER, LARGEST)
        .await
        .map_err(|e| e.to_string())?;
    if status != 200 {
        return Err(format!("the tracker answers with status {status}"));
    }
    read(&body)
}

fn read(body: &[u8]) -> Result<Answer, String> {
    let value =
        bencode::parse(body).map_err(|e| format!("the tracker's answer makes no sense: {e}"))?;
    let dict = value
        .as_dict()
        .ok_or("the tracker's answer is no dictionary")?;
    if let Some(reason) = dict.get("failure reason").and_then(Value::as_bytes) {
        let reason: String = String::from_utf8_lossy(reason)
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        return Err(format!("the tracker refuses: {reason}"));
    }
    let interval = dict.get("interval").and_then(Value::as_size).unwrap_or(0);
    let peers = match dict.get("peers") {
        Some(Value::Bytes(compact)) => from_compact(compact).collect(),
        Some(Value::List(list)) => list.iter().filter_map(long_peer).collect(),
        _ => Vec::new(),
    };
    let desk = dict.get(DESK).and_then(Value::as_str);
    Ok(Answer {
        interval: Duration::from_secs(interval),
        peers,
        desk: desk.map(str::to_owned),
    })
}

fn long_peer(value: &Value<'_>) -> Option<SocketAddrV4> {
    let dict = value.as_dict()?;
    let ip = dict.get("ip")?.as_str()?.parse().ok()?;
    let port = dict.get("port")?.as_size()?.try_into().ok()?;
    Some(SocketAddrV4::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn peers(body: &[u8]) -> Vec<String> {
        read(body)
            .map(|answer| answer.peers.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    }

    #[test]
    fn both_forms_of_peers_are_read() {
        assert_eq!(
            peers(b"d8:intervali8e5:peers6:\x0a\x4d\x00\x02\x1a\xe1e"),
            ["10.77.0.2:6881"]
        );
        assert_eq!(
            peers(b"d5:peersld2:ip9:10.77.0.24:porti6881eed2:ip1:x4:porti1eeee"),
            ["10.77.0.2:6881"]
        );
        assert_eq!(
            peers(b"d5:peers7:\x0a\x4d\x00\x02\x1a\xe1\x00e"),
            ["10.77.0.2:6881"],
            "a cut one is left out"
        );
        assert!(peers(b"de").is_empty());
    }

    /// A tracker, and an announcer of a torrent without content that talks to it.
    struct Talk {
        tracker: TcpListener,
        engine: watch::Sender<Progress>,
        announcer: Announcer,
        _reports: mpsc::Receiver<Event>,
    }

    impl Talk {
        async fn new() -> Self {
            let tracker = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = tracker.local_addr().expect("it is bound");
            let info = metainfo::Info {
                name: "nothing".into(),
                piece_length: 65536,
                pieces: Vec::new(),
                files: Vec::new(),
                private: false,
                single_file: false,
            };
            let torrent = Torrent::new(info).with_announce(format!("http://{address}/announce"));
            let (engine, progress) = watch::channel(Progress::default());
            let (events, _reports) = mpsc::channel(8);
            let announcer = Announcer {
                torrent: Arc::new(torrent),
                peer_id: [7; 20],
                port: 6881,
                progress,
                events,
                desk: watch::Sender::new(None),
            };
            Self {
                tracker,
                engine,
                announcer,
                _reports,
            }
        }
    }

    /// Expects an announce of this event and answers it.
    async fn hear(tracker: &TcpListener, event: &str) {
        loop {
            let (mut stream, _) = tracker.accept().await.expect("an announce");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.expect("a request");
            // One that was given up before it was sent.
            if length == 0 {
                continue;
            }
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            assert!(request.contains(&format!("&event={event} ")), "{request}");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nde";
            return stream.write_all(answer).await.expect("it listens");
        }
    }

    /// An engine that fails has completed nothing.
    #[tokio::test]
    async fn when_the_engine_is_gone_farewell_is_said_and_not_completion() {
        let talk = Talk::new().await;
        let ended = tokio::spawn(talk.announcer.run(CancellationToken::new()));
        hear(&talk.tracker, "started").await;
        drop(talk.engine);
        hear(&talk.tracker, "stopped").await;
        ended.await.expect("it ends by itself");
    }

    #[tokio::test]
    async fn who_leaves_with_the_last_byte_still_says_that_it_completed() {
        let talk = Talk::new().await;
        let stop = CancellationToken::new();
        let ended = tokio::spawn(talk.announcer.run(stop.clone()));
        hear(&talk.tracker, "started").await;
        talk.engine.send_modify(|progress| progress.complete = true);
        stop.cancel();
        hear(&talk.tracker, "completed").await;
        hear(&talk.tracker, "stopped").await;
        ended.await.expect("it ends by itself");
    }

    #[test]
    fn a_tracker_that_is_down_is_asked_again_within_seconds() {
        let mut retries = Retries::default();
        let waits: Vec<f64> = (0..6).map(|_| retries.wait(0.5).as_secs_f64()).collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 4.0, 4.0, 4.0]);
        assert_eq!(retries.wait(0.0), Duration::from_secs(3));
        assert_eq!(retries.wait(1.0), Duration::from_secs(5));
    }

    #[test]
    fn refusals_and_noise_are_told_in_words() {
        let said = |body: &[u8]| read(body).err().unwrap_or_default();
        assert_eq!(
            said(b"d14:failure reason8:not\x1bourse"),
            "the tracker refuses: notours"
        );
        assert!(said(b"<html>").contains("makes no sense"));
    }
}
