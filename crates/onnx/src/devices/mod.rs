//! Selection of the devices that run a model, and opening of sessions on them.

pub(crate) mod compute_check;
pub(crate) mod device;
pub(crate) mod ort_opener;
pub(crate) mod providers;
pub(crate) mod selector;
pub(crate) mod session_opener;
