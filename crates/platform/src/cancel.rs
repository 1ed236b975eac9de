//! A token that stops work. Threads can check it, wait for it, or select on it together with other channels.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

/// A request to stop, shared by all threads that work for a call or run.
///
/// Clones share one state. Cancelling cannot be undone.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<TokenState>);

#[derive(Default)]
struct TokenState {
    is_cancelled: AtomicBool,
    listeners: Mutex<Listeners>,
    changed: Condvar,
}

#[derive(Default)]
struct Listeners {
    next_id: u64,
    callbacks: Vec<(u64, Box<dyn FnOnce() + Send>)>,
}

/// A registration of a callback with [`CancelToken::on_cancel`]; dropping it removes the callback.
#[must_use = "the callback is removed when this is dropped"]
pub struct CancelListener {
    state: Arc<TokenState>,
    id: u64,
}

impl CancelToken {
    /// Requests a stop, wakes every thread that waits, and runs the callbacks.
    pub fn cancel(&self) {
        let callbacks = {
            let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.is_cancelled.store(true, Ordering::Release);
            std::mem::take(&mut listeners.callbacks)
        };
        self.0.changed.notify_all();
        for (_, callback) in callbacks {
            callback();
        }
    }

    /// Returns whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until a stop is requested or `timeout` has passed. Returns whether it was requested.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_cancelled() {
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            listeners = self.0.changed.wait_timeout(listeners, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Calls `callback` once when a stop is requested, unless the returned listener is dropped before; calls it
    /// immediately if a stop has already been requested.
    ///
    /// Unless it is called immediately, the callback runs on the thread that calls [`CancelToken::cancel`], so it must
    /// be short.
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> CancelListener {
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let id = listeners.next_id;
        listeners.next_id += 1;
        if self.is_cancelled() {
            drop(listeners);
            callback();
        } else {
            listeners.callbacks.push((id, Box::new(callback)));
        }
        CancelListener { state: Arc::clone(&self.0), id }
    }

    /// Returns a channel that is disconnected when a stop is requested, for `crossbeam_channel::select!`.
    pub fn channel(&self) -> CancelChannel {
        let (sender, receiver) = crossbeam_channel::bounded::<Infallible>(0);
        let listener = self.on_cancel(move || drop::<Sender<Infallible>>(sender));
        CancelChannel { token: self.clone(), receiver, _listener: listener }
    }
}

impl std::fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CancelToken").field(&self.is_cancelled()).finish()
    }
}

impl Drop for CancelListener {
    fn drop(&mut self) {
        let mut listeners = self.state.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = listeners.callbacks.iter().position(|(id, _)| *id == self.id);
        let callback = removed.map(|at| listeners.callbacks.swap_remove(at));
        drop(listeners);
        // The callback is dropped without the lock, because its values may take other locks when dropped.
        drop(callback);
    }
}

/// A receiver that becomes ready, by being disconnected, when its token is cancelled.
///
/// Nothing is ever sent. Dropping the channel removes it from the token.
pub struct CancelChannel {
    token: CancelToken,
    receiver: Receiver<Infallible>,
    _listener: CancelListener,
}

impl CancelChannel {
    /// Returns the token that cancels this channel.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Returns whether a stop was requested.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns the receiver to select on.
    pub fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_threads_wake_when_the_token_is_cancelled() {
        let token = CancelToken::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| token.wait_timeout(Duration::from_secs(600)));
            let channel = token.channel();
            let selecting = scope.spawn(move || channel.receiver().recv().is_err());
            token.cancel();
            assert!(waiting.join().expect("no panic"));
            assert!(selecting.join().expect("no panic"));
        });
        assert!(token.is_cancelled() && token.clone().is_cancelled());
    }

    #[test]
    fn a_timeout_is_not_a_cancellation() {
        assert!(!CancelToken::default().wait_timeout(Duration::from_millis(1)));
    }

    #[test]
    fn callbacks_run_once_and_not_after_they_were_dropped() {
        let token = CancelToken::default();
        let (sender, receiver) = crossbeam_channel::unbounded();
        let kept = {
            let sender = sender.clone();
            token.on_cancel(move || sender.send("kept").expect("open"))
        };
        drop({
            let sender = sender.clone();
            token.on_cancel(move || sender.send("dropped").expect("open"))
        });
        token.cancel();
        token.cancel();
        let late = token.on_cancel(move || sender.send("late").expect("open"));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["kept", "late"]);
        drop((kept, late));
    }
}
