//! Which files may use a name.

use super::filter::FileFilter;
use super::snapshot::Snapshot;
use super::symbols::is_aside;
use super::{Filter, Folders, QueryError};
use crate::embed::words;
use crate::lexical;

/// Indices of the files whose text has the identifier `name`, in whatever case: real code before tests
/// and examples, then by path. `folders` is what the filter's project stands for.
///
/// # Errors
/// When the filter does not hold or the store cannot be read.
pub fn files_with(
    snapshot: &Snapshot,
    filter: &Filter,
    folders: &Folders,
    name: &str,
) -> Result<Vec<usize>, QueryError> {
    let filter = FileFilter::new(filter)?.below(folders);
    // The words of an identifier come first, then the identifier as a whole.
    let mut whole = None;
    words::search_words(name, |word| whole = Some(lexical::hash(word)));
    let Some(whole) = whole else { return Ok(Vec::new()) };
    let mut has = vec![false; snapshot.files.len()];
    snapshot.word(whole, |chunk, _| has[snapshot.owner(chunk)] = true)?;
    let mut found: Vec<usize> =
        (0..has.len()).filter(|file| has[*file] && filter.allows(&snapshot.files[*file])).collect();
    found.sort_by_cached_key(|file| (is_aside(&snapshot.files[*file].path), *file));
    Ok(found)
}
