//! A fake model session for tests.

use std::borrow::Cow;
use std::time::Duration;

use super::model_session::{ModelSession, OutputValues, SessionOutput, SessionRunError};
use super::pool::SessionPool;

/// A function that a fake session calls on each run, with the rows and whether the run is the last one. Its error
/// becomes the run's error.
pub type FakeCall = Box<dyn FnMut(&[&[u32]], bool) -> Result<(), SessionRunError> + Send>;

/// Token vectors of one dimension, `[rows, tokens, 1]`.
struct FakeValues {
    shape: [i64; 3],
    values: Vec<f32>,
}

impl OutputValues for FakeValues {
    fn read(&self) -> Result<(Vec<i64>, Cow<'_, [f32]>), SessionRunError> {
        Ok((self.shape.to_vec(), Cow::Borrowed(&self.values)))
    }
}

/// A session that returns each token's ID as its one-dimensional vector.
pub struct FakeSession {
    call: FakeCall,
    holds_memory: bool,
}

impl FakeSession {
    pub fn new(call: impl FnMut(&[&[u32]], bool) -> Result<(), SessionRunError> + Send + 'static) -> Box<Self> {
        Box::new(Self { call: Box::new(call), holds_memory: false })
    }

    /// Creates a pool of one fake session.
    pub fn pool(call: impl FnMut(&[&[u32]], bool) -> Result<(), SessionRunError> + Send + 'static) -> SessionPool {
        SessionPool::new(Self::new(call), Vec::new())
    }
}

impl ModelSession for FakeSession {
    fn fixed_rows(&self) -> Option<usize> {
        None
    }

    fn fixed_row_tokens(&self) -> Option<usize> {
        None
    }

    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<SessionOutput, SessionRunError> {
        self.holds_memory = !is_last;
        (self.call)(rows, is_last)?;
        let row_tokens = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut values = Vec::new();
        for row in rows {
            let tokens = row.iter().map(|token| f32::from(u16::try_from(*token).expect("tests use small token IDs")));
            values.extend(tokens.chain(std::iter::repeat(0.0)).take(row_tokens));
        }
        let shape = [rows.len() as i64, row_tokens as i64, 1];
        let (values, elapsed) = (Box::new(FakeValues { shape, values }), Duration::from_millis(1));
        Ok(SessionOutput { values, rows: rows.len(), row_tokens, is_pooled: false, elapsed })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}
