//! The rules of the menu: which system is the default, how long the countdown is. Whether this machine can
//! run a system is [`crate::verdict`]'s. Only questions about values; the screens and keys are in [`crate::app`].

use std::time::Duration;

use catalog::Method;
use catalog::manifest::{Entry, Manifest};
use report::Step;

use crate::keys::Key;

/// How far Page Up and Page Down go.
const PAGE: usize = 10;

/// The system that starts by itself: the one that the configuration names, or the only one.
pub fn default(manifest: &Manifest) -> Option<usize> {
    let named = manifest.default.as_deref();
    let position = manifest
        .systems
        .iter()
        .position(|entry| Some(entry.name.as_str()) == named);
    position.or_else(|| (manifest.systems.len() == 1).then_some(0))
}

/// How long the menu waits before the default starts: zero is at once, `None` (a negative
/// `timeout`) for ever.
pub fn countdown(manifest: &Manifest) -> Option<Duration> {
    u64::try_from(manifest.timeout)
        .ok()
        .map(Duration::from_secs)
}

/// The report that the menu is shown; a negative `timeout` means that it waits for a person.
pub(crate) fn shown(manifest: &Manifest, timeout: i64) -> Step {
    Step::Menu {
        systems: u32::try_from(manifest.systems.len()).unwrap_or(u32::MAX),
        timeout_s: timeout,
    }
}

/// What the menu calls a method.
pub fn method_name(method: &Method) -> &'static str {
    match method {
        Method::Kexec { .. } => "kexec",
        Method::Bin { .. } => "program",
        Method::Qemu { .. } => "QEMU",
        Method::Local => "local disk",
    }
}

/// What a person must know before choosing on a machine whose kernel starts signed kernels alone; a kernel that has
/// certainly no signature is refused before (see [`crate::verdict`]). Whether this machine trusts a signature shows only
/// when the kernel was fetched.
pub fn warning(only_signed: bool, entry: &Entry) -> Option<&'static str> {
    let is_kexec = matches!(entry.method, Method::Kexec { .. });
    if !only_signed || !is_kexec {
        return None;
    }
    Some(match entry.signed {
        Some(true) => "Secure Boot is on: this kernel starts if the machine trusts its signature.",
        _ => "Secure Boot is on: kexec needs a signed kernel that this machine trusts.",
    })
}

/// Moves the selection; says whether the key was one of those that do.
pub(crate) fn moved(selected: &mut usize, key: Key, count: usize) -> bool {
    let last = count.saturating_sub(1);
    *selected = match key {
        Key::Up => selected.saturating_sub(1),
        Key::Down => selected.saturating_add(1).min(last),
        Key::PageUp => selected.saturating_sub(PAGE),
        Key::PageDown => selected.saturating_add(PAGE).min(last),
        Key::Home => 0,
        Key::End => last,
        _ => return false,
    };
    true
}
