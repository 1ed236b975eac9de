//! Finds the files that may use a name.

use super::filter::FileFilter;
use super::snapshot::Snapshot;
use super::symbols::is_test_or_example;
use super::{Filter, FolderScope, QueryError};
use store::lexical;
use text::words;

/// Returns the indices of the files that contain the identifier `name`, ignoring case.
///
/// Tests and examples come last; otherwise files are sorted by path. `folders` is the resolved project filter.
///
/// # Errors
/// If the filter is invalid or the inverted index cannot be read.
pub fn find_files_with_identifier(
    snapshot: &Snapshot,
    filter: &Filter,
    folders: &FolderScope,
    name: &str,
) -> Result<Vec<usize>, QueryError> {
    let filter = FileFilter::new(filter)?.in_folders(folders);
    // The last search word is the whole identifier; its parts come before it.
    let mut whole_hash = None;
    words::for_each_search_word(name, |word| whole_hash = Some(lexical::hash_term(word)));
    let Some(whole_hash) = whole_hash else { return Ok(Vec::new()) };
    let mut has_name = vec![false; snapshot.files.len()];
    snapshot.match_word(whole_hash, |chunk, _| has_name[snapshot.file_of_chunk(chunk)] = true)?;
    let mut found: Vec<usize> =
        (0..has_name.len()).filter(|file| has_name[*file] && filter.allows(&snapshot.files[*file])).collect();
    found.sort_by_cached_key(|file| (is_test_or_example(&snapshot.files[*file].path), *file));
    Ok(found)
}
