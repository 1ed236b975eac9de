//! Finds and reads git's own files: `info/exclude`, the index, references, and settings such as `core.ignoreCase`.
//!
//! The crate `config` parses the settings. The files may be outside of the root: those of a worktree are in its main
//! repository. Each has a size limit. Hooks are not used, nor is a repository's `core.excludesFile`, because it can
//! name any file of the machine; the user's is used.

use std::io;
use std::path::{Path, PathBuf};

use config::GitSetting;
use platform::open::read_small_file;
use types::CopyKind;

/// Maximum size in bytes of git's short files: `.git`, `commondir`, `HEAD` and references.
const MAX_POINTER_BYTES: u64 = 64 << 10;

/// Maximum size of a repository's file of settings, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Maximum size of the file of packed references, in bytes.
const MAX_PACKED_REFS_BYTES: u64 = 64 << 20;

/// The folders in which git keeps the files of a repository.
pub struct GitFiles {
    /// The folder of git that all worktrees share.
    folder: PathBuf,
    /// The folder of git for this worktree.
    own: PathBuf,
}

impl GitFiles {
    /// Finds the files of the repository whose working tree begins at `top`, also if `.git` is a file that points
    /// elsewhere. Returns `None` if there is no `.git`, or if it is a file that does not point to an existing folder.
    ///
    /// # Errors
    /// When `.git` or `commondir` cannot be read or is too large.
    pub fn find(top: &Path) -> io::Result<Option<Self>> {
        let git = top.join(".git");
        // Git's folders may be symbolic links, as in checkouts made by Android's `repo`.
        let Ok(git) = git.canonicalize() else { return Ok(None) };
        if !git.is_file() {
            return Ok(Some(Self { folder: git.clone(), own: git }));
        }
        let text = read_pointer(&git)?;
        let Some(folder) = text.strip_prefix("gitdir:") else { return Ok(None) };
        let Ok(folder) = top.join(folder.trim()).canonicalize() else { return Ok(None) };
        let common = folder.join("commondir");
        let common =
            if common.is_file() { folder.join(read_pointer(&common.canonicalize()?)?.trim()) } else { folder.clone() };
        Ok(common.canonicalize().ok().map(|common| Self { folder: common, own: folder }))
    }

    /// Returns the path of `info/exclude`, which need not exist.
    pub fn exclude_file(&self) -> PathBuf {
        // The file itself must not be a symbolic link, but its folder may be one.
        self.folder.join("info").canonicalize().unwrap_or_else(|_| self.folder.join("info")).join("exclude")
    }

    /// Returns git's folder that all worktrees share.
    pub fn common_folder(&self) -> &Path {
        &self.folder
    }

    /// Returns git's folder for this worktree.
    pub fn own_folder(&self) -> &Path {
        &self.own
    }

    /// Returns the files with settings of the repository and of this worktree, which need not exist.
    pub fn setting_files(&self) -> [PathBuf; 2] {
        [self.folder.join("config"), self.own.join("config.worktree")]
    }

    /// Returns the path of `info/attributes`, which need not exist.
    pub fn attributes_file(&self) -> PathBuf {
        self.folder.join("info/attributes")
    }

    /// Returns the address of the origin in the form in which addresses of one repository are equal: the path of a
    /// folder of this machine, or an address without scheme and user. `None` without an origin.
    pub fn origin(&self, top: &Path) -> Option<String> {
        let address = self.setting("remote.origin.url")?.value?;
        let path = address.strip_prefix("file://").unwrap_or(&address);
        let local = top.join(path).canonicalize().ok();
        Some(local.map_or_else(|| normalize_url(&address), |path| path.to_string_lossy().into_owned()))
    }

    /// Returns the path of the index, which need not exist.
    pub fn index_file(&self) -> PathBuf {
        self.own.join("index")
    }

    /// Returns whether names are compared without regard to case: `core.ignoreCase`. An unreadable setting counts as
    /// missing.
    pub fn ignores_case(&self) -> bool {
        self.setting("core.ignorecase").as_ref().is_some_and(GitSetting::is_true)
    }

    /// Returns the length of the hashes of the repository, in bytes: 32 for SHA-256, otherwise 20.
    pub fn hash_bytes(&self) -> usize {
        let format = self.setting("extensions.objectformat").and_then(|setting| setting.value);
        if format.is_some_and(|format| format.eq_ignore_ascii_case("sha256")) { 32 } else { 20 }
    }

    /// Returns the main working tree; `None` if the repository is bare, or its folder is not named `.git`.
    pub fn main_tree(&self) -> Option<&Path> {
        let is_bare = || self.setting("core.bare").as_ref().is_some_and(GitSetting::is_true);
        let tree = self.folder.parent()?;
        (self.folder.file_name()? == ".git" && !is_bare()).then_some(tree)
    }

    /// Returns how `other`, which is below `top`, is a copy of this repository, whose working tree begins at `top`;
    /// `None` if it is not.
    ///
    /// It is a copy if both share a folder of git, are at the same commit, or have the same origin, or if this one is
    /// the origin of the other. The working trees of a bare repository are not copies of it.
    pub fn copy_kind(&self, top: &Path, other: &Self) -> Option<CopyKind> {
        if self.folder == other.folder {
            let is_bare = self.setting("core.bare").as_ref().is_some_and(GitSetting::is_true);
            return (!is_bare || self.own != self.folder).then_some(CopyKind::Worktree);
        }
        let is_same_commit = || self.head_commit().is_some_and(|commit| other.head_commit() == Some(commit));
        let origin = || {
            let theirs = other.setting("remote.origin.url")?.value?;
            let ours = self.setting("remote.origin.url").and_then(|setting| setting.value);
            let path = theirs.strip_prefix("file://").unwrap_or(&theirs);
            let is_this = Path::new(path).canonicalize().is_ok_and(|path| path == top || path == self.folder);
            Some(is_this || ours.is_some_and(|ours| normalize_url(&ours) == normalize_url(&theirs)))
        };
        (is_same_commit() || origin() == Some(true)).then_some(CopyKind::Clone)
    }

    /// Returns the last value of a setting of the repository; `None` if it is not set or cannot be read. `name` is in
    /// lower case.
    fn setting(&self, name: &str) -> Option<GitSetting> {
        let config = self.folder.join("config").canonicalize();
        let text = config.and_then(|file| read_small_file(&file, MAX_CONFIG_BYTES)).unwrap_or_default();
        let settings = GitSetting::parse_all(&String::from_utf8_lossy(&text));
        settings.into_iter().rfind(|setting| setting.name == name)
    }

    /// Returns the commit that is checked out, in hexadecimal; `None` if it cannot be found.
    pub fn head_commit(&self) -> Option<String> {
        let head = read_pointer(&self.own.join("HEAD")).ok()?;
        let is_hash = |text: &str| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(name) = head.strip_prefix("ref:").map(str::trim) else {
            return Some(head).filter(|head| is_hash(head));
        };
        let is_plain = name.starts_with("refs/") && !name.split('/').any(|part| part == "..");
        let loose = if is_plain { read_pointer(&self.folder.join(name)).ok() } else { None };
        if let Some(commit) = loose.filter(|commit| is_hash(commit)) {
            return Some(commit);
        }
        let packed = read_small_file(&self.folder.join("packed-refs"), MAX_PACKED_REFS_BYTES).ok()?;
        let packed = String::from_utf8_lossy(&packed);
        let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(_, own)| *own == name).map(|(commit, _)| commit.to_owned()).filter(|commit| is_hash(commit))
    }
}

/// Removes the scheme, the user and `.git` from the URL of a repository, and puts the host in lower case, so that
/// different URLs of one repository are equal.
fn normalize_url(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let (is_remote, rest) = url.split_once("://").map_or((false, url), |(_, rest)| (true, rest));
    let rest = rest.rsplit_once('@').filter(|(user, _)| !user.contains('/')).map_or(rest, |(_, rest)| rest);
    match rest.split_once(':') {
        // `git@host:path` is the same as `ssh://git@host/path`.
        Some((host, path)) if !is_remote => format!("{}/{}", host.to_lowercase(), path.trim_start_matches('/')),
        _ => rest.split_once('/').map_or(rest.to_owned(), |(host, path)| format!("{}/{path}", host.to_lowercase())),
    }
}

/// Reads one of git's short files, such as `.git` or `HEAD`, without white space at its ends.
fn read_pointer(file: &Path) -> io::Result<String> {
    let text = read_small_file(file, MAX_POINTER_BYTES)?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_repository_are_equal() {
        for url in [
            "https://github.com/a/b",
            "https://GitHub.com/a/b.git",
            "git@github.com:a/b.git",
            "ssh://git@github.com/a/b/",
        ] {
            assert_eq!(normalize_url(url), "github.com/a/b", "{url}");
        }
        assert_ne!(normalize_url("https://github.com/a/c"), "github.com/a/b");
    }
}
