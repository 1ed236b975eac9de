//! The wire types: arguments and answers of the tools. Their documentation becomes the tools' schemas.
//!
//! Unknown arguments are rejected; some values have several spellings: `"10"` is a number, and `null` means
//! absent. Answers omit absent values and never contain `null`. Types that several tools use are in [`values`] (of
//! arguments) and [`parts`] (of answers).

pub mod code;
pub mod outline;
pub mod parts;
pub mod project;
pub mod references;
pub mod schema;
pub mod search;
pub mod symbols;
pub mod values;
