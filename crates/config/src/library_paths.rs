//! The search paths of ONNX Runtime's library.

use std::env;
use std::path::PathBuf;

use super::environment::UserEnvironment;
use super::variables::variable_path;

/// The search paths of ONNX Runtime's library, in search order.
#[derive(Clone, Debug, Default)]
pub struct LibrarySearchPaths {
    /// `CODESCRY_ORT_LIB`: a file or a folder. If set, no other path is searched.
    pub named: Option<PathBuf>,
    /// The folder of this program.
    pub program: Option<PathBuf>,
    /// The folders of `$LD_LIBRARY_PATH` or its counterpart, then the system's own.
    pub system: Vec<PathBuf>,
    /// Folders of Python packages.
    pub python: Vec<PathBuf>,
}

impl LibrarySearchPaths {
    /// Returns the search paths of this machine.
    pub(crate) fn detect(user: &UserEnvironment) -> Self {
        let program = user.program.canonicalize().unwrap_or_else(|_| user.program.clone());
        Self {
            named: variable_path("CODESCRY_ORT_LIB"),
            program: program.parent().map(PathBuf::from),
            system: loader_folders(),
            python: python_package_folders(user),
        }
    }
}

/// Returns the folders of [`LibrarySearchPaths::system`].
fn loader_folders() -> Vec<PathBuf> {
    let (variable, folders): (&str, &[&str]) = if cfg!(windows) {
        ("PATH", &["C:\\Program Files\\onnxruntime\\lib"])
    } else if cfg!(target_os = "macos") {
        ("DYLD_LIBRARY_PATH", &["/opt/homebrew/lib", "/usr/local/lib", "/usr/lib"])
    } else {
        let folders = &[
            "/usr/local/lib",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/opt/onnxruntime/lib",
        ];
        ("LD_LIBRARY_PATH", folders)
    };
    let named = env::var_os(variable).unwrap_or_default();
    let named = env::split_paths(&named).filter(|folder| folder.is_absolute());
    unique_folders(named.chain(folders.iter().map(PathBuf::from)))
}

/// Returns the existing folders of Python packages, of the active environment, the interpreters on `$PATH`, the
/// user and the system, in this order.
fn python_package_folders(user: &UserEnvironment) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable_path).collect();
    for name in ["python3", "python"] {
        let found = user.find_on_path(name);
        prefixes.extend(found.iter().filter_map(|python| python.parent()?.parent()).map(PathBuf::from));
        let real = found.and_then(|python| python.canonicalize().ok());
        prefixes.extend(real.iter().filter_map(|python| python.parent()?.parent()).map(PathBuf::from));
    }
    prefixes.extend([user.home.join(".local"), "/usr/local".into(), "/usr".into()]);
    let mut folders = Vec::new();
    for prefix in prefixes {
        folders.push(prefix.join("Lib").join("site-packages"));
        for lib in ["lib", "lib64"] {
            let Ok(entries) = std::fs::read_dir(prefix.join(lib)) else { continue };
            let is_python =
                |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
            let mut pythons: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_python).collect();
            pythons.sort();
            for python in pythons.into_iter().rev() {
                folders.extend([python.join("site-packages"), python.join("dist-packages")]);
            }
        }
    }
    unique_folders(folders.into_iter().filter(|folder| folder.is_dir()))
}

/// Returns the folders in order, each only once even if several paths lead to it.
fn unique_folders(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    folders.filter(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone()))).collect()
}
