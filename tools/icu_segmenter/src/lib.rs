//! Stands in for crates.io's `icu_segmenter`, which segments text into words by the Unicode rules (UAX #29).
//!
//! LanceDB needs it for full-text indexes with the tokenizer `icu`. codescry creates no such index. Constructing a
//! segmenter here panics.

use std::marker::PhantomData;

pub mod options {
    /// The options for finding word boundaries.
    #[derive(Default)]
    pub struct WordBreakInvariantOptions(());
}

#[derive(Clone, Copy)]
enum Never {}

/// The constructors of word segmenters. The type has no values.
pub enum WordSegmenter {}

impl WordSegmenter {
    /// Fails to construct a word segmenter.
    ///
    /// # Panics
    /// Always, because the signature has no error.
    pub fn new_dictionary(_options: options::WordBreakInvariantOptions) -> WordSegmenterBorrowed<'static> {
        panic!("this program was built without the tokenizer icu")
    }
}

/// A word segmenter. The type has no values.
#[derive(Clone, Copy)]
pub struct WordSegmenterBorrowed<'a>(Never, PhantomData<&'a ()>);

impl WordSegmenterBorrowed<'_> {
    /// Returns the byte offsets of word boundaries. Cannot be called, because the type has no values.
    pub fn segment_str(self, _text: &str) -> impl Iterator<Item = usize> {
        match self.0 {}
        #[expect(unreachable_code, reason = "gives the type")]
        std::iter::empty()
    }
}
