//! Records the running or last index run in `run.json` in the index folder, for other processes to read.
//!
//! The run writes the file several times a second and replaces it by a rename. Write errors never fail the
//! run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::bottleneck::find_bottleneck;
use super::index_report::IndexReport;
use super::progress::{IndexPhase, IndexProgress};
use super::stage::{Stage, StageReport};
use crate::error::IndexError;
use embed::DeviceReport;
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::clock::{duration_ms, now_ms};
use platform::file_format::FormatError;
use platform::sealed_json::{JsonSeal, check_json_seal, seal_json};

const FILE_NAME: &str = "run.json";

/// Minimum time between two writes of the file.
const WRITE_INTERVAL: Duration = Duration::from_millis(400);

/// Time without a write after which a run counts as died.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// The status of an index run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    Indexing,
    /// The store merges small fragments and index segments.
    Finishing,
    Done,
    Cancelled,
    Failed,
    /// The record of a running run was not written for ten seconds, so its process has probably ended.
    Died,
}

impl RunStatus {
    /// Returns whether the run is under way.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Indexing | Self::Finishing)
    }
}

/// The content of `run.json`: progress or result of an index run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub state: RunStatus,
    pub process: u32,
    /// Time of the last write, in milliseconds since 1970.
    pub written_at_ms: u64,
    pub elapsed_ms: u64,
    /// Files that the walk has found so far.
    pub files_found: u64,
    /// Whether the walk has ended, so that `files_found` is final.
    pub walk_ended: bool,
    pub files_done: u64,
    pub chunks: u64,
    pub files_per_second: f64,
    pub chunks_per_second: f64,
    /// Estimated remaining time, in milliseconds; `None` while it cannot be estimated, and after the run has ended.
    pub remaining_ms: Option<u64>,
    /// The stage that the others wait for, in one sentence; `None` if the run has been too short to tell.
    pub bottleneck: Option<String>,
    /// The stages in pipeline order.
    pub stages: Vec<StageRecord>,
    /// The embedder's device; `None` if it has none.
    #[serde(default)]
    pub device: Option<DeviceReport>,
    /// The error that ended the run; `None` unless its status is [`RunStatus::Failed`].
    pub failure: Option<String>,
}

/// A [`StageReport`] in a serializable form; seconds are summed over all threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    pub stage: Stage,
    pub threads: usize,
    pub busy_seconds: f64,
    pub waiting_for_input_seconds: f64,
    pub waiting_for_output_seconds: f64,
    pub items: u64,
    pub bytes: u64,
    /// Number of elements in the input queue. This and the next two fields are 0 for `walk`, which has no input queue.
    pub queue_depth: usize,
    pub queue_capacity: usize,
    pub queue_mean: f64,
}

impl From<&StageReport> for StageRecord {
    fn from(stage: &StageReport) -> Self {
        let queue = stage.queue.unwrap_or_default();
        Self {
            stage: stage.stage,
            threads: stage.threads,
            busy_seconds: stage.busy.as_secs_f64(),
            waiting_for_input_seconds: stage.waiting_for_input.as_secs_f64(),
            waiting_for_output_seconds: stage.waiting_for_output.as_secs_f64(),
            items: stage.items,
            bytes: stage.bytes,
            queue_depth: queue.depth,
            queue_capacity: queue.capacity,
            queue_mean: queue.mean,
        }
    }
}

/// The reason why the record of the last run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunRecordError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use {path}: {problem}; the next index run that changes something replaces it")]
    Damaged { path: PathBuf, problem: String },
}

/// Reads the record of the last run of any process that wrote to `index_dir`; `None` if there is none. A run whose
/// record says that it is running, but was not written for `MAX_SILENCE`, counts as [`RunStatus::Died`].
///
/// # Errors
/// When the record cannot be read, is damaged, or has another format.
pub fn read_run_record(index_dir: &Path) -> Result<Option<RunRecord>, RunRecordError> {
    let path = index_dir.join(FILE_NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(RunRecordError::Read { path, source }),
    };
    let parsed = match check_json_seal(&bytes) {
        JsonSeal::Broken => Err(FormatError::Checksum.to_string()),
        JsonSeal::Intact | JsonSeal::Missing => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
    };
    let mut record: RunRecord = parsed.map_err(|problem| RunRecordError::Damaged { path, problem })?;
    // The clock may have been set back since the record was written.
    if record.state.is_running() && now_ms().saturating_sub(record.written_at_ms) > duration_ms(MAX_SILENCE) {
        record.state = RunStatus::Died;
        record.remaining_ms = None;
    }
    Ok(Some(record))
}

/// The last record of a run.
#[derive(Default)]
struct LastRecord {
    record: Option<RunRecord>,
    /// The time when a record was last written; `None` if none was.
    written: Option<Instant>,
}

/// Records one index run in `run.json`.
pub struct RunRecorder<'r> {
    index_dir: &'r Path,
    last: Mutex<LastRecord>,
}

impl<'r> RunRecorder<'r> {
    /// Creates a recorder without writing anything.
    pub fn new(index_dir: &'r Path) -> Self {
        Self { index_dir, last: Mutex::default() }
    }

    /// Records the progress of the run. Writes nothing before the first file is parsed, nor within `WRITE_INTERVAL`
    /// of the last write.
    pub fn record_progress(&self, progress: &IndexProgress) {
        let mut last = self.last.lock();
        if last.written.is_some_and(|at| at.elapsed() < WRITE_INTERVAL) {
            return;
        }
        let state = if progress.phase == IndexPhase::Finishing { RunStatus::Finishing } else { RunStatus::Indexing };
        let record = RunRecord {
            files_found: progress.files_found,
            walk_ended: progress.walk_ended,
            chunks: progress.chunks,
            remaining_ms: progress.remaining().map(duration_ms),
            device: progress.device.clone(),
            files_done: progress.files_done,
            ..new_record(state, &progress.stages, progress.elapsed, (progress.files_redone, progress.chunks))
        };
        let has_changed = progress.stages.iter().any(|stage| stage.stage == Stage::Parse && stage.items > 0);
        if has_changed {
            self.write(&record);
            last.written = Some(Instant::now());
        }
        last.record = Some(record);
    }

    /// Records the end of the run. A run that changed nothing, that failed before it reported progress, or that another
    /// process kept from writing leaves the previous record in place.
    pub fn record_end(&self, ended: &Result<IndexReport, IndexError>) {
        let last = self.last.lock();
        let ended = match ended {
            Ok(report) if report.files_indexed + report.files_removed == 0 && last.written.is_none() => return,
            // The process that holds the lock records its own run.
            Err(error) if error.is_busy() && last.written.is_none() => return,
            Ok(report) => RunRecord {
                files_found: report.files_found,
                walk_ended: true,
                files_done: report.files_found,
                chunks: report.chunks,
                device: report.device.clone(),
                ..new_record(RunStatus::Done, &report.stages, report.elapsed, (report.files_indexed, report.chunks))
            },
            Err(error) => {
                let Some(last) = last.record.clone() else { return };
                let is_cancelled = matches!(error, IndexError::Cancelled { .. });
                let state = if is_cancelled { RunStatus::Cancelled } else { RunStatus::Failed };
                let failure = (!is_cancelled).then(|| error.to_string());
                RunRecord { state, written_at_ms: now_ms(), remaining_ms: None, failure, ..last }
            }
        };
        self.write(&ended);
    }

    fn write(&self, record: &RunRecord) {
        if !self.index_dir.is_dir() {
            return;
        }
        let path = self.index_dir.join(FILE_NAME);
        let sealed = serde_json::to_string_pretty(record).map(|json| seal_json(&json)).map_err(io::Error::from);
        if let Err(error) = sealed.and_then(|sealed| replace_with_bytes(&path, Durability::Unsynced, sealed.as_bytes()))
        {
            tracing::debug!("cannot write {}: {error}", path.display());
        }
    }
}

fn new_record(state: RunStatus, stages: &[StageReport], elapsed: Duration, (files, chunks): (u64, u64)) -> RunRecord {
    let rate = |count: u64| count as f64 / elapsed.as_secs_f64().max(0.001);
    RunRecord {
        state,
        process: std::process::id(),
        written_at_ms: now_ms(),
        elapsed_ms: duration_ms(elapsed),
        files_found: 0,
        walk_ended: false,
        files_done: files,
        chunks,
        files_per_second: rate(files),
        chunks_per_second: rate(chunks),
        remaining_ms: None,
        bottleneck: find_bottleneck(stages, elapsed).map(|bottleneck| bottleneck.to_string()),
        stages: stages.iter().map(StageRecord::from).collect(),
        device: None,
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_record(index_dir: &Path) -> Option<RunRecord> {
        read_run_record(index_dir).expect("a readable record, or none")
    }

    fn progress() -> IndexProgress {
        IndexProgress {
            phase: IndexPhase::Indexing,
            files_found: 10,
            walk_ended: true,
            files_done: 5,
            files_changed: 8,
            files_redone: 4,
            chunks: 40,
            elapsed: Duration::from_secs(4),
            stages: vec![StageReport { threads: 2, items: 4, ..StageReport::new(Stage::Parse) }],
            device: None,
        }
    }

    #[test]
    fn the_record_shows_progress_and_the_end_of_a_run() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read_record(folder.path()), None);
        let file = RunRecorder::new(folder.path());
        file.record_progress(&progress());
        let running = read_record(folder.path()).expect("a record");
        assert_eq!((running.state, running.files_done, running.remaining_ms), (RunStatus::Indexing, 5, Some(4_000)));
        assert_eq!(running.stages[0].stage, Stage::Parse);
        file.record_end(&Err(IndexError::Cancelled { root: folder.path().to_owned() }));
        let ended = read_record(folder.path()).expect("a record");
        assert_eq!((ended.state, ended.files_done, ended.remaining_ms), (RunStatus::Cancelled, 5, None));
    }

    #[test]
    fn a_run_that_changes_nothing_keeps_the_previous_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let changing = RunRecorder::new(folder.path());
        changing.record_progress(&progress());
        changing.record_end(&Ok(IndexReport { files_found: 10, files_indexed: 4, ..IndexReport::default() }));
        let before = read_record(folder.path());
        let idle = RunRecorder::new(folder.path());
        let nothing = IndexProgress { files_changed: 0, files_redone: 0, chunks: 0, stages: Vec::new(), ..progress() };
        for phase in [IndexPhase::Indexing, IndexPhase::Finishing] {
            idle.record_progress(&IndexProgress { phase, ..nothing.clone() });
        }
        idle.record_end(&Ok(IndexReport { files_found: 10, files_unchanged: 10, ..IndexReport::default() }));
        assert_eq!(read_record(folder.path()), before);
        idle.record_end(&Err(IndexError::Contended { root: folder.path().to_owned() }));
        assert_eq!(read_record(folder.path()), before, "the other process records its own run");
        idle.record_end(&Err(IndexError::Cancelled { root: folder.path().to_owned() }));
        assert_eq!(read_record(folder.path()).map(|record| record.state), Some(RunStatus::Cancelled));
    }

    #[test]
    fn a_silent_run_has_died_and_a_damaged_record_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let silent = RunRecord {
            written_at_ms: now_ms() - 60_000,
            ..new_record(RunStatus::Indexing, &[], Duration::from_secs(1), (0, 0))
        };
        RunRecorder::new(folder.path()).write(&silent);
        assert_eq!(read_record(folder.path()).map(|record| record.state), Some(RunStatus::Died));
        let written = fs::read_to_string(folder.path().join(FILE_NAME)).expect("a record");
        fs::write(folder.path().join(FILE_NAME), written.replace("\"chunks\": 0", "\"chunks\": 8")).expect("written");
        assert!(read_run_record(folder.path()).is_err(), "a changed digit");
        fs::write(folder.path().join(FILE_NAME), "{").expect("written");
        let error = read_run_record(folder.path()).expect_err("it is damaged").to_string();
        assert!(error.contains("run.json") && error.contains("the next index run"), "{error}");
        assert_eq!(read_record(&folder.path().join("missing")), None);
    }
}
