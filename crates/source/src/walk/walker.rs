//! The full walk of a folder.

mod read_ahead;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use self::read_ahead::{EndOfWalk, FolderItem, ReadAhead, Slot};
use platform::cancel::CancelToken;
use platform::open::EntryStat;
use types::{AbsPath, FileStat, PathSet, RepoPath, SkipReason};

use super::disk::{Disk, DiskEntry, FileSystem, TreeReader};
use super::file_kinds;
use super::finding::{SkippedPath, WalkEntry, WalkError, WalkFinding};
use super::ignore_rules::{FaultLog, FolderRules, IgnoreVerdict};
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
    /// Logs the ignore files, and the lines of them, that cannot be used; `None` to log none.
    pub fault_log: Option<&'f FaultLog>,
    /// Cancelling this token ends the walk early.
    pub cancel: &'f CancelToken,
}

impl<'f> WalkOptions<'f> {
    /// Returns the options of a walk that stays on the root's file system and logs nothing.
    pub fn new(max_file_bytes: u64, cancel: &'f CancelToken) -> Self {
        Self { max_file_bytes, files: &Disk, cross_file_systems: false, fault_log: None, cancel }
    }
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
    run_walk(root, options, &everything, None, &mut |finding, _| visit(finding))
}

/// Whether a path is at or below a wanted path; otherwise, it is only above one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IsWanted(pub bool);

/// Called with each finding of a walk.
pub(super) type Visitor<'v> = dyn FnMut(WalkFinding, IsWanted) -> ControlFlow<()> + 'v;

/// Called with each folder before it is listed; a folder for which it returns false is not listed.
pub(super) type EnterFolder<'e> = dyn FnMut(&Path, IsWanted) -> bool + 'e;

/// Number of folders that a walk reads before helpers are started.
const FOLDERS_ALONE: usize = 64;

/// Maximum number of threads that read folders ahead.
const MAX_HELPERS: usize = 3;

/// Runs a walk over the `wanted` paths and the folders above them. In a large tree, other threads read folders ahead,
/// unless `enter` is given.
///
/// The cost of each step does not grow with the depth of its folder, except for the length of its path.
///
/// # Errors
/// When the root itself cannot be read.
pub(super) fn run_walk(
    root: &AbsPath,
    options: &WalkOptions<'_>,
    wanted: &PathSet,
    mut enter: Option<&mut EnterFolder<'_>>,
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
    let is_wanted = IsWanted(wanted.has_entry(&RepoPath::new("")));
    if !may_enter(&mut enter, root, is_wanted) {
        return Ok(());
    }
    let open_reader = || FolderReader {
        device: EntryStat::from(&metadata).device,
        options,
        files: options.files.open_tree(),
        wanted,
    };
    let mut reader = open_reader();
    let listing = reader.files.list(root).map_err(failed)?;
    let rules = FolderRules::load_root(root);
    reader.log_faults(&rules);
    let top = ListedFolder { path: &RepoPath::new(""), is_wanted, rules: &rules, within: None, is_included: false };
    let ahead = ReadAhead::new();
    let mut helpers = if enter.is_some() { 0 } else { count_helpers() };
    thread::scope(|scope| {
        let _end = EndOfWalk(&ahead);
        // The items left to visit of each folder that is not finished, the innermost last.
        let mut open = vec![reader.judge_entries(&top, listing)];
        ahead.offer(&open[0]);
        open[0].reverse();
        let mut folders = 0;
        while let Some(items) = open.last_mut() {
            if options.cancel.is_cancelled() {
                break;
            }
            let slot = match items.pop() {
                None => {
                    open.pop();
                    continue;
                }
                Some(FolderItem::Finding((finding, is_wanted))) => {
                    if visit(finding, is_wanted).is_break() {
                        break;
                    }
                    continue;
                }
                Some(FolderItem::Folder(slot)) => slot,
            };
            let mut items = ahead.take_items(&slot, |job: FolderJob| {
                if !may_enter(&mut enter, &job.abs, job.is_wanted) {
                    return Vec::new();
                }
                reader.read_folder(job)
            });
            items.reverse();
            open.push(items);
            folders += 1;
            if folders >= FOLDERS_ALONE && helpers > 0 {
                for _ in 0..std::mem::take(&mut helpers) {
                    scope.spawn(|| {
                        let mut reader = open_reader();
                        ahead.help(|job| reader.read_folder(job));
                    });
                }
            }
        }
    });
    Ok(())
}

fn may_enter(enter: &mut Option<&mut EnterFolder<'_>>, folder: &Path, is_wanted: IsWanted) -> bool {
    enter.as_mut().is_none_or(|enter| enter(folder, is_wanted))
}

/// Returns the number of threads that may read folders ahead: one less than there are processors.
fn count_helpers() -> usize {
    thread::available_parallelism().map_or(0, |count| count.get() - 1).min(MAX_HELPERS)
}

/// Reads folders and judges their entries.
struct FolderReader<'w> {
    device: u64,
    options: &'w WalkOptions<'w>,
    files: Box<dyn TreeReader + 'w>,
    wanted: &'w PathSet,
}

/// A finding of a folder, or a folder in it that is read next.
type WalkItem = FolderItem<(WalkFinding, IsWanted), FolderJob>;

/// A folder to be read.
struct FolderJob {
    path: RepoPath,
    abs: PathBuf,
    is_wanted: IsWanted,
    /// The rules of the folder above.
    rules: Arc<FolderRules>,
    /// The reason why the folder is left out, except for tracked files; `None` if it is not.
    within: Option<SkipReason>,
    /// Whether a rule in an ignore file made for search includes the folder or one above.
    is_included: bool,
}

/// A folder whose entries are judged.
struct ListedFolder<'w> {
    path: &'w RepoPath,
    is_wanted: IsWanted,
    rules: &'w Arc<FolderRules>,
    /// The reason why the folder is left out, except for tracked files; `None` if it is not.
    within: Option<SkipReason>,
    /// Whether a rule in an ignore file made for search includes the folder or one above.
    is_included: bool,
}

impl FolderReader<'_> {
    /// Lists a folder and judges its entries, unless they show that the folder is left out.
    fn read_folder(&mut self, job: FolderJob) -> Vec<WalkItem> {
        let FolderJob { path, abs, is_wanted, rules, mut within, is_included } = job;
        let only = |finding: WalkFinding| vec![FolderItem::Finding((finding, is_wanted))];
        let listing = match self.files.list(&abs) {
            Ok(listing) => listing,
            Err(error) => return report_unreadable(path, true, &error).map(only).unwrap_or_default(),
        };
        if !is_included && within.is_none() {
            let is_repository = listing.iter().any(|entry| entry.name() == ".git");
            if let Some(kind) = if is_repository { rules.copy_kind(&abs) } else { None } {
                return only(skipped(path, true, SkipReason::RepositoryCopy { kind }));
            }
            if let Some(marker) = package_marker(&abs, listing.iter().map(DiskEntry::name)) {
                let reason = SkipReason::PackageFolder { marker };
                if !rules.is_tracked(&abs, true) {
                    return only(skipped(path, true, reason));
                }
                within = Some(reason);
            }
        }
        let above = rules;
        // Ignore files and repositories are hidden.
        let has_hidden = listing.iter().any(|entry| entry.name().as_encoded_bytes().starts_with(b"."));
        let rules = if has_hidden { FolderRules::load_below(&above, &abs, &listing) } else { Arc::clone(&above) };
        if !Arc::ptr_eq(&rules, &above) {
            self.log_faults(&rules);
        }
        self.judge_entries(&ListedFolder { path: &path, is_wanted, rules: &rules, within, is_included }, listing)
    }

    fn log_faults(&self, rules: &FolderRules) {
        if let Some(log) = self.options.fault_log {
            rules.log_faults(log);
        }
    }

    /// Judges the entries of a folder that are wanted, or above a wanted path. Ends early when the walk is cancelled.
    fn judge_entries(&mut self, folder: &ListedFolder<'_>, listing: Vec<DiskEntry>) -> Vec<WalkItem> {
        let (wanted, cancel) = (self.wanted, self.options.cancel);
        let entries = listing.into_iter().take_while(|_| !cancel.is_cancelled());
        let items = entries.filter_map(|entry| {
            let path = folder.path.entry(&entry.name().to_string_lossy());
            let is_wanted = IsWanted(folder.is_wanted.0 || wanted.has_entry(&path));
            let is_visited = is_wanted.0 || wanted.has_entry_below(&path);
            if is_visited { self.judge_entry(folder, entry, path, is_wanted) } else { None }
        });
        items.collect()
    }

    /// Judges an entry of a folder; `None` if it has been deleted, or is the `.git` of a repository.
    fn judge_entry(
        &mut self,
        folder: &ListedFolder<'_>,
        entry: DiskEntry,
        path: RepoPath,
        is_wanted: IsWanted,
    ) -> Option<WalkItem> {
        let found = |finding: WalkFinding| Some(FolderItem::Finding((finding, is_wanted)));
        if path.file_name() == ".git" {
            let message = folder.rules.read_error(&entry.path)?.to_owned();
            return found(skipped(path, false, SkipReason::Unreadable { message }));
        }
        let metadata = match self.files.metadata(&entry) {
            Ok(metadata) => metadata,
            Err(error) => return report_unreadable(path, false, &error).and_then(found),
        };
        let (is_dir, abs) = (metadata.is_folder, entry.path);
        let verdict = judge_name(folder, &path, &abs, is_dir);
        if let NameVerdict::Out(reason) = verdict {
            return found(skipped(path, is_dir, reason));
        }
        if let Some(reason) = self.skip_reason_by_metadata(&metadata) {
            return found(skipped(path, is_dir, reason));
        }
        if is_dir {
            let (within, by_rule) = match verdict {
                NameVerdict::In { by_rule } => (None, by_rule),
                NameVerdict::TrackedOnly(reason) | NameVerdict::Out(reason) => (Some(reason), false),
            };
            let (rules, is_included) = (Arc::clone(folder.rules), folder.is_included || by_rule);
            return Some(FolderItem::Folder(Slot::new(FolderJob { path, abs, is_wanted, rules, within, is_included })));
        }
        if let Some(reason) = file_kinds::skip_reason_by_kind(&path) {
            return found(skipped(path, false, reason));
        }
        let EntryStat { size_bytes, mtime_ns, ctime_ns, inode, .. } = metadata;
        let stat = FileStat { size_bytes, mtime_ns, ctime_ns, inode };
        if stat.size_bytes > max_bytes_of(&path, self.options.max_file_bytes) {
            return found(skipped(path, false, SkipReason::TooLarge { size_bytes: stat.size_bytes }));
        }
        found(WalkFinding::File(WalkEntry { path, abs, stat }))
    }

    fn skip_reason_by_metadata(&self, metadata: &EntryStat) -> Option<SkipReason> {
        if metadata.is_link {
            Some(SkipReason::SymbolicLink)
        } else if !metadata.is_folder && !metadata.is_file {
            Some(SkipReason::NotRegular)
        } else if metadata.is_folder && metadata.device != self.device && !self.options.cross_file_systems {
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
/// ignore files of git, folders of packages, hidden. `folder` is the one above.
fn judge_name(folder: &ListedFolder<'_>, path: &RepoPath, abs: &Path, is_dir: bool) -> NameVerdict {
    let ListedFolder { rules, within, is_included, .. } = folder;
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
    let reason = within.clone().or_else(|| match rules.git_verdict(abs, is_dir) {
        IgnoreVerdict::Out { rule, source } => Some(SkipReason::Ignored { rule, source }),
        _ if is_dir && !is_included && is_package_folder_by_name(name) => {
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

/// Returns the finding of a path whose metadata or entries cannot be read; `None` if it was deleted since its folder was
/// listed.
fn report_unreadable(path: RepoPath, is_dir: bool, error: &io::Error) -> Option<WalkFinding> {
    let is_gone = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    (!is_gone).then(|| skipped(path, is_dir, SkipReason::Unreadable { message: error.to_string() }))
}
