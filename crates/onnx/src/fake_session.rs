//! A fake model session for tests.

use std::time::Duration;

use super::session::{ModelSession, OutputValues, SessionOutput, SessionRunError};
use super::session_pool::SessionPool;

/// The behavior of a fake session's calls.
pub type FakeCall = Box<dyn FnMut(&[&[u32]], bool) -> Result<(), SessionRunError> + Send>;

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
            let tokens = row.iter().map(|token| f32::from(u16::try_from(*token).unwrap_or(0)));
            values.extend(tokens.chain(std::iter::repeat(0.0)).take(row_tokens));
        }
        let (values, elapsed) = (OutputValues::Numbers(values), Duration::from_millis(1));
        Ok(SessionOutput { values, rows: rows.len(), row_tokens, is_pooled: false, elapsed })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}
