//! The socket that speaks to a group.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use seeder::Pieces;
use socket2::{Domain, Protocol, Socket, Type};
use swarm::core::Block;
use swarm::core::multicast::{HEADER, Invitation, Kind, PART, Packet};
use tokio::net::UdpSocket;
use tokio::time::sleep;

/// The end is said so often, for a datagram may be lost.
const SAID: usize = 3;
/// Shorter waits are none: the runtime sleeps by milliseconds.
const SHORT: Duration = Duration::from_millis(1);

/// To whom something is sent, and of what.
#[derive(Clone, Debug)]
pub(super) struct Audience {
    pub(super) pieces: Pieces,
    pub(super) invitation: Invitation,
}

pub(super) struct Voice {
    socket: UdpSocket,
    datagram: Vec<u8>,
}

impl Voice {
    /// Speaks on the interface with this address, never beyond its network.
    pub(super) fn open(from: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.set_multicast_if_v4(&from)?;
        socket.set_multicast_ttl_v4(1)?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            datagram: Vec::with_capacity(HEADER + PART as usize),
        })
    }

    /// Sends blocks; those of a pass when they are due, which is so long from now on.
    pub(super) async fn sends(
        &mut self,
        to: &Audience,
        (kind, blocks, mut number): (Kind, &[Block], u32),
        due: impl Fn(Block) -> Duration,
    ) -> io::Result<()> {
        for (at, block) in blocks.iter().enumerate() {
            let wait = due(*block);
            if wait >= SHORT {
                sleep(wait).await;
            }
            let read = || to.pieces.read(block.piece, block.begin, block.length);
            let bytes = tokio::task::block_in_place(read).map_err(io::Error::other)?;
            let mut parts = (0..).zip(bytes.chunks(PART as usize)).peekable();
            let is_last = at + 1 == blocks.len();
            while let Some((part, payload)) = parts.next() {
                let ends = kind == Kind::Trial && is_last && parts.peek().is_none();
                let packet = Packet {
                    session: to.invitation.session,
                    number,
                    kind: if ends { Kind::TrialEnd } else { kind },
                    piece: block.piece,
                    block: (block.begin / swarm::core::BLOCK) as u16,
                    part,
                    payload,
                };
                self.say(&packet, to.invitation.group).await?;
                number = number.wrapping_add(1);
            }
        }
        Ok(())
    }

    pub(super) async fn says_over(&mut self, to: &Audience, number: u32) -> io::Result<()> {
        let packet = Packet {
            session: to.invitation.session,
            number,
            kind: Kind::Over,
            piece: 0,
            block: 0,
            part: 0,
            payload: &[],
        };
        for _ in 0..SAID {
            self.say(&packet, to.invitation.group).await?;
        }
        Ok(())
    }

    async fn say(&mut self, packet: &Packet<'_>, group: SocketAddrV4) -> io::Result<()> {
        self.datagram.clear();
        packet.write(&mut self.datagram);
        self.socket.send_to(&self.datagram, group).await.map(drop)
    }
}
