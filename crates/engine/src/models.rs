//! Models and the ONNX Runtime library, for the commands that manage them.

#[cfg(feature = "onnx")]
pub use super::transformers::{LibraryLocation, first_visible_gpu, library_locations, load_library, try_devices};
pub use hub::{
    CheckedFile, FetchProgress, InstalledModel, ListedModel, ModelDescription, ModelError, ModelSource, Precision,
    add_model, list_models, remove_model, verify_model,
};

use super::embedders;
use config::ModelSettings;

/// Downloads a known model. Unless the name says otherwise, in the precision that suits the device.
///
/// # Errors
/// When the model is unknown or cannot be downloaded.
pub fn install_preferred_model(
    settings: &ModelSettings,
    name: &str,
    progress: &mut FetchProgress<'_>,
) -> Result<InstalledModel, ModelError> {
    hub::install_model(settings, name, &embedders::preferred_precisions(settings), progress)
}
