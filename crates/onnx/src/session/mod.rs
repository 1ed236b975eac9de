//! Model sessions: token IDs in, vectors out.

pub(crate) mod device_pooler;
pub(crate) mod encoder;
#[cfg(test)]
pub(crate) mod fake_session;
mod inputs;
pub(crate) mod model_session;
pub(crate) mod pool;
mod pooling;
