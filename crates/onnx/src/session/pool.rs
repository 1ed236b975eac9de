//! Sessions of one device that divide each batch among themselves.
//!
//! On a CPU, several sessions with few threads each are faster than one session with all threads, because
//! threads of different sessions do not wait for each other after every layer.

use std::thread;
use std::time::Duration;

use hub::ModelDescription;
use platform::threads::describe_thread_limits;

use super::model_session::{ModelSession, SessionOutput, SessionRunError};

/// One or more sessions of the same model on one device. A model with a fixed number of rows, and a device
/// other than the CPU, has one session.
pub struct SessionPool {
    first: Box<dyn ModelSession>,
    others: Vec<Box<dyn ModelSession>>,
}

/// The raw output of one call of the pool.
pub struct PoolOutput {
    /// The output of each session that ran, with its number of rows; 0 if it ran only to release memory.
    parts: Vec<(SessionOutput, usize)>,
    /// The duration of the slowest session's call.
    pub elapsed: Duration,
}

impl PoolOutput {
    fn new(parts: Vec<(SessionOutput, usize)>) -> Self {
        let elapsed = parts.iter().map(|(ran, _)| ran.elapsed).max().unwrap_or_default();
        Self { parts, elapsed }
    }

    /// Returns the vectors of `rows`, in order. `rows` must be the input of the call.
    ///
    /// # Errors
    /// Fails if the output cannot be read, or does not have the shape that the model's description implies.
    pub fn vectors(&self, mut rows: &[&[u32]], model: &ModelDescription) -> Result<Vec<Vec<f32>>, SessionRunError> {
        let mut vectors = Vec::with_capacity(rows.len());
        for (ran, count) in &self.parts {
            let (part, rest) = rows.split_at(*count);
            vectors.extend(ran.vectors(part, model)?);
            rows = rest;
        }
        Ok(vectors)
    }
}

impl SessionPool {
    /// Creates a pool of one session and any number of others.
    pub fn new(first: Box<dyn ModelSession>, others: Vec<Box<dyn ModelSession>>) -> Self {
        Self { first, others }
    }

    /// Returns the number of rows per call, if the model fixes it.
    pub fn fixed_rows(&self) -> Option<usize> {
        self.first.fixed_rows()
    }

    /// Returns the number of tokens per row, if the model fixes it.
    pub fn fixed_row_tokens(&self) -> Option<usize> {
        self.first.fixed_row_tokens()
    }

    /// Runs rows of token IDs. With `is_last`, the memory kept between calls is released afterwards.
    ///
    /// # Errors
    /// Fails if the device fails or has too little memory, or if the thread of a session cannot be started.
    pub fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<PoolOutput, SessionRunError> {
        let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
        let counts = if rows.len() < 2 || self.others.is_empty() {
            [vec![rows.len()], vec![0; self.others.len()]].concat()
        } else {
            split_by_tokens(&lengths, 1 + self.others.len())
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
            // A session without a row of the last batch runs a dummy row, which releases its memory.
            let dummy: &[&[u32]] = &[&[0]];
            let running: Vec<_> = busy
                .map(|(other, part)| {
                    let count = part.len();
                    let part = if count == 0 { dummy } else { part };
                    let thread = thread::Builder::new().name("session".to_owned());
                    thread.spawn_scoped(scope, move || other.run(part, is_last).map(|ran| (ran, count)))
                })
                .collect();
            let mut ran = vec![];
            if !parts[0].is_empty() || is_last {
                let part = if parts[0].is_empty() { dummy } else { parts[0] };
                ran.push(self.first.run(part, is_last).map(|ran| (ran, parts[0].len())));
            }
            let ended = || Err(SessionRunError::Other("the thread of a session panicked".to_owned()));
            ran.extend(running.into_iter().map(|run| match run {
                Ok(run) => run.join().unwrap_or_else(|_| ended()),
                Err(error) => Err(SessionRunError::Other(format!(
                    "cannot start the thread of a session: {error}; {}",
                    describe_thread_limits()
                ))),
            }));
            ran
        });
        Ok(PoolOutput::new(ran.into_iter().collect::<Result<_, _>>()?))
    }
}

/// Divides consecutive rows into `parts` groups with about the same number of tokens. Returns each group's
/// number of rows.
fn split_by_tokens(lengths: &[usize], parts: usize) -> Vec<usize> {
    let total: usize = lengths.iter().sum();
    let (mut counts, mut seen) = (vec![0; parts], 0);
    for length in lengths {
        // The group that contains the middle of the row.
        let part = (seen * 2 + length) * parts / (total * 2).max(1);
        counts[part.min(parts - 1)] += 1;
        seen += length;
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::fake_session::FakeSession;
    use super::*;

    #[test]
    fn rows_are_divided_by_tokens() {
        assert_eq!(split_by_tokens(&[1, 1, 2, 4, 4, 4], 2), [4, 2]);
        assert_eq!(split_by_tokens(&[5; 10], 4), [2, 3, 2, 3]);
        assert_eq!(split_by_tokens(&[7], 3).iter().sum::<usize>(), 1);
        assert_eq!(split_by_tokens(&[0, 0], 2).iter().sum::<usize>(), 2);
        assert_eq!(split_by_tokens(&[], 2), [0, 0]);
        assert_eq!(split_by_tokens(&[1, 2, 3], 1), [3]);
    }

    #[test]
    fn a_session_without_a_row_of_the_last_batch_releases_its_memory() {
        let other: Arc<Mutex<Vec<(usize, bool)>>> = Arc::default();
        let seen = Arc::clone(&other);
        let second = FakeSession::new(move |rows, is_last| {
            seen.lock().expect("the list").push((rows.len(), is_last));
            Ok(())
        });
        let mut pool = SessionPool::new(FakeSession::new(|_, _| Ok(())), vec![second]);
        let row: &[u32] = &[1];
        let model = ModelDescription { dimensions: 1, ..ModelDescription::default() };
        let ran = |pool: &mut SessionPool, rows: &[&[u32]], is_last| {
            let output = pool.run(rows, is_last).unwrap_or_else(|_| panic!("it runs"));
            output.vectors(rows, &model).expect("vectors").len()
        };
        assert_eq!(ran(&mut pool, &[row; 4], false), 4);
        assert_eq!(ran(&mut pool, &[row], true), 1, "the dummy row yields no vector");
        assert_eq!(*other.lock().expect("the list"), [(2, false), (1, true)]);
        assert_eq!(ran(&mut pool, &[row], true), 1);
        assert_eq!(other.lock().expect("the list").len(), 2, "memory is released once");
    }
}
