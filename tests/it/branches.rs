//! Tests of branch switches: an index returns to the tree of a branch that was indexed before.

use std::process::Command;

use crate::support::cli::Project;

/// Number of files that differ between the branches; more than a tree must lose to be saved.
const FILES: usize = 230;

/// Runs git in the project's folder.
fn git(project: &Project, arguments: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.autocrlf=false"];
    let run =
        Command::new("git").current_dir(project.root()).args(identity).args(arguments).output().expect("git runs");
    assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.err));
}

fn write_files(project: &Project, word: &str) {
    for at in 0..FILES {
        project.write(
            &format!("src/part_{at}.rs"),
            format!("pub fn {word}_{at}(value: u64) -> u64 {{\n    value + {at}\n}}\n"),
        );
    }
}

/// Creates a repository with the branches `main` and `other`, which is checked out.
fn repository() -> Project {
    let project = Project::empty();
    git(&project, &["init", "--quiet", "--initial-branch", "main"]);
    write_files(&project, "painted");
    project.write("only_main.rs", "pub fn only_in_main() {}\n");
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "main"]);
    assert_eq!(project.run(&["index"]).code, 0);
    git(&project, &["switch", "--quiet", "--create", "other"]);
    write_files(&project, "sculpted");
    project.remove("only_main.rs");
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "other"]);
    project
}

/// Asserts that searches find the functions of this branch and none of the other one.
fn assert_branch(project: &Project, word: &str, other: &str) {
    let results = |name: &str| project.run(&["symbol", name, "--json"]).json()["results"].to_string();
    for at in [0, FILES / 2, FILES - 1] {
        let (name, absent) = (format!("{word}_{at}"), format!("{other}_{at}"));
        assert!(results(&name).contains(&format!("src/part_{at}.rs")), "{name}: {}", results(&name));
        assert!(!results(&absent).contains(&format!("\"{absent}\"")), "{absent}: {}", results(&absent));
    }
    let only = project.run(&["search", "only_in_main", "--json"]).out.contains("only_main.rs");
    assert_eq!(only, word == "painted");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_switch_to_a_branch_that_was_indexed_parses_no_file_again() {
    let project = repository();
    let index = || {
        let run = project.run(&["index", "--json"]);
        assert_eq!(run.code, 0, "{}", run.err);
        run.json()["files_indexed"].as_u64().expect("a number")
    };
    assert_eq!(index(), FILES as u64);
    assert_branch(&project, "sculpted", "painted");
    for _ in 0..2 {
        git(&project, &["switch", "--quiet", "main"]);
        assert_eq!(index(), 0, "the files were indexed before");
        assert_branch(&project, "painted", "sculpted");
        git(&project, &["switch", "--quiet", "other"]);
        assert_eq!(index(), 0, "the files were indexed before");
        assert_branch(&project, "sculpted", "painted");
    }
    // A file that differs from both branches is indexed.
    git(&project, &["switch", "--quiet", "main"]);
    project.write("src/part_7.rs", "pub fn neither_branch_has_this() {}\n");
    assert_eq!(index(), 1);
    assert!(project.run(&["symbol", "neither_branch_has_this"]).out.contains("src/part_7.rs"));
    assert_branch(&project, "painted", "sculpted");
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_return_that_is_killed_leaves_an_index_that_answers_for_the_branch() {
    use rustix::process::Signal;

    use crate::support::cli::signal;

    let project = repository();
    assert_eq!(project.run(&["index"]).code, 0);
    for (round, branch) in ["main", "other"].into_iter().cycle().take(8).enumerate() {
        git(&project, &["switch", "--quiet", branch]);
        let mut child = project.spawn(&["index"]);
        std::thread::sleep(std::time::Duration::from_millis(30 * round as u64));
        signal(&child, Signal::KILL);
        child.wait().expect("it has ended");
        let (word, other) = if branch == "main" { ("painted", "sculpted") } else { ("sculpted", "painted") };
        assert_branch(&project, word, other);
    }
}
