//! Renders places in code for people and models, within a token budget.
//!
//! The command line and the MCP server show a hit as the same [`Place`]: its location, its name and its deciding lines,
//! those that tell whether it answers the query. The search names them, or else they are found by the [`QueryWords`].
//! [`snippet`] chooses the lines to show; a [`Detail`] says how many. [`fit_to_budget`] renders as many parts as fit;
//! [`excerpt`] cuts a text that is read whole and says which lines are left; [`caveats`] names an incomplete index and
//! stale results. An answer may have a second form, data for programs ([`RenderedAnswer`]), which counts towards the
//! budget only for clients that receive it. Names and paths are sanitized with `text::display`; blocks of code are not,
//! and stand inside a [`fence`].

pub mod budget;
pub mod caveats;
pub mod detail;
pub mod excerpt;
pub mod fence;
pub mod location;
pub mod place;
pub mod query_words;
pub mod signature;
pub mod snippet;

pub use budget::{AnswerError, AnswerForm, RenderedAnswer, TokenBudget, find_largest, fit_to_budget};
pub use detail::Detail;
pub use place::Place;
pub use query_words::QueryWords;
