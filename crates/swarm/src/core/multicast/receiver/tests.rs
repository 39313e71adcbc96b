use super::*;
use crate::core::BLOCK;

const SESSION: u64 = 7;
const MS: Duration = Duration::from_millis(1);

fn layout() -> Layout {
    Layout::new(2 * 65_536 + 20_000, 65_536)
}

fn receiver() -> Receiver {
    Receiver::new(SESSION, layout())
}

/// The bytes of a block, no two parts alike.
fn content(block: Block) -> Vec<u8> {
    let first = block.piece * 31 + block.begin;
    (0..block.length)
        .map(|at| ((first + at) % 251) as u8)
        .collect()
}

/// The datagrams of a block, the first one with this number.
fn datagrams(kind: Kind, block: Block, number: u32) -> Vec<Vec<u8>> {
    let content = content(block);
    let parts = (0..).zip(content.chunks(PART as usize));
    let written = parts.map(|(part, payload)| {
        let mut bytes = Vec::new();
        let packet = Packet {
            session: SESSION,
            number: number + u32::from(part),
            kind,
            piece: block.piece,
            block: (block.begin / BLOCK) as u16,
            part,
            payload,
        };
        packet.write(&mut bytes);
        bytes
    });
    written.collect()
}

type Outcome = (Option<(Block, Bytes)>, Option<Change>);

fn hear(receiver: &mut Receiver, bytes: &[u8], now: Duration) -> Outcome {
    receiver.hear(&Packet::parse(bytes).unwrap(), now)
}

#[test]
fn a_block_is_whole_with_its_last_part_whatever_the_order() {
    let layout = layout();
    let mut receiver = receiver();
    for block in [layout.block(0, 3), layout.block(2, 1)] {
        let mut all = datagrams(Kind::Pass, block, 1);
        all.reverse();
        let (last, others) = all.split_last().unwrap();
        for other in others.iter().chain(others) {
            assert_eq!(hear(&mut receiver, other, MS).0, None, "{block:?}");
        }
        let whole = hear(&mut receiver, last, MS).0;
        assert_eq!(whole, Some((block, content(block).into())));
    }
    assert!(receiver.assembling.is_empty());
}

#[test]
fn what_fits_nowhere_is_left() {
    let mut receiver = receiver();
    let good = datagrams(Kind::Pass, layout().block(2, 1), 1).remove(0);
    for (what, at, value) in [
        ("another session", 11, 8),
        ("a piece that there is not", 19, 3),
        ("a block that there is not", 21, 2),
        ("a part that there is not", 22, 3),
        ("a part that is shorter", 22, 2),
        ("a part far beyond", 22, 255),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        hear(&mut receiver, &bad, MS);
        assert!(receiver.assembling.is_empty(), "{what}");
    }
}

#[test]
fn blocks_that_lost_a_part_take_no_room_for_ever() {
    let layout = Layout::new(1 << 30, 1 << 20);
    let mut receiver = Receiver::new(SESSION, layout);
    for number in 0..1000 {
        let block = layout.block(number / 64, number % 64);
        for bytes in &datagrams(Kind::Pass, block, 1)[1..] {
            hear(&mut receiver, bytes, MS);
        }
        assert!(receiver.assembling.len() <= ASSEMBLING);
    }
}

#[test]
fn a_trial_is_told_with_its_end_and_changes_nothing() {
    let mut receiver = receiver();
    let mut changes = Vec::new();
    let trial = datagrams(Kind::Trial, layout().block(0, 0), 5);
    for (ms, bytes) in (0..).zip(&trial[..11]) {
        changes.extend(hear(&mut receiver, bytes, (100 + 2 * ms) * MS).1);
        assert_eq!(receiver.heard().burst, None, "not all of it is here");
    }
    assert_eq!(changes, []);
    let end = datagrams(Kind::TrialEnd, layout().block(0, 0), 5).remove(11);
    assert_eq!(hear(&mut receiver, &end, 122 * MS).1, Some(Change::Tell));
    let burst = Burst {
        first: 5,
        datagrams: 12,
        span: 22 * MS,
    };
    assert_eq!(receiver.heard().burst, Some(burst));
    assert_eq!(
        (receiver.heard().highest, receiver.heard().datagrams),
        (16, 12)
    );
    assert!(!receiver.listening());
    assert_eq!(receiver.tick(1000 * MS), None, "told already");
    // The next one, whose end is lost.
    hear(&mut receiver, &trial[0], 2000 * MS);
    assert_eq!(receiver.tick(2090 * MS), None);
    assert_eq!(receiver.tick(2100 * MS), Some(Change::Tell));
    assert_eq!(receiver.heard().burst.map(|burst| burst.datagrams), Some(1));
}

#[test]
fn a_pass_begins_with_its_first_datagram_and_ends_with_the_word_or_silence() {
    let mut receiver = receiver();
    let pass = datagrams(Kind::Pass, layout().block(0, 0), 1);
    let over = datagrams(Kind::Over, layout().block(2, 1), 13).remove(0);
    assert_eq!(
        hear(&mut receiver, &over, MS).1,
        None,
        "of what was not heard"
    );
    assert_eq!(hear(&mut receiver, &pass[0], MS).1, Some(Change::Begin));
    assert!(receiver.listening());
    assert_eq!(hear(&mut receiver, &pass[1], 2 * MS).1, None);
    assert_eq!(hear(&mut receiver, &over, 3 * MS).1, Some(Change::End));
    assert_eq!(
        hear(&mut receiver, &over, 3 * MS).1,
        None,
        "said three times"
    );
    assert!(!receiver.listening());
    assert_eq!(hear(&mut receiver, &pass[2], 4 * MS).1, Some(Change::Begin));
    assert_eq!(receiver.tick(1003 * MS), None);
    assert_eq!(receiver.tick(1004 * MS), Some(Change::End));
    assert_eq!(receiver.tick(1005 * MS), None);
}

/// For each two seconds, how many of a block's twelve datagrams come; when it changed, in seconds.
fn changes(heard: &[usize]) -> Vec<(u32, Change)> {
    let layout = Layout::new(1 << 30, 1 << 20);
    let mut receiver = Receiver::new(SESSION, layout);
    let mut changes = Vec::new();
    for (number, ms) in (0..).zip((0..2000 * heard.len() as u32).step_by(20)) {
        let block = layout.block(number / 64, number % 64);
        let all = datagrams(Kind::Pass, block, 12 * number);
        let come = heard[ms as usize / 2000];
        // The last one always, so that it is known how many were sent.
        for bytes in all[..come - 1].iter().chain(all.last()) {
            changes.extend(
                hear(&mut receiver, bytes, ms * MS)
                    .1
                    .map(|change| (ms, change)),
            );
        }
        changes.extend(receiver.tick(ms * MS).map(|change| (ms, change)));
    }
    let seconds = changes
        .iter()
        .map(|(ms, change)| ((ms + 500) / 1000, *change));
    seconds.collect()
}

#[test]
fn who_gets_few_blocks_whole_goes_back_to_asking_until_it_gets_them() {
    assert_eq!(changes(&[12; 4]), [(0, Change::Begin)]);
    assert_eq!(
        changes(&[12, 11, 11, 12, 12]),
        [(0, Change::Begin), (4, Change::End), (8, Change::Begin)],
        "one lost datagram is a lost block"
    );
}
