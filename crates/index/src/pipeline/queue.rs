//! The bounded queues between stages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, at, bounded, never, select};

use super::clock::StageClock;
use platform::cancel::CancelChannel;

/// Connects two stages with a queue of `capacity` elements.
pub(crate) fn connect_stages<'r, T>(
    from: &'r StageClock,
    to: &'r StageClock,
    capacity: usize,
    cancel: &'r CancelChannel,
) -> (StageSender<'r, T>, StageReceiver<'r, T>) {
    let (sender, receiver) = bounded(capacity);
    let (signal, drained) = bounded(1);
    let depth = Arc::<AtomicUsize>::default();
    to.set_queue(capacity, Arc::clone(&depth));
    let output = StageSender { to: sender, drained, depth: Arc::clone(&depth), clock: from, cancel };
    (output, StageReceiver { from: receiver, drained: signal, depth, clock: to, cancel })
}

/// The receiving end of a queue, held by one thread of a stage.
pub(crate) struct StageReceiver<'r, T> {
    from: Receiver<T>,
    /// Sends a signal when the queue is empty.
    drained: Sender<()>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelChannel,
}

/// The result of waiting for input.
pub(crate) enum Received<T> {
    Item(T),
    /// A signal was sent or the deadline has passed.
    Woken,
    /// The previous or the next stage has ended, or the run is cancelled.
    End,
}

impl<T> StageReceiver<'_, T> {
    /// Waits for the next item; `None` at the end of the input and when the run is cancelled.
    pub fn next(&self) -> Option<T> {
        match self.next_or_woken([&never(), &never()], None) {
            Received::Item(item) => Some(item),
            Received::Woken | Received::End => None,
        }
    }

    /// Waits for the next item, a signal on one of the `wakes` channels, or the deadline. Returns [`Received::End`]
    /// when one of the channels is disconnected or the run is cancelled.
    pub fn next_or_woken(&self, wakes: [&Receiver<()>; 2], deadline: Option<Instant>) -> Received<T> {
        if self.cancel.is_cancelled() {
            return Received::End;
        }
        let received = match self.from.try_recv() {
            Ok(item) => Received::Item(item),
            Err(TryRecvError::Disconnected) => Received::End,
            Err(TryRecvError::Empty) => self.clock.track_input_wait(|| self.wait_for_item(wakes, deadline)),
        };
        if matches!(received, Received::Item(_)) {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            if self.from.is_empty() {
                // If the channel is full, a signal is already pending.
                _ = self.drained.try_send(());
            }
        }
        received
    }

    fn wait_for_item(&self, [one, other]: [&Receiver<()>; 2], deadline: Option<Instant>) -> Received<T> {
        let timer = deadline.map_or_else(never, at);
        select! {
            recv(self.from) -> item => item.map_or(Received::End, Received::Item),
            recv(self.cancel.receiver()) -> _ => Received::End,
            recv(one) -> signal => signal.map_or(Received::End, |()| Received::Woken),
            recv(other) -> signal => signal.map_or(Received::End, |()| Received::Woken),
            recv(timer) -> _ => Received::Woken,
        }
    }

    /// Returns whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
}

// Not derived, because that would require `T: Clone`.
impl<T> Clone for StageReceiver<'_, T> {
    fn clone(&self) -> Self {
        let (from, drained, depth) = (self.from.clone(), self.drained.clone(), Arc::clone(&self.depth));
        Self { from, drained, depth, clock: self.clock, cancel: self.cancel }
    }
}

/// The sending end of a queue, held by one thread of a stage.
pub(crate) struct StageSender<'r, T> {
    to: Sender<T>,
    drained: Receiver<()>,
    depth: Arc<AtomicUsize>,
    pub clock: &'r StageClock,
    pub cancel: &'r CancelChannel,
}

impl<T> StageSender<'_, T> {
    /// Sends an item, waiting for room in the queue. Returns false if the next stage has ended or the run is
    /// cancelled; the calling stage should then end too.
    pub fn send(&self, item: T) -> bool {
        if self.cancel.is_cancelled() {
            return false;
        }
        // Counted before sending, because the receiver may subtract the item before this call returns.
        self.depth.fetch_add(1, Ordering::Relaxed);
        let is_sent = match self.to.try_send(item) {
            Ok(()) => true,
            Err(TrySendError::Disconnected(_)) => false,
            Err(TrySendError::Full(item)) => self.clock.track_output_wait(|| self.wait_and_send(item)),
        };
        if !is_sent {
            self.depth.fetch_sub(1, Ordering::Relaxed);
        }
        is_sent
    }

    fn wait_and_send(&self, item: T) -> bool {
        select! {
            send(self.to, item) -> sent => sent.is_ok(),
            recv(self.cancel.receiver()) -> _ => false,
        }
    }

    /// Returns whether the next stage has received every item.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// Returns a channel that receives a signal after the next stage has emptied the queue. A signal may arrive when
    /// the queue has items again. The channel is disconnected when the next stage ends.
    pub fn drained(&self) -> &Receiver<()> {
        &self.drained
    }
}

impl<T> Clone for StageSender<'_, T> {
    fn clone(&self) -> Self {
        let (to, drained, depth) = (self.to.clone(), self.drained.clone(), Arc::clone(&self.depth));
        Self { to, drained, depth, clock: self.clock, cancel: self.cancel }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::super::clock::StageClocks;
    use super::*;
    use crate::report::Stage;
    use platform::cancel::CancelToken;

    fn connect<'r>(
        clocks: &'r StageClocks,
        cancel: &'r CancelChannel,
        capacity: usize,
    ) -> (StageSender<'r, u32>, StageReceiver<'r, u32>) {
        connect_stages(&clocks[Stage::Walk], &clocks[Stage::Read], capacity, cancel)
    }

    /// Runs `wait` on a thread and cancels `token` once the clocks show that the thread is waiting.
    fn cancel_while_waiting(clocks: &StageClocks, token: &CancelToken, wait: impl FnOnce() + Send) {
        thread::scope(|scope| {
            let waiting = scope.spawn(wait);
            let is_waiting = || {
                let [walk, read] = [Stage::Walk, Stage::Read].map(|stage| clocks[stage].report());
                walk.waiting_for_output + read.waiting_for_input > Duration::ZERO
            };
            while !is_waiting() {
                thread::yield_now();
            }
            token.cancel();
            waiting.join().expect("no panic");
        });
    }

    #[test]
    fn a_cancellation_ends_blocked_senders_and_receivers() {
        let (clocks, token) = (StageClocks::new(), CancelToken::default());
        let cancel = token.channel();
        let (output, input) = connect(&clocks, &cancel, 1);
        assert!(output.send(1));
        cancel_while_waiting(&clocks, &token, || assert!(!output.send(2)));
        assert!(!output.send(3) && input.next().is_none(), "nothing passes after a cancellation");

        let (clocks, token) = (StageClocks::new(), CancelToken::default());
        let cancel = token.channel();
        let (output, input) = connect(&clocks, &cancel, 1);
        cancel_while_waiting(&clocks, &token, || assert!(input.next().is_none()));
        drop(output);
    }

    #[test]
    fn the_last_item_of_a_queue_signals_the_sender_and_the_end_of_a_stage_ends_the_other() {
        let (clocks, token) = (StageClocks::new(), CancelToken::default());
        let cancel = token.channel();
        let (output, input) = connect(&clocks, &cancel, 2);
        assert!(output.send(1) && output.send(2));
        assert_eq!(input.next(), Some(1));
        assert!(output.drained().is_empty() && !output.is_empty());
        assert_eq!(input.next(), Some(2));
        assert!(output.drained().recv().is_ok() && output.is_empty());
        assert!(output.send(3));
        drop(input.clone());
        drop(output);
        assert_eq!((input.next(), input.next()), (Some(3), None), "the rest arrives after the sender has ended");

        let (output, input) = connect(&clocks, &cancel, 2);
        drop(input);
        assert!(!output.send(1) && output.drained().recv().is_err());
    }

    #[test]
    fn a_signal_and_a_deadline_end_a_wait() {
        let (clocks, token) = (StageClocks::new(), CancelToken::default());
        let cancel = token.channel();
        let (output, input) = connect(&clocks, &cancel, 1);
        let (signal, signalled) = bounded(1);
        signal.send(()).expect("open");
        assert!(matches!(input.next_or_woken([&signalled, &never()], None), Received::Woken));
        let soon = Instant::now() + Duration::from_millis(1);
        assert!(matches!(input.next_or_woken([&signalled, &never()], Some(soon)), Received::Woken));
        assert!(Instant::now() >= soon);
        drop(output);
        assert!(matches!(input.next_or_woken([&never(), &signalled], None), Received::End));
    }
}
