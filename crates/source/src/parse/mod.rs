//! Parsing of source files into chunks, symbols and references.
//!
//! Parsing never fails: a problem is reported beside a result that still covers the file. The chunks of a
//! file contain each non-blank line exactly once, in order. The time is bounded by a given limit, and
//! nothing recurses on the depth of the input.

mod chunks;
mod definitions;
mod highlight;
mod lines;
mod markdown;
mod parser;
mod references;
mod source_file;
mod symbols;
mod tree;

#[cfg(test)]
mod tests;

pub use highlight::{TokenClass, highlight_tokens};
pub use parser::{CHUNK_PARSE_LIMIT, CHUNKER_VERSION, ParsedFile, Parser, outline_file};
pub use references::{FileReferences, ReferenceKind, ReferenceSite, find_references_in_file, find_whole_word};
pub use source_file::SourceFile;
