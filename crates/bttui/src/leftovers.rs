//! What a program leaves behind when it ends: children in the background, which would keep its folder and its memory.
//!
//! They are found in `/proc`: by the session that the program led, and by being inside its folder.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::phase1::Phase1;

/// How long the kernel may take to end what was killed.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Kills all processes of a session and all inside a folder, and waits until they are gone. Some that hang in the
/// kernel may stay; nothing waits for them for longer than two seconds.
pub fn kill(_allowed: Phase1, session: i32, folder: &Path) {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = find(Path::new("/proc"), session, folder);
        if left.is_empty() || Instant::now() > until {
            return;
        }
        for pid in left.into_iter().filter_map(Pid::from_raw) {
            // Gone meanwhile is what is wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The processes of a session and those inside a folder, but never this one or the first.
fn find(proc: &Path, session: i32, folder: &Path) -> Vec<i32> {
    let own = rustix::process::getpid().as_raw_pid();
    let listed = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid > 1 && *pid != own)
        .filter(|pid| {
            let process = proc.join(pid.to_string());
            let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
            // Only their parent can do something about those that are dead.
            let (state, of) = state_and_session(&stat).unwrap_or(('Z', 0));
            let is_inside = ["cwd", "root", "exe"].iter().any(|link| {
                let place = fs::read_link(process.join(link));
                place.is_ok_and(|place| place.starts_with(folder))
            });
            !matches!(state, 'Z' | 'X') && (of == session || is_inside)
        })
        .collect()
}

/// Of `/proc/PID/stat` (proc(5)). The name, in parentheses, may hold anything.
fn state_and_session(stat: &str) -> Option<(char, i32)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(2)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn state_and_session_are_read_whatever_the_name() {
        let table = [
            ("12 (sh) S 1 12 12 0 -1", Some(('S', 12))),
            ("12 (a) R (b) Z 1 13 14 0", Some(('Z', 14))),
            ("12 (sh) S 1", None),
            ("", None),
        ];
        for (stat, expected) in table {
            assert_eq!(state_and_session(stat), expected, "{stat}");
        }
    }

    #[test]
    fn a_process_is_found_by_its_folder_and_by_its_session() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut sleeper = Command::new("sleep")
            .arg("600")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("sleep");
        let pid = i32::try_from(sleeper.id()).expect("a number");
        let proc = Path::new("/proc");
        assert_eq!(find(proc, -1, folder.path()), [pid]);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
        let (_, session) = state_and_session(&stat).expect("a session");
        assert!(find(proc, session, Path::new("/nowhere")).contains(&pid));
        sleeper.kill().expect("killed");
        // Dead and not buried is gone enough.
        while !find(proc, -1, folder.path()).is_empty() {
            std::thread::sleep(LOOK_AGAIN);
        }
        sleeper.wait().expect("its end");
    }
}
