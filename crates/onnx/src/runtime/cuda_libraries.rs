//! Loading of the CUDA libraries that `pip` installs beside ONNX Runtime.
//!
//! ONNX Runtime's CUDA provider finds its libraries only on the system loader's search path, which does not include
//! Python packages. Libraries that are already loaded are used, regardless of their folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Name prefixes of the CUDA libraries that the provider links to. These load their own dependencies.
const LIBRARY_PREFIXES: [&str; 8] = ["cudart", "nvJitLink", "nvrtc", "cublasLt", "cublas", "cufft", "curand", "cudnn"];

/// Loads the CUDA libraries in the `nvidia` folder beside the Python package that contains `library`.
///
/// Libraries that fail to load are skipped: the error of opening a CUDA session then names the missing library.
pub fn preload_cuda_libraries(library: &Path) {
    // A loaded library serves the whole process.
    static LOADED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut remaining = cuda_libraries_beside(library);
    remaining.retain(|path| !loaded.contains(path));
    // Libraries depend on each other in no known order: repeat while at least one more loads.
    loop {
        let before = remaining.len();
        remaining.retain(|path| match ort::util::preload_dylib(path) {
            Ok(()) => {
                loaded.push(path.clone());
                false
            }
            Err(error) => {
                tracing::debug!("cannot load {}: {error}", path.display());
                true
            }
        });
        if remaining.is_empty() || remaining.len() == before {
            return;
        }
    }
}

/// Lists the CUDA libraries below `site-packages/nvidia`, given
/// `site-packages/onnxruntime/capi/libonnxruntime.so.1`. CUDA 13 has most of them in `cu13/lib`; earlier
/// versions have a folder for each library.
fn cuda_libraries_beside(library: &Path) -> Vec<PathBuf> {
    let Some(packages) = library.ancestors().nth(3) else { return Vec::new() };
    let entries = |folder: PathBuf| {
        let read = fs::read_dir(folder).into_iter().flatten();
        let mut paths: Vec<PathBuf> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
    };
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let has_prefix = |prefix: &&str| {
            name.strip_prefix("lib")
                .and_then(|name| name.strip_prefix(*prefix))
                .is_some_and(|rest| rest.starts_with(".so."))
                || (cfg!(windows) && name.starts_with(*prefix) && name.ends_with(".dll"))
        };
        LIBRARY_PREFIXES.iter().any(has_prefix)
    };
    let parts = entries(packages.join("nvidia")).into_iter();
    let folders = parts.flat_map(|part| [part.join("lib"), part.join("bin")]);
    folders.flat_map(entries).filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_cuda_13_and_cuda_12_packages() {
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
        let expected: Vec<PathBuf> = [files[0], files[1], files[3], files[5]].map(|file| root.path().join(file)).into();
        assert_eq!(cuda_libraries_beside(&library), expected, "only libraries that the provider links to");
        assert!(cuda_libraries_beside(Path::new("libonnxruntime.so")).is_empty());
    }
}
