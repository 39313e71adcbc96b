//! The web seed as a peer: greets, is asked, answers.
//!
//! Two connections to the web server work side by side, so that one fetches while the other waits
//! for its next answer. What they bring is handed on as it comes, cut into the blocks that were asked.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use metainfo::{Info, InfoHash};
use tokio::sync::{Notify, mpsc};

use super::WebSeed;
use super::queue::{Queue, ranges};
use crate::core::wire::{Frame, Handshake, Message};
use crate::core::{Bitfield, Block, ConnId, HOUSE};
use crate::net::connection::{Connection, Out};
use crate::net::event::Event;
use crate::net::http::{Error, Session};
use crate::net::storage::Storage;

/// How a web seed is called (BEP 20): of our house, so that it is asked like the server's own seed,
/// for what nobody else has. It never speaks of extensions.
const NAME: [u8; 20] = {
    let mut name = *b"-??WEB0-000000000000";
    [name[0], name[1], name[2]] = HOUSE;
    name
};
/// A sign of life at least so often: a peer that says nothing for long is parted from.
const SIGN: Duration = Duration::from_secs(30);

/// The work of one connection to it.
pub(super) struct Work {
    pub(super) conn: ConnId,
    pub(super) seed: Arc<WebSeed>,
    /// Which address to connect from, unless unspecified.
    pub(super) from: Ipv4Addr,
    pub(super) torrent: InfoHash,
    pub(super) storage: Arc<Storage>,
    pub(super) events: mpsc::Sender<Event>,
}

/// Begins the conversation; dropping what it gives ends it.
pub(super) fn open(work: Work) -> Connection {
    Connection::with(|queue, closed| async move {
        tokio::select! {
            () = closed.cancelled() => {}
            () = work.talk(queue) => {}
        }
    })
}

/// What was asked, and the news that there is something.
#[derive(Default)]
struct Asked {
    queue: Mutex<Queue>,
    more: Notify,
}

impl Asked {
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        change(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn take(&self, info: &Info) -> Vec<Block> {
        loop {
            let mut run = Vec::new();
            self.change(|queue| run = queue.take(info));
            if !run.is_empty() {
                return run;
            }
            self.more.notified().await;
        }
    }
}

impl Work {
    async fn talk(self, said: mpsc::Receiver<Out>) {
        let hello = Handshake {
            reserved: [0; 8],
            info_hash: self.torrent,
            peer_id: NAME,
        };
        let everything = Bitfield::full(self.storage.info().piece_count());
        self.say(Frame::Handshake(hello)).await;
        self.say(Message::Bitfield(everything).into()).await;
        self.say(Message::Unchoke.into()).await;
        let asked = Asked::default();
        let why = tokio::select! {
            () = listen(said, &asked) => return,
            () = self.show_signs_of_life() => return,
            why = self.fetch(&asked) => why,
            why = self.fetch(&asked) => why,
        };
        let _ = self.events.send(Event::Unserved(self.conn, why)).await;
    }

    async fn say(&self, frame: Frame) {
        let _ = self.events.send(Event::Frame(self.conn, frame)).await;
    }

    async fn show_signs_of_life(&self) {
        loop {
            tokio::time::sleep(SIGN).await;
            self.say(Message::KeepAlive.into()).await;
        }
    }

    /// Fetches what is asked until that fails.
    async fn fetch(&self, asked: &Asked) -> Error {
        let mut session = Session::new(self.from, self.seed.address);
        loop {
            let run = asked.take(self.storage.info()).await;
            if let Err(why) = self.fetch_run(&mut session, run).await {
                return why;
            }
        }
    }

    async fn fetch_run(&self, session: &mut Session, run: Vec<Block>) -> Result<(), Error> {
        let info = self.storage.info();
        let spans = ranges(&run, info);
        let mut cut = Cut::new(run);
        for span in spans {
            let path = self.seed.path(info, span.file);
            let bytes = span.offset..span.offset + u64::from(span.length);
            let mut part = session.part(&path, bytes).await?;
            while let Some(data) = part.next().await? {
                for (block, data) in cut.feed(data) {
                    let (piece, begin) = (block.piece, block.begin);
                    self.say(Message::Piece { piece, begin, data }.into()).await;
                }
            }
        }
        Ok(())
    }
}

/// Hears what the core says to its peer, until it parts.
async fn listen(mut said: mpsc::Receiver<Out>, asked: &Asked) {
    while let Some(out) = said.recv().await {
        match out {
            Out::Frame(Frame::Message(Message::Request(block))) => {
                asked.change(|queue| queue.push(block));
                asked.more.notify_one();
            }
            Out::Frame(Frame::Message(Message::Cancel(block))) => {
                asked.change(|queue| queue.cancel(block));
            }
            // It has everything: whatever else is said is of no use to it.
            Out::Frame(_) | Out::Block(_) | Out::Recall(_) => {}
        }
    }
}

/// Cuts what arrives into the blocks it is made of.
struct Cut {
    blocks: VecDeque<Block>,
    /// The beginning of the first of them.
    begun: BytesMut,
}

impl Cut {
    fn new(run: Vec<Block>) -> Self {
        let blocks = run.into();
        let begun = BytesMut::new();
        Self { blocks, begun }
    }

    /// The blocks that these bytes complete, copied only where they came in parts.
    fn feed(&mut self, mut data: Bytes) -> Vec<(Block, Bytes)> {
        let mut whole = Vec::new();
        while let Some(&block) = self.blocks.front() {
            let lacking = block.length as usize - self.begun.len();
            if data.len() < lacking {
                self.begun.extend_from_slice(&data);
                break;
            }
            let rest = data.split_to(lacking);
            let bytes = if self.begun.is_empty() {
                rest
            } else {
                self.begun.extend_from_slice(&rest);
                self.begun.split().freeze()
            };
            self.blocks.pop_front();
            whole.push((block, bytes));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_the_blocks_that_were_asked_however_they_come() {
        let block = |begin, length| Block {
            piece: 7,
            begin,
            length,
        };
        let run = vec![block(0, 5), block(5, 3), block(8, 4)];
        for step in 1..=13 {
            let (mut cut, mut got) = (Cut::new(run.clone()), Vec::new());
            for part in b"abcdefghijkl".chunks(step) {
                got.extend(cut.feed(Bytes::from_static(part)));
            }
            let expected: Vec<_> = run
                .iter()
                .copied()
                .zip([&b"abcde"[..], b"fgh", b"ijkl"].map(Bytes::from_static))
                .collect();
            assert_eq!(got, expected, "in steps of {step}");
            assert!(cut.feed(Bytes::from_static(b"more")).is_empty());
        }
    }
}
