//! This computer's end of a shell on a machine: the terminal is raw while it lasts, and as before after any end.

use std::io::{IsTerminal, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use report::Mac;
use report::look::SHELL_PROTOCOL;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// How long a machine may take to open it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a machine may be dead before it is found out.
const DEAD_AFTER: Duration = Duration::from_secs(15);
const LARGEST_HEAD: usize = 4096;
/// Bytes typed that wait for a machine which does not read.
const MOST_WAITING: usize = 64 * 1024;
/// How long what was typed before Ctrl+] may take to leave.
const LAST_KEYS: Duration = Duration::from_millis(300);
/// Ctrl+], as telnet has it.
const LEAVE: u8 = 0x1d;
/// Ctrl+D, by which a terminal says that nothing more is typed.
const NO_MORE: u8 = 0x04;

/// Opens a shell on a machine and carries bytes until it ends, or Ctrl+] leaves it. `mac` is the machine that is meant: the
/// address may be another one's by now.
///
/// # Errors
/// It is not opened, or breaks off: why, in a sentence.
pub(super) async fn run(
    who: &str,
    mac: Option<Mac>,
    to: SocketAddr,
    from: Option<Ipv4Addr>,
) -> Result<(), String> {
    let opening = tokio::time::timeout(PATIENCE, open(mac, to, from)).await;
    let (stream, begin) = opening.map_err(|_| format!("{who} does not answer"))??;
    // Whatever ends this program in the meantime has to go by here.
    let ends = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [mut terminated, mut hung_up] = ends;
    eprintln!("A shell on {who}. The wire carries it unencrypted. Ctrl+] leaves it.");
    let raw = Raw::enter();
    let ended = carry(stream, &begin, [&mut terminated, &mut hung_up]).await;
    drop(raw);
    eprintln!("\nThe shell on {who} has ended.");
    ended.map_err(|error| format!("the connection to {who} broke off: {error}"))
}

async fn open(
    mac: Option<Mac>,
    to: SocketAddr,
    from: Option<Ipv4Addr>,
) -> Result<(TcpStream, Vec<u8>), String> {
    let unreachable = |error: std::io::Error| format!("cannot reach {to}: {error}");
    let socket = TcpSocket::new_v4().map_err(unreachable)?;
    if let Some(from) = from {
        socket.bind((from, 0).into()).map_err(unreachable)?;
    }
    let mut stream = socket.connect(to).await.map_err(unreachable)?;
    // Improvements, not needs.
    let _ = stream.set_nodelay(true);
    let reference = SockRef::from(&stream);
    let alive = TcpKeepalive::new()
        .with_time(DEAD_AFTER / 3)
        .with_interval(DEAD_AFTER / 3);
    let _ = reference.set_tcp_keepalive(&alive.with_retries(3));
    let _ = reference.set_tcp_user_timeout(Some(DEAD_AFTER));

    let (columns, rows) = size();
    let kind = std::env::var("TERM").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
    let kind: String = kind.chars().filter(|c| plain(*c)).take(32).collect();
    let meant = mac.map_or_else(String::new, |mac| format!("&mac={mac}"));
    let request = format!(
        "GET /shell?columns={columns}&rows={rows}&term={kind}{meant} HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: \
         {SHELL_PROTOCOL}\r\n\r\n"
    );
    let broken = |error: std::io::Error| {
        format!("{to} closes the connection ({error}): it answers only the server it booted from")
    };
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let (head, rest) = head(&mut stream).await.map_err(broken)?;
    if head.starts_with("HTTP/1.1 101 ") {
        return Ok((stream, rest));
    }
    let mut why = rest;
    let _ = stream.take(LARGEST_HEAD as u64).read_to_end(&mut why).await;
    Err(report::look::printable(&String::from_utf8_lossy(&why)))
}

/// The answer's head, and what came behind it.
async fn head(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if bytes.len() > LARGEST_HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Of the terminal, in characters; 80x24 where there is none.
fn size() -> (u16, u16) {
    let usual = (80, 24);
    tcgetwinsize(std::io::stdout()).map_or(usual, |size| match (size.ws_col, size.ws_row) {
        (0, _) | (_, 0) => usual,
        (columns, rows) => (columns.min(1000), rows.min(1000)),
    })
}

async fn carry(
    stream: TcpStream,
    begin: &[u8],
    [terminated, hung_up]: [&mut std::io::Result<Signal>; 2],
) -> std::io::Result<()> {
    let (mut receiver, sender) = stream.into_split();
    // Beside the reading: a machine that takes no keys is shown on, and can be left.
    let mut typing = std::pin::pin!(type_in(keyboard(), sender));
    show(begin)?;
    let mut bytes = [0; 8192];
    loop {
        tokio::select! {
            read = receiver.read(&mut bytes) => match read? {
                0 => return Ok(()),
                length => show(&bytes[..length])?,
            },
            left = &mut typing => return left,
            () = came(terminated) => return Ok(()),
            () = came(hung_up) => return Ok(()),
        }
    }
}

/// Sends what is typed until Ctrl+], which is found although the machine takes nothing.
///
/// # Errors
/// The connection broke off.
async fn type_in(
    mut keys: mpsc::Receiver<Vec<u8>>,
    mut sender: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut waiting = Vec::new();
    let mut is_typing = true;
    loop {
        tokio::select! {
            typed = keys.recv(), if is_typing && waiting.len() < MOST_WAITING => match typed {
                Some(typed) => match typed.iter().position(|key| *key == LEAVE) {
                    Some(at) => {
                        waiting.extend(&typed[..at]);
                        // Whether it arrives or not, it is left.
                        let _ = tokio::time::timeout(LAST_KEYS, sender.write_all(&waiting)).await;
                        return Ok(());
                    }
                    None => waiting.extend(typed),
                },
                None => {
                    is_typing = false;
                    waiting.push(NO_MORE);
                }
            },
            sent = sender.write(&waiting), if !waiting.is_empty() => match sent? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                sent => drop(waiting.drain(..sent)),
            },
            else => std::future::pending().await,
        }
    }
}

/// A signal that cannot be waited for does not come.
async fn came(signal: &mut std::io::Result<Signal>) {
    match signal {
        Ok(signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

fn show(bytes: &[u8]) -> std::io::Result<()> {
    let mut screen = std::io::stdout().lock();
    screen.write_all(bytes)?;
    screen.flush()
}

/// What is typed, from a thread that nobody waits for.
fn keyboard() -> mpsc::Receiver<Vec<u8>> {
    let (keys, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        let mut keyboard = std::io::stdin().lock();
        while let Ok(length @ 1..) = keyboard.read(&mut bytes) {
            if keys.blocking_send(bytes[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    typed
}

/// The terminal without lines, echo and signals; as before when this value goes, by a panic too.
struct Raw(Option<Termios>);

impl Raw {
    /// Where nobody sits at a terminal there is nothing to change.
    fn enter() -> Raw {
        let keyboard = std::io::stdin();
        if !keyboard.is_terminal() {
            return Raw(None);
        }
        let Ok(before) = tcgetattr(&keyboard) else {
            return Raw(None);
        };
        let mut raw = before.clone();
        raw.make_raw();
        let entered = tcsetattr(&keyboard, OptionalActions::Now, &raw);
        Raw(entered.is_ok().then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone cannot be restored, and nothing is lost by it.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    async fn keys(typed: &[&[u8]]) -> mpsc::Receiver<Vec<u8>> {
        let (keys, receiver) = mpsc::channel(typed.len());
        for typed in typed {
            keys.send(typed.to_vec()).await.expect("room");
        }
        receiver
    }

    #[tokio::test]
    async fn what_is_typed_arrives_and_its_end_too() {
        let (near, mut far) = duplex(2);
        let keys = keys(&[b"ls -l\n", b"exit\n"]).await;
        let mut got = [0; 12];
        tokio::select! {
            left = type_in(keys, near) => panic!("{left:?}"),
            read = far.read_exact(&mut got) => drop(read.expect("all of it")),
        }
        assert_eq!(&got, b"ls -l\nexit\n\x04");
    }

    #[tokio::test]
    async fn a_machine_that_takes_nothing_can_be_left() {
        let (near, mut far) = duplex(4);
        let keys = keys(&[b"a long line", b"more", b"x\x1dy"]).await;
        let left = tokio::time::timeout(LAST_KEYS * 30, type_in(keys, near)).await;
        assert!(matches!(left, Ok(Ok(()))), "{left:?}");
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.expect("read");
        assert_eq!(got, b"a lo");
    }
}
