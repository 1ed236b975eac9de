//! parse: a source file becomes chunks with their texts. Each thread keeps its parser for the
//! whole run.

use std::thread;

use super::budget::Permit;
use super::flow::{Inlet, Outlet};
use super::stage_read::Read;
use crate::embed::cache::VectorKey;
use crate::embed::static_model::{Bag, StaticModel, Tally};
use crate::embed::{self, Embedder};
use crate::language;
use crate::lexical::{Counter, Terms};
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
    pub terms: Terms,
    /// The words of its passage; empty where the embedder is no table of words.
    pub bag: Bag,
    /// Of its passage, where vectors are kept.
    pub key: Option<VectorKey>,
}

/// What a chunk is prepared for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'r> {
    pub embedder: &'r dyn Embedder,
    /// Whether vectors are kept.
    pub keys: bool,
}

/// One thread's scratch for the texts of chunks.
pub(super) struct Preparer<'r> {
    counter: Counter,
    tally: Option<Tally<'r>>,
    keys: bool,
}

impl<'r> Preparer<'r> {
    pub fn new(wanted: Wanted<'r>) -> Self {
        let tally = wanted.embedder.word_table().map(StaticModel::tally);
        Self { counter: Counter::default(), tally, keys: wanted.keys }
    }

    /// A chunk with what is embedded and searched for it.
    pub fn prepare(&mut self, chunk: Chunk) -> Prepared {
        let key = self.keys.then(|| embed::passage_key(&chunk));
        let tally = &mut self.tally;
        let terms = self.counter.terms(&chunk, &mut |word| {
            if let Some(tally) = tally {
                tally.add(word);
            }
        });
        let bag = self.tally.as_mut().map(Tally::take).unwrap_or_default();
        Prepared { chunk, terms, bag, key }
    }
}

/// Runs one parser, as `make` makes it, until its input ends. With `renew`, every batch gets a new thread, a new parser
/// and its queries compiled anew, as a pool made for one batch would have it: for benchmarks.
pub(super) fn run(
    inlet: &Inlet<'_, Vec<Read>>,
    outlet: &Outlet<'_, Vec<Parsed>>,
    wanted: Wanted<'_>,
    make: &(dyn Fn() -> Parser + Sync),
    renew: bool,
) {
    let (mut parser, mut preparer) = (make(), Preparer::new(wanted));
    while let Some(batch) = inlet.next() {
        let parsed = if renew {
            parse_anew(batch, inlet, wanted, make)
        } else {
            parse(batch, inlet, &mut parser, &mut preparer)
        };
        if !parsed.is_empty() && !outlet.send(parsed) {
            break;
        }
    }
}

/// The files of a batch; cut short when the run is cancelled.
fn parse(
    batch: Vec<Read>,
    inlet: &Inlet<'_, Vec<Read>>,
    parser: &mut Parser,
    preparer: &mut Preparer<'_>,
) -> Vec<Parsed> {
    parser.stop_with(inlet.cancel.flag());
    let mut parsed = Vec::with_capacity(batch.len());
    for read in batch {
        if inlet.cancel.is_cancelled() {
            break;
        }
        parsed.push(match read {
            Read::Source(source, mut record, permit) => {
                let found = parser.parse(&source);
                if inlet.cancel.is_cancelled() {
                    break; // it was cut short
                }
                record.outcome = Outcome::Indexed {
                    chunks: u32::try_from(found.chunks.len()).unwrap_or(u32::MAX),
                    problem: found.problem,
                };
                let bytes = source.text.len() as u64;
                inlet.clock.count(1, bytes);
                drop(source);
                let chunks = found.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect();
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

fn parse_anew(
    batch: Vec<Read>,
    inlet: &Inlet<'_, Vec<Read>>,
    wanted: Wanted<'_>,
    make: &(dyn Fn() -> Parser + Sync),
) -> Vec<Parsed> {
    let work = move || {
        let mut languages: Vec<_> = batch.iter().filter_map(language_of).collect();
        languages.sort_unstable();
        languages.dedup();
        languages.into_iter().for_each(language::compile_anew);
        parse(batch, inlet, &mut make(), &mut Preparer::new(wanted))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::parse::SourceFile;

    const SOURCE: &str = "//! Größe, naïve — 使用JSON格式.\n\n/// Parses an HTTPHeader of `qqjsonzz`.\n\
        impl Store_v2 {\n    pub fn parseHTTPHeader(&self) -> u32 {\n        let x_y = self.x9.max(0xff);\n        x_y\n    }\n\
        \n    /* open\n    closes */\n    fn other__name(&self, n: usize) -> usize {\n        n + 1\n    }\n}\n";

    #[test]
    fn a_text_that_is_split_once_has_the_words_and_the_vector_of_one_that_is_split_twice() {
        let model = StaticModel::builtin();
        let mut preparer = Preparer::new(Wanted { embedder: model.as_ref(), keys: true });
        let mut parser = Parser::new(Duration::from_secs(5));
        for (path, text) in
            [("src/store.rs", SOURCE), ("a_b/Store.rs", SOURCE), ("a_b/Store.rs", "qqq zz9 x"), ("b.txt", "_")]
        {
            let path = RepoPath::new(path);
            let source = SourceFile { language: language::of_path(&path, None), path, text: text.repeat(40) };
            for chunk in parser.parse(&source).chunks {
                let passage = embed::passage(&chunk);
                let prepared = preparer.prepare(chunk);
                assert_eq!(prepared.key, Some(VectorKey::of(&passage)));
                assert_eq!(prepared.terms, Terms::of(&prepared.chunk));
                assert_eq!(model.embed_bag(&prepared.bag), model.embed_passages(&[&passage])[0], "{passage}");
            }
        }
    }
}
