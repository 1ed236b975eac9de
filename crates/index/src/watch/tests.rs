use std::cell::Cell;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use notify::event::{CreateKind, DataChange, Flag};
use tempfile::TempDir;

use super::*;

/// A watched folder; the index is in its subfolder `index`.
struct WatchedFolder {
    folder: TempDir,
    watcher: FolderWatcher,
    /// Number of calls of [`WatchedFolder::changed_paths`].
    call_count: Cell<u32>,
}

impl WatchedFolder {
    fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            write(folder.path(), file);
        }
        write(folder.path(), "index/rows");
        let root = AbsPath::canonical(folder.path()).expect("the root");
        let watcher = FolderWatcher::start(&root, &folder.path().join("index"), false).expect("the root is watched");
        Self { folder, watcher, call_count: Cell::new(0) }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str) {
        write(self.folder.path(), path);
    }

    /// Returns the next changes; panics after a minute without any.
    fn next(&self) -> FileChanges {
        let stop = CancelToken::default();
        let (done, wait) = mpsc::channel::<()>();
        let late = stop.clone();
        let guard = thread::spawn(move || {
            if wait.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                late.cancel();
            }
        });
        let changes = self.watcher.wait(&stop, None).expect("changes within a minute");
        drop(done);
        guard.join().expect("the guard ends");
        changes
    }

    /// Returns all paths changed up to now. Events arrive in order, so the paths reported before a last file
    /// are complete.
    fn changed_paths(&self) -> Vec<String> {
        self.call_count.set(self.call_count.get() + 1);
        let last = format!("last-{}.rs", self.call_count.get());
        self.write(&last);
        let mut changed = BTreeSet::new();
        while !changed.contains(&last) {
            match self.next() {
                FileChanges::Paths(paths) => changed.extend(paths.iter().map(RepoPath::to_string)),
                FileChanges::Everything { reason } => panic!("everything: {reason}"),
            }
        }
        changed.into_iter().filter(|path| !path.starts_with("last-")).collect()
    }

    /// Returns the reason of the next report, which must be [`FileChanges::Everything`].
    fn everything_reason(&self) -> String {
        match self.next() {
            FileChanges::Everything { reason } => reason,
            FileChanges::Paths(paths) => panic!("only {paths:?}"),
        }
    }
}

fn write(root: &Path, path: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, "text\n").expect("a file");
}

#[test]
fn written_created_renamed_and_deleted_files_are_reported() {
    let watched = WatchedFolder::new(&["a.rs", "src/b.rs", "src/deep/c.rs"]);
    watched.write("src/b.rs");
    assert_eq!(watched.changed_paths(), ["src/b.rs"]);
    watched.write("src/deep/new.rs");
    watched.write("a.rs");
    assert_eq!(watched.changed_paths(), ["a.rs", "src/deep/new.rs"]);
    fs::remove_file(watched.at("a.rs")).expect("removed");
    assert_eq!(watched.changed_paths(), ["a.rs"]);
    fs::rename(watched.at("src/b.rs"), watched.at("src/deep/b.rs")).expect("renamed");
    assert_eq!(watched.changed_paths(), ["src/b.rs", "src/deep/b.rs"]);
    assert_eq!(watched.watcher.unwatched(), None);
}

#[test]
fn a_new_folder_is_reported_and_watched() {
    let watched = WatchedFolder::new(&["a.rs"]);
    watched.write("new/deep/a.rs");
    assert_eq!(watched.changed_paths(), ["new"]);
    watched.write("new/deep/a.rs");
    watched.write("new/deep/er/b.rs");
    assert_eq!(watched.changed_paths(), ["new/deep/a.rs", "new/deep/er"]);
    watched.write("new/deep/er/b.rs");
    assert_eq!(watched.changed_paths(), ["new/deep/er/b.rs"]);
}

#[test]
fn a_renamed_folder_is_watched_under_its_new_name() {
    let watched = WatchedFolder::new(&["src/deep/a.rs"]);
    fs::rename(watched.at("src"), watched.at("lib")).expect("renamed");
    assert_eq!(watched.changed_paths(), ["lib", "src"]);
    watched.write("lib/deep/a.rs");
    assert_eq!(watched.changed_paths(), ["lib/deep/a.rs"]);
    watched.write("src/a.rs");
    assert_eq!(watched.changed_paths(), ["src"]);
    watched.write("src/a.rs");
    assert_eq!(watched.changed_paths(), ["src/a.rs"]);
}

#[test]
fn a_folder_replaced_by_a_file_and_back_is_reported() {
    let watched = WatchedFolder::new(&["thing/a.rs"]);
    fs::remove_dir_all(watched.at("thing")).expect("removed");
    assert!(watched.changed_paths().contains(&"thing".to_owned()));
    watched.write("thing");
    assert_eq!(watched.changed_paths(), ["thing"]);
    watched.write("thing");
    assert_eq!(watched.changed_paths(), ["thing"]);
    fs::remove_file(watched.at("thing")).expect("removed");
    watched.write("thing/a.rs");
    assert_eq!(watched.changed_paths(), ["thing"]);
    watched.write("thing/a.rs");
    assert_eq!(watched.changed_paths(), ["thing/a.rs"]);
}

#[test]
fn folders_that_a_walk_skips_are_not_reported() {
    let ignored = ["target/debug/a.rs", ".hidden/a.rs", ".aws/config", ".git/HEAD", ".git/refs/heads/main"];
    let watched = WatchedFolder::new(&[&ignored[..], &["a.rs"]].concat());
    fs::write(watched.at(".gitignore"), "target/\n").expect("a file");
    assert!(watched.everything_reason().contains(".gitignore"));
    for path in ignored {
        watched.write(path);
    }
    watched.write("target/new/b.rs");
    watched.write(".git/index.lock");
    fs::remove_file(watched.at(".git/index.lock")).expect("removed");
    watched.write("index/rows");
    watched.write("index/new/rows");
    watched.write("a.rs");
    assert_eq!(watched.changed_paths(), ["a.rs"]);
}

#[test]
fn reads_and_permission_changes_are_not_reported() {
    let watched = WatchedFolder::new(&["a.rs", "src/b.rs"]);
    fs::read(watched.at("a.rs")).expect("a file");
    fs::read_dir(watched.at("src")).expect("a folder").for_each(drop);
    for path in ["a.rs", "src"] {
        let rights = fs::metadata(watched.at(path)).expect("its metadata").permissions();
        fs::set_permissions(watched.at(path), rights).expect("set");
    }
    assert!(watched.changed_paths().is_empty());
}

#[test]
fn a_changed_ignore_file_reports_everything_and_updates_the_watches() {
    let watched = WatchedFolder::new(&["src/a.rs", "out/b.rs", ".ignore"]);
    fs::write(watched.at(".ignore"), "out\n").expect("a file");
    assert_eq!(watched.everything_reason(), ".ignore has changed, which may include or exclude other files");
    watched.write("out/b.rs");
    watched.write("src/a.rs");
    assert_eq!(watched.changed_paths(), ["src/a.rs"]);
    fs::remove_file(watched.at(".ignore")).expect("removed");
    assert!(watched.everything_reason().contains(".ignore"));
    watched.write("out/b.rs");
    assert_eq!(watched.changed_paths(), ["out/b.rs"]);
    fs::create_dir(watched.at(".git")).expect("a folder");
    assert!(watched.everything_reason().contains(".git "));
}

#[test]
fn ignore_files_that_a_walk_does_not_visit_are_watched() {
    let repository = tempfile::tempdir().expect("a folder");
    let top = repository.path().canonicalize().expect("it is there");
    for file in ["sub/src/a.rs", "index/rows", ".git/info/exclude", ".git/HEAD", "other.rs"] {
        write(&top, file);
    }
    let root = AbsPath::canonical(&top.join("sub")).expect("the root");
    let watcher = FolderWatcher::start(&root, &top.join("index"), false).expect("the root is watched");
    for file in [".git/info/exclude", ".gitignore", ".codescryignore"] {
        // Other files of these folders are not reported.
        for other in ["other.rs", ".git/info/refs", ".git/HEAD"] {
            write(&top, other);
        }
        write(&top, file);
        let changes = watcher.wait(&CancelToken::default(), Some(Duration::from_secs(60)));
        let Some(FileChanges::Everything { reason }) = changes else { panic!("{file}: {changes:?}") };
        let expected = format!("{} has changed, which may include or exclude files", top.join(file).display());
        assert_eq!(reason, expected);
    }
    write(&top, "other.rs");
    write(&top, "sub/src/b.rs");
    let changes = watcher.wait(&CancelToken::default(), Some(Duration::from_secs(60)));
    assert_eq!(changes, Some(FileChanges::Paths(vec![RepoPath::new("src/b.rs")])));
}

#[test]
fn thousands_of_changes_are_reported_as_everything() {
    let watched = WatchedFolder::new(&["src/a.rs"]);
    for number in 0..3000 {
        fs::write(watched.at(&format!("src/{number}.rs")), "").expect("a file");
    }
    // On a busy machine, the first changes may be reported before the others arrive, and the last ones after.
    let reason = loop {
        if let FileChanges::Everything { reason } = watched.next() {
            break reason;
        }
    };
    assert!(reason.starts_with("more "), "{reason}");
    // All changes are reported once a final file is reported alone.
    let last = "last-of-all.rs";
    let is_drained = (0..100).any(|_| {
        watched.write(last);
        watched.next() == FileChanges::Paths(vec![RepoPath::new(last)])
    });
    assert!(is_drained, "the last file is never reported alone");
    watched.write("src/17.rs");
    assert_eq!(watched.changed_paths(), ["src/17.rs"]);
}

#[test]
fn files_that_git_begins_to_track_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "ignored.rs");
    write(folder.path(), "a.rs");
    fs::write(folder.path().join(".gitignore"), "ignored.rs\n").expect("a file");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let git = |arguments: &[&str]| {
        let ran = std::process::Command::new("git").current_dir(root.as_path()).args(arguments).output();
        assert!(ran.expect("git is installed").status.success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "a.rs"]);
    let watcher = FolderWatcher::start(&root, &folder.path().join("index"), false).expect("the root is watched");
    let watched = WatchedFolder { folder, watcher, call_count: Cell::new(0) };
    // This writes the index with the same paths.
    git(&["update-index", "--force-write-index"]);
    watched.write("b.rs");
    assert_eq!(watched.changed_paths(), ["b.rs"]);
    git(&["add", "-f", "ignored.rs"]);
    assert_eq!(watched.everything_reason(), "git tracks other files than before");
}

#[test]
fn losing_the_root_reports_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "root/a.rs");
    let root = AbsPath::canonical(&folder.path().join("root")).expect("the root");
    let watcher = FolderWatcher::start(&root, &folder.path().join("index"), false).expect("the root is watched");
    let watched = WatchedFolder { folder, watcher, call_count: Cell::new(0) };
    fs::rename(watched.at("root"), watched.at("moved")).expect("renamed");
    assert!(watched.everything_reason().contains("does not exist"));
    assert!(watched.watcher.unwatched().is_some_and(|reason| reason.contains("does not exist")));
}

#[test]
fn a_stop_and_the_time_limit_end_the_wait() {
    let watched = WatchedFolder::new(&[]);
    let stop = CancelToken::default();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watched.watcher.wait(&stop, None));
        stop.cancel();
        assert_eq!(waiting.join().expect("it ends"), None);
    });
    assert_eq!(watched.watcher.wait(&CancelToken::default(), Some(Duration::from_millis(1))), None);
}

#[test]
fn a_missing_root_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    drop(folder);
    let error = FolderWatcher::start(&root, Path::new("index"), false).err().expect("no root").to_string();
    assert!(error.contains("does not exist"), "{error}");
    let limit = watch_error(Path::new("/r"), &notify::Error::new(ErrorKind::MaxFilesWatch)).to_string();
    assert!(limit.contains("raise fs.inotify.max_user_watches"), "{limit}");
}

/// Returns the state of a watcher without any watch, with the root as its only folder.
fn shared() -> WatcherShared {
    let folder = tempfile::tempdir().expect("a folder");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let state = WatchedState { watched_folders: HashSet::from([root.as_path().to_owned()]), ..WatchedState::default() };
    let (index_dir, state) = (root.as_path().join("index"), Mutex::new(state));
    WatcherShared { index_dir, root, cross_file_systems: false, state, signal: bounded(1).0 }
}

fn event(shared: &WatcherShared, kind: EventKind, name: &str) -> notify::Result<Event> {
    Ok(Event::new(kind).add_path(shared.root.as_path().join(name)))
}

const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));

#[test]
fn changes_are_reported_after_a_quiet_period_or_a_maximum_delay() {
    let (shared, start) = (shared(), Instant::now());
    let at = |millis: u64| start + Duration::from_millis(millis);
    assert!(shared.take_due_changes(at(0)).is_none(), "nothing has changed");
    shared.record_event(event(&shared, WRITTEN, "b.rs"), at(0));
    shared.record_event(event(&shared, WRITTEN, "a.rs"), at(90));
    shared.record_event(event(&shared, WRITTEN, "b.rs"), at(90));
    assert!(shared.take_due_changes(at(189)).is_none());
    let pending = shared.take_due_changes(at(190)).expect("it is quiet");
    assert_eq!(pending.paths.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["a.rs", "b.rs"]);
    assert!(shared.take_due_changes(at(1000)).is_none(), "each change is reported once");
    for millis in (2000..=3960).step_by(70) {
        assert!(shared.take_due_changes(at(millis)).is_none());
        shared.record_event(event(&shared, WRITTEN, "a.rs"), at(millis));
    }
    assert!(shared.take_due_changes(at(3999)).is_none());
    assert!(shared.take_due_changes(at(4000)).is_some(), "the first is two seconds old");
}

#[test]
fn lost_events_report_everything() {
    let (shared, now) = (shared(), Instant::now());
    let reason = |events: Vec<notify::Result<Event>>| {
        events.into_iter().for_each(|event| shared.record_event(event, now));
        let pending = shared.take_due_changes(now + QUIET_PERIOD).expect("it is quiet");
        assert!(pending.paths.is_empty());
        pending.everything.expect("everything")
    };
    let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert_eq!(reason(vec![Ok(lost)]), "more has changed at once than the system can report");
    let failed = || Err(notify::Error::generic("a bad day"));
    let written = || event(&shared, WRITTEN, "a.rs");
    assert_eq!(reason(vec![written(), failed(), written()]), "the system failed to report changes: a bad day");
    let made = |number: usize| event(&shared, EventKind::Create(CreateKind::File), &format!("{number}.rs"));
    assert_eq!(reason((0..=MAX_PATHS).map(made).collect()), "more than 1000 files and folders have changed");
    (0..MAX_PATHS).map(made).for_each(|event| shared.record_event(event, now));
    assert_eq!(shared.take_due_changes(now + QUIET_PERIOD).expect("it is quiet").paths.len(), MAX_PATHS);
}
