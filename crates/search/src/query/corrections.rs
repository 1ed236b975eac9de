//! Corrects misspelled names and words in a query.

use super::error::QueryError;
use super::terms::{IndexLookup as _, QueryKind, QueryTerms};
use crate::names::name_query::is_relative;
use crate::names::similar_names::{
    find_nearest_container, find_nearest_file, find_nearest_name, find_nearest_word, occurs_in_index,
};
use crate::snapshot::Snapshot;
use embed::is_common_word;
use platform::cancel::CancelToken;
use text::code::written_names::WrittenName;
use text::inflections::inflections;
use text::name_key::is_same_name;
use text::words;

/// Minimum length of a corrected word of prose, in letters.
const MIN_WORD_LETTERS: usize = 6;

/// In one query, the maximum number of names that are checked, of file names that are checked, and of words that are
/// corrected, each on its own.
const MAX_CORRECTIONS: usize = 2;

/// A name or a word that does not occur in the index, and its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    pub from: String,
    pub to: String,
}

impl Correction {
    /// Returns `text` with every occurrence of `from` as a whole word replaced, ignoring the case of ASCII letters.
    pub fn apply_to(&self, text: &str) -> String {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let (mut applied, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let ends = !rest.get(self.from.len()..).is_none_or(|rest| rest.starts_with(inside));
            let begins = !text[..at].ends_with(inside);
            let is_it = rest.get(..self.from.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&self.from));
            let step = if begins && ends && is_it {
                applied.push_str(&self.to);
                self.from.len()
            } else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                applied.push_str(&rest[..first]);
                first
            };
            at += step;
        }
        applied
    }
}

/// Finds corrections for names, containers, file names and words of a query that do not occur in the index.
///
/// Stack traces, code and reports are not corrected.
///
/// # Errors
/// If the inverted index cannot be read, or a stop was requested.
pub(crate) fn find_corrections(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    allowed: &[bool],
    cancel: &CancelToken,
) -> Result<Vec<Correction>, QueryError> {
    let mut found = Vec::new();
    if !matches!(terms.kind, QueryKind::Name | QueryKind::Path | QueryKind::Words) {
        return Ok(found);
    }
    let mut add = |from: &str, to: String| found.push(Correction { from: from.to_owned(), to });
    let anywhere = vec![true; allowed.len()];
    for WrittenName { text, container } in terms.names.iter().take(MAX_CORRECTIONS) {
        QueryError::check_cancelled(cancel)?;
        if !occurs_in_index(snapshot, text)? {
            let word = || if is_correctable_word(text) { find_nearest_word(snapshot, text) } else { None };
            // Files that pass the filters may use a name that others define.
            let other = || find_nearest_name(snapshot, text, &anywhere);
            if let Some(to) = find_nearest_name(snapshot, text, allowed).or_else(other).or_else(word) {
                add(text, to);
            }
        } else if !container.is_empty()
            && !occurs_in_index(snapshot, container)?
            && let Some(to) = find_nearest_container(snapshot, text, container)
        {
            add(container, to);
        }
    }
    let unknown = unknown_paths(snapshot, terms).map(file_name);
    for name in terms.missing_files.iter().map(String::as_str).chain(unknown).take(MAX_CORRECTIONS) {
        QueryError::check_cancelled(cancel)?;
        if let Some(to) = find_nearest_file(snapshot, name, allowed) {
            add(name, to);
        }
    }
    let mut corrected = 0;
    for word in terms.words.iter().filter(|word| is_correctable_word(word) && !is_part_of_name(terms, word)) {
        QueryError::check_cancelled(cancel)?;
        if corrected < MAX_CORRECTIONS
            && !occurs_in_index(snapshot, word)?
            && let Some(to) = find_nearest_word(snapshot, word)
        {
            corrected += 1;
            add(word, to);
        }
    }
    Ok(found)
}

/// Returns the names of a query that is a [`QueryKind::Name`], and the paths of one that is a [`QueryKind::Path`], if
/// they are neither in the index nor corrected.
///
/// # Errors
/// If the inverted index cannot be read.
pub(crate) fn find_missing_names(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    corrections: &[Correction],
) -> Result<Vec<String>, QueryError> {
    let mut missing = Vec::new();
    if terms.kind == QueryKind::Name {
        for WrittenName { text, .. } in &terms.names {
            let is_corrected = corrections.iter().any(|correction| correction.from == *text);
            if !is_corrected && !occurs_in_index(snapshot, text)? {
                missing.push(text.clone());
            }
        }
    }
    if terms.kind == QueryKind::Path {
        let is_corrected = |path: &&str| corrections.iter().any(|correction| correction.from == file_name(path));
        missing.extend(unknown_paths(snapshot, terms).filter(|path| !is_corrected(path)).map(str::to_owned));
    }
    Ok(missing)
}

/// Returns the paths in a query, outside of stack traces, with the names of files that are not in the index.
fn unknown_paths<'t>(snapshot: &Snapshot, terms: &'t QueryTerms) -> impl Iterator<Item = &'t str> {
    let typed = terms.locations.iter().filter(|location| !location.from_trace).map(|location| location.path.as_str());
    typed.filter(|path| !snapshot.has_file(file_name(path), false))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the names of a query that is a [`QueryKind::Name`] whose container is neither in the index, nor a file or a
/// folder, nor corrected, while the names themselves are in the index.
///
/// # Errors
/// If the inverted index cannot be read.
pub(crate) fn find_missing_containers(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    corrections: &[Correction],
) -> Result<Vec<WrittenName>, QueryError> {
    let mut missing = Vec::new();
    // The files of a large index are not all loaded.
    if snapshot.is_part() {
        return Ok(missing);
    }
    let names = terms.names.iter().filter(|name| terms.kind == QueryKind::Name && !name.container.is_empty());
    for name in names {
        let WrittenName { text, container } = name;
        let is_corrected = corrections.iter().any(|one| one.from == *container || one.from == *text);
        let mut paths = snapshot.files.iter().map(|file| &file.path);
        let is_known = is_relative(container)
            || paths.any(|path| path.as_str().split(['/', '.']).any(|part| is_same_name(part, container)));
        if !is_corrected && !is_known && !occurs_in_index(snapshot, container)? && occurs_in_index(snapshot, text)? {
            missing.push(name.clone());
        }
    }
    Ok(missing)
}

/// Returns whether a word consists of enough lowercase ASCII letters, and neither it nor an inflection of it is a
/// common word.
fn is_correctable_word(word: &str) -> bool {
    word.len() >= MIN_WORD_LETTERS
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_common_word(word)
        && !inflections(word).iter().any(|form| is_common_word(form))
}

/// Returns whether a word is part of a name, of its container, of a path or of a missing file's name in the query.
fn is_part_of_name(terms: &QueryTerms, word: &str) -> bool {
    let names = terms.names.iter().flat_map(|name| [&name.text, &name.container]);
    let mut is = false;
    let paths = terms.locations.iter().map(|location| &location.path);
    names
        .chain(&terms.missing_files)
        .chain(paths)
        .for_each(|name| words::for_each_word(name, |part| is |= part == word));
    is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_a_whole() {
        let correction = Correction { from: "pol".to_owned(), to: "Pool".to_owned() };
        for (text, corrected) in [
            ("Pol.acquire in policy.rs", "Pool.acquire in policy.rs"),
            ("pol", "Pool"),
            ("a_pol pol_a (pol)", "a_pol pol_a (Pool)"),
            ("größe pol", "größe Pool"),
        ] {
            assert_eq!(correction.apply_to(text), corrected);
        }
    }
}
