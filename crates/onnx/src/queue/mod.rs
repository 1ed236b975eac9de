//! Queues in front of devices: windows of texts take turns, and queries go first.

pub(crate) mod device_queue;
pub(crate) mod device_queues;
pub(crate) mod timing;
