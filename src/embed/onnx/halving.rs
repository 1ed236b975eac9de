//! Batches that do not fit a device's memory are halved, and the run goes on.
//!
//! Must never import: anything but `embed::onnx`.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::batches::{self, Limits};
use super::session::RunError;

/// Runs one batch of so many tokens with padding; false to stop.
pub type One<'o> = dyn FnMut(Range<usize>, usize) -> Result<bool, RunError> + 'o;

/// Takes texts, whose lengths in tokens rise, through `one` in batches, the longest first: what that
/// takes of a device's memory does for all others. Where the memory does not
/// do, `most` is lowered to half of that batch, for all that follow. False when `one` says so.
///
/// # Errors
/// When a single text fails, or for another reason; with the longest text of that batch.
pub fn through(
    lengths: &[usize],
    limits: &Limits,
    most: &AtomicUsize,
    one: &mut One<'_>,
) -> Result<bool, (RunError, usize)> {
    let mut left: VecDeque<Range<usize>> = batches::plan(lengths, limits).into();
    while let Some(batch) = left.pop_back() {
        let longest = lengths[batch.end - 1];
        let padded = limits.padded(batch.len(), longest);
        let can_halve = batch.len() > 1 && limits.rows.is_none();
        let is_lowered = most.load(Relaxed) < limits.tokens;
        if can_halve && is_lowered && padded > most.load(Relaxed) {
            halve(&batch, &mut left);
            continue;
        }
        match one(batch.clone(), padded) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(RunError::Memory) if can_halve => {
                most.fetch_min((padded / 2).max(1), Relaxed);
                halve(&batch, &mut left);
            }
            Err(error) => return Err((error, longest)),
        }
    }
    Ok(true)
}

fn halve(batch: &Range<usize>, left: &mut VecDeque<Range<usize>>) {
    let middle = batch.start + batch.len() / 2;
    left.push_back(batch.start..middle);
    left.push_back(middle..batch.end);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { tokens: 4_096, bytes: u64::MAX, width: 384, rows: None, row_tokens: None };

    /// The sizes of the batches that a device with room for so many tokens has run.
    fn ran(lengths: &[usize], room: usize) -> (Result<bool, usize>, Vec<usize>, usize) {
        let (most, mut ran, mut done) = (AtomicUsize::new(LIMITS.tokens), Vec::new(), Vec::new());
        let ended = through(lengths, &LIMITS, &most, &mut |batch, padded| {
            if padded > room {
                return Err(RunError::Memory);
            }
            ran.push(padded);
            done.extend(batch.rev());
            Ok(true)
        });
        if ended.is_ok() {
            assert!(done.iter().copied().eq((0..lengths.len()).rev()), "each once, from the longest: {done:?}");
        }
        (ended.map_err(|(_, longest)| longest), ran, most.into_inner())
    }

    #[test]
    fn a_batch_too_large_is_halved_and_those_after_it_are_smaller_at_once() {
        let (ended, sizes, most) = ran(&[100; 200], 1_000);
        assert_eq!(ended, Ok(true));
        assert!(sizes.iter().all(|size| *size <= 1_000));
        assert!((256..=1_024).contains(&most), "{most}");
        assert_eq!(ran(&[100; 200], usize::MAX).2, LIMITS.tokens);
    }

    #[test]
    fn one_text_that_does_not_fit_is_an_error_with_its_length() {
        assert_eq!(ran(&[10, 10, 700], 500).0, Err(700));
    }
}
