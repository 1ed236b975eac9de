//! What only the text of a chunk can tell: whether it has a phrase, or the tokens of a snippet in
//! their order.
//!
//! Must never import: anything above `search`.

use std::collections::{HashMap, HashSet};

use super::candidates::CandidateFile;
use super::query::tokens;
use super::snapshot::Snapshot;
use crate::embed::words;
use crate::lexical;
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

/// Chunks that have every phrase, and how much was looked at for them.
pub(super) struct Having {
    /// Rising.
    pub chunks: Vec<u32>,
    /// Chunks whose text was read.
    pub read: usize,
    /// Chunks that have the words, in whatever order.
    pub with_words: usize,
}

/// Most chunks whose text is read for phrases, how many at once, and how many with the phrases are enough.
const MOST_READ: usize = 4_000;
const AT_ONCE: usize = 200;
const ENOUGH: usize = 400;

/// The chunks that `may` answer and whose text has every phrase: of all that have its words, those that score
/// highest by them.
pub(super) fn having(snapshot: &Snapshot, phrases: &[String], may: impl Fn(u32) -> bool) -> Result<Having, StoreError> {
    let candidates = with_words(snapshot, phrases, may)?;
    let phrases: Vec<String> = phrases.iter().map(|phrase| plain(phrase)).collect();
    let has_all = |text: &str| phrases.iter().all(|phrase| text.contains(phrase));
    let (mut chunks, mut read) = (Vec::new(), 0);
    for some in candidates.chunks(AT_ONCE) {
        if read >= MOST_READ || chunks.len() >= ENOUGH {
            break;
        }
        let texts = texts(snapshot, some)?;
        chunks.extend(some.iter().zip(&texts).filter(|(_, text)| has_all(&plain(text))).map(|(chunk, _)| *chunk));
        read += some.len();
    }
    chunks.sort_unstable();
    Ok(Having { chunks, read, with_words: candidates.len() })
}

/// The chunks that `may` answer and have all words of the phrases, the highest by BM25F first. Where there is
/// no word in them (`=> {`), all that may.
fn with_words(snapshot: &Snapshot, phrases: &[String], may: impl Fn(u32) -> bool) -> Result<Vec<u32>, StoreError> {
    let mut hashes = Vec::new();
    phrases.iter().for_each(|phrase| words::words(phrase, |word| hashes.push(lexical::hash(word))));
    hashes.sort_unstable();
    hashes.dedup();
    // How many of the words each chunk has, and what it scores by them.
    let mut tallies = vec![(0_usize, 0.0_f32); snapshot.chunk_count()];
    for hash in &hashes {
        snapshot.word(*hash, |chunk, matched| {
            let (count, score) = &mut tallies[chunk as usize];
            *count += 1;
            *score += matched.score;
        })?;
    }
    let all = (0_u32..).zip(tallies).filter(|(chunk, (count, _))| *count == hashes.len() && may(*chunk));
    let mut found: Vec<(u32, f32)> = all.map(|(chunk, (_, score))| (chunk, score)).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    Ok(found.into_iter().map(|(chunk, _)| chunk).collect())
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
