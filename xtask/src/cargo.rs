//! Cargo, called from a task that cargo runs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{places, run};

/// The target of everything that leaves this machine. Named also when it is the host's own, so that the flags below
/// don't reach build scripts, which must not be static.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// One file that runs on any Linux of this architecture; and getrandom straight from the kernel, since its fallback
/// aborts where there is no /dev yet.
const STATIC_FLAGS: &str =
    "-Ctarget-feature=+crt-static\u{1f}--cfg=getrandom_backend=\"linux_getrandom\"";

/// The cargo that runs this task, in the workspace.
pub(crate) fn command() -> Command {
    let mut command = Command::new(
        std::env::var_os("CARGO")
            .as_deref()
            .unwrap_or(OsStr::new("cargo")),
    );
    command.current_dir(places::root());
    command
}

/// Builds the program of `package` as one static file; gives its path.
pub(crate) fn build_static(
    package: &str,
    profile: &str,
    variables: &[(&str, &OsStr)],
) -> Result<PathBuf> {
    run::run(
        command()
            .args([
                "build",
                "--quiet",
                "--profile",
                profile,
                "--target",
                TARGET,
                "--package",
                package,
                "--bin",
                package,
            ])
            .env("CARGO_ENCODED_RUSTFLAGS", STATIC_FLAGS)
            .envs(variables.iter().copied()),
    )?;
    Ok(places::target().join(TARGET).join(profile).join(package))
}
