//! `run.json` in the index folder: what the running or last index run of any process has done.
//!
//! Written a few times a second by the run itself, so that another process can tell where it is.
//! Invariants: the file is replaced whole, by a rename; that it cannot be written never fails a run;
//! it is not there before the first run that writes. Must never import: `search`, `mcp`, `cli`.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{IndexError, IndexReport, Phase, Progress, StageReport, bottleneck};
use crate::embed::DeviceReport;

const NAME: &str = "run.json";

/// How often a run writes.
const EVERY: Duration = Duration::from_millis(400);

/// A run that has not written for this long has ended without a word.
const SILENCE: Duration = Duration::from_secs(10);

/// Where a run is or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Indexing,
    /// The full-text index is brought up to date.
    Finishing,
    Done,
    Cancelled,
    Failed,
    /// Its process is gone: killed, or the machine was.
    Died,
}

impl RunState {
    /// Whether the run goes on.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Indexing | Self::Finishing)
    }
}

/// A run, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub state: RunState,
    pub process: u32,
    /// Milliseconds since 1970.
    pub written_at_ms: u64,
    pub elapsed_ms: u64,
    /// Files the walk has found so far.
    pub files_found: u64,
    /// Whether `files_found` is final.
    pub walk_ended: bool,
    pub files_done: u64,
    pub chunks: u64,
    pub files_per_second: f64,
    pub chunks_per_second: f64,
    /// `None` while it cannot be told, and once the run has ended.
    pub remaining_ms: Option<u64>,
    /// Which stage the others wait for, in one sentence.
    pub bottleneck: Option<String>,
    /// In the order of the pipeline.
    pub stages: Vec<StageRecord>,
    /// What the embedder's device has done, where it has one.
    #[serde(default)]
    pub device: Option<DeviceReport>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// [`StageReport`] in a file; seconds are summed over the threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    pub stage: String,
    pub threads: usize,
    pub busy_seconds: f64,
    pub waiting_for_input_seconds: f64,
    pub waiting_for_output_seconds: f64,
    pub items: u64,
    pub bytes: u64,
    pub queue_depth: usize,
    pub queue_capacity: usize,
    pub queue_mean: f64,
}

impl From<&StageReport> for StageRecord {
    fn from(stage: &StageReport) -> Self {
        Self {
            stage: stage.stage.to_owned(),
            threads: stage.threads,
            busy_seconds: stage.busy.as_secs_f64(),
            waiting_for_input_seconds: stage.waiting_for_input.as_secs_f64(),
            waiting_for_output_seconds: stage.waiting_for_output.as_secs_f64(),
            items: stage.items,
            bytes: stage.bytes,
            queue_depth: stage.queue_depth,
            queue_capacity: stage.queue_capacity,
            queue_mean: stage.queue_mean,
        }
    }
}

/// The run of `index_dir` that wrote last, of whichever process; `None` where none has.
pub fn read(index_dir: &Path) -> Option<RunRecord> {
    let bytes = fs::read(index_dir.join(NAME)).ok()?;
    let mut record: RunRecord = serde_json::from_slice(&bytes).ok()?;
    if record.state.is_running() && now_ms().saturating_sub(record.written_at_ms) > in_ms(SILENCE) {
        record.state = RunState::Died;
        record.remaining_ms = None;
    }
    Some(record)
}

/// What was told last.
#[derive(Default)]
struct Last {
    record: Option<RunRecord>,
    /// When it was written, if it was.
    written: Option<Instant>,
}

/// Tells of one run.
pub struct RunFile<'r> {
    index_dir: &'r Path,
    last: Mutex<Last>,
}

impl<'r> RunFile<'r> {
    /// Nothing is written yet.
    pub fn new(index_dir: &'r Path) -> Self {
        Self { index_dir, last: Mutex::default() }
    }

    /// Takes note of where the run is. It is not told before the run has changed something.
    pub fn show(&self, progress: &Progress) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.written.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        let state = if progress.phase == Phase::Finishing { RunState::Finishing } else { RunState::Indexing };
        let record = RunRecord {
            files_found: progress.files_found,
            walk_ended: progress.walk_ended,
            chunks: progress.chunks,
            remaining_ms: progress.remaining().map(in_ms),
            device: progress.device.clone(),
            files_done: progress.files_done,
            ..record(state, &progress.stages, progress.elapsed, (progress.files_redone, progress.chunks))
        };
        let has_changed = progress.stages.iter().any(|stage| stage.stage == "parse" && stage.items > 0);
        if has_changed {
            self.write(&record);
            last.written = Some(Instant::now());
        }
        last.record = Some(record);
    }

    /// Takes note of how the run ended. One that changed nothing leaves no trace: the last that did
    /// is the one to tell of.
    pub fn end(&self, ended: &Result<IndexReport, IndexError>) {
        let Ok(last) = self.last.lock() else { return };
        let ended = match ended {
            Ok(report) if report.files_indexed + report.files_removed == 0 && last.written.is_none() => return,
            // That one tells of itself.
            Err(error) if error.is_busy() && last.written.is_none() => return,
            Ok(report) => RunRecord {
                files_found: report.files_found,
                walk_ended: true,
                files_done: report.files_found,
                chunks: report.chunks,
                device: report.device.clone(),
                ..record(RunState::Done, &report.stages, report.elapsed, (report.files_indexed, report.chunks))
            },
            Err(error) => {
                let Some(last) = last.record.clone() else { return };
                let is_cancelled = matches!(error, IndexError::Cancelled { .. });
                let state = if is_cancelled { RunState::Cancelled } else { RunState::Failed };
                let failure = (!is_cancelled).then(|| error.to_string());
                RunRecord { state, written_at_ms: now_ms(), remaining_ms: None, failure, ..last }
            }
        };
        self.write(&ended);
    }

    fn write(&self, record: &RunRecord) {
        let fresh = self.index_dir.join(format!("{NAME}.new"));
        let write = || {
            if !self.index_dir.is_dir() {
                return Ok(());
            }
            fs::write(&fresh, serde_json::to_vec_pretty(record)?)?;
            fs::rename(&fresh, self.index_dir.join(NAME))
        };
        if let Err(error) = write() {
            tracing::debug!("cannot write {NAME}: {error}");
        }
    }
}

fn record(state: RunState, stages: &[StageReport], elapsed: Duration, (files, chunks): (u64, u64)) -> RunRecord {
    let rate = |count: u64| count as f64 / elapsed.as_secs_f64().max(0.001);
    RunRecord {
        state,
        process: std::process::id(),
        written_at_ms: now_ms(),
        elapsed_ms: in_ms(elapsed),
        files_found: 0,
        walk_ended: false,
        files_done: files,
        chunks,
        files_per_second: rate(files),
        chunks_per_second: rate(chunks),
        remaining_ms: None,
        bottleneck: bottleneck(stages, elapsed).map(|found| found.to_string()),
        stages: stages.iter().map(StageRecord::from).collect(),
        device: None,
        failure: None,
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, in_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress {
            phase: Phase::Indexing,
            files_found: 10,
            walk_ended: true,
            files_done: 5,
            files_changed: 8,
            files_redone: 4,
            chunks: 40,
            elapsed: Duration::from_secs(4),
            stages: vec![StageReport { stage: "parse", threads: 2, items: 4, ..StageReport::default() }],
            device: None,
        }
    }

    #[test]
    fn another_process_reads_where_a_run_is_and_how_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read(folder.path()), None);
        let file = RunFile::new(folder.path());
        file.show(&progress());
        let running = read(folder.path()).expect("a record");
        assert_eq!((running.state, running.files_done, running.remaining_ms), (RunState::Indexing, 5, Some(4_000)));
        assert_eq!(running.stages[0].stage, "parse");
        file.end(&Err(IndexError::Cancelled { root: folder.path().to_owned() }));
        let ended = read(folder.path()).expect("a record");
        assert_eq!((ended.state, ended.files_done, ended.remaining_ms), (RunState::Cancelled, 5, None));
    }

    #[test]
    fn a_run_that_changes_nothing_leaves_the_record_of_the_last_that_did() {
        let folder = tempfile::tempdir().expect("a folder");
        let changing = RunFile::new(folder.path());
        changing.show(&progress());
        changing.end(&Ok(IndexReport { files_found: 10, files_indexed: 4, ..IndexReport::default() }));
        let before = read(folder.path());
        let idle = RunFile::new(folder.path());
        let nothing = Progress { files_changed: 0, files_redone: 0, chunks: 0, stages: Vec::new(), ..progress() };
        for phase in [Phase::Indexing, Phase::Finishing] {
            idle.show(&Progress { phase, ..nothing.clone() });
        }
        idle.end(&Ok(IndexReport { files_found: 10, files_unchanged: 10, ..IndexReport::default() }));
        assert_eq!(read(folder.path()), before);
        idle.end(&Err(IndexError::Contended { root: folder.path().to_owned() }));
        assert_eq!(read(folder.path()), before, "who is in the way tells of itself");
        idle.end(&Err(IndexError::Cancelled { root: folder.path().to_owned() }));
        assert_eq!(read(folder.path()).map(|record| record.state), Some(RunState::Cancelled));
    }

    #[test]
    fn a_run_that_fell_silent_has_died_and_a_torn_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let silent = RunRecord {
            written_at_ms: now_ms() - 60_000,
            ..record(RunState::Indexing, &[], Duration::from_secs(1), (0, 0))
        };
        RunFile::new(folder.path()).write(&silent);
        assert_eq!(read(folder.path()).map(|record| record.state), Some(RunState::Died));
        fs::write(folder.path().join(NAME), "{").expect("written");
        assert_eq!(read(folder.path()), None);
    }
}
