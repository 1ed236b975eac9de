//! Compares a snippet of code with the texts of candidates.

use std::collections::{HashMap, HashSet};

use super::candidates::CandidateFile;
use crate::snapshot::Snapshot;
use store::{ChunkText, StoreError};
use text::code::snippet::tokenize_code;

/// Number of consecutive tokens in a run, the unit of comparison.
const RUN_TOKENS: usize = 4;

/// Maximum number of chunks whose text is read for a snippet.
const MAX_SNIPPET_CHUNKS: usize = 120;

/// Compares a snippet with the `MAX_SNIPPET_CHUNKS` candidates that have the highest BM25F scores.
///
/// Returns for each of these chunks its share of the snippet's token runs; empty for a snippet without tokens.
///
/// # Errors
/// If a text cannot be read.
pub(crate) fn measure_snippet_shares(
    snapshot: &Snapshot,
    snippet: &str,
    candidates: &[CandidateFile],
) -> Result<HashMap<u32, f32>, StoreError> {
    let wanted = token_runs(snippet);
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut chunks: Vec<(u32, f32)> =
        candidates.iter().flat_map(|file| &file.chunks).map(|chunk| (chunk.chunk, chunk.lexical)).collect();
    chunks.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    chunks.truncate(MAX_SNIPPET_CHUNKS);
    let numbers: Vec<u32> = chunks.into_iter().map(|(chunk, _)| chunk).collect();
    let texts = snapshot.read_texts(&numbers)?;
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = |chunk: &ChunkText| wanted.intersection(&token_runs(&chunk.text)).count() as f32 / wanted.len() as f32;
    Ok(numbers.into_iter().zip(texts.iter().map(share)).collect())
}

/// Returns every run of [`RUN_TOKENS`] consecutive tokens; for a text of fewer tokens, all of them as one run.
fn token_runs(text: &str) -> HashSet<Vec<&str>> {
    let tokens = tokenize_code(text);
    let length = RUN_TOKENS.min(tokens.len()).max(1);
    tokens.windows(length).map(<[&str]>::to_vec).collect()
}
