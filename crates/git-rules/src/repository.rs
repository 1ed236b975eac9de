//! A repository of git: the paths that it tracks, and whether another repository is a copy of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::files::GitFiles;
use crate::index::TrackedPaths;
use platform::open::read_small_file;
use types::{CopyKind, FileStat};

/// Maximum size of git's index, in bytes: some three million files.
pub const MAX_INDEX_BYTES: u64 = 512 << 20;

/// Maximum number of indexes that are kept in memory.
const MAX_CACHED: usize = 8;

/// A repository, and the one around it.
pub struct Repository {
    /// The top of its working tree.
    pub top: PathBuf,
    files: GitFiles,
    tracked: Option<Arc<TrackedPaths>>,
    above: Option<Arc<Repository>>,
}

/// An index that was read: the path and the metadata of its file, and the paths in it.
type CachedIndex = (PathBuf, FileStat, Arc<TrackedPaths>);

/// The indexes that were read last, so that a walk of a few files does not read the same one again.
static INDEXES: Mutex<Vec<CachedIndex>> = Mutex::new(Vec::new());

impl Repository {
    /// Opens the repository at `top`, below `above`. If its index cannot be used, also returns the reason; git then
    /// counts as tracking no path.
    pub fn open(top: &Path, files: GitFiles, above: Option<Arc<Self>>) -> (Self, Option<String>) {
        let (tracked, fault) = match read_index(&files) {
            Ok(tracked) => (tracked, None),
            Err(message) => (None, Some(message)),
        };
        (Self { top: top.to_owned(), files, tracked, above }, fault)
    }

    /// Returns whether git tracks the file, or a file below the folder, at `path` relative to the top. False if the
    /// index is missing or cannot be used.
    pub fn tracks(&self, path: &[u8], is_dir: bool) -> bool {
        let Some(tracked) = &self.tracked else { return false };
        tracked.has(path) || (is_dir && tracked.has_below(path))
    }

    /// Returns whether git tracks a submodule at `path`.
    pub fn has_submodule(&self, path: &[u8]) -> bool {
        self.tracked.as_ref().is_some_and(|tracked| tracked.is_submodule(path))
    }

    /// Returns how the repository at `folder`, below this one, is a copy of this one or of one around it; `None` if it
    /// is not, or there is no repository or its `.git` cannot be read.
    pub fn copy_kind(&self, folder: &Path) -> Option<CopyKind> {
        let files = GitFiles::find(folder).ok()??;
        let mut around = std::iter::successors(Some(self), |repository| repository.above.as_deref());
        around.find_map(|repository| repository.files.copy_kind(&repository.top, &files))
    }
}

/// Returns whether the repository at `folder` is a worktree of one whose main working tree is another folder, `root`
/// or one below it.
pub fn is_worktree_of_another(root: &Path, folder: &Path) -> bool {
    let Ok(Some(files)) = GitFiles::find(folder) else { return false };
    files.main_tree().is_some_and(|main| main != folder && main.starts_with(root))
}

/// The state of git's index of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedState {
    /// The file of the index, which need not exist.
    pub file: PathBuf,
    /// A hash of the paths in it; `None` if it is missing or cannot be used.
    pub digest: Option<u64>,
}

/// Returns the state of git's index of the repository whose working tree begins at `top`; `None` if there is no
/// repository, or its `.git` cannot be read.
pub fn read_tracked_state(top: &Path) -> Option<TrackedState> {
    let files = GitFiles::find(top).ok()??;
    let digest = read_index(&files).ok().flatten().map(|tracked| tracked.digest());
    Some(TrackedState { file: files.index_file(), digest })
}

/// Reads the index of a repository; `None` if it has none. An error is a message that names the file.
fn read_index(files: &GitFiles) -> Result<Option<Arc<TrackedPaths>>, String> {
    let file = files.index_file();
    let stat = match file.symlink_metadata() {
        Ok(metadata) => FileStat::from_metadata(&metadata),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let mut indexes = INDEXES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, tracked)) = indexes.iter().find(|(path, known, _)| *path == file && *known == stat) {
        return Ok(Some(Arc::clone(tracked)));
    }
    let bytes = read_small_file(&file, MAX_INDEX_BYTES).map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = TrackedPaths::parse(&bytes, files.hash_bytes());
    let parsed = parsed.map_err(|fault| format!("{}: {fault}", file.display()))?;
    // Worktrees of one repository usually track the same paths.
    let same = indexes.iter().map(|(.., tracked)| tracked).find(|tracked| ***tracked == parsed);
    let tracked = same.map_or_else(|| Arc::new(parsed), Arc::clone);
    indexes.retain(|(path, ..)| *path != file);
    if indexes.len() >= MAX_CACHED {
        indexes.remove(0);
    }
    indexes.push((file, stat, Arc::clone(&tracked)));
    Ok(Some(tracked))
}
