//! Renders places in code for people and models, within a token budget.
//!
//! An answer has two forms with the same contents: text, and data for programs ([`RenderedAnswer`]). Some clients
//! show a model only one of them, so both stay within the budget. [`fit_to_budget`] renders as many parts as fit;
//! [`excerpt`] cuts a long text and says which lines are left; [`caveats`] names an incomplete index and stale
//! results. Names and paths are sanitized with `text::display` before they are rendered; code is shown as it is,
//! inside a [`fence`].

pub mod budget;
pub mod caveats;
pub mod excerpt;
pub mod fence;
pub mod location;

pub use budget::{AnswerError, RenderedAnswer, find_largest, fit_to_budget};
