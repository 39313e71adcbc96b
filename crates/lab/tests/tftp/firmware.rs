//! UEFI firmware's way to fetch a file (EDK2): it asks for the size, aborts with ERROR 8 as soon as it
//! knows it, and asks again, this time for the bytes. Written by us: no program of Debian's aborts so.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const PORT: u16 = 69;
/// What EDK2 asks for (RFC 2348, 7440).
const BLOCK: usize = 1468;
const WINDOW: u16 = 4;
/// The opcodes of RFC 1350 and RFC 2347.
const DATA: u8 = 3;
const ERROR: u8 = 5;
const OACK: u8 = 6;
/// How long an answer may take before the question is repeated.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 20;

/// One machine, which asks from one port all the time.
#[derive(Debug)]
pub(crate) struct Firmware {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Firmware {
    /// At `address`, for the server at `server`, in the network of the calling thread.
    pub(crate) fn open(address: Ipv4Addr, server: Ipv4Addr) -> Result<Firmware> {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let server = (server, PORT).into();
        Ok(Firmware { socket, server })
    }

    /// Asks for the size of `name` and aborts, as often as it takes; hands back the size.
    pub(crate) fn ask_for_the_size(&self, name: &str) -> Result<usize> {
        let options = [("tsize", "0".to_owned()), ("blksize", BLOCK.to_string())];
        let (answer, from) = self.ask(name, &options)?;
        ensure!(answer[1] == OACK, "{answer:?} is no OACK");
        self.socket.send_to(b"\0\x05\0\x08aborted\0", from)?;
        let mut words = answer[2..].split(|byte| *byte == 0);
        let value = words.find(|word| *word == b"tsize").and(words.next());
        let size = std::str::from_utf8(value.context("no size")?)?;
        Ok(size.parse()?)
    }

    /// Fetches `name` over a cable that loses nothing.
    pub(crate) fn fetch(&self, name: &str) -> Result<Vec<u8>> {
        self.forget_the_past()?;
        let options = [
            ("blksize", BLOCK.to_string()),
            ("windowsize", WINDOW.to_string()),
        ];
        let (answer, from) = self.ask(name, &options)?;
        ensure!(answer[1] == OACK, "{answer:?} is no OACK");
        self.acknowledge(0, from)?;
        let (mut file, mut number) = (Vec::new(), 0_u16);
        loop {
            let (packet, from) = self.receive()?.context("the server fell silent")?;
            let [0, DATA, high, low, data @ ..] = &packet[..] else {
                bail!("{packet:?} is no data");
            };
            ensure!(
                u16::from_be_bytes([*high, *low]) == number + 1,
                "a block that is not the next"
            );
            file.extend(data);
            number += 1;
            if data.len() < BLOCK {
                self.acknowledge(number, from)?;
                return Ok(file);
            }
            if number % WINDOW == 0 {
                self.acknowledge(number, from)?;
            }
        }
    }

    /// Sends a request until something that is no error comes back.
    fn ask(&self, name: &str, options: &[(&str, String)]) -> Result<(Vec<u8>, SocketAddr)> {
        let mut request = format!("\0\x01{name}\0octet\0");
        for (option, value) in options {
            request += &format!("{option}\0{value}\0");
        }
        for _ in 0..TRIES {
            self.socket.send_to(request.as_bytes(), self.server)?;
            if let Some((answer, from)) = self.receive()? {
                ensure!(
                    answer[1] != ERROR,
                    "refused: {}",
                    String::from_utf8_lossy(&answer[4..])
                );
                return Ok((answer, from));
            }
        }
        bail!("{name} was asked for {TRIES} times, and nothing came back")
    }

    /// The next packet, if one comes in time.
    fn receive(&self) -> Result<Option<(Vec<u8>, SocketAddr)>> {
        let mut packet = vec![0; 4 + BLOCK];
        match self.socket.recv_from(&mut packet) {
            Ok((length, from)) => {
                packet.truncate(length);
                ensure!(length >= 4, "{packet:?} is too short");
                Ok(Some((packet, from)))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn acknowledge(&self, number: u16, to: SocketAddr) -> Result<()> {
        let [high, low] = number.to_be_bytes();
        self.socket.send_to(&[0, 4, high, low], to)?;
        Ok(())
    }

    /// Throws away what the server has sent for a transfer that was aborted.
    fn forget_the_past(&self) -> Result<()> {
        self.socket.set_nonblocking(true)?;
        while self.receive()?.is_some() {}
        self.socket.set_nonblocking(false)?;
        Ok(())
    }
}
