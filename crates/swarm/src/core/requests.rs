//! What we asked of one peer, and how much to ask at a time.

use std::collections::VecDeque;
use std::time::Duration;

use super::meter::Meter;
use super::{BLOCK, Block};

/// Fewest blocks to keep open at a peer: with one, the wire rests for every round trip.
pub const MIN_WINDOW: u32 = 2;

/// Most blocks to keep open at a peer (4 MiB). Every client accepts as many.
pub const MAX_WINDOW: u32 = 256;

/// How long a peer may deliver nothing of what we asked, at first and at most. It grows with every
/// silence, since a server with a thousand machines and a slow link is slow, not dead.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_PATIENCE: Duration = Duration::from_secs(60);

/// How many withdrawn requests to remember: their data may be on its way already.
const MAX_LATE: usize = 2 * MAX_WINDOW as usize;

/// Of a peer that brings less than is hoped for not more is asked than comes within so many times the usual wait.
const INDULGENCE: f64 = 4.0;

/// The last answer counts so much in the average wait.
const LATEST: f64 = 0.125;
/// Who has answered nothing for so long may be slow by now.
const RECENT: Duration = Duration::from_secs(1);

struct Open {
    block: Block,
    since: Duration,
}

/// Whether a peer brings what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It was not asked yet, or not for long.
    Unproven,
    /// It brought something, and was not overdue since.
    Proven,
    /// It was overdue, and has brought nothing since.
    Doubted,
}

/// How a block that arrived relates to what we asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Asked for and waited for.
    Due,
    /// Asked for once, and withdrawn.
    Late,
    /// Never asked for.
    Unasked,
}

pub(crate) struct Requests {
    open: VecDeque<Open>,
    late: VecDeque<Block>,
    window: u32,
    /// Most blocks to keep open, as the peer says.
    limit: u32,
    /// How many seconds of its rate we keep open at the peer.
    depth: Duration,
    meter: Meter,
    /// Bytes a second that it should bring.
    share: f64,
    /// Seconds that answers take, on average of the last few.
    wait: f64,
    last_data: Duration,
    /// When something came that was waited for.
    last_answer: Option<Duration>,
    patience: Duration,
    /// Nothing is asked until then.
    passed_over: Duration,
    /// What it is worth: see [`Trust`].
    trust: Trust,
    pub(crate) current: Option<u32>,
}

impl Requests {
    /// `depth` is how long a request may wait at the peer behind others of ours.
    pub(crate) fn new(depth: Duration, now: Duration) -> Self {
        Self {
            open: VecDeque::new(),
            late: VecDeque::new(),
            window: 2 * MIN_WINDOW,
            limit: MAX_WINDOW,
            depth,
            meter: Meter::new(Duration::from_secs(1), now),
            share: 0.0,
            wait: depth.as_secs_f64(),
            last_data: now,
            last_answer: None,
            patience: PATIENCE,
            passed_over: Duration::ZERO,
            trust: Trust::Unproven,
            current: None,
        }
    }

    pub(crate) fn set_depth(&mut self, depth: Duration) {
        self.depth = depth;
    }

    /// It should bring so many bytes a second: what is asked may wait longer than otherwise, up to
    /// [`INDULGENCE`] times as long.
    ///
    /// With two blocks open the peer's TCP rests every other moment, and what TCP has once lost of its own window it never
    /// wins back then. So a peer of which little is asked because it seems slow stays slow.
    pub(crate) fn expect(&mut self, share: f64) {
        self.share = share;
    }

    /// The peer keeps no more requests than this.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit.clamp(1, MAX_WINDOW);
    }

    /// Nothing is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// How many more blocks may be asked now.
    pub(crate) fn room(&self, now: Duration) -> u32 {
        if now < self.passed_over {
            return 0;
        }
        self.window
            .min(self.limit)
            .saturating_sub(self.open.len() as u32)
    }

    /// The same, where no more than `most` are to be open.
    pub(crate) fn room_within(&self, most: u32, now: Duration) -> u32 {
        self.room(now)
            .min(most.saturating_sub(self.open.len() as u32))
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    /// Whether this block is asked.
    pub(crate) fn has(&self, block: Block) -> bool {
        self.open.iter().any(|open| open.block == block)
    }

    /// So little is open that the peer soon has nothing to do.
    pub(crate) fn idle(&self) -> bool {
        (self.open.len() as u32) < MIN_WINDOW
    }

    /// What was withdrawn before and is asked again may come twice.
    pub(crate) fn asked(&mut self, block: Block, now: Duration) {
        self.open.push_back(Open { block, since: now });
        self.current = Some(block.piece);
    }

    /// A block came.
    pub(crate) fn answered(&mut self, block: Block, now: Duration) -> Answer {
        if let Some(at) = self.open.iter().position(|open| open.block == block) {
            let full = self.open.len() as u32 >= self.window.min(self.limit);
            let open = self.open.remove(at).expect("found there");
            self.delivered(block, now);
            self.adapt(now.saturating_sub(open.since), full, now);
            self.patience = PATIENCE.max(self.patience / 2);
            return Answer::Due;
        }
        if let Some(at) = self.late.iter().position(|late| *late == block) {
            self.late.remove(at);
            self.delivered(block, now);
            return Answer::Late;
        }
        Answer::Unasked
    }

    /// The peer is not to bring this one any more. False if it was not asked.
    pub(crate) fn withdraw(&mut self, block: Block) -> bool {
        let Some(at) = self.open.iter().position(|open| open.block == block) else {
            return false;
        };
        self.open.remove(at);
        self.remember(block);
        true
    }

    /// Whether answers come so soon that they cannot have waited for our way in.
    pub(crate) fn swift(&self, now: Duration) -> bool {
        let recent = |at| now.saturating_sub(at) < RECENT;
        self.last_answer.is_some_and(recent) && self.wait < self.depth.as_secs_f64() / 4.0
    }

    /// Takes back everything that is open.
    pub(crate) fn withdraw_all(&mut self) -> Vec<Block> {
        let blocks: Vec<_> = self.open.drain(..).map(|open| open.block).collect();
        for block in &blocks {
            self.remember(*block);
        }
        self.current = None;
        blocks
    }

    /// Whether the peer has delivered nothing for too long. It is passed over for as long again,
    /// or until something comes after all.
    pub(crate) fn overdue(&mut self, now: Duration) -> bool {
        let Some(oldest) = self.open.front() else {
            return false;
        };
        if now.saturating_sub(oldest.since.max(self.last_data)) < self.patience {
            return false;
        }
        self.trust = Trust::Doubted;
        self.passed_over = now + self.patience;
        self.patience = MAX_PATIENCE.min(self.patience * 2);
        self.window = MIN_WINDOW;
        true
    }

    fn delivered(&mut self, block: Block, now: Duration) {
        self.last_data = now;
        self.trust = Trust::Proven;
        self.passed_over = Duration::ZERO;
        self.meter.add(block.length, now);
    }

    /// A block that came back soon shows that the peer could have more to do, if it had as much as the window allows;
    /// one that waited long shows a queue, which is then cut to what the peer delivers in `depth`.
    ///
    /// A window that grew while little was asked would be filled at once later, far beyond what comes in `depth`: two
    /// hundred blocks that only the server has were seen to wait for one machine's cable while all others had nothing to do.
    /// What it should bring ([`expect`](Self::expect)) is asked of it all the same: that is limited by what it does bring.
    fn adapt(&mut self, waited: Duration, full: bool, now: Duration) {
        self.last_answer = Some(now);
        self.wait += (waited.as_secs_f64() - self.wait) * LATEST;
        let depth = self.depth.as_secs_f64();
        let fits = |rate: f64| (rate * depth / f64::from(BLOCK)).ceil() as u32;
        let rate = self.meter.rate(now);
        if waited < self.depth / 2 {
            self.window += u32::from(full);
        } else if waited > self.depth {
            self.window = self.window.min(fits(rate));
        }
        let least = fits(self.share.min(rate * INDULGENCE));
        self.window = self.window.max(least).clamp(MIN_WINDOW, MAX_WINDOW);
    }

    fn remember(&mut self, block: Block) {
        if self.late.len() == MAX_LATE {
            self.late.pop_front();
        }
        self.late.push_back(block);
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Block, MAX_WINDOW, MIN_WINDOW, PATIENCE, Requests};
    use crate::core::BLOCK;
    use std::time::Duration;

    const DEPTH: Duration = Duration::from_millis(200);

    fn block(piece: u32) -> Block {
        Block {
            piece,
            begin: 0,
            length: BLOCK,
        }
    }

    /// Lets a peer answer one block every `pace`, at least `trip` after it was asked.
    fn run(requests: &mut Requests, from: Duration, pace: Duration, trip: Duration) -> Duration {
        let (mut now, mut next) = (from, 0);
        for _ in 0..3000 {
            while requests.room(now) > 0 {
                requests.asked(block(next), now);
                next += 1;
            }
            let first = requests.open.front().expect("the window is never empty");
            let (first, earliest) = (first.block, first.since + trip);
            now = (now + pace).max(earliest);
            assert_eq!(requests.answered(first, now), Answer::Due);
        }
        now
    }

    #[test]
    fn the_window_follows_the_rate() {
        let ms = Duration::from_millis;
        for (pace, trip, least, most) in [
            // 20 blocks a second: 4 fit into the depth.
            (ms(50), ms(1), 3, 5),
            // 200 a second: 40 of them.
            (ms(5), ms(1), 19, 41),
            (
                Duration::from_micros(50),
                Duration::from_micros(10),
                MAX_WINDOW,
                MAX_WINDOW,
            ),
            // One every two seconds.
            (ms(2000), ms(1), MIN_WINDOW, MIN_WINDOW),
        ] {
            let mut requests = Requests::new(DEPTH, Duration::ZERO);
            run(&mut requests, Duration::ZERO, pace, trip);
            let window = requests.window;
            assert!(
                (least..=most).contains(&window),
                "{pace:?}: window {window}"
            );
        }
    }

    #[test]
    fn a_slow_peer_is_asked_for_what_it_should_bring_within_reason() {
        // It brings 20 blocks a second: 4 in `DEPTH`, 16 in four times that.
        let pace = Duration::from_millis(50);
        for (share, fits) in [(0, 4), (20, 4), (30, 6), (400, 16)] {
            let mut requests = Requests::new(DEPTH, Duration::ZERO);
            requests.expect(f64::from(share * BLOCK));
            run(&mut requests, Duration::ZERO, pace, pace);
            let window = requests.window;
            assert!(
                (fits..=fits + 1).contains(&window),
                "{share} a second: window {window}"
            );
        }
    }

    #[test]
    fn who_answers_at_once_is_swift_until_it_is_silent() {
        let ms = Duration::from_millis;
        for (trip, swift) in [(ms(10), true), (ms(100), false)] {
            let mut requests = Requests::new(DEPTH, Duration::ZERO);
            assert!(!requests.swift(Duration::ZERO), "nothing is known yet");
            requests.set_limit(1);
            let now = run(&mut requests, Duration::ZERO, trip, trip);
            assert_eq!(requests.swift(now), swift, "answers after {trip:?}");
            // What was taken back and comes late says nothing of how soon it answers.
            requests.asked(block(9999), now);
            requests.withdraw_all();
            let later = now + ms(1000);
            assert_eq!(requests.answered(block(9999), later), Answer::Late);
            assert!(!requests.swift(later));
        }
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let ms = Duration::from_millis;
        let mut requests = Requests::new(DEPTH, Duration::ZERO);
        let before = requests.window;
        for step in 0..1000 {
            let now = ms(20 * u64::from(step));
            assert_eq!(requests.room_within(1, now), 1);
            requests.asked(block(step), now);
            assert_eq!(requests.answered(block(step), now + ms(10)), Answer::Due);
        }
        assert_eq!(requests.room(ms(20_000)), before);
    }

    #[test]
    fn a_silent_peer_is_passed_over_and_forgiven_when_it_delivers() {
        let ms = Duration::from_millis;
        let mut requests = Requests::new(DEPTH, Duration::ZERO);
        requests.asked(block(1), ms(100));
        assert!(!requests.overdue(PATIENCE));
        assert!(requests.overdue(PATIENCE + ms(100)));
        assert_eq!(requests.withdraw_all(), [block(1)]);
        assert_eq!(requests.room(2 * PATIENCE), 0);
        assert_eq!(requests.room(2 * PATIENCE + ms(100)), MIN_WINDOW);
        assert_eq!(requests.answered(block(1), 2 * PATIENCE), Answer::Late);
        assert_eq!(requests.room(2 * PATIENCE), MIN_WINDOW);
        assert_eq!(requests.answered(block(1), 2 * PATIENCE), Answer::Unasked);
    }

    #[test]
    fn what_was_taken_back_and_asked_again_may_come_twice() {
        let mut requests = Requests::new(DEPTH, Duration::ZERO);
        requests.asked(block(1), Duration::ZERO);
        requests.withdraw_all();
        requests.asked(block(1), PATIENCE);
        for answer in [Answer::Due, Answer::Late, Answer::Unasked] {
            assert_eq!(requests.answered(block(1), PATIENCE), answer);
        }
    }
}
