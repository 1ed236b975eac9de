//! The full walk of a folder.

use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use platform::cancel::CancelToken;
use types::{AbsPath, FileStat, PathSet, RepoPath, SkipReason};

use super::disk::{FileSystem, TreeReader};
use super::file_kinds;
use super::finding::{SkippedPath, WalkEntry, WalkError, WalkFinding};
use super::ignore_rules::{FolderRules, IgnoreVerdict};
use crate::secrets::{secret_folder_pattern, secret_pattern};

/// The options of a walk.
#[derive(Clone, Copy)]
pub struct WalkOptions<'f> {
    /// Size in bytes above which files are skipped.
    pub max_file_bytes: u64,
    /// The file system to read.
    pub files: &'f dyn FileSystem,
    /// Cancelling this token ends the walk early.
    pub cancel: &'f CancelToken,
}

/// Visits every file and every skipped path below `root`, until `visit` breaks or the walk is cancelled.
///
/// # Errors
/// When the root itself cannot be read.
pub fn walk_tree(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()>,
) -> Result<(), WalkError> {
    let everything = [RepoPath::new("")].into_iter().collect();
    run_walk(root, options, &everything, &mut |_, _| true, &mut |finding, _| visit(finding))
}

/// Whether a path is at or below a wanted path; otherwise, it is only above one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IsWanted(pub bool);

/// Called with each finding of a walk.
pub(super) type Visitor<'v> = dyn FnMut(WalkFinding, IsWanted) -> ControlFlow<()> + 'v;

/// Runs a walk over the `wanted` paths and the folders above them. Lists a folder only if `enter` returns true for it.
///
/// The cost of each step does not grow with the depth of its folder, except for the length of its path.
pub(super) fn run_walk(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    wanted: &PathSet,
    enter: &mut dyn FnMut(&Path, IsWanted) -> bool,
    visit: &mut Visitor<'_>,
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
    let top = RepoPath::new("");
    let is_wanted = IsWanted(wanted.has_entry(&top));
    if !enter(root, is_wanted) {
        return Ok(());
    }
    let mut files = options.files.open_tree();
    let listing = files.list(root).map_err(failed)?;
    let mut walk = TreeWalk { device: device_id(&metadata), options, files, wanted, enter, pending: Vec::new() };
    let rules = FolderRules::load_root(root);
    rules.log_faults();
    walk.push_entries(&top, is_wanted, listing, &rules);
    while let Some(step) = walk.pending.pop() {
        if options.cancel.is_cancelled() || walk.visit_step(step, visit).is_break() {
            break;
        }
    }
    Ok(())
}

/// The state of a walk.
struct TreeWalk<'w> {
    device: u64,
    options: &'w WalkOptions<'w>,
    files: Box<dyn TreeReader + 'w>,
    wanted: &'w PathSet,
    enter: &'w mut dyn FnMut(&Path, IsWanted) -> bool,
    /// Paths left to visit, the next one last.
    pending: Vec<WalkStep>,
}

/// A path left to visit, with the ignore rules of its folder.
struct WalkStep {
    path: RepoPath,
    abs: PathBuf,
    is_wanted: IsWanted,
    rules: Arc<FolderRules>,
}

impl TreeWalk<'_> {
    /// Schedules the wanted entries of a folder before all pending paths.
    fn push_entries(
        &mut self,
        folder: &RepoPath,
        is_wanted: IsWanted,
        listing: Vec<PathBuf>,
        rules: &Arc<FolderRules>,
    ) {
        let wanted = self.wanted;
        let steps = listing.into_iter().rev().filter_map(|abs| {
            let path = folder.entry(&abs.file_name()?.to_string_lossy());
            let is_wanted = IsWanted(is_wanted.0 || wanted.has_entry(&path));
            let is_visited = is_wanted.0 || wanted.has_entry_below(&path);
            is_visited.then(|| WalkStep { path, abs, is_wanted, rules: Arc::clone(rules) })
        });
        self.pending.extend(steps);
    }

    fn visit_step(&mut self, step: WalkStep, visit: &mut Visitor<'_>) -> ControlFlow<()> {
        let WalkStep { path, abs, is_wanted, rules } = step;
        let visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()> = &mut |finding| visit(finding, is_wanted);
        if path.file_name() == ".git" {
            let fault = rules.read_error(&abs).map(|message| SkipReason::Unreadable { message: message.to_owned() });
            return fault.map_or(ControlFlow::Continue(()), |reason| visit(skipped(path, false, reason)));
        }
        let metadata = match self.files.metadata(&abs) {
            Ok(metadata) => metadata,
            Err(error) => return visit_unreadable(path, false, &error, visit),
        };
        let is_dir = metadata.is_dir();
        if let Some(reason) = skip_reason_by_name(&path, &abs, is_dir, &rules) {
            return visit(skipped(path, is_dir, reason));
        }
        if let Some(reason) = self.skip_reason_by_metadata(&metadata) {
            return visit(skipped(path, is_dir, reason));
        }
        if is_dir {
            if !(self.enter)(&abs, is_wanted) {
                return ControlFlow::Continue(());
            }
            match self.files.list(&abs) {
                Ok(listing) => {
                    let rules = FolderRules::load_below(&rules, &abs, &listing);
                    self.push_entries(&path, is_wanted, listing, &rules);
                }
                Err(error) => return visit_unreadable(path, true, &error, visit),
            }
            return ControlFlow::Continue(());
        }
        if let Some(reason) = file_kinds::skip_reason_by_kind(&path) {
            return visit(skipped(path, false, reason));
        }
        let stat = FileStat::from_metadata(&metadata);
        if stat.size_bytes > self.options.max_file_bytes {
            return visit(skipped(path, false, SkipReason::TooLarge { size_bytes: stat.size_bytes }));
        }
        visit(WalkFinding::File(WalkEntry { path, abs, stat }))
    }

    fn skip_reason_by_metadata(&self, metadata: &Metadata) -> Option<SkipReason> {
        if metadata.is_symlink() {
            Some(SkipReason::SymbolicLink)
        } else if !metadata.is_dir() && !metadata.is_file() {
            Some(SkipReason::NotRegular)
        } else if metadata.is_dir() && device_id(metadata) != self.device {
            // Folders only: on an overlay file system, a file's device differs from its folder's.
            Some(SkipReason::OtherFileSystem)
        } else {
            None
        }
    }
}

/// Returns why a path is skipped by its name and the ignore rules.
///
/// Checks for secrets first, so that no rule includes them. A hidden path is included only by a rule in an
/// ignore file made for search, not by a rule in a file of git.
fn skip_reason_by_name(path: &RepoPath, abs: &Path, is_dir: bool, rules: &FolderRules) -> Option<SkipReason> {
    let secret = if is_dir { secret_folder_pattern(path) } else { secret_pattern(path) };
    if let Some(rule) = secret {
        return Some(SkipReason::Secret { rule: rule.to_owned() });
    }
    let is_hidden = path.file_name().starts_with('.');
    if let Some(message) = rules.read_error(abs) {
        return Some(SkipReason::Unreadable { message: message.to_owned() });
    }
    match rules.verdict(abs, is_dir) {
        IgnoreVerdict::In { even_hidden: true } => None,
        _ if is_hidden => Some(SkipReason::Hidden),
        IgnoreVerdict::Out { rule, source } => Some(SkipReason::Ignored { rule, source }),
        IgnoreVerdict::In { .. } | IgnoreVerdict::Silent => None,
    }
}

fn skipped(path: RepoPath, is_dir: bool, reason: SkipReason) -> WalkFinding {
    WalkFinding::Skipped(SkippedPath { path, is_dir, reason })
}

/// Visits a path whose metadata or entries cannot be read, unless it was deleted since its folder was listed.
fn visit_unreadable(
    path: RepoPath,
    is_dir: bool,
    error: &io::Error,
    visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        return ControlFlow::Continue(());
    }
    visit(skipped(path, is_dir, SkipReason::Unreadable { message: error.to_string() }))
}

/// Returns the id of the file system that holds a file; 0 where the platform has none.
#[cfg(unix)]
fn device_id(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device_id(_metadata: &Metadata) -> u64 {
    0
}
