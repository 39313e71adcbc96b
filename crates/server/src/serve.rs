//! The serving half of a run: look at the wire, prepare, open the doors, and end in order.
//!
//! One cancel token and one task set: the first door that fails or the first signal stops all. The
//! journal stops last, so that it hears what the doors say on their way out.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pxe::wire::{Role, Watch, Wish};
use seeder::{Cache, Seeder};
use swarm::net::Lsd;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

use crate::bind::{self, Bound};
use crate::doors::wire::{self, Wire};
use crate::doors::{connect_back, dhcp, follow, http, lsd, second, tftp};
use crate::journal::{self, Journal, Snapshot};
use crate::once::Once;
use crate::plan::Plan;
use crate::prepare::{Prepared, prepare};
use crate::screen;

/// How long the doors may take to finish what they hold once they were told to stop.
const LAST_WORDS: Duration = Duration::from_millis(800);
/// How long the seeder and the journal may take after them.
const LAST_BYTES: Duration = Duration::from_millis(400);

/// What the wire was found to be, before the runtime was started.
#[derive(Debug)]
pub struct Looked {
    /// The role that is safe.
    pub role: Role,
    /// What it is safe for.
    pub seen: wire::Seen,
}

/// Serves the room until a signal or the first failure, then prints what every machine did.
///
/// # Errors
/// Another DHCP server answers; a system cannot be hashed; a door fails.
pub async fn serve(bound: Bound, plan: Plan, looked: Option<Looked>) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let journal_stop = CancellationToken::new();
    let (journal, recorder, machines) = journal::journal();
    let recording = tokio::spawn(journal::record(
        recorder,
        plan.interface.address,
        journal_stop.clone(),
    ));

    let opened = tokio::select! {
        opened = open((bound, looked), plan, journal, machines.clone(), stop.clone()) => Some(opened?),
        () = signals.any() => None,
    };
    let mut outcome = Ok(());
    let doors_opened = opened.is_some();
    if let Some((mut doors, seeder)) = opened {
        outcome = tokio::select! {
            () = signals.any() => Ok(()),
            first = doors.join_next() => Err(first_failure(first)),
        };
        tracing::info!("stopping");
        stop.cancel();
        let _ = tokio::time::timeout(LAST_WORDS, async {
            while doors.join_next().await.is_some() {}
        })
        .await;
        doors.abort_all();
        let _ = tokio::time::timeout(LAST_BYTES, seeder.stop()).await;
    }
    journal_stop.cancel();
    let _ = tokio::time::timeout(LAST_BYTES, recording).await;
    if doors_opened {
        screen::print(&screen::table(&machines.borrow()));
    }
    outcome
}

type Doors = JoinSet<anyhow::Result<()>>;

/// Looks at the wire while it hashes, then opens every door.
async fn open(
    (bound, looked): (Bound, Option<Looked>),
    plan: Plan,
    journal: Journal,
    machines: tokio::sync::watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
) -> anyhow::Result<(Doors, Seeder)> {
    let Bound {
        dhcp: opened,
        tftp: tftp_socket,
        http: listener,
    } = bound;
    let plan = Arc::new(plan);
    let hashed = CancellationToken::new();
    let hashing = async {
        let prepared = hash(Arc::clone(&plan)).await;
        hashed.cancel();
        prepared
    };
    let looking = async {
        match opened {
            Some(opened) => {
                let ready = hashed.cancelled();
                take_a_role(opened, looked, &plan, ready).await.map(Some)
            }
            None => Ok(None),
        }
    };
    let (prepared, answering) = tokio::try_join!(hashing, looking)?;
    let (seeder, tracker) = seed(&plan, &prepared).await?;
    let torrents: Vec<_> = prepared.torrents().map(|(_, hash)| hash).collect();
    let systems = prepared.torrents();
    let systems = systems
        .map(|(name, hash)| (name.to_owned(), hash))
        .collect();

    let mut shelf = plan.shelf.clone();
    shelf.put("torrents.gz", prepared.torrents_gz);
    let shelf = Arc::new(shelf);
    let mut doors = JoinSet::new();
    let (announced, announcements) = connect_back::channel();
    let (dialer, own) = (seeder.dialer(), plan.interface.address);
    doors.spawn(connect_back::run(announcements, dialer, own, stop.clone()));
    let named = plan.pxe.machines.names();
    journal.names(named.map(|(mac, name)| (mac, name.to_owned())).collect());
    let once = Once::open(&plan.state, plan.pxe.machines.clone(), &plan.boot_again);
    if once.matters() {
        doors.spawn(once.clone().follow(stop.clone()));
    }
    let state = http::State {
        shelf: Arc::clone(&shelf),
        payload: Arc::new(prepared.payload),
        qemu: prepared.qemu.map(Arc::new),
        systems: Arc::new(systems),
        tracker,
        announced,
        journal: journal.clone(),
        once: once.clone(),
        machines,
        begun: Instant::now(),
    };
    doors.spawn(http::run(listener, state, stop.clone()));
    if plan.manifest.lpd {
        let lsd = Lsd {
            interface: plan.interface.address,
            port: plan.ports.peer,
            torrents: torrents.clone(),
        };
        doors.spawn(lsd::run(lsd, stop.clone()));
    }
    if let Some(socket) = tftp_socket {
        doors.spawn(tftp::run(socket, shelf, journal.clone(), stop.clone()));
    }
    let interface = plan.interface.clone();
    doors.spawn(follow::run(interface, stop.clone()));
    let role = answering.as_ref().map(|answering| answering.role.clone());
    match answering {
        None => {}
        Some(Answering {
            sockets,
            role,
            wire,
        }) => {
            let (roles, changes) = watch::channel(role);
            let port = plan.ports.peer;
            doors.spawn(second::follow(changes, torrents, port, stop.clone()));
            let (settings, state) = (plan.pxe.clone(), plan.state.clone());
            doors.spawn(dhcp::run(
                sockets,
                (roles, wire),
                settings,
                state,
                once.watch(),
                journal,
                stop,
            ));
        }
    }
    screen::ready(&plan, role.as_ref());
    Ok((doors, seeder))
}

/// Hashing keeps all cores busy and blocks, so it has threads of its own.
async fn hash(plan: Arc<Plan>) -> anyhow::Result<Prepared> {
    let work = move || {
        prepare(
            &plan.systems,
            plan.manifest.clone(),
            plan.announce.as_deref(),
            plan.shelf.qemu(),
            &Cache::in_state(&plan.state),
            plan.rehash,
        )
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("hashing ended early")?
}

/// How DHCP is begun.
struct Answering {
    sockets: dhcp::Sockets,
    role: Role,
    wire: Wire,
}

/// Looks at the wire, unless that was done, and takes the role that is safe on it once the server is `ready` for it. Who
/// explicitly wants to give addresses is refused where another server does: two DHCP servers in one room break both.
async fn take_a_role(
    opened: bind::Dhcp,
    looked: Option<Looked>,
    plan: &Plan,
    ready: impl Future<Output = ()>,
) -> anyhow::Result<Answering> {
    let (opened, Looked { role, seen }) = match looked {
        Some(looked) => (opened, looked),
        None => look(opened, plan).await?,
    };
    if let (Role::Proxy { why }, Some(Wish::Full)) = (&role, plan.dhcp) {
        bail!(
            "no full DHCP server on {}: {why}\n    remedy: turn that server off for this network, or start without \
             --dhcp full: machines then get their addresses there and boot from here",
            plan.interface.name
        );
    }
    if let Some(problem) = plan.in_the_way_of(&role) {
        bail!("nobody else gives addresses, so this server would: {problem}");
    }
    let bind::Dhcp { sockets, wire } = opened;
    let mut wire = Wire::new(wire, seen)?;
    if let Some(problem) = &plan.unfit_range {
        wire.bar(format!("nobody else gives addresses, but {}", problem.what));
    }
    let server = tokio::net::UdpSocket::from_std(sockets.server)?;
    let role = wire.attend(&server, role, ready).await;
    let server = server.into_std()?;
    Ok(Answering {
        sockets: dhcp::Sockets { server, ..sockets },
        role,
        wire,
    })
}

/// Looks at the wire until a role is known.
///
/// # Errors
/// The interface is gone, or cannot send.
pub async fn look(opened: bind::Dhcp, plan: &Plan) -> anyhow::Result<(bind::Dhcp, Looked)> {
    let name = &plan.interface.name;
    tracing::info!(
        "listening {} s on {name} for other DHCP servers",
        pxe::wire::SILENCE.as_secs()
    );
    let watch = Watch::new(
        plan.dhcp.unwrap_or(Wish::Proxy),
        plan.place,
        plan.interface.address,
        plan.interface.mac,
    )
    .to_serve(plan.ports.http);
    let bind::Dhcp { sockets, wire } = opened;
    let mut wire = Wire::new(wire, wire::Seen::nothing(name, plan.interface.mac, watch))?;
    let server = tokio::net::UdpSocket::from_std(sockets.server)?;
    let role = wire.first_role(&server).await;
    let role = role.with_context(|| format!("cannot look at the wire of {name}"))?;
    let server = server.into_std()?;
    let (wire, seen) = wire.into_std()?;
    let sockets = dhcp::Sockets { server, ..sockets };
    Ok((bind::Dhcp { sockets, wire }, Looked { role, seen }))
}

/// Starts the seed, and lets the tracker know the torrents and the seed's address.
async fn seed(
    plan: &Plan,
    prepared: &Prepared,
) -> anyhow::Result<(Seeder, Option<Arc<Mutex<Tracker>>>)> {
    let listen = SocketAddrV4::new(plan.interface.address, plan.ports.peer);
    let seeder = Seeder::start(seeder::Settings {
        listen,
        state: plan.state.clone(),
    })
    .await
    .with_context(|| format!("cannot start the seed at {listen}"))?;
    let mut tracker = plan.announce.is_some().then(|| {
        Tracker::new(tracker::Settings {
            id: rand::random(),
            ..tracker::Settings::default()
        })
    });
    for hashed in &prepared.systems {
        let torrent = &hashed.torrent;
        let name = &torrent.info().name;
        seeder
            .add_hashed(hashed)
            .await
            .with_context(|| format!("cannot seed system {name}"))?;
    }
    if let Some(qemu) = &prepared.qemu {
        let added = seeder.add_in_memory(qemu).await;
        added.context("cannot seed QEMU")?;
    }
    for (_, hash) in prepared.torrents() {
        if let Some(tracker) = &mut tracker {
            tracker.allow(hash);
            tracker.add_permanent(hash, listen);
        }
    }
    Ok((seeder, tracker.map(|t| Arc::new(Mutex::new(t)))))
}

fn first_failure(
    first: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>,
) -> anyhow::Error {
    match first {
        Some(Ok(Err(e))) => e.context("a door failed"),
        Some(Err(e)) => anyhow::Error::new(e).context("a door ended badly"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a door closed without being told to"),
    }
}

/// The two signals that end a run: Ctrl-C and what service managers send.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
