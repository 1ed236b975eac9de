//! Finds the defined names, words and files that are most similar to a misspelled one.

use std::collections::BTreeMap;

use crate::snapshot::Snapshot;
use embed::is_common_word;
use store::StoreError;
use store::inverted_index;
use text::inflections::inflections;
use text::name_key::{FuzzyName, name_key};
use text::words;

/// Minimum length of a corrected container, in letters and digits. It may be short because it is compared with few
/// names.
const MIN_CONTAINER_LETTERS: usize = 3;

/// Returns the name most similar to `container` among the containers of the chunks that define `name` and all names
/// that these chunks define; `None` if none is similar enough.
pub(crate) fn find_nearest_container(snapshot: &Snapshot, name: &str, container: &str) -> Option<String> {
    let wanted = FuzzyName::with_min_letters(container, MIN_CONTAINER_LETTERS)?;
    let around = snapshot.chunks_defining(name).map(|chunk| snapshot.chunk(chunk)).flat_map(|chunk| {
        let last = chunk.container.rsplit('.').next().unwrap_or_default();
        std::iter::once(last).chain(chunk.defines())
    });
    let near = around.filter_map(|other| Some((wanted.distance_to(other)?, other)));
    near.min().map(|(_, other)| other.to_owned())
}

/// Returns the most similar name of an `allowed` file with the same extension; `None` if none is similar enough. Of
/// equally similar names, the alphabetically first.
///
/// Names that consist of common words, such as `Node.js`, are not corrected.
pub(crate) fn find_nearest_file(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut common = true;
    words::for_each_word(stem, |word| common &= is_common_word(word));
    let wanted = if common { None } else { FuzzyName::new(stem) }?;
    let files = snapshot.files.iter().zip(allowed).filter(|(_, allowed)| **allowed);
    let near = |name: &'_ str| {
        let (stem, other) = name.rsplit_once('.')?;
        if other == extension { wanted.distance_to(stem) } else { None }
    };
    let names = files.map(|(file, _)| file.path.file_name());
    names.filter_map(|other| Some((near(other)?, other))).min().map(|(_, other)| other.to_owned())
}

/// Returns the most similar word in the names and containers of the snapshot that has the same first letter; `None` if
/// none is similar enough. Of equally similar words, prefers the one in most names, then the alphabetically first.
pub(crate) fn find_nearest_word(snapshot: &Snapshot, word: &str) -> Option<String> {
    let wanted = FuzzyName::new(word)?;
    let nearest = |name: &str| {
        let mut best: Option<(usize, String)> = None;
        words::for_each_word(name, |other| {
            let errors = wanted.distance_to(other).filter(|_| other.as_bytes().first() == word.as_bytes().first());
            if let Some(errors) = errors.filter(|errors| best.as_ref().is_none_or(|(least, _)| errors < least)) {
                best = Some((errors, other.to_owned()));
            }
        });
        best
    };
    let mut names: BTreeMap<(usize, String), usize> = BTreeMap::new();
    // The letter profile rejects nearly all names.
    let is_allowed = |profile| wanted.profile.missing_in(profile) <= u32::from(wanted.max_errors);
    for (_, found) in snapshot.match_names(is_allowed, nearest) {
        *names.entry(found).or_default() += 1;
    }
    let least = names.keys().next()?.0;
    let alike = names.into_iter().take_while(|((errors, _), _)| *errors == least);
    alike.min_by_key(|(_, count)| usize::MAX - count).map(|((_, other), _)| other)
}

/// Returns whether a chunk defines the name, or contains it or an inflection of it, ignoring case and separators.
///
/// # Errors
/// If the inverted index cannot be read.
pub(crate) fn occurs_in_index(snapshot: &Snapshot, name: &str) -> Result<bool, StoreError> {
    if snapshot.chunks_defining(name).next().is_some() {
        return Ok(true);
    }
    let whole: String = name_key(name).collect();
    for form in std::iter::once(&whole).chain(&inflections(&whole)) {
        if snapshot.has_word(inverted_index::hash_term(form))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the most similar name of a definition in an `allowed` file; `None` if none is similar enough. Of equally
/// similar names, prefers one with the same first letter, then the most often defined one, then the alphabetically
/// first.
pub(crate) fn find_nearest_name(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let wanted = FuzzyName::new(name)?;
    let near = snapshot.match_names(|profile| wanted.may_match(profile), |other| wanted.bounded_distance(other));
    let is_allowed = |(chunk, _): &(u32, usize)| allowed[snapshot.file_of_chunk(*chunk)];
    let places = |other: &str| snapshot.definitions_spelled(other).iter().filter(|place| is_allowed(place)).count();
    for errors in 0..=usize::from(wanted.max_errors) {
        let alike = near.iter().filter(|(_, found)| *found == errors);
        let defined = alike.map(|(other, _)| (*other, places(other))).filter(|(_, places)| *places > 0);
        let begins = |other: &str| name_key(other).next() == wanted.key.chars().next();
        let best = defined.min_by_key(|(other, places)| (!begins(other), usize::MAX - places, *other));
        if let Some((other, _)) = best {
            return Some(other.to_owned());
        }
    }
    None
}
