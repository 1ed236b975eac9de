//! The indexing pipeline, which updates a store to match a folder.
//!
//! [`Indexer::run`] starts six stages. Each has its own file, each hand-off its own type, and each queue
//! between stages is bounded:
//!
//! ```text
//! walk ─▶ read+hash (N) ─▶ parse (N) ─▶ batch ─▶ embed (N) ─▶ write
//!    WalkEntry     ReadOutcome  ParseOutcome  ChunkBatch  EmbeddedBatch
//! ```
//!
//! A file that cannot be read or parsed is recorded and does not end the run. All chunks of a file are
//! replaced in one commit. A panic in a stage becomes an error of the run, and every thread is joined. Commits
//! published before a run is cancelled are kept.

mod bench;
mod error;
mod finished_run;
mod known_objects;
mod pipeline;
mod plan;
mod report;
mod request;
mod run;
mod watch;

#[cfg(test)]
mod tests;

pub use bench::{BenchKind, collect_passages, run_benchmark};
pub use error::IndexError;
pub use known_objects::KnownObjects;
pub use plan::{index_fingerprint, rebuild_reason};
pub use report::{
    Bottleneck, ChangeCounts, ChangedFiles, DryRun, FileList, IncludedFile, IndexPhase, IndexProgress, IndexReport,
    QueueReport, RunRecord, RunRecordError, RunRecorder, RunStatus, Stage, StageRecord, StageReport, find_bottleneck,
    read_run_record,
};
pub use request::{IndexRequest, IndexScope};
pub use run::Indexer;
pub use watch::tree_watch::TreeWatch;
pub use watch::turns::{TreeUses, WATCH_TURNS, WatchTurn, WatchTurns};
pub use watch::{FileChanges, FolderWatcher, WatchError};
