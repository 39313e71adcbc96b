//! Everything before serving, in the order that keeps it safe: check, give an interface an address if it has
//! none, bind as root, drop root, and only then start the runtime's threads. Whatever is wrong is told all at once, and then nothing
//! is started.

use std::time::Duration;

use anyhow::Context;
use catalog::Problem;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::lend::Lent;
use crate::options::Serve;
use crate::plan::{self, Network, Plan};
use crate::refused::Refused;
use crate::serve::network::Looked;
use crate::{bind, lend, serve, state, user};

/// Threads left over after a stop get this long; what still hashes or sends then is cut off.
const THREADS_END: Duration = Duration::from_millis(100);

/// Descriptors asked for: those of HTTP, the seed and TFTP at their limits, and payload files.
const OPEN_FILES: u64 = 16_384;

/// Starts and serves until a signal, and prints the table of all machines at the end.
///
/// # Errors
/// Every problem found, or what failed while serving.
pub fn start(args: &Serve) -> Result<(), Refused> {
    let Ready {
        mut plan,
        opened,
        warnings,
    } = ready(args)?;
    for warning in &warnings {
        eprintln!("{warning}");
    }
    raise_open_files();
    let places = state::places(args.state.as_deref(), plan.user.as_ref())?;
    if let Some(user) = &plan.user {
        user::become_user(user)?;
    }
    user::give_up_capabilities()?;
    let state = places.take()?;
    plan.state = state.folder().to_owned();
    let (mut holds, mut rooms) = (Vec::new(), Vec::new());
    for (bound, lent) in opened {
        let (hold, looked) = lent.map_or((None, None), |lent| (Some(lent.hold), Some(lent.looked)));
        holds.extend(hold);
        rooms.push((bound, looked));
    }
    let outcome = run(rooms, plan);
    drop(holds);
    state.give_back();
    outcome.map_err(Refused::from)
}

/// A network's open ports, and its interface where that had to be made ready.
type Opened = (bind::Bound, Option<Lent>);

/// What there is once nothing speaks against serving.
struct Ready {
    plan: Plan,
    /// For each network of the plan, in its order.
    opened: Vec<Opened>,
    warnings: Vec<Problem>,
}

/// Checks, and opens the ports; after a restart as soon as the server that is just ending has closed them. What it
/// had for its run, the interface may have no more then, so all is checked anew.
fn ready(args: &Serve) -> Result<Ready, Refused> {
    let first = check(args)?;
    match open(first) {
        Err((plan, Refused::Problems(_))) => {
            state::wait_for_the_last(args.state.as_deref(), plan.user.as_ref());
            open(check(args)?).map_err(|(_, refused)| refused)
        }
        opened => opened.map_err(|(_, refused)| refused),
    }
}

/// A plan without an error. Where there is one, what else is in the way is told too.
fn check(args: &Serve) -> Result<(Plan, Vec<Problem>), Refused> {
    let plan::Checked { plan, mut problems } = plan::check(args);
    match plan {
        Some(plan) if !problems.iter().any(Problem::is_error) => Ok((plan, problems)),
        plan => {
            if let Some(plan) = plan {
                problems.extend(in_the_way(&plan));
            }
            Err(Refused::Problems(problems))
        }
    }
}

/// What keeps ports from being opened. An interface without an address has none to try them at.
fn in_the_way(plan: &Plan) -> Vec<Problem> {
    let networks = plan.networks.iter();
    let has_address = networks.filter(|network| network.interface.has_address);
    let opened = has_address.map(|network| bind::bind(&network.interface, plan.ports, None));
    opened.filter_map(Result::err).flatten().collect()
}

fn open((plan, warnings): (Plan, Vec<Problem>)) -> Result<Ready, (Box<Plan>, Refused)> {
    let (mut opened, mut problems) = (Vec::new(), Vec::new());
    for network in &plan.networks {
        match open_one(&plan, network) {
            Ok(one) => opened.push(one),
            Err(Refused::Problems(more)) => problems.extend(more),
            Err(failed) => return Err((Box::new(plan), failed)),
        }
    }
    if problems.is_empty() {
        return Ok(Ready {
            plan,
            opened,
            warnings,
        });
    }
    problems.splice(0..0, warnings);
    Err((Box::new(plan), Refused::Problems(problems)))
}

fn open_one(plan: &Plan, network: &Network) -> Result<Opened, Refused> {
    let (lent, dhcp) = match network.interface.has_address {
        true => (None, None),
        false => lend::lend(plan, network).map(|(lent, dhcp)| (Some(lent), Some(dhcp)))?,
    };
    let bound = bind::bind(&network.interface, plan.ports, dhcp).map_err(Refused::Problems)?;
    Ok((bound, lent))
}

/// Every connection of a machine is a descriptor, and the usual limit of 1024 is less than a room
/// of 300 needs. What the hard limit does not allow stays as it is.
fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(
            Resource::RLIMIT_NOFILE,
            hard.min(OPEN_FILES).max(soft),
            hard,
        );
    }
}

fn run(rooms: Vec<(bind::Bound, Option<Looked>)>, plan: Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("bt-server")
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(serve::serve(rooms, plan));
    runtime.shutdown_timeout(THREADS_END);
    outcome
}
