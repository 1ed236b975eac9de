//! Models and the library that runs them, for the commands.

pub use crate::embed::models::{
    Checked, Description, Fetching, Installed, Listed, ModelError, Precision, Source, add, list, remove, verify,
};
pub use crate::embed::onnx::library::{Place, look};

use super::embedders;
use crate::config::{ModelSettings, Provider};
use crate::embed::EmbedError;
use crate::embed::onnx::library;

/// Fetches a known model, in the precision that suits the device where none is said.
///
/// # Errors
/// When it is not known, or not to be had.
pub fn install(settings: &ModelSettings, name: &str, progress: &mut Fetching<'_>) -> Result<Installed, ModelError> {
    crate::embed::models::install(settings, name, &embedders::preferred(settings), progress)
}

/// The ONNX Runtime library of this process: its file, its version and what it was built for. Loads
/// it if none is.
///
/// # Errors
/// When there is none that can be used.
pub fn load_library(settings: &ModelSettings) -> Result<(std::path::PathBuf, String, Vec<Provider>), EmbedError> {
    let library = library::load(&settings.library, "that is asked for")?;
    Ok((library.path.clone(), library.version.clone(), library.providers.clone()))
}
