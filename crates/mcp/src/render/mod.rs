//! Renders the parts that answers of several tools share: hits, definitions, coverage, index runs and devices.
//!
//! Rendering that does not depend on the wire types is in the crate `answer`.

pub mod coverage;
pub mod device;
pub mod hits;
pub mod run_report;
pub mod symbol;
