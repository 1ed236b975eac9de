//! The pipeline of an index run: its stages, the queues between them, and the limits on memory and batch size.

mod batch_tuner;
mod budget;
mod clock;
mod file_counts;
mod pipeline_run;
mod queue;
mod run_writer;
pub(crate) mod stages;
mod threads;

pub(crate) use budget::{estimate_cost_bytes, largest_file_bytes};
pub(crate) use pipeline_run::{PipelineRun, RunBaseline};
pub(crate) use run_writer::{RunWriter, WriteError};
pub(crate) use threads::StageThreads;
