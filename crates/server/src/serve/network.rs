//! One network of the room: its wire is looked at, then its doors are opened, and closed in order at the end.
//!
//! Machines of two networks do not reach each other, nor the server's address in the other. So each network has doors,
//! a tracker and a seed of its own; the hashing, the journal and the folder of the state are shared. None waits for
//! another: one whose cable is out keeps nobody else from booting.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use pxe::wire::{Role, Watch, Wish};
use seeder::Seeder;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::offering::{Changes, Offering};
use super::{LAST_BYTES, LAST_WORDS};
use crate::bind::{self, Bound};
use crate::doors::wire::{self, Wire};
use crate::doors::{connect_back, dhcp, follow, http, lsd, multicast, second, tftp};
use crate::journal::{Journal, Snapshot};
use crate::offer::Offers;
use crate::once::Once;
use crate::plan::{Network, Plan};
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
    pub(super) prepared: Changes,
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
    let (mut doors, offering, seeder) = tokio::select! {
        opened = open(at, rooms, &shared, &stop) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        first = doors.join_next() => Err(first_failure(first)),
        () = offering.follow(&seeder) => Ok(()),
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
) -> anyhow::Result<(Doors, Offering, Seeder)> {
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
    let (offering, seeder) = Offering::begin(Arc::clone(plan), at, hashed).await?;
    let offers = offering.offers();

    let mut doors = JoinSet::new();
    let (announced, announcements) = connect_back::channel();
    let (dialer, own) = (seeder.dialer(), network.interface.address);
    let dialing = connect_back::run(announcements, dialer, own, stop.clone());
    doors.spawn(dialing.in_current_span());
    // Machines hear of the desk from the tracker.
    let desk = match plan.library.settings.multicast && network.announce.is_some() {
        true => {
            let desk = multicast::Desk::new(seeder.reader());
            let sending = multicast::run(desk.clone(), own, stop.clone());
            doors.spawn(sending.in_current_span());
            desk
        }
        false => multicast::Desk::closed(),
    };
    let state = http::State {
        desk,
        offers: offers.clone(),
        tracker: offering.tracker.clone(),
        announced,
        journal: journal.clone(),
        once: shared.once.clone(),
        machines: shared.machines.clone(),
        begun: Instant::now(),
        own: own_addresses(plan),
    };
    doors.spawn(http::run(bound.http, state, stop.clone()).in_current_span());
    if network.manifest.lpd {
        let at = (network.interface.address, plan.ports.peer);
        let speaking = lsd::run(at, offers.clone(), stop.clone());
        doors.spawn(speaking.in_current_span());
    }
    if let Some(socket) = bound.tftp {
        let serving = tftp::run(socket, offers.clone(), journal.clone(), stop.clone());
        doors.spawn(serving.in_current_span());
    }
    let following = follow::run(network.interface.clone(), stop.clone());
    doors.spawn(following.in_current_span());
    let role = answering.as_ref().map(|answering| answering.role.clone());
    if let Some(answering) = answering {
        let around = (network, shared, journal);
        answer(&mut doors, answering, around, offers, stop);
    }
    let is_first = !shared.is_ready.swap(true, Ordering::Relaxed);
    screen::ready(plan, network, role.as_ref(), is_first);
    Ok((doors, offering, seeder))
}

/// The networks' interfaces with the server's address in each.
fn own_addresses(plan: &Plan) -> Arc<[(String, Ipv4Addr)]> {
    let interfaces = plan.networks.iter().map(|network| &network.interface);
    interfaces
        .map(|interface| (interface.name.clone(), interface.address))
        .collect()
}

/// Opens the DHCP door, and that of a second seed, which follows the role.
fn answer(
    doors: &mut Doors,
    answering: Answering,
    (network, shared, journal): (&Network, &Shared, Journal),
    offers: Offers,
    stop: &CancellationToken,
) {
    let plan = &shared.plan;
    let Answering {
        sockets,
        role,
        wire,
    } = answering;
    let (roles, changes) = watch::channel(role);
    let second = second::follow(changes, offers, plan.ports.peer, stop.clone());
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
