//! Everything before serving, in the order that keeps it safe: check, bind as root, drop root, and
//! only then start the runtime's threads. Whatever is wrong is told all at once, and then nothing
//! is started.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use catalog::Problem;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::args::Serve;
use crate::plan::{self, Plan};
use crate::{bind, serve, state, user};

/// Threads left over after a stop get this long; what still hashes or sends then is cut off.
const THREADS_END: Duration = Duration::from_millis(100);

/// Descriptors asked for: those of HTTP, the seed and TFTP at their limits, and payload files.
const OPEN_FILES: u64 = 16_384;

/// Why the server did not start.
#[derive(Debug)]
pub enum Refused {
    /// What a person has to put right, all of it.
    Problems(Vec<Problem>),
    /// What failed on the way.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => {
                for problem in problems {
                    writeln!(f, "{problem}")?;
                }
                let errors = problems.iter().filter(|p| p.is_error()).count();
                write!(
                    f,
                    "{errors} {}, nothing was started",
                    if errors == 1 { "error" } else { "errors" }
                )
            }
            Self::Failed(error) => write!(f, "error: {error:#}"),
        }
    }
}

/// Starts and serves until a signal, and prints the table of all machines at the end.
///
/// # Errors
/// Every problem found, or what failed while serving.
pub fn start(args: &Serve) -> Result<(), Refused> {
    let plan::Checked { plan, mut problems } = plan::check(args);
    let bound = match &plan {
        Some(plan) => bind(args, plan).map_err(|more| problems.extend(more)).ok(),
        None => None,
    };
    let (Some(mut plan), Some(bound), false) =
        (plan, bound, problems.iter().any(Problem::is_error))
    else {
        return Err(Refused::Problems(problems));
    };
    for warning in &problems {
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
    let outcome = run(bound, plan);
    state.give_back();
    outcome.map_err(Refused::from)
}

/// Opens the ports; after a restart as soon as the server that is just ending has closed them.
fn bind(args: &Serve, plan: &Plan) -> Result<bind::Bound, Vec<Problem>> {
    let bind = || bind::bind(&plan.interface, plan.ports);
    bind().or_else(|_| {
        state::wait_for_the_last(args.state.as_deref(), plan.user.as_ref());
        bind()
    })
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

fn run(bound: bind::Bound, plan: Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("bt-server")
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(serve::serve(bound, plan));
    runtime.shutdown_timeout(THREADS_END);
    outcome
}
