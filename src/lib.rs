//! codescry finds code by meaning.
//!
//! The modules in reading order; imports run downwards only (`tests/it/tidy.rs` checks it):
//!
//! ```text
//! main → cli → mcp → engine → {index, search, train} → store → lexical → {walk, parse, embed} → {language, config} → types
//!        cli → clients → config
//! ```
//!
//! - [`types`]: paths, spans, chunks, symbols. No behaviour.
//! - [`config`]: options become settings here; the only reader of the environment and the working folder.
//! - [`language`]: the language table, one row and one query file a language.
//! - [`walk`]: which files are in, which are out, and the rule that said so.
//! - [`parse`]: a source file becomes chunks and symbols; broken input becomes problems, never errors.
//! - [`embed`]: texts become vectors.
//! - [`lexical`]: the words of chunks, in segments on disk, and BM25F over them.
//! - [`store`]: chunks, vectors and file records on disk; LanceDB stays inside `store::lance`.
//! - [`index`]: the pipeline that brings a store up to date with a folder.
//! - [`search`]: a query becomes ranked hits.
//! - [`train`]: pairs of texts from repositories, and a model trained on them.
//! - [`engine`]: open, index, search, status. What `cli` and `mcp` call, and nothing below it.
//! - [`clients`]: the configurations of MCP clients, and one entry in each.
//! - [`mcp`]: the Model Context Protocol server.
//! - [`cli`]: the command line.

pub mod cli;
pub mod clients;
pub mod config;
pub mod embed;
pub mod engine;
pub mod index;
pub mod language;
pub mod lexical;
pub mod mcp;
pub mod parse;
pub mod search;
pub mod store;
pub mod train;
pub mod types;
pub mod walk;
