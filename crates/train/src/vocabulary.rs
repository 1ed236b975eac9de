//! Adds words that a repository uses often to the tokens of a model.
//!
//! A word that is not a token is replaced by its pieces, which are shorter tokens. A frequent word becomes a token with
//! its own row, initially the weighted sum of its pieces' rows. So text vectors do not change before training, and
//! training can distinguish the word from its pieces.

use std::collections::{BTreeMap, HashSet};

use crate::pairs::TrainingRepository;
use embed::static_model::{StaticModel, StaticModelError, encode_model};
use text::words;

/// Minimum number of pairs that contain an added word.
const MIN_PAIRS: usize = 5;

/// Maximum number of added words: a tenth of the built-in table.
const MAX_WORDS: usize = 4_096;

/// Minimum and maximum length of an added word, in bytes.
const WORD_BYTES: std::ops::RangeInclusive<usize> = 3..=40;

/// Returns the model with the frequent unknown words of the pairs as new tokens, and their number.
pub(crate) fn extend_vocabulary(
    model: &StaticModel,
    repositories: &[TrainingRepository],
    version: u32,
) -> Result<(StaticModel, usize), StaticModelError> {
    let tokens: Vec<&str> = model.tokens().collect();
    let added = find_frequent_unknown_words(&tokens, repositories);
    let names: Vec<&str> = added.iter().map(String::as_str).collect();
    let rows = model.rows();
    let width = rows.len() / tokens.len();
    let mut table: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    table.extend(tokens.iter().copied().zip(rows.chunks_exact(width).map(<[f32]>::to_vec)));
    for (name, bag) in names.iter().zip(model.weighted_tokens(&names)) {
        let mut row = vec![0.0; width];
        for (token, weight) in bag {
            let piece = &rows[token as usize * width..][..width];
            row.iter_mut().zip(piece).for_each(|(sum, value)| *sum += weight * value);
        }
        table.insert(name, row);
    }
    let tokens: Vec<&str> = table.keys().copied().collect();
    let rows: Vec<f32> = table.values().flatten().copied().collect();
    Ok((StaticModel::from_bytes(encode_model(&tokens, &rows, width, version)?)?, names.len()))
}

/// Returns at most [`MAX_WORDS`] words that are not tokens, in at least [`MIN_PAIRS`] pairs each, most frequent first.
fn find_frequent_unknown_words(tokens: &[&str], repositories: &[TrainingRepository]) -> Vec<String> {
    let tokens: HashSet<&str> = tokens.iter().copied().collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for pair in repositories.iter().flat_map(|repository| &repository.pairs) {
        let mut unknown: HashSet<String> = HashSet::new();
        for text in [&pair.query, &pair.passage, &pair.path] {
            words::for_each_word(text, |word| {
                if WORD_BYTES.contains(&word.len()) && !tokens.contains(word) && !unknown.contains(word) {
                    unknown.insert(word.to_owned());
                }
            });
        }
        unknown.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
    }
    let mut found: Vec<(usize, String)> = counts.into_iter().map(|(word, count)| (count, word)).collect();
    found.retain(|(count, _)| *count >= MIN_PAIRS);
    found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    found.truncate(MAX_WORDS);
    found.into_iter().map(|(_, word)| word).collect()
}
