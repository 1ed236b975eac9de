//! Finds chunks that contain phrases word for word.

use crate::query::error::QueryError;
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;
use store::StoreError;
use store::inverted_index;
use text::unicode::{RunningScript, unify};
use text::words::{self, SplitBuffers, WordForm};

/// The chunks that contain every phrase, and how many chunks were checked.
pub(crate) struct PhraseMatches {
    /// Sorted chunk numbers.
    pub chunks: Vec<u32>,
    /// Number of chunks whose text was read.
    pub texts_read: usize,
    /// Number of chunks that pass the filter and contain all words of the phrases, in any order.
    pub chunks_with_words: usize,
}

/// Number of texts after which a phrase search stops.
const MAX_TEXTS_READ: usize = 4_000;
/// Number of texts that a phrase search reads at once.
const TEXTS_PER_READ: usize = 200;
/// Number of matches after which a phrase search stops.
const MAX_MATCHES: usize = 400;

/// Finds chunks that pass `is_allowed` and contain every phrase.
///
/// Reads the chunks that contain all words of the phrases, highest BM25F score first, up to the limits.
///
/// # Errors
/// If the inverted index or a text cannot be read, or a stop was requested.
pub(crate) fn find_phrase_matches(
    snapshot: &Snapshot,
    phrases: &[String],
    is_allowed: impl Fn(u32) -> bool,
    cancel: &CancelToken,
) -> Result<PhraseMatches, QueryError> {
    let candidates = find_chunks_with_all_words(snapshot, phrases, is_allowed)?;
    let phrases: Vec<String> = phrases.iter().map(|phrase| normalize_text(phrase)).collect();
    let has_all = |text: &str| phrases.iter().all(|phrase| text.contains(phrase));
    let (mut chunks, mut read) = (Vec::new(), 0);
    for batch in candidates.chunks(TEXTS_PER_READ) {
        if read >= MAX_TEXTS_READ || chunks.len() >= MAX_MATCHES {
            break;
        }
        QueryError::check_cancelled(cancel)?;
        let texts = snapshot.read_texts(batch)?;
        let matching = batch.iter().zip(&texts).filter(|(_, chunk)| has_all(&normalize_text(&chunk.text)));
        chunks.extend(matching.map(|(chunk, _)| *chunk));
        read += batch.len();
    }
    chunks.sort_unstable();
    Ok(PhraseMatches { chunks, texts_read: read, chunks_with_words: candidates.len() })
}

/// Returns the allowed chunks that contain all words of the phrases, highest BM25F score first. Returns all allowed
/// chunks if the phrases contain no word (`=> {`).
fn find_chunks_with_all_words(
    snapshot: &Snapshot,
    phrases: &[String],
    is_allowed: impl Fn(u32) -> bool,
) -> Result<Vec<u32>, StoreError> {
    let mut hashes: Vec<u64> = phrases.iter().flat_map(|phrase| required_terms(phrase)).collect();
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

/// Returns the hashes of the terms that every text with this phrase contains. A word in a script without spaces may be
/// part of a longer word in the text, so its segments are returned instead.
fn required_terms(phrase: &str) -> Vec<u64> {
    let mut hashes = Vec::new();
    words::split_search_words(phrase, &mut SplitBuffers::default(), |word| {
        let chars = word.text.chars().take(3).count();
        let is_running = RunningScript::is_in(word.text);
        let is_required = match word.form {
            WordForm::Joined => false,
            WordForm::Word => !is_running || chars < 3,
            // A syllable before a particle may be the end of a longer word in the text.
            WordForm::Segment => chars > 1 || word.text.chars().next().and_then(RunningScript::of_char) != HANGUL,
            WordForm::Character => true,
        };
        if is_required {
            hashes.push(inverted_index::hash_term(word.text));
        }
    });
    hashes
}

const HANGUL: Option<RunningScript> = Some(RunningScript::Hangul);

/// Lowercases a text, unifies the forms of its characters and collapses white space to single spaces.
fn normalize_text(text: &str) -> String {
    unify(text).split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
