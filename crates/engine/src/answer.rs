//! The parts that answers share: how much of the folder they cover, the commit they come from, and their hits.

use std::collections::BTreeMap;

use crate::damage::TextState;
use crate::error::{EngineError, fail_if_cancelled};
use crate::query_source::{QuerySource, compare_texts, request_repair};
use crate::state::Engine;
use crate::state::published::BaseOrigin;
use platform::cancel::CancelToken;
use search::{Hit, SearchResults, Snapshot};
use store::Manifest;
use text::display::escape_name;
use types::RepoPath;

/// Note on an answer of an index with damaged parts. Clients show only its first words.
const DAMAGE_NOTE: &str = "part of the index is damaged and was left out; call index_project to repair it";

/// The part of the folder that an answer covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexCoverage {
    /// Number of indexed files.
    pub files_indexed: u64,
    /// Number of files in the folder, as counted by the last index run; `None` if it is 0 or not counted yet.
    pub files_found: Option<u64>,
    /// Number of chunks in the index.
    pub chunks: u64,
    /// Whether the commit completed an index run, or no run is expected: with a trusted base, or without the base's
    /// model.
    pub complete: bool,
}

impl IndexCoverage {
    /// Returns the coverage of a snapshot.
    pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Self {
        let manifest = snapshot.manifest();
        Self {
            files_indexed: snapshot.files_indexed(),
            files_found: known_files_found(manifest),
            chunks: snapshot.indexed_chunks(),
            complete: manifest.complete,
        }
    }
}

/// Returns the number of files in the folder; `None` if the manifest stores 0, as it may until a walk has ended.
pub(crate) fn known_files_found(manifest: &Manifest) -> Option<u64> {
    Some(manifest.files_found).filter(|files_found| *files_found > 0)
}

/// The hits of a search, best first, with the state of the index they come from.
#[derive(Clone, Debug, Default)]
pub struct SearchAnswer {
    pub hits: Vec<Hit>,
    pub coverage: IndexCoverage,
    /// A hash that identifies the commit this answer comes from. A client compares the hashes of two pages to detect
    /// that the index has changed between them.
    pub generation: u64,
    /// Remarks on the answer, such as a corrected misspelling.
    pub notes: Vec<String>,
    /// How the query was parsed, filters included; empty for a similarity search.
    pub understood: String,
}

/// Returns a note on an answer from a copy of another folder's index that no run has compared with this folder yet;
/// `None` for any other answer. `left_out` is the number of results left out because their file differs in this folder.
pub(crate) fn copy_note(snapshot: &Snapshot, left_out: usize) -> Option<String> {
    let manifest = snapshot.manifest();
    let origin = manifest.origin.as_ref().filter(|origin| !origin.is_confirmed)?;
    let mut note = format!(
        "this answer is for {}, from a copy of the index of {} that is being compared with it",
        escape_name(&manifest.root.to_string_lossy()),
        escape_name(&origin.root.to_string_lossy())
    );
    if left_out > 0 {
        note.push_str(&format!("; left out {left_out} results in files that differ"));
    }
    Some(note)
}

/// Completes the results of a search: adds notes and the coverage, marks hits whose file has changed since it was
/// indexed, and leaves out hits whose text is damaged.
///
/// With a trusted base, the coverage counts as complete. Otherwise, hits in changed files are left out too if the index
/// is an unconfirmed copy of another folder's index or the model of its base is missing; in the latter case, the
/// coverage counts as complete, too.
///
/// # Errors
/// [`EngineError::Cancelled`] if the call is cancelled.
pub(crate) fn build_answer<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    results: SearchResults,
    cancel: &CancelToken,
) -> Result<SearchAnswer, EngineError> {
    let SearchResults { mut hits, mut notes, understood, .. } = results;
    let states = compare_hits(source, snapshot, &hits, cancel)?;
    hits.iter_mut().zip(&states).for_each(|(hit, state)| hit.stale = *state != TextState::Current);
    // In a copy that no run has compared with this folder yet, a text that the file does not have is of another tree.
    let trusts_base = source.engines().iter().any(|engine| engine.trusts_base());
    let lacks_model = source.missing_base_model().is_some();
    let is_copy = snapshot.manifest().is_unconfirmed_copy() && !trusts_base;
    let is_shown = |state: TextState| state == TextState::Current || (state == TextState::Stale && !is_copy);
    let mut shown = states.iter().map(|state| is_shown(*state));
    hits.retain(|_| shown.next().unwrap_or(true));
    if !trusts_base && !lacks_model {
        notes.extend(copy_note(snapshot, states.iter().filter(|state| **state == TextState::Stale).count()));
    }
    notes.extend(damage_note(source, snapshot, states.contains(&TextState::Damaged)));
    notes.extend(source.left_out_notes());
    let mut coverage = IndexCoverage::of_snapshot(snapshot);
    if trusts_base {
        // The user asked for this collection, and its index is usually fresh.
        let is_told = |engine: &&Engine| !engine.is_collection();
        let bases = source.engines().into_iter().filter(is_told).filter_map(Engine::base_origin);
        let note = |base: BaseOrigin| {
            format!("answered from {}, whose files are not compared with this folder", base.describe())
        };
        notes.extend(bases.map(note));
        coverage.complete = true;
    } else if lacks_model {
        // No index run follows the base to this folder, so only what both have is an answer.
        hits.retain(|hit| !hit.stale);
        coverage.complete = true;
    }
    Ok(SearchAnswer { hits, coverage, generation: snapshot.generation().stable_hash(), notes, understood })
}

/// Compares the texts of hits with the files on disk.
fn compare_hits<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    hits: &[Hit],
    cancel: &CancelToken,
) -> Result<Vec<TextState>, EngineError> {
    let mut files: BTreeMap<&RepoPath, Vec<usize>> = BTreeMap::new();
    hits.iter().enumerate().for_each(|(index, hit)| files.entry(&hit.path).or_default().push(index));
    let mut states = vec![TextState::Stale; hits.len()];
    for (path, indices) in files {
        fail_if_cancelled(cancel)?;
        let texts: Vec<_> = indices.iter().map(|index| (hits[*index].span, hits[*index].text.as_str())).collect();
        let compared = compare_texts(source, snapshot, path, &texts);
        indices.into_iter().zip(compared).for_each(|(index, state)| states[index] = state);
    }
    Ok(states)
}

/// Returns a note for an answer from `snapshot` if parts of it are damaged, and requests a repair.
fn damage_note<S: QuerySource + ?Sized>(source: &S, snapshot: &Snapshot, has_damaged_hits: bool) -> Option<String> {
    if !has_damaged_hits && !snapshot.has_met_damage() {
        return None;
    }
    request_repair(source);
    Some(DAMAGE_NOTE.to_owned())
}
