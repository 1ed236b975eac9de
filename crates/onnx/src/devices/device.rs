//! A device, and the errors of calls on it.

use std::fmt;

use config::Provider;
use embed::EmbedError;

use crate::session::model_session::SessionRunError;

/// A device that runs a model. Displayed as, for example, `CPU` or `CUDA:0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub provider: Provider,
    pub id: u32,
    /// Whether some of the model's operators run on the CPU instead of this device.
    pub is_partly_cpu: bool,
}

impl Device {
    /// Adds the model, the device and the length of the longest text to the error of a call.
    pub fn call_error(&self, error: SessionRunError, model: &str, longest_tokens: usize) -> EmbedError {
        let (model, device) = (model.to_owned(), self.to_string());
        match error {
            SessionRunError::OutOfMemory => EmbedError::OutOfMemory { model, device, tokens: longest_tokens },
            SessionRunError::Other(problem) => EmbedError::Run { model, device, problem },
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.provider {
            Provider::Cpu => f.write_str("CPU")?,
            provider => write!(f, "{provider}:{}", self.id)?,
        }
        if self.is_partly_cpu { f.write_str(" (some operators on the CPU)") } else { Ok(()) }
    }
}
