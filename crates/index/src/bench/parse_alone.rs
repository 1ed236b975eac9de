//! The benchmark of tree-sitter alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::files::{add_time, build_report, list_entries, read_source};
use crate::error::IndexError;
use crate::report::{IndexReport, Stage, StageReport};
use crate::run::Indexer;
use platform::cancel::CancelToken;
use platform::threads::run_on_threads;
use source::parse::Parser;

/// Parses the files of the folder without cutting them into chunks.
pub(super) fn parse_syntax_only(indexer: &Indexer<'_>, cancel: &CancelToken) -> Result<IndexReport, IndexError> {
    let begun = Instant::now();
    let entries = list_entries(indexer, cancel)?;
    let (next, files, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let syntax = Mutex::new(Duration::ZERO);
    let work = || {
        let mut parser = Parser::new(indexer.settings.parse_time_limit).with_cancel(cancel.clone());
        let mut spent = Duration::ZERO;
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed))
            && !cancel.is_cancelled()
        {
            let Some(file) = read_source(indexer, entry) else { continue };
            add_time(&mut spent, || parser.parse_syntax(&file));
            files.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(file.text.len(), Ordering::Relaxed);
        }
        *syntax.lock() += spent;
    };
    let threads = indexer.settings.pipeline.parse_workers;
    run_on_threads("parse", threads, work);
    indexer.check_cancelled(cancel)?;
    let (busy, items) = (syntax.into_inner(), files.into_inner() as u64);
    let parse = StageReport { threads, busy, items, ..StageReport::new(Stage::Parse) };
    Ok(build_report(begun.elapsed(), entries.len(), bytes.into_inner(), 0, vec![parse]))
}
