//! Watches the tree of a server while it has a turn.
//!
//! A server may have a hundred trees, of which only a few are watched. A thread that does nothing still takes memory:
//! the part of its stack that it has used, and what the allocator keeps for it. So a tree without a turn has no thread;
//! the next call in it starts one.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::turns::{TreeUses, WatchTurn, WatchTurns};
use platform::cancel::CancelToken;
use platform::process::lower_thread_priority;

/// Watches a tree until its turn ends; `None` tells it that the tree has no turn now. Breaks if the tree cannot be
/// watched.
type WatchTree = dyn Fn(Option<&WatchTurn<'_>>) -> ControlFlow<()> + Send + Sync;

/// The watch of a tree, which is stopped, and its thread joined, on drop.
pub struct TreeWatch(Arc<WatchedTree>);

struct WatchedTree {
    turns: &'static WatchTurns,
    uses: Arc<TreeUses>,
    watch: Box<WatchTree>,
    stop: CancelToken,
    /// The thread that watches, and earlier ones that have ended or are about to.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl TreeWatch {
    /// Starts a thread that calls `watch` with a turn of the tree with these uses, or with `None` if it gets none. When
    /// `watch` has returned, the thread ends; the next call in the tree starts another one, unless `watch` has broken.
    ///
    /// # Errors
    /// When the first thread cannot be started.
    pub fn start(
        turns: &'static WatchTurns,
        uses: &Arc<TreeUses>,
        watch: impl Fn(Option<&WatchTurn<'_>>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (uses, watch, stop) = (Arc::clone(uses), Box::new(watch), CancelToken::default());
        let tree = Arc::new(WatchedTree { turns, uses, watch, stop, threads: Mutex::default() });
        tree.start_thread()?;
        Ok(Self(tree))
    }

    /// Ends the turn of the tree and prevents further ones, without waiting for the thread.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }
}

impl Drop for TreeWatch {
    fn drop(&mut self) {
        self.stop();
        // No thread is added once the token is cancelled and this lock was held.
        let threads = std::mem::take(&mut *self.0.lock_threads());
        for thread in threads {
            // A panic is a bug; the panic hook has already reported it.
            _ = thread.join();
        }
    }
}

impl WatchedTree {
    /// Starts a thread that watches the tree, unless the watch is stopped.
    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let mut threads = self.lock_threads();
        if self.stop.is_cancelled() {
            return Ok(());
        }
        threads.retain(|thread| !thread.is_finished());
        let tree = Arc::clone(self);
        threads.push(thread::Builder::new().name("watch".to_owned()).spawn(move || tree.watch_in_turns())?);
        Ok(())
    }

    /// Watches the tree, again and again as long as there was a call meanwhile.
    fn watch_in_turns(self: &Arc<Self>) {
        lower_thread_priority();
        while !self.stop.is_cancelled() {
            let calls = self.uses.count();
            if self.watch_in_turn().is_break() || self.wait_for_call(calls) {
                return;
            }
        }
    }

    /// Watches the tree in one turn, if it gets one.
    fn watch_in_turn(&self) -> ControlFlow<()> {
        let Some(turn) = self.turns.take(&self.uses) else { return (self.watch)(None) };
        let end = turn.end().clone();
        let _listener = self.stop.on_cancel(move || end.cancel());
        (self.watch)(Some(&turn))
    }

    /// Has the next call in the tree start a thread. Returns false if there were more than `calls` calls already.
    fn wait_for_call(self: &Arc<Self>, calls: u64) -> bool {
        let tree = Arc::downgrade(self);
        self.uses.wait_for_call(calls, move || {
            let Some(tree) = tree.upgrade() else { return };
            if let Err(error) = tree.start_thread() {
                tracing::warn!("cannot start a thread that watches for changes: {error}");
                // A later call tries again.
                tree.wait_for_call(tree.uses.count());
            }
        })
    }

    fn lock_threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn new_turns() -> &'static WatchTurns {
        Box::leak(Box::new(WatchTurns::new(100, Duration::MAX)))
    }

    /// Waits until the threads of a tree, which is not stopped, have ended by themselves.
    fn join_threads(watch: &TreeWatch) {
        let threads = std::mem::take(&mut *watch.0.lock_threads());
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }

    #[test]
    fn a_tree_without_a_turn_has_no_thread_until_its_next_call() {
        let (turns, [other, own]) = (new_turns(), [(); 2].map(|()| TreeUses::new()));
        let first = turns.take(&other).expect("a turn");
        first.set_folders(500);
        let (sender, taken) = mpsc::channel();
        let watch = move |turn: Option<&WatchTurn<'_>>| {
            sender.send(turn.is_some()).expect("the test receives it");
            ControlFlow::Continue(())
        };
        let watch = TreeWatch::start(turns, &own, watch).expect("a thread");
        assert_eq!(taken.recv(), Ok(false), "there is no room");
        join_threads(&watch);
        drop(first);
        own.add();
        assert_eq!(taken.recv(), Ok(true));
        join_threads(&watch);
        assert!(taken.try_recv().is_err(), "there was no other call");
    }

    #[test]
    fn a_stopped_tree_is_not_watched_again() {
        let (turns, uses) = (new_turns(), TreeUses::new());
        let (sender, taken) = mpsc::channel();
        let watch = move |turn: Option<&WatchTurn<'_>>| {
            sender.send(()).expect("the test receives it");
            let end = turn.expect("a turn").end();
            while !end.wait_timeout(Duration::from_secs(60)) {}
            ControlFlow::Continue(())
        };
        let watch = TreeWatch::start(turns, &uses, watch).expect("a thread");
        taken.recv().expect("it is watched");
        drop(watch);
        uses.add();
        assert!(taken.recv().is_err(), "the watch and its sender are gone");
    }
}
