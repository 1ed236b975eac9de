//! The text of a file.

use crate::secrets::TextMask;
use types::{Language, RepoPath};

/// The text of a file with its path and language.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: RepoPath,
    pub language: Language,
    /// The text without its credentials.
    pub text: String,
    /// Where credentials are masked in the text, in order.
    pub masks: Vec<TextMask>,
}
