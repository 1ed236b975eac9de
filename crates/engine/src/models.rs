//! Models and the ONNX Runtime library, for the commands that manage them.

pub use hub::{
    CheckedFile, FetchProgress, InstalledModel, ListedModel, ModelDescription, ModelError, ModelSource, Precision,
    add_model, list_models, remove_model, verify_model,
};
pub use onnx::library::LibraryLocation;

use super::embedders;
use config::{DeviceChoice, ModelSettings, Provider};
use embed::EmbedError;
use onnx::{check_device_computes, device, gauge, library};

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

/// Returns the places where the library is looked for, in the order in which they are tried for the requested
/// device.
pub fn library_locations(settings: &ModelSettings) -> Vec<LibraryLocation> {
    library::preferred_locations(&settings.library, requested_provider(settings))
}

fn requested_provider(settings: &ModelSettings) -> Option<Provider> {
    device::wanted_provider(&settings.device, &embedders::visible_gpus(settings))
}

/// Returns the name of the first visible NVIDIA GPU, if there is one.
pub fn first_visible_gpu(settings: &ModelSettings) -> Option<String> {
    gauge::first_gpu_name(&embedders::visible_gpus(settings))
}

/// Tests whether each requested device computes; for `auto`, the device that would be chosen. Returns nothing
/// unless the library is loaded.
pub fn try_devices(settings: &ModelSettings) -> Vec<(DeviceChoice, Result<(), String>)> {
    let Some(library) = library::loaded_library() else { return Vec::new() };
    let (provider, ids) = match &settings.device {
        DeviceChoice::Named { provider, ids } => (*provider, ids.clone()),
        DeviceChoice::Auto => (
            device::expected_provider(&settings.device, &settings.library, &embedders::visible_gpus(settings)),
            vec![0],
        ),
    };
    let one = |id: u32| (DeviceChoice::Named { provider, ids: vec![id] }, check_device_computes(library, provider, id));
    ids.into_iter().map(one).collect()
}

/// Loads the ONNX Runtime library if this process has not done so yet. Returns its file, its version and its
/// execution providers.
///
/// # Errors
/// When no usable library is found.
pub fn load_library(settings: &ModelSettings) -> Result<(std::path::PathBuf, String, Vec<Provider>), EmbedError> {
    let library = library::load_ort_library(&settings.library, requested_provider(settings), "in use")?;
    Ok((library.path.clone(), library.version.clone(), library.providers.clone()))
}
