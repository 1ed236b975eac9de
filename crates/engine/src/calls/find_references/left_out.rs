//! Uses of a name in files that the filters of a call leave out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::explain_empty::{explain_empty_filter, explain_unmatched_paths};
use super::super::explain_left_out::describe_cause;
use crate::error::EngineError;
use crate::query_source::QuerySource;
use search::{Filter, FolderScope, QueryFilters, Snapshot};
use source::language;
use source::parse::ReferenceKind;
use text::display::{escape_name, pluralize};
use types::{ContentKind, Language, RepoPath};

/// Maximum number of uses that are counted.
pub(super) const MAX_COUNTED: usize = 200;

/// Time after which no further file is read.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(1);

/// The uses of a name in files that the filters leave out.
pub(super) struct LeftOutUses<'n> {
    pub name: &'n str,
    /// The file and the line of the first use of a requested kind.
    pub first: Option<(RepoPath, u32)>,
    /// Number of uses of requested kinds.
    pub count: usize,
    /// Whether there may be more than `count`.
    pub has_more: bool,
    /// Number of uses of other kinds, by kind.
    pub other_kinds: BTreeMap<ReferenceKind, usize>,
    /// Whether a file spells the name.
    pub is_spelled: bool,
}

/// Returns whether names in files of this language can be told from words: not in configuration without a grammar.
pub(super) fn has_names(language: Language) -> bool {
    language::language_content(language) == ContentKind::Code
        || language::language_grammar(language).is_some()
        || language.0 == "just"
}

/// Returns the paths and the languages of files, given by their positions in the snapshot.
pub(super) fn paths_of<'s>(snapshot: &'s Snapshot, files: &[usize]) -> Vec<(&'s RepoPath, Language)> {
    files.iter().map(|file| (&snapshot.files[*file].path, snapshot.files[*file].language)).collect()
}

/// Explains an answer without uses: by the uses that the filters leave out or, without any, by what was not searched.
pub(super) fn explain_no_use<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    (filter, query_filters): (&Filter, &QueryFilters),
    left_out: &LeftOutUses<'_>,
) -> Result<Vec<String>, EngineError> {
    let folders = source.find_folders(snapshot, filter, query_filters)?;
    let Some(note) = note_left_out_uses(left_out, &folders).or_else(|| note_other_kinds(left_out)) else {
        return explain_empty_filter(source, snapshot, filter, query_filters);
    };
    let mut notes = explain_unmatched_paths(source, snapshot, filter, query_filters)?;
    notes.push(note);
    Ok(notes)
}

/// Returns a note on the first of the uses that the filters leave out, and how many more there are; `None` if there are
/// none.
fn note_left_out_uses(left_out: &LeftOutUses<'_>, folders: &FolderScope) -> Option<String> {
    let (first, line) = left_out.first.as_ref()?;
    let at_least = if left_out.has_more { "at least " } else { "" };
    let more = match left_out.count as u64 - 1 {
        0 => String::new(),
        more => format!(" and {at_least}{}", pluralize(more, "more place")),
    };
    let (name, path) = (escape_name(left_out.name), escape_name(first.as_str()));
    Some(format!("`{name}` is used in {path}:{line}{more}, {}", describe_cause(first, folders)))
}

/// Returns a note on uses that the filters leave out if none is of a requested kind; `None` if there are none.
fn note_other_kinds(left_out: &LeftOutUses<'_>) -> Option<String> {
    let counts = left_out.other_kinds.iter().map(|(kind, count)| format!("{count} {}", kind.as_str()));
    let counts: Vec<String> = counts.collect();
    let name = escape_name(left_out.name);
    let have =
        format!("files that the filters leave out do not use `{name}` so either, but have {}", counts.join(", "));
    (!counts.is_empty()).then_some(have)
}
