use super::*;

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
        let (kind, rank) = (Kind::Takes, 0);
        let claim = Claim {
            kind,
            piece,
            rank,
            way,
        };
        claims.heard(ConnId(1), &claim, Duration::ZERO);
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
    let others = |claims: &mut Claims, pieces: std::ops::Range<u32>| {
        for piece in pieces {
            let (kind, rank, way) = (Kind::Takes, 0, Way::Direct);
            let claim = Claim {
                kind,
                piece,
                rank,
                way,
            };
            claims.heard(ConnId(u64::from(piece % 2)), &claim, now);
            claims.came(piece, Some(ConnId(u64::from(piece % 2))));
        }
    };
    // Alone it is ahead of nobody.
    fetch(&mut claims, 0..100);
    assert!(!claims.ahead());
    others(&mut claims, 1000..1010);
    assert!(claims.ahead(), "100 beside twice 5");
    others(&mut claims, 1010..1200);
    assert!(!claims.ahead(), "100 each");
    fetch(&mut claims, 100..130);
    assert!(claims.ahead(), "130 beside twice 100");
    // A piece that came from elsewhere is nobody's merit.
    claims.gone(ConnId(0));
    claims.gone(ConnId(1));
    assert!(!claims.ahead(), "they are gone");
}
