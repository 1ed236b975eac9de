//! parse: a source file becomes chunks. Each thread keeps its parser for the whole run.

use std::time::Duration;

use super::flow::{Inlet, Outlet};
use super::stage_read::Read;
use crate::parse::Parser;
use crate::types::{Chunk, FileRecord, Outcome, RepoPath};

/// What is to be written about one file.
pub(super) enum Parsed {
    /// The record and the chunks that replace whatever the store has of this file.
    Replace {
        record: FileRecord,
        chunks: Vec<Chunk>,
        bytes: u64,
    },
    /// A record whose file has no chunks to write: unchanged, touched or gone.
    Unchanged {
        touch: Option<FileRecord>,
    },
    Vanished(RepoPath),
}

/// Runs one parser until its input ends.
pub(super) fn run(inlet: &Inlet<'_, Read>, outlet: &Outlet<'_, Parsed>, time_limit: Duration) {
    let mut parser = Parser::new(time_limit);
    while let Some(read) = inlet.next() {
        let parsed = match read {
            Read::Source(source, mut record) => {
                let parsed = parser.parse(&source);
                record.outcome = Outcome::Indexed {
                    chunks: u32::try_from(parsed.chunks.len()).unwrap_or(u32::MAX),
                    problem: parsed.problem,
                };
                inlet.clock.count(1);
                Parsed::Replace { record, chunks: parsed.chunks, bytes: source.text.len() as u64 }
            }
            Read::Skipped(record) => Parsed::Replace { record, chunks: Vec::new(), bytes: 0 },
            Read::Unchanged { touch } => Parsed::Unchanged { touch },
            Read::Vanished(path) => Parsed::Vanished(path),
        };
        if !outlet.send(parsed) {
            break;
        }
    }
}
