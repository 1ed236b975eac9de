//! Segments of the word index on disk: `INDEX_DIR/words/GENERATION-FIRST.words`.
//!
//! Invariants: a segment is written whole before a manifest names it, under a name that no manifest
//! ever named before, and never changes; the documents of a generation's segments follow each other.
//! Must never import: anything above `store`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::Place;
use super::manifest::Committed;
use crate::lexical::{self, DocNumber, Index, Segment, SegmentError, SegmentWriter};
use crate::store::{EmbeddedChunk, Stop, StoreError};

const EXTENSION: &str = "words";

/// The segments of a generation, or of one in the making.
#[derive(Clone, Default)]
pub(super) struct Words {
    names: Vec<String>,
    index: Index,
    /// The number of the next chunk.
    next: DocNumber,
}

impl Words {
    /// The segments that `committed` names; what `before` has open is not opened again.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn open(place: &Place, committed: &Committed, before: Option<&Self>) -> Result<Self, StoreError> {
        let open = |name: &String| {
            let held = before.and_then(|before| before.segment(name)).cloned();
            held.map_or_else(
                || Segment::open(&path(place, name)).map(Arc::new).map_err(|error| failed(place, &error)),
                Ok,
            )
        };
        let segments = committed.words.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { names: committed.words.clone(), index: Index::new(segments), next: committed.next_number })
    }

    fn segment(&self, name: &str) -> Option<&Arc<Segment>> {
        let at = self.names.iter().position(|other| other == name)?;
        self.index.segments().get(at)
    }

    /// File names, in the order of the documents.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of the next chunk.
    pub fn next(&self) -> DocNumber {
        self.next
    }

    /// What a search asks.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Gives `chunks` their numbers and writes a segment of their words; the number of the first.
    ///
    /// # Errors
    /// When the segment cannot be written, or no numbers are left.
    pub fn add(&mut self, place: &Place, generation: u64, chunks: &[EmbeddedChunk]) -> Result<DocNumber, StoreError> {
        let first = self.next;
        let count = DocNumber::try_from(chunks.len()).ok();
        let spent = || place.failed("number the chunks", &"four billion were written; rebuild the index");
        let next = count.and_then(|count| first.checked_add(count)).ok_or_else(spent)?;
        if chunks.is_empty() {
            return Ok(first);
        }
        let mut writer = SegmentWriter::default();
        (first..).zip(chunks).for_each(|(number, chunk)| writer.add(number, &chunk.terms));
        let bytes = writer.finish().ok_or_else(|| place.failed("index the words", &"one commit has 4 GiB of them"))?;
        let (name, segment) = write(place, generation, first, &bytes)?;
        self.names.push(name);
        self.index = Index::new(self.index.segments().iter().cloned().chain([segment]).collect());
        self.next = next;
        Ok(first)
    }

    /// How many of the last segments are worth joining: when there are more than `most`, the small
    /// ones at the end, up to one as large as all behind it together.
    pub fn worth_joining(&self, most: usize) -> usize {
        if self.names.len() <= most {
            return 0;
        }
        let (mut behind, mut count) = (0, 0);
        for (place, segment) in self.index.segments().iter().rev().enumerate() {
            let docs = segment.docs().len();
            if docs <= behind * 2 || place == 0 {
                count = place + 1;
            }
            behind += docs;
        }
        count.max(2)
    }

    /// Makes one segment of the last `count`, with those documents that are in `live`.
    ///
    /// # Errors
    /// When a segment cannot be read or written, and soon after `stop` has turned true.
    pub fn join(
        &mut self,
        place: &Place,
        generation: u64,
        count: usize,
        live: HashSet<DocNumber>,
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let segments = self.index.segments();
        let kept = segments.len().saturating_sub(count);
        let joined = segments[kept..].to_vec();
        let first = joined.first().and_then(|segment| segment.docs().first()).copied().unwrap_or(0);
        let merge = move || {
            let joined: Vec<&Segment> = joined.iter().map(Arc::as_ref).collect();
            lexical::merge(&joined, |number| live.contains(&number)).map_err(|error| error.to_string())
        };
        // On a thread of its own, so that who stops it need not wait for its end.
        let merged = place.block_on_until("join the words", stop, async {
            tokio::task::spawn_blocking(merge).await.map_err(|error| error.to_string())?
        })?;
        // Too many for one segment: they stay as they are.
        let Some(bytes) = merged else { return Ok(()) };
        let (name, segment) = write(place, generation, first, &bytes)?;
        let before = segments[..kept].to_vec();
        self.names.truncate(kept);
        self.names.push(name);
        self.index = Index::new(before.into_iter().chain([segment]).collect());
        Ok(())
    }
}

/// Writes a segment and opens it.
fn write(place: &Place, generation: u64, first: DocNumber, bytes: &[u8]) -> Result<(String, Arc<Segment>), StoreError> {
    let folder = place.dir.join(EXTENSION);
    fs::create_dir_all(&folder).map_err(|error| place.io("make", EXTENSION, error))?;
    // A generation writes one segment of its chunks and joins once, from an earlier document on.
    let name = format!("{generation}-{first}.{EXTENSION}");
    let mut file = File::create(folder.join(&name)).map_err(|error| place.io("make", EXTENSION, error))?;
    file.write_all(bytes).map_err(|error| place.io("write", EXTENSION, error))?;
    let segment = Segment::open(&path(place, &name)).map_err(|error| failed(place, &error))?;
    Ok((name, Arc::new(segment)))
}

fn path(place: &Place, name: &str) -> PathBuf {
    place.dir.join(EXTENSION).join(name)
}

/// The error for words that cannot be read.
pub(super) fn failed(place: &Place, error: &SegmentError) -> StoreError {
    place.failed("read the words", error)
}

/// Removes segments that neither `committed` nor a commit that may still be open is made of: what
/// was dropped long ago, and what a crash left behind. The caller holds the writer's lock.
pub(super) fn forget(place: &Place, committed: Option<&Committed>) {
    let needed = |name: &str| {
        committed.is_some_and(|committed| {
            committed.words.iter().any(|other| other == name)
                || committed.dropped_words.iter().any(|dropped| dropped.name == name)
        })
    };
    for entry in fs::read_dir(place.dir.join(EXTENSION)).into_iter().flatten().flatten() {
        if !needed(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
