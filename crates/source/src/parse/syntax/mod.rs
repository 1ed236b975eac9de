//! Syntax analysis: everything that runs a grammar.
//!
//! A grammar is C code that reads bytes which anyone may have written: it may crash, run forever or take all memory.
//! So the answer to a [`SyntaxRequest`] is plain data, [`SyntaxFacts`], which can be made in another process and is
//! checked before it is used. Nothing outside of this module runs tree-sitter's parser or queries.

mod analyzer;
mod dialects;
mod embedded_texts;
mod facts;
mod limit;
mod names;
mod problem;
mod scanner_faults;
mod tokens;
mod tree;

pub use analyzer::{SyntaxAnalyzer, prepare_language};
pub use facts::{
    AttachableNode, DefinitionMatch, NameUse, ReferenceKind, SyntaxFacts, SyntaxRequest, SyntaxTask, SyntaxToken,
    TokenClass,
};
pub use limit::ProgressCounter;
pub(super) use names::SIGILS;
pub use names::find_whole_word;
pub use problem::{ParserFault, SyntaxProblem};
