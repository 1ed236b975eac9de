//! Reports how files are parsed.

use crate::state::Engine;
use workers::PoolState;

impl Engine {
    /// Returns whether files are parsed in processes of their own or in this one; starts a parser process if none is
    /// idle.
    pub fn parser_state(&self) -> PoolState {
        self.parsers.probe()
    }
}
