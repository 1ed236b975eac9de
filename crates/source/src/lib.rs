//! Reads repositories: which files belong to a project, in which language they are, and how they parse.
//!
//! [`walk`] decides which files are in, [`language`] names their language, [`decode_source`] turns their bytes into
//! text, and [`parse`] turns one file into chunks, symbols and references.

mod decode;
pub mod language;
pub mod parse;
pub mod walk;

pub use decode::{count_lines, decode_source};
