//! Segments of the inverted index on disk: `INDEX_DIR/words/GENERATION-FIRST.words`.
//!
//! A segment is written completely and synced before a manifest names it, under a name that no manifest has used
//! before, and never changes. The document numbers of a generation's segments ascend from one segment
//! to the next.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::location::IndexLocation;
use super::manifest::CommitRecord;
use crate::commit::EmbeddedChunk;
use crate::error::StoreError;
use crate::inverted_index::{self, DocNumber, IndexSegment, InvertedIndex, SegmentError, SegmentWriter};
use platform::cancel::CancelToken;

/// Name of the folder of segments.
pub(super) const SEGMENTS_FOLDER: &str = "words";

/// A merge takes at least 1 / `LEAST_MERGED_SHARE` of the maximum number of segments.
const LEAST_MERGED_SHARE: usize = 4;

/// File extension of a segment.
const EXTENSION: &str = "words";

/// The segments of a generation, or of the next commit.
#[derive(Clone, Default)]
pub(super) struct SegmentList {
    names: Vec<String>,
    index: InvertedIndex,
    /// Document number of the next chunk.
    next_number: DocNumber,
}

impl SegmentList {
    /// Opens the segments of `committed`. Shares the segments that `before` has open.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn open(location: &IndexLocation, committed: &CommitRecord, before: Option<&Self>) -> Result<Self, StoreError> {
        let open = |name: &String| {
            let held = before.and_then(|before| before.segment(name)).cloned();
            held.map_or_else(
                || {
                    IndexSegment::open_shared(&segment_path(location, name))
                        .map_err(|error| read_error(location, &error))
                },
                Ok,
            )
        };
        let segments = committed.words.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            names: committed.words.clone(),
            index: InvertedIndex::new(segments),
            next_number: committed.next_number,
        })
    }

    fn segment(&self, name: &str) -> Option<&Arc<IndexSegment>> {
        let at = self.names.iter().position(|other| other == name)?;
        self.index.segments().get(at)
    }

    /// Returns the segments' file names, in the order of their documents.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the document number of the next chunk.
    pub fn next_number(&self) -> DocNumber {
        self.next_number
    }

    /// Returns the inverted index over the segments.
    pub fn index(&self) -> &InvertedIndex {
        &self.index
    }

    /// Numbers `chunks` and writes a segment of their terms, if there are any. Returns the number of the first chunk.
    ///
    /// # Errors
    /// When the segment cannot be written, its postings would take 4 GiB or more, or all document numbers are used up.
    pub fn append(
        &mut self,
        location: &IndexLocation,
        generation: u64,
        chunks: &[EmbeddedChunk],
    ) -> Result<DocNumber, StoreError> {
        let first = self.next_number;
        let count = DocNumber::try_from(chunks.len()).ok();
        let used_up = || {
            location
                .engine_error("number the chunks", &"all 4,294,967,296 document numbers are used; rebuild the index")
        };
        let next = count.and_then(|count| first.checked_add(count)).ok_or_else(used_up)?;
        if chunks.is_empty() {
            return Ok(first);
        }
        let mut writer = SegmentWriter::default();
        (first..).zip(chunks).for_each(|(number, chunk)| writer.add(number, &chunk.terms));
        let bytes = writer
            .finish()
            .ok_or_else(|| location.engine_error("index the terms", &"the postings of one commit exceed 4 GiB"))?;
        let (name, segment) = write_segment(location, generation, first, &bytes)?;
        self.names.push(name);
        self.index = InvertedIndex::new(self.index.segments().iter().cloned().chain([segment]).collect());
        self.next_number = next;
        Ok(first)
    }

    /// Returns how many of the last segments to merge; 0 while there are at most `max_segments`.
    pub fn merge_count(&self, max_segments: usize) -> usize {
        let docs: Vec<usize> = self.index.segments().iter().map(|segment| segment.docs().len()).collect();
        if docs.len() <= max_segments { 0 } else { count_to_merge(&docs, (max_segments / LEAST_MERGED_SHARE).max(2)) }
    }

    /// Merges the last `count` segments into one, keeping only the documents in `live`. Leaves them unmerged if the
    /// merged postings would take 4 GiB or more.
    ///
    /// # Errors
    /// When a segment cannot be read or written, or when `cancel` is cancelled.
    pub fn merge_last(
        &mut self,
        location: &IndexLocation,
        generation: u64,
        count: usize,
        live: HashSet<DocNumber>,
        cancel: &CancelToken,
    ) -> Result<(), StoreError> {
        let segments = self.index.segments();
        let kept = segments.len().saturating_sub(count);
        let sources = segments[kept..].to_vec();
        let first = sources.first().and_then(|segment| segment.docs().first()).copied().unwrap_or(0);
        let merge = move || {
            let sources: Vec<&IndexSegment> = sources.iter().map(Arc::as_ref).collect();
            inverted_index::merge_segments(&sources, |number| live.contains(&number)).map_err(|error| error.to_string())
        };
        // A blocking task, so that a cancellation does not wait for the merge to end.
        let merged = location.block_on_until("merge index segments", cancel, async {
            tokio::task::spawn_blocking(merge).await.map_err(|error| error.to_string())?
        });
        let merged = merged.map_err(StoreError::into_damage)?;
        // Too large for one segment: keep the segments unmerged.
        let Some(bytes) = merged else { return Ok(()) };
        let (name, segment) = write_segment(location, generation, first, &bytes)?;
        let before = segments[..kept].to_vec();
        self.names.truncate(kept);
        self.names.push(name);
        self.index = InvertedIndex::new(before.into_iter().chain([segment]).collect());
        Ok(())
    }
}

/// Returns how many of the last segments, which have these numbers of documents, to merge: at least `least`, and
/// further ones while each has at most twice as many documents as all after it together.
///
/// A merge thus ends before segments that are much larger than all later ones together, such as those that an index
/// shares with the one that it began as a copy of.
fn count_to_merge(docs: &[usize], least: usize) -> usize {
    let (mut count, mut merged) = (0, 0);
    for docs in docs.iter().rev() {
        if count >= least && *docs > merged * 2 {
            break;
        }
        (count, merged) = (count + 1, merged + docs);
    }
    count
}

/// Writes a segment and opens it. Returns its file name and the segment.
fn write_segment(
    location: &IndexLocation,
    generation: u64,
    first: DocNumber,
    bytes: &[u8],
) -> Result<(String, Arc<IndexSegment>), StoreError> {
    let folder = location.dir.join(SEGMENTS_FOLDER);
    fs::create_dir_all(&folder).map_err(|error| location.io_error("create", SEGMENTS_FOLDER, error))?;
    // The name is unique: a generation writes one segment of new chunks, and merges once, starting at an earlier
    // document.
    let name = format!("{generation}-{first}.{EXTENSION}");
    // Never truncates a file: another index may share it. A commit that failed can have left one of this name.
    _ = fs::remove_file(folder.join(&name));
    let mut file =
        File::create_new(folder.join(&name)).map_err(|error| location.io_error("create", SEGMENTS_FOLDER, error))?;
    file.write_all(bytes).map_err(|error| location.io_error("write", SEGMENTS_FOLDER, error))?;
    let segment = IndexSegment::open_shared(&segment_path(location, &name));
    Ok((name, segment.map_err(|error| read_error(location, &error))?))
}

pub(super) fn segment_path(location: &IndexLocation, name: &str) -> PathBuf {
    location.dir.join(SEGMENTS_FOLDER).join(name)
}

/// Converts a read error of a segment into an error that names the store.
pub(super) fn read_error(location: &IndexLocation, error: &SegmentError) -> StoreError {
    location.damage_error("read the inverted index", error)
}

/// Deletes segments that `committed` and its saved commits do not use and that it does not list as dropped, including
/// leftovers of a crash; all segments if there is no commit. The caller holds the writer lock.
pub(super) fn remove_unused_segments(location: &IndexLocation, committed: Option<&CommitRecord>) {
    let needed = |name: &str| {
        committed.is_some_and(|committed| {
            committed.words.iter().any(|other| other == name)
                || committed.dropped_words.iter().any(|dropped| dropped.name == name)
                || committed.saved.iter().any(|saved| saved.words.iter().any(|other| other == name))
        })
    };
    for (_, file) in list_segment_files(location).into_iter().filter(|(name, _)| !needed(name)) {
        let _ = fs::remove_file(file);
    }
}

/// Lists the names and the paths of all segments on disk.
pub(super) fn list_segment_files(location: &IndexLocation) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(location.dir.join(SEGMENTS_FOLDER)).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_ends_before_much_larger_segments() {
        let large = [9_000; 22];
        let small = [80, 3, 40, 7, 1, 1, 200, 12, 30, 5, 9];
        assert_eq!(count_to_merge(&[large.as_slice(), &small].concat(), 8), 11, "the large ones stay as they are");
        assert_eq!(count_to_merge(&[large.as_slice(), &[388, 4, 4, 4, 4, 4, 4, 4]].concat(), 8), 8);
        assert_eq!(count_to_merge(&[5_000; 33], 8), 33, "equal ones become one");
        assert_eq!(count_to_merge(&[1 << 20, 1 << 16, 1 << 12, 1 << 8, 1 << 4], 2), 2);
    }

    #[test]
    fn segments_stay_few_and_are_seldom_written_again() {
        let (mut docs, mut written) = (vec![9_000; 22], 0);
        for new in std::iter::repeat_n(10, 3_000) {
            docs.push(new);
            if docs.len() > 32 {
                let count = count_to_merge(&docs, 8);
                let merged: usize = docs.split_off(docs.len() - count).into_iter().sum();
                written += merged;
                docs.push(merged);
            }
        }
        assert!(docs.len() <= 32 && docs.iter().sum::<usize>() == 22 * 9_000 + 30_000);
        assert!(written < 20 * 30_000, "{written}");
    }
}
