//! From when on the server can look, and what it is shown: the loop's end of the service.

use std::sync::Arc;

use catalog::manifest::Manifest;
use tokio::sync::watch;

use super::shell::Shells;
use super::{Look, access};
use crate::console::View;
use crate::lease::Lease;
use crate::news::Voice;
use crate::phase1::Phase1;

/// What the service is fed with, and whether it runs.
#[derive(Debug, Default)]
pub struct Opening {
    pictures: watch::Sender<Option<Arc<View>>>,
    is_open: bool,
}

impl Opening {
    /// The newest picture of the model.
    pub fn show(&self, view: Arc<View>) {
        self.pictures.send_replace(Some(view));
    }

    /// Lets the server look at this machine from now on; which one that is came with the boot. What happens there is told
    /// by `voice`.
    pub fn open(
        &mut self,
        allowed: Phase1,
        manifest: &Manifest,
        lease: Option<&Lease>,
        voice: &Voice,
    ) {
        let (Some(lease), Some(server)) = (lease, access::server(manifest)) else {
            return;
        };
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        let look = Look {
            server,
            mac: lease.mac,
            shells: manifest.remote_shell.then(|| Shells::new(allowed)),
            voice: voice.clone(),
            pictures: self.pictures.subscribe(),
        };
        tokio::spawn(super::run(super::place(lease.address), look));
    }
}
