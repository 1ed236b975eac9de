//! Finds the chunks that are nearest to a vector.

use std::collections::HashMap;

use crate::query::error::QueryError;
use crate::query::file_filter::FileFilter;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::rank::evidence::QueryEvidence;
use crate::rank::ranking::rank;
use crate::rank::weights::RankingWeights;
use crate::read_hits::read_hits;
use crate::retrieve::candidate_filter::CandidateFilter;
use crate::retrieve::candidates::retrieve_candidates;
use crate::retrieve::retrieval::QueryCandidates;
use crate::search::{SearchResults, masked_note};
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;

/// Returns at most `limit` chunks nearest to `vector`, best first, without the chunks of the definition that `except`
/// belongs to.
///
/// The files are ranked by their nearest chunks, as [`search`](crate::search()) ranks them in dense mode; further
/// chunks of these files fill up the list. Of `filter`, only the conditions on files apply.
///
/// # Errors
/// If the limit is out of range, `vector` has other dimensions than the vectors in the snapshot, the store cannot be
/// read, or a stop was requested.
pub fn find_nearest_chunks(
    snapshot: &Snapshot,
    vector: &[f32],
    filter: FileFilter,
    limit: usize,
    except: Option<u32>,
    cancel: &CancelToken,
) -> Result<SearchResults, QueryError> {
    let query = ParsedQuery::for_vector(snapshot, filter, limit)?;
    let except = except.map_or_else(Vec::new, |chunk| snapshot.chunks_of_definition(chunk));
    let filter =
        CandidateFilter { files: query.allowed_files.clone(), kinds: None, only: None, except, named: Vec::new() };
    let parts = retrieve_candidates(snapshot, &[(&query.terms, vector.to_vec())], RetrievalMode::Dense, &filter)?;
    let found = QueryCandidates { parts, filter, named: HashMap::new(), pasted: HashMap::new(), note: None };
    let ranked = rank(snapshot, &query, &QueryEvidence::default(), &found, &RankingWeights::default());
    let (hits, masked) = read_hits(snapshot, &query, &found, &ranked, cancel)?;
    Ok(SearchResults { hits, notes: masked_note(masked).into_iter().collect(), ..SearchResults::default() })
}
