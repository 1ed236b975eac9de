use std::cell::Cell;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError};

use notify::event::{CreateKind, DataChange, Flag};
use tempfile::TempDir;

use super::*;

/// A folder that is followed; the index lies in `index` inside of it.
struct Followed {
    folder: TempDir,
    watcher: Watcher,
    /// How often [`Followed::told`] was called.
    asked: Cell<u32>,
}

impl Followed {
    fn new(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            write(folder.path(), file);
        }
        write(folder.path(), "index/rows");
        let root = AbsPath::canonical(folder.path()).expect("the root");
        let watcher = Watcher::start(&root, &folder.path().join("index")).expect("the root is followed");
        Self { folder, watcher, asked: Cell::new(0) }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str) {
        write(self.folder.path(), path);
    }

    /// The next changes; a minute without any is a failure.
    fn next(&self) -> Changes {
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

    /// All paths told up to now. Events come in order: what is told before a last file is all there was.
    fn told(&self) -> Vec<String> {
        self.asked.set(self.asked.get() + 1);
        let last = format!("last-{}.rs", self.asked.get());
        self.write(&last);
        let mut told = BTreeSet::new();
        while !told.contains(&last) {
            match self.next() {
                Changes::Paths(paths) => told.extend(paths.iter().map(RepoPath::to_string)),
                Changes::Everything { because } => panic!("everything: {because}"),
            }
        }
        told.into_iter().filter(|path| !path.starts_with("last-")).collect()
    }

    /// Why everything is told next.
    fn because(&self) -> String {
        match self.next() {
            Changes::Everything { because } => because,
            Changes::Paths(paths) => panic!("only {paths:?}"),
        }
    }
}

fn write(root: &Path, path: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, "text\n").expect("a file");
}

#[test]
fn files_that_are_written_made_renamed_or_gone_are_told() {
    let followed = Followed::new(&["a.rs", "src/b.rs", "src/deep/c.rs"]);
    followed.write("src/b.rs");
    assert_eq!(followed.told(), ["src/b.rs"]);
    followed.write("src/deep/new.rs");
    followed.write("a.rs");
    assert_eq!(followed.told(), ["a.rs", "src/deep/new.rs"]);
    fs::remove_file(followed.at("a.rs")).expect("removed");
    assert_eq!(followed.told(), ["a.rs"]);
    fs::rename(followed.at("src/b.rs"), followed.at("src/deep/b.rs")).expect("renamed");
    assert_eq!(followed.told(), ["src/b.rs", "src/deep/b.rs"]);
    assert_eq!(followed.watcher.unseen(), None);
}

#[test]
fn a_new_folder_is_told_and_followed() {
    let followed = Followed::new(&["a.rs"]);
    followed.write("new/deep/a.rs");
    assert_eq!(followed.told(), ["new"]);
    followed.write("new/deep/a.rs");
    followed.write("new/deep/er/b.rs");
    assert_eq!(followed.told(), ["new/deep/a.rs", "new/deep/er"]);
    followed.write("new/deep/er/b.rs");
    assert_eq!(followed.told(), ["new/deep/er/b.rs"]);
}

#[test]
fn a_renamed_folder_is_followed_under_its_new_name() {
    let followed = Followed::new(&["src/deep/a.rs"]);
    fs::rename(followed.at("src"), followed.at("lib")).expect("renamed");
    assert_eq!(followed.told(), ["lib", "src"]);
    followed.write("lib/deep/a.rs");
    assert_eq!(followed.told(), ["lib/deep/a.rs"]);
    followed.write("src/a.rs");
    assert_eq!(followed.told(), ["src"]);
    followed.write("src/a.rs");
    assert_eq!(followed.told(), ["src/a.rs"]);
}

#[test]
fn a_file_in_the_place_of_a_folder_is_told_and_so_is_the_way_back() {
    let followed = Followed::new(&["thing/a.rs"]);
    fs::remove_dir_all(followed.at("thing")).expect("removed");
    assert!(followed.told().contains(&"thing".to_owned()));
    followed.write("thing");
    assert_eq!(followed.told(), ["thing"]);
    followed.write("thing");
    assert_eq!(followed.told(), ["thing"]);
    fs::remove_file(followed.at("thing")).expect("removed");
    followed.write("thing/a.rs");
    assert_eq!(followed.told(), ["thing"]);
    followed.write("thing/a.rs");
    assert_eq!(followed.told(), ["thing/a.rs"]);
}

#[test]
fn what_a_walk_does_not_enter_is_silent() {
    let ignored = ["target/debug/a.rs", ".hidden/a.rs", ".aws/config", ".git/HEAD", ".git/refs/heads/main"];
    let followed = Followed::new(&[&ignored[..], &["a.rs"]].concat());
    fs::write(followed.at(".gitignore"), "target/\n").expect("a file");
    assert!(followed.because().contains(".gitignore"));
    for path in ignored {
        followed.write(path);
    }
    followed.write("target/new/b.rs");
    followed.write(".git/index.lock");
    fs::remove_file(followed.at(".git/index.lock")).expect("removed");
    followed.write("index/rows");
    followed.write("index/new/rows");
    followed.write("a.rs");
    assert_eq!(followed.told(), ["a.rs"]);
}

#[test]
fn to_read_a_file_or_to_change_who_may_is_no_change() {
    let followed = Followed::new(&["a.rs", "src/b.rs"]);
    fs::read(followed.at("a.rs")).expect("a file");
    fs::read_dir(followed.at("src")).expect("a folder").for_each(drop);
    for path in ["a.rs", "src"] {
        let rights = fs::metadata(followed.at(path)).expect("its metadata").permissions();
        fs::set_permissions(followed.at(path), rights).expect("set");
    }
    assert!(followed.told().is_empty());
}

#[test]
fn an_ignore_file_tells_everything_and_changes_what_is_followed() {
    let followed = Followed::new(&["src/a.rs", "out/b.rs", ".ignore"]);
    fs::write(followed.at(".ignore"), "out\n").expect("a file");
    assert_eq!(followed.because(), ".ignore has changed, and other files may be in or out by it");
    followed.write("out/b.rs");
    followed.write("src/a.rs");
    assert_eq!(followed.told(), ["src/a.rs"]);
    fs::remove_file(followed.at(".ignore")).expect("removed");
    assert!(followed.because().contains(".ignore"));
    followed.write("out/b.rs");
    assert_eq!(followed.told(), ["out/b.rs"]);
    fs::create_dir(followed.at(".git")).expect("a folder");
    assert!(followed.because().contains(".git "));
}

#[test]
fn thousands_of_changes_are_told_at_once() {
    let followed = Followed::new(&["src/a.rs"]);
    for number in 0..3000 {
        fs::write(followed.at(&format!("src/{number}.rs")), "").expect("a file");
    }
    // On a busy machine the first ones may be told before the others are known, and the last ones after.
    let because = loop {
        if let Changes::Everything { because } = followed.next() {
            break because;
        }
    };
    assert!(because.starts_with("more "), "{because}");
    // Nothing is left once what is written last is told alone.
    let last = "last-of-all.rs";
    let is_drained = (0..100).any(|_| {
        followed.write(last);
        followed.next() == Changes::Paths(vec![RepoPath::new(last)])
    });
    assert!(is_drained, "it is told again and again");
    followed.write("src/17.rs");
    assert_eq!(followed.told(), ["src/17.rs"]);
}

#[test]
fn the_loss_of_the_root_tells_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "root/a.rs");
    let root = AbsPath::canonical(&folder.path().join("root")).expect("the root");
    let watcher = Watcher::start(&root, &folder.path().join("index")).expect("the root is followed");
    let followed = Followed { folder, watcher, asked: Cell::new(0) };
    fs::rename(followed.at("root"), followed.at("moved")).expect("renamed");
    assert!(followed.because().contains("does not exist"));
    assert!(followed.watcher.unseen().is_some_and(|because| because.contains("does not exist")));
}

#[test]
fn a_stop_ends_the_wait() {
    let followed = Followed::new(&[]);
    let stop = CancelToken::default();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| followed.watcher.wait(&stop, None));
        stop.cancel();
        assert_eq!(waiting.join().expect("it ends"), None);
    });
}

#[test]
fn a_root_that_is_gone_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    drop(folder);
    let error = Watcher::start(&root, Path::new("index")).err().expect("no root").to_string();
    assert!(error.contains("does not exist"), "{error}");
    let limit = refused(Path::new("/r"), &notify::Error::new(ErrorKind::MaxFilesWatch)).to_string();
    assert!(limit.contains("raise fs.inotify.max_user_watches"), "{limit}");
}

/// What nobody has told the system to watch, with `/r` as its only folder.
fn shared() -> Shared {
    let folder = tempfile::tempdir().expect("a folder");
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let state = State { kept: HashSet::from([root.as_path().to_owned()]), ..State::default() };
    Shared { index_dir: root.as_path().join("index"), root, state: Mutex::new(state) }
}

fn event(shared: &Shared, kind: EventKind, name: &str) -> notify::Result<Event> {
    Ok(Event::new(kind).add_path(shared.root.as_path().join(name)))
}

const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));

#[test]
fn changes_are_told_when_it_is_quiet_or_the_first_is_old() {
    let (shared, start) = (shared(), Instant::now());
    let at = |millis: u64| start + Duration::from_millis(millis);
    assert!(shared.settled(at(0)).is_none(), "nothing has changed");
    shared.note(event(&shared, WRITTEN, "b.rs"), at(0));
    shared.note(event(&shared, WRITTEN, "a.rs"), at(90));
    shared.note(event(&shared, WRITTEN, "b.rs"), at(90));
    assert!(shared.settled(at(189)).is_none());
    let gathered = shared.settled(at(190)).expect("it is quiet");
    assert_eq!(gathered.paths.iter().map(RepoPath::as_str).collect::<Vec<_>>(), ["a.rs", "b.rs"]);
    assert!(shared.settled(at(1000)).is_none(), "each change is told once");
    for millis in (2000..=3960).step_by(70) {
        assert!(shared.settled(at(millis)).is_none());
        shared.note(event(&shared, WRITTEN, "a.rs"), at(millis));
    }
    assert!(shared.settled(at(3999)).is_none());
    assert!(shared.settled(at(4000)).is_some(), "the first is two seconds old");
}

#[test]
fn what_the_system_lost_is_told_as_everything() {
    let (shared, now) = (shared(), Instant::now());
    let because = |events: Vec<notify::Result<Event>>| {
        events.into_iter().for_each(|event| shared.note(event, now));
        let gathered = shared.settled(now + QUIET).expect("it is quiet");
        assert!(gathered.paths.is_empty());
        gathered.everything.expect("everything")
    };
    let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    assert_eq!(because(vec![Ok(lost)]), "more has changed at once than the system can tell");
    let failed = || Err(notify::Error::generic("a bad day"));
    let written = || event(&shared, WRITTEN, "a.rs");
    assert_eq!(because(vec![written(), failed(), written()]), "the system cannot tell what has changed: a bad day");
    let made = |number: usize| event(&shared, EventKind::Create(CreateKind::File), &format!("{number}.rs"));
    assert_eq!(because((0..=MOST_PATHS).map(made).collect()), "more than 1000 files and folders have changed");
    (0..MOST_PATHS).map(made).for_each(|event| shared.note(event, now));
    assert_eq!(shared.settled(now + QUIET).expect("it is quiet").paths.len(), MOST_PATHS);
}
