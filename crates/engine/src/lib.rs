//! The boundary that the command line and the MCP server call: open, index, search, read, status.
//!
//! An [`Engine`] belongs to one root and may be shared between threads. Searches run side by side, and during
//! an index run they answer from the last commit. Each call has a file in `calls`; `state` holds the data
//! that an engine keeps between calls.

mod answer;
mod calls;
mod current_snapshot;
mod damage;
mod error;
mod files_on_disk;
pub mod models;
mod project_scope;
mod query_source;
mod state;

#[cfg(test)]
mod tests;

pub use answer::{IndexCoverage, SearchAnswer};
pub use calls::{
    CodeExcerpt, CodeReference, CollectedLocation, DefinedName, EntryCounts, FileOutline, FolderEntry, FolderOutline,
    FolderQuery, FolderState, Freshness, IndexStatus, IndexedFile, PublishedBase, QueryCalls, ReadRequest,
    ReferenceAnswer, ReferencePosition, ReferenceQuery, ReferencedFile, RemainingWork, SimilarQuery, SimilarTarget,
    StoredIndex, SymbolAnswer, SymbolHit, SymbolQuery, WatchState, collect_location, explain_unused_base, fetch_base,
    find_indexed_folder, is_source_name, list_stored_indexes, measure_replaced, parse_symbol_kind, parse_use_kind,
    prune_stored_index, remove_stored_index,
};
#[cfg(feature = "locations")]
pub use calls::{
    CollectionList, CompactObserver, CompactStep, CompactedCollection, ListedRepository, VerifiedCollection,
    compact_collection, list_collection, remove_repository, verify_collection,
};
pub use config::{Options, Settings};
pub use embed::DeviceReport;
pub use error::{DefinedNames, EngineError, PathError, RequestError, TunedError, TuningError};
pub use files_on_disk::allowed_folders::{RefusedFolder, find_allowed_folder};
pub use index::{
    BenchKind, Bottleneck, ChangeCounts, ChangedFiles, DryRun, FileList, IncludedFile, IndexError, IndexPhase,
    IndexProgress, IndexReport, IndexRequest, IndexScope, QueueReport, RunRecord, RunRecordError, RunStatus, Stage,
    StageRecord, StageReport, TreeUses, TreeWatch, WATCH_TURNS, WatchError, WatchTurn, WatchTurns, find_bottleneck,
};
pub use models::TunedModel;
pub use platform::cancel::CancelToken;
pub use platform::process::lower_thread_priority;
pub use query_source::GroupRepository;
pub use query_source::group::{EngineGroup, LeftOutFolder};
pub use search::{
    CheckedQuery, ContentFilter, Explanation, Features, Filter, Hit, MAX_LIMIT, Mention, Mentions, NameMatch,
    QueryFeatures, QueryKind, RankingWeights, RelatedChunk, RetrievalMode, ScoreTerm, SearchQuery, strip_query_filters,
};
pub use source::parse::{ReferenceKind, TokenClass};
pub use state::published::{BaseOrigin, BaseReport, TransferState};
pub use state::{Engine, project_folder};
pub use train::tune::{TuneResult, TuneStep};
pub use types::{ContentHash, Language, Project, RepoPath, SkipReason, Span, Symbol, SymbolKind, qualified_name};
pub use workers::PoolState;
