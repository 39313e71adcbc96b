//! The remote look: a small HTTP service on this machine, which its server alone reaches. It shows the log, the
//! kernel's messages, the hardware, the network and what the machine does, and where the configuration says
//! `remote_shell: yes` it opens a shell.
//!
//! It listens on the leased address, port [`report::look::PORT`]. [`access`] says who is let in: everybody else's
//! connection is closed before a byte of it is read. [`request`] reads what is asked, [`hardware`], [`network`],
//! [`kernel`] and [`state`] write the pages, [`shell`] is the shell. Nothing is written anywhere, no program is started
//! but the shell, a few connections are served at once, each has seconds, and pages and log are bounded. Neither pages
//! nor log hold a secret: of the manifest only names are shown.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use report::Mac;
use report::look::{self, Page};
use rustix::net::sockopt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::Event;
use crate::console::View;
use crate::news::Voice;

pub mod access;
mod answer;
mod hardware;
mod kernel;
mod network;
pub mod opening;
pub mod request;
pub mod shell;
mod state;
#[cfg(test)]
mod tests;
mod tree;

use answer::{SWITCHED, page, refusal};
use request::{LARGEST_HEAD, Refusal, Request};
use shell::{Session, Shells};
use tree::Tree;

/// Connections that are served at once; of the server's, too, more are closed.
const AT_ONCE: usize = 4;
/// How long somebody may take to ask.
const TO_ASK: Duration = Duration::from_secs(5);
/// How long an answer may take on its way.
const TO_ANSWER: Duration = Duration::from_secs(20);
/// How long a connection with a shell may be dead before it is found out.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// The pause after a failure of the system, which otherwise comes again at once.
const PAUSE: Duration = Duration::from_secs(2);

/// What the service shows, and to whom.
#[derive(Debug)]
pub struct Look {
    /// Who may look.
    pub server: Ipv4Addr,
    /// This machine, as the server knows it.
    pub mac: Mac,
    /// Whether there are shells.
    pub shells: Option<Shells>,
    /// How the model, which has the log, hears of what happens here.
    pub voice: Voice,
    /// The model, as the consoles show it.
    pub pictures: watch::Receiver<Option<Arc<View>>>,
}

impl Look {
    async fn note(&self, what: impl Into<String>) {
        let what = what.into();
        self.voice.tell(Event::Note { what }).await;
    }
}

/// Serves on this address until the task is dropped. An address that cannot be listened on is tried again.
pub async fn run(at: SocketAddrV4, look: Look) {
    let mut told = false;
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    look.note(format!(
                        "nobody can look at this machine: port {at}: {error}"
                    ))
                    .await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    let (server, port) = (look.server, at.port());
    look.note(format!("{server} may look at this machine, port {port}"))
        .await;
    serve(listener, look).await;
}

async fn serve(listener: TcpListener, look: Look) {
    let service = Arc::new(Service {
        look,
        strangers: AtomicU64::new(0),
    });
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // No descriptors, or no memory: that passes.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if !access::admits(service.look.server, peer) {
            service.turn_away(&stream, peer).await;
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            close_at_once(&stream);
            continue;
        };
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            service.attend(stream).await;
            drop(place);
        });
    }
}

/// Ends a connection without the kernel remembering it: strangers may open as many as they like.
fn close_at_once(stream: &TcpStream) {
    let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

struct Service {
    look: Look,
    strangers: AtomicU64,
}

impl Service {
    /// The first stranger is told of in the log, the others are counted.
    async fn turn_away(&self, stream: &TcpStream, peer: SocketAddr) {
        close_at_once(stream);
        if self.strangers.fetch_add(1, Ordering::Relaxed) == 0 {
            let line = format!(
                "{} wanted to look at this machine, which only {} may; the next ones are counted alone",
                peer.ip(),
                self.look.server
            );
            self.look.note(line).await;
        }
    }

    async fn attend(&self, mut stream: TcpStream) {
        let asked = tokio::time::timeout(TO_ASK, ask(&mut stream)).await;
        let answer = match asked {
            Ok(Ok((Request::Page(what), _))) => page(&self.page(what).await),
            Ok(Ok((Request::Shell { terminal, of }, early))) => match self.open(&terminal, of) {
                Ok(session) => return self.shell(session, stream, &early).await,
                Err(why) => refusal(&why),
            },
            Ok(Err(Some(why))) => refusal(&why),
            // It went away, or says nothing.
            Ok(Err(None)) | Err(_) => return,
        };
        let send = async {
            stream.write_all(&answer).await?;
            stream.shutdown().await?;
            // What it still sends is taken, or the kernel would break the answer off; it may not be much.
            let mut rest = [0; 1024];
            for _ in 0..64 {
                if stream.read(&mut rest).await? == 0 {
                    break;
                }
            }
            std::io::Result::Ok(())
        };
        let _ = tokio::time::timeout(TO_ANSWER, send).await;
    }

    /// Files of `/proc` and `/sys` may take the kernel a while: never on the thread that fetches.
    async fn page(&self, what: Page) -> String {
        let written = match what {
            Page::Index => return self.index(),
            Page::Log => return self.log(),
            Page::State => return self.state(),
            Page::Kernel => tokio::task::spawn_blocking(kernel::messages).await,
            Page::Hardware => {
                tokio::task::spawn_blocking(|| hardware::hardware(&Tree::at("/"))).await
            }
            Page::Network => tokio::task::spawn_blocking(|| network::network(&Tree::at("/"))).await,
        };
        written.unwrap_or_else(|_| "this page could not be written\n".to_owned())
    }

    fn index(&self) -> String {
        let mut text = String::from("A machine in phase 1. What there is to see:\n");
        for page in Page::ALL {
            text += &format!("  {page:10}{}\n", page.about());
        }
        text + match self.look.shells {
            Some(_) => "A shell is allowed (remote_shell).\n",
            None => "A shell is not allowed (remote_shell).\n",
        }
    }

    fn log(&self) -> String {
        let view = self.look.pictures.borrow().clone();
        view.map_or_else(String::new, |view| state::log(&view.app))
    }

    fn state(&self) -> String {
        let view = self.look.pictures.borrow().clone();
        let text = match view {
            Some(view) => state::state(&view.app, view.now),
            None => "nothing is known yet\n".to_owned(),
        };
        let strangers = self.strangers.load(Ordering::Relaxed);
        format!("{text}\nturned away from this look: {strangers}\n")
    }

    fn open(&self, terminal: &request::Terminal, of: Option<Mac>) -> Result<Session, Refusal> {
        let own = self.look.mac;
        if let Some(meant) = of.filter(|meant| *meant != own) {
            let why = format!("this is the machine {own}; it has the address that was {meant}'s");
            return Err(Refusal::new(409, why));
        }
        let Some(shells) = &self.look.shells else {
            let why = "the configuration allows no shell; write remote_shell: yes into the section boottorrent of \
                       Boottorrent.yaml, start the server anew, and boot this machine again";
            return Err(Refusal::new(403, why));
        };
        match shells.open(terminal) {
            Ok(Some(session)) => Ok(session),
            Ok(None) => Err(Refusal::new(409, "somebody has a shell here already")),
            Err(error) => Err(Refusal::new(500, format!("there is no shell: {error}"))),
        }
    }

    async fn shell(&self, session: Session, mut stream: TcpStream, early: &[u8]) {
        // Improvements, not needs; but a server that lost its power says nothing, and holds the only shell.
        let _ = stream.set_nodelay(true);
        let _ = sockopt::set_socket_keepalive(&stream, true);
        let _ = sockopt::set_tcp_keepidle(&stream, DEAD_AFTER / 3);
        let _ = sockopt::set_tcp_keepintvl(&stream, DEAD_AFTER / 6);
        let _ = sockopt::set_tcp_keepcnt(&stream, 3);
        let millis = u32::try_from(DEAD_AFTER.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(&stream, millis);
        let opened = Event::ShellOpened { is_remote: true };
        self.look.voice.tell(opened).await;
        if stream.write_all(SWITCHED).await.is_ok() {
            let _ = session.serve(stream, early).await;
        }
        self.look.note("the server's shell ended").await;
    }
}

/// Reads a request and what came behind it; an error without a refusal is a connection that ended.
async fn ask(stream: &mut TcpStream) -> Result<(Request, Vec<u8>), Option<Refusal>> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if let Some(request) = request::parse(&bytes)? {
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            return Ok((
                request,
                bytes.split_off(head.map_or(bytes.len(), |at| at + 4)),
            ));
        }
        let mut more = (&mut *stream).take((LARGEST_HEAD - bytes.len()) as u64);
        match more.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Err(None),
            Ok(_) => {}
        }
    }
}

/// The service's place on a machine.
pub fn place(address: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(address, look::PORT)
}
