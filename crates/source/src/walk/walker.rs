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
use super::package_folders::{is_package_folder_by_name, package_marker};
use crate::secrets::{secret_folder_pattern, secret_pattern};

/// The options of a walk.
#[derive(Clone, Copy)]
pub struct WalkOptions<'f> {
    /// Size in bytes above which files are skipped; see [`max_bytes_of`].
    pub max_file_bytes: u64,
    /// The file system to read.
    pub files: &'f dyn FileSystem,
    /// Whether folders on other file systems than the root's are entered.
    pub cross_file_systems: bool,
    /// Cancelling this token ends the walk early.
    pub cancel: &'f CancelToken,
}

/// How many times larger than other files a notebook may be: most of its bytes are outputs, which are left out.
const NOTEBOOK_FACTOR: u64 = 8;

/// Returns the size above which a file is skipped. `max_file_bytes` is the limit of all files but notebooks, which may
/// be larger. Both are in bytes.
pub fn max_bytes_of(path: &RepoPath, max_file_bytes: u64) -> u64 {
    if embedded::is_notebook(path) { max_file_bytes.saturating_mul(NOTEBOOK_FACTOR) } else { max_file_bytes }
}

/// Visits every file that is not skipped, and every skipped path, below `root`, until `visit` breaks or the walk is
/// cancelled.
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
///
/// # Errors
/// When the root itself cannot be read.
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
    walk.push_entries(&WalkFolder { path: &top, is_wanted, rules: &rules, within: None, is_included: false }, listing);
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
    /// The reason why the folder of the path is left out, except for tracked files; `None` if it is not.
    within: Option<Arc<SkipReason>>,
    /// Whether a rule in an ignore file made for search includes a folder above.
    is_included: bool,
}

/// A folder whose entries are visited next.
struct WalkFolder<'w> {
    path: &'w RepoPath,
    is_wanted: IsWanted,
    rules: &'w Arc<FolderRules>,
    within: Option<Arc<SkipReason>>,
    is_included: bool,
}

impl TreeWalk<'_> {
    /// Schedules the entries of a folder that are wanted, or above a wanted path, before all pending paths.
    fn push_entries(&mut self, folder: &WalkFolder<'_>, listing: Vec<PathBuf>) {
        let wanted = self.wanted;
        let steps = listing.into_iter().rev().filter_map(|abs| {
            let path = folder.path.entry(&abs.file_name()?.to_string_lossy());
            let is_wanted = IsWanted(folder.is_wanted.0 || wanted.has_entry(&path));
            let is_visited = is_wanted.0 || wanted.has_entry_below(&path);
            let (rules, within) = (Arc::clone(folder.rules), folder.within.clone());
            is_visited.then(|| WalkStep { path, abs, is_wanted, rules, within, is_included: folder.is_included })
        });
        self.pending.extend(steps);
    }

    fn visit_step(&mut self, step: WalkStep, visit: &mut Visitor<'_>) -> ControlFlow<()> {
        let is_wanted = step.is_wanted;
        let visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()> = &mut |finding| visit(finding, is_wanted);
        if step.path.file_name() == ".git" {
            let fault = step.rules.read_error(&step.abs);
            let reason = fault.map(|message| SkipReason::Unreadable { message: message.to_owned() });
            return reason.map_or(ControlFlow::Continue(()), |reason| visit(skipped(step.path, false, reason)));
        }
        let metadata = match self.files.metadata(&step.abs) {
            Ok(metadata) => metadata,
            Err(error) => return visit_unreadable(step.path, false, &error, visit),
        };
        let is_dir = metadata.is_dir();
        let verdict = judge_name(&step, is_dir);
        if let NameVerdict::Out(reason) = verdict {
            return visit(skipped(step.path, is_dir, reason));
        }
        if let Some(reason) = self.skip_reason_by_metadata(&metadata) {
            return visit(skipped(step.path, is_dir, reason));
        }
        if is_dir {
            return self.visit_folder(step, verdict, visit);
        }
        let WalkStep { path, abs, .. } = step;
        if let Some(reason) = file_kinds::skip_reason_by_kind(&path) {
            return visit(skipped(path, false, reason));
        }
        let stat = FileStat::from_metadata(&metadata);
        if stat.size_bytes > max_bytes_of(&path, self.options.max_file_bytes) {
            return visit(skipped(path, false, SkipReason::TooLarge { size_bytes: stat.size_bytes }));
        }
        visit(WalkFinding::File(WalkEntry { path, abs, stat }))
    }

    /// Lists a folder and schedules its entries, unless its entries show that it is left out.
    fn visit_folder(
        &mut self,
        step: WalkStep,
        verdict: NameVerdict,
        visit: &mut dyn FnMut(WalkFinding) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let WalkStep { path, abs, is_wanted, rules, is_included, .. } = step;
        if !(self.enter)(&abs, is_wanted) {
            return ControlFlow::Continue(());
        }
        let listing = match self.files.list(&abs) {
            Ok(listing) => listing,
            Err(error) => return visit_unreadable(path, true, &error, visit),
        };
        let (mut within, by_rule) = match verdict {
            NameVerdict::In { by_rule } => (None, by_rule),
            NameVerdict::TrackedOnly(reason) | NameVerdict::Out(reason) => (Some(reason), false),
        };
        let is_included = is_included || by_rule;
        if !is_included && within.is_none() {
            let is_repository = listing.iter().any(|entry| entry.file_name().is_some_and(|name| name == ".git"));
            if let Some(kind) = if is_repository { rules.copy_kind(&abs) } else { None } {
                return visit(skipped(path, true, SkipReason::RepositoryCopy { kind }));
            }
            if let Some(marker) = package_marker(&abs, &listing) {
                let reason = SkipReason::PackageFolder { marker };
                if !rules.is_tracked(&abs, true) {
                    return visit(skipped(path, true, reason));
                }
                within = Some(reason);
            }
        }
        let rules = FolderRules::load_below(&rules, &abs, &listing);
        let folder = WalkFolder { path: &path, is_wanted, rules: &rules, within: within.map(Arc::new), is_included };
        self.push_entries(&folder, listing);
        ControlFlow::Continue(())
    }

    fn skip_reason_by_metadata(&self, metadata: &Metadata) -> Option<SkipReason> {
        if metadata.is_symlink() {
            Some(SkipReason::SymbolicLink)
        } else if !metadata.is_dir() && !metadata.is_file() {
            Some(SkipReason::NotRegular)
        } else if metadata.is_dir() && device_id(metadata) != self.device && !self.options.cross_file_systems {
            // Folders only: on an overlay file system, a file's device differs from its folder's.
            Some(SkipReason::OtherFileSystem)
        } else {
            None
        }
    }
}

/// The verdict on a path by its name, the ignore rules and git's index.
enum NameVerdict {
    /// The path is in; `by_rule` if a rule in an ignore file made for search includes it.
    In {
        by_rule: bool,
    },
    /// The path is out, except for the files below it that git tracks.
    TrackedOnly(SkipReason),
    Out(SkipReason),
}

/// Judges a path. The first match decides: secret, unusable ignore file, ignore files made for search, tracked by git,
/// ignore files of git, folders of packages, hidden. `within` is the reason why the folder above is left out, except
/// for tracked files.
fn judge_name(step: &WalkStep, is_dir: bool) -> NameVerdict {
    let WalkStep { path, abs, rules, within, .. } = step;
    let secret = if is_dir { secret_folder_pattern(path) } else { secret_pattern(path) };
    if let Some(rule) = secret {
        return NameVerdict::Out(SkipReason::Secret { rule: rule.to_owned() });
    }
    if let Some(message) = rules.read_error(abs) {
        return NameVerdict::Out(SkipReason::Unreadable { message: message.to_owned() });
    }
    match rules.search_verdict(abs, is_dir) {
        IgnoreVerdict::In { .. } => return NameVerdict::In { by_rule: true },
        IgnoreVerdict::Out { rule, source } => return NameVerdict::Out(SkipReason::Ignored { rule, source }),
        IgnoreVerdict::Silent => {}
    }
    let name = path.file_name();
    let reason = within.as_deref().cloned().or_else(|| match rules.git_verdict(abs, is_dir) {
        IgnoreVerdict::Out { rule, source } => Some(SkipReason::Ignored { rule, source }),
        _ if is_dir && !step.is_included && is_package_folder_by_name(name) => {
            Some(SkipReason::PackageFolder { marker: name.to_owned() })
        }
        _ if name.starts_with('.') && !(is_dir && CODE_FOLDERS.contains(&name)) => Some(SkipReason::Hidden),
        _ => None,
    });
    match reason {
        None => NameVerdict::In { by_rule: false },
        Some(_) if !is_dir && rules.is_tracked(abs, false) => NameVerdict::In { by_rule: false },
        Some(_) if is_dir && rules.is_submodule(abs) => NameVerdict::In { by_rule: false },
        Some(reason) if is_dir && rules.is_tracked(abs, true) => NameVerdict::TrackedOnly(reason),
        Some(reason) => NameVerdict::Out(reason),
    }
}

/// Hidden folders that hold code and settings of a project.
const CODE_FOLDERS: &[&str] = &[
    ".github",
    ".gitlab",
    ".gitea",
    ".forgejo",
    ".circleci",
    ".buildkite",
    ".woodpecker",
    ".drone",
    ".azuredevops",
    ".azure-pipelines",
    ".semaphore",
    ".teamcity",
    ".storybook",
    ".devcontainer",
    ".husky",
    ".changeset",
    ".cargo",
    ".config",
    ".vitepress",
    ".vuepress",
    ".docusaurus",
    ".ci",
    ".tekton",
    ".konflux",
    ".dagger",
    ".mvn",
    ".maestro",
];

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
