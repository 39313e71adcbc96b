//! The TFTP door (RFC 1350, 2347–2349, 7440): the files of the shelf, from memory, read-only.
//!
//! async-tftp moves the packets. What it lacks is here: limits on transfers at once, on block and
//! window size, and an early end for clients that went away without saying so. It never touches
//! the disk and never accepts a write.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_tftp::packet;
use async_tftp::server::{Handler, TftpServerBuilder};
use bytes::Bytes;
use futures_lite::FutureExt;
use futures_lite::io::{AsyncRead, Sink};
use report::{Door, Step};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::quota::{Quota, Share};
use crate::journal::{Journal, Who};
use crate::shelf::Shelf;

/// Transfers at once. Each holds one socket; a room of 300 fetching its loader fits, a flood of
/// forged requests does not take all descriptors.
const TRANSFERS: usize = 512;
/// Transfers of one address at once. Firmware has one or two, and forgotten ones of its earlier
/// attempts.
const PER_CLIENT: usize = 8;
/// The end of every transfer, however alive its client pretends to be.
const DEADLINE: Duration = Duration::from_secs(10 * 60);
/// Ethernet's MTU less IP, UDP and TFTP headers: larger blocks would be fragmented.
const BLOCK: u16 = 1468;
/// 16 blocks of 1468 bytes are the most one request may cause in a burst.
const WINDOW: u16 = 16;
/// EDK2 asks for the size, aborts with ERROR 8 and asks again. The library does not hear the
/// abort, so the first transfer lives until its retries are spent: 1 s × 5, not 3 s × 100.
const TIMEOUT: Duration = Duration::from_secs(1);
const RETRIES: u32 = 5;

/// Serves `shelf` on `socket` until `stop`.
///
/// # Errors
/// The socket fails.
pub async fn run(
    socket: UdpSocket,
    shelf: Arc<Shelf>,
    journal: Journal,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let files = || Files {
        shelf: Arc::clone(&shelf),
        journal: journal.clone(),
        permits: Arc::new(Semaphore::new(TRANSFERS)),
        clients: Quota::new(PER_CLIENT),
    };
    tokio::select! {
        served = serve(&socket, files, &journal) => served,
        () = stop.cancelled() => Ok(()),
    }
}

/// Serves, and starts again after a panic: one packet must not end the door for the whole room. A
/// panic in a transfer's task ends that task alone; this is for the loop that reads requests. The
/// transfers of the moment are lost then; their clients ask again.
async fn serve<H: Handler + 'static>(
    socket: &UdpSocket,
    handler: impl Fn() -> H,
    journal: &Journal,
) -> anyhow::Result<()> {
    loop {
        let serving = serve_once(socket.try_clone()?, handler());
        match AssertUnwindSafe(serving).catch_unwind().await {
            Ok(served) => return served,
            Err(_panic) => journal.dropped("tftp", "a packet that panicked the codec"),
        }
    }
}

async fn serve_once<H: Handler + 'static>(socket: UdpSocket, handler: H) -> anyhow::Result<()> {
    let server = TftpServerBuilder::with_handler(handler)
        .std_socket(socket)?
        .timeout(TIMEOUT)
        .max_send_retries(RETRIES)
        .block_size_limit(BLOCK)
        .window_size_limit(WINDOW)
        // A client may ask for 255 s between retries, which would keep its transfer for 20 minutes.
        .ignore_client_timeout()
        .build()
        .await?;
    Ok(server.serve().await?)
}

struct Files {
    shelf: Arc<Shelf>,
    journal: Journal,
    permits: Arc<Semaphore>,
    clients: Quota,
}

impl Handler for Files {
    type Reader = Transfer;
    type Writer = Sink;

    async fn read_req_open(
        &mut self,
        client: &SocketAddr,
        path: &Path,
    ) -> Result<(Transfer, Option<u64>), packet::Error> {
        let name = path.to_str().ok_or(packet::Error::FileNotFound)?;
        let Some((name, bytes)) = self.shelf.get(name) else {
            self.journal.dropped("tftp", "no such file");
            return Err(packet::Error::FileNotFound);
        };
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.journal.dropped("tftp", "too many transfers at once");
            return Err(packet::Error::Msg("busy, ask again".to_owned()));
        };
        let Some(seat) = self.clients.take(client.ip()) else {
            self.journal
                .dropped("tftp", "too many transfers of one client");
            return Err(packet::Error::Msg("busy, ask again".to_owned()));
        };
        let size = bytes.len() as u64;
        let transfer = Transfer {
            name: name.to_owned(),
            bytes,
            read: 0,
            begun: Instant::now(),
            deadline: DEADLINE,
            seat,
            journal: self.journal.clone(),
            _permit: permit,
        };
        // curl takes a granted size of 0 for a broken answer; not granting it is allowed (RFC 2347).
        Ok((transfer, (size > 0).then_some(size)))
    }

    async fn write_req_open(
        &mut self,
        _client: &SocketAddr,
        _path: &Path,
        _size: Option<u64>,
    ) -> Result<Sink, packet::Error> {
        self.journal.dropped("tftp", "a write request");
        Err(packet::Error::PermissionDenied)
    }
}

/// One file on its way to one client. Tells the journal when it ends, whole or not.
struct Transfer {
    name: String,
    bytes: Bytes,
    read: usize,
    begun: Instant,
    deadline: Duration,
    seat: Share,
    journal: Journal,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Transfer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.begun.elapsed() >= self.deadline {
            self.journal
                .dropped("tftp", "a transfer that took too long");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let rest = &self.bytes[self.read..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Poll::Ready(Ok(n))
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // The library reads the first block before it acknowledges the options. A transfer that
        // went no further is EDK2's question for the size, not a broken download.
        let question = self.read < self.bytes.len() && self.read <= usize::from(BLOCK);
        if question {
            return self
                .journal
                .dropped("tftp", "a transfer that only asked for the size");
        }
        let step = Step::File {
            door: Door::Tftp,
            name: std::mem::take(&mut self.name),
            bytes: self.read as u64,
            total: self.bytes.len() as u64,
            millis: self.begun.elapsed().as_millis() as u64,
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

#[cfg(test)]
mod tests {
    use futures_lite::AsyncReadExt;

    use super::*;

    const NAME: &str = "pxelinux.0";

    fn files() -> Files {
        let mut shelf = Shelf::default();
        shelf.put(NAME, vec![7; 5000]);
        Files {
            shelf: Arc::new(shelf),
            journal: crate::journal::journal().0,
            permits: Arc::new(Semaphore::new(TRANSFERS)),
            clients: Quota::new(PER_CLIENT),
        }
    }

    async fn open(files: &mut Files, last: u8) -> Result<Transfer, packet::Error> {
        let client = SocketAddr::from(([10, 77, 0, last], 2000));
        let opened = files.read_req_open(&client, Path::new(NAME)).await;
        opened.map(|(transfer, _)| transfer)
    }

    #[tokio::test]
    async fn one_client_cannot_take_every_transfer() {
        let mut files = files();
        let mut held = Vec::new();
        for _ in 0..PER_CLIENT {
            held.push(open(&mut files, 9).await.expect("below the limit"));
        }
        assert!(open(&mut files, 9).await.is_err());
        assert_eq!(files.permits.available_permits(), TRANSFERS - PER_CLIENT);
        drop(open(&mut files, 10).await.expect("another client"));
        held.pop();
        held.push(open(&mut files, 9).await.expect("one has ended"));
        held.clear();
        assert!(files.clients.is_free());
    }

    #[tokio::test]
    async fn a_transfer_ends_at_its_deadline() {
        let mut transfer = open(&mut files(), 9).await.expect("served");
        let mut block = [0; 512];
        assert_eq!(transfer.read(&mut block).await.expect("in time"), 512);
        transfer.deadline = Duration::ZERO;
        let late = transfer.read(&mut block).await.expect_err("too late");
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    /// Panics at the file name `panic`, as a codec might; knows no other file.
    struct Fragile;

    impl Handler for Fragile {
        type Reader = futures_lite::io::Empty;
        type Writer = Sink;

        async fn read_req_open(
            &mut self,
            _client: &SocketAddr,
            path: &Path,
        ) -> Result<(futures_lite::io::Empty, Option<u64>), packet::Error> {
            assert_ne!(path, Path::new("panic"), "as a codec might");
            Err(packet::Error::FileNotFound)
        }

        async fn write_req_open(
            &mut self,
            _client: &SocketAddr,
            _path: &Path,
            _size: Option<u64>,
        ) -> Result<Sink, packet::Error> {
            Err(packet::Error::PermissionDenied)
        }
    }

    #[tokio::test]
    async fn a_panic_does_not_end_the_door() {
        let door = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let to = door.local_addr().expect("bound");
        let (journal, ..) = crate::journal::journal();
        // From a port of its own each: the library holds the port of a request that panicked.
        let ask = async |name: &str| {
            let client = tokio::net::UdpSocket::bind("127.0.0.1:0")
                .await
                .expect("loopback");
            let request = format!("\0\u{1}{name}\0octet\0");
            client.send_to(request.as_bytes(), to).await.expect("sent");
            client
        };
        let talk = async {
            ask("panic").await;
            let mut answer = [0; 64];
            // What is on its way at a panic may be lost: ask again, as firmware does.
            loop {
                let client = ask("missing").await;
                let answered = tokio::time::timeout(TIMEOUT / 4, client.recv_from(&mut answer));
                if answered.await.is_ok() {
                    return answer[..4].to_vec();
                }
            }
        };
        let code = tokio::select! {
            ended = serve(&door, || Fragile, &journal) => panic!("the door ended: {ended:?}"),
            code = talk => code,
        };
        assert_eq!(code, [0, 5, 0, 1], "ERROR, file not found");
    }
}
