//! What only shows when the room's settings and all its systems are seen at once.

use std::net::Ipv4Addr;

use crate::{Problem, Settings, System};

/// The system that starts by itself: the one `default_os` names by dispname or folder name, or the
/// only one.
pub fn default_system<'a>(settings: &Settings, systems: &'a [System]) -> Option<&'a System> {
    match (&settings.default_os, systems) {
        (Some(default), _) => {
            let by = |name: fn(&System) -> &str| {
                systems
                    .iter()
                    .find(|system| name(system) == default.value.trim())
            };
            by(|system| &system.dispname).or_else(|| by(|system| &system.name))
        }
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Seconds the menu waits: the settings' own, or for ever (-1) where nothing is the default.
pub fn menu_timeout(settings: &Settings, systems: &[System]) -> i64 {
    match default_system(settings, systems) {
        Some(_) => settings.timeout.value,
        None => -1,
    }
}

/// Everything wrong between the settings and the systems, each system with the file its problems
/// are shown under.
pub fn together(
    _settings: &Settings,
    _settings_file: &str,
    _systems: &[(System, String)],
) -> Vec<Problem> {
    Vec::new()
}

/// What the settings ask of an interface that its addresses (with prefix lengths) cannot give.
pub fn on_interface(
    _settings: &Settings,
    _settings_file: &str,
    _interface: &str,
    _addresses: &[(Ipv4Addr, u8)],
) -> Vec<Problem> {
    Vec::new()
}
