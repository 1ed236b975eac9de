//! The text of a file.

use crate::secrets::TextMask;
use types::{Language, RepoPath};

/// The text of a file with its path and language.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: RepoPath,
    pub language: Language,
    /// The text, with its credentials masked.
    pub text: String,
    /// The masks that replace credentials in the text, in order.
    pub masks: Vec<TextMask>,
}
