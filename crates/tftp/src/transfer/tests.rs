//! A client of each kind, over cables that lose, double and delay what goes over them.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{End, PAUSE, SILENCE, Transfer};
use crate::grant::{Grant, Limits};
use crate::request::{Mode, Request};

const MS: Duration = Duration::from_millis(1);
const LIMITS: Limits = Limits {
    block: 1468,
    window: 16,
};

fn noise(size: usize) -> Bytes {
    let bytes = (0..size as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    bytes.collect()
}

fn transfer(file: &Bytes, options: &str) -> Transfer {
    let packet = format!("\0\x01a\0octet\0{options}");
    let request = Request::parse(packet.as_bytes()).expect("a request");
    let grant = Grant::of(&request, Some(file.len() as u64), LIMITS);
    Transfer::new(file.clone(), Mode::Octet, grant, Duration::ZERO)
}

/// All that is to be sent now.
fn burst(transfer: &mut Transfer, now: Duration) -> Vec<Vec<u8>> {
    let (mut packet, mut all) = (Vec::new(), Vec::new());
    while transfer.next(&mut packet, now) {
        all.push(packet.clone());
    }
    all
}

fn ack(number: u16) -> [u8; 4] {
    let [high, low] = number.to_be_bytes();
    [0, 4, high, low]
}

/// The numbers of the blocks in `packets`.
fn numbers(packets: &[Vec<u8>]) -> Vec<u16> {
    let number = |packet: &Vec<u8>| {
        assert_eq!(packet[..2], [0, 3]);
        u16::from_be_bytes([packet[2], packet[3]])
    };
    packets.iter().map(number).collect()
}

#[test]
fn blocks_follow_each_other_up_to_the_first_that_is_not_full() {
    let file = noise(1024);
    let mut transfer = transfer(&file, "");
    let mut came = Vec::new();
    for number in 1..=3 {
        let packets = burst(&mut transfer, number * MS);
        assert_eq!(numbers(&packets), [number as u16]);
        came.extend_from_slice(&packets[0][4..]);
        let end = transfer.heard(&ack(number as u16), number * MS);
        assert_eq!(end, (number == 3).then_some(End::Complete));
    }
    assert_eq!(came, file);
    assert_eq!(transfer.arrived(), 1024);
}

#[test]
fn options_are_acknowledged_before_the_first_block() {
    let mut transfer = transfer(&noise(100), "tsize\x000\0");
    assert_eq!(burst(&mut transfer, MS), [b"\0\x06tsize\x00100\0"]);
    // An acknowledgement of a block means nothing yet.
    assert_eq!(transfer.heard(&ack(1), 2 * MS), None);
    assert!(burst(&mut transfer, 2 * MS).is_empty());
    assert_eq!(transfer.heard(&ack(0), 3 * MS), None);
    assert_eq!(numbers(&burst(&mut transfer, 3 * MS)), [1]);
    assert!(transfer.only_asked());
}

#[test]
fn firmware_that_only_wanted_the_size_leaves_nothing_behind() {
    let mut transfer = transfer(&noise(100), "tsize\x000\0blksize\x001468\0");
    burst(&mut transfer, MS);
    let end = transfer.heard(b"\0\x05\0\x08User aborted the transfer\0", 2 * MS);
    assert_eq!(end, Some(End::Aborted));
    assert!(transfer.only_asked());
}

/// The sorcerer's apprentice: each doubled acknowledgement would double every later block.
#[test]
fn a_doubled_acknowledgement_is_answered_once() {
    let mut transfer = transfer(&noise(9000), "");
    for number in 1..=10 {
        let now = number * 10 * MS;
        assert_eq!(numbers(&burst(&mut transfer, now)), [number as u16]);
        transfer.heard(&ack(number as u16), now);
        assert_eq!(numbers(&burst(&mut transfer, now)), [number as u16 + 1]);
        for _ in 0..3 {
            transfer.heard(&ack(number as u16), now + 5 * MS);
            assert!(burst(&mut transfer, now + 5 * MS).is_empty());
        }
        transfer.sent = 0;
    }
}

#[test]
fn what_a_window_lost_goes_again_at_once_and_only_once() {
    let mut transfer = transfer(&noise(100_000), "windowsize\x008\0");
    burst(&mut transfer, Duration::ZERO);
    transfer.heard(&ack(0), MS);
    assert_eq!(numbers(&burst(&mut transfer, MS)), [1, 2, 3, 4, 5, 6, 7, 8]);
    // The fourth was lost.
    transfer.heard(&ack(3), 3 * MS);
    assert_eq!(numbers(&burst(&mut transfer, 3 * MS))[..2], [4, 5]);
    // Now the first one of the window.
    transfer.heard(&ack(11), 5 * MS);
    burst(&mut transfer, 5 * MS);
    transfer.heard(&ack(11), 10 * MS);
    assert_eq!(numbers(&burst(&mut transfer, 10 * MS))[0], 12);
    transfer.heard(&ack(11), 20 * MS);
    assert!(burst(&mut transfer, 20 * MS).is_empty());
}

#[test]
fn what_is_not_answered_goes_again_later_and_later_and_ends() {
    let mut transfer = transfer(&noise(5000), "");
    let (mut now, mut sent) = (Duration::ZERO, 0);
    let end = loop {
        sent += burst(&mut transfer, now).len();
        let due = transfer.due();
        assert!(due > now && due <= now + Duration::from_secs(2));
        now = due;
        if let Some(end) = transfer.late(now) {
            break end;
        }
    };
    assert_eq!(end, End::Silent);
    assert!((7..=9).contains(&sent), "{sent} times");
    assert!(now >= SILENCE && now < 2 * SILENCE, "{now:?}");
    assert_eq!(transfer.arrived(), 0);
}

/// As GRUB does, which opens a file and reads it when the kernel has been verified.
#[test]
fn a_client_that_pauses_in_the_middle_is_waited_for_a_minute() {
    let mut transfer = transfer(&noise(5000), "");
    burst(&mut transfer, Duration::ZERO);
    assert_eq!(transfer.heard(&ack(1), MS), None);
    let mut now = MS;
    let end = loop {
        burst(&mut transfer, now);
        now = transfer.due();
        if now < PAUSE {
            assert_eq!(transfer.late(now), None, "{now:?}");
        } else if let Some(end) = transfer.late(now) {
            break end;
        }
    };
    assert_eq!(end, End::Silent);
    assert!(now < PAUSE + SILENCE, "{now:?}");
}

#[test]
fn a_client_that_is_alive_for_ever_is_not_served_for_ever() {
    let mut transfer = transfer(&noise(1 << 20), "");
    let mut now = Duration::ZERO;
    let end = (1..).find_map(|number: u16| {
        burst(&mut transfer, now);
        now += SILENCE - MS;
        let late = transfer.late(now);
        transfer.heard(&ack(number), now);
        late
    });
    assert_eq!(end, Some(End::TooLong));
}

/// What is on its way, each with the moment it comes in.
#[derive(Default)]
struct Cable(VecDeque<(Duration, Vec<u8>)>);

impl Cable {
    /// One packet goes in: into nothing, once, or twice.
    fn send(&mut self, packet: &[u8], now: Duration, fate: u8) {
        let copies = match fate {
            0..=39 => 0,
            40..=59 => 2,
            _ => 1,
        };
        for copy in 1..=copies {
            let delay = MS * copy * (1 + u32::from(fate % 3));
            self.0.push_back((now + delay, packet.to_vec()));
        }
    }

    fn next(&self) -> Option<Duration> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    fn take(&mut self, now: Duration) -> Vec<Vec<u8>> {
        let (due, rest) = self.0.drain(..).partition(|(at, _)| *at <= now);
        self.0 = rest;
        let due: VecDeque<(Duration, Vec<u8>)> = due;
        due.into_iter().map(|(_, packet)| packet).collect()
    }
}

/// A client after RFC 7440: it acknowledges each whole window, what it has at a gap, and again what it has when it
/// hears of an old block.
struct Client {
    block: usize,
    window: usize,
    file: Vec<u8>,
    blocks: u64,
    in_window: usize,
    done: bool,
    said: Vec<u8>,
}

impl Client {
    fn take(&mut self, packet: &[u8]) -> bool {
        if packet[1] == 6 {
            if self.blocks == 0 {
                self.said = ack(0).to_vec();
                return true;
            }
            return false;
        }
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        let next = number == (self.blocks + 1) as u16;
        if next && !self.done {
            self.file.extend_from_slice(&packet[4..]);
            self.blocks += 1;
            self.in_window += 1;
            self.done = packet.len() - 4 < self.block;
            if self.in_window < self.window && !self.done {
                return false;
            }
        }
        self.in_window = 0;
        self.said = ack(self.blocks as u16).to_vec();
        true
    }
}

/// Lets a client fetch `file` over a bad cable. Gives the end, and how many packets the server sent.
fn fetch(file: &Bytes, block: u16, window: u16, fates: impl Fn() -> u8) -> (End, usize, Vec<u8>) {
    let options = format!("blksize\0{block}\0windowsize\0{window}\0");
    let mut server = transfer(file, &options);
    let mut client = Client {
        block: usize::from(block),
        window: usize::from(window),
        file: Vec::new(),
        blocks: 0,
        in_window: 0,
        done: false,
        said: Vec::new(),
    };
    let (mut there, mut back) = (Cable::default(), Cable::default());
    let (mut now, mut sent, mut heard) = (Duration::ZERO, 0, Duration::ZERO);
    loop {
        let packets = burst(&mut server, now);
        assert!(packets.len() <= usize::from(window));
        sent += packets.len();
        for packet in packets {
            there.send(&packet, now, fates());
        }
        // Firmware says again what it said last when nothing comes.
        let impatient = heard + Duration::from_secs(4);
        let events = [
            there.next(),
            back.next(),
            Some(server.due()),
            Some(impatient),
        ];
        now = events.into_iter().flatten().min().expect("some").max(now);
        for packet in there.take(now) {
            heard = now;
            if client.take(&packet) {
                back.send(&client.said, now, fates());
            }
        }
        if now >= impatient {
            heard = now;
            back.send(&client.said, now, fates());
        }
        for packet in back.take(now) {
            if let Some(end) = server.heard(&packet, now) {
                return (end, sent, client.file);
            }
        }
        if now >= server.due()
            && let Some(end) = server.late(now)
        {
            return (end, sent, client.file);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_byte_arrives_whatever_the_cable_does(
        size in 0..40_000_usize,
        block in prop::sample::select(vec![8_u16, 512, 1468]),
        window in prop::sample::select(vec![1_u16, 2, 4, 16]),
        chance in any::<u64>(),
    ) {
        let file = noise(size.min(usize::from(block) * 1000));
        let state = std::cell::Cell::new(chance | 1);
        let fates = || {
            // xorshift64.
            let mut x = state.get();
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            state.set(x);
            (x >> 32) as u8
        };
        let (end, sent, came) = fetch(&file, block, window, fates);
        // Nobody repeats the last acknowledgement when the server has not heard it.
        prop_assert!(end == End::Complete || end == End::Silent && came == file, "{:?}", end);
        prop_assert_eq!(&came[..], &file[..]);
        let least = file.len() / usize::from(block) + 1;
        prop_assert!(sent <= 3 * usize::from(window) * least + 40, "{} for {}", sent, least);
    }
}

#[test]
fn numbers_begin_again_behind_65535() {
    for window in [1, 16] {
        let file = noise(8 * (65_536 + 100));
        let (end, sent, came) = fetch(&file, 8, window, || 255);
        assert_eq!((end, came.len()), (End::Complete, file.len()));
        assert!(came == file, "a block in the wrong place");
        assert_eq!(
            sent,
            65_536 + 100 + 2,
            "the OACK, the blocks, and an empty one"
        );
    }
}

proptest! {
    #[test]
    fn no_packet_panics(
        packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..60)
    ) {
        let mut transfer = transfer(&noise(4000), "windowsize\x004\0");
        for (turn, packet) in packets.iter().enumerate() {
            let now = MS * turn as u32;
            burst(&mut transfer, now);
            transfer.heard(&[&[0, 4][..], packet].concat(), now);
            transfer.heard(&[0, 4, 0, packet.len() as u8], now);
            if packet.len() == 7 {
                transfer.late(transfer.due());
            }
        }
    }
}
