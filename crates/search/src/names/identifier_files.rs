//! Finds the files that may use a name.

use crate::snapshot::Snapshot;
use crate::snapshot::file_chunks::FileChunks;
use store::StoreError;
use store::inverted_index;
use text::words;

/// Returns the indices of the files that pass `is_allowed` and contain the identifier `name`, ignoring case and `_`. A
/// name of one word, such as `open`, also matches as a part of longer identifiers.
///
/// Tests and examples come last; otherwise files are sorted by path.
///
/// # Errors
/// If the inverted index cannot be read.
pub fn find_files_with_identifier(
    snapshot: &Snapshot,
    name: &str,
    is_allowed: impl Fn(&FileChunks) -> bool,
) -> Result<Vec<usize>, StoreError> {
    // The last search word is the whole identifier; its parts come before it.
    let mut whole_hash = None;
    words::for_each_search_word(name, |word| whole_hash = Some(inverted_index::hash_term(word)));
    let Some(whole_hash) = whole_hash else { return Ok(Vec::new()) };
    let mut has_name = vec![false; snapshot.files.len()];
    snapshot.match_word(whole_hash, |chunk, _| has_name[snapshot.file_of_chunk(chunk)] = true)?;
    let mut found: Vec<usize> =
        (0..has_name.len()).filter(|file| has_name[*file] && is_allowed(&snapshot.files[*file])).collect();
    found.sort_by_cached_key(|file| (snapshot.files[*file].is_test_or_example(), *file));
    Ok(found)
}
