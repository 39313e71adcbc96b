//! One subnet's file: lines are appended to it, and it is written anew at the start and when it has
//! grown. It never fails: where the disk is full or the folder gone, the leases are in memory
//! alone, which is said once, and tried again. A file with lines that are no leases is kept beside the
//! new one as `NAME.damaged`, the last one only: a person may have mistyped what is nowhere else.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pxe::{Change, Moment, Records, Responder};

use crate::replace::{named, replace};

/// The folder's name in the state folder.
const FOLDER: &str = "leases";
/// The most that is read, from the file's end; more than we ever let it grow to.
pub(super) const MOST_BYTES: u64 = 8 << 20;
/// Lines a file may have beyond two for each record, before it is written anew.
pub(super) const SPARE_LINES: usize = 1024;
/// How long a file that cannot be written is left alone.
pub(super) const RETRY: Duration = Duration::from_secs(30);
/// Seconds the two clocks may drift apart before we say that one was set.
const DRIFT: u64 = 60;

/// The file, and what stands in it.
#[derive(Debug)]
pub(super) struct LeaseFile {
    path: PathBuf,
    /// What is written, or will be as soon as it can be.
    records: Records,
    /// `None`: the leases are in memory alone.
    open: Option<Open>,
    /// Since when the computer's clock was not set.
    clock: Moment,
    /// Not written anew before this, on the clock of the run.
    not_before: Duration,
    /// It was said that the file cannot be written.
    failing: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and inode: who takes the file away takes the leases of the next run with it.
    identity: (u64, u64),
    lines: usize,
}

impl LeaseFile {
    /// Reads the file of `responder`'s subnet in `state`, and gives `responder` the leases back.
    pub(super) fn open(state: &Path, responder: &mut Responder, at: Moment) -> Self {
        let pool = responder.leases().pool();
        let settings = responder.settings();
        let network = Ipv4Addr::from(u32::from(settings.server) & u32::from(pool.mask()));
        let name = format!("{network}_{}", settings.prefix);
        let path = state.join(FOLDER).join(name);
        let mut file = Self {
            path,
            records: Records::default(),
            open: None,
            clock: at,
            not_before: at.run,
            failing: false,
        };
        match read(&file.path) {
            Ok((text, unread)) => {
                let (records, foreign) = Records::read(&text, &responder.pools(), at.wall);
                if let Some(damage) = damage(foreign, unread) {
                    file.keep_damaged(&damage);
                }
                file.records = records;
            }
            Err(error) => {
                tracing::warn!(
                    "leases cannot be read from {}: {error}; it is left as it is, and the server goes on with its \
                     memory alone\n    remedy: remove it, or make it readable, and start again",
                    file.path.display()
                );
                file.not_before = Duration::MAX;
            }
        }
        file.restore(responder, at);
        file.write_anew(at);
        file
    }

    /// Before the file is written anew without them.
    fn keep_damaged(&self, damage: &str) {
        let path = self.path.display();
        let kept = named(&self.path, ".damaged");
        let is_kept = match keep(&self.path, &kept) {
            Ok(()) => format!("the file as it was is {}", kept.display()),
            Err(error) => format!("it cannot be kept as {}: {error}", kept.display()),
        };
        tracing::warn!(
            "{path}: {damage}; left out, the others count; {is_kept}\n    remedy: if a line is missed, stop the server, \
             write it as it should be at the end of {path}, and start again"
        );
    }

    fn restore(&self, responder: &mut Responder, at: Moment) {
        let remembered = self
            .records
            .changes(at)
            .filter(|change| responder.restore(*change) && matches!(change, Change::Lease(_)))
            .count();
        if remembered > 0 {
            let leases = if remembered == 1 { "lease" } else { "leases" };
            tracing::info!(
                "{remembered} {leases} remembered from {}",
                self.path.display()
            );
        }
    }

    /// Writes `changes` down, if it can be done.
    pub(super) fn write(&mut self, changes: &[Change], at: Moment) {
        let set = at.was_set_since(self.clock);
        let was_set = set.unsigned_abs() > DRIFT;
        if was_set {
            self.records.shift(set);
            self.clock = at;
        }
        let mut lines = String::new();
        for change in changes {
            if let Some(record) = self.records.note(*change, at) {
                let _ = writeln!(lines, "{record}");
            }
        }
        let nothing_new = lines.is_empty() && !was_set;
        if nothing_new || (!was_set && self.append(&lines) && !self.has_grown()) {
            return;
        }
        self.write_anew(at);
    }

    /// Adds whole lines at the end; says whether they are in the file that the next run will read.
    fn append(&mut self, lines: &str) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        let there = fs::metadata(&self.path).is_ok_and(|found| identity(&found) == open.identity);
        let written = there && open.file.write_all(lines.as_bytes()).is_ok();
        if written {
            open.lines += lines.lines().count();
        } else {
            self.open = None;
        }
        written
    }

    fn has_grown(&self) -> bool {
        let most = 2 * self.records.len() + SPARE_LINES;
        self.open.as_ref().is_some_and(|open| open.lines > most)
    }

    fn write_anew(&mut self, at: Moment) {
        if at.run < self.not_before {
            return;
        }
        let path = self.path.display();
        match anew(&self.path, &self.records) {
            Ok(open) => {
                self.open = Some(open);
                if std::mem::take(&mut self.failing) {
                    tracing::info!("leases are written to {path} again");
                }
            }
            Err(error) => {
                self.open = None;
                self.not_before = at.run + RETRY;
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        "leases cannot be written to {path}: {error}; the server goes on with its memory alone and \
                         tries again\n    remedy: make room there, or let the server's user write to this folder"
                    );
                }
            }
        }
    }
}

/// What is wrong with a file, if anything is: lines that are nothing of ours, and bytes that were too many to be read.
fn damage(foreign: usize, unread: u64) -> Option<String> {
    let mut damage = Vec::new();
    if foreign > 0 {
        let (lines, are) = if foreign == 1 {
            ("line", "is no lease")
        } else {
            ("lines", "are no leases")
        };
        damage.push(format!("{foreign} {lines} {are} of this subnet"));
    }
    if unread > 0 {
        let unread = report::bytes(unread);
        damage.push(format!("{unread} before its end are too much"));
    }
    (!damage.is_empty()).then(|| damage.join(", "))
}

/// Gives the file another name too, in the place of what has it.
fn keep(path: &Path, kept: &Path) -> io::Result<()> {
    match fs::remove_file(kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A second name, so that the first is there whenever we are killed. Not all file systems can do that.
    fs::hard_link(path, kept).or_else(|_| fs::rename(path, kept))
}

/// The end of the file, in whole lines but for the last, and how many bytes before it were too many.
fn read(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    use io::ErrorKind::{NotADirectory, NotFound};
    let found = match fs::metadata(path) {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
            return Ok((Vec::new(), 0));
        }
        found => found?,
    };
    // Opening a pipe would wait for somebody to write.
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut file = File::open(path)?;
    let unread = found.len().saturating_sub(MOST_BYTES);
    file.seek(SeekFrom::Start(unread))?;
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    if unread > 0 {
        let torn = text.iter().position(|byte| *byte == b'\n');
        text.drain(..torn.map_or(text.len(), |end| end + 1));
    }
    Ok((text, unread))
}

/// Writes the file anew.
fn anew(path: &Path, records: &Records) -> io::Result<Open> {
    let text = records.to_string();
    let file = replace(path, &text)?;
    Ok(Open {
        identity: identity(&file.metadata()?),
        lines: text.lines().count(),
        file,
    })
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
