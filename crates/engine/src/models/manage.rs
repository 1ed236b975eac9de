//! Installs models, for the commands that manage them.

use super::open_embedder;
use config::ModelSettings;
use hub::{FetchProgress, InstalledModel, ModelError};

/// Downloads a known model. If the name gives no precision, chooses the precision that suits the device.
///
/// # Errors
/// When the model is unknown or cannot be downloaded.
pub fn install_preferred_model(
    settings: &ModelSettings,
    name: &str,
    progress: &mut FetchProgress<'_>,
) -> Result<InstalledModel, ModelError> {
    hub::install_model(settings, name, &open_embedder::preferred_precisions(settings), progress)
}
