//! Git's own files that affect ignore rules: `info/exclude`, and the setting `core.ignoreCase`.
//!
//! The settings are read by `config`. The files may be outside of the root: those of a worktree are in its main repository. Each is read up to a limit.
//! Hooks and other settings of a repository are not used. In particular, its `core.excludesFile` is not, because it can
//! name any file of the machine; the one of the user is.

use std::io;
use std::path::{Path, PathBuf};

use config::GitSetting;
use platform::open::read_small_file;

/// Maximum size in bytes of the files that contain one path: `.git` and `commondir`.
const MAX_POINTER_BYTES: u64 = 64 << 10;

/// Maximum size of git's settings, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The files of a repository.
pub(super) struct GitFiles {
    /// The folder shared by all worktrees.
    folder: PathBuf,
}

impl GitFiles {
    /// Finds the files of the repository whose working tree begins at `top`, also if `.git` is a file that points
    /// elsewhere. Returns `None` if there is no repository.
    ///
    /// # Errors
    /// When `.git` or `commondir` cannot be read or is too large.
    pub fn find(top: &Path) -> io::Result<Option<Self>> {
        let git = top.join(".git");
        // Git's folders may be links, as in checkouts made by Android's `repo`.
        let Ok(git) = git.canonicalize() else { return Ok(None) };
        if !git.is_file() {
            return Ok(Some(Self { folder: git }));
        }
        let text = read_pointer(&git)?;
        let Some(folder) = text.strip_prefix("gitdir:") else { return Ok(None) };
        let Ok(folder) = top.join(folder.trim()).canonicalize() else { return Ok(None) };
        let common = folder.join("commondir");
        let common = if common.is_file() { folder.join(read_pointer(&common.canonicalize()?)?.trim()) } else { folder };
        Ok(common.canonicalize().ok().map(|folder| Self { folder }))
    }

    /// Returns the path of `info/exclude`, which need not exist.
    pub fn exclude_file(&self) -> PathBuf {
        // The file itself must not be a link, but its folder may be one.
        self.folder.join("info").canonicalize().unwrap_or_else(|_| self.folder.join("info")).join("exclude")
    }

    /// Returns whether upper and lower case of names are equal. An unreadable setting counts as missing.
    pub fn ignores_case(&self) -> bool {
        let config = self.folder.join("config").canonicalize();
        let text = config.and_then(|file| read_small_file(&file, MAX_CONFIG_BYTES)).unwrap_or_default();
        let settings = GitSetting::parse_all(&String::from_utf8_lossy(&text));
        settings.iter().rfind(|setting| setting.name == "core.ignorecase").is_some_and(GitSetting::is_true)
    }
}

/// Reads one of git's files that contain a path.
fn read_pointer(file: &Path) -> io::Result<String> {
    let text = read_small_file(file, MAX_POINTER_BYTES)?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}
