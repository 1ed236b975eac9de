//! Tests of servers of several worktrees of a repository, which share one process.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::owners;
use crate::support::mcp::{RawClient, Repository, poll_until};
use crate::support::tested_program;

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "without LanceDB, the index of a folder is lost with its server")]
fn worktrees_of_a_repository_share_a_process_and_each_client_sees_its_own() {
    let repository = Repository::new();
    let tree = |name: &str| repository.base().join("trees").join(name);
    fs::create_dir_all(tree("main").join(".git/worktrees/other")).expect("a folder");
    fs::create_dir(tree("other")).expect("a folder");
    fs::write(tree("main").join(".git/worktrees/other/commondir"), "../..\n").expect("a file");
    let pointer = format!("gitdir: {}\n", tree("main").join(".git/worktrees/other").display());
    fs::write(tree("other").join(".git"), pointer).expect("a file");
    for name in ["main", "other"] {
        fs::write(tree(name).join("same.rs"), format!("pub fn only_in_tree_{name}() {{}}\n")).expect("a file");
    }
    let start = |name: &str| {
        let (folder, index) = (tree(name), repository.base().join("trees-index").join(name));
        let (folder, index) = (folder.to_string_lossy(), index.to_string_lossy());
        let arguments = ["serve", "--structured", &folder, "--index-dir", &index];
        let mut server = RawClient::spawn(repository.command_of(Path::new(tested_program()), &arguments));
        server.initialize();
        server.indexed();
        server
    };
    let finds = |server: &mut RawClient, name: &str| {
        let name = format!("only_in_tree_{name}");
        let found = server.call("find_symbol", json!({ "name": &name }));
        found["result"]["structuredContent"]["symbols"].to_string().contains(&name)
    };
    let (mut first, mut second, mut third) = (start("main"), start("other"), start("other"));
    assert_eq!(owners(&repository), [first.id()]);
    for (server, own, others) in
        [(&mut first, "main", "other"), (&mut second, "other", "main"), (&mut third, "other", "main")]
    {
        assert!(finds(server, own) && !finds(server, others), "{own}");
        let said = server.refused("outline", json!({ "path": tree(others).join("same.rs") }));
        assert!(said.contains("outside the served roots"), "{said}");
    }
    assert!(third.close().success());
    assert!(finds(&mut second, "other"), "another client has left");
    // The owner ends, and the server of another tree takes over.
    assert!(first.close().success());
    assert!(finds(&mut second, "other"));
    assert_eq!(owners(&repository), [second.id()]);
    let mut again = start("main");
    assert!(finds(&mut again, "main") && finds(&mut second, "other"));
    assert_eq!(owners(&repository), [second.id()]);
}

/// No answer has a symbol of the branch that a tree had before, unless it is marked as stale.
#[test]
#[cfg_attr(not(feature = "lance"), ignore = "without LanceDB, the index of a folder is lost with its server")]
fn worktrees_that_swap_their_branches_are_answered_from_their_own_files() {
    let repository = Repository::new();
    let tree = |name: &str| repository.base().join("trees").join(name);
    let git = |name: &str, arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments).current_dir(tree(name));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", repository.base()).env_remove("GIT_DIR");
        let ran = command.output().expect("git runs");
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    fs::create_dir_all(tree("one")).expect("a folder");
    git("one", &["init", "--quiet", "--initial-branch", "north"]);
    for (branch, create) in [("north", None), ("south", Some("south"))] {
        create.iter().for_each(|branch| git("one", &["switch", "--quiet", "--create", branch]));
        for at in 0..20 {
            let text = format!("pub fn file_{at}_of_branch_{branch}() {{}}\n");
            fs::write(tree("one").join(format!("part_{at}.rs")), text).expect("a file");
        }
        git("one", &["add", "--all"]);
        git("one", &["commit", "--quiet", "--message", branch]);
    }
    git("one", &["worktree", "add", "--quiet", "../two", "north"]);
    let start = |name: &str| {
        let folder = tree(name);
        let folder = folder.to_string_lossy();
        let arguments = ["serve", "--structured", &folder];
        let mut command = repository.command_of(Path::new(tested_program()), &arguments);
        command.env_remove("CODESCRY_INDEX_DIR").env("XDG_DATA_HOME", repository.base().join("data"));
        let mut server = RawClient::spawn(command);
        server.initialize();
        server.indexed();
        server
    };
    let mut servers = [start("one"), start("two")];
    assert_eq!(owners(&repository), [servers[0].id()]);
    // The number of symbols with the name of a branch in an answer, without stale ones.
    let found = |server: &mut RawClient, at: usize, branch: &str| {
        let name = format!("file_{at}_of_branch_{branch}");
        let found = server.call("find_symbol", json!({ "name": &name }));
        let symbols = found["result"]["structuredContent"]["symbols"].as_array().expect("symbols").clone();
        let current = symbols.iter().filter(|symbol| symbol["stale"] != Value::Bool(true));
        current.filter(|symbol| symbol.to_string().contains(&name)).count()
    };
    for round in 0..6 {
        ["one", "two"].into_iter().for_each(|name| git(name, &["switch", "--quiet", "--detach"]));
        let branches = if round % 2 == 0 { ["north", "south"] } else { ["south", "north"] };
        ["one", "two"].into_iter().zip(branches).for_each(|(name, branch)| git(name, &["switch", "--quiet", branch]));
        for (server, [own, other]) in servers.iter_mut().zip([branches, [branches[1], branches[0]]]) {
            let mut look = || [found(server, 3, own), found(server, 3, other), found(server, 17, other)];
            let counts = poll_until(
                || {
                    let counts = look();
                    assert_eq!(counts[1..], [0, 0], "round {round}: symbols of {other} on {own}");
                    counts
                },
                |counts| counts[0] == 1,
            );
            assert_eq!(counts, [1, 0, 0], "round {round}: {own}");
        }
    }
}
