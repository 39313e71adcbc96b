//! `bttui fetch` after the last byte: how long it goes on sharing, by the rule that machines follow
//! ([`crate::sharing`]), and what it says meanwhile.

use std::io;
use std::time::Duration;

use catalog::manifest::Seeding;
use swarm::net::Progress;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::Event;
use crate::cli::Fetch;
use crate::fetch_log::Log;
use crate::news::{News, Voice};
use crate::sharing::Sharing;
use crate::waiting;

/// How often it says that it still shares.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What the command line says about sharing.
#[derive(Clone, Debug)]
pub struct Share {
    seeding: Seeding,
    /// Who is asked who waits, and for which system; `None` where only time counts.
    asked: Option<(String, String)>,
}

impl Share {
    /// Of the torrent of this name.
    pub fn of(args: &Fetch, name: &str) -> Share {
        match &args.seed_room {
            Some(server) => Share {
                seeding: Seeding::WhileOthersFetch {
                    at_most: Duration::from_secs(args.seed_max),
                },
                asked: Some((server.clone(), name.to_owned())),
            },
            None => Share {
                seeding: Seeding::AtLeast(Duration::from_secs(args.seed_for)),
                asked: None,
            },
        }
    }

    /// Shares until the rule says that a machine would start its system now.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub async fn follow(&self, news: &watch::Receiver<Progress>, log: &mut Log) -> io::Result<()> {
        let (voice, mut told) = Voice::new();
        let stop = CancellationToken::new();
        let _asking = stop.clone().drop_guard();
        if let Some((server, system)) = self.asked.clone() {
            tokio::spawn(async move { waiting::ask(&server, &system, &stop, &voice).await });
        }
        let begun = Instant::now();
        let mut sharing = Sharing::begin(self.seeding, Duration::ZERO);
        let mut tick = tokio::time::interval(TELL_EVERY);
        while !sharing.is_over(begun.elapsed()) {
            let left = sharing.left(begun.elapsed());
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                machines = answer(&mut told) => sharing.answered(machines, begun.elapsed()),
                _ = tick.tick() => log.seeding(&news.borrow(), left)?,
            }
        }
        Ok(())
    }
}

/// The next answer of the server that is asked; never comes where none is.
async fn answer(told: &mut mpsc::Receiver<News>) -> Vec<std::net::Ipv4Addr> {
    while let Some(news) = told.recv().await {
        if let Event::Waiting { machines } = news.event {
            return machines;
        }
    }
    std::future::pending().await
}
