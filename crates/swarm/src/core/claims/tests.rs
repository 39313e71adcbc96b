use super::*;

fn takes(piece: u32, way: Way) -> Claim {
    let (kind, rank) = (Kind::Takes, 0);
    Claim {
        kind,
        piece,
        rank,
        way,
    }
}

/// A peer claims these pieces for itself or tells of them, and is believed.
fn claim(claims: &mut Claims, conn: u64, way: Way, pieces: std::ops::Range<u32>) {
    for piece in pieces {
        let heard = claims.heard(ConnId(conn), &takes(piece, way), Duration::ZERO);
        assert_eq!(heard, Heard::Noted);
    }
}

#[test]
fn who_repeats_a_claim_without_pause_is_noted_twice_a_second_at_most() {
    let mut claims = Claims::default();
    let claim = Claim {
        kind: Kind::Takes,
        piece: 7,
        rank: 1,
        way: Way::TellOn,
    };
    let noted = (0..3000).filter(|ms| {
        let now = Duration::from_millis(*ms);
        claims.heard(ConnId(1), &claim, now) == Heard::Noted
    });
    assert_eq!(noted.count(), 6);
}

#[test]
fn who_tells_of_claims_without_end_makes_nobody_wait() {
    let mut claims = Claims::default();
    for (piece, way) in (0..400).flat_map(|piece| [(piece, Way::Direct), (piece, Way::ToldOn)]) {
        claims.heard(ConnId(1), &takes(piece, way), Duration::ZERO);
    }
    assert_eq!(claims.others().count() as u32, FIRST_CLAIMS + MOST_TOLD);
    assert!(!claims.crowded(Duration::ZERO) && !claims.left_out());
}

#[test]
fn who_had_more_of_the_server_than_the_others_is_ahead_until_they_catch_up() {
    let mut claims = Claims::default();
    let now = Duration::ZERO;
    let fetch = |claims: &mut Claims, pieces: std::ops::Range<u32>| {
        for piece in pieces {
            claims.take(piece, 0, now);
            claims.fetched(piece);
        }
    };
    let others = |claims: &mut Claims, way, pieces: std::ops::Range<u32>| {
        for piece in pieces {
            let conn = u64::from(piece % 2);
            claim(claims, conn, way, piece..piece + 1);
            claims.came(piece, Some(ConnId(conn)));
        }
    };
    // Alone it is ahead of nobody.
    fetch(&mut claims, 0..100);
    assert!(!claims.ahead());
    others(&mut claims, Way::Direct, 1000..1010);
    assert!(claims.ahead(), "100 beside twice 5");
    others(&mut claims, Way::Direct, 1010..1200);
    assert!(!claims.ahead(), "100 each");
    fetch(&mut claims, 100..130);
    assert!(claims.ahead(), "130 beside twice 100");
    // What a peer tells of others is not what it had itself.
    others(&mut claims, Way::ToldOn, 2000..2200);
    assert!(claims.ahead(), "130 beside twice 100 and what they told of");
    claims.gone(ConnId(0));
    claims.gone(ConnId(1));
    assert!(!claims.ahead(), "they are gone");
}

#[test]
fn who_walks_behind_another_goes_elsewhere() {
    let mut claims = Claims::default();
    claims.take(7, 0, Duration::ZERO);
    claims.reserve(8, 0, Duration::ZERO);
    // The next one is not asked for yet: another one will be.
    claims.came(8, Some(ConnId(1)));
    assert_eq!(claims.last(), Some(7));
    claims.came(7, None);
    assert_eq!(claims.last(), Some(7), "it came to us");
    claims.reserve(8, 0, Duration::ZERO);
    claims.came(7, Some(ConnId(1)));
    assert_eq!((claims.last(), claims.next()), (None, None));
    assert!(claims.free(8));
}

/// Two peers of a large room that have kept four claims each, told of forty others that came true, and claim as much again.
fn large_room() -> Claims {
    let mut claims = Claims::default();
    for (conn, first) in [(1, 0), (2, 1000)] {
        for (way, pieces) in [
            (Way::TellOn, first..first + 4),
            (Way::ToldOn, first + 4..first + 44),
        ] {
            claim(&mut claims, conn, way, pieces.clone());
            for piece in pieces {
                claims.came(piece, Some(ConnId(conn)));
            }
        }
        claim(&mut claims, conn, Way::TellOn, first + 100..first + 104);
        claim(&mut claims, conn, Way::ToldOn, first + 104..first + 144);
    }
    claims
}

#[test]
fn in_a_large_room_what_is_heard_late_keeps_nobody_from_the_server() {
    let mut claims = large_room();
    assert!(claims.crowded(Duration::ZERO), "88 pieces are claimed");
    for (conn, first) in [(1, 100), (2, 1100)] {
        for piece in first..first + 3 {
            claims.came(piece, Some(ConnId(conn)));
        }
    }
    // Of the eighty others most have come as well; nobody has said so yet.
    assert_eq!(claims.others().count(), 82);
    assert!(!claims.crowded(Duration::ZERO));
}

#[test]
fn who_comes_again_and_again_and_tells_of_claims_makes_nobody_wait() {
    let mut claims = Claims::default();
    claim(&mut claims, 0, Way::Direct, 0..4);
    claim(&mut claims, 1, Way::Direct, 4..8);
    for conn in 2..100 {
        claim(&mut claims, conn, Way::ToldOn, 1000..1000 + MOST_TOLD);
        assert!(!claims.crowded(Duration::ZERO), "{conn}");
        claims.gone(ConnId(conn));
    }
}

#[test]
fn in_a_large_room_nobody_walks_for_long() {
    for (mut claims, walks) in [(large_room(), WALK), (Claims::default(), 1000)] {
        let mut piece = 5000;
        claims.take(piece, 0, Duration::ZERO);
        while let Some(last) = claims.last().filter(|last| *last < 6000) {
            piece = last + 1;
            claims.take(piece, 0, Duration::ZERO);
        }
        assert_eq!(piece - 5000, walks);
    }
}

#[test]
fn claims_are_repeated_together() {
    let mut claims = Claims::default();
    let at = Duration::from_millis;
    let told = |claims: &mut Claims| std::iter::from_fn(|| claims.untold()).count();
    for (piece, ms) in [(1, 0), (2, 700), (3, 1900)] {
        claims.take(piece, 0, at(ms));
    }
    assert_eq!(told(&mut claims), 3);
    claims.repeat(at(1999));
    assert_eq!(told(&mut claims), 0);
    claims.repeat(at(2000));
    assert_eq!(told(&mut claims), 2, "the third is new still");
    claims.repeat(at(3900));
    assert_eq!(told(&mut claims), 3);
}
