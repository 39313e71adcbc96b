//! The TFTP door (RFC 1350, 2347–2349, 7440): the files of the shelf, from memory, read-only.
//!
//! async-tftp moves the packets. What it lacks is here: limits on transfers at once, on block and
//! window size, and an early end for clients that went away without saying so. It never touches
//! the disk and never accepts a write.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_tftp::packet;
use async_tftp::server::{Handler, TftpServerBuilder};
use bytes::Bytes;
use futures_lite::io::{AsyncRead, Sink};
use report::{Door, Step};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::journal::{Journal, Who};
use crate::shelf::Shelf;

/// Transfers at once. Each holds one socket; a room of 300 fetching its loader fits, a flood of
/// forged requests does not take all descriptors.
const TRANSFERS: usize = 512;
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
    let files = Files {
        shelf,
        journal,
        permits: Arc::new(Semaphore::new(TRANSFERS)),
    };
    let server = TftpServerBuilder::with_handler(files)
        .std_socket(socket)?
        .timeout(TIMEOUT)
        .max_send_retries(RETRIES)
        .block_size_limit(BLOCK)
        .window_size_limit(WINDOW)
        // A client may ask for 255 s between retries, which would keep its transfer for 20 minutes.
        .ignore_client_timeout()
        .build()
        .await?;
    tokio::select! {
        served = server.serve() => Ok(served?),
        () = stop.cancelled() => Ok(()),
    }
}

struct Files {
    shelf: Arc<Shelf>,
    journal: Journal,
    permits: Arc<Semaphore>,
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
        let size = bytes.len() as u64;
        let transfer = Transfer {
            client: client.ip(),
            name: name.to_owned(),
            bytes,
            read: 0,
            begun: Instant::now(),
            journal: self.journal.clone(),
            _permit: permit,
        };
        Ok((transfer, Some(size)))
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
    client: IpAddr,
    name: String,
    bytes: Bytes,
    read: usize,
    begun: Instant,
    journal: Journal,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Transfer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
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
        self.journal.step(Who::Address(v4(self.client)), step);
    }
}

fn v4(ip: IpAddr) -> Ipv4Addr {
    match ip {
        IpAddr::V4(ip) => ip,
        // The socket is bound to an IPv4 address; nothing else can arrive.
        IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}
