//! Reports how files are parsed.

use crate::state::Engine;
use workers::PoolState;

impl Engine {
    /// Returns how files are parsed; starts a parser process if none runs.
    pub fn parser_state(&self) -> PoolState {
        self.parsers.probe()
    }
}
