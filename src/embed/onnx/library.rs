//! Finding ONNX Runtime's library and loading it, once a process.
//!
//! A place is looked at without running anything in it; the first library that loads is kept for as
//! long as the process. Must never import: anything of this crate but `config` and `embed`.

use std::error::Error as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::ep::{self, ExecutionProvider as _};

use crate::config::{LibraryPlaces, Provider};
use crate::embed::EmbedError;

/// What to do about a library that does not load.
const REMEDY: &str =
    "install ONNX Runtime 1.17 or newer for this machine (`pip install onnxruntime`), or set CODESCRY_ORT_LIB";

/// The library of this process.
pub struct Library {
    pub path: PathBuf,
    /// Of its file or package; empty where neither says.
    pub version: String,
    /// What it was built for. Whether it works is another matter.
    pub providers: Vec<Provider>,
    pub(super) environment: Environment,
}

/// A place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Why it was looked at: `CODESCRY_ORT_LIB`, `beside the program`, …
    pub why: &'static str,
    pub folder: PathBuf,
    /// The library there.
    pub found: Option<PathBuf>,
    /// Its version, as its file or its package says.
    pub version: Option<String>,
    /// The providers whose own libraries stand beside it.
    pub providers: Vec<Provider>,
}

static LOADED: OnceLock<Library> = OnceLock::new();

/// Held while a library is loaded: only one can be.
static LOADING: Mutex<()> = Mutex::new(());

/// The library, loaded now if it was not yet: of those that load, the first with files for `wanted`, or
/// the first. A failure is not kept: what was missing may be installed while a server runs.
///
/// # Errors
/// When there is none, or the one that was named does not load.
pub fn load(places: &LibraryPlaces, wanted: Option<Provider>, model: &str) -> Result<&'static Library, EmbedError> {
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = LOADED.get() {
        return Ok(library);
    }
    let looked = in_order(places, wanted);
    let mut failed = None;
    for place in &looked {
        let Some(path) = &place.found else { continue };
        match open(path) {
            Ok(environment) => {
                let version = place.version.clone().unwrap_or_default();
                let providers = Provider::ALL.into_iter().filter(|provider| has(*provider)).collect();
                return Ok(LOADED.get_or_init(|| Library { path: path.clone(), version, providers, environment }));
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
        (None, None) => EmbedError::NoLibrary { model: model.to_owned(), looked: in_short(&looked) },
    })
}

/// The library, if one is loaded.
pub fn loaded() -> Option<&'static Library> {
    LOADED.get()
}

fn in_short(looked: &[Place]) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for place in looked {
        if !kinds.contains(&place.why) {
            kinds.push(place.why);
        }
    }
    format!("looked {}", kinds.join(", "))
}

/// Every place, in the order that [`load`] takes them: one with files for the provider that is wanted
/// comes before those without, which would hide it.
pub fn in_order(places: &LibraryPlaces, wanted: Option<Provider>) -> Vec<Place> {
    let mut looked = look(places);
    if let Some(wanted) = wanted {
        looked.sort_by_key(|place| !place.providers.contains(&wanted));
    }
    looked
}

/// Every place, in the order that they are looked at.
pub fn look(places: &LibraryPlaces) -> Vec<Place> {
    if let Some(named) = &places.named {
        return vec![look_at("by CODESCRY_ORT_LIB", named)];
    }
    let program = places.program.iter().flat_map(|folder| [folder.clone(), folder.join("lib")]);
    let program = program.map(|folder| look_at("beside the program", &folder));
    let system = places.system.iter().map(|folder| look_at("in the system's folders", folder));
    let python =
        places.python.iter().map(|folder| look_at("in Python's packages", &folder.join("onnxruntime").join("capi")));
    program.chain(system).chain(python).collect()
}

fn look_at(why: &'static str, at: &Path) -> Place {
    let (folder, found) = if at.is_dir() {
        (at.to_owned(), library_in(at))
    } else {
        (at.parent().unwrap_or(at).to_owned(), Some(at.to_owned()).filter(|file| file.is_file()))
    };
    let version = found.as_deref().and_then(version_of);
    let providers = if found.is_some() { providers_beside(&folder) } else { Vec::new() };
    Place { why, folder, found, version, providers }
}

/// The library in a folder; where there are several, the newest.
fn library_in(folder: &Path) -> Option<PathBuf> {
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
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(prefix) && (!cfg!(target_os = "macos") || name.ends_with(".dylib"))
    };
    let found = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named);
    found.max_by_key(numbers)
}

/// `1.32.0` of `libonnxruntime.so.1.32.0`, or of the Python package around it.
fn version_of(library: &Path) -> Option<String> {
    let real = library.canonicalize().ok()?;
    let name = real.file_name()?.to_string_lossy().into_owned();
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let digits = digits.trim_end_matches(".dylib").trim_end_matches(".dll");
    if digits.contains('.') {
        return Some(digits.to_owned());
    }
    let packages = real.parent()?.parent()?.parent()?;
    let of_package = |name: String| {
        let rest = name.strip_prefix("onnxruntime")?.strip_suffix(".dist-info")?;
        rest.rsplit_once('-').map(|(_, version)| version.to_owned())
    };
    let mut names = fs::read_dir(packages).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find_map(of_package)
}

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

/// Loads a library and begins with it. Telemetry, which is on by default, is not wanted.
fn open(path: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(path).map_err(|error| {
        // What the loader says is behind the error, not in it.
        let inner = match &error {
            ort::LoadDynamicError::Dlopen { error, .. } => {
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            }
            ort::LoadDynamicError::MissingApi { .. } => "it is a library, but not ONNX Runtime's".to_owned(),
            ort::LoadDynamicError::BadVersion { version_str, .. } => {
                format!("its version is {version_str}, and 1.{}.0 or newer is needed", ort::MINOR_VERSION)
            }
            other => other.to_string(),
        };
        inner.trim().to_owned()
    })?;
    builder.with_name("codescry").with_telemetry(false).build().map_err(|error| error.to_string())
}

/// Whether the loaded library was built for a provider.
fn has(provider: Provider) -> bool {
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
    fn a_folder_is_looked_at_without_loading_anything() {
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
        let places = LibraryPlaces {
            system: vec![root.path().join("none")],
            python: vec![root.path().join("site-packages")],
            ..LibraryPlaces::default()
        };
        let looked = look(&places);
        assert_eq!((looked.len(), looked[0].found.as_ref()), (2, None));
        assert_eq!(looked[1].version.as_deref(), Some("1.26.1"));
        assert_eq!(looked[1].providers, [Provider::Cuda, Provider::Cpu]);
        let system = root.path().join("lib");
        fs::create_dir(&system).expect("made");
        fs::write(system.join(name), "not a library either").expect("written");
        let places = LibraryPlaces { system: vec![system.clone()], ..places };
        let first = |wanted| in_order(&places, wanted)[0].folder.clone();
        assert_eq!((first(None), first(Some(Provider::Rocm))), (system.clone(), system));
        assert_eq!(first(Some(Provider::Cuda)), capi, "one without CUDA does not hide it");
        let named = LibraryPlaces { named: Some(root.path().join("none")), ..places };
        assert_eq!(look(&named).len(), 1, "what is named is the only place");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_newest_of_several_is_taken() {
        let root = tempfile::tempdir().expect("a folder");
        for version in ["1.9.0", "1.32.0", "1.4.1"] {
            fs::write(root.path().join(format!("libonnxruntime.so.{version}")), "").expect("written");
        }
        let found = library_in(root.path()).expect("there are three");
        assert_eq!(version_of(&found).as_deref(), Some("1.32.0"));
    }
}
