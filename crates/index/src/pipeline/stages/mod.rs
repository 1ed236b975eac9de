//! The stages of the pipeline, one file each.

pub(crate) mod batch;
pub(crate) mod embed;
pub(crate) mod parse;
pub(crate) mod read;
pub(crate) mod walk;
pub(crate) mod write;
