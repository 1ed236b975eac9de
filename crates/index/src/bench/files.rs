//! Lists and reads the files of a benchmark as the pipeline does, but without `languages.toml`, and builds its report.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::IndexError;
use crate::report::{IndexReport, Stage, StageReport};
use crate::run::Indexer;
use platform::cancel::CancelToken;
use source::decode_source;
use source::parse::SourceFile;
use source::walk::{self, WalkEntry, WalkFinding, WalkOptions};

/// Lists the files of the folder.
pub(super) fn list_entries(indexer: &Indexer<'_>, cancel: &CancelToken) -> Result<Vec<WalkEntry>, IndexError> {
    let options = WalkOptions {
        max_file_bytes: indexer.settings.max_file_bytes,
        files: indexer.files,
        cross_file_systems: indexer.settings.cross_file_systems,
        fault_log: None,
        cancel,
    };
    let mut entries = Vec::new();
    walk::walk_tree(&indexer.settings.root, &options, &mut |walked| {
        if let WalkFinding::File(entry) = walked {
            entries.push(entry);
        }
        ControlFlow::Continue(())
    })?;
    indexer.check_cancelled(cancel)?;
    Ok(entries)
}

/// Reads a file; `None` if it cannot be read, or the pipeline would skip it.
pub(super) fn read_source(indexer: &Indexer<'_>, entry: &WalkEntry) -> Option<SourceFile> {
    let bytes =
        indexer.files.read(&entry.abs, walk::max_bytes_of(&entry.path, indexer.settings.max_file_bytes)).ok()?.bytes;
    walk::inspect_content(&entry.path, &bytes).is_none().then(|| decode_source(&entry.path, bytes))
}

/// Runs `work` and adds its time to `spent`.
pub(super) fn add_time<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *spent += begun.elapsed();
    done
}

/// Builds the report of a benchmark.
pub(super) fn build_report(
    elapsed: Duration,
    files_found: usize,
    bytes: usize,
    chunks: usize,
    stages: Vec<StageReport>,
) -> IndexReport {
    let parse = stages.iter().find(|report| report.stage == Stage::Parse);
    IndexReport {
        files_found: files_found as u64,
        files_indexed: parse.map_or(0, |parse| parse.items),
        chunks: chunks as u64,
        bytes: bytes as u64,
        elapsed,
        stages,
        ..IndexReport::default()
    }
}
