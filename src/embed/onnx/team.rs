//! Sessions of one device that share a batch.
//!
//! On a CPU, sessions of few threads side by side do more than one session of all threads: nothing
//! waits for the others within a layer. Must never import: anything of this crate but `embed`.

use std::thread;
use std::time::Duration;

use super::session::{Ran, RunError, Runs};
use crate::embed::models::Description;

/// Sessions of the same model. Those with a fixed shape, and those of a GPU, are alone.
pub struct Team {
    first: Box<dyn Runs>,
    others: Vec<Box<dyn Runs>>,
}

/// What a call of all gave.
pub struct Called {
    /// Of each session, with the number of its rows.
    parts: Vec<(Ran, usize)>,
    /// Until the slowest was done.
    pub took: Duration,
}

impl Called {
    fn new(parts: Vec<(Ran, usize)>) -> Self {
        let took = parts.iter().map(|(ran, _)| ran.took).max().unwrap_or_default();
        Self { parts, took }
    }

    /// The vectors of the rows that the call was given, in order.
    ///
    /// # Errors
    /// When the model gave something else than its description says.
    pub fn vectors(&self, mut rows: &[&[u32]], model: &Description) -> Result<Vec<Vec<f32>>, RunError> {
        let mut vectors = Vec::with_capacity(rows.len());
        for (ran, count) in &self.parts {
            let (part, rest) = rows.split_at(*count);
            vectors.extend(ran.vectors(part, model)?);
            rows = rest;
        }
        Ok(vectors)
    }
}

impl Team {
    /// Of at least one session.
    pub fn new(first: Box<dyn Runs>, others: Vec<Box<dyn Runs>>) -> Self {
        Self { first, others }
    }

    /// Rows that the model insists on.
    pub fn rows(&self) -> Option<usize> {
        self.first.rows()
    }

    /// Tokens a row that it insists on.
    pub fn row_tokens(&self) -> Option<usize> {
        self.first.row_tokens()
    }

    /// Runs rows of tokens. `is_last` gives back the memory that calls share.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Called, RunError> {
        let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        let counts = if rows.len() < 2 || self.others.is_empty() {
            [vec![rows.len()], vec![0; self.others.len()]].concat()
        } else {
            split(&lengths, 1 + self.others.len())
        };
        let mut rest = rows;
        let mut parts: Vec<&[&[u32]]> = Vec::new();
        for count in counts {
            let (part, after) = rest.split_at(count);
            parts.push(part);
            rest = after;
        }
        let ran = thread::scope(|scope| {
            let sessions = self.others.iter_mut().zip(&parts[1..]);
            let busy = sessions.filter(|(other, part)| !part.is_empty() || (is_last && other.holds_memory()));
            // Who has no row of the last batch has one token of nothing, to give its memory back.
            let spare: &[&[u32]] = &[&[0]];
            let running: Vec<_> = busy
                .map(|(other, part)| {
                    let count = part.len();
                    let part = if count == 0 { spare } else { part };
                    scope.spawn(move || other.run(part, is_last).map(|ran| (ran, count)))
                })
                .collect();
            let mut ran = vec![];
            if !parts[0].is_empty() || is_last {
                let part = if parts[0].is_empty() { spare } else { parts[0] };
                ran.push(self.first.run(part, is_last).map(|ran| (ran, parts[0].len())));
            }
            let ended = || Err(RunError::Other("a session's thread ended".to_owned()));
            ran.extend(running.into_iter().map(|run| run.join().unwrap_or_else(|_| ended())));
            ran
        });
        Ok(Called::new(ran.into_iter().collect::<Result<_, _>>()?))
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
    use std::sync::{Arc, Mutex};

    use super::super::fake::Fake;
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

    #[test]
    fn a_session_without_a_row_of_the_last_batch_gives_its_memory_back_too() {
        let other: Arc<Mutex<Vec<(usize, bool)>>> = Arc::default();
        let seen = Arc::clone(&other);
        let second = Fake::new(move |rows, is_last| {
            seen.lock().expect("the list").push((rows.len(), is_last));
            Ok(())
        });
        let mut team = Team::new(Fake::new(|_, _| Ok(())), vec![second]);
        let row: &[u32] = &[1];
        let model = Description { dimensions: 1, ..Description::default() };
        let ran = |team: &mut Team, rows: &[&[u32]], is_last| {
            let called = team.run(rows, is_last).unwrap_or_else(|_| panic!("it runs"));
            called.vectors(rows, &model).expect("vectors").len()
        };
        assert_eq!(ran(&mut team, &[row; 4], false), 4);
        assert_eq!(ran(&mut team, &[row], true), 1, "what it was given for that is no vector");
        assert_eq!(*other.lock().expect("the list"), [(2, false), (1, true)]);
        assert_eq!(ran(&mut team, &[row], true), 1);
        assert_eq!(other.lock().expect("the list").len(), 2, "once is enough");
    }
}
