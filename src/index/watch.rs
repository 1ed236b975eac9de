//! Follows the file system below a root.
//!
//! Owns the crate `notify`, which events count as a change and which of them are told together.
//! Only folders that a walk enters are followed: on Linux each has a watch of its own, set before the
//! folder is listed; elsewhere one watch covers the root and what lies in other folders is dropped.
//! Invariant: whatever may have been missed is told as [`Changes::Everything`], with the reason. What
//! happens outside of the root (ignore files above it) is not seen. Never imports the store, the
//! parser, the embedder or `search`.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind};
use notify::{ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::CancelToken;
use crate::types::{AbsPath, RepoPath};
use crate::walk::{self, WalkError};

/// Changes are told once nothing has happened for this long: a branch switch is one batch.
const QUIET: Duration = Duration::from_millis(100);

/// Or once the first of them is this old, however busy the folder is.
const LONGEST: Duration = Duration::from_secs(2);

/// More changed paths than this are told as everything: a walk is then as fast as looking at each.
const MOST_PATHS: usize = 1000;

/// How often [`Watcher::wait`] looks for changes and for a stop.
const POLL: Duration = Duration::from_millis(50);

/// What has changed below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These files and folders, sorted, each once: made, written, renamed or gone. Of a folder, all
    /// that is below may have changed.
    Paths(Vec<RepoPath>),
    /// Anything may have.
    Everything { because: String },
}

/// The file system cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The root could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The system gives out no more watches.
    #[error(
        "cannot follow the changes in {path}: the system's limit of watches is reached; raise \
         fs.inotify.max_user_watches (sysctl); until then a search looks for changes itself"
    )]
    Limit { path: PathBuf },
    /// Most often: the limit of processes that follow files, or of open files.
    #[error(
        "cannot follow the changes in {path}: {message}; if too many files are open, raise \
         fs.inotify.max_user_instances (sysctl); until then a search looks for changes itself"
    )]
    System { path: PathBuf, message: String },
}

/// Follows one root until it is dropped.
pub struct Watcher {
    shared: Arc<Shared>,
    system: Mutex<RecommendedWatcher>,
    /// Why not every folder is followed, if so.
    unseen: Mutex<Option<String>>,
}

impl Watcher {
    /// Follows `root`, but for `index_dir`, which may lie inside of it. What changes from now on is told;
    /// an index run that starts after this misses nothing.
    ///
    /// # Errors
    /// When the root cannot be read or the system gives no watches.
    pub fn start(root: &AbsPath, index_dir: &Path) -> Result<Self, WatchError> {
        let index_dir = index_dir.canonicalize().unwrap_or_else(|_| index_dir.to_owned());
        let shared = Arc::new(Shared { root: root.clone(), index_dir, state: Mutex::default() });
        let told = Arc::clone(&shared);
        let handler = move |event| told.note(event, Instant::now());
        let system = notify::recommended_watcher(handler).map_err(|error| refused(root.as_path(), &error))?;
        let watcher = Self { shared, system: Mutex::new(system), unseen: Mutex::default() };
        if !EACH_FOLDER {
            let mut system = watcher.system.lock().unwrap_or_else(PoisonError::into_inner);
            let watched = system.watch(root.as_path(), RecursiveMode::Recursive);
            watched.map_err(|error| refused(root.as_path(), &error))?;
        }
        watcher.follow(&[whole()])?;
        Ok(watcher)
    }

    /// Waits for changes, for ever or so long at most. `None` when there were none, or `stop` is cancelled.
    pub fn wait(&self, stop: &CancelToken, at_most: Option<Duration>) -> Option<Changes> {
        let begun = Instant::now();
        loop {
            if stop.is_cancelled() || at_most.is_some_and(|at_most| begun.elapsed() >= at_most) {
                return None;
            }
            if let Some(gathered) = self.shared.settled(Instant::now()) {
                return Some(self.take_in(gathered));
            }
            thread::sleep(POLL);
        }
    }

    /// Why not every folder is followed, if so: changes may go unseen, and somebody has to look for them.
    pub fn unseen(&self) -> Option<String> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tries to follow every folder.
    pub fn follow_all(&self) {
        if let Err(error) = self.follow_anew() {
            self.incomplete(&error);
        }
    }

    fn set_unseen(&self, because: Option<String>) {
        *self.unseen.lock().unwrap_or_else(PoisonError::into_inner) = because;
    }

    /// Follows the folders that are new, before the changes are told: what is made in them from now on is
    /// seen here, what was made before is found by whoever looks at the folder.
    fn take_in(&self, gathered: Gathered) -> Changes {
        if let Some(because) = gathered.everything {
            let failed = self.follow_anew().err();
            return Changes::Everything { because: failed.map_or(because, |error| self.incomplete(&error)) };
        }
        let root = self.shared.root.as_path();
        let (folders, others): (Vec<_>, Vec<_>) =
            gathered.paths.iter().cloned().partition(|path| is_folder(&path.under(root)));
        self.shared.forget(&others);
        if folders.is_empty() {
            return Changes::Paths(others);
        }
        match self.follow(&folders) {
            Ok(()) => Changes::Paths(gathered.paths.into_iter().collect()),
            Err(error) => Changes::Everything { because: self.incomplete(&error) },
        }
    }

    fn incomplete(&self, error: &WatchError) -> String {
        self.set_unseen(Some(error.to_string()));
        error.to_string()
    }

    /// Follows all folders there are now, and no others.
    fn follow_anew(&self) -> Result<(), WatchError> {
        let before = mem::take(&mut self.shared.state().kept);
        if let Err(error) = self.follow(&[whole()]) {
            self.shared.state().kept.extend(before);
            return Err(error);
        }
        if EACH_FOLDER {
            let kept = self.shared.state().kept.clone();
            let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
            for folder in before.difference(&kept) {
                // It has no watch any more if it is gone.
                system.unwatch(folder).ok();
            }
        }
        self.set_unseen(None);
        Ok(())
    }

    /// Follows the folders of `paths` and below that a walk enters.
    fn follow(&self, paths: &[RepoPath]) -> Result<(), WatchError> {
        let mut failed = None;
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        walk::folders(&self.shared.root, paths, &mut |folder| {
            if failed.is_some() || folder == self.shared.index_dir {
                return false;
            }
            // Kept first: an event that comes with the watch must find it.
            self.shared.state().kept.insert(folder.to_owned());
            if EACH_FOLDER {
                failed = system.watch(folder, RecursiveMode::NonRecursive).err().filter(|error| !is_gone(error));
            }
            true
        })?;
        failed.map_or(Ok(()), |error| Err(refused(self.shared.root.as_path(), &error)))
    }
}

/// Whether each folder gets a watch of its own. A recursive watch is one of these per folder on Linux,
/// those that are out included; other systems have real ones.
const EACH_FOLDER: bool = cfg!(target_os = "linux");

/// What the thread that takes the system's events shares with the watcher.
struct Shared {
    root: AbsPath,
    index_dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Folders that are followed; some may be gone.
    kept: HashSet<PathBuf>,
    gathered: Gathered,
}

/// Changes since the last were told.
#[derive(Default)]
struct Gathered {
    /// When the first and the last of them came.
    times: Option<(Instant, Instant)>,
    paths: BTreeSet<RepoPath>,
    everything: Option<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event of the system's in.
    fn note(&self, event: notify::Result<Event>, now: Instant) {
        let mut state = self.state();
        match event {
            Err(error) => state.gathered.all(now, format!("the system cannot tell what has changed: {error}")),
            Ok(event) if event.need_rescan() => {
                state.gathered.all(now, "more has changed at once than the system can tell".to_owned());
            }
            Ok(event) if is_change(event.kind) => {
                for path in &event.paths {
                    self.place(&mut state, path, event.kind, now);
                }
            }
            Ok(_) => {}
        }
    }

    fn place(&self, state: &mut State, abs: &Path, kind: EventKind, now: Instant) {
        let is_write =
            !matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if is_write && state.kept.contains(abs) {
            // Of a folder some systems tell each change in it so.
            return;
        }
        if abs == self.root.as_path() {
            return state.gathered.all(now, format!("{} itself was moved or deleted", self.root));
        }
        let Some(path) = RepoPath::below(self.root.as_path(), abs) else { return };
        let is_followed = abs.parent().is_some_and(|folder| state.kept.contains(folder));
        if !is_followed || abs.starts_with(&self.index_dir) || (is_write && path.file_name() == ".git") {
            return;
        }
        if walk::changes_rules(&path) {
            state.gathered.all(now, format!("{path} has changed, and other files may be in or out by it"));
        } else {
            state.gathered.add(now, path);
        }
    }

    /// What was gathered, once it is time to tell it.
    fn settled(&self, now: Instant) -> Option<Gathered> {
        let mut state = self.state();
        let (first, last) = state.gathered.times?;
        let is_due = now >= last + QUIET || now >= first + LONGEST;
        is_due.then(|| mem::take(&mut state.gathered))
    }

    /// These are no folders, or no longer.
    fn forget(&self, paths: &[RepoPath]) {
        let mut state = self.state();
        for path in paths {
            state.kept.remove(&path.under(self.root.as_path()));
        }
    }
}

impl Gathered {
    fn add(&mut self, now: Instant, path: RepoPath) {
        self.touch(now);
        if self.everything.is_none() {
            self.paths.insert(path);
        }
        if self.paths.len() > MOST_PATHS {
            self.all(now, format!("more than {MOST_PATHS} files and folders have changed"));
        }
    }

    /// The first reason is the one that is told.
    fn all(&mut self, now: Instant, because: String) {
        self.touch(now);
        self.paths.clear();
        self.everything.get_or_insert(because);
    }

    fn touch(&mut self, now: Instant) {
        let first = self.times.map_or(now, |(first, _)| first);
        self.times = Some((first, now));
    }
}

/// Whether an event says that something is there, is gone or was written; reading and rights are no change.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Metadata(metadata)) => metadata == MetadataKind::WriteTime,
        EventKind::Other => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
    }
}

/// The root, as a path below itself.
fn whole() -> RepoPath {
    RepoPath::new("")
}

/// Links are no folders here, as in a walk.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a folder cannot be watched because a walk could not list it either.
fn is_gone(error: &notify::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => matches!(error.kind(), NotFound | NotADirectory | PermissionDenied),
        _ => false,
    }
}

fn refused(path: &Path, error: &notify::Error) -> WatchError {
    let path = path.to_owned();
    match &error.kind {
        ErrorKind::MaxFilesWatch => WatchError::Limit { path },
        _ => WatchError::System { path, message: error.to_string() },
    }
}
