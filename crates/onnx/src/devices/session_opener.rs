//! The interface that opens sessions on devices.

use config::Provider;
use embed::EmbedError;

use super::device::Device;
use crate::session::pool::SessionPool;

/// Opens sessions on devices.
pub trait SessionOpener {
    /// Opens the sessions of a device.
    ///
    /// # Errors
    /// Fails if the device is not available, or the model does not load.
    fn open_device(&self, provider: Provider, id: u32) -> Result<(Device, SessionPool), SessionOpenError>;

    /// Opens a session on the CPU for queries, in addition to the sessions on another device. Returns `None` if the
    /// model is too large for that.
    ///
    /// # Errors
    /// Fails if the CPU cannot run the model.
    fn open_query_pool(&self) -> Result<Option<SessionPool>, SessionOpenError>;
}

/// The error of opening a session.
#[derive(Debug)]
pub enum SessionOpenError {
    /// The library was built without the provider.
    NotBuilt,
    /// The device is not available or failed, with this message.
    Device(String),
    /// The model or the library failed, not the device.
    Model(EmbedError),
}

impl SessionOpenError {
    /// Returns the error as a message.
    pub fn into_message(self) -> String {
        match self {
            Self::NotBuilt => "the library was built without it".to_owned(),
            Self::Device(problem) => problem,
            Self::Model(error) => error.to_string(),
        }
    }
}
