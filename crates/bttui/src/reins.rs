//! A child process that somebody waits for and others may end.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use report::Exit;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// The way to end a program from elsewhere.
#[derive(Debug, Default)]
pub struct Reins(Mutex<Option<Pid>>);

impl Reins {
    /// Sends a signal to the program and to all of its process group, if it still runs.
    pub fn signal(&self, signal: Signal) {
        // Held while it is sent: the number cannot become another process's meanwhile, since whoever waits for the
        // program takes it away first.
        let running = self.held();
        if let Some(pid) = *running {
            // It leads its group; before it does, only itself is there.
            let all = rustix::process::kill_process_group(pid, signal);
            if all.is_err() {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }

    /// Waits for the end of a child that can be signalled meanwhile.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        if let Some(pid) = self.set(child) {
            let dead = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), dead)
            {
            }
        }
        *self.held() = None;
        child.wait()
    }

    /// Takes a child that has just been started; its number, if it has one.
    pub fn set(&self, child: &Child) -> Option<Pid> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        *self.held() = pid;
        pid
    }

    fn held(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a process has ended.
pub fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(status), _) => Exit::Itself { status },
        (None, signal) => Exit::Signal {
            signal: signal.unwrap_or(0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::Arc;

    #[test]
    fn how_it_ended_is_told_and_a_signal_reaches_it() {
        let reins = Arc::new(Reins::default());
        let sh = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(script).process_group(0);
            command.spawn().expect("a shell")
        };
        let ended = reins.wait(&mut sh("exit 3")).expect("its end");
        assert_eq!(exit(ended), Exit::Itself { status: 3 });
        let mut child = sh("sleep 600");
        let waiting = Arc::clone(&reins);
        let waiter = std::thread::spawn(move || waiting.wait(&mut child).expect("its end"));
        // Until it is known; a signal before that reaches nobody.
        while !waiter.is_finished() {
            reins.signal(Signal::TERM);
            std::thread::yield_now();
        }
        let ended = exit(waiter.join().expect("no panic"));
        assert_eq!(ended, Exit::Signal { signal: 15 });
        reins.signal(Signal::TERM); // nobody is there any more
    }
}
