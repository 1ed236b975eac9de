//! Which files are in, which are out, and the rule that said so; and the projects they belong to.
//!
//! Owns ignore rules (matched by the crate `ignore`), the list of secrets, the kinds of files that
//! are never worth indexing, and the manifests that make a folder a project. The crate's own walker
//! does not tell what it left out, so the folders are walked here and only its matchers are used.
//! Invariants: the order is by name, and so the same every time; links are not followed and other file systems not entered; a secret is
//! out whatever any rule says; what cannot be read is a reason, never an error. A file is tested for
//! secret, hidden, ignore rules, links and the like, lock file, data, binary, minified name, size.
//! Must never import: the parser, the embedder, the store, `index`, `search`.

mod beneath;
mod content;
mod disk;
mod generated;
mod kinds;
mod manifests;
mod paths;
mod projects;
mod rules;

#[cfg(test)]
mod tests;

use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

pub use beneath::read_beneath;
pub use content::{inspect, inspect_published};
pub use disk::{Disk, FileRead, FileSystem};
pub use kinds::secret;
pub use paths::{changes_rules, folders, judge, walk_paths};
pub use projects::projects;

use crate::types::{AbsPath, Places, RepoPath, SkipReason};
use rules::{Rules, Verdict};

/// What a walk is asked for.
#[derive(Clone, Copy)]
pub struct WalkOptions<'f> {
    /// Files above this size are out.
    pub max_file_bytes: u64,
    /// Where the files are.
    pub files: &'f dyn FileSystem,
    /// Asked before each step: whether nobody wants the rest.
    pub stop: &'f dyn Fn() -> bool,
}

/// For a walk that nobody stops.
pub fn to_the_end() -> bool {
    false
}

/// A file that is in, as far as its name and size tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkEntry {
    pub path: RepoPath,
    pub abs: PathBuf,
    pub size_bytes: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// A file or a whole folder that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub path: RepoPath,
    pub is_dir: bool,
    pub reason: SkipReason,
}

/// What a walk finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walked {
    File(WalkEntry),
    Skipped(Skipped),
}

/// The root cannot be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    #[error("cannot walk {path}: it does not exist; give an existing folder")]
    Missing { path: PathBuf },
    #[error("cannot walk {path}: it is not a folder; give the folder it lies in")]
    NotAFolder { path: PathBuf },
    #[error("cannot read the folder {path}: {source}; check that you may read it")]
    Unreadable { path: PathBuf, source: io::Error },
}

/// Visits everything below `root` until `visit` breaks off or the walk is stopped; nothing is visited after that.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    visit: &mut dyn FnMut(Walked) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    let everything = [RepoPath::new("")].into_iter().collect();
    run(root, options, &everything, &mut |_| true, visit)
}

/// The walk behind [`walk`], [`walk_paths`] and [`folders`]. `enter` is asked before a folder is listed.
fn run(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    wanted: &Places,
    enter: &mut dyn FnMut(&Path) -> bool,
    visit: &mut dyn FnMut(Walked) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    let root = root.as_path();
    let failed = |source: io::Error| {
        let path = root.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => WalkError::Missing { path },
            io::ErrorKind::NotADirectory => WalkError::NotAFolder { path },
            _ => WalkError::Unreadable { path, source },
        }
    };
    let metadata = fs::metadata(root).map_err(failed)?;
    if !enter(root) {
        return Ok(());
    }
    let listing = options.files.list(root).map_err(failed)?;
    let mut walk = Walk { root, device: device(&metadata), options, wanted, enter, pending: Vec::new() };
    walk.push(listing, &Rules::of_root(root));
    while let Some(step) = walk.pending.pop() {
        if (options.stop)() || walk.step(step, visit).is_break() {
            break;
        }
    }
    Ok(())
}

/// Visits `paths` and what is below them, or everything.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_scope(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    paths: Option<&[RepoPath]>,
    visit: &mut dyn FnMut(Walked) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    match paths {
        None => walk(root, options, visit),
        Some(paths) => walk_paths(root, options, paths, visit),
    }
}

/// Modification time, nanoseconds since 1970; 0 where the system does not tell.
pub fn mtime_ns(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

struct Walk<'w> {
    root: &'w Path,
    device: u64,
    options: &'w WalkOptions<'w>,
    wanted: &'w Places,
    enter: &'w mut dyn FnMut(&Path) -> bool,
    /// Still to visit, the next one last.
    pending: Vec<Step>,
}

struct Step {
    path: RepoPath,
    abs: PathBuf,
    rules: Arc<Rules>,
}

impl Walk<'_> {
    /// Puts what is wanted of a folder's entries before everything that is pending.
    fn push(&mut self, listing: Vec<PathBuf>, rules: &Arc<Rules>) {
        let steps = listing.into_iter().rev().filter_map(|abs| {
            let path = RepoPath::below(self.root, &abs).filter(|path| self.wanted.touch(path))?;
            Some(Step { path, abs, rules: Arc::clone(rules) })
        });
        self.pending.extend(steps);
    }

    fn step(&mut self, step: Step, visit: &mut dyn FnMut(Walked) -> ControlFlow<()>) -> ControlFlow<()> {
        let Step { path, abs, rules } = step;
        if path.file_name() == ".git" {
            return ControlFlow::Continue(());
        }
        let metadata = match self.options.files.metadata(&abs) {
            Ok(metadata) => metadata,
            Err(error) => return unlooked(path, false, &error, visit),
        };
        let is_dir = metadata.is_dir();
        if let Some(reason) = by_name(&path, &abs, is_dir, &rules) {
            return visit(skipped(path, is_dir, reason));
        }
        if let Some(reason) = self.by_metadata(&metadata) {
            return visit(skipped(path, is_dir, reason));
        }
        if is_dir {
            if !(self.enter)(&abs) {
                return ControlFlow::Continue(());
            }
            match self.options.files.list(&abs) {
                Ok(listing) => {
                    let rules = Rules::below(&rules, &abs, &listing);
                    self.push(listing, &rules);
                }
                Err(error) => return unlooked(path, true, &error, visit),
            }
            return ControlFlow::Continue(());
        }
        let size_bytes = metadata.len();
        if let Some(reason) = kinds::unwanted(&path) {
            return visit(skipped(path, false, reason));
        }
        if size_bytes > self.options.max_file_bytes {
            return visit(skipped(path, false, SkipReason::TooLarge { size_bytes }));
        }
        visit(Walked::File(WalkEntry { path, abs, size_bytes, mtime_ns: mtime_ns(&metadata) }))
    }

    fn by_metadata(&self, metadata: &Metadata) -> Option<SkipReason> {
        if metadata.is_symlink() {
            Some(SkipReason::SymbolicLink)
        } else if !metadata.is_dir() && !metadata.is_file() {
            Some(SkipReason::NotRegular)
        } else if metadata.is_dir() && device(metadata) != self.device {
            // Files are not asked: on an overlay (a container's layers) theirs differs from their folder's.
            Some(SkipReason::OtherFileSystem)
        } else {
            None
        }
    }
}

/// Secrets first: no rule brings them back. What is hidden comes back only by a rule made for search,
/// not because git is to keep it.
fn by_name(path: &RepoPath, abs: &Path, is_dir: bool, rules: &Rules) -> Option<SkipReason> {
    let secret = if is_dir { kinds::secret_folder(path) } else { kinds::secret(path) };
    if let Some(rule) = secret {
        return Some(SkipReason::Secret { rule: rule.to_owned() });
    }
    let is_hidden = path.file_name().starts_with('.');
    if let Some(message) = rules.unread(abs) {
        return Some(SkipReason::Unreadable { message: message.to_owned() });
    }
    match rules.verdict(abs, is_dir) {
        Verdict::In { even_hidden: true } => None,
        _ if is_hidden => Some(SkipReason::Hidden),
        Verdict::Out { rule, source } => Some(SkipReason::Ignored { rule, source }),
        Verdict::In { .. } | Verdict::Silent => None,
    }
}

fn skipped(path: RepoPath, is_dir: bool, reason: SkipReason) -> Walked {
    Walked::Skipped(Skipped { path, is_dir, reason })
}

/// Tells of what cannot be looked at. What has gone since its folder was listed is not told: it is not there.
fn unlooked(
    path: RepoPath,
    is_dir: bool,
    error: &io::Error,
    visit: &mut dyn FnMut(Walked) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        return ControlFlow::Continue(());
    }
    visit(skipped(path, is_dir, SkipReason::Unreadable { message: error.to_string() }))
}

#[cfg(unix)]
fn device(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device(_metadata: &Metadata) -> u64 {
    0
}
