//! Devices side by side, and whose turn it is.
//!
//! A window of texts has one device until it is done, so that with one thread more than devices
//! there is always a window ready for the next. A question goes between two batches. Must never
//! import: anything of this crate but `config` and `embed`.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::OnnxOptions;
use super::batches::{self, Limits};
use super::device::Device;
use super::halving;
use super::meter::{Idle, Meter};
use super::probe::{self, ProbeFile};
use super::session::RunError;
use super::team::Team;
use crate::config::Provider;
use crate::embed::EmbedError;
use crate::embed::models::Description;

/// Tokens in a batch where nothing was measured.
const DEFAULT_TOKENS: usize = 2_048;

/// Fewer texts than this are not worth a probe.
const WORTH_PROBING: usize = 256;

/// Tokens a row in the probe.
const PROBE_ROW: usize = 128;

/// Sizes tried on a CPU, …
const CPU_SIZES: [usize; 5] = [512, 1_024, 2_048, 4_096, 8_192];

/// … and on everything else.
const GPU_SIZES: [usize; 7] = [2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];

/// Memory that a batch's intermediate values may take on a device of its own.
const GPU_BYTES: u64 = 8 << 30;

/// Memory that they may take on the CPU, of what the process may.
pub fn batch_bytes(max_memory_bytes: u64) -> u64 {
    (max_memory_bytes / 8).clamp(48 << 20, 1 << 30)
}

/// One device.
struct Lane {
    device: Device,
    team: Mutex<Team>,
    /// Questions that want the device: the next batch lets them pass.
    questions: AtomicUsize,
    /// Lowered when the memory is not enough.
    batch_tokens: AtomicUsize,
    /// Since when nobody has it.
    free_since: Mutex<Option<Instant>>,
}

/// All devices of a model.
pub struct Lanes {
    lanes: Vec<Lane>,
    /// For questions, beside devices that are no CPU.
    on_cpu: Option<Mutex<Team>>,
    /// Whether questions are faster there.
    questions_on_cpu: OnceLock<bool>,
    free: Mutex<Vec<usize>>,
    freed: Condvar,
    probed: OnceLock<()>,
    file: ProbeFile,
    given_tokens: Option<usize>,
    bytes: u64,
    model: Description,
}

/// Texts to be embedded.
pub struct Work<'w> {
    pub tokens: &'w [Vec<u32>],
    /// Takes the vector of a text; false to stop.
    pub each: &'w mut dyn FnMut(usize, Vec<f32>) -> bool,
    pub meter: &'w Meter,
}

impl Lanes {
    /// Nothing runs yet.
    pub fn new(
        teams: Vec<(Device, Team)>,
        on_cpu: Option<Team>,
        options: &OnnxOptions,
        key: &str,
        model: &Description,
    ) -> Self {
        let bytes = if on_cpu.is_some() { GPU_BYTES } else { batch_bytes(options.max_memory_bytes) };
        let key = format!("{key} {} {bytes}", teams.first().map(|(device, _)| device.to_string()).unwrap_or_default());
        let file = ProbeFile::new(&options.probes_dir, &key);
        let tokens = options.batch_tokens.or(file.read().batch_tokens);
        let probed = OnceLock::new();
        if tokens.is_some() {
            _ = probed.set(());
        }
        let lane = |(device, team)| Lane {
            device,
            team: Mutex::new(team),
            questions: AtomicUsize::new(0),
            batch_tokens: AtomicUsize::new(tokens.unwrap_or(DEFAULT_TOKENS)),
            free_since: Mutex::default(),
        };
        let lanes: Vec<Lane> = teams.into_iter().map(lane).collect();
        Self {
            free: Mutex::new((0..lanes.len()).collect()),
            freed: Condvar::new(),
            lanes,
            on_cpu: on_cpu.map(Mutex::new),
            questions_on_cpu: OnceLock::new(),
            probed,
            file,
            given_tokens: options.batch_tokens,
            bytes,
            model: model.clone(),
        }
    }

    /// Number of devices.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Whether there is no other device.
    pub fn is_cpu(&self) -> bool {
        self.on_cpu.is_none()
    }

    /// What really runs, for people.
    pub fn devices(&self) -> Vec<String> {
        self.lanes.iter().map(|lane| lane.device.to_string()).collect()
    }

    /// Numbers of the devices that NVIDIA's driver knows.
    pub fn gpus(&self) -> Vec<u32> {
        let is_nvidia = |lane: &&Lane| matches!(lane.device.provider, Provider::Cuda | Provider::TensorRt);
        self.lanes.iter().filter(is_nvidia).map(|lane| lane.device.id).collect()
    }

    /// Tokens with padding in a full batch, as settled on.
    pub fn batch_tokens(&self) -> usize {
        self.lanes.iter().map(|lane| lane.batch_tokens.load(Relaxed)).min().unwrap_or(0)
    }

    /// Runs everything through one device.
    pub fn run(&self, work: &mut Work<'_>) -> Result<(), EmbedError> {
        if work.tokens.is_empty() {
            return Ok(());
        }
        let lease = self.lease();
        let lane = &self.lanes[lease.at];
        if work.tokens.len() >= WORTH_PROBING && self.given_tokens.is_none() {
            self.probed.get_or_init(|| self.probe(lane));
        }
        if let Some(since) = lane.free_since.lock().unwrap_or_else(PoisonError::into_inner).take() {
            work.meter.waited(Idle::Chunks, since);
        }
        let done = self.batches(lane, work);
        *lane.free_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        done
    }

    fn batches(&self, lane: &Lane, work: &mut Work<'_>) -> Result<(), EmbedError> {
        let mut order: Vec<usize> = (0..work.tokens.len()).collect();
        order.sort_by_key(|at| work.tokens[*at].len());
        let lengths: Vec<usize> = order.iter().map(|at| work.tokens[*at].len()).collect();
        let limits = self.limits(lane);
        let mut one = |batch: Range<usize>, padded: usize| {
            let rows: Vec<&[u32]> = order[batch.clone()].iter().map(|at| work.tokens[*at].as_slice()).collect();
            let begun = Instant::now();
            // Batches come with the longest texts first.
            let vectors = lane.turn().run(&rows, batch.start == 0)?;
            work.meter.called(rows.len(), lengths[batch.clone()].iter().sum(), padded, begun.elapsed());
            let begun = Instant::now();
            let goes_on = order[batch].iter().zip(vectors).all(|(at, vector)| (work.each)(*at, vector));
            work.meter.waited(Idle::Output, begun);
            Ok(goes_on)
        };
        let before = lane.batch_tokens.load(Relaxed);
        let done = halving::through(&lengths, &limits, &lane.batch_tokens, &mut one);
        let after = lane.batch_tokens.load(Relaxed);
        if after < before {
            work.meter.out_of_memory.fetch_add(u64::from((before / after.max(1)).ilog2().max(1)), Relaxed);
            tracing::warn!("{} has too little memory for a batch: the next ones are of {after} tokens", lane.device);
            self.file.write(|found| found.batch_tokens = Some(after));
        }
        done.map_err(|(error, longest)| self.failed(error, &lane.device, longest))
    }

    fn limits(&self, lane: &Lane) -> Limits {
        let (rows, row_tokens) = {
            let team = lane.turn();
            (team.rows(), team.row_tokens())
        };
        let tokens = lane.batch_tokens.load(Relaxed);
        Limits { tokens, bytes: self.bytes, width: self.model.dimensions, rows, row_tokens }
    }

    /// Finds the best size of a batch on a device, which stands for all.
    fn probe(&self, lane: &Lane) {
        let limits = self.limits(lane);
        if limits.rows.is_some() {
            return;
        }
        let row_tokens = limits.row_tokens.unwrap_or(PROBE_ROW.min(self.model.max_tokens));
        let sizes: &[usize] = if lane.device.provider == Provider::Cpu { &CPU_SIZES } else { &GPU_SIZES };
        let row = vec![1; row_tokens];
        let call = |size: usize| {
            let rows = (size / row_tokens).max(1);
            if batches::bytes(rows, row_tokens, limits.width) > limits.bytes {
                return None;
            }
            let rows = vec![row.as_slice(); rows];
            let begun = Instant::now();
            lane.turn().run(&rows, false).ok()?;
            Some(begun.elapsed())
        };
        _ = call(row_tokens); // the first call of a session is slower
        let best = probe::best(sizes, call);
        _ = lane.turn().run(&[&row], true);
        let Some(tokens) = best else { return };
        self.lanes.iter().for_each(|lane| lane.batch_tokens.store(tokens, Relaxed));
        self.file.write(|found| found.batch_tokens = Some(tokens));
    }

    /// The vector of one question.
    pub fn query(&self, tokens: &[u32]) -> Result<Vec<f32>, EmbedError> {
        let lane = &self.lanes[0];
        let on_cpu = |team: &Mutex<Team>| team.lock().unwrap_or_else(PoisonError::into_inner).run(&[tokens], true);
        let on_device = || {
            lane.questions.fetch_add(1, Relaxed);
            let ran = lane.team().run(&[tokens], true);
            lane.questions.fetch_sub(1, Relaxed);
            ran
        };
        let ran = match &self.on_cpu {
            Some(team) if *self.questions_on_cpu.get_or_init(|| self.is_cpu_faster(team, lane)) => on_cpu(team),
            _ => on_device(),
        };
        let mut vectors = ran.map_err(|error| self.failed(error, &lane.device, tokens.len()))?;
        Ok(vectors.pop().unwrap_or_default())
    }

    /// Whether a question is faster on the CPU: measured once, and kept.
    fn is_cpu_faster(&self, on_cpu: &Mutex<Team>, lane: &Lane) -> bool {
        if let Some(known) = self.file.read().queries_on_cpu {
            return known;
        }
        let question = [1_u32; 16];
        let fastest = |team: &Mutex<Team>| {
            let once = |_| {
                let mut team = team.lock().unwrap_or_else(PoisonError::into_inner);
                let begun = Instant::now();
                team.run(&[&question], false).map_or(Duration::MAX, |_| begun.elapsed())
            };
            (0..4).map(once).min().unwrap_or(Duration::MAX)
        };
        let is_faster = fastest(on_cpu) < fastest(&lane.team);
        self.file.write(|found| found.queries_on_cpu = Some(is_faster));
        is_faster
    }

    fn failed(&self, error: RunError, device: &Device, tokens: usize) -> EmbedError {
        let (model, device) = (self.model.name.clone(), device.to_string());
        match error {
            RunError::Memory => EmbedError::OutOfMemory { model, device, tokens },
            RunError::Other(problem) => EmbedError::Run { model, device, problem },
        }
    }

    /// A device that nobody has; waits for one.
    fn lease(&self) -> Lease<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(at) = free.pop() {
                return Lease { lanes: self, at };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lane {
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

/// A device for as long as a window takes.
struct Lease<'l> {
    lanes: &'l Lanes,
    at: usize,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.at);
        self.lanes.freed.notify_one();
    }
}
