//! CUDA's libraries as `pip` installs them beside ONNX Runtime.
//!
//! The provider's library looks for them nowhere but where the loader does. Those that are loaded
//! already it takes, whatever folder they are from. Must never import anything of this crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What the provider wants of CUDA, by the beginnings of their names: the rest finds its own kind.
const WANTED: [&str; 8] = ["cudart", "nvJitLink", "nvrtc", "cublasLt", "cublas", "cufft", "curand", "cudnn"];

/// Loads what stands in the folder `nvidia` beside the Python package that `library` is of. What does
/// not load is missed, and named, by the provider.
pub fn preload(library: &Path) {
    static LOADED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut left = beside(library);
    left.retain(|path| !loaded.contains(path));
    // Some need others: what does not load yet is tried again after the others.
    loop {
        let before = left.len();
        left.retain(|path| match ort::util::preload_dylib(path) {
            Ok(()) => {
                loaded.push(path.clone());
                false
            }
            Err(error) => {
                tracing::debug!("cannot load {}: {error}", path.display());
                true
            }
        });
        if left.is_empty() || left.len() == before {
            return;
        }
    }
}

/// CUDA's libraries below `site-packages/nvidia`, of `site-packages/onnxruntime/capi/libonnxruntime.so.1`:
/// in `cu13/lib` and `cudnn/lib` for CUDA 13, in a folder each before.
fn beside(library: &Path) -> Vec<PathBuf> {
    let Some(packages) = library.ancestors().nth(3) else { return Vec::new() };
    let entries = |folder: PathBuf| {
        let read = fs::read_dir(folder).into_iter().flatten();
        let mut paths: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
    };
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_of = |wanted: &&str| {
            name.strip_prefix("lib")
                .and_then(|name| name.strip_prefix(*wanted))
                .is_some_and(|rest| rest.starts_with(".so."))
                || (cfg!(windows) && name.starts_with(*wanted) && name.ends_with(".dll"))
        };
        WANTED.iter().any(is_of)
    };
    let parts = entries(packages.join("nvidia")).into_iter();
    let folders = parts.flat_map(|part| [part.join("lib"), part.join("bin")]);
    folders.flat_map(entries).filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_the_packages_of_both_generations() {
        let root = tempfile::tempdir().expect("a folder");
        let library = root.path().join("onnxruntime/capi/libonnxruntime.so.1.31.1");
        let files = [
            "nvidia/cu13/lib/libcublas.so.13",
            "nvidia/cu13/lib/libcublasLt.so.13",
            "nvidia/cu13/lib/libnvblas.so.13",
            "nvidia/cudnn/lib/libcudnn.so.9",
            "nvidia/cudnn/lib/libcudnn_graph.so.9",
            "nvidia/curand/lib/libcurand.so.10",
            "nvidia/cuda_runtime/include/cuda.h",
        ];
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "").expect("written");
        }
        let found: Vec<PathBuf> = [files[0], files[1], files[3], files[5]].map(|file| root.path().join(file)).into();
        assert_eq!(beside(&library), found, "what it wants, and nothing that those load themselves");
        assert!(beside(Path::new("libonnxruntime.so")).is_empty());
    }
}
