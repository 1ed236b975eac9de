//! The text of a file.

use types::{Language, RepoPath};

/// The text of a file with its path and language.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: RepoPath,
    pub language: Language,
    pub text: String,
}
