//! Checks of ONNX Runtime.
//!
//! The built-in model does not need ONNX Runtime, so a missing library is a failure only if another
//! model or a library is configured.

use std::time::Instant;

use config::{DeviceChoice, EmbedderChoice, ModelSettings, Provider, Settings};
use engine::models::{self, LibraryLocation};

use crate::check::DoctorCheck;

/// Checks the ONNX Runtime libraries and the devices.
pub fn check_onnx(settings: &Settings) -> Vec<DoctorCheck> {
    let models = &settings.models;
    let mut checks: Vec<DoctorCheck> = Vec::new();
    let searched = models::library_locations(models);
    let (found, empty): (Vec<&LibraryLocation>, Vec<&LibraryLocation>) =
        searched.iter().partition(|place| place.file.is_some());
    checks.extend(found.iter().map(|place| library_found(place)));
    if !empty.is_empty() {
        // Several rules may lead to the same folder.
        let mut folders: Vec<String> = Vec::new();
        for folder in empty.iter().map(|place| place.folder.display().to_string()) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        checks.push(DoctorCheck::ok("onnx places", format!("no ONNX Runtime in {}", folders.join(", "))));
    }
    let start = Instant::now();
    checks.push(check_library(settings).timed_since(start));
    checks.extend(check_devices(models));
    checks
}

fn library_found(place: &LibraryLocation) -> DoctorCheck {
    let version = place.version.as_deref().unwrap_or("of an unknown version");
    let providers = join_providers(&place.providers);
    let file = place.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    DoctorCheck::ok("onnx place", format!("{file}, found {}: {version}, with files for {providers}", place.rule))
}

fn join_providers(providers: &[Provider]) -> String {
    providers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Runs a small computation on each requested device, or on the one that `auto` chooses; a library built for a device
/// may still fail there. Returns no checks unless the library is loaded.
fn check_devices(models: &ModelSettings) -> Vec<DoctorCheck> {
    let name = "onnx device";
    let is_auto = models.device == DeviceChoice::Auto;
    let remedy =
        "install its driver and libraries (CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'), or give --device cpu";
    let one = |(device, worked): (DeviceChoice, Result<(), String>)| match worked {
        Ok(()) => DoctorCheck::ok(name, format!("{device} works")),
        Err(problem) if is_auto => DoctorCheck::warn(name, format!("{device} does not work: {problem}"), remedy),
        Err(problem) => DoctorCheck::fail(name, format!("{device} does not work: {problem}"), remedy),
    };
    models::try_devices(models).into_iter().map(one).collect()
}

/// Checks that a library loads and supports the configured device.
fn check_library(settings: &Settings) -> DoctorCheck {
    let name = "onnx runtime";
    let is_configured = matches!(settings.pipeline.embedder, Some(EmbedderChoice::Model(_)));
    match models::load_library(&settings.models) {
        Ok((path, version, providers)) => {
            let message = format!("{} {version} loads; built for {}", path.display(), join_providers(&providers));
            match &settings.models.device {
                DeviceChoice::Named { provider, .. } if !providers.contains(provider) => DoctorCheck::fail(
                    name,
                    format!("{message}; --device {} is not among them", settings.models.device),
                    "install the ONNX Runtime of that device (CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'), or give another --device",
                ),
                DeviceChoice::Auto if !providers.contains(&Provider::Cuda) => {
                    match models::first_visible_gpu(&settings.models) {
                        Some(gpu) => DoctorCheck::warn(
                            name,
                            format!("{message}; it cannot use the {gpu} of this machine"),
                            "pip install 'onnxruntime-gpu[cuda,cudnn]'",
                        ),
                        None => DoctorCheck::ok(name, message),
                    }
                }
                _ => DoctorCheck::ok(name, message),
            }
        }
        Err(error) => {
            let remedy = "pip install onnxruntime (with an NVIDIA GPU: 'onnxruntime-gpu[cuda,cudnn]'), or set CODESCRY_ORT_LIB to its library";
            match (is_configured || settings.models.library.named.is_some(), error.to_string()) {
                (true, message) => DoctorCheck::fail(name, message, remedy),
                (false, _) => DoctorCheck::ok(
                    name,
                    "not found; the built-in model does not need it (for other models: pip install onnxruntime)",
                ),
            }
        }
    }
}
