//! Finds and ranks chunks for a query.
//!
//! [`search()`] parses a query, retrieves candidates by vectors and by the inverted index of a [`Snapshot`], ranks them
//! and reads the texts of the hits. [`find_definitions`] and [`find_files_with_identifier`] look up names. For equal
//! input, the order of results is always the same.

mod deciding_lines;
mod names;
mod query;
mod rank;
mod read_hits;
mod retrieve;
mod search;
mod similar;
mod snapshot;
mod threads;

#[cfg(test)]
mod tests;

pub use names::definitions::{NameMatch, NamedDefinition, find_definitions, match_similar_name};
pub use names::identifier_files::find_files_with_identifier;
pub use names::mentions::{Mention, Mentions, find_mentions};
pub use names::name_query::{NameQuery, QualifierFit};
pub use query::error::QueryError;
pub use query::file_filter::FileFilter;
pub use query::filters::{FilterValues, InvalidFilter, QueryFilters, strip_query_filters};
pub use query::parsed_query::plan::{PlannedPart, RetrievalPlan, plan_retrieval};
pub use query::parsed_query::{CheckedQuery, NAME_IS_NOWHERE, check_query};
pub use query::path_pattern::find_nearest_path;
pub use query::request::{ContentFilter, Filter, FolderScope, MAX_LIMIT, RetrievalMode, SearchQuery};
pub use query::scope::{SearchScope, UnmatchedPath, describe_scope};
pub use query::terms::{IndexLookup, QueryKind};
pub use rank::chunk_features::{ChunkFeature, ChunkFeatures};
pub use rank::feature_set::WeightSign;
pub use rank::features::{FEATURE_COUNT, Feature, Features};
pub use rank::hit::{Explanation, Hit, RelatedChunk, ScoreTerm};
pub use rank::weights::{ClassWeights, FeatureWeights, InvalidWeights, PlaceWeights, RankingWeights};
pub use search::{
    MeasuredChunk, MeasuredFile, QueryFeatures, SearchContext, SearchResults, masked_note, measure_query, search,
};
pub use similar::find_nearest_chunks;
pub use snapshot::column_block::ChunkMeta;
pub use snapshot::loading::whole_index::WholeIndex;
pub use snapshot::path_class::marks_project_root;
pub use snapshot::{GroupMember, Snapshot, SnapshotMemory};
pub use threads::{SearchThreadsError, run_on_refresh_pool, start_search_threads};
