//! Cargo, called from a task that cargo runs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::Result;

use crate::{places, run};

/// The target of everything that leaves this machine. Named also when it is the host's own, so that the flags below
/// don't reach build scripts, which must not be static.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// One file that runs on any Linux of this architecture; and getrandom straight from the kernel, since its fallback
/// aborts where there is no /dev yet.
const STATIC_FLAGS: [&str; 2] = [
    "-Ctarget-feature=+crt-static",
    "--cfg=getrandom_backend=\"linux_getrandom\"",
];

/// The cargo that runs this task, in the workspace.
pub(crate) fn command() -> Command {
    let mut command = Command::new(
        env::var_os("CARGO")
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
            .env("CARGO_ENCODED_RUSTFLAGS", flags().join("\u{1f}"))
            .envs(variables.iter().copied()),
    )?;
    Ok(places::target().join(TARGET).join(profile).join(package))
}

/// The compiler's flags. Panic messages name source files: without where these happen to lie on this machine, the same
/// sources make the same program everywhere, and nobody's folders travel with it.
fn flags() -> Vec<String> {
    let mut flags: Vec<String> = STATIC_FLAGS.map(str::to_owned).to_vec();
    flags.push(format!(
        "--remap-path-prefix={}=.",
        places::root().display()
    ));
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    for registry in registries.into_iter().flatten().flatten() {
        flags.push(format!(
            "--remap-path-prefix={}=crates",
            registry.path().display()
        ));
    }
    flags
}
