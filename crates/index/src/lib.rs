//! The indexing pipeline, which updates a store to match a folder.
//!
//! Each stage has its own file, each hand-off its own type, and each queue between stages is bounded:
//!
//! ```text
//! walk ─▶ read+hash (N) ─▶ parse (N) ─▶ batch ─▶ embed ─▶ write
//!    WalkEntry     ReadOutcome  ParseOutcome  ChunkBatch  EmbeddedBatch
//! ```
//!
//! A file that cannot be read or parsed is recorded and does not end the run. All chunks of a file are
//! replaced in one commit. A panic in a stage becomes an error of the run, and every thread is joined. Commits
//! made before a run is cancelled are kept.

mod bench;
mod bottleneck;
mod budget;
mod counts;
mod flow;
mod indexer;
mod plan;
mod progress;
mod run;
mod run_file;
mod stage_batch;
mod stage_embed;
mod stage_parse;
mod stage_read;
mod stage_walk;
mod stage_write;
mod stages;
mod tuner;
mod watch;

#[cfg(test)]
mod tests;

pub use bench::BenchKind;
pub use bottleneck::{Bottleneck, find_bottleneck};
pub use indexer::Indexer;
pub use plan::{index_fingerprint, rebuild_reason};
pub use run_file::{RunRecord, RunRecorder, RunStatus, StageRecord, read_run_record};
pub use stage_read::decode_source;
pub use watch::{FileChanges, FolderWatcher, WatchError};

pub use progress::{
    CancelToken, DryRun, IndexError, IndexPhase, IndexProgress, IndexReport, IndexRequest, IndexScope, StageReport,
};
