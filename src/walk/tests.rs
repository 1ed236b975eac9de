use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::{WalkOptions, Walked, inspect, walk};
use crate::types::{AbsPath, RepoPath, SkipReason};

/// A folder with these files, walked: what is in, and what is out with its reason.
fn walked(files: &[(&str, &str)], below: &str) -> (Vec<String>, Vec<(String, SkipReason)>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    walk_all(&folder.path().join(below))
}

fn walk_all(root: &Path) -> (Vec<String>, Vec<(String, SkipReason)>) {
    let root = AbsPath::canonical(root).expect("the root");
    let (mut found, mut out) = (Vec::new(), Vec::new());
    walk(&root, &WalkOptions { max_file_bytes: 1000 }, &mut |walked| {
        match walked {
            Walked::File(entry) => found.push(entry.path.to_string()),
            Walked::Skipped(skipped) => out.push((skipped.path.to_string(), skipped.reason)),
        }
        ControlFlow::Continue(())
    })
    .expect("the root is readable");
    (found, out)
}

fn reason<'r>(out: &'r [(String, SkipReason)], path: &str) -> &'r SkipReason {
    &out.iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("{path} is not reported: {out:?}")).1
}

#[test]
fn ignore_files_hold_without_a_repository_and_the_deeper_one_wins() {
    let (found, out) = walked(
        &[
            (".gitignore", "*.gen.rs\nbuild/\n"),
            ("a.rs", "a"),
            ("x.gen.rs", "x"),
            ("build/deep/b.rs", "b"),
            ("sub/.gitignore", "!keep.gen.rs\n"),
            ("sub/keep.gen.rs", "k"),
            ("sub/drop.gen.rs", "d"),
        ],
        "",
    );
    assert_eq!(found, ["a.rs", "sub/keep.gen.rs"]);
    assert_eq!(*reason(&out, "x.gen.rs"), SkipReason::Ignored { rule: "*.gen.rs".into(), source: ".gitignore".into() });
    assert_eq!(reason(&out, "build").label(), "ignored");
    assert!(!out.iter().any(|(path, _)| path.starts_with("build/")), "an ignored folder is not entered");
}

#[test]
fn our_own_ignore_file_brings_back_what_others_exclude() {
    let files = [
        (".gitignore", "vendor/\n*.log.rs\n"),
        (".ignore", "docs/\n"),
        (".codescryignore", "!vendor/\n!docs/\nsecretive.rs\n!.github/\n!.env\n"),
        ("vendor/v.rs", "v"),
        ("docs/d.md", "d"),
        ("secretive.rs", "s"),
        (".github/w.yml", "w"),
        (".env", "KEY=1"),
    ];
    let (found, out) = walked(&files, "");
    assert_eq!(found, [".github/w.yml", "docs/d.md", "vendor/v.rs"]);
    assert_eq!(reason(&out, "secretive.rs").label(), "ignored");
    assert_eq!(reason(&out, ".env").label(), "secret");
}

#[test]
fn rules_above_the_root_count_up_to_the_top_of_the_repository() {
    let files = [
        (".gitignore", "never.rs\n"),
        ("repo/.git/info/exclude", "excluded.rs\n"),
        ("repo/.gitignore", "ignored.rs\n"),
        ("repo/pkg/ignored.rs", "i"),
        ("repo/pkg/excluded.rs", "e"),
        ("repo/pkg/never.rs", "n"),
        ("repo/pkg/a.rs", "a"),
    ];
    let (found, out) = walked(&files, "repo/pkg");
    assert_eq!(found, ["a.rs", "never.rs"]);
    assert_eq!(reason(&out, "ignored.rs").label(), "ignored");
    assert_eq!(reason(&out, "excluded.rs").label(), "ignored");
}

#[test]
fn a_worktree_has_the_excludes_of_its_repository() {
    let files = [
        ("main/.git/info/exclude", "excluded.rs\n"),
        ("main/.git/worktrees/w/commondir", "../..\n"),
        ("w/.git", "gitdir: ../main/.git/worktrees/w\n"),
        ("w/excluded.rs", "e"),
        ("w/a.rs", "a"),
    ];
    let (found, _) = walked(&files, "w");
    assert_eq!(found, ["a.rs"]);
}

#[test]
fn secrets_are_out_and_their_samples_are_not_called_so() {
    let names = [
        ".env",
        ".env.local",
        "server.pem",
        "id_rsa",
        "id_ed25519",
        ".npmrc",
        "prod.tfvars",
        "secrets.yaml",
        "credentials",
        ".aws/config",
    ];
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
    files.extend([("credentials.py", "x"), ("keys.rs", "x"), ("env.rs", "x"), ("secret_santa.go", "x")]);
    let (found, out) = walked(&files, "");
    assert_eq!(found, ["credentials.py", "env.rs", "keys.rs", "secret_santa.go"]);
    for name in names {
        assert_eq!(reason(&out, name.split('/').next().expect("a name")).label(), "secret", "{name}");
    }
}

#[test]
fn a_folder_is_no_secret_for_a_name_that_makes_a_file_one() {
    let (found, out) = walked(&[("commands/credentials/edit.rb", "x"), ("conf/credentials", "x")], "");
    assert_eq!(found, ["commands/credentials/edit.rb"]);
    assert_eq!(reason(&out, "conf/credentials").label(), "secret");
}

#[test]
fn what_git_keeps_stays_hidden_until_a_rule_for_search_asks_for_it() {
    let files = [(".gitignore", "!.github/\n"), (".github/w.yml", "w")];
    assert!(walked(&files, "").0.is_empty());
    let files = [(".codescryignore", "!.github/\n"), (".github/w.yml", "w")];
    assert_eq!(walked(&files, "").0, [".github/w.yml"]);
}

#[test]
fn kinds_that_are_not_worth_reading_are_counted_under_their_reason() {
    let long = "x".repeat(2000);
    let files = [
        ("Cargo.lock", "x"),
        ("data.csv", "x"),
        ("a.svg", "x"),
        ("logo.png", "x"),
        ("app.min.js", "x"),
        ("big.rs", long.as_str()),
        (".hidden.rs", "x"),
        ("a.rs", "x"),
    ];
    let (found, out) = walked(&files, "");
    assert_eq!(found, ["a.rs"]);
    let labels: Vec<_> = files[..7].iter().map(|(path, _)| reason(&out, path).label()).collect();
    assert_eq!(labels, ["lock-file", "data", "data", "binary", "minified", "too-large", "hidden"]);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_and_odd_names_do_no_harm() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.rs"), "a").expect("a file");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).expect("a link");
    fs::write(folder.path().join(OsStr::from_bytes(b"\xff\xfe.rs")), "x").expect("a file");
    let (found, out) = walk_all(folder.path());
    assert_eq!(found[0], "a.rs");
    assert_eq!(*reason(&out, "loop"), SkipReason::SymbolicLink);
}

#[test]
fn content_tells_binary_minified_and_generated() {
    let of = |path: &str, bytes: &[u8]| inspect(&RepoPath::new(path), bytes).map(|reason| reason.label());
    assert_eq!(of("a.rs", b"fn a() {}\0"), Some("binary"));
    assert_eq!(of("a.txt", &[0xff, 0xfe, b'a', 0]), Some("binary"));
    assert_eq!(of("a.rs", b" \n\t\n"), Some("empty"));
    assert_eq!(of("a.js", "var a=1;".repeat(1000).as_bytes()), Some("minified"));
    assert_eq!(of("a.md", "a long paragraph. ".repeat(1000).as_bytes()), None);
    assert_eq!(of("a.go", b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n"), Some("generated"));
    assert_eq!(of("a.ts", b"/**\n * @generated by hand\n */\n"), Some("generated"));
    assert_eq!(of("a.py", b"\"\"\"Writes generated code to disk.\"\"\"\n# The file is generated later.\n"), None);
    assert_eq!(of("a.rs", "fn größe() {}\n".as_bytes()), None);
}
