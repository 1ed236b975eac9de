//! Watches the file system below a root and reports changed files in batches.
//!
//! Only folders that a walk enters are watched. On Linux, each folder gets a watch before it is listed; on
//! other systems, one watch covers the root, and events in other folders are dropped. If changes may have been
//! missed, [`FileChanges::Everything`] is reported with the reason. The same is reported if git begins or ceases to
//! track files, and if an ignore file changes, even one that a walk does not visit: one of git, of the user or of a
//! folder above the root.

#[cfg(test)]
mod tests;
pub(crate) mod tree_watch;
pub(crate) mod turns;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, bounded, never, select};
use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind};
use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;

use platform::cancel::CancelToken;
use source::walk::{self, TrackedState, WalkError};
use types::{AbsPath, RepoPath};

/// Time without a change after which changes are reported, so that a branch switch is one batch.
const QUIET_PERIOD: Duration = Duration::from_millis(100);

/// Maximum time between the first change of a batch and the report of the batch.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Maximum time between the first change and the report while git writes the working tree, so that a run begins when a
/// switch of branches has ended.
const MAX_GIT_DELAY: Duration = Duration::from_secs(15);

/// Maximum number of changed paths reported one by one. Beyond it, [`FileChanges::Everything`] is reported, because a
/// full walk is as fast.
const MAX_PATHS: usize = 1000;

/// The changes below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChanges {
    /// These files and folders were created, written, renamed or deleted; sorted, without duplicates.
    /// Everything below a listed folder may have changed.
    Paths(Vec<RepoPath>),
    /// Any file may have changed.
    Everything { reason: String },
}

/// The reason why a folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The root could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The system's limit on the number of watches is reached.
    #[error(
        "cannot watch {path} for changes: the system's limit of watches is reached; raise \
         fs.inotify.max_user_watches (sysctl); until then, each search looks for changes first"
    )]
    Limit { path: PathBuf },
    /// Another error of the system, most often the limit of inotify instances or open files.
    #[error(
        "cannot watch {path} for changes: {message}; if too many files are open, raise \
         fs.inotify.max_user_instances (sysctl); until then, each search looks for changes first"
    )]
    System { path: PathBuf, message: String },
}

/// Watches one root until it is dropped.
pub struct FolderWatcher {
    shared: Arc<WatcherShared>,
    /// Receives a signal when the first pending change is recorded.
    changed: Receiver<()>,
    system: Mutex<RecommendedWatcher>,
    /// The reason why some folders are not watched; `None` if all are watched.
    unwatched: Mutex<Option<String>>,
}

impl FolderWatcher {
    /// Starts to watch `root` except for `index_dir`, which may be inside of it. Folders on other file systems are
    /// watched only with `cross_file_systems`. All later changes are reported, so an index run that starts after this
    /// call misses none.
    ///
    /// # Errors
    /// When the root cannot be read, or it or a folder below it cannot be watched.
    pub fn start(root: &AbsPath, index_dir: &Path, cross_file_systems: bool) -> Result<Self, WatchError> {
        let index_dir = index_dir.canonicalize().unwrap_or_else(|_| index_dir.to_owned());
        let (signal, changed) = bounded(1);
        let (root, state) = (root.clone(), Mutex::default());
        let shared = Arc::new(WatcherShared { root: root.clone(), index_dir, cross_file_systems, state, signal });
        let handler_state = Arc::clone(&shared);
        let handler = move |event| handler_state.record_event(event, Instant::now());
        let system = notify::recommended_watcher(handler).map_err(|error| watch_error(root.as_path(), &error))?;
        let watcher = Self { shared, changed, system: Mutex::new(system), unwatched: Mutex::default() };
        if !WATCH_EACH_FOLDER {
            let mut system = watcher.system.lock();
            let watched = system.watch(root.as_path(), RecursiveMode::Recursive);
            watched.map_err(|error| watch_error(root.as_path(), &error))?;
        }
        watcher.watch_folders(&[root_path()])?;
        Ok(watcher)
    }

    /// Waits for changes, at most for the time `at_most` if it is given. Returns `None` if no change occurred or `stop`
    /// is cancelled.
    pub fn wait(&self, stop: &CancelToken, at_most: Option<Duration>) -> Option<FileChanges> {
        let end = at_most.map(|at_most| Instant::now() + at_most);
        let stopped = stop.channel();
        loop {
            let now = Instant::now();
            if stopped.is_cancelled() || end.is_some_and(|end| now >= end) {
                return None;
            }
            if let Some(pending) = self.shared.take_due_changes(now) {
                match self.accept_changes(pending) {
                    FileChanges::Paths(paths) if paths.is_empty() => continue,
                    changes => return Some(changes),
                }
            }
            let next = self.shared.due_time().into_iter().chain(end).min();
            select! {
                recv(self.changed) -> _ => {}
                recv(stopped.receiver()) -> _ => return None,
                recv(next.map_or_else(never, at)) -> _ => {}
            }
        }
    }

    /// Returns the number of watched folders.
    pub fn watched_folders(&self) -> usize {
        self.shared.state.lock().watched_folders.len()
    }

    /// Returns the reason why some folders are not watched; `None` if all are watched. Changes in unwatched folders are
    /// found only by a walk.
    pub fn unwatched(&self) -> Option<String> {
        self.unwatched.lock().clone()
    }

    /// Watches all folders again, including ones that could not be watched before. If that fails, [`Self::unwatched`]
    /// returns the reason.
    pub fn watch_missing_folders(&self) {
        if let Err(error) = self.rewatch_folders() {
            self.mark_incomplete(&error);
        }
    }

    fn set_unwatched(&self, reason: Option<String>) {
        *self.unwatched.lock() = reason;
    }

    /// Watches new folders before it returns the changes. A file created in a new folder after that causes an event; a
    /// file created earlier is found when the caller walks the folder.
    fn accept_changes(&self, mut pending: PendingChanges) -> FileChanges {
        if pending.is_index_changed && self.shared.take_tracked_change() {
            pending.everything.get_or_insert_with(|| "git tracks other files than before".to_owned());
        }
        if let Some(reason) = pending.everything {
            let failed = self.rewatch_folders().err();
            return FileChanges::Everything { reason: failed.map_or(reason, |error| self.mark_incomplete(&error)) };
        }
        let root = self.shared.root.as_path();
        let (folders, others): (Vec<_>, Vec<_>) =
            pending.paths.iter().cloned().partition(|path| is_folder(&path.under(root)));
        self.shared.unmark_folders(&others);
        if folders.is_empty() {
            return FileChanges::Paths(others);
        }
        match self.watch_folders(&folders) {
            Ok(()) => FileChanges::Paths(pending.paths.into_iter().collect()),
            Err(error) => FileChanges::Everything { reason: self.mark_incomplete(&error) },
        }
    }

    fn mark_incomplete(&self, error: &WatchError) -> String {
        self.set_unwatched(Some(error.to_string()));
        error.to_string()
    }

    /// Watches all folders that a walk enters now, and no others.
    fn rewatch_folders(&self) -> Result<(), WatchError> {
        let before = mem::take(&mut self.shared.state.lock().watched_folders);
        if let Err(error) = self.watch_folders(&[root_path()]) {
            self.shared.state.lock().watched_folders.extend(before);
            return Err(error);
        }
        if WATCH_EACH_FOLDER {
            let watched_folders = self.shared.state.lock().watched_folders.clone();
            let mut system = self.system.lock();
            for folder in before.difference(&watched_folders) {
                // This call fails if the folder and thus its watch no longer exist.
                system.unwatch(folder).ok();
            }
        }
        self.set_unwatched(None);
        Ok(())
    }

    /// Watches the folders of git's index and of the ignore files that a walk does not visit. A folder that cannot be
    /// watched is left out, because these files seldom change.
    fn watch_ignore_files(&self, system: &mut RecommendedWatcher) {
        let files = walk::ignore_files_outside(&self.shared.root);
        let tracked = walk::tracked_state(&self.shared.root);
        let watched = files.iter().chain(tracked.iter().map(|tracked| &tracked.file));
        let folders: BTreeSet<PathBuf> = watched.filter_map(|file| file.parent()).map(Path::to_owned).collect();
        let mut state = self.shared.state.lock();
        state.ignore_files = files.into_iter().collect();
        state.tracked = tracked;
        drop(state);
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            system.watch(folder, RecursiveMode::NonRecursive).ok();
        }
    }

    /// Watches the folders in and below `paths` that a walk enters.
    fn watch_folders(&self, paths: &[RepoPath]) -> Result<(), WatchError> {
        let mut failed = None;
        let mut system = self.system.lock();
        if paths.contains(&root_path()) {
            self.watch_ignore_files(&mut system);
        }
        walk::walk_folders(&self.shared.root, self.shared.cross_file_systems, paths, &mut |folder| {
            if failed.is_some() || folder == self.shared.index_dir {
                return false;
            }
            // The folder is inserted before its watch is added, because the first event may arrive at once.
            self.shared.state.lock().watched_folders.insert(folder.to_owned());
            if WATCH_EACH_FOLDER {
                failed = system.watch(folder, RecursiveMode::NonRecursive).err().filter(|error| !is_gone(error));
            }
            true
        })?;
        failed.map_or(Ok(()), |error| Err(watch_error(self.shared.root.as_path(), &error)))
    }
}

/// Whether each folder needs its own watch. On Linux, a recursive watch consists of one watch per folder, even for
/// excluded folders; other systems have real recursive watches.
const WATCH_EACH_FOLDER: bool = cfg!(target_os = "linux");

/// State shared with the thread that receives the system's events.
struct WatcherShared {
    root: AbsPath,
    index_dir: PathBuf,
    cross_file_systems: bool,
    state: Mutex<WatchedState>,
    /// The sending end of [`FolderWatcher::changed`].
    signal: Sender<()>,
}

#[derive(Default)]
struct WatchedState {
    /// The watched folders; some may no longer exist.
    watched_folders: HashSet<PathBuf>,
    /// Ignore files that a walk does not visit; they need not exist.
    ignore_files: HashSet<PathBuf>,
    /// The state of git's index when it was last examined; `None` without a repository that can be read.
    tracked: Option<TrackedState>,
    pending: PendingChanges,
}

/// The changes that were not reported yet.
#[derive(Default)]
struct PendingChanges {
    /// Times of the first and the last change.
    times: Option<(Instant, Instant)>,
    /// Time before which the changes are not due, because git was writing the working tree.
    held_until: Option<Instant>,
    paths: BTreeSet<RepoPath>,
    everything: Option<String>,
    /// Whether git has written its index, as it does for `git status` too.
    is_index_changed: bool,
}

impl WatcherShared {
    /// Records the changes that an event of the system's file watcher reports.
    fn record_event(&self, event: notify::Result<Event>, now: Instant) {
        let mut state = self.state.lock();
        let was_pending = state.pending.times.is_some();
        match event {
            Err(error) => state.pending.add_everything(now, format!("the system failed to report changes: {error}")),
            Ok(event) if event.need_rescan() => {
                state.pending.add_everything(now, "more has changed at once than the system can report".to_owned());
            }
            Ok(event) if is_change(event.kind) => {
                for path in &event.paths {
                    self.record_path(&mut state, path, event.kind, now);
                }
            }
            Ok(_) => {}
        }
        if !was_pending && state.pending.times.is_some() {
            // If the channel is full, a signal is already pending.
            _ = self.signal.try_send(());
        }
    }

    fn record_path(&self, state: &mut WatchedState, abs: &Path, kind: EventKind, now: Instant) {
        let is_write =
            !matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if is_write && state.watched_folders.contains(abs) {
            // Some systems report each change in a folder as a change of the folder, too.
            return;
        }
        if state.ignore_files.contains(abs) {
            let reason = format!("{} has changed, which may include or exclude files", abs.display());
            return state.pending.add_everything(now, reason);
        }
        if state.tracked.as_ref().is_some_and(|tracked| tracked.file == abs) {
            state.pending.set_times(now);
            state.pending.is_index_changed = true;
            return;
        }
        if abs == self.root.as_path() {
            return state.pending.add_everything(now, format!("{} itself was moved or deleted", self.root));
        }
        let Some(path) = RepoPath::below(self.root.as_path(), abs) else { return };
        let is_watched = abs.parent().is_some_and(|folder| state.watched_folders.contains(folder));
        if !is_watched || abs.starts_with(&self.index_dir) || (is_write && path.file_name() == ".git") {
            return;
        }
        if walk::affects_ignore_rules(&path) {
            state.pending.add_everything(now, format!("{path} has changed, which may include or exclude other files"));
        } else {
            state.pending.add(now, path);
        }
    }

    /// Returns whether git tracks other files than at the last call.
    fn take_tracked_change(&self) -> bool {
        let tracked = walk::tracked_state(&self.root);
        let mut state = self.state.lock();
        let is_changed = state.tracked != tracked;
        state.tracked = tracked;
        is_changed
    }

    /// Returns the recorded changes once they are due; `None` before that, and while git writes the working tree, for
    /// at most [`MAX_GIT_DELAY`] after the first change.
    fn take_due_changes(&self, now: Instant) -> Option<PendingChanges> {
        let mut state = self.state.lock();
        if state.pending.due_time().is_none_or(|due| now < due) {
            return None;
        }
        let may_wait = state.pending.times.is_some_and(|(first, _)| now < first + MAX_GIT_DELAY);
        if may_wait && state.tracked.as_ref().is_some_and(is_git_writing) {
            // The removal of git's lock is an event in a watched folder only for some repositories.
            state.pending.held_until = Some(now + QUIET_PERIOD);
            return None;
        }
        Some(mem::take(&mut state.pending))
    }

    /// Returns the time when the recorded changes are due; `None` if there are none.
    fn due_time(&self) -> Option<Instant> {
        self.state.lock().pending.due_time()
    }

    /// Removes `paths`, which are not folders now, from the set of watched folders.
    fn unmark_folders(&self, paths: &[RepoPath]) {
        let mut state = self.state.lock();
        for path in paths {
            state.watched_folders.remove(&path.under(self.root.as_path()));
        }
    }
}

impl PendingChanges {
    fn due_time(&self) -> Option<Instant> {
        let due = self.times.map(|(first, last)| (last + QUIET_PERIOD).min(first + MAX_DELAY))?;
        Some(self.held_until.map_or(due, |until| due.max(until)))
    }

    fn add(&mut self, now: Instant, path: RepoPath) {
        self.set_times(now);
        if self.everything.is_none() {
            self.paths.insert(path);
        }
        if self.paths.len() > MAX_PATHS {
            self.add_everything(now, format!("more than {MAX_PATHS} files and folders have changed"));
        }
    }

    /// Records that any file may have changed. If this happens several times, the first reason is reported.
    fn add_everything(&mut self, now: Instant, reason: String) {
        self.set_times(now);
        self.paths.clear();
        self.everything.get_or_insert(reason);
    }

    fn set_times(&mut self, now: Instant) {
        let first = self.times.map_or(now, |(first, _)| first);
        self.times = Some((first, now));
    }
}

/// Returns whether an event may mean that a file or folder was created, deleted, renamed or written. Reads do not
/// count, nor do changes of metadata other than the time of the last write.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Metadata(metadata)) => metadata == MetadataKind::WriteTime,
        EventKind::Other => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
    }
}

/// Returns whether git is writing its index. It holds the lock while it replaces the files of the working tree.
fn is_git_writing(tracked: &TrackedState) -> bool {
    let mut lock = tracked.file.clone().into_os_string();
    lock.push(".lock");
    Path::new(&lock).symlink_metadata().is_ok()
}

/// Returns the root, as a path relative to itself.
fn root_path() -> RepoPath {
    RepoPath::new("")
}

/// Returns whether the path is a folder. As in a walk, symbolic links are not.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Returns whether a folder cannot be watched because it is missing or unreadable; a walk skips it as well.
fn is_gone(error: &notify::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => matches!(error.kind(), NotFound | NotADirectory | PermissionDenied),
        _ => false,
    }
}

fn watch_error(path: &Path, error: &notify::Error) -> WatchError {
    let path = path.to_owned();
    match &error.kind {
        ErrorKind::MaxFilesWatch => WatchError::Limit { path },
        _ => WatchError::System { path, message: error.to_string() },
    }
}
