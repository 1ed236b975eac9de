//! Answers a query over one snapshot: parse → retrieve → gather evidence → rank → read hits.

use crate::query::error::QueryError;
use crate::query::parsed_query::{CheckedQuery, ParsedQuery};
use crate::query::request::FolderScope;
use crate::query::terms::QueryKind;
use crate::rank::chunk_features::{ChunkFeatures, measure_chunks};
use crate::rank::evidence::gather_evidence;
use crate::rank::features::Features;
use crate::rank::hit::Hit;
use crate::rank::ranking::{chunks_of_files, rank, rank_files};
use crate::rank::weights::RankingWeights;
use crate::read_hits::read_hits;
use crate::retrieve::named_files::note_missing_line;
use crate::retrieve::retrieval::retrieve;
use crate::snapshot::Snapshot;
use embed::Embedder;
use platform::cancel::CancelToken;
use source::secrets::MASK;
use types::{RepoPath, Span};

/// The inputs of a search in addition to its query.
#[derive(Clone, Copy)]
pub struct SearchContext<'s> {
    pub snapshot: &'s Snapshot,
    /// The model that made the vectors of the snapshot.
    pub embedder: &'s dyn Embedder,
    pub weights: &'s RankingWeights,
    /// A token that stops the search, which then fails with [`QueryError::Cancelled`].
    pub cancel: &'s CancelToken,
}

/// The hits of a query, best first, with notes.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    pub hits: Vec<Hit>,
    /// Notes for the user: sentences that start in lower case and have no full stop.
    pub notes: Vec<String>,
    /// A description of how the query was interpreted.
    pub understood: String,
    /// The names of a query that is a name, with their containers and after corrections; empty for other queries.
    pub names: Vec<String>,
}

/// The features of a query's candidates, from which weights are learned.
#[derive(Clone, Debug)]
pub struct QueryFeatures {
    /// Whether the query is ranked with the weights for names.
    pub is_name: bool,
    pub kind: QueryKind,
    /// The candidate files, best first.
    pub files: Vec<MeasuredFile>,
}

/// A candidate file with its features.
#[derive(Clone, Debug)]
pub struct MeasuredFile {
    pub path: RepoPath,
    /// The features for each part of the query.
    pub features: Vec<Features>,
    /// The score from evidence other than features.
    pub evidence_score: f32,
    /// The chunks that may become places; empty for a file beyond the limit of the query.
    pub chunks: Vec<MeasuredChunk>,
}

/// A candidate chunk with its features.
#[derive(Clone, Debug)]
pub struct MeasuredChunk {
    pub span: Span,
    /// The features for each part of the query.
    pub features: Vec<ChunkFeatures>,
    /// The score from evidence other than features.
    pub evidence_score: f32,
}

/// Returns the best places. One file has several places if they fit better than the places of other files.
///
/// `folders` are the folders of the projects in the query's filters, and the folder that the search is narrowed to.
/// [`Hit::stale`] and [`Hit::project`] are not set.
///
/// # Errors
/// If the store cannot be read, the query cannot be embedded or its vector has a wrong width, or a stop was requested.
pub fn search(
    context: &SearchContext<'_>,
    query: CheckedQuery,
    folders: &FolderScope,
) -> Result<SearchResults, QueryError> {
    let SearchContext { snapshot, embedder, weights, cancel } = *context;
    let query = ParsedQuery::parse(snapshot, query, folders, cancel)?;
    let found = retrieve(snapshot, embedder, &query, cancel)?;
    let evidence =
        gather_evidence(snapshot, &query, &found.parts, (found.named.clone(), found.pasted.clone()), cancel)?;
    let ranked = rank(snapshot, &query, &evidence, &found, weights);
    if let Some(whole) = snapshot.whole_index() {
        whole.check_lookups()?;
    }
    let (hits, masked) = read_hits(snapshot, &query, &found, &ranked, cancel)?;
    let note = found.note.clone().into_iter().chain(note_missing_line(snapshot, &found.named));
    let note: Vec<String> = note.collect();
    drop(found);
    let mut notes: Vec<String> = note.into_iter().chain(query.notes).chain(masked_note(masked)).collect();
    if hits.is_empty() {
        notes.iter_mut().for_each(|note| note.truncate(note.find("; showing ").unwrap_or(note.len())));
    }
    Ok(SearchResults { hits, notes, understood: query.understood, names: query.terms.qualified_names() })
}

/// Returns the note for an answer with masked credentials in `places` places; `None` for 0.
pub fn masked_note(places: usize) -> Option<String> {
    match places {
        0 => None,
        1 => Some(format!("{MASK} stands for a credential in 1 place")),
        places => Some(format!("{MASK} stands for a credential in {places} places")),
    }
}

/// Returns the features of all candidates of a query; the weights of the context choose the files whose chunks are
/// measured.
///
/// # Errors
/// Fails under the same conditions as [`search`].
pub fn measure_query(
    context: &SearchContext<'_>,
    query: CheckedQuery,
    folders: &FolderScope,
) -> Result<QueryFeatures, QueryError> {
    let SearchContext { snapshot, embedder, weights, cancel } = *context;
    let query = ParsedQuery::parse(snapshot, query, folders, cancel)?;
    let found = retrieve(snapshot, embedder, &query, cancel)?;
    let evidence =
        gather_evidence(snapshot, &query, &found.parts, (found.named.clone(), found.pasted.clone()), cancel)?;
    let mut ranked = rank_files(&query, &evidence, &found, &weights.for_query(&query.terms));
    let measured_files = ranked.iter().map(|file| {
        let path = snapshot.files[file.file].path.clone();
        let evidence_score = evidence.terms(&found.parts[0].files[file.candidate]).iter().map(|term| term.share).sum();
        let features = evidence.features.iter().map(|part| part[file.candidate]).collect();
        MeasuredFile { path, features, evidence_score, chunks: Vec::new() }
    });
    let mut files: Vec<MeasuredFile> = measured_files.collect();
    ranked.truncate(query.limit);
    let chunks = chunks_of_files(snapshot, &found.parts, &found.filter, &ranked);
    let all: Vec<u32> = chunks.iter().flatten().copied().collect();
    let parts = query.parts().zip(&found.parts);
    let measured: Vec<Vec<ChunkFeatures>> =
        parts.map(|(terms, part)| measure_chunks(snapshot, terms, part, &evidence, &all)).collect();
    let mut next = 0..all.len();
    for (file, chunks) in files.iter_mut().zip(chunks) {
        let of_chunk = |(chunk, at): (u32, usize)| MeasuredChunk {
            span: snapshot.chunk(chunk).span,
            evidence_score: evidence.chunk_score(snapshot, chunk),
            features: measured.iter().map(|part| part[at]).collect(),
        };
        file.chunks = chunks.into_iter().zip(next.by_ref()).map(of_chunk).collect();
    }
    Ok(QueryFeatures { is_name: query.terms.is_name(), kind: query.terms.kind, files })
}
