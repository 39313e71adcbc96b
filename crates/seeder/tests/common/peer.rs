//! A peer of BEP 3 with blocking sockets: asks for blocks and gets them. BEP 10 and 11 only as far as
//! a test wants to misuse them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use metainfo::bencode::{self, Encoded};
use metainfo::{Info, InfoHash, Torrent};
use sha1::{Digest, Sha1};

const BITFIELD: u8 = 5;
const REQUEST: u8 = 6;
const PIECE: u8 = 7;
const EXTENDED: u8 = 20;
const BLOCK: u32 = 16 << 10;

pub(crate) struct Peer {
    stream: TcpStream,
    /// As the seed sent it.
    pub(crate) bitfield: Option<Vec<u8>>,
    /// The number under which the seed wants peer exchange.
    pex: Option<u8>,
}

impl Peer {
    /// Connects and shakes hands. BEP 10 is offered too.
    pub(crate) fn connect(to: SocketAddr, hash: InfoHash) -> io::Result<Self> {
        Self::greet(TcpStream::connect(to)?, hash)
    }

    /// Shakes hands on a connection, whoever opened it.
    pub(crate) fn greet(mut stream: TcpStream, hash: InfoHash) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Only so that a broken seed fails the test instead of hanging it.
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut hello = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\0".to_vec();
        hello.extend(hash.0);
        hello.extend(b"-TS0001-abcdefghijkl");
        stream.write_all(&hello)?;
        let mut answer = [0; 68];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer[..20], hello[..20]);
        assert_eq!(answer[28..48], hash.0);
        assert!(
            answer[48..].starts_with(b"-BS"),
            "machines know it by its name"
        );
        let mut peer = Self {
            stream,
            bitfield: None,
            pex: None,
        };
        let hello = Encoded::dict([("m", Encoded::dict([("ut_pex", Encoded::int(1))]))]);
        peer.send(EXTENDED, &[&[0], hello.as_bytes()].concat())?;
        peer.send(2, &[])?;
        Ok(peer)
    }

    pub(crate) fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 1).unwrap().to_be_bytes();
        self.stream
            .write_all(&[&length[..], &[kind], body].concat())
    }

    pub(crate) fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn request(&mut self, piece: u32, begin: u32, length: u32) -> io::Result<()> {
        self.send(
            REQUEST,
            [piece, begin, length].map(u32::to_be_bytes).as_flattened(),
        )
    }

    /// The next message; what the seed says about itself is remembered.
    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            self.stream.read_exact(&mut body)?;
            let Some((&kind, body)) = body.split_first() else {
                continue;
            };
            match (kind, body) {
                (BITFIELD, bits) => self.bitfield = Some(bits.to_vec()),
                (EXTENDED, [0, hello @ ..]) => self.pex = pex_number(hello),
                _ => {}
            }
            return Ok((kind, body.to_vec()));
        }
    }

    /// The next block, whichever it is: piece, begin, bytes.
    pub(crate) fn block(&mut self) -> io::Result<(u32, u32, Vec<u8>)> {
        loop {
            if let (PIECE, body) = self.receive()? {
                let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().unwrap());
                return Ok((number(0), number(4), body[8..].to_vec()));
            }
        }
    }

    /// A whole piece, unverified.
    pub(crate) fn piece(&mut self, info: &Info, piece: u32) -> io::Result<Vec<u8>> {
        self.request_piece(info, piece)?;
        self.receive_piece(info, piece)
    }

    /// Everything, every piece verified. All is asked for at once: whoever waits for one answer before
    /// asking again also waits for delayed acknowledgements.
    pub(crate) fn download(&mut self, torrent: &Torrent) -> io::Result<Vec<u8>> {
        let info = torrent.info();
        for piece in 0..info.piece_count() {
            self.request_piece(info, piece)?;
        }
        let mut all = Vec::new();
        for (index, hash) in (0..).zip(&info.pieces) {
            let bytes = self.receive_piece(info, index)?;
            assert_eq!(
                <[u8; 20]>::from(Sha1::digest(&bytes)),
                *hash,
                "piece {index}"
            );
            all.extend(bytes);
        }
        Ok(all)
    }

    fn request_piece(&mut self, info: &Info, piece: u32) -> io::Result<()> {
        for (begin, length) in blocks(info, piece) {
            self.request(piece, begin, length)?;
        }
        Ok(())
    }

    fn receive_piece(&mut self, info: &Info, piece: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (begin, length) in blocks(info, piece) {
            let (got_piece, got_begin, block) = self.block()?;
            assert_eq!((got_piece, got_begin), (piece, begin));
            assert_eq!(block.len(), length as usize);
            bytes.extend(block);
        }
        Ok(bytes)
    }

    /// Names addresses to the seed, as if they were peers.
    pub(crate) fn exchange(&mut self, peers: &[(std::net::Ipv4Addr, u16)]) -> io::Result<()> {
        let number = loop {
            match self.pex {
                Some(number) => break number,
                None => self.receive()?,
            };
        };
        let mut added = Vec::new();
        for (address, port) in peers {
            added.extend(address.octets());
            added.extend(port.to_be_bytes());
        }
        let message = Encoded::dict([
            ("added", Encoded::bytes(added)),
            ("added.f", Encoded::bytes(vec![0; peers.len()])),
        ]);
        self.send(EXTENDED, &[&[number], message.as_bytes()].concat())
    }

    /// Reads until the seed closes the connection.
    pub(crate) fn until_closed(&mut self) {
        let error = loop {
            if let Err(error) = self.receive() {
                break error;
            }
        };
        assert_ne!(
            error.kind(),
            io::ErrorKind::WouldBlock,
            "the seed keeps the connection"
        );
    }
}

/// Begin and length of every block of a piece.
fn blocks(info: &Info, piece: u32) -> impl Iterator<Item = (u32, u32)> + use<> {
    let size = info.piece_size(piece);
    (0..size)
        .step_by(BLOCK as usize)
        .map(move |begin| (begin, BLOCK.min(size - begin)))
}

fn pex_number(hello: &[u8]) -> Option<u8> {
    let hello = bencode::parse(hello).ok()?;
    let number = hello
        .as_dict()?
        .get("m")?
        .as_dict()?
        .get("ut_pex")?
        .as_int()?;
    u8::try_from(number).ok()
}
