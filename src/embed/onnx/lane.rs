//! One device, and the windows of texts that pass through it.
//!
//! Two windows pass at a time: while the device runs a batch of one, vectors are made of the other's
//! last one and handed on. So the device waits only where neither has a batch, and whose fault that is
//! is told by what the next one did meanwhile. Must never import: anything of this crate but `config`
//! and `embed`.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::batches::{self, Limits};
use super::device::Device;
use super::halving;
use super::meter::{Idle, Meter};
use super::probe::{Picker, ProbeFile, Search};
use super::session::RunError;
use super::team::{Called, Team};
use crate::config::Provider;
use crate::embed::models::Description;

/// Tokens in a batch where nothing was measured.
const DEFAULT_TOKENS: usize = 2_048;

/// A window with fewer tokens is not worth measuring with, …
const WORTH_PROBING: usize = 8_192;

/// … nor is one whose texts have fewer on average: such are names, not chunks.
const LEAST_MEAN: usize = 32;

/// Sizes tried on a CPU, …
const CPU_SIZES: &[usize] = &[512, 1_024, 2_048, 4_096, 8_192];

/// … and on everything else.
const GPU_SIZES: &[usize] = &[2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];

/// Texts to be embedded.
pub struct Work<'w> {
    pub tokens: &'w [Vec<u32>],
    /// While their tokens were made.
    pub tokenized: (Instant, Instant),
    /// Takes the vector of a text; false to stop.
    pub each: &'w mut dyn FnMut(usize, Vec<f32>) -> bool,
    pub meter: &'w Meter,
}

/// One device.
pub struct Lane {
    pub device: Device,
    /// Where what was found of it is kept.
    pub file: ProbeFile,
    team: Mutex<Team>,
    /// Rows, and tokens a row, that the model insists on.
    shape: (Option<usize>, Option<usize>),
    model: Description,
    /// Of a batch's intermediate values.
    bytes: u64,
    /// Questions that want the device: the next batch lets them pass.
    questions: AtomicUsize,
    /// Tokens in a batch. Lowered for the rest of a run when the memory is not enough.
    batch_tokens: AtomicUsize,
    /// What it is at the beginning of a run.
    settled: AtomicUsize,
    /// The best size, while it is looked for.
    search: Mutex<Option<Search>>,
    /// Since when the device has nothing to do, in this run.
    idle_since: Mutex<Option<Instant>>,
}

/// A window on its way.
struct Passing<'p, 'w> {
    work: &'p mut Work<'w>,
    /// Places of texts, by length, …
    order: Vec<usize>,
    /// … which is this.
    lengths: Vec<usize>,
    /// What it did before it wanted the device.
    before: (Idle, Instant, Instant),
}

impl Lane {
    /// Nothing runs yet. `tokens` in a batch are the user's.
    pub fn new(
        (device, team): (Device, Team),
        bytes: u64,
        tokens: Option<usize>,
        file: ProbeFile,
        model: &Description,
    ) -> Self {
        let known = tokens.or(file.read().batch_tokens);
        let sizes = if device.provider == Provider::Cpu { CPU_SIZES } else { GPU_SIZES };
        // A model that insists on a shape leaves nothing to look for.
        let is_open = known.is_none() && team.rows().is_none();
        Self {
            device,
            file,
            shape: (team.rows(), team.row_tokens()),
            team: Mutex::new(team),
            model: model.clone(),
            bytes,
            questions: AtomicUsize::new(0),
            batch_tokens: AtomicUsize::new(known.unwrap_or(DEFAULT_TOKENS)),
            settled: AtomicUsize::new(known.unwrap_or(DEFAULT_TOKENS)),
            search: Mutex::new(is_open.then(|| Search::new(sizes))),
            idle_since: Mutex::default(),
        }
    }

    /// Tokens with padding in a full batch.
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens.load(Relaxed)
    }

    /// A run begins: what there was no memory for in the last one may have some now, and the time
    /// since then is nobody's.
    pub fn begin(&self) {
        self.batch_tokens.store(self.settled.load(Relaxed), Relaxed);
        *self.idle_since() = None;
    }

    /// Runs a window through the device.
    ///
    /// # Errors
    /// When the device fails; with the longest text of that batch.
    pub fn run(&self, work: &mut Work<'_>) -> Result<(), (RunError, usize)> {
        let mut order: Vec<usize> = (0..work.tokens.len()).collect();
        order.sort_by_key(|at| work.tokens[*at].len());
        let lengths: Vec<usize> = order.iter().map(|at| work.tokens[*at].len()).collect();
        let before = (Idle::Tokens, work.tokenized.0, work.tokenized.1);
        let mut passing = Passing { work, order, lengths, before };
        let Some(done) = self.probe(&mut passing)? else { return Ok(()) };
        let (limits, mut is_short) = (self.limits(), false);
        // Those beside what was measured with, the longest first.
        let all = passing.lengths.len();
        // Where nothing was measured, nothing is cut either.
        let done = if done.is_empty() { 0..0 } else { done };
        let parts: Vec<Range<usize>> =
            [done.end..all, 0..done.start].into_iter().filter(|part| !part.is_empty()).collect();
        for (at, part) in parts.iter().enumerate() {
            let (lengths, is_last_part) = (passing.lengths[part.clone()].to_vec(), at + 1 == parts.len());
            let mut one = |batch: Range<usize>, padded: usize| {
                let is_last = is_last_part && batch.start == 0;
                let ran = self.batch(&mut passing, part.start + batch.start..part.start + batch.end, padded, is_last);
                is_short |= matches!(ran, Err(RunError::Memory));
                ran
            };
            if !halving::through(&lengths, &limits, &self.batch_tokens, &mut one)? {
                break;
            }
        }
        // Another window may have settled on a smaller batch meanwhile, which is no want of memory.
        if is_short {
            let after = self.batch_tokens();
            tracing::warn!("{} has too little memory for a batch: the next ones are of {after} tokens", self.device);
        }
        Ok(())
    }

    /// Runs one batch, and hands its vectors on when the device is free again. False to stop.
    fn batch(
        &self,
        passing: &mut Passing<'_, '_>,
        batch: Range<usize>,
        padded: usize,
        is_last: bool,
    ) -> Result<bool, RunError> {
        let ran = self.timed(passing, batch, padded, is_last);
        if matches!(ran, Err(RunError::Memory)) {
            passing.work.meter.out_of_memory.fetch_add(1, Relaxed);
        }
        ran.map(|(goes_on, _)| goes_on)
    }

    /// As [`Lane::batch`]; and how long the device took.
    fn timed(
        &self,
        passing: &mut Passing<'_, '_>,
        batch: Range<usize>,
        padded: usize,
        is_last: bool,
    ) -> Result<(bool, Duration), RunError> {
        let work = &mut *passing.work;
        let rows: Vec<&[u32]> = passing.order[batch.clone()].iter().map(|at| work.tokens[*at].as_slice()).collect();
        let called = self.call(&rows, is_last, work.meter, passing.before)?;
        let begun = Instant::now();
        work.meter.called(rows.len(), passing.lengths[batch.clone()].iter().sum(), padded, called.took);
        let vectors = called.vectors(&rows, &self.model)?;
        let took = called.took;
        drop(called); // its memory is the device's next call's
        let mut pairs = passing.order[batch].iter().zip(vectors);
        let goes_on = pairs.all(|(at, vector)| (work.each)(*at, vector));
        passing.before = (Idle::Output, begun, Instant::now());
        Ok((goes_on, took))
    }

    /// One call, in turn. The time since the last one is told apart by what was done `before` this one.
    fn call(
        &self,
        rows: &[&[u32]],
        is_last: bool,
        meter: &Meter,
        (what, begun, ended): (Idle, Instant, Instant),
    ) -> Result<Called, RunError> {
        let mut team = self.turn();
        let now = Instant::now();
        if let Some(since) = self.idle_since().take() {
            let waited = ended.saturating_duration_since(begun.max(since));
            meter.waited(what, waited);
            if matches!(what, Idle::Tokens) {
                // Before its tokens were made, and after.
                meter.waited(Idle::Chunks, now.saturating_duration_since(since).saturating_sub(waited));
            }
        }
        let ran = team.run(rows, is_last);
        *self.idle_since() = Some(Instant::now());
        ran
    }

    /// Looks for the best size of a batch with the texts of a window, whose vectors are as good as any.
    /// Says which of them are done; `None` to stop.
    fn probe(&self, passing: &mut Passing<'_, '_>) -> Result<Option<Range<usize>>, (RunError, usize)> {
        // Held until this window is through: a measurement wants the device for itself.
        let mut kept = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let mut picker = Picker::new(&passing.lengths);
        let (tokens, texts) = (passing.lengths.iter().sum::<usize>(), passing.lengths.len());
        let Some(search) = kept.as_mut().filter(|_| tokens >= WORTH_PROBING && tokens >= texts * LEAST_MEAN) else {
            return Ok(Some(picker.done()));
        };
        let limits = self.limits();
        let mut goes_on = true;
        while goes_on && let Some(size) = search.next() {
            // The next window may have enough.
            let Some(batch) = picker.pick(&passing.lengths, size, limits.row_tokens) else { break };
            let longest = passing.lengths[batch.end - 1];
            if batches::bytes(batch.len(), longest, limits.width) > limits.bytes {
                search.end();
                continue;
            }
            let padded = limits.padded(batch.len(), longest);
            match self.timed(passing, batch.clone(), padded, false) {
                Ok((more, took)) => {
                    picker.took(&batch);
                    search.measured(padded, took);
                    goes_on = more;
                }
                Err(RunError::Memory) => search.end(),
                Err(error) => return Err((error, longest)),
            }
        }
        if let Some(tokens) = search.best() {
            self.batch_tokens.store(tokens, Relaxed);
            self.settled.store(tokens, Relaxed);
        }
        if search.is_over() {
            let best = search.best();
            self.file.write(|found| found.batch_tokens = best);
            *kept = None;
        }
        Ok(goes_on.then(|| picker.done()))
    }

    /// One question, before the next batch.
    ///
    /// # Errors
    /// When the device fails.
    pub fn ask(&self, tokens: &[u32], is_last: bool) -> Result<Called, RunError> {
        self.questions.fetch_add(1, Relaxed);
        let ran = self.team().run(&[tokens], is_last);
        self.questions.fetch_sub(1, Relaxed);
        // It was not idle meanwhile.
        if let Some(since) = self.idle_since().as_mut() {
            *since = Instant::now();
        }
        ran
    }

    fn limits(&self) -> Limits {
        let (rows, row_tokens) = self.shape;
        Limits { tokens: self.batch_tokens(), bytes: self.bytes, width: self.model.dimensions, rows, row_tokens }
    }

    fn idle_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn team(&self) -> MutexGuard<'_, Team> {
        self.team.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device for a batch, once no question waits for it.
    fn turn(&self) -> MutexGuard<'_, Team> {
        while self.questions.load(Relaxed) > 0 {
            thread::sleep(Duration::from_micros(200));
        }
        self.team()
    }
}
