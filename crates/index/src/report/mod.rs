//! The progress and the results of an index run, as shown to users and recorded for other processes.

mod bottleneck;
mod dry_run;
mod index_report;
mod progress;
mod run_record;
mod stage;

pub use bottleneck::{Bottleneck, find_bottleneck};
pub use dry_run::{ChangeCounts, DryRun, IncludedFile};
pub use index_report::{ChangedFiles, FileList, IndexReport};
pub use progress::{IndexPhase, IndexProgress};
pub use run_record::{RunRecord, RunRecordError, RunRecorder, RunStatus, StageRecord, read_run_record};
pub use stage::{QueueReport, Stage, StageReport};
