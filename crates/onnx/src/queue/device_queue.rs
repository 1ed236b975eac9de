//! The queue of batches in front of one device.
//!
//! A window is the set of texts that the pipeline embeds in one call. Two windows share a device: while the device runs
//! a batch of the first window, the thread of the second one pools its previous batch and passes the vectors on. The
//! device idles only when neither window has a batch ready. Idle time is attributed to the last step of the window that
//! uses the device next.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::Provider;
use hub::ModelDescription;

use super::timing::{DeviceTiming, IdleCause};
use crate::batching::backoff;
use crate::batching::plan::{self, BatchLimits};
use crate::batching::probe_file::ProbeFile;
use crate::batching::size_search::{BatchSizeSearch, ProbePicker};
use crate::devices::device::Device;
use crate::session::model_session::SessionRunError;
use crate::session::pool::{PoolOutput, SessionPool};

/// Number of tokens per batch if no size was measured.
const DEFAULT_BATCH_TOKENS: usize = 2_048;

/// Minimum number of tokens in a window that is used to measure batch sizes.
const MIN_PROBE_TOKENS: usize = 8_192;

/// Minimum mean number of tokens per text in a window that is used to measure batch sizes. Shorter texts are names, not
/// chunks.
const MIN_PROBE_MEAN_TOKENS: usize = 32;

/// The batch sizes tried on a CPU, in tokens.
const CPU_BATCH_SIZES: &[usize] = &[512, 1_024, 2_048, 4_096, 8_192];

/// The batch sizes tried on devices other than the CPU, in tokens.
const GPU_BATCH_SIZES: &[usize] = &[2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];

/// A window of texts to embed.
pub struct EmbedWindow<'w> {
    /// The token IDs of each text.
    pub tokens: &'w [Vec<u32>],
    /// The start and end of tokenizing these texts.
    pub tokenizing: (Instant, Instant),
    /// Receives a text's index and vector. Returns false to stop.
    pub on_vector: &'w mut dyn FnMut(usize, Vec<f32>) -> bool,
    pub timing: &'w DeviceTiming,
}

/// A device with its sessions, shared by the windows that use it.
pub struct DeviceQueue {
    pub device: Device,
    /// The file that stores measurements of this device.
    pub probe_file: ProbeFile,
    pool: Mutex<SessionPool>,
    /// The number of rows, and of tokens per row, if the model fixes them.
    fixed_shape: (Option<usize>, Option<usize>),
    model: ModelDescription,
    /// Maximum size of a batch's intermediate values, in bytes.
    max_batch_bytes: u64,
    queries: QueryTurns,
    /// The number of tokens per batch. Lowered for the rest of an index run when memory runs out.
    batch_tokens: AtomicUsize,
    /// The number of tokens per batch at the start of an index run.
    initial_batch_tokens: AtomicUsize,
    /// The search for the best batch size; `None` when it is over or not needed.
    size_search: Mutex<Option<BatchSizeSearch>>,
    /// The end of the last batch of this index run, or of a later query. `None` before the first batch and during a
    /// batch.
    idle_since: Mutex<Option<Instant>>,
}

/// A window while it is being embedded.
struct WindowRun<'p, 'w> {
    window: &'p mut EmbedWindow<'w>,
    /// The indexes of the texts, from short to long.
    order: Vec<usize>,
    /// The lengths of the texts in tokens, in the order of `order`.
    lengths: Vec<usize>,
    /// The last step of the window's thread before it requested the device, with its start and its end.
    last_step: (IdleCause, Instant, Instant),
}

impl DeviceQueue {
    /// Creates a queue. `user_batch_tokens` is the batch size set by the user. Without it, a stored measurement is
    /// used, or the size is measured in the first run, unless the model fixes the number of rows.
    pub fn new(
        (device, pool): (Device, SessionPool),
        max_batch_bytes: u64,
        user_batch_tokens: Option<usize>,
        probe_file: ProbeFile,
        model: &ModelDescription,
    ) -> Self {
        let known = user_batch_tokens.or(probe_file.read().batch_tokens);
        let sizes = if device.provider == Provider::Cpu { CPU_BATCH_SIZES } else { GPU_BATCH_SIZES };
        // A model with a fixed number of rows allows only one batch size.
        let needs_search = known.is_none() && pool.fixed_rows().is_none();
        Self {
            device,
            probe_file,
            fixed_shape: (pool.fixed_rows(), pool.fixed_row_tokens()),
            pool: Mutex::new(pool),
            model: model.clone(),
            max_batch_bytes,
            queries: QueryTurns::default(),
            batch_tokens: AtomicUsize::new(known.unwrap_or(DEFAULT_BATCH_TOKENS)),
            initial_batch_tokens: AtomicUsize::new(known.unwrap_or(DEFAULT_BATCH_TOKENS)),
            size_search: Mutex::new(needs_search.then(|| BatchSizeSearch::new(sizes))),
            idle_since: Mutex::default(),
        }
    }

    /// Returns the number of tokens in a full batch, including padding.
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens.load(Relaxed)
    }

    /// Starts an index run. Restores the batch size, because more memory may be free than in the last run, and
    /// forgets the end of the last call, so that the time between runs does not count as idle.
    pub fn begin_run(&self) {
        self.batch_tokens.store(self.initial_batch_tokens.load(Relaxed), Relaxed);
        *self.idle_since() = None;
    }

    /// Embeds a window on the device.
    ///
    /// # Errors
    /// Fails if the device fails, or has too little memory for a batch that cannot be halved. The number in the error
    /// is the length in tokens of the batch's longest text.
    pub fn run_window(&self, window: &mut EmbedWindow<'_>) -> Result<(), (SessionRunError, usize)> {
        let mut order: Vec<usize> = (0..window.tokens.len()).collect();
        order.sort_by_key(|at| window.tokens[*at].len());
        let lengths: Vec<usize> = order.iter().map(|at| window.tokens[*at].len()).collect();
        let last_step = (IdleCause::Tokens, window.tokenizing.0, window.tokenizing.1);
        let mut run = WindowRun { window, order, lengths, last_step };
        let Some(done) = self.probe_batch_size(&mut run)? else { return Ok(()) };
        let (limits, mut is_out_of_memory) = (self.batch_limits(), false);
        // After a measurement, the longer and the shorter texts remain; the longer ones run first. Without a
        // measurement, all texts remain, as one part.
        let all = run.lengths.len();
        let done = if done.is_empty() { 0..0 } else { done };
        let parts: Vec<Range<usize>> =
            [done.end..all, 0..done.start].into_iter().filter(|part| !part.is_empty()).collect();
        for (at, part) in parts.iter().enumerate() {
            let (lengths, is_last_part) = (run.lengths[part.clone()].to_vec(), at + 1 == parts.len());
            let mut run_batch = |batch: Range<usize>, padded_tokens: usize| {
                let is_last = is_last_part && batch.start == 0;
                let range = part.start + batch.start..part.start + batch.end;
                let result = self.run_batch(&mut run, range, padded_tokens, is_last);
                is_out_of_memory |= matches!(result, Err(SessionRunError::OutOfMemory));
                result
            };
            if !backoff::run_with_backoff(&lengths, &limits, &self.batch_tokens, &mut run_batch)? {
                break;
            }
        }
        if is_out_of_memory {
            let tokens = self.batch_tokens();
            tracing::warn!("{} has too little memory for a batch: later batches have {tokens} tokens", self.device);
        }
        Ok(())
    }

    /// Runs one batch and passes its vectors on after releasing the device. `is_last` marks the last batch of the
    /// window. Returns false as soon as `on_vector` does.
    fn run_batch(
        &self,
        run: &mut WindowRun<'_, '_>,
        batch: Range<usize>,
        padded_tokens: usize,
        is_last: bool,
    ) -> Result<bool, SessionRunError> {
        let result = self.run_batch_timed(run, batch, padded_tokens, is_last);
        if matches!(result, Err(SessionRunError::OutOfMemory)) {
            run.window.timing.out_of_memory.fetch_add(1, Relaxed);
        }
        result.map(|(continues, _)| continues)
    }

    /// Runs one batch like [`DeviceQueue::run_batch`], and also returns the duration of the call.
    fn run_batch_timed(
        &self,
        run: &mut WindowRun<'_, '_>,
        batch: Range<usize>,
        padded_tokens: usize,
        is_last: bool,
    ) -> Result<(bool, Duration), SessionRunError> {
        let window = &mut *run.window;
        let rows: Vec<&[u32]> = run.order[batch.clone()].iter().map(|at| window.tokens[*at].as_slice()).collect();
        let output = self.run_in_turn(&rows, is_last, window.timing, run.last_step)?;
        let started = Instant::now();
        let tokens: usize = run.lengths[batch.clone()].iter().sum();
        window.timing.record_call(rows.len(), tokens, padded_tokens, output.elapsed);
        let vectors = output.vectors(&rows, &self.model)?;
        let elapsed = output.elapsed;
        drop(output); // frees its memory for the next call
        let mut pairs = run.order[batch].iter().zip(vectors);
        let continues = pairs.all(|(at, vector)| (window.on_vector)(*at, vector));
        run.last_step = (IdleCause::Output, started, Instant::now());
        Ok((continues, elapsed))
    }

    /// Waits for the device and runs one call. The part of the idle time that overlaps this window's `last_step` is
    /// attributed to that step. `is_last` marks the last call of a window.
    fn run_in_turn(
        &self,
        rows: &[&[u32]],
        is_last: bool,
        timing: &DeviceTiming,
        (cause, started, ended): (IdleCause, Instant, Instant),
    ) -> Result<PoolOutput, SessionRunError> {
        let mut pool = self.lock_for_batch();
        let now = Instant::now();
        if let Some(since) = self.idle_since().take() {
            let waited = ended.saturating_duration_since(started.max(since));
            timing.record_wait(cause, waited);
            if matches!(cause, IdleCause::Tokens) {
                // The rest of the idle time, before and after tokenizing, is a wait for chunks.
                timing.record_wait(IdleCause::Chunks, now.saturating_duration_since(since).saturating_sub(waited));
            }
        }
        let result = pool.run(rows, is_last);
        *self.idle_since() = Some(Instant::now());
        result
    }

    /// Measures batch sizes with texts of a window, if no size is known yet and the window has enough long texts. The
    /// vectors of these texts are passed on as usual. Returns the range of finished texts in [`WindowRun::order`],
    /// empty without a measurement; `None` if `on_vector` returned false.
    fn probe_batch_size(&self, run: &mut WindowRun<'_, '_>) -> Result<Option<Range<usize>>, (SessionRunError, usize)> {
        // The lock keeps other windows off the device during the measurement.
        let mut slot = self.size_search.lock().unwrap_or_else(PoisonError::into_inner);
        let mut picker = ProbePicker::new(&run.lengths);
        let (tokens, texts) = (run.lengths.iter().sum::<usize>(), run.lengths.len());
        let Some(search) =
            slot.as_mut().filter(|_| tokens >= MIN_PROBE_TOKENS && tokens >= texts * MIN_PROBE_MEAN_TOKENS)
        else {
            return Ok(Some(picker.done()));
        };
        let limits = self.batch_limits();
        let mut continues = true;
        while continues && let Some(size) = search.next_size() {
            // Too few texts are left: the search continues with the next window.
            let Some(batch) = picker.pick(&run.lengths, size, limits.row_tokens) else { break };
            let longest = run.lengths[batch.end - 1];
            if plan::intermediate_bytes(batch.len(), longest, limits.width) > limits.bytes {
                search.stop();
                continue;
            }
            let padded_tokens = limits.padded_tokens(batch.len(), longest);
            match self.run_batch_timed(run, batch.clone(), padded_tokens, false) {
                Ok((more, elapsed)) => {
                    picker.mark_done(&batch);
                    search.record(padded_tokens, elapsed);
                    continues = more;
                }
                Err(SessionRunError::OutOfMemory) => search.stop(),
                Err(error) => return Err((error, longest)),
            }
        }
        if let Some(tokens) = search.best_size() {
            self.batch_tokens.store(tokens, Relaxed);
            self.initial_batch_tokens.store(tokens, Relaxed);
        }
        if search.is_over() {
            let best = search.best_size();
            self.probe_file.write(|result| result.batch_tokens = best);
            *slot = None;
        }
        Ok(continues.then(|| picker.done()))
    }

    /// Runs one query, ahead of waiting batches. With `is_last`, the sessions release their memory afterwards.
    ///
    /// # Errors
    /// Fails if the device fails.
    pub fn run_query(&self, tokens: &[u32], is_last: bool) -> Result<PoolOutput, SessionRunError> {
        let turn = self.queries.begin();
        let result = self.lock_pool().run(&[tokens], is_last);
        drop(turn);
        // The duration of the query does not count as idle time.
        if let Some(since) = self.idle_since().as_mut() {
            *since = Instant::now();
        }
        result
    }

    fn batch_limits(&self) -> BatchLimits {
        let (rows, row_tokens) = self.fixed_shape;
        BatchLimits {
            tokens: self.batch_tokens(),
            bytes: self.max_batch_bytes,
            width: self.model.dimensions,
            rows,
            row_tokens,
        }
    }

    fn idle_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_pool(&self) -> MutexGuard<'_, SessionPool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the sessions for a batch, after all waiting queries have run.
    fn lock_for_batch(&self) -> MutexGuard<'_, SessionPool> {
        self.queries.wait_until_none();
        self.lock_pool()
    }
}

/// The queries that wait for a device or run on it. Batches let them go first.
#[derive(Default)]
struct QueryTurns {
    count: Mutex<usize>,
    /// Notified when the count becomes zero.
    none_left: Condvar,
}

impl QueryTurns {
    /// Counts a query until the returned value is dropped.
    fn begin(&self) -> QueryTurn<'_> {
        *self.lock_count() += 1;
        QueryTurn(self)
    }

    /// Waits until no query waits or runs.
    fn wait_until_none(&self) {
        let waited = self.none_left.wait_while(self.lock_count(), |count| *count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock_count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query that waits for the device or runs on it; no longer counted when dropped.
struct QueryTurn<'q>(&'q QueryTurns);

impl Drop for QueryTurn<'_> {
    fn drop(&mut self) {
        let mut count = self.0.lock_count();
        *count -= 1;
        if *count == 0 {
            self.0.none_left.notify_all();
        }
    }
}
