//! Others on the wire, who are there for as long as they are heard.
//!
//! Silence proves something only where somebody asked: so what counts is how many of our questions stayed
//! without an answer, and for how long. It knows nothing of packets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::{LATER, SILENCE};
use crate::probe::Foreign;

/// For how long our questions must stay without an answer until somebody who was heard counts as gone. Longer
/// than most routers need to start again; one forged OFFER costs as much.
pub const GONE: Duration = Duration::from_secs(2 * 60);
/// With each one who went and came, it takes twice as long, up to this. So long without anybody, it begins
/// anew with [`GONE`].
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How many of our questions that must be at least.
const UNANSWERED: u32 = 4;
/// After how many of them another bt-server, which answers, takes the place of the one that does not.
const MISSED: u32 = 2;
/// So many questions tell whether who answers machines is another bt-server, on a wire that loses packets.
const TRIES: u32 = 8;
/// Between two questions to somebody who answers each: twice as long each time, up to this. Others write each
/// question into their log.
const CALM: Duration = Duration::from_secs(4 * 60);
/// How long a stranger must not have been heard until another one gives the reason its name.
const RENAMED: Duration = Duration::from_secs(10 * 60);
/// For how long what another bt-server said last explains what it told machines before it heard of us.
const YIELDS: Duration = Duration::from_secs(30);
/// How long a bt-server that began together with us is waited for after its last word: it asks every 2 s until
/// it knows its role, and then answers ours.
const TWIN: Duration = Duration::from_secs(7);
/// And how long altogether: a stranger must not keep us from beginning for ever.
const TWIN_AT_MOST: Duration = Duration::from_secs(60);

/// Somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<T> {
    pub(super) who: T,
    /// When it was heard first.
    pub(super) first: Duration,
    /// Our questions since it was heard last.
    unanswered: u32,
    /// When the first of these was asked.
    since: Duration,
    calm: Duration,
}

impl<T> Present<T> {
    fn new(who: T, now: Duration) -> Present<T> {
        Present {
            who,
            first: now,
            unanswered: 0,
            since: now,
            calm: LATER,
        }
    }

    fn heard(&mut self) {
        if self.unanswered > 0 {
            self.calm = CALM.min(self.calm * 2);
        }
        self.unanswered = 0;
    }

    fn asked(&mut self, now: Duration) {
        if self.unanswered == 0 {
            self.since = now;
        }
        self.unanswered += 1;
    }

    fn is_gone(&self, patience: Duration, now: Duration) -> bool {
        self.unanswered >= UNANSWERED && now.saturating_sub(self.since) >= patience
    }
}

/// A server that is none of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger {
    /// Whom the reason names.
    pub(super) named: Foreign,
    named_last: Duration,
    /// It offered an address to our own question, which no bt-server does.
    certain: bool,
    /// Our questions since it came.
    asked: u32,
}

impl Stranger {
    /// It may be another bt-server that was heard to answer a machine, whose greeting was lost: it is asked again at once where
    /// others would be left in peace, since each of its answers to machines would put our question off.
    fn may_be_ours(&self) -> bool {
        !self.certain && self.asked < TRIES
    }
}

#[derive(Clone, Copy, Debug)]
struct Twin {
    first: Duration,
    last: Duration,
}

/// What was seen since the link came up: with the cable, the wire may have become another.
#[derive(Clone, Debug)]
pub(super) struct Link {
    first_question: Option<Duration>,
    pub(super) next_question: Duration,
    last_question: Option<Duration>,
    questions: u32,
    pub(super) stranger: Option<Present<Stranger>>,
    /// Another bt-server, which answers HTTP here.
    pub(super) ours: Option<Present<SocketAddrV4>>,
    /// One that makes way for us, and when it was heard last.
    yields: Option<(Ipv4Addr, Duration)>,
    /// When we made way for another bt-server, as long as that is not long ago.
    pub(super) made_way: Option<Duration>,
    twin: Option<Twin>,
    patience: Duration,
    /// When the last one went.
    alone_since: Option<Duration>,
}

impl Link {
    pub(super) fn new(now: Duration) -> Link {
        Link {
            first_question: None,
            next_question: now,
            last_question: None,
            questions: 0,
            stranger: None,
            ours: None,
            yields: None,
            made_way: None,
            twin: None,
            patience: GONE,
            alone_since: None,
        }
    }

    /// A question was asked, and `every` so long another one is to be.
    pub(super) fn asked(&mut self, every: Duration, now: Duration) {
        self.first_question.get_or_insert(now);
        self.last_question = Some(now);
        self.questions += 1;
        self.next_question = now + every;
        if let Some(stranger) = &mut self.stranger {
            stranger.asked(now);
            stranger.who.asked += 1;
        }
        if let Some(ours) = &mut self.ours {
            ours.asked(now);
        }
    }

    /// Whether nobody answered, after enough questions and for long enough.
    pub(super) fn was_silent(&self, questions: u32, now: Duration) -> bool {
        let since = |first: Duration| now.saturating_sub(first);
        let long = self
            .first_question
            .is_some_and(|first| since(first) >= SILENCE);
        long && self.questions >= questions
    }

    /// When the first of those who are there was heard.
    pub(super) fn first_heard(&self) -> Option<Duration> {
        let stranger = self.stranger.as_ref().map(|stranger| stranger.first);
        let ours = self.ours.as_ref().map(|ours| ours.first);
        [stranger, ours].into_iter().flatten().min()
    }

    /// A server that is none of ours, unless it is another bt-server that speaks to a machine. `own` is whether it
    /// answered our own question.
    pub(super) fn stranger(&mut self, foreign: Foreign, own: bool, now: Duration) {
        if !own {
            if let Some(ours) = &mut self.ours
                && speaks(&foreign, *ours.who.ip())
            {
                ours.heard();
                return self.wait_after_an_answer(now);
            }
            let recent = |(_, at): &(Ipv4Addr, Duration)| now < *at + YIELDS;
            if let Some((address, _)) = self.yields.filter(recent)
                && speaks(&foreign, address)
            {
                return;
            }
        }
        if let Some(stranger) = &mut self.stranger {
            stranger.heard();
            let who = &mut stranger.who;
            who.certain |= own;
            if who.named.known_as() == foreign.known_as() {
                who.named_last = now;
            } else if now >= who.named_last + RENAMED {
                (who.named, who.named_last) = (foreign, now);
            }
        } else {
            self.somebody_came(now);
            let stranger = Stranger {
                named: foreign,
                named_last: now,
                certain: own,
                asked: 0,
            };
            self.stranger = Some(Present::new(stranger, now));
        }
        self.wait_after_an_answer(now);
    }

    /// Another bt-server says that it serves here. One of the two makes way; we do not where it is `higher` and came
    /// later. What it told machines before is then explained.
    pub(super) fn sister(&mut self, first: SocketAddrV4, higher: bool, now: Duration) {
        let explained = |stranger: &Present<Stranger>| {
            !stranger.who.certain && speaks(&stranger.who.named, *first.ip())
        };
        if self.stranger.as_ref().is_some_and(explained) {
            self.stranger = None;
        }
        match &mut self.ours {
            Some(ours) if ours.who == first => ours.heard(),
            // The one that was there keeps its place for as long as it answers.
            Some(ours) if ours.unanswered < MISSED => {}
            None if higher => self.yields = Some((*first.ip(), now)),
            _ => {
                self.somebody_came(now);
                self.ours = Some(Present::new(first, now));
            }
        }
        self.wait_after_an_answer(now);
    }

    /// Another bt-server begins to look at the wire.
    pub(super) fn twin(&mut self, now: Duration) {
        let twin = self.twin.get_or_insert(Twin {
            first: now,
            last: now,
        });
        twin.last = now;
    }

    /// Whether a bt-server that began together with us may still take its role.
    pub(super) fn waits_for_a_twin(&self, now: Duration) -> bool {
        let twin = self.twin.as_ref();
        twin.is_some_and(|twin| now < twin.last + TWIN && now < twin.first + TWIN_AT_MOST)
    }

    /// Asks sooner: now, or so long after the last question as one does of whom one is not sure.
    pub(super) fn ask_soon(&mut self, now: Duration) {
        let earliest = self.last_question.map_or(now, |last| last + LATER);
        self.next_question = self.next_question.min(earliest.max(now));
    }

    /// Whoever did not answer for too long is gone. With the last of them, the wire is to be looked at as at the start:
    /// that is told.
    pub(super) fn forget(&mut self, now: Duration) -> bool {
        let patience = self.patience;
        self.made_way.take_if(|at| now >= *at + YIELDS);
        let before = self.first_heard().is_some();
        self.stranger.take_if(|one| one.is_gone(patience, now));
        self.ours.take_if(|one| one.is_gone(patience, now));
        let anew = before && self.first_heard().is_none();
        if anew {
            (self.first_question, self.questions) = (None, 0);
            (self.yields, self.twin) = (None, None);
            self.next_question = now;
            self.alone_since = Some(now);
            self.patience = LONGEST.min(patience * 2);
        }
        anew
    }

    fn somebody_came(&mut self, now: Duration) {
        let is_new = self.first_heard().is_none();
        let alone = |since: Duration| now.saturating_sub(since) >= LONGEST;
        if is_new && self.alone_since.is_some_and(alone) {
            self.patience = GONE;
        }
    }

    /// Nobody is asked again soon who has just answered; whoever has not is.
    fn wait_after_an_answer(&mut self, now: Duration) {
        let unsure = |stranger: &Present<Stranger>| stranger.who.may_be_ours();
        if self.ours.is_none() && self.stranger.as_ref().is_some_and(unsure) {
            return;
        }
        let stranger = self.stranger.as_ref().map(|one| (one.unanswered, one.calm));
        let ours = self.ours.as_ref().map(|one| (one.unanswered, one.calm));
        let all = || [stranger, ours].into_iter().flatten();
        if let Some(calm) = all().map(|(_, calm)| calm).min()
            && all().all(|(unanswered, _)| unanswered == 0)
        {
            self.next_question = now + calm;
        }
    }
}

/// Whether `foreign` is what a server at `address` says.
fn speaks(foreign: &Foreign, address: Ipv4Addr) -> bool {
    foreign.address == address || foreign.server_id == Some(address)
}
