//! ONNX Runtime: each place it may be, what is there, and whether it works; and the models.
//!
//! Nothing depends on it but models that are no part of the program, so what is missing is no
//! failure unless such a model was asked for. Must never import: anything of this crate but
//! `config` and `engine`.

use std::time::Instant;

use super::Check;
use crate::config::{DeviceChoice, EmbedderChoice, ModelSettings, Provider, Settings};
use crate::engine::models::{self, Place, Source};

/// Checks the library and the models.
pub(super) fn checks(settings: &Settings) -> Vec<Check> {
    let models = &settings.models;
    let mut checks: Vec<Check> = Vec::new();
    let looked = models::look(models);
    let (found, empty): (Vec<&Place>, Vec<&Place>) = looked.iter().partition(|place| place.found.is_some());
    checks.extend(found.iter().map(|place| place_found(place)));
    if !empty.is_empty() {
        let folders: Vec<String> = empty.iter().map(|place| place.folder.display().to_string()).collect();
        checks.push(Check::ok("onnx places", format!("no ONNX Runtime in {}", folders.join(", "))));
    }
    let begin = Instant::now();
    checks.push(library(settings).since(begin));
    checks.extend(devices(models));
    checks.push(here(models));
    checks
}

fn place_found(place: &Place) -> Check {
    let version = place.version.as_deref().unwrap_or("of an unknown version");
    let providers = words(&place.providers);
    let file = place.found.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    Check::ok("onnx place", format!("{file}, found {}: {version}, with files for {providers}", place.why))
}

fn words(providers: &[Provider]) -> String {
    providers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether what runs a model does: that the library was built for it says little.
fn devices(models: &ModelSettings) -> Vec<Check> {
    let name = "onnx device";
    let is_auto = models.device == DeviceChoice::Auto;
    let remedy =
        "install its driver and libraries (CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'), or give --device cpu";
    let one = |(device, worked): (DeviceChoice, Result<(), String>)| match worked {
        Ok(()) => Check::ok(name, format!("{device} computes")),
        Err(problem) if is_auto => Check::warn(name, format!("{device} does not compute: {problem}"), remedy),
        Err(problem) => Check::fail(name, format!("{device} does not compute: {problem}"), remedy),
    };
    models::try_devices(models).into_iter().map(one).collect()
}

/// Whether the library loads, and has what was asked for.
fn library(settings: &Settings) -> Check {
    let name = "onnx runtime";
    let is_asked = matches!(settings.pipeline.embedder, Some(EmbedderChoice::Model(_)));
    match models::load_library(&settings.models) {
        Ok((path, version, providers)) => {
            let said = format!("{} {version} loads; built for {}", path.display(), words(&providers));
            match &settings.models.device {
                DeviceChoice::Named { provider, .. } if !providers.contains(provider) => Check::fail(
                    name,
                    format!("{said}; --device {} is not among them", settings.models.device),
                    "install the ONNX Runtime of that device (CUDA: pip install 'onnxruntime-gpu[cuda,cudnn]'), or give another --device",
                ),
                DeviceChoice::Auto if !providers.contains(&Provider::Cuda) => match models::gpu(&settings.models) {
                    Some(gpu) => Check::warn(
                        name,
                        format!("{said}; there is an {gpu}, which it cannot use"),
                        "pip install 'onnxruntime-gpu[cuda,cudnn]'",
                    ),
                    None => Check::ok(name, said),
                },
                _ => Check::ok(name, said),
            }
        }
        Err(error) => {
            let remedy = "pip install onnxruntime (with an NVIDIA GPU: 'onnxruntime-gpu[cuda,cudnn]'), or set CODESCRY_ORT_LIB to its library";
            match (is_asked || settings.models.library.named.is_some(), error.to_string()) {
                (true, said) => Check::fail(name, said, remedy),
                (false, _) => {
                    Check::ok(name, "none; the built-in model needs none (for other models: pip install onnxruntime)")
                }
            }
        }
    }
}

fn here(models: &ModelSettings) -> Check {
    let listed = models::list(models);
    let broken = listed.iter().find_map(|model| model.problem.as_ref().filter(|_| model.source == Source::Installed));
    let here: Vec<&str> = listed.iter().filter(|model| model.here.is_some()).map(|model| model.name.as_str()).collect();
    if let Some(problem) = broken {
        return Check::warn("models", problem.clone(), "codescry models install or remove it");
    }
    let folder = models.models_dir.display();
    match here.as_slice() {
        [] => Check::ok("models", format!("the built-in one; no other in {folder}")),
        here => Check::ok("models", format!("the built-in one and {} ({folder})", here.join(", "))),
    }
}
