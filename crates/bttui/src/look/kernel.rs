//! The kernel's messages, from `/dev/kmsg`, which gives one record for each read and never waits where it is asked not
//! to (Documentation/ABI/testing/dev-kmsg of Linux).

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// The kernel's own limit of a record (`CONSOLE_EXT_LOG_MAX`).
const RECORD: usize = 8192;
/// What is shown, in bytes; of more, the end.
const MOST: usize = 512 << 10;
/// Records that are read: no kernel's buffer holds as many, but one may write as fast as is read.
const MOST_RECORDS: usize = 100_000;

/// All messages that the kernel still has, as `dmesg` shows them; those that are warnings or worse say so.
pub(super) fn messages() -> String {
    match read(Path::new("/dev/kmsg")) {
        Ok(text) => text,
        Err(error) => format!("the kernel's messages cannot be read: {error}\n"),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK.bits() as i32;
    let mut device = options.read(true).custom_flags(flags).open(path)?;
    let mut record = vec![0; RECORD];
    let mut kept = Kept::default();
    for _ in 0..MOST_RECORDS {
        match device.read(&mut record) {
            Ok(0) => break,
            Ok(length) => kept.push(line(&String::from_utf8_lossy(&record[..length]))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // What was next has been overwritten, or is larger than any may be: the one after it follows.
            Err(error) if [Errno::PIPE, Errno::INVAL].iter().any(|e| is(&error, *e)) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept.lines.into_iter().collect())
}

fn is(error: &std::io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// The newest lines, as many as may be shown.
#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > MOST {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }
}

/// `4,712,1234567,-;the message\n SUBSYSTEM=pci`: priority and facility, number, microseconds, flags; below it what it
/// is about, which is not shown.
fn line(record: &str) -> String {
    let (head, rest) = record.split_once(';').unwrap_or(("", record));
    let message = rest.lines().next().unwrap_or_default();
    let mut fields = head.split(',').map(|field| field.parse::<u64>().ok());
    let level = match fields.next().flatten().map(|number| number & 7) {
        Some(0) => "emergency: ",
        Some(1) => "alert: ",
        Some(2) => "critical: ",
        Some(3) => "error: ",
        Some(4) => "warning: ",
        _ => "",
    };
    let micros = fields.nth(1).flatten().unwrap_or(0);
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    format!("[{seconds:5}.{rest:06}] {level}{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_a_line() {
        let table = [
            (
                "6,1,0,-;Linux version 6.12\n",
                "[    0.000000] Linux version 6.12\n",
            ),
            (
                "3,712,12345678,-;e1000: no link\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:03.0\n",
                "[   12.345678] error: e1000: no link\n",
            ),
            ("12,3,5,-;a;b\n", "[    0.000005] warning: a;b\n"),
            ("nonsense", "[    0.000000] nonsense\n"),
            ("", "[    0.000000] \n"),
        ];
        for (record, expected) in table {
            assert_eq!(line(record), expected, "{record:?}");
        }
    }

    #[test]
    fn of_too_many_the_newest_are_kept() {
        let mut kept = Kept::default();
        for number in 0..20_000 {
            kept.push(format!("{number:06} {}\n", "x".repeat(92)));
        }
        assert!(kept.bytes <= MOST && kept.bytes > MOST - 200);
        assert!(
            kept.lines
                .back()
                .is_some_and(|line| line.starts_with("019999"))
        );
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error() {
        assert!(read(Path::new("/nonexistent")).is_err());
        assert_eq!(read(Path::new("/dev/null")).expect("nothing"), "");
    }
}
