//! Follows the file system below a root and tells what changed, gathered into few batches.
//!
//! The only module that imports `notify`. Invariants: only folders that a walk enters are watched
//! where that can be chosen (a build folder costs nothing); a folder that appears is watched before it is
//! told of; what could have been missed is told as [`Changes::Everything`]. Must never import:
//! `search`, `mcp`, `cli`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, MetadataKind, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::CancelToken;
use crate::types::{AbsPath, RepoPath};
use crate::walk::{self, WalkError};

/// A batch is complete when nothing has changed for this long…
const QUIET: Duration = Duration::from_millis(100);

/// … or when this much time has passed since its first change.
const LONGEST: Duration = Duration::from_secs(2);

/// Paths in a batch; with more, looking at everything is faster.
const MAX_PATHS: usize = 1_000;

/// How long a wait goes on without looking whether it is still wanted.
const STOP_POLL: Duration = Duration::from_millis(50);

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These files and folders appeared, changed or went; sorted.
    Paths(Vec<RepoPath>),
    /// Nobody knows what, or too much.
    Everything { because: String },
}

/// The folder cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system follows no more folders.
    #[error(
        "cannot follow {root}: the system watches no more folders for this user; raise fs.inotify.max_user_watches; until then a search looks for changes itself"
    )]
    Limit { root: PathBuf },
    /// The system does not follow this one.
    #[error("cannot follow {root}: {message}; a search looks for changes itself")]
    System { root: PathBuf, message: String },
    /// The root cannot be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
}

/// Follows a root while it lives.
pub struct Watcher {
    root: AbsPath,
    shared: Arc<Shared>,
    inner: Mutex<RecommendedWatcher>,
}

/// What the system's thread hands over.
struct Shared {
    root: PathBuf,
    index_dir: PathBuf,
    pending: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Default)]
struct Pending {
    paths: BTreeSet<RepoPath>,
    everything: Option<String>,
    /// When the first and the last change came.
    times: Option<(Instant, Instant)>,
}

impl Watcher {
    /// Follows `root` from now on, but for the index in `index_dir`.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn start(root: &AbsPath, index_dir: &Path) -> Result<Self, WatchError> {
        let shared = Arc::new(Shared {
            root: root.as_path().to_owned(),
            index_dir: index_dir.to_owned(),
            pending: Mutex::default(),
            changed: Condvar::new(),
        });
        let told = Arc::clone(&shared);
        let inner = notify::recommended_watcher(move |event| told.take(event));
        let inner = inner.map_err(|error| shared.failed(&error))?;
        let watcher = Self { root: root.clone(), shared, inner: Mutex::new(inner) };
        watcher.watch(&[RepoPath::new("")])?;
        Ok(watcher)
    }

    /// The next batch of changes; `None` once `stop` is cancelled.
    pub fn next(&self, stop: &CancelToken) -> Option<Changes> {
        loop {
            let Pending { paths, everything, .. } = self.gather(stop)?;
            let paths: Vec<RepoPath> = paths.into_iter().collect();
            // Whatever it is now: watched before anyone looks into it.
            let folders: Vec<RepoPath> =
                if everything.is_some() { vec![RepoPath::new("")] } else { self.folders(&paths) };
            let because = match self.watch(&folders) {
                Ok(()) => everything,
                Err(error) => Some(error.to_string()),
            };
            match because {
                Some(because) => return Some(Changes::Everything { because }),
                None if paths.is_empty() => {}
                None => return Some(Changes::Paths(paths)),
            }
        }
    }

    /// Waits until a batch is complete.
    fn gather(&self, stop: &CancelToken) -> Option<Pending> {
        let mut pending = self.shared.pending();
        loop {
            if stop.is_cancelled() {
                return None;
            }
            let wait = match pending.times {
                None => STOP_POLL,
                Some((first, last)) => {
                    let quiet = QUIET.saturating_sub(last.elapsed());
                    let rest = quiet.min(LONGEST.saturating_sub(first.elapsed()));
                    if rest.is_zero() {
                        return Some(std::mem::take(&mut *pending));
                    }
                    rest.min(STOP_POLL)
                }
            };
            pending = self.shared.changed.wait_timeout(pending, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn folders(&self, paths: &[RepoPath]) -> Vec<RepoPath> {
        let is_folder = |path: &&RepoPath| {
            fs::symlink_metadata(path.under(self.root.as_path())).is_ok_and(|metadata| metadata.is_dir())
        };
        paths.iter().filter(is_folder).cloned().collect()
    }

    /// Watches these folders and those below them that a walk enters.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn watch(&self, folders: &[RepoPath]) -> Result<(), WatchError> {
        if folders.is_empty() {
            return Ok(());
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = None;
        walk::folders(&self.root, folders, &mut |folder| {
            if folder.starts_with(&self.shared.index_dir) {
                return false;
            }
            match inner.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => true,
                Err(error) if is_gone(&error) => false,
                Err(error) => {
                    failure.get_or_insert(error);
                    false
                }
            }
        })?;
        failure.map_or(Ok(()), |error| Err(self.shared.failed(&error)))
    }

    /// One watch for the whole root: all that these systems have.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn watch(&self, folders: &[RepoPath]) -> Result<(), WatchError> {
        if !folders.iter().any(|folder| folder.as_str().is_empty()) {
            return Ok(());
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.watch(self.root.as_path(), RecursiveMode::Recursive).map_err(|error| self.shared.failed(&error))
    }
}

/// Whether a folder went before it could be watched.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied)
        }
        _ => false,
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &notify::Error) -> WatchError {
        let root = self.root.clone();
        match &error.kind {
            ErrorKind::MaxFilesWatch => WatchError::Limit { root },
            // What inotify_add_watch says where the limit is reached.
            ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => WatchError::Limit { root },
            _ => WatchError::System { root, message: error.to_string() },
        }
    }

    /// Takes note of an event; called by the system's thread.
    fn take(&self, event: notify::Result<Event>) {
        let mut pending = self.pending();
        match event {
            Err(error) => pending.all(&error.to_string()),
            Ok(event) if event.need_rescan() => pending.all("the system lost track of the changes"),
            Ok(event) if is_change(event.kind) => {
                event.paths.iter().filter_map(|path| self.told(path)).for_each(|path| pending.add(path));
            }
            Ok(_) => {}
        }
        self.changed.notify_one();
    }

    /// The path of a change that matters.
    fn told(&self, path: &Path) -> Option<RepoPath> {
        if path.starts_with(&self.index_dir) {
            return None;
        }
        let path = RepoPath::below(&self.root, path)?;
        let is_git = path.as_str().split('/').any(|part| part == ".git");
        (!is_git || walk::changes_rules(&path)).then_some(path)
    }
}

impl Pending {
    fn add(&mut self, path: RepoPath) {
        if walk::changes_rules(&path) {
            self.all(&format!("the rules in {path} changed"));
        } else if self.everything.is_none() {
            self.paths.insert(path);
            if self.paths.len() > MAX_PATHS {
                self.all(&format!("more than {MAX_PATHS} files changed at once"));
            }
        }
        self.tick();
    }

    fn all(&mut self, because: &str) {
        self.everything.get_or_insert_with(|| because.to_owned());
        self.paths.clear();
        self.tick();
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let first = self.times.map_or(now, |(first, _)| first);
        self.times = Some((first, now));
    }
}

/// Whether an event may have changed what a file says, or which files there are.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Modify(ModifyKind::Metadata(kind)) => matches!(kind, MetadataKind::WriteTime),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    struct Followed {
        folder: tempfile::TempDir,
        watcher: Watcher,
    }

    impl Followed {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            files.iter().for_each(|(path, text)| write(folder.path(), path, text));
            let root = AbsPath::canonical(folder.path()).expect("the root");
            let index_dir = root.as_path().join("index");
            Self { watcher: Watcher::start(&root, &index_dir).expect("it can be followed"), folder }
        }

        fn write(&self, path: &str) {
            write(self.folder.path(), path, "changed");
        }

        /// All that is told until `last` is: a batch may end between two writes.
        fn told_until(&self, last: &str) -> Vec<String> {
            let mut told = BTreeSet::new();
            while !told.contains(last) {
                match self.watcher.next(&CancelToken::default()).expect("it goes on") {
                    Changes::Paths(paths) => told.extend(paths.iter().map(RepoPath::to_string)),
                    Changes::Everything { because } => panic!("everything: {because}"),
                }
            }
            told.into_iter().collect()
        }
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn edits_new_files_moves_and_removals_are_told_and_looking_is_not() {
        let followed = Followed::new(&[("a.rs", ""), ("sub/b.rs", ""), ("sub/c.rs", "")]);
        followed.write("a.rs");
        followed.write("sub/new.rs");
        let _ = fs::read(followed.folder.path().join("sub/c.rs")).expect("readable");
        fs::rename(followed.folder.path().join("sub/b.rs"), followed.folder.path().join("moved.rs")).expect("moved");
        fs::remove_file(followed.folder.path().join("a.rs")).expect("removed");
        followed.write("z.rs");
        assert_eq!(followed.told_until("z.rs"), ["a.rs", "moved.rs", "sub/b.rs", "sub/new.rs", "z.rs"]);
    }

    #[test]
    fn a_folder_that_appears_or_moves_is_told_and_followed_with_what_is_in_it() {
        let followed = Followed::new(&[("a.rs", ""), ("old/deep/b.rs", "")]);
        followed.write("new/deep/c.rs");
        assert!(followed.told_until("new").contains(&"new".to_owned()));
        followed.write("new/deep/d.rs");
        assert!(followed.told_until("new/deep/d.rs").contains(&"new/deep/d.rs".to_owned()));
        fs::rename(followed.folder.path().join("old"), followed.folder.path().join("moved")).expect("moved");
        assert_eq!(followed.told_until("moved"), ["moved", "old"]);
        followed.write("moved/deep/e.rs");
        assert!(followed.told_until("moved/deep/e.rs").iter().all(|path| path.starts_with("moved")));
    }

    #[test]
    fn what_a_walk_leaves_out_is_not_followed() {
        let followed =
            Followed::new(&[(".gitignore", "target/\n"), ("target/x/a.rs", ""), (".git/HEAD", "x"), ("b.rs", "")]);
        followed.write("target/x/a.rs");
        followed.write("target/x/new.rs");
        followed.write(".git/HEAD");
        followed.write("index/manifest.json");
        followed.write("b.rs");
        assert_eq!(followed.told_until("b.rs"), ["b.rs"]);
    }

    #[test]
    fn rules_that_change_and_many_files_at_once_ask_for_everything_in_one_batch() {
        let followed = Followed::new(&[("sub/a.rs", "")]);
        followed.write("sub/.gitignore");
        let next = || followed.watcher.next(&CancelToken::default()).expect("it goes on");
        assert!(matches!(next(), Changes::Everything { because } if because.contains("sub/.gitignore")));
        (0..3_000).for_each(|at| followed.write(&format!("sub/{at}.rs")));
        assert!(matches!(next(), Changes::Everything { because } if because.contains("1000 files")));
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let stop = CancelToken::default();
        stop.cancel();
        assert_eq!(Followed::new(&[]).watcher.next(&stop), None);
    }
}
