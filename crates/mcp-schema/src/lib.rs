//! The wire types of the MCP tools: their arguments, and the structured form of their answers.
//!
//! [`argument`] describes each argument once; the listed schemas and the parser of calls come from it. The other types
//! are the answers on connections with structured content; their documentation becomes the tools' output schemas.
//! Answers omit absent values and never contain `null`. Types that several tools use are in [`parts`].

pub mod argument;
pub mod code;
pub mod outline;
pub mod parts;
pub mod project;
pub mod references;
pub mod schema;
pub mod search;
pub mod symbols;
