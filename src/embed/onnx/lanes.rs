//! Devices side by side, and whose turn it is.
//!
//! A window of texts has one device until it is done, and a device has two windows at most (see
//! `lane`), so that with one thread more than that there is always a window ready for the next. A
//! question goes between two batches. Must never import: anything of this crate but `config` and `embed`.

use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::OnnxOptions;
use super::device::{self, Device};
use super::lane::{Lane, Work};
use super::probe::ProbeFile;
use super::session::RunError;
use super::team::Team;
use crate::config::Provider;
use crate::embed::EmbedError;
use crate::embed::models::Description;

/// Windows that share a device.
pub const WINDOWS: usize = 2;

/// Memory that a batch's intermediate values may take on a device of its own.
const GPU_BYTES: u64 = 8 << 30;

/// Memory that they may take on the CPU, of what the process may.
pub fn batch_bytes(max_memory_bytes: u64) -> u64 {
    (max_memory_bytes / 8).clamp(48 << 20, 1 << 30)
}

/// What is known of a device beside its sessions.
pub struct Known {
    /// Everything that its best batch depends on.
    pub key: String,
    /// Bytes of its own memory that nobody uses now.
    pub free_bytes: Option<u64>,
}

/// All devices of a model.
pub struct Lanes {
    lanes: Vec<Lane>,
    /// For questions, beside devices that are no CPU.
    on_cpu: Option<Mutex<Team>>,
    /// Whether questions are faster there.
    questions_on_cpu: OnceLock<bool>,
    /// Windows that each device has room for.
    free: Mutex<Vec<usize>>,
    freed: Condvar,
    model: Description,
}

impl Lanes {
    /// Nothing runs yet.
    pub fn new(
        teams: Vec<(Device, Team)>,
        on_cpu: Option<Team>,
        options: &OnnxOptions,
        known: &dyn Fn(&Device) -> Known,
        model: &Description,
    ) -> Self {
        let lane = |(device, team): (Device, Team)| {
            let Known { key, free_bytes } = known(&device);
            let own = batch_bytes(options.max_memory_bytes);
            let (bytes, key) = match device.provider {
                Provider::Cpu => (own, format!("{key} {own}")),
                _ => (free_bytes.map_or(GPU_BYTES, |free| GPU_BYTES.min(free / 2)), key),
            };
            Lane::new((device, team), bytes, options.batch_tokens, ProbeFile::new(&options.probes_dir, &key), model)
        };
        let lanes: Vec<Lane> = teams.into_iter().map(lane).collect();
        Self {
            free: Mutex::new(vec![WINDOWS; lanes.len()]),
            freed: Condvar::new(),
            lanes,
            on_cpu: on_cpu.map(Mutex::new),
            questions_on_cpu: OnceLock::new(),
            model: model.clone(),
        }
    }

    /// Number of devices.
    pub fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Whether there is no other device.
    pub fn is_cpu(&self) -> bool {
        self.lanes.iter().all(|lane| lane.device.provider == Provider::Cpu)
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
        self.lanes.iter().map(Lane::batch_tokens).min().unwrap_or(0)
    }

    /// A run begins.
    pub fn begin(&self) {
        self.lanes.iter().for_each(Lane::begin);
    }

    /// Runs everything through one device.
    pub fn run(&self, work: &mut Work<'_>) -> Result<(), EmbedError> {
        if work.tokens.is_empty() {
            return Ok(());
        }
        let lease = self.lease();
        let lane = &self.lanes[lease.at];
        lane.run(work).map_err(|(error, longest)| device::failed(error, &self.model.name, &lane.device, longest))
    }

    /// The vector of one question.
    pub fn query(&self, tokens: &[u32]) -> Result<Vec<f32>, EmbedError> {
        let lane = &self.lanes[0];
        let ran = match &self.on_cpu {
            Some(team) if self.is_cpu_faster(team, lane)? => {
                team.lock().unwrap_or_else(PoisonError::into_inner).run(&[tokens], true)
            }
            _ => lane.ask(tokens, true),
        };
        let vectors = ran.and_then(|called| called.vectors(&[tokens], &self.model));
        let mut vectors =
            vectors.map_err(|error| device::failed(error, &self.model.name, &lane.device, tokens.len()))?;
        Ok(vectors.pop().unwrap_or_default())
    }

    /// Whether a question is faster on the CPU: measured once, and kept. A device that fails is no
    /// measurement.
    fn is_cpu_faster(&self, on_cpu: &Mutex<Team>, lane: &Lane) -> Result<bool, EmbedError> {
        if let Some(known) = self.questions_on_cpu.get().copied().or(lane.file.read().queries_on_cpu) {
            return Ok(known);
        }
        let question = [1_u32; 16];
        let here =
            fastest(&mut || on_cpu.lock().unwrap_or_else(PoisonError::into_inner).run(&[&question], false).map(drop));
        let there = fastest(&mut || lane.ask(&question, false).map(drop));
        let there = there.map_err(|error| device::failed(error, &self.model.name, &lane.device, question.len()))?;
        let Ok(here) = here else { return Ok(*self.questions_on_cpu.get_or_init(|| false)) };
        let is_faster = here < there;
        lane.file.write(|found| found.queries_on_cpu = Some(is_faster));
        Ok(*self.questions_on_cpu.get_or_init(|| is_faster))
    }

    /// A device with room for one more window, that which has the fewest; waits for one.
    fn lease(&self) -> Lease<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let most = (0..free.len()).rev().max_by_key(|at| free[*at]);
            if let Some(at) = most.filter(|at| free[*at] > 0) {
                free[at] -= 1;
                return Lease { lanes: self, at };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The least of four times.
fn fastest(call: &mut dyn FnMut() -> Result<(), RunError>) -> Result<Duration, RunError> {
    let mut least = Duration::MAX;
    for _ in 0..4 {
        let begun = Instant::now();
        call()?;
        least = least.min(begun.elapsed());
    }
    Ok(least)
}

/// A device for as long as a window takes.
struct Lease<'l> {
    lanes: &'l Lanes,
    at: usize,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.lanes.free.lock().unwrap_or_else(PoisonError::into_inner)[self.at] += 1;
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::super::fake::Fake;
    use super::super::gauge::Visible;
    use super::super::meter::Meter;
    use super::*;
    use crate::config::{DeviceChoice, LibraryPlaces};

    const CPU: Device = Device { provider: Provider::Cpu, id: 0, is_partly_cpu: false };
    const GPU: Device = Device { provider: Provider::Cuda, ..CPU };

    fn options(folder: &std::path::Path) -> OnnxOptions {
        OnnxOptions {
            device: DeviceChoice::Auto,
            library: LibraryPlaces::default(),
            visible: Visible::All,
            probes_dir: folder.to_owned(),
            max_memory_bytes: 1 << 30,
            batch_tokens: None,
        }
    }

    fn lanes(folder: &std::path::Path, device: Device, team: Team, on_cpu: Option<Team>) -> Lanes {
        let model = Description { name: "m".into(), dimensions: 1, normalize: false, ..Description::default() };
        let known = |_: &Device| Known { key: "key".into(), free_bytes: None };
        Lanes::new(vec![(device, team)], on_cpu, &options(folder), &known, &model)
    }

    fn run(lanes: &Lanes, meter: &Meter, tokens: &[Vec<u32>], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) {
        let now = Instant::now();
        let ran = lanes.run(&mut Work { tokens, tokenized: (now, now), each, meter });
        ran.unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn what_is_measured_with_is_embedded_once_and_its_vectors_are_used() {
        let (folder, calls) = (tempfile::tempdir().expect("a folder"), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&calls);
        let team = Fake::team(move |rows, _| {
            seen.fetch_add(rows.len(), SeqCst);
            Ok(())
        });
        let lanes = lanes(folder.path(), CPU, team, None);
        let tokens: Vec<Vec<u32>> = (0..1_024).map(|at| vec![at; 60 + at as usize % 100]).collect();
        let (meter, mut vectors) = (Meter::default(), vec![None; tokens.len()]);
        run(&lanes, &meter, &tokens, &mut |at, vector| vectors[at].replace(vector[0]).is_none());
        assert_eq!(calls.load(SeqCst), tokens.len(), "no row more than there are texts");
        for (at, vector) in vectors.iter().enumerate() {
            let found = vector.unwrap_or_else(|| panic!("text {at} has no vector"));
            assert!((found - at as f32).abs() < 0.01, "text {at} has the vector of {found}");
        }
        // Each call takes as long as any other: the more tokens the better.
        assert_eq!(lanes.batch_tokens(), 8_192);
        let known = ProbeFile::new(folder.path(), &format!("key {}", batch_bytes(1 << 30))).read();
        assert_eq!(known.batch_tokens, Some(8_192), "the next process knows");
    }

    #[test]
    fn while_the_vectors_of_a_window_are_handed_on_the_device_has_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let lanes = lanes(folder.path(), CPU, Fake::team(|_, _| Ok(())), None);
        let (meter, wait) = (Meter::default(), Duration::from_secs(30));
        let ((to_one, one), (to_other, other)) = (mpsc::channel(), mpsc::channel());
        let pass = |tell: mpsc::Sender<()>, hear: mpsc::Receiver<()>| {
            run(&lanes, &meter, &[vec![1, 2]], &mut |_, _| {
                tell.send(()).expect("someone hears");
                hear.recv_timeout(wait).is_ok() || panic!("the other window waits for this one")
            });
        };
        std::thread::scope(|threads| {
            threads.spawn(|| pass(to_one, other));
            pass(to_other, one);
        });
    }

    #[test]
    fn time_between_runs_is_no_wait_and_a_smaller_batch_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let team = Fake::team(|rows, _| if rows.len() > 4 { Err(RunError::Memory) } else { Ok(()) });
        let lanes = lanes(folder.path(), GPU, team, None);
        let (meter, tokens) = (Meter::default(), vec![vec![1; 10]; 64]);
        run(&lanes, &meter, &tokens, &mut |_, _| true);
        assert!(lanes.batch_tokens() < 100 && meter.report().out_of_memory > 0, "{:?}", meter.report());
        meter.reset();
        lanes.begin();
        assert_eq!(lanes.batch_tokens(), 2_048, "there may be more memory now");
        run(&lanes, &meter, &[vec![1]], &mut |_, _| true);
        let report = meter.report();
        let waits = [report.waits_for_chunks_seconds, report.waits_for_tokens_seconds];
        assert_eq!(waits, [0.0, 0.0], "nobody waited before the run began");
        run(&lanes, &meter, &[vec![1]], &mut |_, _| true);
        assert!(meter.report().waits_for_chunks_seconds > 0.0, "but in it");
        let kept = ProbeFile::new(folder.path(), "key").read();
        assert_eq!(kept.batch_tokens, None, "another process has another machine's memory");
    }

    #[test]
    fn a_gpu_that_fails_at_a_question_is_an_error_and_not_slow() {
        let folder = tempfile::tempdir().expect("a folder");
        let failing = Fake::team(|_, _| Err(RunError::Other("CUDA failure 719: unspecified launch failure".into())));
        let lanes = lanes(folder.path(), GPU, failing, Some(Fake::team(|_, _| Ok(()))));
        let said = lanes.query(&[1]).expect_err("the GPU failed").to_string();
        assert!(said.contains("the model m failed on CUDA:0: CUDA failure 719"), "{said}");
        assert_eq!(ProbeFile::new(folder.path(), "key").read().queries_on_cpu, None);
    }

    #[test]
    fn a_question_goes_where_it_is_faster() {
        let (folder, asked) = (tempfile::tempdir().expect("a folder"), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&asked);
        let cpu = Fake::team(move |_, _| {
            seen.fetch_add(1, SeqCst);
            Ok(())
        });
        let known = ProbeFile::new(folder.path(), "key");
        known.write(|found| found.queries_on_cpu = Some(true));
        let lanes = lanes(folder.path(), GPU, Fake::team(|_, _| panic!("it is slower")), Some(cpu));
        assert_eq!(lanes.query(&[7]).expect("a vector"), [7.0]);
        assert_eq!(asked.load(SeqCst), 1, "what was measured once is not measured again");
    }
}
