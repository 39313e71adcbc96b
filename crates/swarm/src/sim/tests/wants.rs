//! Rooms in which not everybody wants everything.

use super::{MBIT, MIB, Machine, Wants, last, run, seconds, seed};
use crate::core::BLOCK;

const PIECE: u64 = 64 << 10;

/// Of all wanted blocks, so many may leave the server again before all have left it once: those who want little
/// have nothing new to ask of it at their end, and do not wait for who wants much.
const SLACK: f64 = 0.1;

fn wanting(first: u32, last: u32) -> Machine {
    Machine {
        wants: Wants::Between { first, last },
        ..Machine::new(40.0 * MBIT)
    }
}

/// Eight machines boot from a kernel at the beginning of 32 MiB, eight from two files that overlap with it,
/// and one takes the first half. Nobody wants the second.
#[test]
fn a_mixed_room_finishes_and_what_nobody_wants_stays_at_the_server() {
    for chance in 0..3 {
        let total = 32 * MIB;
        let half = (total / PIECE / 2) as u32;
        let mut room = vec![seed(40.0 * MBIT)];
        room.extend([wanting(0, 127); 8]);
        room.extend([wanting(100, 159); 8]);
        room.push(wanting(0, half - 1));
        let outcomes = run(total, &room, chance);
        let bound = |pieces: f64| pieces * PIECE as f64 / (40.0 * MBIT);
        // The server's link has the half for one and the rest for nobody.
        let time = last(&outcomes[1..]);
        assert!(
            time < 1.3 * bound(f64::from(half)),
            "{:.3} of the bound",
            time / bound(f64::from(half))
        );
        // Who wants little does not wait for who wants much.
        let time = last(&outcomes[1..17]);
        assert!(time < 1.4 * bound(160.0), "{:.3}", time / bound(160.0));
        for (outcome, machine) in outcomes.iter().zip(&room).skip(1) {
            let Wants::Between { first, last } = machine.wants else {
                panic!("everybody wants a part")
            };
            let wanted = u64::from(last - first + 1) * PIECE;
            assert_eq!(outcome.status.have, wanted);
            assert_eq!(outcome.right, wanted, "fetched what it does not want");
        }
        let server = &outcomes[0];
        println!(
            "{} twice, last at {:.3} of the bound",
            server.repeated,
            time / bound(160.0)
        );
        assert_eq!(server.given, (0..half).collect());
        let repeated = server.repeated as f64 * f64::from(BLOCK) / (total / 2) as f64;
        assert!(
            repeated < SLACK,
            "{repeated:.3} of it twice before all was out"
        );
    }
}

/// The last one wants everything and comes when the others are done with their part: they share it
/// still, and the server gives only the rest.
#[test]
fn a_part_is_shared_with_who_wants_everything() {
    let total = 16 * MIB;
    let mut room = vec![seed(10.0 * MBIT)];
    room.extend([wanting(0, 127); 4]);
    room.push(Machine {
        starts: seconds(30.0),
        ..Machine::new(40.0 * MBIT)
    });
    let outcomes = run(total, &room, 1);
    last(&outcomes[1..]);
    let sent: u64 = outcomes[0].status.uploaded;
    assert!(
        sent < total + total / 10,
        "the server sent {:.2} of it",
        sent as f64 / total as f64
    );
    assert!(outcomes[5].status.have == total && outcomes[0].given.len() == 256);
}
