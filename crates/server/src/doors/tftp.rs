//! The TFTP door: the files of the shelf, from memory, read-only.
//!
//! What to send when is the crate `tftp`'s to decide; here are the sockets, and who may have how many of them. Each
//! transfer has a socket and a task of its own, as the protocol wants it (RFC 1350 section 4). It never touches the disk and
//! never accepts a write.

mod desk;
mod transfer;

use std::net::UdpSocket;

use tokio_util::sync::CancellationToken;

use crate::journal::Journal;
use crate::offer::Offers;
use desk::Desk;

/// More than any request has (RFC 2347 allows 512 bytes). What is longer is cut off here.
const LONGEST_REQUEST: usize = 1024;

/// Serves the shelf of the last offer on `socket` until `stop`.
///
/// # Errors
/// The socket fails.
pub async fn run(
    socket: UdpSocket,
    offers: Offers,
    journal: Journal,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let mut desk = Desk::new(socket.local_addr()?.ip(), offers, journal);
    let mut packet = [0; LONGEST_REQUEST];
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = desk.next_ended() => {}
            received = socket.recv_from(&mut packet) => {
                let (length, client) = received?;
                desk.asked(&packet[..length], client);
            }
        }
    }
}

#[cfg(test)]
mod tests;
