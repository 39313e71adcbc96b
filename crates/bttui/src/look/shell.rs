//! A shell for the server's side: a process on a terminal of its own, joined to one connection. One at a time, and gone
//! with the connection, as with a modem that hangs up: what runs in its background may stay.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::request::Terminal;
use crate::phase1::Phase1;
use crate::sys;

/// How long the shell may take to go after its terminal is gone.
const LAST_MOMENT: Duration = Duration::from_millis(500);
/// How long what it printed last is waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The right to open shells, of which there is one at a time.
#[derive(Clone, Debug)]
pub struct Shells {
    program: &'static str,
    free: Arc<Semaphore>,
}

impl Shells {
    /// Shells of phase 1, where the configuration says so.
    pub fn new(_allowed: Phase1) -> Shells {
        Shells::of("/bin/sh")
    }

    pub(super) fn of(program: &'static str) -> Shells {
        Shells {
            program,
            free: Arc::new(Semaphore::new(1)),
        }
    }

    /// Starts one on a terminal like this; `None` where somebody has it.
    ///
    /// # Errors
    /// The system gives no terminal or no process.
    pub fn open(&self, terminal: &Terminal) -> io::Result<Option<Session>> {
        let Ok(place) = Arc::clone(&self.free).try_acquire_owned() else {
            return Ok(None);
        };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let slave = File::from(rustix::pty::ioctl_tiocgptpeer(&master, flags)?);
        let size = Winsize {
            ws_row: terminal.rows,
            ws_col: terminal.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&slave, size)?;
        let mut command = Command::new(self.program);
        command.arg("-i").current_dir("/").env_clear();
        command.envs([("HOME", "/"), ("PATH", "/sbin:/usr/sbin:/bin:/usr/bin")]);
        command.env("TERM", &terminal.kind);
        command
            .stdin(slave.try_clone()?)
            .stdout(slave.try_clone()?)
            .stderr(slave);
        let child = sys::with_terminal(&mut command).spawn()?;
        let status = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, status | OFlags::NONBLOCK)?;
        Ok(Some(Session {
            master,
            process: Process(Some(child)),
            _place: place,
        }))
    }
}

/// A shell that runs.
#[derive(Debug)]
pub struct Session {
    master: OwnedFd,
    process: Process,
    _place: OwnedSemaphorePermit,
}

/// The shell's process; one that nobody waited for is killed.
#[derive(Debug)]
struct Process(Option<Child>);

impl Session {
    /// Carries bytes both ways until the shell or the connection ends; `early` came with the request.
    ///
    /// # Errors
    /// The terminal cannot be waited on.
    pub async fn serve(mut self, stream: TcpStream, early: &[u8]) -> io::Result<()> {
        let terminal = sys::waited_on(File::from(self.master))?;
        let Some(mut child) = self.process.0.take() else {
            return Ok(());
        };
        let leader = Pid::from_child(&child);
        let mut end = tokio::task::spawn_blocking(move || child.wait());
        let (receiver, mut sender) = stream.into_split();
        let is_over = {
            // Each beside the other: a server that does not read may still type Ctrl+C, or go.
            let mut typing = std::pin::pin!(type_in(&terminal, receiver, early));
            let mut showing = std::pin::pin!(show(&terminal, &mut sender));
            tokio::select! {
                // The connection is gone.
                _ = &mut typing => false,
                _ = &mut showing => false,
                _ = &mut end => {
                    // What it printed last; its children may still have the terminal.
                    let _ = tokio::time::timeout(LAST_WORDS, showing).await;
                    true
                }
            }
        };
        let _ = sender.shutdown().await;
        if is_over {
            return Ok(());
        }
        // Closing the terminal is what a modem's hang-up is: the kernel tells all who have it.
        drop(terminal);
        if tokio::time::timeout(LAST_MOMENT, &mut end).await.is_err() {
            // Its number is still its own, unless it went in this very moment.
            let _ = rustix::process::kill_process(leader, Signal::KILL);
            let _ = end.await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn type_in(
    terminal: &AsyncFd<File>,
    mut from: OwnedReadHalf,
    early: &[u8],
) -> io::Result<()> {
    write(terminal, early).await?;
    let mut typed = [0; 1024];
    loop {
        match from.read(&mut typed).await? {
            0 => return Ok(()),
            length => write(terminal, &typed[..length]).await?,
        }
    }
}

/// Ends with the terminal, or with the connection.
async fn show(terminal: &AsyncFd<File>, to: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut shown = Box::new([0; 8192]);
    while let length @ 1.. = read(terminal, &mut shown[..]).await? {
        to.write_all(&shown[..length]).await?;
    }
    Ok(())
}

async fn write(terminal: &AsyncFd<File>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = terminal.writable().await?;
        if let Ok(written) = ready.try_io(|terminal| terminal.get_ref().write(bytes)) {
            bytes = &bytes[written?..];
        }
    }
    Ok(())
}

/// What the terminal shows next; an error is its end (EIO, where nobody has it any more).
async fn read(terminal: &AsyncFd<File>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = terminal.readable().await?;
        if let Ok(read) = ready.try_io(|terminal| terminal.get_ref().read(into)) {
            return read;
        }
    }
}
