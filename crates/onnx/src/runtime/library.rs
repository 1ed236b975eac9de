//! Search for the ONNX Runtime library, and loading of it, once per process.
//!
//! Locations are inspected without executing anything in them. The first library that loads stays loaded
//! until the process ends.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use config::{LibrarySearchPaths, Provider};
use embed::EmbedError;
use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider as _};

/// The remedy named in the error for a library that does not load.
const REMEDY: &str =
    "install ONNX Runtime 1.17 or newer for this machine (`pip install onnxruntime`), or set CODESCRY_ORT_LIB";

/// The ONNX Runtime library that this process has loaded.
pub struct OrtLibrary {
    pub path: PathBuf,
    /// The version in the name of its file or Python package; empty if neither has one.
    pub version: String,
    /// The execution providers that the library was built with. They may still fail to run.
    pub providers: Vec<Provider>,
    pub(crate) environment: Environment,
}

/// A location that was searched for the ONNX Runtime library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryLocation {
    /// The rule that names this location, for messages: `beside the program`, …
    pub rule: &'static str,
    pub folder: PathBuf,
    /// The library file in this location, if there is one.
    pub file: Option<PathBuf>,
    /// The version in the name of the library file or its Python package.
    pub version: Option<String>,
    /// The CPU, and the providers whose libraries are in the same folder. Empty without a library file.
    pub providers: Vec<Provider>,
}

/// The loaded library. It is global because `ort` can load one library per process.
static LOADED: OnceLock<OrtLibrary> = OnceLock::new();

/// Held while a library is being loaded.
static LOADING: Mutex<()> = Mutex::new(());

/// Returns the ONNX Runtime library, loading it first if necessary.
///
/// Locations are tried in the order of [`preferred_locations`]. After a failure, the next call searches again, because
/// a library may be installed while a server runs. The error message names `model` as the model that needs the library.
///
/// # Errors
/// Fails if no library is found, or if none of the found libraries loads.
pub fn load_ort_library(
    places: &LibrarySearchPaths,
    wanted: Option<Provider>,
    model: &str,
) -> Result<&'static OrtLibrary, EmbedError> {
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = LOADED.get() {
        return Ok(library);
    }
    let locations = preferred_locations(places, wanted);
    let mut failed = None;
    for location in &locations {
        let Some(path) = &location.file else { continue };
        match init_environment(path) {
            Ok(environment) => {
                let version = location.version.clone().unwrap_or_default();
                let providers = Provider::ALL.into_iter().filter(|provider| is_available(*provider)).collect();
                return Ok(LOADED.get_or_init(|| OrtLibrary { path: path.clone(), version, providers, environment }));
            }
            Err(problem) => {
                tracing::debug!("cannot use {}: {problem}", path.display());
                failed.get_or_insert(EmbedError::Library { path: path.clone(), problem, remedy: REMEDY });
            }
        }
    }
    Err(match (failed, &places.named) {
        (Some(failed), _) => failed,
        (None, Some(named)) => EmbedError::Library {
            path: named.clone(),
            problem: "there is no such library".to_owned(),
            remedy: "correct or unset CODESCRY_ORT_LIB",
        },
        (None, None) => EmbedError::NoLibrary { model: model.to_owned(), searched: describe_search(&locations) },
    })
}

/// Returns the library, if one is loaded.
pub fn loaded_library() -> Option<&'static OrtLibrary> {
    LOADED.get()
}

/// Lists the rules of the locations that were searched, for an error message.
fn describe_search(locations: &[LibraryLocation]) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for location in locations {
        if !rules.contains(&location.rule) {
            rules.push(location.rule);
        }
    }
    format!("looked {}", rules.join(", "))
}

/// Inspects all locations and returns them in the order in which [`load_ort_library`] tries them: locations with
/// files for the provider `wanted` come first.
pub fn preferred_locations(places: &LibrarySearchPaths, wanted: Option<Provider>) -> Vec<LibraryLocation> {
    let mut locations = inspect_locations(places);
    if let Some(wanted) = wanted {
        locations.sort_by_key(|location| !location.providers.contains(&wanted));
    }
    locations
}

/// Inspects all locations: only `CODESCRY_ORT_LIB` if it is set, otherwise the program's folder, the system's
/// library folders and Python's packages.
pub fn inspect_locations(places: &LibrarySearchPaths) -> Vec<LibraryLocation> {
    if let Some(named) = &places.named {
        return vec![inspect_location("by CODESCRY_ORT_LIB", named)];
    }
    let program = places.program.iter().flat_map(|folder| [folder.clone(), folder.join("lib")]);
    let program = program.map(|folder| inspect_location("beside the program", &folder));
    let system = places.system.iter().map(|folder| inspect_location("in the system's folders", folder));
    let python = places
        .python
        .iter()
        .map(|folder| inspect_location("in Python's packages", &folder.join("onnxruntime").join("capi")));
    program.chain(system).chain(python).collect()
}

/// Inspects a folder or a library file.
fn inspect_location(rule: &'static str, path: &Path) -> LibraryLocation {
    let (folder, file) = if path.is_dir() {
        (path.to_owned(), newest_library(path))
    } else {
        (path.parent().unwrap_or(path).to_owned(), Some(path.to_owned()).filter(|file| file.is_file()))
    };
    let version = file.as_deref().and_then(library_version);
    let providers = if file.is_some() { providers_beside(&folder) } else { Vec::new() };
    LibraryLocation { rule, folder, file, version, providers }
}

/// Returns the ONNX Runtime library in a folder: the file without a version in its name, or otherwise the newest
/// version.
fn newest_library(folder: &Path) -> Option<PathBuf> {
    let (prefix, exact) = if cfg!(windows) {
        ("onnxruntime.dll", "onnxruntime.dll")
    } else if cfg!(target_os = "macos") {
        ("libonnxruntime.", "libonnxruntime.dylib")
    } else {
        ("libonnxruntime.so.", "libonnxruntime.so")
    };
    let exact = folder.join(exact);
    if exact.is_file() {
        return Some(exact);
    }
    let numbers = |path: &PathBuf| -> Vec<u32> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name[prefix.len()..].split('.').filter_map(|part| part.parse().ok()).collect()
    };
    let entries = fs::read_dir(folder).ok()?;
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(prefix) && (!cfg!(target_os = "macos") || name.ends_with(".dylib"))
    };
    let found = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_library);
    found.max_by_key(numbers)
}

/// Returns the version in a library's file name, such as `1.32.0` for `libonnxruntime.so.1.32.0`, or the version of the
/// Python package that contains it.
fn library_version(library: &Path) -> Option<String> {
    let real = library.canonicalize().ok()?;
    let name = real.file_name()?.to_string_lossy().into_owned();
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let digits = digits.trim_end_matches(".dylib").trim_end_matches(".dll");
    if digits.contains('.') {
        return Some(digits.to_owned());
    }
    let packages = real.parent()?.parent()?.parent()?;
    let package_version = |name: String| {
        let rest = name.strip_prefix("onnxruntime")?.strip_suffix(".dist-info")?;
        rest.rsplit_once('-').map(|(_, version)| version.to_owned())
    };
    let mut names = fs::read_dir(packages).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find_map(package_version)
}

/// Lists the providers whose libraries are in `folder`, and the CPU.
fn providers_beside(folder: &Path) -> Vec<Provider> {
    let names = [
        (Provider::Cuda, "cuda"),
        (Provider::TensorRt, "tensorrt"),
        (Provider::Rocm, "rocm"),
        (Provider::MiGraphX, "migraphx"),
        (Provider::OpenVino, "openvino"),
    ];
    let is_there = |name: &str| {
        let files = [
            format!("libonnxruntime_providers_{name}.so"),
            format!("libonnxruntime_providers_{name}.dylib"),
            format!("onnxruntime_providers_{name}.dll"),
        ];
        files.iter().any(|file| folder.join(file).is_file())
    };
    let direct_ml = folder.join("DirectML.dll").is_file().then_some(Provider::DirectMl);
    let named = names.into_iter().filter(|(_, name)| is_there(name)).map(|(provider, _)| provider);
    named.chain(direct_ml).chain([Provider::Cpu]).collect()
}

/// Loads a library and creates its environment. Telemetry, which is on by default, is turned off.
fn init_environment(path: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|error| {
        // The loader's message is in the error's source.
        let inner = match &error {
            ort::LoadDynamicError::Dlopen { error, .. } => {
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            }
            ort::LoadDynamicError::MissingApi { .. } => "it is a library, but not ONNX Runtime".to_owned(),
            ort::LoadDynamicError::BadVersion { version_str, .. } => {
                format!("its version is {version_str}, and 1.{}.0 or newer is needed", ort::MINOR_VERSION)
            }
            other => other.to_string(),
        };
        inner.trim().to_owned()
    })?;
    builder.with_name("codescry").with_telemetry(false).build().map_err(|error| error.to_string())
}

/// Returns whether the loaded library was built with a provider.
fn is_available(provider: Provider) -> bool {
    let available = match provider {
        Provider::Cpu => Ok(true),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::Rocm => ep::ROCm::is_available(),
        Provider::MiGraphX => ep::MIGraphX::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
    };
    available.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_inspected_without_loading_anything() {
        let root = tempfile::tempdir().expect("a folder");
        let capi = root.path().join("site-packages/onnxruntime/capi");
        fs::create_dir_all(&capi).expect("made");
        fs::create_dir(root.path().join("site-packages/onnxruntime_gpu-1.26.1.dist-info")).expect("made");
        let name = if cfg!(windows) {
            "onnxruntime.dll"
        } else if cfg!(target_os = "macos") {
            "libonnxruntime.dylib"
        } else {
            "libonnxruntime.so"
        };
        fs::write(capi.join(name), "not a library").expect("written");
        fs::write(capi.join("libonnxruntime_providers_cuda.so"), "").expect("written");
        let places = LibrarySearchPaths {
            system: vec![root.path().join("none")],
            python: vec![root.path().join("site-packages")],
            ..LibrarySearchPaths::default()
        };
        let locations = inspect_locations(&places);
        assert_eq!((locations.len(), locations[0].file.as_ref()), (2, None));
        assert_eq!(locations[1].version.as_deref(), Some("1.26.1"));
        assert_eq!(locations[1].providers, [Provider::Cuda, Provider::Cpu]);
        let system = root.path().join("lib");
        fs::create_dir(&system).expect("made");
        fs::write(system.join(name), "not a library either").expect("written");
        let places = LibrarySearchPaths { system: vec![system.clone()], ..places };
        let first = |wanted| preferred_locations(&places, wanted)[0].folder.clone();
        assert_eq!((first(None), first(Some(Provider::Rocm))), (system.clone(), system));
        assert_eq!(first(Some(Provider::Cuda)), capi, "the location with CUDA comes first");
        let named = LibrarySearchPaths { named: Some(root.path().join("none")), ..places };
        assert_eq!(inspect_locations(&named).len(), 1, "CODESCRY_ORT_LIB is the only location");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_newest_of_several_libraries_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        for version in ["1.9.0", "1.32.0", "1.4.1"] {
            fs::write(root.path().join(format!("libonnxruntime.so.{version}")), "").expect("written");
        }
        let found = newest_library(root.path()).expect("there are three");
        assert_eq!(library_version(&found).as_deref(), Some("1.32.0"));
    }
}
