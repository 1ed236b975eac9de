//! Finds chunks that contain a pasted text word for word, whole or in runs; see [`text::code::pasted`].

use std::collections::HashMap;

use super::lexical::{LexicalScores, MAX_WORD_BITS};
use crate::query::terms::{QueryTerms, is_stop_word};
use crate::snapshot::Snapshot;
use source::language;
use store::StoreError;
use text::code::pasted::PastedText;
use types::ContentKind;

/// Maximum number of chunks whose text is read.
const MAX_CHUNKS: usize = 32;

/// Minimum share of the query's words, by inverse document frequency, in a chunk whose text is read.
const MIN_COVERAGE: f32 = 0.25;

/// Minimum length of a word of small letters that is certainly in the inverted index if it is in a text.
const MIN_INDEXED_LETTERS: usize = 3;

/// Returns the share of `text` that chunks contain word for word, by chunk number. Reads the [`MAX_CHUNKS`] of `chunks`
/// that contain the most of its words, and leaves out those with a small share. A chunk with a whole string that occurs
/// in `text` has the share 1. Empty if `text` is very short or very long. `terms` and `lexical` are
/// those of `text`.
///
/// # Errors
/// If a text cannot be read.
pub(crate) fn measure_pasted_shares(
    snapshot: &Snapshot,
    text: &str,
    (terms, lexical): (&QueryTerms, &LexicalScores<'_>),
    chunks: impl Iterator<Item = u32>,
) -> Result<HashMap<u32, f32>, StoreError> {
    let Some(pasted) = PastedText::split(text, is_stop_word) else { return Ok(HashMap::new()) };
    let with_coverage = chunks.map(|chunk| (chunk, lexical.coverage(lexical.tallies(chunk..chunk + 1)[0].words)));
    let mut covered: Vec<(u32, f32)> = with_coverage.filter(|(_, coverage)| *coverage >= MIN_COVERAGE).collect();
    let order = |(chunk, coverage): &(u32, f32)| (*coverage, lexical.score(*chunk));
    covered.sort_by(|a, b| {
        let (a_order, b_order) = (order(a), order(b));
        b_order.0.total_cmp(&a_order.0).then(b_order.1.total_cmp(&a_order.1)).then(a.0.cmp(&b.0))
    });
    let bits: Vec<Option<u32>> = pasted.words().iter().map(|word| bit_of_word(terms, word)).collect();
    let can_share = |chunk: &u32| {
        let words = lexical.tallies(*chunk..chunk + 1)[0].words;
        pasted.can_share(|index| bits[index].is_none_or(|bit| words & bit != 0))
    };
    let numbers: Vec<u32> = covered.into_iter().take(MAX_CHUNKS).map(|(chunk, _)| chunk).filter(can_share).collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let texts = snapshot.read_texts(&numbers)?;
    let shares = numbers.into_iter().zip(&texts).filter_map(|(chunk, text)| {
        let language = snapshot.languages[snapshot.file_of_chunk(chunk)];
        let is_prose = language::language_content(language) == ContentKind::Docs;
        Some((chunk, pasted.share_in(&text.text, is_prose)?))
    });
    Ok(shares.collect())
}

/// Returns the bit of a word in the tallies of chunks; `None` if a text may contain the word without the bit.
fn bit_of_word(terms: &QueryTerms, word: &str) -> Option<u32> {
    let is_indexed = word.len() >= MIN_INDEXED_LETTERS && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let index = terms.lexical_words.iter().position(|known| known.text == *word).filter(|_| is_indexed)?;
    Some(1 << index.min(MAX_WORD_BITS - 1))
}
