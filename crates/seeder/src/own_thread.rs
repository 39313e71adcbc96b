//! The one thread that librqbit lives on.
//!
//! Where a runtime has several threads, librqbit lets another one take over all its thread's work before it reads a
//! block, and that for every 16 KiB. A block mostly comes out of memory, within a few microseconds; the change of
//! threads took 70 % of the seed's processor time, and a machine alone with the server got half of what it gets now.
//! So it gets a runtime of a single thread, on which it reads at once. Its processor time would let that thread send
//! some 900 MB/s. What everybody pays for it: while one block comes from a slow disk, nobody else gets one. See
//! `ahead` in `storage` for what makes that rare.
//!
//! Nothing else runs here, so nothing that the rest of the server does waits for a disk of the seed's.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Error;

/// A thread with a runtime of its own. It ends, with everything that runs there, when this is dropped.
pub(crate) struct OwnThread {
    runtime: Handle,
    end: DropGuard,
    ended: mpsc::Receiver<()>,
}

impl OwnThread {
    /// Starts it, with nothing to do yet.
    ///
    /// # Errors
    /// The system has no thread or no descriptor left.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let told = end.clone();
        let (alive, ended) = mpsc::channel(1);
        thread::Builder::new()
            .name("bt-seed".into())
            .spawn(move || {
                runtime.block_on(told.cancelled());
                // What blocks, a name that is looked up, is not waited for.
                runtime.shutdown_background();
                drop(alive);
            })?;
        Ok(Self {
            runtime: handle,
            end: end.drop_guard(),
            ended,
        })
    }

    /// Ends it, and waits until all that ran there is gone, with its sockets.
    pub(crate) async fn end(self) {
        let Self { end, mut ended, .. } = self;
        drop(end);
        ended.recv().await;
    }

    /// Does something there, and waits for its end; whoever stops waiting does not stop it.
    ///
    /// # Errors
    /// It panicked, or the thread ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let ended = self.runtime.spawn(work).await;
        ended.map_err(|e| Error::Engine(format!("the seed's thread: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_on_one_thread_that_ends_with_its_owner() {
        let own = OwnThread::start().unwrap();
        let here = || async { thread::current().id() };
        let first = own.run(here()).await.unwrap();
        assert_eq!(own.run(here()).await.unwrap(), first);
        assert_ne!(first, thread::current().id());
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        let forever = async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        own.runtime.spawn(forever);
        own.end().await;
        assert_eq!(
            all_gone.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
        let own = OwnThread::start().unwrap();
        let (alive, mut gone) = mpsc::channel::<()>(1);
        own.runtime.spawn(async move { alive.closed().await });
        drop(own);
        assert_eq!(gone.recv().await, None);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let own = OwnThread::start().unwrap();
        let panics = own.run(async { panic!("of a test") }).await;
        let Err(Error::Engine(why)) = panics else {
            panic!("no error");
        };
        assert!(why.contains("of a test"), "{why}");
        assert_eq!(own.run(async { 7 }).await.unwrap(), 7);
    }
}
