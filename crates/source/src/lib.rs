//! Reads repositories: which files belong to a project, in which language they are, and how they parse.
//!
//! [`walk`] decides which files are in, [`language`] names their language, and [`parse`] turns one file into chunks,
//! symbols and references.

pub mod language;
pub mod parse;
pub mod walk;
