//! Ways of indexing that the benchmarks compare with the pipeline.

mod bench_runs;
mod files;
mod null;
mod parse_alone;
mod serial;

pub use bench_runs::{BenchKind, run_benchmark};
pub use serial::collect_passages;
