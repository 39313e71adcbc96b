//! The machine's shell around [`core::multicast`](crate::core::multicast): reports to the server, joins the group
//! that it names, and hands on what is heard there. It decides nothing.
//!
//! Without a server that asks for reports there are none, and no group is joined.

mod ear;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use metainfo::InfoHash;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::http::{self, Session};
use crate::core::multicast::{Answer, Heard, Invitation, Report};
use crate::core::{Holdings, Layout};

/// The largest answer, in bytes.
const LARGEST: usize = 4096;
/// How often to report, whatever the server says.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
/// After a report that found nobody.
const PAUSE: Duration = Duration::from_secs(2);
/// The server has no such thing for this torrent.
const NOT_FOUND: u16 = 404;

/// Where machines report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Desk {
    server: SocketAddrV4,
    path: String,
}

impl Desk {
    /// At the address of this tracker; none where that is no IPv4 address.
    pub(super) fn of(tracker: &str, path: String) -> Option<Self> {
        let (address, _) = http::address(tracker).ok()?;
        let SocketAddr::V4(server) = address else {
            return None;
        };
        let plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then_some(Self { server, path })
    }
}

/// A download that may hear what is sent to everybody.
pub(super) struct Listener {
    pub(super) torrent: InfoHash,
    pub(super) layout: Layout,
    pub(super) peer_id: [u8; 20],
    /// Whence this machine connects.
    pub(super) from: Ipv4Addr,
    pub(super) events: mpsc::Sender<Event>,
}

/// What the ear and the mouth have in common.
struct Common {
    invitation: watch::Sender<Option<Invitation>>,
    heard: watch::Sender<Option<Heard>>,
    /// Report at once.
    now: Notify,
}

impl Listener {
    /// Reports and listens until all is here, nobody wants to know, or `stop`.
    pub(super) async fn run(
        self,
        mut desks: watch::Receiver<Option<Desk>>,
        stop: CancellationToken,
    ) {
        let working = async {
            loop {
                let known = desks.wait_for(Option::is_some).await;
                let Some(desk) = known.ok().and_then(|known| known.clone()) else {
                    return;
                };
                let ended = tokio::select! {
                    () = self.attend(&desk) => true,
                    changed = desks.changed() => changed.is_err(),
                };
                // Whatever ended it, the others are asked again.
                let told = self.events.send(Event::Listen(false)).await;
                if ended || told.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = working => {}
        }
    }

    async fn attend(&self, desk: &Desk) {
        let common = Common {
            invitation: watch::Sender::new(None),
            heard: watch::Sender::new(None),
            now: Notify::new(),
        };
        tokio::select! {
            () = self.report(desk, &common) => {}
            () = self.listen(*desk.server.ip(), &common) => {}
        }
    }

    /// Tells how this machine is as often as the server wants to know.
    async fn report(&self, desk: &Desk, common: &Common) {
        let path = format!("{}/{}", desk.path, self.torrent);
        let mut session = Session::new(self.from, desk.server);
        while let Some(holdings) = self.holdings().await {
            let last = holdings.lacking.is_empty() || !holdings.believes;
            let report = Report {
                peer_id: self.peer_id,
                lacking: holdings.lacking,
                fetched: holdings.fetched,
                of_server: holdings.of_server,
                heard: *common.heard.borrow(),
            };
            let said = session
                .post(&path, report.to_bencode().into(), LARGEST)
                .await;
            if last || matches!(said, Ok((NOT_FOUND, _))) {
                return;
            }
            let wait = match said.map(|(status, body)| understood(status, &body)) {
                Ok(Some(Answer {
                    interval,
                    invitation,
                })) => {
                    common
                        .invitation
                        .send_if_modified(|known| known.replace(invitation) != Some(invitation));
                    interval.clamp(INTERVALS.0, INTERVALS.1)
                }
                Ok(None) => PAUSE,
                Err(why) => {
                    tracing::debug!("nothing is known of multicast: {why}");
                    PAUSE
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = common.now.notified() => {}
            }
        }
    }

    async fn holdings(&self) -> Option<Holdings> {
        let (asker, answer) = oneshot::channel();
        self.events.send(Event::Holdings(asker)).await.ok()?;
        answer.await.ok()
    }
}

fn understood(status: u16, body: &Bytes) -> Option<Answer> {
    Answer::parse(body).filter(|_| status == 200)
}

#[cfg(test)]
mod tests {
    use super::Desk;

    #[test]
    fn the_desk_is_at_the_tracker_s_own_address() {
        let of = |tracker, path: &str| Desk::of(tracker, path.into()).map(|desk| desk.server);
        let path = "/api/v1/multicast";
        let server = of("http://10.77.0.1:6969/announce", path);
        assert_eq!(server, "10.77.0.1:6969".parse().ok());
        assert_eq!(of("http://tracker/announce", path), None);
        for path in ["", "api", "http://10.77.0.2/", "/a b", "/a\r\nhost:x"] {
            assert_eq!(of("http://10.77.0.1:6969/announce", path), None, "{path:?}");
        }
    }
}
