//! Classifies the tokens of an excerpt, for syntax highlighting.

use std::ops::Range;

use crate::state::Engine;
use source::parse::TokenClass;
use types::Language;

impl Engine {
    /// Returns the classified byte ranges of `text`, in order and without overlap.
    ///
    /// Empty if the language has no grammar, or the text is too long or cannot be parsed in time.
    pub fn highlight_tokens(&self, language: Language, text: &str) -> Vec<(Range<usize>, TokenClass)> {
        self.parsers.highlight_tokens(language, text)
    }
}
