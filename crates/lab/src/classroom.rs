//! The room everything is about: a server with its systems on one host, ready for machines.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Accelerator, BtServer, Call, Foreign, Host, Machine, Machines, Room, Spec, Stop};

/// Long enough to hash, to listen for other servers, and for a computer that compiles meanwhile.
const READY: Duration = Duration::from_secs(90);

/// What a classroom is made of.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The finished bt-server.
    pub program: &'a Path,
    /// The settings, as `Boottorrent.yaml` has them.
    pub settings: &'a str,
    /// How it is started with them.
    pub start: Start,
    /// Further options of bt-server.
    pub options: &'a [&'a str],
    /// Whether the server's interface has an address, [`Classroom::SERVER`]. Without one it takes that by itself.
    pub has_address: bool,
    /// What the server's network card sends at most, in Mbit/s.
    pub server_rate: Option<u32>,
    /// Options of somebody else's DHCP server, where one is in the room before ours.
    pub beside: Option<&'a [&'a str]>,
    /// Where `server.log` and the machines' `serial-NAME.log` go; must exist.
    pub logs: &'a Path,
}

/// How a bt-server finds its systems and settings.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Interface and folder are named on the command line.
    Flags,
    /// As the project of 2018 was started: `bt-server start` in the folder that holds
    /// `Boottorrent.yaml` and `oss`, and nothing else.
    Environment {
        /// The HTTP port that its settings name.
        port: u16,
    },
}

/// A room with a serving bt-server in it. Dropping it ends the server, then everything else.
#[derive(Debug)]
pub struct Classroom {
    // In this order they are dropped: the server ends in order before its room does.
    server: BtServer,
    // With its host: the way into a namespace closes with the value.
    _beside: Option<(Foreign, Host)>,
    host: Host,
    room: Room,
}

impl Classroom {
    /// The server's address; the room's network has 24 bits.
    pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    /// The address of somebody else's DHCP server.
    pub const FOREIGN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

    /// Makes the room, lets `furnish` put systems into the `oss` folder it is given, starts the
    /// server and waits until it serves.
    pub fn open(
        plan: &Plan<'_>,
        furnish: impl FnOnce(&Path) -> Result<()>,
        stop: &Stop,
    ) -> Result<Classroom> {
        // The probe takes as long as the server listens to the wire: both at the same time.
        thread::spawn(Accelerator::here);
        let mut room = Room::new(stop)?;
        room.keep_logs_in(plan.logs);
        let oss = room.scratch().join("oss");
        fs::create_dir(&oss)?;
        furnish(&oss).context("cannot make the systems to boot")?;
        fs::write(room.scratch().join("Boottorrent.yaml"), plan.settings)?;
        let mut host = room.host(plan.has_address.then_some((Self::SERVER, 24)))?;
        host.answers_at(Self::SERVER);
        if let Some(rate) = plan.server_rate {
            host.limit_sending(rate)?;
        }
        let beside = plan.beside.map(|options| {
            let other = room.host(Some((Self::FOREIGN, 24)))?;
            let server = Foreign::dhcp(&other, room.scratch(), options)?;
            anyhow::Ok((server, other))
        });
        let beside = beside.transpose()?;
        let log = plan.logs.join("server.log");
        let mut server = match plan.start {
            Start::Flags => BtServer::start(&room, &host, plan.program, &oss, plan.options, &log)?,
            Start::Environment { port } => {
                let home = BtServer::alone(&room, plan.program)?;
                let mut arguments: Vec<OsString> = vec!["start".into(), "--state".into()];
                arguments.push(home.join("state").into());
                arguments.extend(plan.options.iter().map(OsString::from));
                let call = Call {
                    program: &home.join("bt-server"),
                    folder: room.scratch(),
                    arguments,
                    port,
                    log: &log,
                };
                BtServer::call(&room, &host, &call)?
            }
        };
        server.wait_until_it_serves(&host, READY)?;
        Ok(Classroom {
            server,
            _beside: beside,
            host,
            room,
        })
    }

    /// Plugs in a machine and switches it on.
    pub fn machine(&mut self, spec: &Spec) -> Result<Machine> {
        self.room.machine(spec)
    }

    /// The server's word on all machines.
    pub fn machines(&self) -> Result<Machines> {
        self.server.machines(&self.host)
    }

    /// The server itself.
    pub fn server(&mut self) -> &mut BtServer {
        &mut self.server
    }

    /// The computer that the server runs on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The room, to plug in more.
    pub fn room(&mut self) -> &mut Room {
        &mut self.room
    }
}
