//! parse: a source file becomes chunks with their texts. Each thread keeps its parser for the
//! whole run.

use std::thread;
use std::time::Duration;

use super::budget::Permit;
use super::flow::{Inlet, Outlet};
use super::stage_read::Read;
use crate::embed;
use crate::embed::cache::VectorKey;
use crate::language;
use crate::lexical::Terms;
use crate::parse::Parser;
use crate::types::{Chunk, FileRecord, Outcome, RepoPath};

/// What is to be written about one file.
pub(super) enum Parsed {
    /// The record and the chunks that replace whatever the store has of this file.
    Replace(Replacement),
    /// A record whose file has no chunks to write: unchanged or touched.
    Unchanged { touch: Option<FileRecord> },
    /// Gone since the walk saw it.
    Vanished(RepoPath),
}

/// A file's new record and chunks.
pub(super) struct Replacement {
    pub record: FileRecord,
    pub chunks: Vec<Prepared>,
    /// Bytes of source.
    pub bytes: u64,
    /// `None` for a file that was left out.
    pub permit: Option<Permit>,
}

/// A chunk with all its texts.
pub(super) struct Prepared {
    pub chunk: Chunk,
    /// See [`embed::passage`].
    pub passage: String,
    pub terms: Terms,
    /// Of the passage.
    pub key: VectorKey,
}

/// Runs one parser until its input ends. With `renew`, every batch gets a new thread, a new parser
/// and its queries compiled anew, as a pool made for one batch would have it: for benchmarks.
pub(super) fn run(inlet: &Inlet<'_, Vec<Read>>, outlet: &Outlet<'_, Vec<Parsed>>, time_limit: Duration, renew: bool) {
    let mut parser = Parser::new(time_limit);
    while let Some(batch) = inlet.next() {
        let parsed = if renew { parse_anew(batch, inlet, time_limit) } else { parse(batch, inlet, &mut parser) };
        if !parsed.is_empty() && !outlet.send(parsed) {
            break;
        }
    }
}

/// The files of a batch; cut short when the run is cancelled.
fn parse(batch: Vec<Read>, inlet: &Inlet<'_, Vec<Read>>, parser: &mut Parser) -> Vec<Parsed> {
    let mut parsed = Vec::with_capacity(batch.len());
    for read in batch {
        if inlet.cancel.is_cancelled() {
            break;
        }
        parsed.push(match read {
            Read::Source(source, mut record, permit) => {
                let found = parser.parse(&source);
                record.outcome = Outcome::Indexed {
                    chunks: u32::try_from(found.chunks.len()).unwrap_or(u32::MAX),
                    problem: found.problem,
                };
                let bytes = source.text.len() as u64;
                inlet.clock.count(1, bytes);
                drop(source);
                let chunks = found.chunks.into_iter().map(prepared).collect();
                Parsed::Replace(Replacement { record, chunks, bytes, permit: Some(permit) })
            }
            Read::Skipped(record) => {
                Parsed::Replace(Replacement { record, chunks: Vec::new(), bytes: 0, permit: None })
            }
            Read::Unchanged { touch } => Parsed::Unchanged { touch },
            Read::Vanished(path) => Parsed::Vanished(path),
        });
    }
    parsed
}

/// A chunk with the texts that are embedded and searched for it.
pub(super) fn prepared(chunk: Chunk) -> Prepared {
    let passage = embed::passage(&chunk);
    Prepared { key: VectorKey::of(&passage), terms: Terms::of(&chunk), passage, chunk }
}

fn parse_anew(batch: Vec<Read>, inlet: &Inlet<'_, Vec<Read>>, time_limit: Duration) -> Vec<Parsed> {
    let work = move || {
        let mut languages: Vec<_> = batch.iter().filter_map(language_of).collect();
        languages.sort_unstable();
        languages.dedup();
        languages.into_iter().for_each(language::compile_anew);
        parse(batch, inlet, &mut Parser::new(time_limit))
    };
    match thread::scope(|scope| scope.spawn(work).join()) {
        Ok(parsed) => parsed,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn language_of(read: &Read) -> Option<crate::types::Language> {
    match read {
        Read::Source(source, ..) => Some(source.language),
        _ => None,
    }
}
