//! Who gets what they ask for: requests judged, transfers begun and counted.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tftp::{ErrorCode, Kind, Malformed, Request, refusal};
use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use super::transfer::Transfer;
use crate::doors::quota::Quota;
use crate::journal::Journal;
use crate::offer::{self, Offers};

/// Transfers at once. Each holds one socket; a room of 300 fetching its loader fits, a flood of
/// forged requests does not take all descriptors.
pub(super) const TRANSFERS: usize = 512;
/// Transfers of one address at once. Firmware has one or two, and forgotten ones of its earlier
/// attempts.
pub(super) const PER_CLIENT: usize = 8;
/// A request that comes again within this time was doubled on its way.
const DOUBLED: Duration = Duration::from_secs(1);

/// Judges requests, and owns the transfers that came of them.
pub(super) struct Desk {
    local: IpAddr,
    offers: Offers,
    journal: Journal,
    pub(super) permits: Arc<Semaphore>,
    pub(super) clients: Quota,
    tasks: JoinSet<SocketAddr>,
    running: HashMap<SocketAddr, Running>,
}

/// A transfer, as the desk remembers it.
struct Running {
    task: task::Id,
    request: Request,
    began: Instant,
    /// The client has acknowledged a block.
    progress: Arc<AtomicBool>,
    cancel: CancellationToken,
}

impl Running {
    /// Whether `request`, of the same port, is this transfer's own: said again because nothing came, or doubled on its way.
    fn is_about(&self, request: &Request) -> bool {
        let new = !self.progress.load(Ordering::Relaxed) || self.began.elapsed() < DOUBLED;
        self.request == *request && new
    }
}

impl Desk {
    /// Transfers leave from `local`, the address that is asked.
    pub(super) fn new(local: IpAddr, offers: Offers, journal: Journal) -> Self {
        Self {
            local,
            offers,
            journal,
            permits: Arc::new(Semaphore::new(TRANSFERS)),
            clients: Quota::new(PER_CLIENT),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Waits until a transfer ends, and forgets it. Pends for ever while there is none.
    pub(super) async fn next_ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((task, client))) => {
                if self.running.get(&client).is_some_and(|it| it.task == task) {
                    self.running.remove(&client);
                }
            }
            // It panicked; the others go on.
            Some(Err(failed)) => {
                self.running.retain(|_, it| it.task != failed.id());
                self.journal.dropped("tftp", "a transfer that failed");
            }
            None => std::future::pending().await,
        }
    }

    /// A packet came to the door.
    pub(super) fn asked(&mut self, packet: &[u8], client: SocketAddr) {
        let request = match Request::parse(packet) {
            Ok(request) => request,
            Err(why) => return self.malformed(why, client),
        };
        let running = self.running.get(&client);
        if running.is_some_and(|running| running.is_about(&request)) {
            return;
        }
        // A client that asks for something else from the same port has given up what it asked for before.
        if let Some(old) = self.running.remove(&client) {
            old.cancel.cancel();
        }
        match self.begin(&request, client) {
            Ok(()) => {}
            Err(Refused { reason, code, text }) => {
                self.journal.dropped("tftp", reason);
                self.refuse(client, code, text);
            }
        }
    }

    fn begin(&mut self, request: &Request, client: SocketAddr) -> Result<(), Refused> {
        if request.kind == Kind::Write {
            let (reason, code) = ("a write request", ErrorCode::AccessViolation);
            return Err(Refused::new(reason, code, "Permission denied"));
        }
        let offer = offer::last(&self.offers);
        let Some((name, file)) = offer.shelf.get(&request.name) else {
            let (reason, code) = ("no such file", ErrorCode::FileNotFound);
            return Err(Refused::new(reason, code, "File not found"));
        };
        let busy = |reason| Refused::new(reason, ErrorCode::Undefined, "busy, ask again");
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return Err(busy("too many transfers at once"));
        };
        let Some(seat) = self.clients.take(client.ip()) else {
            return Err(busy("too many transfers of one client"));
        };
        let socket = open(self.local, client).and_then(tokio::net::UdpSocket::from_std);
        let Ok(socket) = socket else {
            return Err(busy("no socket for a transfer"));
        };
        let transfer = Transfer {
            socket,
            name: name.to_owned(),
            file,
            seat,
            journal: self.journal.clone(),
            progress: Arc::default(),
            _permit: permit,
        };
        let (progress, cancel) = (Arc::clone(&transfer.progress), CancellationToken::new());
        let run = transfer.run(request, cancel.clone());
        let task = self.tasks.spawn(async move {
            run.await;
            client
        });
        let running = Running {
            task: task.id(),
            request: request.clone(),
            began: Instant::now(),
            progress,
            cancel,
        };
        self.running.insert(client, running);
        Ok(())
    }

    /// Only who asks in an unknown mode is told: an answer to any garbage could be sent to whoever is named as its sender.
    fn malformed(&self, why: Malformed, client: SocketAddr) {
        let reason = match why {
            Malformed::NoRequest => "a packet that is no request",
            Malformed::Garbled => "a garbled request",
            Malformed::Mode => "a request in an unknown mode",
        };
        self.journal.dropped("tftp", reason);
        if why == Malformed::Mode {
            self.refuse(client, ErrorCode::IllegalOperation, "octet or netascii");
        }
    }

    /// Refusals come from a port of their own, as the first block would. They are sent once: who has not heard it
    /// asks again.
    fn refuse(&self, client: SocketAddr, code: ErrorCode, text: &str) {
        if let Ok(socket) = open(self.local, client) {
            let _unheard = socket.send(&refusal(code, text));
        }
    }
}

struct Refused {
    reason: &'static str,
    code: ErrorCode,
    text: &'static str,
}

impl Refused {
    fn new(reason: &'static str, code: ErrorCode, text: &'static str) -> Self {
        Self { reason, code, text }
    }
}

/// A socket of which only `client` is heard, and that is told when the client's port is closed.
fn open(local: IpAddr, client: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local, 0))?;
    socket.connect(client)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
