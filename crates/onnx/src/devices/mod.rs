//! Devices: which ones a model runs on, and opening sessions on them.

pub(crate) mod compute_check;
pub(crate) mod device;
pub(crate) mod ort_opener;
pub(crate) mod providers;
pub(crate) mod selector;
pub(crate) mod session_opener;
