//! Ignore rules, from the top of the repository down to a folder.
//!
//! Precedence: first the kind of ignore file, then the deepest folder, then the last line. A line or a file
//! that cannot be read does not affect the others.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use types::RepoPath;

use super::disk::{Disk, FileSystem as _};

/// Names of ignore files, highest precedence first; git's `info/exclude` comes after them.
pub(super) const IGNORE_FILES: [&str; 3] = [".codescryignore", ".ignore", ".gitignore"];
const KINDS: usize = IGNORE_FILES.len() + 1;

/// Number of leading [`IGNORE_FILES`] whose negated rules include hidden files: the ignore files made for search.
const SEARCH_KINDS: usize = 2;

/// Maximum size of an ignore file, in bytes; a larger one is reported as unreadable.
const MAX_IGNORE_FILE_BYTES: u64 = 16 << 20;

/// The result of matching a path against the ignore rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IgnoreVerdict {
    /// No rule matches.
    Silent,
    /// A negated rule includes the path; with `even_hidden`, also if it is hidden.
    In { even_hidden: bool },
    /// A rule excludes the path: the rule as written, and its file.
    Out { rule: String, source: String },
}

/// The ignore files of a folder and of all folders above it.
pub(super) struct IgnoreRules {
    above: Option<Arc<IgnoreRules>>,
    /// The rules of each of [`IGNORE_FILES`], then of `info/exclude` at the top of a repository.
    own: [Option<Gitignore>; KINDS],
    /// Ignore files of the folder that cannot be read, and the error messages.
    unreadable: Vec<(PathBuf, String)>,
    /// The user's global git excludes; only at the top.
    global: Option<Gitignore>,
    /// Folder that reported paths are relative to.
    root: PathBuf,
}

impl IgnoreRules {
    /// Loads the rules of `root` and of the folders above it up to the top of its repository.
    pub fn load_root(root: &Path) -> Arc<Self> {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
        // Global rules apply relative to the top of the repository, not to the working folder.
        // They are the user's own file, which may be a link to another folder.
        let global = gitconfig_excludes_path().and_then(|file| file.canonicalize().ok());
        let global = global.and_then(|file| load_ignore_file(top, &file).ok()).flatten();
        let (own, unreadable) = load_folder_rules(top, &|_| true);
        let mut rules = Arc::new(Self { above: None, own, unreadable, global, root: root.to_owned() });
        let between: Vec<&Path> = root.ancestors().take_while(|folder| *folder != top).collect();
        for folder in between.into_iter().rev() {
            rules = Self::extend(&rules, folder, &|_| true);
        }
        rules
    }

    /// Loads the rules of `folder`, which has these entries; `above` are the rules of its parent folder.
    pub fn load_below(above: &Arc<Self>, folder: &Path, entries: &[PathBuf]) -> Arc<Self> {
        Self::extend(above, folder, &|name| {
            entries.iter().any(|entry| entry.file_name().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        })
    }

    /// Adds the rules of `folder` to those above it, reading only ignore files for which `may_have` is true.
    fn extend(above: &Arc<Self>, folder: &Path, may_have: &dyn Fn(&str) -> bool) -> Arc<Self> {
        let (own, unreadable) = load_folder_rules(folder, may_have);
        if unreadable.is_empty() && own.iter().all(Option::is_none) {
            return Arc::clone(above);
        }
        Arc::new(Self { above: Some(Arc::clone(above)), own, unreadable, global: None, root: above.root.clone() })
    }

    /// Returns why `file` cannot be read, if it is an unreadable ignore file of this folder.
    pub fn read_error(&self, file: &Path) -> Option<&str> {
        self.unreadable.iter().find(|(path, _)| path == file).map(|(_, message)| message.as_str())
    }

    /// Matches `path` against the rules by precedence: first by kind of ignore file, then from the deepest folder up.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> IgnoreVerdict {
        let folders = || std::iter::successors(Some(self), |rules| rules.above.as_deref());
        let own = (0..KINDS).flat_map(|kind| folders().map(move |rules| (kind, rules.own[kind].as_ref())));
        let global = folders().map(|rules| (KINDS, rules.global.as_ref()));
        own.chain(global)
            .find_map(|(kind, matcher)| self.match_kind(kind, matcher?, path, is_dir))
            .unwrap_or(IgnoreVerdict::Silent)
    }

    fn match_kind(&self, kind: usize, matcher: &Gitignore, path: &Path, is_dir: bool) -> Option<IgnoreVerdict> {
        match matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Whitelist(_) => Some(IgnoreVerdict::In { even_hidden: kind < SEARCH_KINDS }),
            Match::Ignore(glob) => {
                let source = glob.from().map(|from| self.display_path(from)).unwrap_or_default();
                Some(IgnoreVerdict::Out { rule: glob.original().to_owned(), source })
            }
        }
    }

    /// Returns a path relative to the root, or the absolute path if it is outside of the root.
    fn display_path(&self, file: &Path) -> String {
        RepoPath::below(&self.root, file).map_or_else(|| file.display().to_string(), |path| path.to_string())
    }
}

/// Loads the ignore files of a folder. Returns the rules and the unreadable files with their errors.
///
/// Does not access files for which `may_have` is false.
fn load_folder_rules(
    folder: &Path,
    may_have: &dyn Fn(&str) -> bool,
) -> ([Option<Gitignore>; KINDS], Vec<(PathBuf, String)>) {
    let mut unreadable = Vec::new();
    let [codescry, ignore, git] = IGNORE_FILES.map(|name| {
        let file = may_have(name).then(|| folder.join(name))?;
        load_ignore_file(folder, &file).unwrap_or_else(|error| {
            unreadable.push((file, error.to_string()));
            None
        })
    });
    let exclude = may_have(".git").then(|| git_exclude_file(folder)).flatten();
    let exclude = exclude.and_then(|file| load_ignore_file(folder, &file).ok()).flatten();
    ([codescry, ignore, git, exclude], unreadable)
}

/// Loads an ignore file, whose rules apply below `folder`; `None` if it does not exist or has no rules.
///
/// The path must be canonical but for its last component. Invalid UTF-8 affects only its own line.
fn load_ignore_file(folder: &Path, file: &Path) -> io::Result<Option<Gitignore>> {
    let warn = |error: &dyn std::fmt::Display| {
        tracing::warn!("cannot use {}: {error}; what it excludes may be indexed", file.display());
    };
    let bytes = match read_ignore_file(file) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => {
            warn(&error);
            return Err(error);
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        if let Err(error) = builder.add_line(Some(file.to_owned()), line) {
            warn(&error);
        }
    }
    Ok(builder.build().inspect_err(|error| warn(error)).ok().filter(|rules| !rules.is_empty()))
}

/// Reads an ignore file; `None` if it does not exist or is a folder.
///
/// Does not follow links, like git. Otherwise the rules that a walk reports could quote any file of the machine.
fn read_ignore_file(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(file) {
        Ok(metadata) if metadata.is_symlink() => Err(io::Error::other("it is a link, which is not followed")),
        Ok(metadata) if !metadata.is_file() => Ok(None),
        Ok(metadata) if metadata.len() > MAX_IGNORE_FILE_BYTES => {
            Err(io::Error::other(format!("it is larger than {} MiB", MAX_IGNORE_FILE_BYTES >> 20)))
        }
        Ok(_) => Disk.read(file, MAX_IGNORE_FILE_BYTES).map(|read| Some(read.bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the path of the existing `info/exclude` of the repository at `top`, also if `.git` is a file that points
/// elsewhere.
fn git_exclude_file(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let folder = if git.is_file() {
        let text = read_git_text(&git)?;
        let folder = top.join(text.trim().strip_prefix("gitdir:")?.trim());
        // The excludes of a worktree are in its main repository.
        match read_git_text(&folder.join("commondir")) {
            Some(common) => folder.join(common.trim()),
            None => folder,
        }
    } else {
        git
    };
    // Git's folders may be links, as in checkouts made by Android's `repo`.
    let info = folder.join("info").canonicalize().ok()?;
    Some(info.join("exclude")).filter(|file| file.is_file())
}

/// Reads one of git's small files; `None` if it cannot be read or is larger than a path can be. Git itself follows links
/// to these files.
fn read_git_text(file: &Path) -> Option<String> {
    const MAX_BYTES: u64 = 64 << 10;
    let read = Disk.read(&file.canonicalize().ok()?, MAX_BYTES).ok()?;
    String::from_utf8(read.bytes).ok()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_linked_ignore_file_is_reported_and_its_target_is_not_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("it is there");
        let root = base.join("root");
        fs::create_dir_all(root.join(".git/info")).expect("folders");
        fs::write(base.join("outside"), "*.secret\n").expect("a file");
        symlink(base.join("outside"), root.join(".gitignore")).expect("a link");
        symlink(base.join("outside"), root.join(".git/info/exclude")).expect("a link");
        let rules = IgnoreRules::load_root(&root);
        assert_eq!(rules.verdict(&root.join("a.secret"), false), IgnoreVerdict::Silent);
        assert_eq!(rules.read_error(&root.join(".gitignore")), Some("it is a link, which is not followed"));
    }

    #[test]
    fn an_oversized_ignore_file_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        fs::write(root.join(".ignore"), vec![b'\n'; MAX_IGNORE_FILE_BYTES as usize + 1]).expect("a file");
        let rules = IgnoreRules::load_root(&root);
        assert_eq!(rules.read_error(&root.join(".ignore")), Some("it is larger than 16 MiB"));
    }
}
