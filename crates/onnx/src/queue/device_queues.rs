//! The devices of a model, and the assignment of windows and queries to them.
//!
//! A window is the set of texts that the pipeline embeds in one call. It stays on one device, and a device serves at
//! most two windows at a time (see `device_queue`). The pipeline runs one thread more than the devices have places for
//! windows, so the next window is already tokenized when a place becomes free. A query runs on a device between two
//! batches of a window.

use std::path::Path;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use config::Provider;
use embed::EmbedError;
use hub::ModelDescription;

use super::device_queue::{DeviceQueue, EmbedWindow};
use crate::batching::probe_file::ProbeFile;
use crate::devices::device::Device;
use crate::session::model_session::SessionRunError;
use crate::session::pool::SessionPool;

/// The number of windows that share a device.
pub const WINDOWS_PER_DEVICE: usize = 2;

/// Maximum size of a batch's intermediate values on a device other than the CPU, in bytes.
const MAX_GPU_BATCH_BYTES: u64 = 8 << 30;

/// Returns the maximum size in bytes of a batch's intermediate values on the CPU, given the process's memory limit.
pub fn cpu_batch_bytes(max_memory_bytes: u64) -> u64 {
    (max_memory_bytes / 8).clamp(48 << 20, 1 << 30)
}

/// The settings of the queues.
#[derive(Clone, Copy)]
pub struct QueueSettings<'s> {
    /// The folder in which measurements are stored.
    pub probes_dir: &'s Path,
    /// Memory limit of the whole process, in bytes.
    pub max_memory_bytes: u64,
    /// The number of tokens per batch that the user has set. `None` uses the stored measurement, or measures the best
    /// size.
    pub batch_tokens: Option<usize>,
}

/// Properties of a device that its sessions do not provide.
pub struct DeviceFacts {
    /// A text that names the model, the device, the library and the number of threads; the key of the [`ProbeFile`]
    /// begins with it.
    pub probe_key: String,
    /// Free memory of the device in bytes, if it is known.
    pub free_bytes: Option<u64>,
}

/// All devices of a model.
pub struct DeviceQueues {
    queues: Vec<DeviceQueue>,
    /// A session on the CPU for queries. `None` if the CPU is one of the devices, if it cannot run the model, or if the
    /// weights exceed a quarter of the memory limit.
    query_pool: Option<Mutex<SessionPool>>,
    /// Whether queries are faster on the CPU; set when measured.
    queries_on_cpu: OnceLock<bool>,
    /// For each device, the number of further windows that it can serve.
    free_slots: Mutex<Vec<usize>>,
    /// Notified when a slot becomes free.
    slot_freed: Condvar,
    model: ModelDescription,
}

impl DeviceQueues {
    /// Creates a queue for each device. `device_facts` supplies the properties of a device.
    pub fn new(
        devices: Vec<(Device, SessionPool)>,
        query_pool: Option<SessionPool>,
        settings: QueueSettings<'_>,
        device_facts: &dyn Fn(&Device) -> DeviceFacts,
        model: &ModelDescription,
    ) -> Self {
        let queue = |(device, pool): (Device, SessionPool)| {
            let DeviceFacts { probe_key, free_bytes } = device_facts(&device);
            let cpu_bytes = cpu_batch_bytes(settings.max_memory_bytes);
            let (max_bytes, key) = match device.provider {
                Provider::Cpu => (cpu_bytes, format!("{probe_key} {cpu_bytes}")),
                _ => (free_bytes.map_or(MAX_GPU_BATCH_BYTES, |free| MAX_GPU_BATCH_BYTES.min(free / 2)), probe_key),
            };
            let probe_file = ProbeFile::new(settings.probes_dir, &key);
            DeviceQueue::new((device, pool), max_bytes, settings.batch_tokens, probe_file, model)
        };
        let queues: Vec<DeviceQueue> = devices.into_iter().map(queue).collect();
        Self {
            free_slots: Mutex::new(vec![WINDOWS_PER_DEVICE; queues.len()]),
            slot_freed: Condvar::new(),
            queues,
            query_pool: query_pool.map(Mutex::new),
            queries_on_cpu: OnceLock::new(),
            model: model.clone(),
        }
    }

    /// Returns the number of devices.
    pub fn device_count(&self) -> usize {
        self.queues.len()
    }

    /// Returns whether the CPU is the only device.
    pub fn is_cpu_only(&self) -> bool {
        self.queues.iter().all(|queue| queue.device.provider == Provider::Cpu)
    }

    /// Returns the names of the devices, for messages.
    pub fn device_names(&self) -> Vec<String> {
        self.queues.iter().map(|queue| queue.device.to_string()).collect()
    }

    /// Returns the CUDA device numbers of the NVIDIA GPUs among the devices.
    pub fn nvidia_ids(&self) -> Vec<u32> {
        let nvidia = self.queues.iter().filter(|queue| queue.device.provider.is_nvidia());
        nvidia.map(|queue| queue.device.id).collect()
    }

    /// Returns the current number of tokens in a full batch, including padding; the minimum over all devices.
    pub fn batch_tokens(&self) -> usize {
        self.queues.iter().map(DeviceQueue::batch_tokens).min().unwrap_or(0)
    }

    /// Starts an index run on all devices.
    pub fn begin_run(&self) {
        self.queues.iter().for_each(DeviceQueue::begin_run);
    }

    /// Embeds a window of texts on one device, after waiting for a free one.
    ///
    /// # Errors
    /// Fails if the device fails.
    pub fn run_window(&self, window: &mut EmbedWindow<'_>) -> Result<(), EmbedError> {
        if window.tokens.is_empty() {
            return Ok(());
        }
        let lease = self.lease_device();
        let queue = &self.queues[lease.at];
        let result = queue.run_window(window);
        result.map_err(|(error, longest)| queue.device.call_error(error, &self.model.name, longest))
    }

    /// Embeds a query on the first device, or on the CPU if that is faster.
    ///
    /// # Errors
    /// Fails if the device or the CPU fails.
    pub fn embed_query(&self, tokens: &[u32]) -> Result<Vec<f32>, EmbedError> {
        let queue = &self.queues[0];
        let (device, result) = match &self.query_pool {
            Some(pool) if self.is_cpu_faster(pool, queue)? => {
                let result = pool.lock().unwrap_or_else(PoisonError::into_inner).run(&[tokens], true);
                (Device { provider: Provider::Cpu, id: 0, is_partly_cpu: false }, result)
            }
            _ => (queue.device.clone(), queue.run_query(tokens, true)),
        };
        let vectors = result.and_then(|output| output.vectors(&[tokens], &self.model));
        let mut vectors = vectors.map_err(|error| device.call_error(error, &self.model.name, tokens.len()))?;
        Ok(vectors.swap_remove(0))
    }

    /// Returns whether a query is faster on the CPU than on the device; false if the CPU fails. Measures this unless a
    /// result is stored, and stores the result unless the CPU fails.
    ///
    /// # Errors
    /// Fails if the device fails.
    fn is_cpu_faster(&self, query_pool: &Mutex<SessionPool>, queue: &DeviceQueue) -> Result<bool, EmbedError> {
        if let Some(known) = self.queries_on_cpu.get().copied().or(queue.probe_file.read().queries_on_cpu) {
            return Ok(known);
        }
        let query = [1_u32; 16];
        let run_on_cpu =
            &mut || query_pool.lock().unwrap_or_else(PoisonError::into_inner).run(&[&query], false).map(drop);
        let cpu_time = fastest_of_four(run_on_cpu);
        let device_time = fastest_of_four(&mut || queue.run_query(&query, false).map(drop));
        let device_time = device_time.map_err(|error| queue.device.call_error(error, &self.model.name, query.len()))?;
        let Ok(cpu_time) = cpu_time else { return Ok(*self.queries_on_cpu.get_or_init(|| false)) };
        let is_faster = cpu_time < device_time;
        queue.probe_file.write(|result| result.queries_on_cpu = Some(is_faster));
        Ok(*self.queries_on_cpu.get_or_init(|| is_faster))
    }

    /// Reserves a slot on the device that serves the fewest windows, waiting until one is free.
    fn lease_device(&self) -> DeviceLease<'_> {
        let mut free = self.free_slots.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let freest = (0..free.len()).rev().max_by_key(|at| free[*at]);
            if let Some(at) = freest.filter(|at| free[*at] > 0) {
                free[at] -= 1;
                return DeviceLease { queues: self, at };
            }
            free = self.slot_freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Runs `call` four times and returns the shortest time.
fn fastest_of_four(call: &mut dyn FnMut() -> Result<(), SessionRunError>) -> Result<Duration, SessionRunError> {
    let mut shortest = Duration::MAX;
    for _ in 0..4 {
        let started = Instant::now();
        call()?;
        shortest = shortest.min(started.elapsed());
    }
    Ok(shortest)
}

/// A slot on a device, freed when dropped.
struct DeviceLease<'l> {
    queues: &'l DeviceQueues,
    /// The index of the device.
    at: usize,
}

impl Drop for DeviceLease<'_> {
    fn drop(&mut self) {
        self.queues.free_slots.lock().unwrap_or_else(PoisonError::into_inner)[self.at] += 1;
        self.queues.slot_freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;
    use crate::queue::timing::DeviceTiming;
    use crate::session::fake_session::FakeSession;

    const CPU: Device = Device { provider: Provider::Cpu, id: 0, is_partly_cpu: false };
    const GPU: Device = Device { provider: Provider::Cuda, ..CPU };

    fn queues(
        folder: &std::path::Path,
        device: Device,
        pool: SessionPool,
        query_pool: Option<SessionPool>,
    ) -> DeviceQueues {
        let model =
            ModelDescription { name: "m".into(), dimensions: 1, normalize: false, ..ModelDescription::default() };
        let facts = |_: &Device| DeviceFacts { probe_key: "key".into(), free_bytes: None };
        let settings = QueueSettings { probes_dir: folder, max_memory_bytes: 1 << 30, batch_tokens: None };
        DeviceQueues::new(vec![(device, pool)], query_pool, settings, &facts, &model)
    }

    fn run(
        queues: &DeviceQueues,
        timing: &DeviceTiming,
        tokens: &[Vec<u32>],
        on_vector: &mut dyn FnMut(usize, Vec<f32>) -> bool,
    ) {
        let now = Instant::now();
        let result = queues.run_window(&mut EmbedWindow { tokens, tokenizing: (now, now), on_vector, timing });
        result.unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn texts_used_for_measuring_are_embedded_once_and_their_vectors_are_used() {
        let (folder, calls) = (tempfile::tempdir().expect("a folder"), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&calls);
        let pool = FakeSession::pool(move |rows, _| {
            seen.fetch_add(rows.len(), SeqCst);
            Ok(())
        });
        let queues = queues(folder.path(), CPU, pool, None);
        let tokens: Vec<Vec<u32>> = (0..1_024).map(|at| vec![at; 60 + at as usize % 100]).collect();
        let (timing, mut vectors) = (DeviceTiming::default(), vec![None; tokens.len()]);
        run(&queues, &timing, &tokens, &mut |at, vector| vectors[at].replace(vector[0]).is_none());
        assert_eq!(calls.load(SeqCst), tokens.len(), "each text is run once");
        for (at, vector) in vectors.iter().enumerate() {
            let value = vector.unwrap_or_else(|| panic!("text {at} has no vector"));
            assert!((value - at as f32).abs() < 0.01, "text {at} has the vector of text {value}");
        }
        // Every call takes equally long, so the largest size is the best.
        assert_eq!(queues.batch_tokens(), 8_192);
        let known = ProbeFile::new(folder.path(), &format!("key {}", cpu_batch_bytes(1 << 30))).read();
        assert_eq!(known.batch_tokens, Some(8_192), "the result is stored for the next process");
    }

    #[test]
    fn a_device_runs_one_window_while_another_hands_on_its_vectors() {
        let folder = tempfile::tempdir().expect("a folder");
        let queues = queues(folder.path(), CPU, FakeSession::pool(|_, _| Ok(())), None);
        let (timing, wait) = (DeviceTiming::default(), Duration::from_secs(30));
        let ((to_one, one), (to_other, other)) = (mpsc::channel(), mpsc::channel());
        let pass = |sender: mpsc::Sender<()>, receiver: mpsc::Receiver<()>| {
            run(&queues, &timing, &[vec![1, 2]], &mut |_, _| {
                sender.send(()).expect("the other window receives");
                receiver.recv_timeout(wait).is_ok() || panic!("the other window is blocked by this one")
            });
        };
        std::thread::scope(|threads| {
            threads.spawn(|| pass(to_one, other));
            pass(to_other, one);
        });
    }

    #[test]
    fn a_new_run_resets_idle_time_and_batch_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let pool = FakeSession::pool(|rows, _| if rows.len() > 4 { Err(SessionRunError::OutOfMemory) } else { Ok(()) });
        let queues = queues(folder.path(), GPU, pool, None);
        let (timing, tokens) = (DeviceTiming::default(), vec![vec![1; 10]; 64]);
        run(&queues, &timing, &tokens, &mut |_, _| true);
        assert!(queues.batch_tokens() < 100 && timing.report().out_of_memory > 0, "{:?}", timing.report());
        timing.reset();
        queues.begin_run();
        assert_eq!(queues.batch_tokens(), 2_048, "a new run starts with the initial size");
        run(&queues, &timing, &[vec![1]], &mut |_, _| true);
        let report = timing.report();
        let waits = [report.waits_for_chunks_seconds, report.waits_for_tokens_seconds];
        assert_eq!(waits, [0.0, 0.0], "time before the run does not count");
        run(&queues, &timing, &[vec![1]], &mut |_, _| true);
        assert!(timing.report().waits_for_chunks_seconds > 0.0, "time within the run counts");
        let kept = ProbeFile::new(folder.path(), "key").read();
        assert_eq!(kept.batch_tokens, None, "a size lowered for lack of memory is not stored");
    }

    #[test]
    fn a_gpu_that_fails_at_a_query_is_an_error_not_a_slow_device() {
        let folder = tempfile::tempdir().expect("a folder");
        let failing = FakeSession::pool(|_, _| {
            Err(SessionRunError::Other("CUDA failure 719: unspecified launch failure".into()))
        });
        let queues = queues(folder.path(), GPU, failing, Some(FakeSession::pool(|_, _| Ok(()))));
        let said = queues.embed_query(&[1]).expect_err("the GPU failed").to_string();
        assert!(said.contains("the model m failed on CUDA:0: CUDA failure 719"), "{said}");
        assert_eq!(ProbeFile::new(folder.path(), "key").read().queries_on_cpu, None);
    }

    #[test]
    fn an_error_of_the_cpu_is_not_named_after_the_gpu() {
        let folder = tempfile::tempdir().expect("a folder");
        ProbeFile::new(folder.path(), "key").write(|result| result.queries_on_cpu = Some(true));
        let failing = FakeSession::pool(|_, _| Err(SessionRunError::Other("bad allocation".into())));
        let queues = queues(folder.path(), GPU, FakeSession::pool(|_, _| Ok(())), Some(failing));
        let said = queues.embed_query(&[1]).expect_err("the CPU failed").to_string();
        assert!(said.contains(&format!("the model m failed on {CPU}: bad allocation")), "{said}");
    }

    #[test]
    fn a_query_runs_on_the_faster_device() {
        let (folder, cpu_calls) = (tempfile::tempdir().expect("a folder"), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&cpu_calls);
        let cpu = FakeSession::pool(move |_, _| {
            seen.fetch_add(1, SeqCst);
            Ok(())
        });
        let known = ProbeFile::new(folder.path(), "key");
        known.write(|result| result.queries_on_cpu = Some(true));
        let queues = queues(folder.path(), GPU, FakeSession::pool(|_, _| panic!("it is slower")), Some(cpu));
        assert_eq!(queues.embed_query(&[7]).expect("a vector"), [7.0]);
        assert_eq!(cpu_calls.load(SeqCst), 1, "a stored result is not measured again");
    }
    #[test]
    fn a_batch_waits_for_queries_and_runs_after_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let ((start_query, query_started), (end_query, query_may_end)) = (mpsc::channel(), mpsc::channel());
        let order: Arc<Mutex<Vec<usize>>> = Arc::default();
        let seen = Arc::clone(&order);
        let pool = FakeSession::pool(move |rows, _| {
            if rows.len() == 1 {
                start_query.send(()).expect("the test waits for it");
                query_may_end.recv().expect("the test ends the query");
            }
            seen.lock().expect("the list").push(rows.len());
            Ok(())
        });
        let queues = queues(folder.path(), CPU, pool, None);
        let timing = DeviceTiming::default();
        std::thread::scope(|threads| {
            threads.spawn(|| queues.embed_query(&[1]).expect("a vector"));
            query_started.recv().expect("the query runs");
            let batch = threads.spawn(|| run(&queues, &timing, &[vec![1], vec![2]], &mut |_, _| true));
            end_query.send(()).expect("the query waits");
            batch.join().expect("the batch runs once no query is left");
        });
        assert_eq!(*order.lock().expect("the list"), [1, 2]);
    }
}
