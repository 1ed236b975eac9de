//! Out-of-memory backoff: a batch that does not fit in a device's memory is halved and run again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::plan::{self, BatchLimits};
use crate::session::model_session::SessionRunError;

/// A callback that runs one batch, given the range of its texts in the order of their lengths, and its number of tokens
/// including padding. Returns false to stop.
pub type RunBatch<'o> = dyn FnMut(Range<usize>, usize) -> Result<bool, SessionRunError> + 'o;

/// Runs texts in batches, given their lengths in tokens in ascending order. Returns false as soon as `run_batch` does.
///
/// The longest texts run first: memory that suffices for them suffices for all others. When a batch does not fit in
/// memory, it is halved, and `max_tokens` falls to half of its number of tokens for all following batches.
///
/// # Errors
/// Fails if a batch fails for another reason than memory, or if a batch that cannot be halved does not fit in memory:
/// one text, or a batch of a model that fixes its number of rows. The number in the error is the length in tokens of
/// the batch's longest text.
pub fn run_with_backoff(
    lengths: &[usize],
    limits: &BatchLimits,
    max_tokens: &AtomicUsize,
    run_batch: &mut RunBatch<'_>,
) -> Result<bool, (SessionRunError, usize)> {
    let mut queue: VecDeque<Range<usize>> = plan::plan_batches(lengths, limits).into();
    while let Some(batch) = queue.pop_back() {
        let longest = lengths[batch.end - 1];
        let padded_tokens = limits.padded_tokens(batch.len(), longest);
        let can_halve = batch.len() > 1 && limits.rows.is_none();
        let is_lowered = max_tokens.load(Relaxed) < limits.tokens;
        if can_halve && is_lowered && padded_tokens > max_tokens.load(Relaxed) {
            push_halves(&batch, &mut queue);
            continue;
        }
        match run_batch(batch.clone(), padded_tokens) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(SessionRunError::OutOfMemory) if can_halve => {
                max_tokens.fetch_min((padded_tokens / 2).max(1), Relaxed);
                push_halves(&batch, &mut queue);
            }
            Err(error) => return Err((error, longest)),
        }
    }
    Ok(true)
}

/// Puts both halves of a batch at the end of the queue, the longer texts last.
fn push_halves(batch: &Range<usize>, queue: &mut VecDeque<Range<usize>>) {
    let middle = batch.start + batch.len() / 2;
    queue.push_back(batch.start..middle);
    queue.push_back(middle..batch.end);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits =
        BatchLimits { tokens: 4_096, bytes: u64::MAX, width: 384, rows: None, row_tokens: None };

    /// Runs texts on a simulated device with memory for `room` tokens. Returns the outcome, the sizes of the
    /// batches that ran, and the final maximum.
    fn run_texts(lengths: &[usize], room: usize) -> (Result<bool, usize>, Vec<usize>, usize) {
        let (max_tokens, mut ran, mut done) = (AtomicUsize::new(LIMITS.tokens), Vec::new(), Vec::new());
        let outcome = run_with_backoff(lengths, &LIMITS, &max_tokens, &mut |batch, padded_tokens| {
            if padded_tokens > room {
                return Err(SessionRunError::OutOfMemory);
            }
            ran.push(padded_tokens);
            done.extend(batch.rev());
            Ok(true)
        });
        if outcome.is_ok() {
            assert!(done.iter().copied().eq((0..lengths.len()).rev()), "each text once, longest first: {done:?}");
        }
        (outcome.map_err(|(_, longest)| longest), ran, max_tokens.into_inner())
    }

    #[test]
    fn a_batch_that_does_not_fit_is_halved_and_later_ones_start_smaller() {
        let (outcome, sizes, max_tokens) = run_texts(&[100; 200], 1_000);
        assert_eq!(outcome, Ok(true));
        assert!(sizes.iter().all(|size| *size <= 1_000));
        assert!((256..=1_024).contains(&max_tokens), "{max_tokens}");
        assert_eq!(run_texts(&[100; 200], usize::MAX).2, LIMITS.tokens);
    }

    #[test]
    fn a_single_text_that_does_not_fit_is_an_error_with_its_length() {
        assert_eq!(run_texts(&[10, 10, 700], 500).0, Err(700));
    }
}
