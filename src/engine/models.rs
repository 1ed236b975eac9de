//! Models and the library that runs them, for the commands.

pub use crate::embed::models::{
    Checked, Description, Fetching, Installed, Listed, ModelError, Precision, Source, add, list, remove, verify,
};
pub use crate::embed::onnx::library::Place;

use super::embedders;
use crate::config::{DeviceChoice, ModelSettings, Provider};
use crate::embed::EmbedError;
use crate::embed::onnx::{device, gauge, library, works};

/// Fetches a known model, in the precision that suits the device where none is said.
///
/// # Errors
/// When it is not known, or not to be had.
pub fn install(settings: &ModelSettings, name: &str, progress: &mut Fetching<'_>) -> Result<Installed, ModelError> {
    crate::embed::models::install(settings, name, &embedders::preferred(settings), progress)
}

/// What is looked at for the library, in the order that it is taken in for the device that is asked for.
pub fn look(settings: &ModelSettings) -> Vec<Place> {
    library::in_order(&settings.library, wanted(settings))
}

fn wanted(settings: &ModelSettings) -> Option<Provider> {
    device::wanted(&settings.device, &embedders::visible(settings))
}

/// The name of an NVIDIA GPU that CUDA shows, if there is one.
pub fn gpu(settings: &ModelSettings) -> Option<String> {
    gauge::first(&embedders::visible(settings))
}

/// Whether each device that is asked for computes; of `auto`, that which it would take first. Needs the
/// library to be loaded.
pub fn try_devices(settings: &ModelSettings) -> Vec<(DeviceChoice, Result<(), String>)> {
    let Some(library) = library::loaded() else { return Vec::new() };
    let (provider, ids) = match &settings.device {
        DeviceChoice::Named { provider, ids } => (*provider, ids.clone()),
        DeviceChoice::Auto => {
            (device::expected(&settings.device, &settings.library, &embedders::visible(settings)), vec![0])
        }
    };
    let one = |id: u32| (DeviceChoice::Named { provider, ids: vec![id] }, works(library, provider, id));
    ids.into_iter().map(one).collect()
}

/// The ONNX Runtime library of this process: its file, its version and what it was built for. Loads
/// it if none is.
///
/// # Errors
/// When there is none that can be used.
pub fn load_library(settings: &ModelSettings) -> Result<(std::path::PathBuf, String, Vec<Provider>), EmbedError> {
    let library = library::load(&settings.library, wanted(settings), "that is asked for")?;
    Ok((library.path.clone(), library.version.clone(), library.providers.clone()))
}
