//! The calls of an engine, one file each.

mod dry_run;
mod explain_empty;
mod find_references;
mod find_similar;
mod find_symbol;
mod highlight_tokens;
mod index;
mod list_files;
mod list_projects;
mod outline_file;
mod outline_folder;
mod parser_state;
mod read_code;
mod repair;
mod search;
mod status;
mod training_data;
mod tune;
mod watch;

pub use find_references::{CodeReference, ReferenceAnswer, ReferencePosition, ReferenceQuery, ReferencedFile};
pub use find_similar::SimilarTarget;
pub use find_symbol::{SymbolAnswer, SymbolHit, SymbolQuery};
pub use list_files::IndexedFile;
pub use outline_file::FileOutline;
pub use outline_folder::{FolderEntry, FolderOutline, FolderQuery};
pub use read_code::{CodeExcerpt, Freshness, ReadRequest};
pub use status::IndexStatus;
pub use training_data::DefinedName;
pub use watch::RemainingWork;
