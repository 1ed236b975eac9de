//! The state that all parts of the markup scanner share.

use std::ops::Range;

use super::dialect::Dialect;
use crate::brackets::BracketFinder;
use crate::found::{EmbeddedText, HostScan, HostUse};
use crate::words::find_words;

/// The text that is scanned, and the findings in it.
pub(super) struct MarkupState<'t> {
    pub text: &'t str,
    pub dialect: Dialect,
    /// The name whose uses are found; empty for none.
    pub name: &'t str,
    pub found: HostScan,
    pub brackets: BracketFinder<'t>,
}

impl MarkupState<'_> {
    /// Adds an expression.
    pub fn add_expression(&mut self, range: Range<usize>) {
        self.add_expression_around(range, Vec::new());
    }

    /// Adds an expression with code of other languages in it; see [`EmbeddedText::holes`].
    pub fn add_expression_around(&mut self, range: Range<usize>, holes: Vec<(Range<usize>, u8)>) {
        let language = self.dialect.expressions;
        if range.start < range.end && !self.text[range.clone()].trim().is_empty() {
            let is_expression = true;
            self.found.texts.push(EmbeddedText { range, language, is_expression, holes, ..EmbeddedText::default() });
        }
    }

    /// Adds the uses of the name in a text of words, such as the classes of an element.
    pub fn add_word_uses(&mut self, range: Range<usize>) {
        let found = find_words(self.text, range, self.name).map(|at| (at, HostUse::Other));
        self.found.uses.extend(found);
    }
}
