//! The socket in the group.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Common, Listener};
use crate::core::multicast::{Change, HEADER, Invitation, PART, Packet, Receiver};
use crate::net::event::Event;

/// What may wait until this program reads it, in bytes: at 1 Gbit/s some 30 ms.
const WAITING: usize = 4 << 20;
/// As often as the receiver wants to be told that time passes.
const TICK: Duration = Duration::from_millis(100);
/// Datagrams that are read at a time.
const ROUND: usize = 256;
/// After a socket that failed; the network may be down for a moment.
const PAUSE: Duration = Duration::from_secs(1);

impl Listener {
    /// Hears what `server` sends to the group that it invites to, whatever that is at the moment. Never ends by itself.
    pub(super) async fn listen(&self, server: Ipv4Addr, common: &Common) {
        let mut invitations = common.invitation.subscribe();
        loop {
            let invited = invitations.wait_for(Option::is_some).await;
            let Some(invitation) = invited.ok().and_then(|invited| *invited) else {
                return std::future::pending().await;
            };
            let hearing = async {
                loop {
                    match open(invitation, server) {
                        Ok(socket) => {
                            return self.hear(&socket, (invitation, server), common).await;
                        }
                        Err(why) => tracing::debug!("no multicast from {server}: {why}"),
                    }
                    // The network may be down for a moment.
                    sleep(PAUSE).await;
                }
            };
            tokio::select! {
                () = hearing => return,
                changed = invitations.changed() => if changed.is_err() {
                    return std::future::pending().await;
                }
            }
            // Another session, such as that of a server that was started anew: the end of this one is heard no more.
            if self.events.send(Event::Listen(false)).await.is_err() {
                return;
            }
        }
    }

    /// Until the engine is gone.
    async fn hear(
        &self,
        socket: &UdpSocket,
        (invitation, server): (Invitation, Ipv4Addr),
        common: &Common,
    ) {
        let begun = Instant::now();
        let mut receiver = Receiver::new(invitation.session, self.layout);
        let whose = (*invitation.group.ip(), server);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bytes = [0; HEADER + PART as usize + 1];
        loop {
            tokio::select! {
                readable = socket.readable() => if readable.is_err() {
                    sleep(PAUSE).await;
                },
                _ = tick.tick() => {}
            }
            let (mut blocks, mut changes) = (Vec::new(), Vec::new());
            for _ in 0..ROUND {
                let Ok((length, SocketAddr::V4(from))) = socket.try_recv_from(&mut bytes) else {
                    break;
                };
                let packet = Packet::parse(&bytes[..length]).filter(|_| *from.ip() == server);
                if let Some(packet) = packet {
                    let (block, change) = receiver.hear(&packet, begun.elapsed());
                    blocks.extend(block);
                    changes.extend(change);
                }
            }
            changes.extend(receiver.tick(begun.elapsed()));
            common.heard.send_replace(Some(receiver.heard()));
            if !blocks.is_empty()
                && self
                    .events
                    .send(Event::Overheard(whose, blocks))
                    .await
                    .is_err()
            {
                return;
            }
            for change in changes {
                let event = match change {
                    Change::Tell => {
                        common.now.notify_one();
                        continue;
                    }
                    Change::Begin => Event::Listen(true),
                    Change::End => Event::Listen(false),
                };
                if self.events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A socket that hears what is said to this group on the interface towards the server, and nothing else.
fn open(invitation: Invitation, server: Ipv4Addr) -> io::Result<UdpSocket> {
    let group = invitation.group;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(group).into())?;
    socket.set_multicast_all_v4(false)?;
    socket.join_multicast_v4(group.ip(), &towards(server)?)?;
    // Beyond the system's limit for those who may.
    if set_socket_recv_buffer_size_force(&socket, WAITING).is_err() {
        socket.set_recv_buffer_size(WAITING)?;
    }
    UdpSocket::from_std(socket.into())
}

/// Which address of this machine the server sees. Nothing is sent.
fn towards(server: Ipv4Addr) -> io::Result<Ipv4Addr> {
    let socket = StdSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((server, 9))?;
    match socket.local_addr()? {
        SocketAddr::V4(local) => Ok(*local.ip()),
        SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}
