//! Starts and joins the threads of a run.

use std::any::Any;
use std::thread::{self, Scope, ScopedJoinHandle};

use super::clock::StageClocks;
use super::queue::{StageReceiver, StageSender, connect_stages};
use crate::error::IndexError;
use crate::report::Stage;
use platform::cancel::CancelChannel;

/// The threads of the stages, connected by queues.
pub(crate) struct StageThreads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    clocks: &'scope StageClocks,
    cancel: &'scope CancelChannel,
    started: Vec<(Stage, ScopedJoinHandle<'scope, ()>)>,
}

impl<'scope, 'env> StageThreads<'scope, 'env> {
    /// Creates a set without threads.
    pub fn new(scope: &'scope Scope<'scope, 'env>, clocks: &'scope StageClocks, cancel: &'scope CancelChannel) -> Self {
        Self { scope, clocks, cancel, started: Vec::new() }
    }

    /// Starts the first stage on one thread. Returns its output, a queue of at most `capacity` elements. Fails if the
    /// thread cannot be started.
    pub fn spawn_first<O: Send + 'scope>(
        &mut self,
        stage: Stage,
        capacity: usize,
        work: impl FnOnce(&StageSender<'scope, O>) + Send + 'scope,
    ) -> Result<StageReceiver<'scope, O>, IndexError> {
        let (output, next) = self.connect(stage, capacity);
        self.spawn_thread(stage, move || work(&output))?;
        Ok(next)
    }

    /// Starts a stage on `threads` threads, which share `input`. Returns their output, a queue of at most `capacity`
    /// elements. Fails if one of the threads cannot be started.
    pub fn spawn<I: Send + 'scope, O: Send + 'scope>(
        &mut self,
        stage: Stage,
        threads: usize,
        input: StageReceiver<'scope, I>,
        capacity: usize,
        work: impl Fn(&StageReceiver<'scope, I>, &StageSender<'scope, O>) + Copy + Send + 'scope,
    ) -> Result<StageReceiver<'scope, O>, IndexError> {
        let (output, next) = self.connect(stage, capacity);
        for _ in 0..threads {
            let (input, output) = (input.clone(), output.clone());
            self.spawn_thread(stage, move || work(&input, &output))?;
        }
        Ok(next)
    }

    /// Runs the last stage on this thread. If it ends early, the earlier stages end too.
    pub fn run_last<I, T>(
        &self,
        stage: Stage,
        input: StageReceiver<'scope, I>,
        work: impl FnOnce(&StageReceiver<'scope, I>) -> T,
    ) -> T {
        let done = self.clocks[stage].track_thread(|| work(&input));
        drop(input); // disconnects the queue, so that the previous stage does not wait for room
        done
    }

    /// Joins all threads.
    ///
    /// # Errors
    /// When a stage has panicked; the first one in pipeline order is reported.
    pub fn join(self) -> Result<(), IndexError> {
        let joined: Vec<_> = self.started.into_iter().map(|(stage, thread)| join(stage.name(), thread)).collect();
        joined.into_iter().collect()
    }

    fn connect<T>(&self, stage: Stage, capacity: usize) -> (StageSender<'scope, T>, StageReceiver<'scope, T>) {
        let next = self.clocks.after(stage).expect("the last stage has no output");
        connect_stages(&self.clocks[stage], next, capacity, self.cancel)
    }

    fn spawn_thread(&mut self, stage: Stage, work: impl FnOnce() + Send + 'scope) -> Result<(), IndexError> {
        let clock = &self.clocks[stage];
        let thread = spawn(self.scope, stage.name(), move || clock.track_thread(work))?;
        self.started.push((stage, thread));
        Ok(())
    }
}

/// Runs `work` while another thread runs `observe`, which must end when its channel is disconnected.
///
/// # Errors
/// When the thread cannot be started or panics; otherwise the error of `work`.
pub(super) fn run_beside<T, E: From<IndexError>>(
    name: &'static str,
    observe: impl FnOnce(&crossbeam_channel::Receiver<()>) + Send,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let (ended, wait) = crossbeam_channel::bounded::<()>(1);
    thread::scope(|scope| {
        let thread = spawn(scope, name, move || observe(&wait))?;
        let done = work();
        drop(ended);
        join(name, thread)?;
        done
    })
}

fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &'static str,
    work: impl FnOnce() + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, ()>, IndexError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work);
    spawned.map_err(|source| IndexError::Thread { stage: name, source })
}

/// Joins a thread; a panic becomes an error that names the stage.
fn join(stage: &'static str, thread: ScopedJoinHandle<'_, ()>) -> Result<(), IndexError> {
    thread.join().map_err(|panic| IndexError::Panic { stage, message: panic_message(panic.as_ref()) })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
