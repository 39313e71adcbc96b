//! Which system starts by itself, and how long the menu waits before.

use crate::{Settings, System};

/// The system that starts by itself: the one `default_os` names by folder name, as the original's files do, or by
/// dispname; or the only one.
pub fn default_system<'a>(settings: &Settings, systems: &'a [System]) -> Option<&'a System> {
    default_of(settings, &systems.iter().collect::<Vec<_>>())
}

pub(crate) fn default_of<'a>(settings: &Settings, systems: &[&'a System]) -> Option<&'a System> {
    match (&settings.default_os, systems) {
        (Some(default), _) => named(&default.value, systems),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// The system of this folder name, else of this dispname.
pub(crate) fn named<'a>(wanted: &str, systems: &[&'a System]) -> Option<&'a System> {
    let by = |name: fn(&System) -> &str| {
        let mut systems = systems.iter();
        systems.find(|system| name(system) == wanted.trim())
    };
    by(|system| &system.name)
        .or_else(|| by(|system| &system.dispname))
        .copied()
}

/// Seconds the menu waits: the settings' own, or for ever (-1) where nothing is the default.
pub fn menu_timeout(settings: &Settings, systems: &[System]) -> i64 {
    match default_system(settings, systems) {
        Some(_) => settings.timeout.value,
        None => -1,
    }
}
