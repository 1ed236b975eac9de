//! Ctrl-C: the first one stops an index run in good order, the next one ends the process at once.
//!
//! Owns one thread that waits for signals from [`Interrupts::watch`] until the drop, which joins
//! it. Outside of an index run the first Ctrl-C ends the process. Must never import: anything of
//! this crate but `engine`.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::anyhow;
use tokio::sync::oneshot;

#[cfg(unix)]
use tokio::signal::unix::Signal;
#[cfg(windows)]
use tokio::signal::windows::CtrlC as Signal;

use super::{INTERRUPTED, printer};
use crate::engine::CancelToken;

/// Watches for Ctrl-C while it lives.
pub struct Interrupts {
    cancel: CancelToken,
    indexing: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// Begins to watch: no Ctrl-C after this is missed.
    ///
    /// # Errors
    /// When the thread or the signal handler cannot be set up.
    pub fn watch() -> anyhow::Result<Self> {
        let failed =
            |error: io::Error| anyhow!("cannot watch for ctrl-c: {error}; raise the limits on files and threads");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signal = {
            let _inside = runtime.enter();
            listen().map_err(failed)?
        };
        let (stop, stopped) = oneshot::channel();
        let (cancel, indexing) = (CancelToken::default(), Arc::new(AtomicBool::new(false)));
        let (token, flag) = (cancel.clone(), Arc::clone(&indexing));
        let wait = move || runtime.block_on(wait(signal, &token, &flag, stopped));
        let thread = thread::Builder::new().name("ctrl-c".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Self { cancel, indexing, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs `work`; the first Ctrl-C meanwhile only sets the token.
    pub fn during<T>(&self, work: impl FnOnce(&CancelToken) -> T) -> T {
        self.indexing.store(true, Ordering::SeqCst);
        let done = work(&self.cancel);
        self.indexing.store(false, Ordering::SeqCst);
        done
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic, and nothing hangs on how it ended.
            _ = thread.join();
        }
    }
}

#[cfg(unix)]
fn listen() -> io::Result<Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::interrupt())
}

#[cfg(windows)]
fn listen() -> io::Result<Signal> {
    tokio::signal::windows::ctrl_c()
}

async fn wait(mut signal: Signal, cancel: &CancelToken, indexing: &AtomicBool, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = signal.recv() => {}
        }
        if !indexing.load(Ordering::SeqCst) || cancel.is_cancelled() {
            process::exit(i32::from(INTERRUPTED));
        }
        cancel.cancel();
        printer::note("stopping; ctrl-c again ends at once");
    }
}
