//! Batches: which texts run together, and how many tokens a device takes at once.

pub(crate) mod backoff;
pub(crate) mod plan;
pub(crate) mod probe_file;
pub(crate) mod size_search;
