//! The findings and the error of a walk.

use std::io;
use std::path::PathBuf;

use types::{FileStat, RepoPath, SkipReason};

/// A file that a walk does not skip. Its content is not examined yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkEntry {
    pub path: RepoPath,
    pub abs: PathBuf,
    pub stat: FileStat,
}

/// A skipped file, or a skipped folder with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPath {
    pub path: RepoPath,
    pub is_dir: bool,
    pub reason: SkipReason,
}

/// A file that a walk finds, or a path that it skips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkFinding {
    File(WalkEntry),
    Skipped(SkippedPath),
}

/// The error of a walk whose root cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("cannot walk {path}: it does not exist; give an existing folder")]
    Missing { path: PathBuf },
    #[error("cannot walk {path}: it is not a folder; give the folder that contains it")]
    NotAFolder { path: PathBuf },
    #[error("cannot read the folder {path}: {source}; check that you may read it")]
    Unreadable { path: PathBuf, source: io::Error },
}
