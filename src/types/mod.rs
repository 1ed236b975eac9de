//! The nouns every other module speaks: paths, spans, chunks, symbols, languages.
//!
//! Plain data without behaviour that touches the disk, the clock or the environment.
//! Imports nothing from this crate.

mod chunk;
mod file;
mod hash;
mod path;
mod project;

pub use chunk::{Chunk, Content, Language, Span, Symbol, SymbolKind, qualified_name};
pub use file::{FileRecord, Outcome, SkipReason};
pub use hash::ContentHash;
pub use path::{AbsPath, Places, RepoPath};
pub use project::{Project, is_below};
