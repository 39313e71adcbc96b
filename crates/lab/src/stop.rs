//! Waiting with a way out: every wait of the lab has a deadline and ends early on Ctrl-C.
//!
//! Never a wait for a fixed time: a wait is always for a condition.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Somebody's wish that the lab ends; cheap to clone, every clone is the same wish.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A wish that is only ever made by [`Stop::request`].
    pub fn never() -> Stop {
        Stop::default()
    }

    /// A wish made by Ctrl-C, a termination request or a closed terminal. The second such signal ends the
    /// process on the spot; the room's watcher cleans up then.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))?;
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Makes the wish.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the wish was made.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// An error once the wish was made, so that `?` leads out.
    pub fn check(&self) -> Result<()> {
        if self.requested() {
            bail!("interrupted");
        }
        Ok(())
    }
}

/// Asks `condition` again and again until it has a value; fails at the deadline, on the first
/// error of the condition, and when `stop` is requested. `what` names the awaited thing in the
/// message.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    stop: &Stop,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        stop.check()?;
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if begin.elapsed() > deadline {
            bail!("{what} did not come within {} s", deadline.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
}
