//! A file on its way to one client.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::grant::Grant;
use crate::packet::{Answer, DATA};
use crate::request::Mode;
use crate::timer::Timer;

/// Who acknowledges nothing at all for so long is gone, and so is who lacks the last blocks alone: eight or nine packets were
/// sent in vain then.
const SILENCE: Duration = Duration::from_secs(12);
/// Who is in the middle may be busy for so long. GRUB opens all initrds before it starts the kernel, and reads them when
/// that asks for them: between both, firmware and shim hash the kernel, for which busy emulated machines took longer than 12 s.
const PAUSE: Duration = Duration::from_secs(60);
/// The end of every transfer, however alive its client pretends to be.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last block was acknowledged.
    Complete,
    /// The client said that it wants no more, as EDK2 does once it knows the size.
    Aborted,
    /// The client acknowledged nothing new for 12 s, in the middle of a file for a minute.
    Silent,
    /// It took longer than 10 minutes.
    TooLong,
}

/// The state machine. Do what [`next`](Self::next) gives until it gives nothing, then wait until something is
/// [`heard`](Self::heard) or it is [`due`](Self::due), and begin again.
#[derive(Debug)]
pub struct Transfer {
    file: Bytes,
    mode: Mode,
    block: usize,
    window: usize,
    /// The OACK, until it is acknowledged.
    answer: Option<Vec<u8>>,
    /// The first block that is not acknowledged. Blocks count from 1.
    base: u64,
    /// Where that block and those after it begin, as far as they were read: each that was sent once, and the next one.
    places: VecDeque<Cursor>,
    /// How many packets of the window are on their way: of the OACK one, or so many blocks from `base` on.
    sent: usize,
    /// The number of the last block, once it was read.
    last: Option<u64>,
    timer: Timer,
    began: Duration,
    /// When something new was acknowledged.
    progress: Duration,
    /// When the window began to be sent, the last time.
    burst: Duration,
    /// A gap in the window was mended by sending it again; another copy of the same acknowledgement changes nothing.
    mended: bool,
}

impl Transfer {
    /// Sends `file` as `grant` says.
    #[must_use]
    pub fn new(file: Bytes, mode: Mode, grant: Grant, now: Duration) -> Self {
        Self {
            file,
            mode,
            block: usize::from(grant.block),
            window: usize::from(grant.window),
            answer: grant.answer,
            base: 1,
            places: VecDeque::from([Cursor::default()]),
            sent: 0,
            last: None,
            timer: Timer::new(),
            began: now,
            progress: now,
            burst: now,
            mended: false,
        }
    }

    /// Writes the next packet to send into `packet`. False if there is nothing to send for now.
    pub fn next(&mut self, packet: &mut Vec<u8>, now: Duration) -> bool {
        packet.clear();
        if let Some(answer) = &self.answer {
            if self.sent > 0 {
                return false;
            }
            packet.extend_from_slice(answer);
        } else {
            let number = self.base + self.sent as u64;
            let behind = self.last.is_some_and(|last| number > last);
            if self.sent >= self.window || behind {
                return false;
            }
            self.write_block(number, packet);
        }
        if self.sent == 0 {
            self.burst = now;
        }
        self.sent += 1;
        true
    }

    fn write_block(&mut self, number: u64, packet: &mut Vec<u8>) {
        let mut place = self.places[self.sent];
        packet.extend(DATA.to_be_bytes());
        // It begins again at 0 behind 65535, as all clients that fetch so much expect.
        packet.extend((number as u16).to_be_bytes());
        let header = packet.len();
        place.read(&self.file, self.mode, self.block, packet);
        if packet.len() - header < self.block {
            self.last = Some(number);
        } else if self.sent + 1 == self.places.len() {
            self.places.push_back(place);
        }
    }

    /// A packet of this client came. Gives how the transfer ended, if it did.
    pub fn heard(&mut self, packet: &[u8], now: Duration) -> Option<End> {
        match Answer::parse(packet)? {
            Answer::Error => Some(End::Aborted),
            Answer::Ack(number) => self.acknowledged(number, now),
        }
    }

    fn acknowledged(&mut self, number: u16, now: Duration) -> Option<End> {
        if self.answer.is_some() {
            if number == 0 {
                self.answer = None;
                self.proceed(now);
            }
            return None;
        }
        // Counted from the last block that was acknowledged: 0 is that one again.
        let new = usize::from(number.wrapping_sub((self.base - 1) as u16));
        if new > self.known() {
            // Of a block that was acknowledged long ago.
            return None;
        }
        if new == 0 {
            self.mend_a_gap(now);
            return None;
        }
        self.base += new as u64;
        if self.last.is_some_and(|last| self.base > last) {
            return Some(End::Complete);
        }
        self.places.drain(..new);
        // Where the client stopped in the middle of a window, it lost what came next and wants it again (RFC 7440 section 4).
        self.proceed(now);
        None
    }

    /// Blocks from `base` on that were sent at least once.
    fn known(&self) -> usize {
        match self.last {
            Some(last) => (last + 1 - self.base) as usize,
            None => self.places.len() - 1,
        }
    }

    fn proceed(&mut self, now: Duration) {
        self.timer.answered(now.saturating_sub(self.burst));
        self.progress = now;
        self.sent = 0;
        self.mended = false;
    }

    /// The last acknowledgement came once more. With windows that tells of a loss, and the window goes again, once. Without,
    /// it answers a block that was sent twice, and doing the same would double every packet from there on (RFC 1123
    /// section 4.2.3.1).
    fn mend_a_gap(&mut self, now: Duration) {
        let answers_this = now.saturating_sub(self.burst) >= self.timer.mean() / 2;
        if self.window > 1 && self.sent > 0 && answers_this && !self.mended {
            self.mended = true;
            self.timer.sent_again();
            self.sent = 0;
        }
    }

    /// When [`late`](Self::late) is to be called.
    #[must_use]
    pub fn due(&self) -> Duration {
        self.burst + self.timer.patience()
    }

    /// Nothing came until it was due: everything that is not acknowledged goes again, or the transfer ends.
    pub fn late(&mut self, now: Duration) -> Option<End> {
        let is_amid = !self.only_asked() && !self.all_sent();
        let most = if is_amid { PAUSE } else { SILENCE };
        if now.saturating_sub(self.progress) >= most {
            return Some(End::Silent);
        }
        if now.saturating_sub(self.began) >= LONGEST {
            return Some(End::TooLong);
        }
        if now >= self.due() {
            self.timer.sent_again();
            self.sent = 0;
        }
        None
    }

    /// Bytes of the file that the client is known to have.
    #[must_use]
    pub fn arrived(&self) -> usize {
        match self.last {
            Some(last) if self.base > last => self.file.len(),
            _ => self.places.front().map_or(0, |place| place.passed()),
        }
    }

    /// Whether every block was sent, and all but the last few were acknowledged: a client that then falls silent has the file, for
    /// nobody repeats the last acknowledgement.
    #[must_use]
    pub fn all_sent(&self) -> bool {
        self.last.is_some()
    }

    /// Whether it is no more than a question for the size so far: no block was acknowledged.
    #[must_use]
    pub fn only_asked(&self) -> bool {
        self.base == 1
    }
}

#[cfg(test)]
mod tests;
