//! Ranks candidates: gathers evidence, computes scores from it, and sorts files and the chunks within them.

pub(crate) mod chunk_features;
pub(crate) mod evidence;
pub(crate) mod feature_set;
pub(crate) mod features;
pub(crate) mod hit;
pub(crate) mod ranking;
pub(crate) mod rare_identifiers;
mod translations;
pub(crate) mod weights;
