//! How tasks tell the model what happened, marked with the job they belong to, so that a download
//! that was abandoned cannot disturb the next one.

use tokio::sync::mpsc;

use crate::app::Event;

/// An event, and the job it belongs to.
#[derive(Debug)]
pub struct News {
    /// The job's number; `None` for what belongs to none.
    pub job: Option<u64>,
    /// What happened.
    pub event: Event,
}

/// A task's way to tell. Telling waits while the model is busy; nothing is lost.
#[derive(Clone, Debug)]
pub struct Voice {
    job: Option<u64>,
    events: mpsc::Sender<News>,
}

impl Voice {
    /// A voice that belongs to no job, and the end where its news come out.
    pub fn new() -> (Voice, mpsc::Receiver<News>) {
        let (events, news) = mpsc::channel(64);
        (Voice { job: None, events }, news)
    }

    /// The same way for a job's task.
    #[must_use]
    pub fn of_job(&self, number: u64) -> Voice {
        Voice {
            job: Some(number),
            events: self.events.clone(),
        }
    }

    /// The same from a thread that may wait.
    pub fn tell_waiting(&self, event: Event) {
        let _ = self.events.blocking_send(News {
            job: self.job,
            event,
        });
    }

    /// Tells what happened; after the model is gone nobody listens.
    pub async fn tell(&self, event: Event) {
        let _ = self
            .events
            .send(News {
                job: self.job,
                event,
            })
            .await;
    }
}
