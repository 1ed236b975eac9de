//! Ctrl-C handling: the first Ctrl-C cancels cancellable work, the next one ends the process.
//!
//! Outside of cancellable work the first Ctrl-C ends the process. One thread waits for signals,
//! from [`Interrupts::listen`] until the value is dropped, which joins the thread.

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

use engine::CancelToken;

use super::exit::INTERRUPTED_CODE;
use super::printer;

/// A listener for Ctrl-C, active until it is dropped.
pub struct Interrupts {
    cancel: CancelToken,
    is_cancellable: Arc<AtomicBool>,
    /// Whether the cancellable work waits for something, so that nothing is in progress.
    is_idle: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// Starts to listen; no Ctrl-C after this call is missed.
    ///
    /// # Errors
    /// If the thread or the signal handler cannot be set up.
    pub fn listen() -> anyhow::Result<Self> {
        let failed =
            |error: io::Error| anyhow!("cannot listen for Ctrl-C: {error}; raise the limits on open files and threads");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signal = {
            let _guard = runtime.enter();
            listen_for_ctrl_c().map_err(failed)?
        };
        let (stop, stopped) = oneshot::channel();
        let (cancel, is_cancellable) = (CancelToken::default(), Arc::new(AtomicBool::new(false)));
        let is_idle = Arc::new(AtomicBool::new(false));
        let (token, flag, idle) = (cancel.clone(), Arc::clone(&is_cancellable), Arc::clone(&is_idle));
        let wait = move || runtime.block_on(wait_for_ctrl_c(signal, &token, [&flag, &idle], stopped));
        let thread = thread::Builder::new().name("ctrl-c".to_owned()).spawn(wait).map_err(failed)?;
        Ok(Self { cancel, is_cancellable, is_idle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs `work`; during it, the first Ctrl-C only cancels the token.
    pub fn run_cancellable<T>(&self, work: impl FnOnce(&CancelToken) -> T) -> T {
        self.is_cancellable.store(true, Ordering::SeqCst);
        let done = work(&self.cancel);
        self.is_cancellable.store(false, Ordering::SeqCst);
        done
    }
}

impl Interrupts {
    /// Sets whether the cancellable work only waits, which the note after a Ctrl-C depends on.
    pub fn set_idle(&self, is_idle: bool) {
        self.is_idle.store(is_idle, Ordering::SeqCst);
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread does not panic and returns nothing.
            _ = thread.join();
        }
    }
}

#[cfg(unix)]
fn listen_for_ctrl_c() -> io::Result<Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::interrupt())
}

#[cfg(windows)]
fn listen_for_ctrl_c() -> io::Result<Signal> {
    tokio::signal::windows::ctrl_c()
}

async fn wait_for_ctrl_c(
    mut signal: Signal,
    cancel: &CancelToken,
    [is_cancellable, is_idle]: [&AtomicBool; 2],
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = signal.recv() => {}
        }
        if !is_cancellable.load(Ordering::SeqCst) || cancel.is_cancelled() {
            process::exit(i32::from(INTERRUPTED_CODE));
        }
        cancel.cancel();
        printer::print_note(match is_idle.load(Ordering::SeqCst) {
            true => "stopped",
            false => "stopping after the files in progress; press Ctrl-C again to end at once",
        });
    }
}
