//! One transfer: its socket, its clock, and what the journal hears of it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use report::{Door, Step};
use tftp::{End, Grant, Limits, Mode, Request};
use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::doors::quota::Share;
use crate::journal::{Journal, Who};

const LIMITS: Limits = Limits {
    // Ethernet's MTU less IP, UDP and TFTP headers: larger blocks would be fragmented.
    block: 1468,
    // 16 blocks of 1468 bytes are the most one request may cause in a burst.
    window: 16,
};
/// Longer than any answer that is looked at.
const LONGEST_ANSWER: usize = 64;

/// One file on its way to one client. Tells the journal when it ends, whole or not.
pub(super) struct Transfer {
    pub(super) socket: UdpSocket,
    pub(super) name: String,
    pub(super) file: Bytes,
    pub(super) seat: Share,
    pub(super) journal: Journal,
    /// Set when the client has acknowledged a block.
    pub(super) progress: Arc<AtomicBool>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    By(End),
    /// The client's port is closed.
    Gone,
    /// The client asks for something else.
    Replaced,
}

impl Transfer {
    /// Sends the file as `request` wants it, until it is there, the client is gone, or `cancel`.
    pub(super) fn run(
        self,
        request: &Request,
        cancel: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        let grant = Grant::of(request, told_size(request, &self.file), LIMITS);
        let (file, mode) = (self.file.clone(), request.mode);
        let began = Instant::now();
        let mut machine = tftp::Transfer::new(file, mode, grant, began.elapsed());
        async move {
            let ended = tokio::select! {
                ended = self.serve(&mut machine, began) => ended,
                () = cancel.cancelled() => Ended::Replaced,
            };
            self.tell(&machine, ended, began);
        }
    }

    async fn serve(&self, machine: &mut tftp::Transfer, began: Instant) -> Ended {
        let mut packet = Vec::with_capacity(4 + usize::from(LIMITS.block));
        let mut answer = [0; LONGEST_ANSWER];
        loop {
            while machine.next(&mut packet, began.elapsed()) {
                if let Err(error) = self.socket.send(&packet).await
                    && error.kind() == ErrorKind::ConnectionRefused
                {
                    return Ended::Gone;
                }
                // What else keeps a packet from leaving (a full queue, a link that is down) is a loss like any other.
            }
            let due = began + machine.due();
            let heard = tokio::time::timeout_at(due.into(), self.socket.recv(&mut answer)).await;
            let end = match heard {
                Ok(Ok(length)) => machine.heard(&answer[..length], began.elapsed()),
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                    return Ended::Gone;
                }
                Ok(Err(_)) => None,
                Err(_) => machine.late(began.elapsed()),
            };
            if !machine.only_asked() {
                self.progress.store(true, Ordering::Relaxed);
            }
            if let Some(end) = end {
                return Ended::By(end);
            }
        }
    }

    fn tell(&self, machine: &tftp::Transfer, ended: Ended, began: Instant) {
        if ended == Ended::By(End::TooLong) {
            self.journal
                .dropped("tftp", "a transfer that took too long");
        }
        // Nobody repeats the last acknowledgement: who goes after the last block was sent has the file.
        let went = matches!(
            ended,
            Ended::Gone | Ended::Replaced | Ended::By(End::Silent)
        );
        let whole = went && machine.all_sent() && !machine.only_asked();
        let total = self.file.len();
        let bytes = if whole { total } else { machine.arrived() };
        if bytes < total && machine.only_asked() {
            return self
                .journal
                .dropped("tftp", "a transfer that only asked for the size");
        }
        let step = Step::File {
            door: Door::Tftp,
            name: self.name.clone(),
            bytes: bytes as u64,
            total: total as u64,
            millis: began.elapsed().as_millis() as u64,
        };
        self.journal
            .step(Who::Address(v4(self.seat.address())), step);
    }
}

fn v4(ip: IpAddr) -> Ipv4Addr {
    match ip {
        IpAddr::V4(ip) => ip,
        // The socket is bound to an IPv4 address; nothing else can arrive.
        IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}

/// Bytes of a file as it travels; none where that is not told. curl takes a granted size of 0 for a broken answer, and what text
/// becomes is not known before it is sent; not granting the size is allowed (RFC 2347).
fn told_size(request: &Request, file: &[u8]) -> Option<u64> {
    (request.mode == Mode::Octet && !file.is_empty()).then_some(file.len() as u64)
}
