//! The pipeline that brings a store up to date with a folder.
//!
//! One file per stage, one type per hand-off, a bounded queue on every edge:
//!
//! ```text
//! walk ─▶ read+hash (N) ─▶ parse (N) ─▶ batch ─▶ embed ─▶ write
//!    WalkEntry        Read         Parsed    ChunkBatch  EmbeddedBatch
//! ```
//!
//! Invariants: a bad file is recorded data, never an aborted run; a file's chunks are replaced
//! together; a panicking stage ends the run with an error; every thread is joined; what was
//! committed stays when a run is cancelled. Must never import: `search`, `mcp`, `cli`.

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
pub use bottleneck::{Bottleneck, bottleneck};
pub use indexer::Indexer;
pub use plan::{recipe, redo_all};
pub use run_file::{RunFile, RunRecord, RunState, StageRecord, read as read_run};
pub(crate) use stage_read::source;
pub use watch::{Changes, WatchError, Watcher};

pub use progress::{CancelToken, DryRun, IndexError, IndexReport, IndexRequest, Phase, Progress, Scope, StageReport};
