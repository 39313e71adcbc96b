//! The computer the server runs on, as far as a configuration depends on it: its interfaces and its users. Looked
//! at once, before anything is decided; what is decided is then the same for the same computer.

use crate::interface::routes::{self, Route};
use crate::interface::{self, Seen};
use crate::user::Users;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Host {
    /// All network interfaces, or why the kernel does not name them.
    pub interfaces: Result<Vec<Seen>, String>,
    /// Where it sends what to; nothing where the kernel does not show it.
    pub routes: Vec<Route>,
    /// Who is who.
    pub users: Users,
}

impl Host {
    /// Looks at this computer, and changes nothing.
    #[must_use]
    pub fn look() -> Host {
        Host {
            interfaces: interface::list().map_err(|error| error.to_string()),
            routes: routes::list().unwrap_or_default(),
            users: Users::look(),
        }
    }
}
