//! One connection: a task that reads and one that writes.
//!
//! The reader hands on whole frames and waits when the engine is busy, so a peer cannot fill our
//! memory. The writer has a bounded queue; who does not read is parted from by the engine.

mod outbox;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::event::Event;
use super::storage::Storage;
use crate::core::wire::{Decoder, Frame};
use crate::core::{Block, ConnId};
use outbox::Outbox;

/// How long a machine in the same room may take to answer a connect.
const CONNECT: Duration = Duration::from_secs(5);
/// A machine that was switched off sends no FIN; what it has not acknowledged for so long ends it.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);
/// With fewer bytes that it has not begun to send the system takes more: as many as fit to the last of them in one buffer of up
/// to 64 KiB. (To end a record after each block, which keeps it from that, made no room faster.) All others wait with us,
/// where a recalled block is still dropped and small messages go first.
const UNSENT: u32 = 8 << 10;
/// Frames that may wait for the socket.
const QUEUE: usize = 4096;
/// Bytes read at a time.
const READ: usize = 64 << 10;

/// What the writer is told to send.
pub(super) enum Out {
    Frame(Frame),
    Block(Block),
    /// Not this block, if nothing of it has left.
    Recall(Block),
}

/// The engine's end of a connection. Dropping it closes the connection.
pub(super) struct Connection {
    out: mpsc::Sender<Out>,
    closed: CancellationToken,
}

impl Connection {
    /// Starts both tasks on an open stream.
    pub(super) fn open(
        conn: ConnId,
        stream: TcpStream,
        storage: Arc<Storage>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        // Improvements, not needs: a connection without them still works.
        let _ = stream.set_nodelay(true);
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED));
        let (reader, writer) = stream.into_split();
        let pieces = storage.info().piece_count();
        let for_writer = events.clone();
        Self::with(|queue, closed| async move {
            tokio::select! {
                () = closed.cancelled() => {}
                () = read(conn, reader, pieces, &events) => drop(events.send(Event::Ended(conn)).await),
                () = write(conn, writer, queue, |block, bytes| storage.read(block, bytes), &for_writer) => {
                    drop(for_writer.send(Event::Ended(conn)).await);
                }
            }
        })
    }

    /// Starts `work`, which hears what is sent and ends when its token is cancelled.
    pub(super) fn with<W>(work: impl FnOnce(mpsc::Receiver<Out>, CancellationToken) -> W) -> Self
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let (out, queue) = mpsc::channel(QUEUE);
        let closed = CancellationToken::new();
        tokio::spawn(work(queue, closed.clone()));
        Self { out, closed }
    }

    /// Queues something to send; false if the peer does not read.
    pub(super) fn send(&self, out: Out) -> bool {
        !matches!(
            self.out.try_send(out),
            Err(mpsc::error::TrySendError::Full(_))
        )
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Connects to a peer, from `from` unless that is unspecified.
pub(super) async fn connect(from: Ipv4Addr, to: SocketAddrV4) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if !from.is_unspecified() {
        socket.bind(SocketAddrV4::new(from, 0).into())?;
    }
    let connected = tokio::time::timeout(CONNECT, socket.connect(to.into())).await;
    connected.unwrap_or_else(|_| {
        let why = format!("no answer within {} s", CONNECT.as_secs());
        Err(std::io::Error::new(std::io::ErrorKind::TimedOut, why))
    })
}

async fn read(conn: ConnId, mut stream: OwnedReadHalf, pieces: u32, events: &mpsc::Sender<Event>) {
    let mut decoder = Decoder::new(pieces);
    loop {
        decoder.buffer().reserve(READ);
        match stream.read_buf(decoder.buffer()).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        loop {
            let event = match decoder.next() {
                Ok(None) => break,
                Ok(Some(frame)) => Event::Frame(conn, frame),
                Err(why) => {
                    let _ = events.send(Event::Nonsense(conn, why)).await;
                    return std::future::pending().await;
                }
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// Sends what is queued, what is to go first only when the socket takes it.
async fn write(
    conn: ConnId,
    stream: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Out>,
    load: impl Fn(Block, &mut BytesMut) -> Result<(), Error>,
    events: &mpsc::Sender<Event>,
) {
    let mut outbox = Outbox::default();
    loop {
        while outbox.is_empty() {
            match queue.recv().await {
                Some(out) => outbox.put(out),
                None => return,
            }
        }
        if stream.writable().await.is_err() {
            return;
        }
        while !outbox.is_full()
            && let Ok(out) = queue.try_recv()
        {
            outbox.put(out);
        }
        for block in outbox.dropped() {
            if events.send(Event::Dropped(conn, block)).await.is_err() {
                return;
            }
        }
        if let Err(why) = outbox.load(&load) {
            let _ = events.send(Event::Failed(why)).await;
            return;
        }
        let written = match stream.try_write_vectored(&outbox.slices()) {
            Ok(written) => written,
            Err(why) if why.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => return,
        };
        if let Some(block) = outbox.wrote(written)
            && events.send(Event::Uploaded(conn, block)).await.is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpSocket, TcpStream};
    use tokio::sync::mpsc;
    use tokio::task::yield_now;

    use super::{Connection, Out, write};
    use crate::core::ConnId;
    use crate::core::wire::Message;

    /// Two ends of a connection, with little room on its way.
    async fn pair() -> (TcpStream, TcpStream) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(8 << 10)
            .expect("it may be small");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("loopback is there");
        let listener = socket.listen(1).expect("nobody else has it");
        let to = listener.local_addr().expect("it is bound");
        let (ours, theirs) = tokio::join!(TcpStream::connect(to), listener.accept());
        let ours = ours.expect("connected");
        let small = SockRef::from(&ours).set_send_buffer_size(8 << 10);
        small.expect("it may be small");
        (ours, theirs.expect("accepted").0)
    }

    /// It reads eight bytes of nine.
    #[tokio::test]
    async fn who_reads_less_than_there_is_to_say_is_noticed() {
        let (ours, mut theirs) = pair().await;
        let (_, writer) = ours.into_split();
        let (events, _reports) = mpsc::channel(1);
        let connection = Connection::with(|queue, _closed| async move {
            write(ConnId(1), writer, queue, |_, _| Ok(()), &events).await;
        });
        let mut read = [0; 4000];
        for _ in 0..2000 {
            for _ in 0..500 {
                if !connection.send(Out::Frame(Message::Have(1).into())) {
                    return;
                }
            }
            theirs.read_exact(&mut read).await.expect("it goes on");
            // The other task and the driver have their turns, also where the bytes were there already.
            for _ in 0..200 {
                yield_now().await;
            }
        }
        panic!("a million bytes wait for the peer");
    }
}
