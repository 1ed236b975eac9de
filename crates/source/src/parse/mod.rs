//! Parsing of source files into chunks, symbols and references.
//!
//! Parsing never fails: a problem is reported beside a result that still covers the file. The chunks of a file contain
//! each non-blank line exactly once, in order. [`syntax`] runs the grammars, in this process or in another one, and
//! gives positions; the files beside it turn them into chunks, symbols and references. The time is bounded by a given
//! limit, and nothing recurses on the depth of the input.

mod chunks;
mod definitions;
mod lines;
mod parser;
mod references;
mod signature;
mod source_file;
mod symbols;
pub mod syntax;

#[cfg(test)]
mod tests;

pub use parser::{CHUNKER_VERSION, ParsedFile, Parser, build_outline, build_parsed_file, estimate_tree_bytes};
pub use references::{FileReferences, ReferenceSite, build_references};
pub use source_file::SourceFile;
pub use syntax::{ReferenceKind, TokenClass, find_whole_word};
