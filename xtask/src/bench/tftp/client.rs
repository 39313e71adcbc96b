//! Machines that fetch a file by TFTP, as firmware does: blocks of 1468 bytes, one acknowledgement for each, a second's
//! patience.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// What fits an Ethernet.
const BLOCK: usize = 1468;
/// How often a machine says the same without an answer.
const TRIES: u32 = 30;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetched {
    /// Until the last machine had every byte.
    pub(super) seconds: f64,
    /// How often machines had to say something again.
    pub(super) repeats: u32,
}

/// Lets a machine at each of `sockets` fetch `name` at the same time, which must be `right`.
pub(super) fn fetch_together(
    sockets: &[UdpSocket],
    server: Ipv4Addr,
    name: &str,
    right: &[u8],
) -> Result<Fetched> {
    let ready = Barrier::new(sockets.len() + 1);
    let fetch = |socket| {
        let mut transfer = Transfer::new(socket, server, right);
        ready.wait();
        transfer.fetch(name).map(|()| transfer.repeats)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = sockets
            .iter()
            .map(|socket| scope.spawn(move || fetch(socket)))
            .collect();
        ready.wait();
        let begin = Instant::now();
        let mut repeats = 0;
        for thread in threads {
            repeats += thread.join().expect("a machine does not panic")?;
        }
        let seconds = begin.elapsed().as_secs_f64();
        Ok(Fetched { seconds, repeats })
    })
}

/// A file on its way.
struct Transfer<'a> {
    socket: &'a UdpSocket,
    /// The server's port for requests, and then that of this transfer.
    to: SocketAddr,
    right: &'a [u8],
    /// The last thing said.
    said: Vec<u8>,
    /// Bytes that came.
    came: usize,
    block: usize,
    repeats: u32,
}

impl<'a> Transfer<'a> {
    fn new(socket: &'a UdpSocket, server: Ipv4Addr, right: &'a [u8]) -> Transfer<'a> {
        Transfer {
            socket,
            to: (server, 69).into(),
            right,
            said: Vec::new(),
            came: 0,
            block: 512,
            repeats: 0,
        }
    }

    fn fetch(&mut self, name: &str) -> Result<()> {
        self.say(format!("\0\x01{name}\0octet\0blksize\0{BLOCK}\0").into_bytes())?;
        let (mut next, mut silent) = (1_u16, 0);
        loop {
            let mut packet = [0; 4 + BLOCK];
            let Some((length, from)) = self.receive(&mut packet)? else {
                silent += 1;
                ensure!(silent < TRIES, "the server fell silent");
                self.repeats += 1;
                self.say(self.said.clone())?;
                continue;
            };
            if next > 1 && from != self.to {
                continue;
            }
            silent = 0;
            self.to = from;
            match &packet[..length] {
                [0, 6, ..] if next == 1 => {
                    self.block = BLOCK;
                    self.acknowledge(0)?;
                }
                [0, 3, high, low, data @ ..] if [*high, *low] == next.to_be_bytes() => {
                    self.take(data)?;
                    self.acknowledge(next)?;
                    if data.len() < self.block {
                        ensure!(self.came == self.right.len(), "{} bytes came", self.came);
                        return Ok(());
                    }
                    next = next.wrapping_add(1);
                }
                [0, 5, _, _, why @ ..] => {
                    bail!("refused: {}", String::from_utf8_lossy(why));
                }
                // One that came before.
                _ => {}
            }
        }
    }

    fn take(&mut self, data: &[u8]) -> Result<()> {
        let right = self.right.get(self.came..self.came + data.len());
        ensure!(right == Some(data), "wrong bytes from {} on", self.came);
        self.came += data.len();
        Ok(())
    }

    fn acknowledge(&mut self, number: u16) -> Result<()> {
        let [high, low] = number.to_be_bytes();
        self.say(vec![0, 4, high, low])
    }

    fn say(&mut self, words: Vec<u8>) -> Result<()> {
        self.socket.send_to(&words, self.to).context("sending")?;
        self.said = words;
        Ok(())
    }

    /// The next packet, if one comes within the socket's patience.
    fn receive(&self, packet: &mut [u8]) -> Result<Option<(usize, SocketAddr)>> {
        match self.socket.recv_from(packet) {
            Ok(received) => Ok(Some(received)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error).context("receiving"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Gives `file` to the first who asks `door`; loses nothing.
    fn serve(door: &UdpSocket, file: &[u8], option: bool) {
        let mut packet = [0; 600];
        let (_, client) = door.recv_from(&mut packet).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tell = |words: &[u8], packet: &mut [u8]| {
            socket.send_to(words, client).unwrap();
            socket.recv_from(packet).unwrap();
        };
        let block = if option { BLOCK } else { 512 };
        if option {
            tell(b"\0\x06blksize\x001468\0", &mut packet);
        }
        for number in 0..=file.len() / block {
            let end = file.len().min((number + 1) * block);
            let mut words = vec![0, 3, 0, u8::try_from(number + 1).unwrap()];
            words.extend(&file[number * block..end]);
            tell(&words, &mut packet);
            assert_eq!(packet[..4], [0, 4, 0, words[3]]);
        }
    }

    #[test]
    fn a_file_arrives_with_the_option_and_without() {
        let right = lab::noise(3 * BLOCK);
        for option in [true, false] {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let door = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut transfer = Transfer::new(&client, Ipv4Addr::LOCALHOST, &right);
            transfer.to = door.local_addr().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| serve(&door, &right, option));
                transfer.fetch("loader").unwrap();
            });
            assert_eq!(transfer.came, right.len());
        }
    }
}
