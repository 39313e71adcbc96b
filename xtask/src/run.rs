//! Other programs: run with their command line in the error, so that a person can repeat what failed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program on this terminal; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("{status}: {line}");
    }
    Ok(())
}

/// Says the command line, then runs it.
pub(crate) fn run_aloud(command: &mut Command) -> Result<()> {
    eprintln!("  $ {}", shown(command));
    run(command)
}

/// Runs a program and gives its standard output; what it says on standard error is in the error only.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start: {line}"))?;
    if !done.status.success() {
        bail!(
            "{}: {line}\n{}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim_end()
        );
    }
    String::from_utf8(done.stdout).with_context(|| format!("not UTF-8: the output of {line}"))
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A command for something only root may do: the program itself for root, else through sudo.
pub(crate) fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// Makes a file runnable by everybody.
pub(crate) fn make_executable(path: &Path) -> Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o755))
        .with_context(|| format!("{}", path.display()))
}

/// The command as it would be typed, with the variables set for it.
fn shown(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={:?}", name.display(), value?)));
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned());
    variables.chain(words).collect::<Vec<_>>().join(" ")
}
