//! One network of the room: its wire is looked at, then its doors are opened, and closed in order at the end.
//!
//! Machines of two networks do not reach each other, nor the server's address in the other. So each network has doors,
//! a tracker and a seed of its own; the hashing, the journal and the folder of the state are shared. None waits for
//! another: one whose cable is out keeps nobody else from booting.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, bail};
use pxe::wire::{Role, Watch, Wish};
use seeder::Seeder;
use swarm::net::Lsd;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracker::Tracker;

use super::{LAST_BYTES, LAST_WORDS};
use crate::bind::{self, Bound};
use crate::doors::wire::{self, Wire};
use crate::doors::{connect_back, dhcp, follow, http, lsd, second, tftp};
use crate::journal::{Journal, Snapshot};
use crate::once::Once;
use crate::plan::{Network, Plan};
use crate::prepare::Prepared;
use crate::screen;

/// What the wire was found to be, before the runtime was started.
#[derive(Debug)]
pub struct Looked {
    /// The role that is safe.
    pub role: Role,
    /// What it is safe for.
    pub seen: wire::Seen,
}

/// What the networks have in common.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    /// The systems, once they are hashed.
    pub(super) prepared: watch::Receiver<Option<Arc<Prepared>>>,
    pub(super) journal: Journal,
    pub(super) machines: watch::Receiver<Arc<Snapshot>>,
    pub(super) once: Once,
    /// Whether any network is served yet.
    pub(super) is_ready: Arc<AtomicBool>,
    pub(super) stop: CancellationToken,
}

type Doors = JoinSet<anyhow::Result<()>>;

/// Serves network number `at` of the plan until it is told to stop, or one of its doors fails.
///
/// # Errors
/// Another DHCP server answers where none may; a door fails.
pub(super) async fn run(
    at: usize,
    bound: Bound,
    looked: Option<Looked>,
    shared: Shared,
) -> anyhow::Result<()> {
    let networks = &shared.plan.networks;
    if networks.len() == 1 {
        // Nobody asks which.
        return serve(at, (bound, looked), shared).await;
    }
    let name = networks[at].interface.name.clone();
    let span = tracing::error_span!("on", interface = %name);
    let serving = serve(at, (bound, looked), shared).instrument(span);
    serving
        .await
        .with_context(|| format!("{name} is not served"))
}

async fn serve(at: usize, rooms: (Bound, Option<Looked>), shared: Shared) -> anyhow::Result<()> {
    let stop = shared.stop.child_token();
    let (mut doors, seeder) = tokio::select! {
        opened = open(at, rooms, &shared, &stop) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        first = doors.join_next() => Err(first_failure(first)),
    };
    stop.cancel();
    let _ = tokio::time::timeout(LAST_WORDS, async {
        while doors.join_next().await.is_some() {}
    })
    .await;
    doors.abort_all();
    let _ = tokio::time::timeout(LAST_BYTES, seeder.stop()).await;
    outcome
}

/// Why a set of tasks that should go on has one that did not.
pub(super) fn first_failure(first: Option<Result<anyhow::Result<()>, JoinError>>) -> anyhow::Error {
    match first {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => anyhow::Error::new(error).context("a door ended badly"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a door closed without being told to"),
    }
}

/// Looks at the wire while the systems are hashed, then opens every door.
async fn open(
    at: usize,
    (bound, looked): (Bound, Option<Looked>),
    shared: &Shared,
    stop: &CancellationToken,
) -> anyhow::Result<(Doors, Seeder)> {
    let plan = &shared.plan;
    let network = &plan.networks[at];
    let journal = shared.journal.of(&network.interface.name);
    let mut hashed = shared.prepared.clone();
    let answering = match bound.dhcp {
        Some(opened) => {
            let ready = async {
                let _ = hashed.wait_for(Option::is_some).await;
            };
            Some(take_a_role(opened, looked, (plan, network), ready).await?)
        }
        None => None,
    };
    let prepared = hashed.wait_for(Option::is_some).await;
    let prepared = prepared.ok().and_then(|prepared| prepared.clone());
    let prepared = prepared.context("hashing ended early")?;
    let (seeder, tracker) = seed(plan, network, seeds_folder(plan, at), &prepared).await?;
    let mut shelf = network.shelf.clone();
    shelf.put("torrents.gz", torrents_gz(at, network, &prepared)?);
    let shelf = Arc::new(shelf);

    let mut doors = JoinSet::new();
    let (announced, announcements) = connect_back::channel();
    let (dialer, own) = (seeder.dialer(), network.interface.address);
    let dialing = connect_back::run(announcements, dialer, own, stop.clone());
    doors.spawn(dialing.in_current_span());
    let systems = prepared.torrents();
    let systems = systems
        .map(|(name, hash)| (name.to_owned(), hash))
        .collect();
    let state = http::State {
        shelf: Arc::clone(&shelf),
        payload: Arc::clone(&prepared.payload),
        qemu: prepared.qemu.clone().map(Arc::new),
        systems: Arc::new(systems),
        tracker,
        announced,
        journal: journal.clone(),
        once: shared.once.clone(),
        machines: shared.machines.clone(),
        begun: Instant::now(),
    };
    doors.spawn(http::run(bound.http, state, stop.clone()).in_current_span());
    if network.manifest.lpd {
        let lsd = Lsd {
            interface: network.interface.address,
            port: plan.ports.peer,
            torrents: prepared.torrents().map(|(_, hash)| hash).collect(),
        };
        doors.spawn(lsd::run(lsd, stop.clone()).in_current_span());
    }
    if let Some(socket) = bound.tftp {
        let serving = tftp::run(socket, shelf, journal.clone(), stop.clone());
        doors.spawn(serving.in_current_span());
    }
    let following = follow::run(network.interface.clone(), stop.clone());
    doors.spawn(following.in_current_span());
    let role = answering.as_ref().map(|answering| answering.role.clone());
    if let Some(answering) = answering {
        let around = (network, shared, journal);
        answer(&mut doors, answering, around, &prepared, stop);
    }
    let is_first = !shared.is_ready.swap(true, Ordering::Relaxed);
    screen::ready(plan, network, role.as_ref(), is_first);
    Ok((doors, seeder))
}

/// Opens the DHCP door, and that of a second seed, which follows the role.
fn answer(
    doors: &mut Doors,
    answering: Answering,
    (network, shared, journal): (&Network, &Shared, Journal),
    prepared: &Prepared,
    stop: &CancellationToken,
) {
    let plan = &shared.plan;
    let Answering {
        sockets,
        role,
        wire,
    } = answering;
    let (roles, changes) = watch::channel(role);
    let torrents = prepared.torrents().map(|(_, hash)| hash).collect();
    let second = second::follow(changes, torrents, plan.ports.peer, stop.clone());
    doors.spawn(second.in_current_span());
    let answering = dhcp::run(
        sockets,
        (roles, wire),
        network.pxe.clone(),
        plan.state.clone(),
        shared.once.watch(),
        journal,
        stop.clone(),
    );
    doors.spawn(answering.in_current_span());
}

/// The first network's is made by the hashing.
fn torrents_gz(at: usize, network: &Network, prepared: &Prepared) -> anyhow::Result<Vec<u8>> {
    match at {
        0 => Ok(prepared.torrents_gz.clone()),
        _ => prepared.torrents_gz_for(network.manifest.clone(), network.announce.as_deref()),
    }
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
    (plan, network): (&Plan, &Network),
    ready: impl Future<Output = ()>,
) -> anyhow::Result<Answering> {
    let (opened, Looked { role, seen }) = match looked {
        Some(looked) => (opened, looked),
        None => look(opened, plan, network).await?,
    };
    if let (Role::Proxy { why }, Some(Wish::Full)) = (&role, plan.dhcp) {
        bail!(
            "no full DHCP server on {}: {why}\n    remedy: turn that server off for this network, or start without \
             --dhcp full: machines then get their addresses there and boot from here",
            network.interface.name
        );
    }
    if let Some(problem) = network.in_the_way_of(&role) {
        bail!("nobody else gives addresses, so this server would: {problem}");
    }
    let bind::Dhcp { sockets, wire } = opened;
    let mut wire = Wire::new(wire, seen)?;
    if let Some(problem) = &network.unfit_range {
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
pub async fn look(
    opened: bind::Dhcp,
    plan: &Plan,
    network: &Network,
) -> anyhow::Result<(bind::Dhcp, Looked)> {
    let interface = &network.interface;
    let name = &interface.name;
    tracing::info!(
        "listening {} s on {name} for other DHCP servers",
        pxe::wire::SILENCE.as_secs()
    );
    let wish = plan.dhcp.unwrap_or(Wish::Proxy);
    let watch = Watch::new(wish, network.place, interface.address, interface.mac);
    let watch = watch.to_serve(plan.ports.http);
    let bind::Dhcp { sockets, wire } = opened;
    let mut wire = Wire::new(wire, wire::Seen::nothing(name, interface.mac, watch))?;
    let server = tokio::net::UdpSocket::from_std(sockets.server)?;
    let role = wire.first_role(&server).await;
    let role = role.with_context(|| format!("cannot look at the wire of {name}"))?;
    let server = server.into_std()?;
    let (wire, seen) = wire.into_std()?;
    let sockets = dhcp::Sockets { server, ..sockets };
    Ok((bind::Dhcp { sockets, wire }, Looked { role, seen }))
}

/// Where a network's seed may write: it empties what it finds there.
fn seeds_folder(plan: &Plan, at: usize) -> PathBuf {
    match at {
        0 => plan.state.clone(),
        _ => plan.state.join(format!("network-{at}")),
    }
}

/// Starts the seed, and lets the tracker know the torrents and the seed's address.
async fn seed(
    plan: &Plan,
    network: &Network,
    state: PathBuf,
    prepared: &Prepared,
) -> anyhow::Result<(Seeder, Option<Arc<Mutex<Tracker>>>)> {
    let listen = SocketAddrV4::new(network.interface.address, plan.ports.peer);
    let seeder = Seeder::start(seeder::Settings { listen, state })
        .await
        .with_context(|| format!("cannot start the seed at {listen}"))?;
    let mut tracker = network.announce.is_some().then(|| {
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
