//! Tests of several working trees of one project: the first index of a worktree or clone starts from another one's, and
//! every answer agrees with the files of the tree in which the program runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::cli::{Project, RunOutput};

/// Working trees in a temporary home folder, whose indexes are in the default data folder.
struct Trees {
    home: Project,
}

/// Returns the text of a file with one function.
fn module(name: &str, word: &str) -> String {
    format!(
        "/// Finds the {word} of {name}.\npub fn find_{word}_{name}(input: &str) -> usize {{\n    input.len()\n}}\n"
    )
}

impl Trees {
    /// Creates a repository `main` with forty files and its index.
    fn new() -> Self {
        let trees = Self::without_index();
        trees.settle("main");
        assert!(trees.notes(&trees.index("main")).is_empty());
        trees
    }

    fn without_index() -> Self {
        let trees = Self { home: Project::empty() };
        fs::create_dir(trees.path("main")).expect("a folder");
        trees.git("main", &["init", "-q", "-b", "main"]);
        for number in 0..40 {
            trees.write("main", &format!("src/m{number}.rs"), module(&format!("m{number}"), "weight"));
        }
        trees.git("main", &["add", "-A"]);
        trees.git("main", &["commit", "-qm", "one"]);
        trees
    }

    fn path(&self, tree: &str) -> PathBuf {
        self.home.root().join(tree)
    }

    /// Waits until the files of a tree are old enough for their times to be trusted, and makes git's index of the tree
    /// newer than all of them.
    fn settle(&self, tree: &str) {
        let now = std::time::SystemTime::now();
        while now.elapsed().is_ok_and(|age| age < std::time::Duration::from_millis(100)) {
            std::thread::yield_now();
        }
        let git = self.path(tree).join(".git");
        let own = if git.is_dir() { git } else { self.path("main").join(".git/worktrees").join(tree) };
        let index = fs::File::options().write(true).open(own.join("index")).expect("git's index");
        index.set_modified(now + std::time::Duration::from_secs(1)).expect("a time");
    }

    fn write(&self, tree: &str, path: &str, text: impl AsRef<[u8]>) {
        self.home.write(&format!("{tree}/{path}"), text);
    }

    /// Runs git in a tree without the settings of this machine.
    fn git(&self, tree: &str, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]);
        command.args(arguments).current_dir(self.path(tree)).env("HOME", self.home.home());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR").env_remove("XDG_CONFIG_HOME");
        let ran = command.output().expect("git is installed");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn run(&self, tree: &str, arguments: &[&str]) -> RunOutput {
        let mut command = self.home.command(arguments);
        command.env_remove("CODESCRY_INDEX_DIR").env_remove("XDG_CONFIG_HOME").env("GIT_CONFIG_NOSYSTEM", "1");
        command.current_dir(self.path(tree)).output().expect("the program starts").into()
    }

    fn index(&self, tree: &str) -> Value {
        let ran = self.run(tree, &["index", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()
    }

    /// Returns the notes of a run that say which index it started from.
    fn notes(&self, report: &Value) -> Vec<String> {
        let notes = report["notes"].as_array().expect("notes").iter().filter_map(Value::as_str);
        notes.filter(|note| note.contains("started from")).map(str::to_owned).collect()
    }

    /// Asserts that a tree's first run starts from the index of `from`, and returns the report.
    fn index_from(&self, tree: &str, from: &str) -> Value {
        let report = self.index(tree);
        let wanted = format!("started from the index of {}", self.path(from).display());
        assert_eq!(self.notes(&report), [wanted], "{report}");
        report
    }

    /// Returns the paths and texts of all functions that a search for a word finds in a tree.
    fn found(&self, tree: &str, query: &str) -> Vec<(String, String)> {
        let ran = self.run(tree, &["search", "--json", "--mode", "lexical", "--limit", "100", query]);
        let json = ran.json();
        let hits = json["results"].as_array().expect("hits").clone();
        let text = |hit: &Value, name: &str| hit[name].as_str().unwrap_or_default().to_owned();
        assert!(hits.iter().all(|hit| hit["stale"] != Value::Bool(true)), "{json}");
        let mut found: Vec<_> = hits.iter().map(|hit| (text(hit, "path"), text(hit, "text"))).collect();
        found.sort();
        found
    }

    /// Asserts that a tree's index answers like one that was made from its files alone.
    fn assert_like_rebuilt(&self, tree: &str, queries: &[&str]) {
        let answers: Vec<_> = queries.iter().map(|query| self.found(tree, query)).collect();
        let ran = self.run(tree, &["index", "--rebuild", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(self.notes(&ran.json()).is_empty(), "a rebuild starts from nothing");
        for (query, answer) in queries.iter().zip(answers) {
            assert_eq!(answer, self.found(tree, query), "{query}");
        }
    }

    /// Returns the sorted names of the folders that have an index in the data folder.
    fn indexes(&self) -> Vec<String> {
        let ran = self.run("", &["indexes", "list", "--json"]);
        let json = ran.json();
        let roots = json["indexes"].as_array().expect("indexes").iter().filter_map(|index| index["folder"].as_str());
        let mut names: Vec<String> =
            roots.filter_map(|root| Some(Path::new(root).file_name()?.to_string_lossy().into_owned())).collect();
        names.sort();
        names
    }
}

#[test]
fn a_worktree_starts_from_another_index_and_answers_from_its_own_files() {
    let trees = Trees::new();
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    trees.write("topic", "src/m0.rs", module("m0", "height"));
    trees.write("topic", "src/new.rs", module("new", "depth"));
    fs::remove_file(trees.path("topic").join("src/m1.rs")).expect("removed");
    trees.git("topic", &["mv", "src/m2.rs", "src/moved.rs"]);
    let found = trees.found("topic", "height");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "src/m0.rs" && found[0].1.contains("find_height_m0"), "{found:?}");
    let weights: Vec<String> = trees.found("topic", "weight").into_iter().map(|(path, _)| path).collect();
    assert_eq!(weights.len(), 38, "{weights:?}");
    assert!(!weights.iter().any(|path| ["src/m0.rs", "src/m1.rs", "src/m2.rs"].contains(&path.as_str())));
    assert_eq!(trees.found("main", "weight").len(), 40, "the other tree is as before");
    assert_eq!(trees.found("main", "depth"), []);
    let status = trees.run("topic", &["status", "--json"]).json();
    assert_eq!(status["started_from"].as_str(), trees.path("main").to_str(), "{status}");
    assert_eq!(trees.notes(&trees.index("topic")), [""; 0], "the next run is an ordinary one");
    trees.assert_like_rebuilt("topic", &["weight", "height", "depth", "find_weight_m2"]);
}

#[test]
fn a_worktree_starts_from_an_original_rather_than_from_a_copy() {
    let trees = Trees::new();
    for (tree, word) in [("first", "height"), ("second", "depth"), ("third", "width")] {
        trees.git("main", &["worktree", "add", "-q", "--detach", &format!("../{tree}")]);
        trees.write(tree, "src/m0.rs", module("m0", word));
        trees.settle(tree);
        let report = trees.index_from(tree, "main");
        // A copy of another worktree's index would have that tree's file, too, which is then indexed again.
        assert_eq!((&report["files_indexed"], &report["files_unchanged"]), (&1.into(), &39.into()), "{report}");
        assert_eq!(trees.found(tree, word).len(), 1);
    }
    // Without the original, a copy is still a start.
    fs::remove_dir_all(trees.path("main").join("src")).expect("removed");
    trees.git("main", &["commit", "-qam", "empty"]);
    trees.index("main");
    trees.git("main", &["worktree", "add", "-q", "--detach", "../fourth", "main~1"]);
    trees.index_from("fourth", "third");
    trees.assert_like_rebuilt("fourth", &["weight", "width"]);
}

#[test]
fn files_that_git_knows_are_not_read() {
    let trees = Trees::new();
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    trees.write("topic", "src/m0.rs", module("m0", "height"));
    trees.settle("topic");
    let report = trees.index_from("topic", "main");
    assert_eq!((&report["files_indexed"], &report["files_unchanged"]), (&1.into(), &39.into()), "{report}");
    let stages = report["stages"].as_array().expect("stages");
    let read = stages.iter().find(|stage| stage["stage"] == "read").expect("the stage");
    let bytes = read["bytes"].as_u64().expect("bytes");
    assert!(bytes < 400, "{bytes} bytes were read: {read}");
}

#[test]
fn a_branch_with_other_files_and_a_clone_start_from_the_index_too() {
    let trees = Trees::new();
    trees.git("main", &["checkout", "-q", "-b", "other"]);
    for number in 0..20 {
        trees.write("main", &format!("src/m{number}.rs"), module(&format!("m{number}"), "height"));
    }
    trees.git("main", &["commit", "-qam", "two"]);
    trees.git("main", &["checkout", "-q", "main"]);
    trees.git("main", &["worktree", "add", "-q", "../topic", "other"]);
    trees.index_from("topic", "main");
    assert_eq!((trees.found("topic", "weight").len(), trees.found("topic", "height").len()), (20, 20));
    trees.git("", &["clone", "-q", "main", "clone"]);
    trees.index_from("clone", "main");
    trees.assert_like_rebuilt("clone", &["weight", "height"]);
    // The index of the main tree is behind its files: it is of another branch.
    trees.git("main", &["checkout", "-q", "-b", "third", "other"]);
    trees.git("main", &["worktree", "add", "-q", "-b", "fourth", "../fourth"]);
    trees.index("fourth");
    trees.assert_like_rebuilt("fourth", &["weight", "height"]);
}

#[test]
fn another_repository_and_other_settings_are_no_base() {
    let trees = Trees::new();
    fs::create_dir(trees.path("alien")).expect("a folder");
    trees.git("alien", &["init", "-q"]);
    trees.write("alien", "src/m0.rs", module("m0", "weight"));
    trees.git("alien", &["add", "-A"]);
    trees.git("alien", &["commit", "-qm", "one"]);
    assert!(trees.notes(&trees.index("alien")).is_empty());
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    let ran = trees.run("topic", &["index", "--json", "--max-file-bytes", "5000"]);
    assert!(trees.notes(&ran.json()).is_empty(), "{}", ran.out);
}

#[test]
fn contents_that_git_converts_are_read() {
    let trees = Trees::without_index();
    // The same object has other bytes on disk in each tree.
    let text = module("line", "ends");
    trees.write("main", "src/line.rs", text.replace('\n', "\r\n"));
    trees.write("main", ".gitattributes", "*.rs text\n*.txt ident\n");
    trees.write("main", "notes.txt", "The revision is $Id$ of this note.\n");
    trees.git("main", &["add", "-A"]);
    trees.git("main", &["commit", "-qm", "two"]);
    trees.index("main");
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    assert_eq!(fs::read_to_string(trees.path("topic").join("src/line.rs")).expect("a file"), text);
    let report = trees.index_from("topic", "main");
    assert!(report["files_indexed"].as_u64() >= Some(2), "{report}");
    let found = trees.found("topic", "revision");
    assert!(found.len() == 1 && found[0].1.contains("$Id: "), "{found:?}");
    trees.assert_like_rebuilt("topic", &["ends", "revision", "weight"]);
}

#[test]
fn a_file_that_changed_right_after_git_saw_it_is_read() {
    let trees = Trees::new();
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    // The same size and time as git has seen.
    let path = trees.path("topic").join("src/m3.rs");
    let time = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    fs::write(&path, module("m3", "height")).expect("a file");
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("a time");
    let index = trees.path("main").join(".git/worktrees/topic/index");
    fs::File::options().write(true).open(index).and_then(|file| file.set_modified(time)).expect("a time");
    // Git assumes that these do not change.
    trees.git("topic", &["update-index", "--assume-unchanged", "src/m4.rs"]);
    trees.git("topic", &["update-index", "--skip-worktree", "src/m5.rs"]);
    trees.write("topic", "src/m4.rs", module("m4", "height"));
    trees.write("topic", "src/m5.rs", module("m5", "height"));
    let found: Vec<String> = trees.found("topic", "height").into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, ["src/m3.rs", "src/m4.rs", "src/m5.rs"]);
    trees.assert_like_rebuilt("topic", &["height", "weight"]);
}

#[test]
fn a_repository_with_sha_256_and_indexes_of_every_version_work() {
    for (format, version) in [("sha1", "2"), ("sha1", "4"), ("sha256", "3")] {
        let trees = Trees { home: Project::empty() };
        fs::create_dir(trees.path("main")).expect("a folder");
        trees.git("main", &["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        trees.git("main", &["config", "index.version", version]);
        for number in 0..9 {
            trees.write("main", &format!("src/m{number}.rs"), module(&format!("m{number}"), "weight"));
        }
        trees.git("main", &["add", "-A"]);
        trees.git("main", &["commit", "-qm", "one"]);
        trees.settle("main");
        trees.index("main");
        trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
        trees.write("topic", "src/m0.rs", module("m0", "height"));
        trees.settle("topic");
        let report = trees.index_from("topic", "main");
        let stages = report["stages"].as_array().expect("stages");
        let read = stages.iter().find(|stage| stage["stage"] == "read").expect("the stage");
        assert!(read["bytes"].as_u64() < Some(400), "{format} {version}: {read}");
        assert_eq!(trees.found("topic", "weight").len(), 8, "{format} {version}");
    }
}

#[test]
fn an_index_outlives_the_one_it_began_as_and_the_other_way_round() {
    let trees = Trees::new();
    trees.git("main", &["worktree", "add", "-q", "-b", "topic", "../topic"]);
    trees.index_from("topic", "main");
    for round in 0..3 {
        trees.write("main", "src/m0.rs", module("m0", &format!("main{round}")));
        trees.write("topic", "src/m0.rs", module("m0", &format!("topic{round}")));
        trees.index("main");
        trees.index("topic");
    }
    for (tree, other) in [("main", "topic"), ("topic", "main")] {
        let found = trees.found(tree, "m0");
        let has = |name: &str| found.iter().any(|(_, text)| text.contains(&format!("find_{name}2_m0")));
        assert!(has(tree) && !has(other), "{tree}: {found:?}");
    }
    assert_eq!(trees.run("", &["indexes", "remove", &trees.path("main").to_string_lossy()]).code, 0);
    assert_eq!(trees.indexes(), ["topic"]);
    assert_eq!(trees.found("topic", "weight").len(), 39);
    trees.index_from("main", "topic");
    assert_eq!(trees.run("", &["indexes", "remove", &trees.path("topic").to_string_lossy()]).code, 0);
    trees.assert_like_rebuilt("main", &["weight", "main2", "topic2"]);
}

#[test]
fn an_index_whose_writer_runs_can_be_started_from() {
    let trees = Trees::new();
    for number in 0..4 {
        trees.git("main", &["worktree", "add", "-q", "-b", &format!("t{number}"), &format!("../t{number}")]);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..8 {
                trees.write("main", "src/m0.rs", module("m0", &format!("main{round}")));
                trees.index("main");
            }
        });
        for number in 0..4 {
            let (trees, name) = (&trees, format!("t{number}"));
            scope.spawn(move || assert_eq!(trees.found(&name, "weight").len(), 40, "{name}"));
        }
    });
}

#[test]
fn indexes_of_deleted_worktrees_are_removed() {
    let trees = Trees::new();
    for name in ["a", "b", "c", "locked"] {
        trees.git("main", &["worktree", "add", "-q", "-b", name, &format!("../{name}")]);
        trees.index_from(name, "main");
    }
    trees.git("main", &["worktree", "lock", "../locked"]);
    trees.git("main", &["worktree", "remove", "../a"]);
    fs::remove_dir_all(trees.path("b")).expect("removed");
    fs::remove_dir_all(trees.path("locked")).expect("removed");
    // A folder whose disk may be unmounted: nothing is where it was.
    fs::create_dir_all(trees.path("disk/project")).expect("a folder");
    trees.write("disk/project", "x.rs", module("x", "weight"));
    trees.index("disk/project");
    fs::remove_dir_all(trees.path("disk/project")).expect("removed");

    let dry = trees.run("", &["gc", "--dry-run"]);
    assert!(dry.out.contains("would have removed the index of"), "{}", dry.out);
    assert_eq!(trees.indexes(), ["a", "b", "c", "locked", "main", "project"]);
    let ran = trees.run("", &["gc"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(trees.indexes(), ["c", "locked", "main", "project"], "{}", ran.out);
    assert!(ran.err.contains("may be on a disk that is not mounted"), "{}", ran.err);
    assert_eq!(trees.found("c", "weight").len(), 40);

    // Without a request, when another worktree starts from an index, at most once a day.
    trees.git("main", &["worktree", "remove", "../c"]);
    trees.git("main", &["worktree", "add", "-q", "-b", "d", "../d"]);
    trees.index("d");
    assert_eq!(trees.indexes(), ["c", "d", "locked", "main", "project"], "less than a day has passed");
    let stamp = trees.home.home().join("data/codescry/worktrees-checked");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3_600);
    fs::File::options().write(true).open(stamp).and_then(|file| file.set_modified(old)).expect("a time");
    trees.git("main", &["worktree", "add", "-q", "-b", "e", "../e"]);
    trees.index("e");
    assert_eq!(trees.indexes(), ["d", "e", "locked", "main", "project"]);
}

#[test]
fn a_worktree_whose_tree_is_gone_is_still_a_base() {
    let trees = Trees::new();
    trees.git("main", &["worktree", "add", "-q", "-b", "a", "../a"]);
    trees.index_from("a", "main");
    assert_eq!(trees.run("", &["indexes", "remove", &trees.path("main").to_string_lossy()]).code, 0);
    fs::remove_dir_all(trees.path("a")).expect("removed");
    trees.git("main", &["worktree", "add", "-q", "-b", "b", "../b"]);
    let report = trees.index_from("b", "a");
    assert_eq!(report["files_unchanged"], 40, "{report}");
    assert_eq!(trees.found("b", "weight").len(), 40);
}
