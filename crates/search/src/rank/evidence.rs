//! Gathers the evidence with which candidates are ranked: features, named files, and matches of a snippet.

use std::collections::{HashMap, HashSet};

use super::features::{Feature, Features, is_type_definition, measure_features};
use super::hit::ScoreTerm;
use super::rare_identifiers::RareIdentifiers;
use crate::names::definitions::is_meant_kind;
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::query::terms::{QueryKind, QueryTerms};
use crate::retrieve::candidates::{CandidateFile, PartCandidates};
use crate::retrieve::named_files::NamedFile;
use crate::retrieve::snippet_match::measure_snippet_shares;
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;
use store::inverted_index;
use text::name_key::is_same_name;
use text::words;
use types::SymbolKind;

/// Score added to a file or chunk that the query certainly means. It exceeds any weighted sum of features.
const CERTAIN_FILE_SCORE: f32 = 2_000.0;

/// Score that a file named by the query loses for each location before its own. It exceeds the differences in features
/// and texts, so that the frames of a trace keep their order.
const CERTAIN_FILE_STEP: f32 = 40.0;

/// Score added to each of several files with the same name, which the query contains. It exceeds most weighted
/// features.
const POSSIBLE_FILE_SCORE: f32 = 4.0;

/// Score added to a file or chunk that contains all token runs of a snippet, or a whole pasted text; a part adds its
/// share.
const FULL_SNIPPET_SCORE: f32 = 20.0;

/// Maximum number of chunks whose text is read for the kinds of their definitions.
const MAX_DEFINING_CHUNKS: usize = 60;

/// Score added to a file that has a rare identifier of the query. It exceeds the differences in features.
const RARE_IDENTIFIER_SCORE: f32 = 20.0;

/// The evidence with which candidates are ranked.
#[derive(Default)]
pub(crate) struct QueryEvidence {
    /// Files that the query names, by file index.
    pub named: HashMap<usize, NamedFile>,
    /// By chunk number, the share of a pasted text or of a snippet's token runs in the chunk; 1 for an undefined
    /// identifier.
    pub literal_shares: HashMap<u32, f32>,
    /// The chunks with the definition that a query for a name means: the type or function, not its implementations.
    pub meant: HashSet<u32>,
    /// The files and chunks with a rare identifier of the query.
    pub rare: RareIdentifiers,
    /// For each part of the query, the features of each candidate; empty unless the mode is hybrid.
    pub features: Vec<Vec<Features>>,
    /// Whether the query is a report, in which a named file is one hint among others.
    pub is_report: bool,
}

/// Gathers the evidence about the candidates; `named` are the files that the query names, `pasted` the
/// shares of pasted texts in chunks.
///
/// # Errors
/// If a text cannot be read, or a stop was requested.
pub(crate) fn gather_evidence(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    parts: &[PartCandidates<'_>],
    (named, pasted): (HashMap<usize, NamedFile>, HashMap<u32, f32>),
    cancel: &CancelToken,
) -> Result<QueryEvidence, QueryError> {
    QueryError::check_cancelled(cancel)?;
    let is_report = query.terms.kind == QueryKind::Report;
    let mut evidence = QueryEvidence { named, is_report, literal_shares: pasted, ..QueryEvidence::default() };
    if query.mode == RetrievalMode::Hybrid {
        if query.terms.kind == QueryKind::Snippet {
            evidence.literal_shares = measure_snippet_shares(snapshot, &query.text, &parts[0].files)?;
            QueryError::check_cancelled(cancel)?;
        }
        if is_one_name(&query.text) {
            evidence.meant = find_meant_definitions(snapshot, &query.terms, parts)?;
            add_undefined_identifier(snapshot, &query.terms, parts, &mut evidence.literal_shares)?;
        } else if matches!(query.terms.kind, QueryKind::Name | QueryKind::Words) && evidence.literal_shares.is_empty() {
            // A pasted text that stands in the code says more than an identifier in it.
            evidence.rare = RareIdentifiers::find(snapshot, query, parts)?;
        }
        let measure = |(terms, part): (&'_ QueryTerms, &PartCandidates<'_>)| {
            let mut features = measure_features(snapshot, terms, &part.files);
            set_located(&part.files, &evidence, &mut features);
            features
        };
        evidence.features = query.parts().zip(parts).map(measure).collect();
    }
    Ok(evidence)
}

fn is_one_name(text: &str) -> bool {
    text.split_whitespace().count() == 1
}

/// Returns the chunks with the definition of the query's only name: a type, a function or the like with this spelling.
/// Unless code other than tests and examples defines it so, also those with the same letters in another case or with
/// other separators. Implementations of a type and most modules do not count. Empty for other queries.
fn find_meant_definitions(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    parts: &[PartCandidates<'_>],
) -> Result<HashSet<u32>, QueryError> {
    let ([name], QueryKind::Name, Some(part)) = (terms.names.as_slice(), terms.kind, parts.first()) else {
        return Ok(HashSet::new());
    };
    let is_asked = |container: &str| name.container.is_empty() || terms.qualifies_name_with(container);
    let mut found = [HashSet::new(), HashSet::new()];
    let mut add = |chunk: u32, symbol: &str, container: &str, kind: SymbolKind| {
        let language = snapshot.languages[snapshot.file_of_chunk(chunk)];
        let is_meant = is_meant_kind(kind) || is_type_definition(kind, language);
        let is_it = is_same_name(symbol, &name.text) && is_meant && is_asked(container);
        if is_it {
            found[usize::from(symbol != name.text)].insert(chunk);
        }
        is_it
    };
    let mut chunks: Vec<u32> = part.defined.keys().copied().collect();
    chunks.sort_unstable();
    // The snapshot has the kind of a chunk's first definition. The kinds of the others are stored with its text.
    chunks.retain(|chunk| {
        let meta = snapshot.chunk(*chunk);
        !add(*chunk, meta.symbol, meta.container, meta.kind) && meta.defines().nth(1).is_some()
    });
    chunks.truncate(MAX_DEFINING_CHUNKS);
    for (chunk, text) in chunks.iter().zip(snapshot.read_texts(&chunks)?) {
        for one in &text.definitions {
            add(*chunk, &one.name, &one.container, one.kind);
        }
    }
    let [mut exact, similar] = found;
    // If only tests and examples define the exact spelling, other spellings of the name are meant as well.
    if exact.iter().all(|chunk| snapshot.files[snapshot.file_of_chunk(*chunk)].is_test_or_example()) {
        exact.extend(similar);
    }
    Ok(exact)
}

/// Adds the chunks that contain the query's only name if no candidate defines it: a chunk with the whole identifier is
/// better evidence than definitions whose names share a part with it. A name of one word is left out, because its other
/// forms and the names that contain it are meant as well.
fn add_undefined_identifier(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    parts: &[PartCandidates<'_>],
    shares: &mut HashMap<u32, f32>,
) -> Result<(), QueryError> {
    let ([name], QueryKind::Name) = (terms.names.as_slice(), terms.kind) else { return Ok(()) };
    if parts.iter().any(|part| !part.defined.is_empty()) {
        return Ok(());
    }
    // The last search word is the whole identifier; its parts come before it.
    let mut hashes = Vec::new();
    words::for_each_search_word(&name.text, |word| hashes.push(inverted_index::hash_term(word)));
    if let [_, .., whole] = hashes.as_slice() {
        snapshot.match_word(*whole, |chunk, _| _ = shares.insert(chunk, 1.0))?;
    }
    Ok(())
}

/// Sets [`Feature::Located`] by the order of the query's locations, and [`Feature::Literal`] by the share of a pasted
/// text or a snippet in the file.
fn set_located(files: &[CandidateFile], evidence: &QueryEvidence, features: &mut [Features]) {
    for (candidate, features) in files.iter().zip(features) {
        features.set(Feature::Literal, evidence.literal_share(candidate));
        if let Some(named) = evidence.named.get(&candidate.file) {
            features.set(Feature::Located, 1.0 / (1.0 + f32::from(named.rank)));
        }
    }
}

impl QueryEvidence {
    /// Returns the score terms of a file that do not come from features.
    pub fn terms(&self, candidate: &CandidateFile) -> Vec<ScoreTerm> {
        let mut terms = Vec::new();
        if let Some(named) = self.named.get(&candidate.file).filter(|_| !self.is_report) {
            let name = if named.is_certain { "the query names the file" } else { "one of the files the query names" };
            terms.push(ScoreTerm { name, value: 1.0, share: named_file_score(named) });
        }
        let value = self.literal_share(candidate);
        if value > 0.0 && !self.is_report {
            terms.push(ScoreTerm { name: "words or tokens in order", value, share: FULL_SNIPPET_SCORE * value });
        }
        let share = self.rare_score(candidate.file);
        if share > 0.0 {
            terms.push(ScoreTerm { name: "has a rare identifier of the query", value: 1.0, share });
        }
        terms
    }

    /// Returns the score that a rare identifier of the query adds to a file; 0 without one.
    pub fn rare_score(&self, file: usize) -> f32 {
        if self.rare.files.contains(&file) { RARE_IDENTIFIER_SCORE } else { 0.0 }
    }

    /// Returns the highest share of a pasted text or a snippet in a chunk of a file.
    fn literal_share(&self, candidate: &CandidateFile) -> f32 {
        let shares = candidate.chunks.iter().filter_map(|chunk| self.literal_shares.get(&chunk.chunk));
        shares.copied().fold(0.0, f32::max)
    }

    /// Returns the score that the evidence adds to a chunk.
    pub fn chunk_score(&self, snapshot: &Snapshot, chunk: u32) -> f32 {
        let share = if self.is_report { 0.0 } else { self.literal_shares.get(&chunk).copied().unwrap_or(0.0) };
        let share = FULL_SNIPPET_SCORE * share;
        let named = self.named.get(&snapshot.file_of_chunk(chunk)).filter(|_| !self.is_report);
        share + named.map_or(0.0, |named| named.chunk_fit(snapshot, chunk) * named_file_score(named))
    }
}

/// Returns the score of a file that the query names.
fn named_file_score(named: &NamedFile) -> f32 {
    if named.is_certain { CERTAIN_FILE_SCORE - CERTAIN_FILE_STEP * f32::from(named.rank) } else { POSSIBLE_FILE_SCORE }
}
