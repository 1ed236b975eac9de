//! Renders what several tools answer: hits, definitions, coverage, index runs and devices.
//!
//! The crate `answer` has the parts that do not depend on the wire types.

pub mod coverage;
pub mod device;
pub mod hits;
pub mod run_report;
pub mod symbol;
