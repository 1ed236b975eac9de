//! Data types that the whole program shares: paths, spans, chunks, symbols, languages.
//!
//! They are plain values: none of them reads the disk (other than [`AbsPath::canonical`] and [`RepoPath::under`]), the
//! clock or the environment.

mod chunk;
mod declaration;
mod file;
mod generation;
mod hash;
mod page_path;
mod path;
mod project;

pub use chunk::{Chunk, ContentKind, Language, Span, Symbol, SymbolKind, container_names, qualified_name};
pub use declaration::is_declaration;
pub use file::{ContentRecord, CopyKind, FileOutcome, FileRecord, FileStat, OTHER_ENCODINGS, SkipReason, TextEncoding};
pub use generation::Generation;
pub use hash::ContentHash;
pub use page_path::PagePath;
pub use path::{AbsPath, PathSet, RepoPath, matches_glob};
pub use project::{Project, is_below};
