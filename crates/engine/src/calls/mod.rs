//! The calls of an engine, one file each.

#[cfg(feature = "lance")]
mod base;
#[cfg(feature = "locations")]
mod collection;
mod dry_run;
mod explain_empty;
mod explain_left_out;
mod explain_missed;
mod find_references;
mod find_similar;
mod find_symbol;
#[cfg(feature = "lance")]
mod gone_worktrees;
mod highlight_tokens;
mod index;
mod list_files;
mod list_projects;
mod matching_symbols;
mod named_kinds;
mod outline_file;
mod outline_folder;
mod parser_state;
mod publish;
mod published_base;
mod query_calls;
mod read_code;
mod repair;
mod search;
mod status;
mod stored_indexes;
mod training_data;
mod tune;
mod watch;

#[cfg(feature = "locations")]
pub use collection::{
    CollectionList, CompactObserver, CompactStep, CompactedCollection, ListedRepository, VerifiedCollection,
    compact_collection, list_collection, remove_repository, verify_collection,
};
pub use find_references::{CodeReference, ReferenceAnswer, ReferencePosition, ReferenceQuery, ReferencedFile};
pub use find_similar::{SimilarQuery, SimilarTarget};
pub use find_symbol::SymbolAnswer;
pub use list_files::IndexedFile;
pub use matching_symbols::{SymbolHit, SymbolQuery};
pub use named_kinds::{parse_symbol_kind, parse_use_kind};
pub use outline_file::FileOutline;
pub use outline_folder::{EntryCounts, FolderEntry, FolderOutline, FolderQuery};
pub use publish::{CollectedLocation, PublishedBase, collect_location};
pub use published_base::{explain_unused_base, fetch_base};
pub use query_calls::QueryCalls;
pub use read_code::{CodeExcerpt, Freshness, ReadRequest, is_source_name};
pub use status::IndexStatus;
pub use stored_indexes::{
    FolderState, StoredIndex, find_indexed_folder, list_stored_indexes, measure_replaced, prune_stored_index,
    remove_stored_index,
};
pub use training_data::DefinedName;
pub use watch::{RemainingWork, WatchState};
