//! Prediction of the provider that a model will run on, before ONNX Runtime is loaded.

use std::path::Path;

use config::{DeviceChoice, LibrarySearchPaths, Provider};

use crate::gpus::{self, VisibleGpus};
use crate::runtime::library;

/// Returns the providers that `auto` tries, in order. TensorRT and OpenVINO are excluded, because they compile a
/// model for minutes.
pub fn automatic_providers() -> impl Iterator<Item = Provider> {
    let slow = [Provider::TensorRt, Provider::OpenVino];
    Provider::ALL.into_iter().filter(move |provider| !slow.contains(provider))
}

/// Returns the provider that the ONNX Runtime library should support: the named one, or CUDA for `auto` if an NVIDIA
/// GPU is visible. `None` for the CPU, and for `auto` without such a GPU.
pub fn wanted_provider(choice: &DeviceChoice, visible_gpus: &VisibleGpus) -> Option<Provider> {
    match choice {
        DeviceChoice::Named { provider, .. } => Some(*provider).filter(|provider| *provider != Provider::Cpu),
        DeviceChoice::Auto => gpus::first_gpu_name(visible_gpus).map(|_| Provider::Cuda),
    }
}

/// Predicts the provider that a model will run on, without loading ONNX Runtime.
pub fn expected_provider(
    choice: &DeviceChoice,
    search_paths: &LibrarySearchPaths,
    visible_gpus: &VisibleGpus,
) -> Provider {
    if let DeviceChoice::Named { provider, .. } = choice {
        return *provider;
    }
    let locations = library::preferred_locations(search_paths, wanted_provider(choice, visible_gpus));
    let Some(location) = locations.iter().find(|location| location.file.is_some()) else { return Provider::Cpu };
    let is_here = |provider: &Provider| match provider {
        Provider::Cuda => location.providers.contains(provider) && gpus::first_gpu_name(visible_gpus).is_some(),
        Provider::Rocm | Provider::MiGraphX => location.providers.contains(provider) && Path::new("/dev/kfd").exists(),
        Provider::DirectMl => location.providers.contains(provider),
        // CoreML is part of the library itself, not a file beside it.
        Provider::CoreMl => cfg!(target_os = "macos"),
        _ => false,
    };
    automatic_providers().find(is_here).unwrap_or(Provider::Cpu)
}

/// Returns the number of devices that a model is expected to run on.
pub fn expected_device_count(choice: &DeviceChoice) -> usize {
    match choice {
        DeviceChoice::Named { ids, .. } => ids.len(),
        DeviceChoice::Auto => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_files_without_a_gpu_do_not_predict_a_gpu() {
        let root = tempfile::tempdir().expect("a folder");
        for file in ["libonnxruntime.so", "libonnxruntime.dylib", "onnxruntime.dll", "libonnxruntime_providers_cuda.so"]
        {
            std::fs::write(root.path().join(file), "").expect("written");
        }
        let search_paths = LibrarySearchPaths { named: Some(root.path().to_owned()), ..LibrarySearchPaths::default() };
        let expected = |choice: &str| {
            let no_gpu = VisibleGpus::parse(Some(""));
            expected_provider(&choice.parse().expect("a device"), &search_paths, &no_gpu)
        };
        let auto = if cfg!(target_os = "macos") { Provider::CoreMl } else { Provider::Cpu };
        assert_eq!([expected("auto"), expected("cuda"), expected("cpu")], [auto, Provider::Cuda, Provider::Cpu]);
    }
}
