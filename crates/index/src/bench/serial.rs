//! The benchmark of an indexer that processes one batch of files after the other.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::files::{add_time, build_report, list_entries, read_source};
use super::null::NullEmbedder;
use crate::error::IndexError;
use crate::pipeline::stages::parse::{ChunkPreparer, PrepareOptions, PreparedChunk};
use crate::plan;
use crate::report::{IndexReport, Stage, StageReport};
use crate::run::Indexer;
use embed::EmbedError;
use platform::cancel::CancelToken;
use platform::threads::run_on_threads;
use source::language;
use source::parse::Parser;
use source::walk::WalkEntry;
use store::{Commit, CommitStatus, EmbeddedChunk};
use types::{ContentHash, ContentRecord, FileOutcome, FileRecord, TextEncoding};

/// Number of files in a batch, as in the indexer that codescry replaced.
const BATCH_FILES: usize = 256;

/// Number of chunks in one call of the embedder.
const CALL_CHUNKS: usize = 32;

/// Rebuilds the index batch by batch.
pub(super) fn index_in_serial_batches(indexer: &Indexer<'_>, cancel: &CancelToken) -> Result<IndexReport, IndexError> {
    let begun = Instant::now();
    let fingerprint = plan::index_fingerprint(indexer.settings, indexer.embedder);
    let mut writer = indexer.store.writer(&fingerprint, true)?;
    writer.set_cancel_token(cancel.clone());
    let entries = list_entries(indexer, cancel)?;
    let (mut chunks, mut bytes, mut files) = (0, 0, 0);
    let [mut parsing, mut embedding, mut writing] = [Duration::ZERO; 3];
    for batch in entries.chunks(BATCH_FILES) {
        indexer.check_cancelled(cancel)?;
        let parsed = add_time(&mut parsing, || parse_in_new_pool(indexer, batch));
        let commit = add_time(&mut embedding, || embed_files(indexer, parsed))?;
        files += commit.replace.len();
        chunks += commit.chunks.len();
        bytes += commit.chunks.iter().map(|chunk| chunk.chunk.text.len()).sum::<usize>();
        add_time(&mut writing, || writer.commit(commit, &CommitStatus::default()))?;
    }
    let status = CommitStatus { complete: true, files_found: entries.len() as u64, ..CommitStatus::default() };
    add_time(&mut writing, || writer.finish(&status))?;
    let threads = indexer.settings.pipeline.parse_workers;
    let stage = |stage, threads, busy, items: usize| StageReport {
        threads,
        busy: busy * u32::try_from(threads).expect("few threads"),
        items: items as u64,
        ..StageReport::new(stage)
    };
    let stages = vec![
        stage(Stage::Parse, threads, parsing, files),
        stage(Stage::Embed, 1, embedding, chunks),
        stage(Stage::Write, 1, writing, chunks),
    ];
    Ok(build_report(begun.elapsed(), entries.len(), bytes, chunks, stages))
}

/// Returns the embedder's input text for each chunk of the folder, sorted by the path of the file and in the order of
/// its chunks.
///
/// # Errors
/// When the root cannot be walked.
pub fn collect_passages(indexer: &Indexer<'_>) -> Result<Vec<String>, IndexError> {
    let mut parsed = parse_in_new_pool(indexer, &list_entries(indexer, &CancelToken::default())?);
    parsed.sort_by(|one, other| one.0.path.cmp(&other.0.path));
    Ok(parsed
        .into_iter()
        .flat_map(|(_, chunks)| chunks)
        .map(|prepared| embed::build_passage(&prepared.chunk))
        .collect())
}

fn parse_in_new_pool(indexer: &Indexer<'_>, batch: &[WalkEntry]) -> Vec<(FileRecord, Vec<PreparedChunk>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut parser = Parser::new(indexer.settings.parse_time_limit);
        let (mut parsed, mut loaded) = (Vec::new(), HashSet::new());
        let mut preparer = ChunkPreparer::new(PrepareOptions { embedder: &NullEmbedder(0), cache_keys: false });
        while let Some(entry) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(file) = read_source(indexer, entry) else { continue };
            if loaded.insert(file.language) {
                language::recompile_query(file.language);
            }
            let parse_result = parser.parse(&file);
            let chunks = u32::try_from(parse_result.chunks.len()).expect("a file has fewer than 2^32 chunks");
            let record = FileRecord {
                path: entry.path.clone(),
                content: ContentRecord {
                    hash: ContentHash::of_bytes(file.text.as_bytes()),
                    encoding: TextEncoding::Utf8,
                    language: file.language,
                    outcome: FileOutcome::Indexed { chunks, problem: parse_result.problem },
                },
                stat: entry.stat,
            };
            parsed.push((record, parse_result.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect()));
        }
        parsed
    };
    run_on_threads("parse", indexer.settings.pipeline.parse_workers, work).into_iter().flatten().collect()
}

fn embed_files(indexer: &Indexer<'_>, parsed: Vec<(FileRecord, Vec<PreparedChunk>)>) -> Result<Commit, EmbedError> {
    let mut commit = Commit::default();
    let mut prepared = Vec::new();
    for (record, chunks) in parsed {
        commit.replace.push(record);
        prepared.extend(chunks);
    }
    for part in prepared.chunks(CALL_CHUNKS) {
        let texts: Vec<String> = part.iter().map(|prepared| embed::build_passage(&prepared.chunk)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (prepared, vector) in part.iter().zip(indexer.embedder.embed_passages(&texts)?) {
            let (chunk, terms) = (prepared.chunk.clone(), prepared.terms.clone());
            commit.chunks.push(EmbeddedChunk { chunk, terms, vector });
        }
    }
    Ok(commit)
}
