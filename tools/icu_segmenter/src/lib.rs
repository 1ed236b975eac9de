//! Stands in for crates.io's `icu_segmenter`, which finds the words of a text by the rules of Unicode.
//!
//! LanceDB compiles it for full-text indexes whose tokenizer is `icu`. codescry makes none. No tokenizer can be made here.

use std::marker::PhantomData;

pub mod options {
    /// How words are found.
    #[derive(Default)]
    pub struct WordBreakInvariantOptions(());
}

#[derive(Clone, Copy)]
enum Never {}

/// Makes tokenizers.
pub enum WordSegmenter {}

impl WordSegmenter {
    /// Makes a tokenizer.
    ///
    /// # Panics
    /// Always: the crate that this one stands in for cannot fail here.
    pub fn new_dictionary(_options: options::WordBreakInvariantOptions) -> WordSegmenterBorrowed<'static> {
        panic!("this program was built without the tokenizer icu")
    }
}

/// A tokenizer. It has no value.
#[derive(Clone, Copy)]
pub struct WordSegmenterBorrowed<'a>(Never, PhantomData<&'a ()>);

impl WordSegmenterBorrowed<'_> {
    /// Returns the byte offsets between words.
    pub fn segment_str(self, _text: &str) -> impl Iterator<Item = usize> {
        match self.0 {}
        #[expect(unreachable_code, reason = "gives the type")]
        std::iter::empty()
    }
}
