//! What only the text of a chunk can tell: whether it has a phrase, or the tokens of a snippet in
//! their order.
//!
//! Must never import: anything above `search`.

use std::collections::{HashMap, HashSet};

use super::candidates::CandidateFile;
use super::query::tokens;
use super::snapshot::Snapshot;
use crate::store::StoreError;

/// Tokens in a row that are compared.
const RUN: usize = 4;

/// Chunks whose text is read for a snippet.
const MOST_CHUNKS: usize = 120;

/// The `MOST_CHUNKS` candidates with the most words of the question, each with the share of the
/// snippet's runs of tokens that it has.
pub(super) fn shares(
    snapshot: &Snapshot,
    snippet: &str,
    candidates: &[CandidateFile],
) -> Result<HashMap<u32, f32>, StoreError> {
    let wanted = runs(snippet);
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut chunks: Vec<(u32, f32)> =
        candidates.iter().flat_map(|file| &file.chunks).map(|chunk| (chunk.chunk, chunk.lexical)).collect();
    chunks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    chunks.truncate(MOST_CHUNKS);
    let numbers: Vec<u32> = chunks.into_iter().map(|(chunk, _)| chunk).collect();
    let texts = texts(snapshot, &numbers)?;
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = |text: &String| wanted.intersection(&runs(text)).count() as f32 / wanted.len() as f32;
    Ok(numbers.into_iter().zip(texts.iter().map(share)).collect())
}

/// Leaves the chunks whose text has every phrase; nothing where none has. Says whether any has.
pub(super) fn keep_exact(
    snapshot: &Snapshot,
    phrases: &[String],
    candidates: &mut Vec<CandidateFile>,
) -> Result<bool, StoreError> {
    let phrases: Vec<String> = phrases.iter().map(|phrase| plain(phrase)).collect();
    let numbers: Vec<u32> = candidates.iter().flat_map(|file| &file.chunks).map(|chunk| chunk.chunk).collect();
    let texts = texts(snapshot, &numbers)?;
    let has_all = |text: &str| phrases.iter().all(|phrase| text.contains(phrase));
    let having: HashSet<u32> =
        numbers.iter().zip(&texts).filter(|(_, text)| has_all(&plain(text))).map(|(chunk, _)| *chunk).collect();
    if having.is_empty() {
        return Ok(false);
    }
    for file in &mut *candidates {
        file.chunks.retain(|chunk| having.contains(&chunk.chunk));
    }
    candidates.retain(|file| !file.chunks.is_empty());
    Ok(true)
}

fn texts(snapshot: &Snapshot, chunks: &[u32]) -> Result<Vec<String>, StoreError> {
    let rows: Vec<_> = chunks.iter().map(|chunk| snapshot.chunk(*chunk).row).collect();
    Ok(snapshot.view.texts(&rows)?.into_iter().map(|text| text.text).collect())
}

/// Every run of [`RUN`] tokens; of a shorter text the whole.
fn runs(text: &str) -> HashSet<Vec<&str>> {
    let tokens = tokens(text);
    let length = RUN.min(tokens.len()).max(1);
    tokens.windows(length).map(<[&str]>::to_vec).collect()
}

/// In small letters, with one space wherever there is white space.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
