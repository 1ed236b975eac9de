//! Tests of files that git tracks, and of copies of a repository, with the installed git.

use std::fs;
use std::path::Path;

use super::{reason, walk_all};
use types::SkipReason;

/// Runs git in a folder.
fn git(folder: &Path, arguments: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.invalid"]).args(arguments);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let ran = command.output().expect("git is installed");
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Creates a repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    git(folder.path(), &["init", "-q", "-b", "main"]);
    folder
}

#[test]
fn what_git_tracks_is_in_although_a_rule_matches_it() {
    let folder = repository(&[
        (".gitignore", "scripts/\n*.gen.rs\n"),
        (".codescryignore", "never.gen.rs\n"),
        ("scripts/tracked.py", "t"),
        ("scripts/deep/tracked.py", "t"),
        ("scripts/untracked.py", "u"),
        ("scripts/other/untracked.py", "u"),
        ("node_modules/own/index.js", "t"),
        ("node_modules/left-pad/index.js", "u"),
        (".hidden/tracked.rs", "t"),
        (".hidden/untracked.rs", "u"),
        ("tracked.gen.rs", "t"),
        ("untracked.gen.rs", "u"),
        ("never.gen.rs", "t"),
        (".env", "t"),
    ]);
    let tracked = ["scripts/tracked.py", "scripts/deep/tracked.py", "node_modules/own/index.js", ".hidden/tracked.rs"];
    let wanted = [&tracked[..], &["tracked.gen.rs", "never.gen.rs", ".env", ".gitignore"]].concat();
    for version in ["2", "3", "4"] {
        git(folder.path(), &["update-index", "--index-version", version]);
        git(folder.path(), &[&["add", "-f"], &wanted[..]].concat());
        let (found, out) = walk_all(folder.path());
        for path in [&tracked[..], &["tracked.gen.rs", ".gitignore"]].concat() {
            assert!(found.contains(&path.to_owned()), "version {version}: {path}: {found:?}");
        }
        assert!(!found.iter().any(|path| path.contains("untracked") || path.contains("left-pad")), "{found:?}");
        for (path, label) in [
            ("scripts/untracked.py", "ignored"),
            ("scripts/other", "ignored"),
            ("node_modules/left-pad", "packages"),
            (".hidden/untracked.rs", "hidden"),
            ("never.gen.rs", "ignored"),
            (".env", "secret"),
        ] {
            assert_eq!(reason(&out, path).label(), label, "version {version}: {path}");
        }
    }
    let (found, _) = walk_all(&folder.path().join("scripts"));
    let all = ["deep/tracked.py", "other/untracked.py", "tracked.py", "untracked.py"];
    assert_eq!(found, all, "a folder that a rule leaves out is in when it is the root");
}

#[test]
fn a_split_index_is_a_problem_and_the_rules_hold() {
    let folder = repository(&[(".gitignore", "a.rs\n"), ("a.rs", "a"), ("b.rs", "b")]);
    git(folder.path(), &["add", "-f", "a.rs"]);
    git(folder.path(), &["update-index", "--split-index"]);
    let (found, out) = walk_all(folder.path());
    assert_eq!(found, ["b.rs"]);
    let SkipReason::Unreadable { message } = reason(&out, ".git") else { panic!("{out:?}") };
    assert!(message.contains("git update-index --no-split-index"), "{message}");
}

#[test]
fn a_sparse_checkout_and_a_repository_with_other_hashes_have_their_tracked_files() {
    let folder = repository(&[(".gitignore", "*.gen.rs\n"), ("a/x.gen.rs", "x"), ("b/y.gen.rs", "y")]);
    git(folder.path(), &["add", "-f", "."]);
    git(folder.path(), &["commit", "-qm", "c"]);
    git(folder.path(), &["sparse-checkout", "set", "--cone", "--sparse-index", "a"]);
    assert_eq!(walk_all(folder.path()).0, [".gitignore", "a/x.gen.rs"]);
    let folder = repository(&[]);
    fs::remove_dir_all(folder.path().join(".git")).expect("removed");
    git(folder.path(), &["init", "-q", "--object-format=sha256"]);
    fs::write(folder.path().join(".gitignore"), "a.rs\n").expect("a file");
    fs::write(folder.path().join("a.rs"), "a").expect("a file");
    git(folder.path(), &["add", "-f", "a.rs"]);
    assert_eq!(walk_all(folder.path()).0, ["a.rs"]);
}

#[test]
fn copies_of_the_repository_in_it_are_out_and_a_rule_includes_them() {
    let folder = repository(&[("src/a.rs", "a")]);
    let root = folder.path();
    git(root, &["add", "."]);
    git(root, &["commit", "-qm", "c"]);
    git(root, &["worktree", "add", "-q", "worktrees/one", "-b", "one"]);
    git(root, &["worktree", "add", "-q", ".github/worktrees/two", "-b", "two"]);
    git(root, &["clone", "-q", ".", "copies/clone"]);
    // Another project, cloned into the folder.
    let other = repository(&[("b.rs", "b")]);
    git(other.path(), &["add", "."]);
    git(other.path(), &["commit", "-qm", "other"]);
    git(root, &["clone", "-q", &other.path().display().to_string(), "vendored"]);
    let (found, out) = walk_all(root);
    assert_eq!(found, ["src/a.rs", "vendored/b.rs"]);
    for path in ["worktrees/one", ".github/worktrees/two", "copies/clone"] {
        assert_eq!(reason(&out, path).label(), "repository-copy", "{path}");
    }
    assert_eq!(walk_all(&root.join("worktrees/one")).0, ["src/a.rs"], "a worktree that is the root is in");
    fs::write(root.join(".codescryignore"), "!/worktrees/\n").expect("a file");
    assert_eq!(walk_all(root).0, ["src/a.rs", "vendored/b.rs", "worktrees/one/src/a.rs"]);
    // From a folder around both, the main working tree answers.
    let around = tempfile::tempdir().expect("a folder");
    git(around.path(), &["clone", "-q", &root.display().to_string(), "main"]);
    git(&around.path().join("main"), &["worktree", "add", "-q", "../feature", "-b", "feature"]);
    assert_eq!(walk_all(around.path()).0, ["main/src/a.rs"]);
    // The working trees of a bare repository are all that there is.
    let bare = tempfile::tempdir().expect("a folder");
    git(bare.path(), &["clone", "-q", "--bare", &root.display().to_string(), ".bare"]);
    fs::write(bare.path().join(".git"), "gitdir: ./.bare\n").expect("a file");
    git(bare.path(), &["worktree", "add", "-q", "trunk", "main"]);
    assert_eq!(walk_all(bare.path()).0, ["trunk/src/a.rs"]);
}

#[test]
fn submodules_are_in_and_have_their_own_rules() {
    let inner = repository(&[(".gitignore", "*.log.rs\n"), ("build/tool.rs", "b"), ("x.log.rs", "x")]);
    git(inner.path(), &["add", "."]);
    git(inner.path(), &["commit", "-qm", "c"]);
    let outer = repository(&[(".gitignore", "libs/\nbuild/\n"), ("a.rs", "a"), ("libs/untracked.rs", "u")]);
    let url = inner.path().display().to_string();
    git(outer.path(), &["-c", "protocol.file.allow=always", "submodule", "add", "-q", "-f", &url, "libs/inner"]);
    fs::write(outer.path().join("libs/inner/new.rs"), "n").expect("a file");
    fs::write(outer.path().join("libs/inner/y.log.rs"), "y").expect("a file");
    let (found, out) = walk_all(outer.path());
    let inner_files = [".gitignore", "build/tool.rs", "new.rs"].map(|path| format!("libs/inner/{path}"));
    assert_eq!(found[..2], [".gitmodules", "a.rs"]);
    assert_eq!(found[2..], inner_files);
    assert_eq!(reason(&out, "libs/untracked.rs").label(), "ignored");
    assert_eq!(reason(&out, "libs/inner/y.log.rs").label(), "ignored");
}
