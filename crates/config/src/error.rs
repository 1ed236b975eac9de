//! The reasons why options cannot be turned into settings.

use std::path::{Display, Path, PathBuf};

/// The reason why options cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder does not exist or cannot be opened.
    #[error("cannot open {path}: {source}; give a folder that exists")]
    Root { path: PathBuf, source: std::io::Error },
    /// The path does not lead to a folder.
    #[error("{path} is not a folder; give the folder that contains it ({})", containing_folder(.path))]
    NotAFolder { path: PathBuf },
    /// A command on a collection names a folder.
    #[error(
        "a collection is searched without a folder; leave out {path}, or leave out --collection to search that folder"
    )]
    CollectionFolder { path: PathBuf },
    /// The working folder cannot be determined, such as after its removal.
    #[error("cannot determine the working folder: {0}; change to a folder that exists")]
    WorkingFolder(std::io::Error),
    /// The home folder cannot be determined.
    #[error("cannot determine the home folder: {0}; set HOME")]
    HomeFolder(String),
    /// The system does not report the program's file.
    #[error("cannot determine the path of this program: {0}; start it by its full path")]
    Program(std::io::Error),
    /// `--token-file` cannot be read.
    #[error("cannot read the token in {path}: {source}; give a file that contains the token")]
    TokenFile { path: PathBuf, source: std::io::Error },
    /// The file of `--token-file` contains only white space.
    #[error("{path} contains no token; write one into it, such as the output of `openssl rand -hex 32`")]
    NoTokenInFile { path: PathBuf },
    /// `--trust-base` without a published index.
    #[error("--trust-base answers from a published index; name its location with --base (CODESCRY_BASE)")]
    NothingTrusted,
    /// `--in-place` without a published index.
    #[error("--in-place reads a published index; name its location with --base and --trust-base, or with --collection")]
    NothingInPlace,
    /// The user's settings cannot be read.
    #[error("cannot read {path}: {source}; check its permissions")]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A line of the user's settings is wrong.
    #[error("{path}:{line}: {problem}")]
    Invalid { path: PathBuf, line: usize, problem: String },
    /// The user's settings have no such group.
    #[error("there is no group {name}; {known}")]
    UnknownGroup { name: String, known: String },
    /// A variable is not a whole number above zero.
    #[error("{name}={value} is not a whole number above zero; correct or unset it")]
    Number { name: &'static str, value: String },
    /// A variable has an invalid value.
    #[error("{name}={value}: {problem}; correct or unset it")]
    Value { name: &'static str, value: String, problem: String },
    /// The memory limit is too low.
    #[error("--max-memory is too low for indexing: {given} bytes; give at least {}MiB", .least >> 20)]
    Memory { given: u64, least: u64 },
    /// The user's data or cache folder is unknown, and none is given.
    #[error("cannot determine the user's data and cache folders: {0}; give --index-dir and --cache-dir")]
    DataFolder(String),
}

/// Returns the folder of a path, for a message.
fn containing_folder(path: &Path) -> Display<'_> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).display()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_place_of_a_folder_is_answered_with_its_folder() {
        for (path, folder) in [("c.py", "."), ("src/c.py", "src"), ("/c.py", "/")] {
            let message = ConfigError::NotAFolder { path: path.into() }.to_string();
            assert_eq!(message, format!("{path} is not a folder; give the folder that contains it ({folder})"));
        }
    }
}
