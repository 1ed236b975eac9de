//! What stands for a session in tests.
//!
//! Must never import: anything of this crate but `embed`.

use std::time::Duration;

use super::session::{Given, Ran, RunError, Runs};
use super::team::Team;

/// What a call does.
pub type Call = Box<dyn FnMut(&[&[u32]], bool) -> Result<(), RunError> + Send>;

/// Gives one value a token: its number.
pub struct Fake {
    call: Call,
    holds_memory: bool,
}

impl Fake {
    pub fn new(call: impl FnMut(&[&[u32]], bool) -> Result<(), RunError> + Send + 'static) -> Box<Self> {
        Box::new(Self { call: Box::new(call), holds_memory: false })
    }

    /// A team of one.
    pub fn team(call: impl FnMut(&[&[u32]], bool) -> Result<(), RunError> + Send + 'static) -> Team {
        Team::new(Self::new(call), Vec::new())
    }
}

impl Runs for Fake {
    fn rows(&self) -> Option<usize> {
        None
    }

    fn row_tokens(&self) -> Option<usize> {
        None
    }

    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Ran, RunError> {
        self.holds_memory = !is_last;
        (self.call)(rows, is_last)?;
        let row_tokens = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut values = Vec::new();
        for row in rows {
            let tokens = row.iter().map(|token| f32::from(u16::try_from(*token).unwrap_or(0)));
            values.extend(tokens.chain(std::iter::repeat(0.0)).take(row_tokens));
        }
        let (given, took) = (Given::Numbers(values), Duration::from_millis(1));
        Ok(Ran { given, rows: rows.len(), row_tokens, is_pooled: false, took })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}
