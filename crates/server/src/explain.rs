//! `bt-server explain FILE`: what bt-server makes of a recording, packet by packet. It reads one file and answers
//! nobody.
//!
//! The recording's own times are `now`, and the decisions are those of a serving bt-server: [`pxe::Responder`] on
//! DHCP, the shelf on files. In reading order: `recording` takes frames out of a file, `frame` takes talk out of a
//! frame; `dhcp` and `files` say what it means, with the help of `options`; `paragraph` is how that looks.

mod dhcp;
mod files;
mod frame;
mod options;
mod paragraph;
mod recording;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use pxe::{Loader, Mode, Responder, Settings};

use self::dhcp::Server;
use self::files::{Files, Wish};
use self::frame::Packet;
use self::paragraph::Paragraph;
use crate::options::Address;
use crate::shelf::Shelf;
use crate::{plan, screen};

pub use recording::Broken;

/// Longer recordings are refused: all of the file is held in memory. A room of 300 machines that boots needs a
/// hundredth of it, without the payload.
const LONGEST: u64 = 256 << 20;
/// What a server serves where nothing says otherwise.
const LEASE: Duration = Duration::from_secs(4 * 3600);

/// What is explained, and as whom.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Record with: tcpdump -i eth0 -w FILE.pcap 'port 67 or port 68 or port 69 or port 4011 or port 6969'
Exit codes: 0 all of it was read, 1 the recording is broken or cannot be read, 2 wrong command line"
)]
pub struct Explain {
    /// The recording: pcap or pcapng
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// As full server, or as proxy beside another one
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "full",
        hide_possible_values = true
    )]
    pub dhcp: As,
    /// The server's address in the recording's network
    #[arg(long, value_name = "IP/BITS", default_value = "10.77.0.1/24")]
    pub server: Address,
    /// Port of tracker, boot files and API
    #[arg(long, value_name = "PORT", default_value_t = 6969)]
    pub http_port: u16,
    /// What machines load first, as for `start`
    #[arg(long, value_name = "LOADER", default_value = "auto")]
    pub loader: Loader,
    /// The files of the phase 1 in this folder, not of the embedded one
    #[arg(long, value_name = "DIR")]
    pub phase1: Option<PathBuf>,
}

/// What the server would be on the recording's wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum As {
    /// The DHCP server.
    Full,
    /// Only the boot part, beside the DHCP server.
    Proxy,
}

impl Explain {
    /// The server's HTTP address.
    #[must_use]
    pub fn http(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.server.address, self.http_port)
    }
}

/// Explains a file on standard output, as far as it can be read.
#[must_use]
pub fn run(args: &Explain) -> ExitCode {
    let said = read(args).and_then(|recording| {
        let shelf = shelf(args)?;
        explain(&recording, args, shelf.as_ref()).map_err(|error| error.to_string())
    });
    let (text, failed) = match said {
        Ok(Told { text, broken }) => {
            let place = |broken| format!("{}: {broken}", args.file.display());
            (text, broken.map(place))
        }
        Err(error) => (String::new(), Some(error)),
    };
    screen::print(&text);
    match failed {
        None => ExitCode::SUCCESS,
        Some(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(args: &Explain) -> Result<Vec<u8>, String> {
    let shown = args.file.display();
    let failed = |error| {
        format!(
            "{shown} cannot be read: {error}\n    remedy: name a recording that this user may read"
        )
    };
    let mut bytes = Vec::new();
    let file = File::open(&args.file).map_err(failed)?;
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "{shown} is longer than {}\n    remedy: keep what matters: tcpdump -r FILE -w SMALLER 'port 67 or port 68 or port 69 or port 4011'",
            report::bytes(LONGEST)
        ));
    }
    Ok(bytes)
}

/// What a serving bt-server would have on its shelf; nothing where it was built without phase 1.
fn shelf(args: &Explain) -> Result<Option<Shelf>, String> {
    let shelf = match &args.phase1 {
        Some(dir) => Some(Shelf::from_dir(dir).map_err(|error| format!("{error:#}"))?),
        None => Shelf::embedded().ok(),
    };
    Ok(shelf.map(|mut shelf| {
        plan::put_scripts(&mut shelf, args.http());
        shelf.put("torrents.gz", "");
        shelf
    }))
}

/// An explanation, and where the recording ended too early.
#[derive(Clone, Debug)]
pub struct Told {
    /// The text.
    pub text: String,
    /// What could not be read, if anything.
    pub broken: Option<Broken>,
}

/// Explains the bytes of a recording with what is on this shelf.
///
/// # Errors
/// The server's address leaves no room for machines.
pub fn explain(
    recording: &[u8],
    how: &Explain,
    shelf: Option<&Shelf>,
) -> Result<Told, pxe::PoolError> {
    let mut server = Server::new(responder(how)?);
    let _ = recording::frames(recording, |frame| {
        if let Packet::Udp(talk) = frame::read(&frame) {
            server.remember(&talk);
        }
    });
    let mut telling = Telling {
        server,
        files: Files::new(shelf),
        begun: None,
        now: Duration::ZERO,
        text: String::new(),
        packets: 0,
        others: 0,
    };
    let read = recording::frames(recording, |frame| telling.frame(&frame));
    let (packets, others) = (telling.packets, telling.others);
    let _ = writeln!(
        telling.text,
        "{packets} packets; {others} of them are data, or of other protocols"
    );
    Ok(Told {
        text: telling.text,
        broken: read.err(),
    })
}

fn responder(how: &Explain) -> Result<Responder, pxe::PoolError> {
    let mut responder = Responder::new(Settings {
        server: how.server.address,
        prefix: how.server.prefix,
        range: None,
        lease: LEASE,
        router: None,
        dns: Vec::new(),
        ntp: Vec::new(),
        domain: None,
        subnets: Vec::new(),
        machines: pxe::Machines::default(),
        http_port: how.http_port,
        loader: how.loader,
    })?;
    responder.set_mode(match how.dhcp {
        As::Full => Mode::Full,
        As::Proxy => Mode::Proxy,
    });
    Ok(responder)
}

/// The text as it grows.
struct Telling<'a> {
    server: Server,
    files: Files<'a>,
    begun: Option<Duration>,
    /// Since the first frame. A recorder's clock may be set back; ours is not.
    now: Duration,
    text: String,
    packets: usize,
    others: usize,
}

impl Telling<'_> {
    fn frame(&mut self, frame: &recording::Frame<'_>) {
        let begun = *self.begun.get_or_insert(frame.at);
        self.now = self.now.max(frame.at.saturating_sub(begun));
        self.packets += 1;
        let paragraph = match frame::read(frame) {
            Packet::Udp(talk) => {
                let explained = self.server.explain(&talk, self.now);
                explained.or_else(|| {
                    self.files
                        .tftp(&talk)
                        .map(|wish| self.wish(*talk.from.ip(), &wish))
                })
            }
            Packet::Tcp(talk) => self
                .files
                .http(&talk)
                .map(|wish| self.wish(*talk.from.ip(), &wish)),
            Packet::RouterSolicitation => {
                let mut paragraph = Paragraph::new("somebody asks for an IPv6 router".to_owned());
                paragraph.say(
                    "answer",
                    "none; Debian's iPXE waits for one up to 16 s each time it starts",
                );
                Some(paragraph)
            }
            Packet::Other => None,
        };
        let Some(mut paragraph) = paragraph else {
            self.others += 1;
            return;
        };
        if frame.cut {
            paragraph.say(
                "note",
                "the recording holds only its beginning: record with tcpdump -s 0",
            );
        }
        let _ = writeln!(self.text, "{:8.3} s  {paragraph}", self.now.as_secs_f64());
    }

    fn wish(&mut self, who: Ipv4Addr, wish: &Wish) -> Paragraph {
        self.server.fetches(who);
        let mut paragraph = Paragraph::new(format!("{who}: {}", wish.says));
        paragraph.say("answer", &wish.answer);
        paragraph
    }
}
