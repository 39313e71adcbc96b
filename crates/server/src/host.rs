//! The computer the server runs on, as far as a configuration depends on it: its interfaces and its users. Looked
//! at once, before anything is decided; what is decided is then the same for the same computer.

use crate::interface::{self, Seen};
use crate::user::Users;

/// What was seen.
#[derive(Clone, Debug)]
pub struct Host {
    /// All network interfaces, or why the kernel does not name them.
    pub interfaces: Result<Vec<Seen>, String>,
    /// Who is who.
    pub users: Users,
}

impl Host {
    /// Looks at this computer, and changes nothing.
    #[must_use]
    pub fn look() -> Host {
        Host {
            interfaces: interface::list().map_err(|error| error.to_string()),
            users: Users::look(),
        }
    }
}
