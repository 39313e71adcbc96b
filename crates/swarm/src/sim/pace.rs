//! Threads that begin and end a piece of work together, a thousand times a second.
//!
//! They wait awake: one that sleeps is woken later than a beat takes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct Pace {
    begun: AtomicUsize,
    /// Over all beats and threads.
    done: AtomicUsize,
    over: AtomicBool,
}

impl Pace {
    /// Those who follow begin.
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Release);
    }

    /// Waits until so many who follow have done what was begun, or one of them has failed.
    pub(super) fn wait_for(&self, followers: usize) {
        let all = self.begun.load(Ordering::Relaxed) * followers;
        while !self.is_over() && self.done.load(Ordering::Acquire) < all {
            std::thread::yield_now();
        }
    }

    /// Who leads until this is dropped, however that comes.
    pub(super) fn lead(&self) -> Lead<'_> {
        Lead(self)
    }

    /// Somebody has failed, so that there is no sense in going on.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Works each time it is begun, until the end.
    pub(super) fn follow(&self, work: impl Fn()) {
        let mut begun = 0;
        while !self.is_over() {
            if self.begun.load(Ordering::Acquire) == begun {
                std::thread::yield_now();
                continue;
            }
            begun += 1;
            let _done = Done(self);
            work();
        }
    }
}

pub(super) struct Lead<'a>(&'a Pace);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

struct Done<'a>(&'a Pace);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        // Nobody is to wait for a thread that panics.
        if std::thread::panicking() {
            self.0.over.store(true, Ordering::Release);
        }
        self.0.done.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Pace;

    #[test]
    fn all_work_in_step_and_nobody_waits_for_who_failed() {
        let (pace, worked) = (Pace::default(), AtomicUsize::new(0));
        let work = || {
            assert!(worked.fetch_add(1, Ordering::Relaxed) < 20, "enough");
        };
        let ended = std::thread::scope(|scope| {
            let followers = [(); 2].map(|()| scope.spawn(|| pace.follow(work)));
            {
                let _lead = pace.lead();
                for beat in 1..100 {
                    pace.begin();
                    pace.wait_for(2);
                    assert!(pace.is_over() || worked.load(Ordering::Relaxed) == 2 * beat);
                }
            }
            followers.map(|one| one.join().is_err())
        });
        assert!(ended.contains(&true));
    }
}
