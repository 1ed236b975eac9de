//! Sessions of one device that share a batch.
//!
//! On a CPU, sessions of few threads side by side do more than one session of all threads: nothing
//! waits for the others within a layer. Must never import: anything of this crate but `embed`.

use std::thread;

use super::session::{Encoder, RunError};

/// Sessions of the same model. Those with a fixed shape, and those of a GPU, are alone.
pub struct Team {
    first: Encoder,
    others: Vec<Encoder>,
}

impl Team {
    /// Of at least one session.
    pub fn new(first: Encoder, others: Vec<Encoder>) -> Self {
        Self { first, others }
    }

    /// Rows that the model insists on.
    pub fn rows(&self) -> Option<usize> {
        self.first.rows
    }

    /// Tokens a row that it insists on.
    pub fn row_tokens(&self) -> Option<usize> {
        self.first.row_tokens
    }

    /// The vectors of rows of tokens, in order. `is_last` gives back the memory that calls share.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Vec<Vec<f32>>, RunError> {
        if rows.len() < 2 || self.others.is_empty() {
            return self.first.run(rows, is_last);
        }
        let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        let mut rest = rows;
        let mut parts = split(&lengths, 1 + self.others.len()).into_iter().map(|count| {
            let (part, after) = rest.split_at(count);
            rest = after;
            part
        });
        let mine = parts.next().unwrap_or_default();
        let theirs: Vec<&[&[u32]]> = parts.collect();
        thread::scope(|scope| {
            let pairs = self.others.iter_mut().zip(theirs).filter(|(_, part)| !part.is_empty());
            let running: Vec<_> = pairs.map(|(other, part)| scope.spawn(move || other.run(part, is_last))).collect();
            let mut vectors = if mine.is_empty() { Vec::new() } else { self.first.run(mine, is_last)? };
            for run in running {
                let ended = run.join().unwrap_or_else(|_| Err(RunError::Other("a session's thread ended".to_owned())));
                vectors.extend(ended?);
            }
            Ok(vectors)
        })
    }
}

/// How many rows, one after another, each of `parts` gets, so that all have about as many tokens.
fn split(lengths: &[usize], parts: usize) -> Vec<usize> {
    let total: usize = lengths.iter().sum();
    let (mut counts, mut seen) = (vec![0; parts], 0);
    for length in lengths {
        // Where its middle lies.
        let part = (seen * 2 + length) * parts / (total * 2).max(1);
        counts[part.min(parts - 1)] += 1;
        seen += length;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shared_by_their_tokens() {
        assert_eq!(split(&[1, 1, 2, 4, 4, 4], 2), [4, 2]);
        assert_eq!(split(&[5; 10], 4), [2, 3, 2, 3]);
        assert_eq!(split(&[7], 3).iter().sum::<usize>(), 1);
        assert_eq!(split(&[0, 0], 2).iter().sum::<usize>(), 2);
        assert_eq!(split(&[], 2), [0, 0]);
        assert_eq!(split(&[1, 2, 3], 1), [3]);
    }
}
