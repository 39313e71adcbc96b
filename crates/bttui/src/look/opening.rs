//! From when on the server can look, and what it is shown: the loop's end of the service.

use std::sync::Arc;

use catalog::manifest::Manifest;
use report::Step;
use tokio::sync::watch;

use super::shell::Shells;
use super::{Look, access};
use crate::app::Event;
use crate::console::View;
use crate::lease::Lease;
use crate::log::Log;
use crate::phase1::Phase1;

/// What the service is fed with, and whether it runs.
#[derive(Debug, Default)]
pub struct Opening {
    log: Log,
    pictures: watch::Sender<Option<Arc<View>>>,
    is_open: bool,
}

impl Opening {
    /// The newest picture of the model.
    pub fn show(&self, view: Arc<View>) {
        self.pictures.send_replace(Some(view));
    }

    /// Logs what the model is told and nobody reports.
    pub fn note(&self, event: &Event) {
        match event {
            Event::NoNetwork { why } => self.log.write(why),
            Event::Network { lease, .. } => {
                let (address, card) = (lease.address, &lease.interface);
                self.log
                    .write(&format!("has the address {address} on {card}"));
            }
            _ => {}
        }
    }

    /// Logs a step, as the server's journal has it. Progress is on the page of the state.
    pub fn reported(&self, step: &Step) {
        if !matches!(step, Step::Progress(_)) {
            self.log.write(&step.line());
        }
    }

    /// Lets the server look at this machine from now on; which one that is came with the boot.
    pub fn open(&mut self, allowed: Phase1, manifest: &Manifest, lease: Option<&Lease>) {
        let (Some(lease), Some(server)) = (lease, access::server(manifest)) else {
            return;
        };
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        let look = Look {
            server,
            shells: manifest.remote_shell.then(|| Shells::new(allowed)),
            log: self.log.clone(),
            pictures: self.pictures.subscribe(),
        };
        tokio::spawn(super::run(super::place(lease.address), look));
    }
}
