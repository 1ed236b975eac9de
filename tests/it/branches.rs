//! Tests of branch switches: an index returns to the saved tree of a branch that was indexed before, and every answer
//! agrees with the files on disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::cli::{Project, RunOutput};

/// Number of files that differ between the branches, enough for a switch to save the tree that it leaves.
const FILES: usize = 230;

/// A repository with the branches `main` and `other`, and its working trees. Indexes are in the default data folder.
struct Branches {
    home: Project,
}

/// Returns the text of a file with one function.
fn module(word: &str, at: usize) -> String {
    format!("pub fn {word}_{at}(value: u64) -> u64 {{\n    value + {at}\n}}\n")
}

impl Branches {
    /// Creates the repository in the tree `one`, indexes it on the branch `main`, and switches to the branch `other`.
    fn new() -> Self {
        let branches = Self { home: Project::empty() };
        fs::create_dir(branches.path("one")).expect("a folder");
        branches.git("one", &["init", "--quiet", "--initial-branch", "main"]);
        branches.write_files("one", "painted");
        branches.write("one", "only_main.rs", "pub fn only_in_main() {}\n");
        branches.write("one", "shared.rs", "pub fn shared_by_both() {}\n");
        branches.commit("one", "main");
        branches.index("one");
        branches.git("one", &["switch", "--quiet", "--create", "other"]);
        branches.write_files("one", "sculpted");
        fs::remove_file(branches.path("one").join("only_main.rs")).expect("it is there");
        branches.commit("one", "other");
        branches
    }

    /// Creates the repository, and indexes both branches.
    fn indexed() -> Self {
        let branches = Self::new();
        branches.index("one");
        branches
    }

    fn path(&self, tree: &str) -> PathBuf {
        self.home.root().join(tree)
    }

    fn write(&self, tree: &str, path: &str, text: &str) {
        self.home.write(&format!("{tree}/{path}"), text);
    }

    fn write_files(&self, tree: &str, word: &str) {
        (0..FILES).for_each(|at| self.write(tree, &format!("src/part_{at}.rs"), &module(word, at)));
    }

    /// Runs git in a tree without the settings of this machine.
    fn git(&self, tree: &str, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.autocrlf=false"]);
        command.args(arguments).current_dir(self.path(tree)).env("HOME", self.home.home());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR").env_remove("XDG_CONFIG_HOME");
        let ran = command.output().expect("git runs");
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn commit(&self, tree: &str, message: &str) {
        self.git(tree, &["add", "--all"]);
        self.git(tree, &["commit", "--quiet", "--message", message]);
    }

    fn switch(&self, tree: &str, branch: &str) {
        self.git(tree, &["switch", "--quiet", branch]);
    }

    fn command(&self, tree: &str, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env_remove("CODESCRY_INDEX_DIR").env_remove("XDG_CONFIG_HOME").env("GIT_CONFIG_NOSYSTEM", "1");
        command.current_dir(self.path(tree));
        command
    }

    fn run(&self, tree: &str, arguments: &[&str]) -> RunOutput {
        self.command(tree, arguments).output().expect("the program starts").into()
    }

    /// Indexes a tree with more options, and returns the report.
    fn index_with(&self, tree: &str, options: &[&str]) -> Value {
        let run = self.run(tree, &[&["index", "--json"], options].concat());
        assert_eq!(run.code, 0, "{}", run.err);
        run.json()
    }

    /// Indexes a tree, and returns the number of files that were parsed.
    fn index(&self, tree: &str) -> u64 {
        self.index_with(tree, &[])["files_indexed"].as_u64().expect("a number")
    }

    /// Returns the places that define a name in a tree, as `path:line`.
    fn places(&self, tree: &str, name: &str, options: &[&str]) -> BTreeSet<String> {
        let run = self.run(tree, &[&["symbol", name, "--json"], options].concat());
        let json = run.json();
        let results = json["results"].as_array().unwrap_or_else(|| panic!("{json}"));
        let exact = results.iter().filter(|result| result["symbol"] == name);
        exact
            .map(|result| format!("{}:{}", result["path"].as_str().unwrap_or_default(), result["start_line"]))
            .collect()
    }

    /// Asserts that searches in a tree find the functions of this branch and none of the other one.
    fn assert_branch(&self, tree: &str, branch: &str) {
        let (word, other) = if branch == "main" { ("painted", "sculpted") } else { ("sculpted", "painted") };
        for at in [0, FILES / 2, FILES - 1] {
            let place = format!("src/part_{at}.rs:1");
            assert_eq!(self.places(tree, &format!("{word}_{at}"), &[]), BTreeSet::from([place]), "{tree} on {branch}");
            assert_eq!(self.places(tree, &format!("{other}_{at}"), &[]), BTreeSet::new(), "{tree} on {branch}");
        }
        assert_eq!(self.places(tree, "only_in_main", &[]).len(), usize::from(branch == "main"), "{tree} on {branch}");
    }

    /// Asserts that a tree's index agrees with a new index of the same files: in the counts of its status, and in the
    /// definitions of `names`.
    fn assert_like_new(&self, tree: &str, names: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let fresh = ["--index-dir", folder.path().to_str().expect("UTF-8")];
        let counts = |options: &[&str]| {
            self.index_with(tree, options);
            let status = self.run(tree, &[&["status", "--json"], options].concat()).json();
            ["coverage", "languages", "skipped", "problems"].map(|name| status[name].clone())
        };
        assert_eq!(counts(&[]), counts(&fresh), "{tree}");
        for name in names {
            assert_eq!(self.places(tree, name, &[]), self.places(tree, name, &fresh), "{name} in {tree}");
        }
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_switch_to_a_branch_that_was_indexed_parses_no_file_again() {
    let branches = Branches::new();
    assert_eq!(branches.index("one"), FILES as u64);
    branches.assert_branch("one", "other");
    for _ in 0..2 {
        for branch in ["main", "other"] {
            branches.switch("one", branch);
            assert_eq!(branches.index("one"), 0, "the files of {branch} were indexed before");
            branches.assert_branch("one", branch);
        }
    }
    branches.assert_like_new("one", &["sculpted_3", "painted_3", "shared_by_both"]);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn changes_that_are_not_committed_are_in_the_answers_after_a_switch() {
    let branches = Branches::indexed();
    // Changes that the tree was indexed with, and that git puts away before the switch.
    branches.write("one", "src/part_3.rs", "pub fn put_away() {}\n");
    branches.write("one", "put_away.rs", "pub fn put_away_too() {}\n");
    branches.index("one");
    branches.git("one", &["stash", "--quiet", "--include-untracked"]);
    branches.switch("one", "main");
    // Changes that git carries over to the other branch.
    branches.write("one", "shared.rs", "pub fn carried_over() {}\n");
    branches.write("one", "untracked.rs", "pub fn carried_over_too() {}\n");
    // A file that differs from both branches.
    branches.write("one", "src/part_7.rs", "pub fn neither_branch_has_this() {}\n");
    let names = ["put_away", "put_away_too", "carried_over", "carried_over_too", "neither_branch_has_this"];
    let found = |expected: [usize; 5]| {
        assert_eq!(names.map(|name| branches.places("one", name, &[]).len()), expected, "{names:?}");
        branches.assert_like_new("one", &[&names[..], &["shared_by_both", "painted_7", "sculpted_7"]].concat());
    };
    assert_eq!(branches.index("one"), 3, "the files of main were indexed before");
    found([0, 0, 1, 1, 1]);
    branches.assert_branch("one", "main");
    branches.git("one", &["checkout", "--quiet", "src/part_7.rs"]);
    branches.switch("one", "other");
    branches.index("one");
    found([0, 0, 1, 1, 0]);
    branches.assert_branch("one", "other");
    branches.git("one", &["checkout", "--quiet", "shared.rs"]);
    branches.git("one", &["stash", "pop", "--quiet"]);
    branches.index("one");
    found([1, 1, 0, 1, 0]);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_branch_that_was_rebased_meanwhile_answers_from_its_new_files() {
    let branches = Branches::indexed();
    // Another tree replaces the commit of `main`: some files change, one is new and some are gone.
    branches.git("one", &["worktree", "add", "--quiet", "../two", "main"]);
    (0..60).for_each(|at| branches.write("two", &format!("src/part_{at}.rs"), &module("rebased", at)));
    branches.write("two", "added.rs", "pub fn added_by_the_rebase() {}\n");
    (200..220).for_each(|at| fs::remove_file(branches.path("two").join(format!("src/part_{at}.rs"))).expect("a file"));
    branches.git("two", &["add", "--all"]);
    branches.git("two", &["commit", "--quiet", "--amend", "--message", "rebased"]);
    branches.git("two", &["switch", "--quiet", "--detach"]);
    branches.switch("one", "main");
    assert_eq!(branches.index("one"), 61, "the other files of main were indexed before");
    let found = |name: &str| branches.places("one", name, &[]).len();
    assert_eq!([found("painted_0"), found("rebased_0"), found("painted_60"), found("rebased_60")], [0, 1, 1, 0]);
    assert_eq!([found("painted_210"), found("sculpted_210"), found("added_by_the_rebase")], [0, 0, 1]);
    let names = ["painted_59", "rebased_59", "sculpted_59", "painted_199", "painted_200", "painted_220"];
    branches.assert_like_new("one", &names);
    // The whole branch is replaced: nothing of the saved tree is right.
    branches.switch("one", "other");
    branches.index("one");
    branches.switch("two", "main");
    branches.write_files("two", "replaced");
    branches.commit("two", "replaced");
    branches.git("two", &["switch", "--quiet", "--detach"]);
    branches.switch("one", "main");
    assert_eq!(branches.index("one"), FILES as u64 + 2, "`only_main.rs` and `added.rs` are not in the last tree");
    assert_eq!([found("replaced_9"), found("rebased_9"), found("painted_9"), found("sculpted_9")], [1, 0, 0, 0]);
    branches.assert_like_new("one", &names);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn worktrees_that_swap_their_branches_answer_from_their_own_files() {
    let branches = Branches::indexed();
    branches.git("one", &["worktree", "add", "--quiet", "../two", "main"]);
    let report = branches.index_with("two", &[]);
    assert!(report["notes"].to_string().contains("started from"), "the second tree is a copy: {report}");
    let mut checked_out = [("one", "other"), ("two", "main")];
    for round in 0..4 {
        for (tree, _) in checked_out {
            branches.git(tree, &["switch", "--quiet", "--detach"]);
        }
        let [(one, first), (two, second)] = checked_out;
        checked_out = [(one, second), (two, first)];
        for (tree, branch) in checked_out {
            branches.switch(tree, branch);
            // This file is in no branch, and its content is different in each tree.
            branches.write(tree, "own.rs", &format!("pub fn only_in_tree_{tree}_{round}() {{}}\n"));
        }
        for (tree, _) in checked_out {
            let indexed = branches.index(tree);
            assert!(indexed == 1 || (indexed == FILES as u64 + 1 && tree == "two" && round == 0), "{tree}: {indexed}");
        }
        for (tree, branch) in checked_out {
            branches.assert_branch(tree, branch);
            let places = |other: &str| branches.places(tree, &format!("only_in_tree_{other}_{round}"), &[]).len();
            assert_eq!([places("one"), places("two")], [usize::from(tree == "one"), usize::from(tree == "two")]);
        }
    }
    for (tree, _) in checked_out {
        branches.assert_like_new(tree, &["painted_1", "sculpted_1", "only_in_main", "only_in_tree_one_3"]);
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_saved_tree_is_compared_with_the_settings_of_the_run_that_returns_to_it() {
    let branches = Branches::indexed();
    let names = ["painted_5", "painted_6", "sculpted_5", "only_in_main", "shared_by_both"];
    // Rules that exclude files came after the tree was saved.
    branches.write("one", ".codescryignore", "src/part_5.rs\nonly_main.rs\n");
    branches.switch("one", "main");
    assert_eq!(branches.index("one"), 0);
    assert_eq!(names.map(|name| branches.places("one", name, &[]).len()), [0, 1, 0, 0, 1]);
    branches.assert_like_new("one", &names);
    branches.switch("one", "other");
    branches.index("one");
    // Now they are gone.
    fs::remove_file(branches.path("one").join(".codescryignore")).expect("it is there");
    branches.switch("one", "main");
    assert_eq!(branches.index("one"), 2);
    branches.assert_branch("one", "main");
    branches.assert_like_new("one", &names);
    // A setting that concerns the content of the index: a limit that all files but those of one function exceed.
    branches.switch("one", "other");
    let limit = ["--max-file-bytes", "50"];
    branches.index_with("one", &limit);
    assert_eq!(names.map(|name| branches.places("one", name, &limit).len()), [0, 0, 0, 0, 1]);
    branches.switch("one", "main");
    branches.index_with("one", &limit);
    assert_eq!(names.map(|name| branches.places("one", name, &limit).len()), [0, 0, 0, 1, 1]);
    branches.index("one");
    branches.assert_branch("one", "main");
    branches.assert_like_new("one", &names);
    // A rebuild begins without the trees that were saved.
    branches.index_with("one", &["--rebuild"]);
    branches.switch("one", "other");
    assert_eq!(branches.index("one"), FILES as u64);
    branches.assert_branch("one", "other");
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_return_that_is_killed_leaves_an_index_that_answers_for_the_branch() {
    use rustix::process::Signal;

    use crate::support::cli::signal;

    let branches = Branches::indexed();
    for (round, branch) in ["main", "other"].into_iter().cycle().take(8).enumerate() {
        branches.switch("one", branch);
        let mut child = branches.command("one", &["index"]).spawn().expect("the program starts");
        std::thread::sleep(std::time::Duration::from_millis(30 * round as u64));
        signal(&child, Signal::KILL);
        child.wait().expect("it has ended");
        branches.assert_branch("one", branch);
    }
}
