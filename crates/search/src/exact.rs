//! Matches that need chunk texts: exact phrases, and snippets of code.

use std::collections::{HashMap, HashSet};

use super::candidates::CandidateFile;
use super::query::tokenize_code;
use super::snapshot::Snapshot;
use store::StoreError;
use store::lexical;
use text::words;

/// Number of consecutive tokens compared at once.
const RUN_TOKENS: usize = 4;

/// Maximum number of chunks whose text is read for a snippet.
const MAX_SNIPPET_CHUNKS: usize = 120;

/// Compares a snippet with the `MAX_SNIPPET_CHUNKS` candidates that have the highest BM25F scores.
///
/// Maps each of these chunks to the share of the snippet's token runs that it contains.
///
/// # Errors
/// If a text cannot be read.
pub(super) fn snippet_shares(
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
    let texts = read_texts(snapshot, &numbers)?;
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = |text: &String| wanted.intersection(&token_runs(text)).count() as f32 / wanted.len() as f32;
    Ok(numbers.into_iter().zip(texts.iter().map(share)).collect())
}

/// The chunks that contain every phrase, and how many chunks were checked.
pub(super) struct PhraseMatches {
    /// Sorted chunk numbers.
    pub chunks: Vec<u32>,
    /// Number of chunks whose text was read.
    pub texts_read: usize,
    /// Number of chunks that contain all words of the phrases, in any order.
    pub chunks_with_words: usize,
}

/// Limits of a phrase search: texts read in total, texts read at once, and matches after which it stops.
const MAX_TEXTS_READ: usize = 4_000;
const TEXTS_PER_READ: usize = 200;
const MAX_MATCHES: usize = 400;

/// Finds chunks that pass `is_allowed` and contain every phrase.
///
/// Reads the chunks that contain all words of the phrases, highest BM25F score first, up to the limits.
///
/// # Errors
/// If the inverted index or a text cannot be read.
pub(super) fn find_phrase_matches(
    snapshot: &Snapshot,
    phrases: &[String],
    is_allowed: impl Fn(u32) -> bool,
) -> Result<PhraseMatches, StoreError> {
    let candidates = chunks_with_all_words(snapshot, phrases, is_allowed)?;
    let phrases: Vec<String> = phrases.iter().map(|phrase| normalize_text(phrase)).collect();
    let has_all = |text: &str| phrases.iter().all(|phrase| text.contains(phrase));
    let (mut chunks, mut read) = (Vec::new(), 0);
    for batch in candidates.chunks(TEXTS_PER_READ) {
        if read >= MAX_TEXTS_READ || chunks.len() >= MAX_MATCHES {
            break;
        }
        let texts = read_texts(snapshot, batch)?;
        chunks.extend(
            batch.iter().zip(&texts).filter(|(_, text)| has_all(&normalize_text(text))).map(|(chunk, _)| *chunk),
        );
        read += batch.len();
    }
    chunks.sort_unstable();
    Ok(PhraseMatches { chunks, texts_read: read, chunks_with_words: candidates.len() })
}

/// Returns the allowed chunks that contain all words of the phrases, highest BM25F score first; all allowed
/// chunks if the phrases have no word (`=> {`).
fn chunks_with_all_words(
    snapshot: &Snapshot,
    phrases: &[String],
    is_allowed: impl Fn(u32) -> bool,
) -> Result<Vec<u32>, StoreError> {
    let mut hashes = Vec::new();
    phrases.iter().for_each(|phrase| words::for_each_word(phrase, |word| hashes.push(lexical::hash_term(word))));
    hashes.sort_unstable();
    hashes.dedup();
    // Number of distinct words found in each chunk, and their summed score.
    let mut tallies = vec![(0_usize, 0.0_f32); snapshot.chunk_count()];
    for hash in &hashes {
        snapshot.match_word(*hash, |chunk, matched| {
            let (count, score) = &mut tallies[chunk as usize];
            *count += 1;
            *score += matched.score;
        })?;
    }
    let all = (0_u32..).zip(tallies).filter(|(chunk, (count, _))| *count == hashes.len() && is_allowed(*chunk));
    let mut found: Vec<(u32, f32)> = all.map(|(chunk, (_, score))| (chunk, score)).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(found.into_iter().map(|(chunk, _)| chunk).collect())
}

fn read_texts(snapshot: &Snapshot, chunks: &[u32]) -> Result<Vec<String>, StoreError> {
    let rows: Vec<_> = chunks.iter().map(|chunk| snapshot.chunk(*chunk).row).collect();
    Ok(snapshot.view.chunk_texts(&rows)?.into_iter().map(|text| text.text).collect())
}

/// Returns every run of [`RUN_TOKENS`] consecutive tokens; for a shorter text, all its tokens as one run.
fn token_runs(text: &str) -> HashSet<Vec<&str>> {
    let tokens = tokenize_code(text);
    let length = RUN_TOKENS.min(tokens.len()).max(1);
    tokens.windows(length).map(<[&str]>::to_vec).collect()
}

/// Lowercases a text and collapses white space to single spaces.
fn normalize_text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
