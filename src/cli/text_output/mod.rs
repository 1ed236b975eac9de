//! Answers as text for a terminal: escaping, colours, widths, and the layout of hits, reports and differences.

pub mod diff;
mod highlight;
pub mod hits;
pub mod palette;
pub mod remedies;
pub mod report;
