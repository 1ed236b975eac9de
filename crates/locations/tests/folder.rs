//! Publishing, fetching and removal over a location in a folder; `tests/locations/run` tests them over S3 and with
//! faults.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use codescry_locations::{
    FetchRequest, FetchedBase, LocationError, LocationUrl, PublishReport, PublishRequest, collect_garbage, fetch,
    fetch_in_place, publish,
};
use config::LocationSettings;
use platform::cancel::CancelToken;

struct Team {
    folder: tempfile::TempDir,
    settings: LocationSettings,
}

impl Team {
    fn new() -> Self {
        let settings = LocationSettings { variables: Vec::new(), time_limit: Duration::from_secs(5) };
        Self { folder: tempfile::tempdir().expect("a folder"), settings }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn location(&self) -> LocationUrl {
        LocationUrl::parse(self.path("location").as_os_str()).expect("a location")
    }

    fn try_publish(&self, project: &str, commit: &str, files: &[(&str, &str)]) -> Result<PublishReport, LocationError> {
        self.publish_contents(project, commit, files, None)
    }

    fn publish_contents(
        &self,
        project: &str,
        commit: &str,
        files: &[(&str, &str)],
        content: Option<&str>,
    ) -> Result<PublishReport, LocationError> {
        let dir = self.path("index");
        for (path, text) in files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let files: Vec<(String, u64)> =
            files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64)).collect();
        let request = PublishRequest {
            dir: &dir,
            files: &files,
            index: format!("{{ \"commit\": {commit:?} }}"),
            project,
            commit: Some(commit),
            is_modified: false,
            model_id: "model@1",
            content: content.map(str::to_owned),
            again: false,
            combined: None,
        };
        publish(&self.location(), &self.settings, &request, &CancelToken::default(), &|_| ())
    }

    fn publish(&self, project: &str, commit: &str, files: &[(&str, &str)]) -> PublishReport {
        self.try_publish(project, commit, files).expect("published")
    }

    fn fetch(&self, url: &LocationUrl, project: &str, commit: Option<&str>) -> Result<FetchedBase, LocationError> {
        let request = FetchRequest { cache_dir: &self.path("cache"), project, commit, model_id: None };
        fetch(url, &self.settings, &request, &CancelToken::default(), &|_| ())
    }
}

fn text_of(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).expect("a file")
}

#[test]
fn what_was_published_is_fetched_and_shared_parts_are_moved_once() {
    let team = Team::new();
    let one = team.publish("app", "c1", &[("data/a", "same"), ("words/1", "first"), ("empty", "")]);
    // The checksums of the blocks are one more part: 28 bytes, 36 for each file, and 8 for each block.
    assert_eq!((one.parts, one.uploaded_parts, one.uploaded_bytes), (4, 4, 9 + 28 + 3 * 36 + 2 * 8));
    let two = team.publish("app", "c2", &[("data/a", "same"), ("words/2", "second")]);
    assert_eq!((two.uploaded_parts, two.uploaded_bytes, two.was_there), (2, 6 + 28 + 2 * 44, false));
    assert!(team.publish("app", "c2", &[("data/a", "same"), ("words/2", "second")]).was_there);

    let newest = team.fetch(&team.location(), "app", None).expect("fetched");
    assert_eq!((newest.base.commit.as_deref(), newest.fetched_parts, newest.fetched_bytes), (Some("c2"), 3, 10 + 116));
    assert_eq!(text_of(&newest.dir, "words/2"), "second");
    assert_eq!(text_of(&newest.dir, "manifest.json"), "{ \"commit\": \"c2\" }");
    let older = team.fetch(&team.location(), "app", Some("c1")).expect("fetched");
    assert_eq!((older.base.commit.as_deref(), older.fetched_bytes), (Some("c1"), 5 + 152), "data/a is here already");
    assert_eq!((text_of(&older.dir, "data/a"), text_of(&older.dir, "empty")), ("same".to_owned(), String::new()));
    let again = team.fetch(&team.location(), "app", Some("c1")).expect("it is here");
    assert_eq!((again.dir, again.fetched_parts), (older.dir, 0));
}

#[test]
fn damaged_parts_are_found_on_both_sides() {
    let team = Team::new();
    team.publish("app", "c1", &[("data/a", "right")]);
    let fetched = team.fetch(&team.location(), "app", None).expect("fetched");
    fs::remove_file(fetched.dir.join("data/a")).expect("removed");
    let again = team.fetch(&team.location(), "app", None).expect("fetched again");
    assert_eq!((again.fetched_bytes, text_of(&again.dir, "data/a")), (5 + 72, "right".to_owned()));

    fs::remove_dir_all(team.path("cache")).expect("removed");
    let part = find_file(&team.path("location/parts"), "right").expect("a part");
    fs::write(&part, "wrong").expect("written");
    let error = team.fetch(&team.location(), "app", None).err().expect("damaged").to_string();
    assert!(error.contains("is damaged") && error.contains("publish --again"), "{error}");
    fs::remove_file(part).expect("removed");
    let error = team.fetch(&team.location(), "app", None).err().expect("missing").to_string();
    assert!(error.contains("is missing") && error.contains("publish the index again"), "{error}");
    assert_eq!(team.publish("app", "c1", &[("data/a", "right")]).uploaded_parts, 1);
    assert!(team.fetch(&team.location(), "app", None).is_ok());
}

/// Returns the path of a file with this content.
fn find_file(folder: &Path, content: &str) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.find_map(|path| match path.is_dir() {
        true => find_file(&path, content),
        false => fs::read(&path).is_ok_and(|found| found == content.as_bytes()).then_some(path),
    })
}

#[test]
fn ranges_are_read_in_place_and_verified() {
    let team = Team::new();
    let large: String = (0..200_000).map(|number| format!("{number} ")).collect();
    team.publish("app", "c1", &[("data/large", &large), ("data/same", &large), ("small", "small")]);
    let request = FetchRequest { cache_dir: &team.path("cache"), project: "app", commit: None, model_id: None };
    let open = || {
        let is_brought = |path: &str| !path.starts_with("data/");
        fetch_in_place(&team.location(), &team.settings, &request, is_brought, &CancelToken::default(), &|_| ())
    };
    let opened = open().expect("opened");
    assert_eq!(text_of(&opened.base.dir, "small"), "small");
    assert!(!opened.base.dir.join("data").exists());
    let parts = opened.parts;
    assert_eq!((parts.size_of("data/large"), parts.size_of("small")), (Some(large.len() as u64), None));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let read = |path: &str, range: std::ops::Range<usize>| {
        let read = parts.read(path, range.start as u64..range.end as u64);
        runtime.block_on(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    for range in [0..1, 5..5, 262_140..262_150, 0..large.len(), large.len() - 1..large.len()] {
        assert_eq!(read("data/large", range.clone()).expect("a range"), large[range]);
    }
    assert_eq!(parts.count_fetched().0, large.len() as u64, "each block comes once");
    assert_eq!(read("data/same", 300_000..300_100).expect("a range"), large[300_000..300_100]);
    assert_eq!(parts.count_fetched().0, large.len() as u64, "equal parts have the same blocks");
    assert!(read("data/large", 0..large.len() + 1).is_err() && read("data/none", 0..1).is_err());

    // Another process finds the damage of the block that it reads, and only of that one.
    let part = find_file(&team.path("location/parts"), &large).expect("a part");
    let mut damaged = large.clone().into_bytes();
    damaged[300_000] ^= 1;
    fs::write(&part, damaged).expect("written");
    let parts = open().expect("opened").parts;
    let read = |start: u64| runtime.block_on(parts.read("data/large", start..start + 10));
    assert_eq!(read(0).expect("a range"), &large.as_bytes()[..10]);
    let error = read(262_144).expect_err("damaged").to_string();
    assert!(error.contains("is damaged") && error.contains("publish --again"), "{error}");

    // A base that an older program published has no checksums of blocks.
    for entry in fs::read_dir(team.path("location/bases/app")).expect("a folder").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a manifest");
        fs::write(entry.path(), text.replace("\"block-sums\"", "\"another\"")).expect("written");
    }
    fs::remove_dir_all(team.path("cache")).expect("removed");
    let error = open().err().expect("no checksums").to_string();
    assert!(error.contains("older codescry") && error.contains("codescry publish"), "{error}");
}

#[test]
fn a_base_that_is_read_in_place_stays_in_the_cache() {
    let team = Team::new();
    let request = FetchRequest { cache_dir: &team.path("cache"), project: "app", commit: None, model_id: None };
    let open = |number: u32| {
        team.publish("app", &format!("c{number}"), &[("small", &format!("text {number}"))]);
        let opened =
            fetch_in_place(&team.location(), &team.settings, &request, |_| true, &CancelToken::default(), &|_| ());
        opened.expect("opened")
    };
    let (held, dropped) = (open(0), open(1).base.dir);
    for number in 2..5 {
        open(number);
    }
    assert_eq!(text_of(&held.base.dir, "small"), "text 0");
    assert!(!dropped.exists());
}

#[test]
fn a_project_is_found_by_its_name_or_because_it_is_the_only_one() {
    let team = Team::new();
    let missing = team.fetch(&team.location(), "app", None).err().expect("nothing there").to_string();
    assert!(missing.contains("codescry publish"), "{missing}");
    team.publish("app", "c1", &[("a", "a")]);
    let fetched = team.fetch(&team.location(), "a-fork", None).expect("the only one");
    assert_eq!(fetched.base.project, "app");
    team.publish("web", "w1", &[("a", "w")]);
    let error = team.fetch(&team.location(), "a-fork", None).err().expect("two projects").to_string();
    assert!(error.contains("app, web") && error.contains("#NAME"), "{error}");
    let named =
        LocationUrl::parse(OsStr::new(&format!("file://{}#web", team.path("location").display()))).expect("a URL");
    assert_eq!(team.fetch(&named, "a-fork", None).expect("named").base.project, "web");
}

#[test]
fn an_index_of_the_same_contents_is_published_once() {
    let team = Team::new();
    let publish_with = |files: &[(&str, &str)], content: &str| {
        team.publish_contents("app", "c1", files, Some(content)).expect("published")
    };
    let first = publish_with(&[("data/a", "rows with times")], "content 1");
    assert!(!first.was_there);
    let second = publish_with(&[("data/b", "rows with other times")], "content 1");
    assert_eq!((second.was_there, second.uploaded_parts, second.bytes), (true, 0, first.bytes));
    assert!(!publish_with(&[("data/b", "rows with other times")], "content 2").was_there, "other contents");

    fs::remove_dir_all(team.path("location/parts")).expect("removed");
    let repaired = publish_with(&[("data/a", "rows with times")], "content 2");
    assert!(!repaired.was_there && repaired.uploaded_parts == repaired.parts, "the published parts are missing");
}

#[test]
fn a_newer_format_is_refused_and_a_vanished_file_published_not_at_all() {
    let team = Team::new();
    let request = team.try_publish("app", "c1", &[]);
    assert!(request.is_ok_and(|report| report.parts == 0));
    fs::write(team.path("location/codescry-location.json"), "{\"format\": 2}").expect("written");
    let error = team.try_publish("app", "c2", &[("a", "a")]).expect_err("too new").to_string();
    assert!(error.contains("format 2") && error.contains("update codescry"), "{error}");
    fs::write(team.path("location/codescry-location.json"), "{\"format\": 1}").expect("written");
    fs::create_dir_all(team.path("index")).expect("made");
    let gone = PublishRequest {
        dir: &team.path("index"),
        files: &[("gone".to_owned(), 1)],
        index: String::new(),
        project: "app",
        commit: None,
        is_modified: false,
        model_id: "m",
        content: None,
        again: false,
        combined: None,
    };
    let error = publish(&team.location(), &team.settings, &gone, &CancelToken::default(), &|_| ());
    assert!(matches!(error, Err(LocationError::Changed { .. })), "{error:?}");
    assert_eq!(team.fetch(&team.location(), "app", None).expect("the first").base.commit.as_deref(), Some("c1"));
}

#[test]
fn publishers_in_many_threads_lose_no_entry() {
    let team = Team::new();
    let reports = Mutex::new(Vec::new());
    fs::create_dir_all(team.path("index")).expect("made");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (team, reports) = (&team, &reports);
            scope.spawn(move || {
                let report = team.publish("app", &format!("c{number}"), &[]);
                reports.lock().expect("no panic").push(report);
            });
        }
    });
    let listed = fs::read_to_string(team.path("location/bases/app/current.json")).expect("a list");
    assert!((0..6).all(|number| listed.contains(&format!("\"c{number}\""))), "{listed}");
}

#[test]
fn unused_objects_are_removed_after_the_grace_period() {
    let team = Team::new();
    for number in 0..10 {
        team.publish("app", &format!("c{number}"), &[("shared", "shared"), ("own", &format!("own {number}"))]);
    }
    let collect = |grace: u64, dry_run: bool| {
        let grace = Duration::from_secs(grace);
        collect_garbage(&team.location(), &team.settings, grace, dry_run, &CancelToken::default()).expect("collected")
    };
    let young = collect(3_600, false);
    assert_eq!(
        (young.removed_parts, young.young_objects, young.kept_bases),
        (0, 2, 8),
        "a young manifest keeps its parts"
    );
    let counted = collect(0, true);
    assert_eq!((counted.removed_parts, counted.removed_bases, counted.kept_parts), (4, 2, 17));
    assert_eq!(collect(0, false), counted);
    assert_eq!((collect(0, false).removed_parts, collect(0, false).kept_parts), (0, 17));
    assert!(team.fetch(&team.location(), "app", Some("c2")).expect("kept").base.commit.as_deref() == Some("c2"));
}

#[test]
fn a_stopped_transfer_says_that_it_goes_on() {
    let team = Team::new();
    team.publish("app", "c1", &[("a", "a")]);
    let stopped = CancelToken::default();
    stopped.cancel();
    let request = FetchRequest { cache_dir: &team.path("cache"), project: "app", commit: None, model_id: None };
    let error = fetch(&team.location(), &team.settings, &request, &stopped, &|_| ()).err().expect("stopped");
    assert!(matches!(error, LocationError::Stopped) && error.to_string().contains("go on"), "{error}");
}
