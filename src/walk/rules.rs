//! Ignore files, from the top of the repository down to a folder.
//!
//! Owns which ignore files there are and which of them counts. Invariants: the kind of file decides
//! first, then the deepest folder, then the last line; a line or a file that cannot be read costs
//! that line or file alone. Never imports the store, the embedder, `index` or `search`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use crate::types::RepoPath;

/// Ignore files a folder can have, the one that counts most first; `info/exclude` comes after them.
pub(super) const FILES: [&str; 3] = [".codescryignore", ".ignore", ".gitignore"];
const KINDS: usize = FILES.len() + 1;

/// Kinds that can ask for a hidden name: those that are not about what git keeps.
const ABOUT_SEARCH: usize = 2;

/// What the rules say of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No rule matches.
    Silent,
    /// A negated rule asks for it; `even_hidden` when its file is one that may.
    In { even_hidden: bool },
    /// A rule, as written, and the file it stands in.
    Out { rule: String, source: String },
}

/// The ignore files of a folder and of all folders above it.
pub(super) struct Rules {
    above: Option<Arc<Rules>>,
    /// One for each of [`FILES`], then `info/exclude` where the folder is the top of a repository.
    own: [Option<Gitignore>; KINDS],
    /// Those of [`FILES`] that are here and cannot be read, and why.
    unread: Vec<(PathBuf, String)>,
    /// The user's global excludes; only at the top.
    global: Option<Gitignore>,
    /// Where paths in reports start.
    root: PathBuf,
}

impl Rules {
    /// The rules at `root`, those of the folders above it up to the top of its repository included.
    pub fn of_root(root: &Path) -> Arc<Self> {
        let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
        // Global rules hold below the top of the repository, wherever the program was started.
        let global = gitconfig_excludes_path().and_then(|file| load(top, &file).ok()).flatten();
        let (own, unread) = own(top, &|_| true);
        let mut rules = Arc::new(Self { above: None, own, unread, global, root: root.to_owned() });
        let between: Vec<&Path> = root.ancestors().take_while(|folder| *folder != top).collect();
        for folder in between.into_iter().rev() {
            rules = Self::with(&rules, folder, &|_| true);
        }
        rules
    }

    /// The rules inside `folder`, which stands in the folder that `above` is of and has these entries.
    pub fn below(above: &Arc<Self>, folder: &Path, entries: &[PathBuf]) -> Arc<Self> {
        Self::with(above, folder, &|name| {
            entries.iter().any(|entry| entry.file_name().is_some_and(|own| own.eq_ignore_ascii_case(name)))
        })
    }

    fn with(above: &Arc<Self>, folder: &Path, may_have: &dyn Fn(&str) -> bool) -> Arc<Self> {
        let (own, unread) = own(folder, may_have);
        if unread.is_empty() && own.iter().all(Option::is_none) {
            return Arc::clone(above);
        }
        Arc::new(Self { above: Some(Arc::clone(above)), own, unread, global: None, root: above.root.clone() })
    }

    /// Why the rules in `file` do not hold, if it is an ignore file of this folder that cannot be read.
    pub fn unread(&self, file: &Path) -> Option<&str> {
        self.unread.iter().find(|(unread, _)| unread == file).map(|(_, message)| message.as_str())
    }

    /// What holds for `path`: the first kind of file that says anything, and of its files the deepest.
    pub fn verdict(&self, path: &Path, is_dir: bool) -> Verdict {
        let folders = || std::iter::successors(Some(self), |rules| rules.above.as_deref());
        let own = (0..KINDS).flat_map(|kind| folders().map(move |rules| (kind, rules.own[kind].as_ref())));
        let global = folders().map(|rules| (KINDS, rules.global.as_ref()));
        own.chain(global).find_map(|(kind, matcher)| self.ask(kind, matcher?, path, is_dir)).unwrap_or(Verdict::Silent)
    }

    fn ask(&self, kind: usize, matcher: &Gitignore, path: &Path, is_dir: bool) -> Option<Verdict> {
        match matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Whitelist(_) => Some(Verdict::In { even_hidden: kind < ABOUT_SEARCH }),
            Match::Ignore(glob) => {
                let source = glob.from().map(|from| self.shown(from)).unwrap_or_default();
                Some(Verdict::Out { rule: glob.original().to_owned(), source })
            }
        }
    }

    /// Relative to the root, or absolute outside of it.
    fn shown(&self, file: &Path) -> String {
        RepoPath::below(&self.root, file).map_or_else(|| file.display().to_string(), |path| path.to_string())
    }
}

/// The rules of a folder's own files, and those of them that cannot be read. Nothing is asked of the disk for names
/// that it does not have.
fn own(folder: &Path, may_have: &dyn Fn(&str) -> bool) -> ([Option<Gitignore>; KINDS], Vec<(PathBuf, String)>) {
    let mut unread = Vec::new();
    let [codescry, ignore, git] = FILES.map(|name| {
        let file = may_have(name).then(|| folder.join(name))?;
        load(folder, &file).unwrap_or_else(|error| {
            unread.push((file, error.to_string()));
            None
        })
    });
    let exclude = may_have(".git").then(|| exclude_file(folder)).flatten();
    let exclude = exclude.and_then(|file| load(folder, &file).ok()).flatten();
    ([codescry, ignore, git, exclude], unread)
}

/// The rules of a file, which hold below `folder`. Bytes that are no UTF-8 spoil their own line only.
fn load(folder: &Path, file: &Path) -> io::Result<Option<Gitignore>> {
    let warn = |error: &dyn std::fmt::Display| {
        tracing::warn!("cannot use {}: {error}; what it excludes may be indexed", file.display());
    };
    match fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => {
            warn(&error);
            return Err(error);
        }
    }
    let bytes = fs::read(file).inspect_err(|error| warn(error))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        if let Err(error) = builder.add_line(Some(file.to_owned()), line) {
            warn(&error);
        }
    }
    Ok(builder.build().inspect_err(|error| warn(error)).ok().filter(|rules| !rules.is_empty()))
}

/// `info/exclude` of the repository at `top`, also where `.git` is a file that points elsewhere.
fn exclude_file(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let folder = if git.is_file() {
        let text = fs::read_to_string(&git).ok()?;
        let folder = top.join(text.trim().strip_prefix("gitdir:")?.trim());
        // A worktree keeps its excludes with the repository it belongs to.
        match fs::read_to_string(folder.join("commondir")) {
            Ok(common) => folder.join(common.trim()),
            Err(_) => folder,
        }
    } else {
        git
    };
    Some(folder.join("info").join("exclude")).filter(|file| file.is_file())
}
