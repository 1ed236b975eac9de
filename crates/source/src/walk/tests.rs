#[cfg(unix)]
mod deep_folders;
mod file_kinds;
mod repositories;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use super::{FaultLog, WalkFinding, WalkOptions, find_ignore_faults, inspect_content, walk_paths, walk_tree};
use crate::secrets::secret_pattern;
use platform::cancel::CancelToken;
use types::{AbsPath, RepoPath, SkipReason};

/// Creates a folder with these files and walks the folder `below` in it. Returns the files found and the skipped paths
/// with their reasons.
fn walk_files(files: &[(&str, &str)], below: &str) -> (Vec<String>, Vec<(String, SkipReason)>) {
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
    walk_tree(&root, &WalkOptions::new(1000, &CancelToken::default()), &mut |finding| {
        match finding {
            WalkFinding::File(entry) => found.push(entry.path.to_string()),
            WalkFinding::Skipped(skipped) => out.push((skipped.path.to_string(), skipped.reason)),
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
    let (found, out) = walk_files(
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
    assert_eq!(
        *reason(&out, "x.gen.rs"),
        SkipReason::Ignored { rule: Some("*.gen.rs".into()), source: ".gitignore".into() }
    );
    assert_eq!(reason(&out, "build").label(), "ignored");
    assert!(!out.iter().any(|(path, _)| path.starts_with("build/")), "an ignored folder is not entered");
}

#[test]
fn codescryignore_includes_files_that_other_ignore_files_exclude() {
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
    let (found, out) = walk_files(&files, "");
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
    let (found, out) = walk_files(&files, "repo/pkg");
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
    let (found, _) = walk_files(&files, "w");
    assert_eq!(found, ["a.rs"]);
}

#[test]
fn secrets_are_skipped_and_similar_names_are_not() {
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
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, ["credentials.py", "env.rs", "keys.rs", "secret_santa.go"]);
    for name in names {
        assert_eq!(reason(&out, name.split('/').next().expect("a name")).label(), "secret", "{name}");
    }
}

#[test]
fn secret_file_names_do_not_apply_to_folders() {
    let (found, out) = walk_files(&[("commands/credentials/edit.rb", "x"), ("conf/credentials", "x")], "");
    assert_eq!(found, ["commands/credentials/edit.rb"]);
    assert_eq!(reason(&out, "conf/credentials").label(), "secret");
}

#[test]
fn hidden_files_are_included_only_by_ignore_files_for_search() {
    let files = [(".gitignore", "!.cache/\n"), (".cache/w.yml", "w")];
    assert!(walk_files(&files, "").0.is_empty());
    let files = [(".codescryignore", "!.cache/\n"), (".cache/w.yml", "w")];
    assert_eq!(walk_files(&files, "").0, [".cache/w.yml"]);
}

#[test]
fn hidden_folders_of_code_are_in() {
    let files = [(".github/workflows/w.yml", "w"), (".storybook/preview.js", "p"), (".github/.secret/x.rs", "x")];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, [".github/workflows/w.yml", ".storybook/preview.js"]);
    assert_eq!(*reason(&out, ".github/.secret"), SkipReason::Hidden);
}

#[test]
fn folders_of_packages_are_out_and_a_rule_includes_them() {
    let files = [
        ("Cargo.toml", "[package]"),
        ("target/debug/build.rs", "x"),
        ("src/target/mod.rs", "x"),
        ("web/node_modules/a/index.js", "x"),
        ("web/node_modules/a/node_modules/b/index.js", "x"),
        ("venv/lib/python3.11/site-packages/a.py", "x"),
        ("tools/build/make.rs", "x"),
    ];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, ["Cargo.toml", "src/target/mod.rs", "tools/build/make.rs"]);
    for (path, marker) in [("target", "Cargo.toml"), ("web/node_modules", "node_modules"), ("venv", "venv/lib")] {
        assert_eq!(*reason(&out, path), SkipReason::PackageFolder { marker: marker.to_owned() }, "{path}");
    }
    let with_rule = [&files[..], &[(".codescryignore", "!node_modules/\n!venv/\n")]].concat();
    let (found, _) = walk_files(&with_rule, "");
    for file in &files[3..6] {
        assert!(found.contains(&file.0.to_owned()), "{}: {found:?}", file.0);
    }
}

#[test]
fn each_kind_of_skipped_file_has_its_reason() {
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
    let (found, out) = walk_files(&files, "");
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
fn ignore_files_have_precedence_by_kind() {
    let files = [
        (".git/info/exclude", "*.rs\n"),
        (".gitignore", "!b.rs\n!c.rs\n!d.rs\n"),
        (".ignore", "c.rs\nd.rs\n"),
        (".codescryignore", "!d.rs\n"),
        ("a.rs", "a"),
        ("b.rs", "b"),
        ("c.rs", "c"),
        ("d.rs", "d"),
        // A kind of higher precedence wins even in a folder further up.
        ("sub/.gitignore", "d.rs\n"),
        ("sub/d.rs", "d"),
    ];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, ["b.rs", "d.rs", "sub/d.rs"]);
    let ignored = |rule: &str, source: &str| SkipReason::Ignored { rule: Some(rule.into()), source: source.into() };
    assert_eq!(*reason(&out, "a.rs"), ignored("*.rs", ".git/info/exclude"));
    assert_eq!(*reason(&out, "c.rs"), ignored("c.rs", ".ignore"));
}

#[test]
fn the_last_matching_line_wins_and_the_reason_names_its_file() {
    let files =
        [("sub/.gitignore", "*.rs\n!a.rs\n/b.rs\n"), ("sub/a.rs", "a"), ("sub/b.rs", "b"), ("sub/deep/a.rs", "a")];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, ["sub/a.rs", "sub/deep/a.rs"]);
    let rule = SkipReason::Ignored { rule: Some("/b.rs".into()), source: "sub/.gitignore".into() };
    assert_eq!(*reason(&out, "sub/b.rs"), rule);
}

#[test]
fn a_rule_above_the_root_is_reported_with_an_absolute_path() {
    let files = [("repo/.git/HEAD", ""), ("repo/.gitignore", "/pkg/x.rs\n"), ("repo/pkg/x.rs", "x")];
    let (found, out) = walk_files(&files, "repo/pkg");
    assert!(found.is_empty());
    let SkipReason::Ignored { rule: None, source } = reason(&out, "x.rs") else { panic!("{out:?}") };
    let file = source.strip_prefix("line 1 of ").expect("the line");
    assert!(Path::new(file).is_absolute() && file.ends_with(".gitignore"), "{source}");
}

#[test]
fn a_nested_repository_has_its_own_excludes() {
    let files = [
        (".git/modules/lib/info/exclude", "excluded.rs\n"),
        ("lib/.git", "gitdir: ../.git/modules/lib\n"),
        ("lib/excluded.rs", "e"),
        ("excluded.rs", "e"),
    ];
    assert_eq!(walk_files(&files, "").0, ["excluded.rs"]);
}

#[test]
fn invalid_utf8_affects_one_line_of_an_ignore_file() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(".gitignore"), b"# gr\xf6\xdfe\nout.rs\r\n").expect("a file");
    fs::write(folder.path().join("out.rs"), "o").expect("a file");
    assert!(walk_all(folder.path()).0.is_empty());
}

#[test]
fn negated_rules_for_search_include_hidden_names() {
    let files = [
        (".gitignore", "!.by_git.rs\n"),
        (".ignore", "!.by_ignore.rs\n!.folder/\n!.but_not.rs\n"),
        (".codescryignore", ".but_not.rs\n"),
        (".by_git.rs", "x"),
        (".by_ignore.rs", "x"),
        (".but_not.rs", "x"),
        (".folder/a.rs", "a"),
        (".env.example", "KEY="),
        (".git/HEAD", "x"),
    ];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, [".by_ignore.rs", ".folder/a.rs"]);
    assert_eq!(*reason(&out, ".by_git.rs"), SkipReason::Hidden);
    assert_eq!(*reason(&out, ".env.example"), SkipReason::Hidden);
    assert!(
        !out.iter().any(|(path, _)| path.starts_with(".git/") || path == ".git"),
        "the .git folder is not reported"
    );
}

#[test]
fn secrets_are_reported_by_pattern_and_similar_names_are_not_secrets() {
    let of = |path: &str| secret_pattern(&RepoPath::new(path));
    for (path, pattern) in [
        (".ENV", ".env"),
        ("app/.env.production", ".env.*"),
        ("tls/Server.PEM", "*.pem"),
        ("id_rsa.old.bak", "id_rsa.*"),
        ("credentials.json", "credentials.*"),
        ("config/secrets.yml", "secrets.*"),
        ("service-account-prod.json", "service-account*.json"),
        (".Kube/config", ".kube"),
        ("home/.ssh/config.rs", ".ssh"),
        ("main.tfstate", "*.tfstate"),
        ("prod.env", "*.env"),
        (".envrc", "*.envrc"),
        (".env-staging", ".env-*"),
        ("id_rsa_work", "id_rsa*"),
        ("keys/id_ed25519_sk", "id_ed25519*"),
        ("kubeconfig", "kubeconfig"),
        ("ops/kubeconfig.yaml", "kubeconfig.*"),
    ] {
        assert_eq!(of(path), Some(pattern), "{path}");
    }
    for path in [
        ".env.example",
        ".env.sample",
        ".env.template",
        "id_rsa.pub",
        "id_rsa_test.go",
        "credentials.py",
        "credentials/mod.rs",
        "secrets.go",
        "keys.rs",
        "pem.rs",
        "service-account.ts",
        "kubeconfig.go",
        "environment.ts",
        "id_map",
        "env",
    ] {
        assert_eq!(of(path), None, "{path}");
    }
}

/// A private key is detected anywhere in a text; a text that merely mentions keys is not a secret.
#[test]
fn private_keys_are_detected_in_texts() {
    let of = |text: &str| inspect_content(&RepoPath::new("notes.txt"), text.as_bytes()).map(|reason| reason.label());
    let base64 = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    let begin = |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----");
    for key in [
        format!("{}\n{base64}\n", begin("")),
        format!("a host:\r\n{}\r\n{base64}\r\n", begin("OPENSSH ")),
        format!("tls:\n  key: |\n    {}\n    {base64}\n", begin("ENCRYPTED ")),
        format!("{{\"private_key\": \"{}\\n{base64}\\n\"}}", begin("")),
        format!("{}\nProc-Type: 4,ENCRYPTED\n\n{base64}\n", begin("RSA ")),
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{base64}\n"),
    ] {
        assert_eq!(of(&key), Some("secret"), "{key}");
    }
    for text in [
        format!("const BEGIN: &str = \"{}\";\nfn is_key_material(text: &str) {{}}\n", begin("")),
        format!("{}\n...\n-----END PRIVATE KEY-----\n", begin("")),
        format!("{}\n<your key here>\n", begin("RSA ")),
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n"),
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n"),
        "-----BEGIN ".to_owned(),
    ] {
        assert_eq!(of(&text), None, "{text}");
    }
}

#[test]
fn only_folders_of_credentials_are_secret() {
    let files = [("credentials/a.rs", "a"), ("x.key/b.rs", "b"), (".aws/credentials", "c"), (".aws/d.rs", "d")];
    let (found, out) = walk_files(&files, "");
    assert_eq!(found, ["credentials/a.rs", "x.key/b.rs"]);
    assert_eq!(out, [(".aws".to_owned(), SkipReason::Secret { rule: ".aws".into() })]);
}

#[test]
fn source_maps_are_data_and_linker_maps_are_not() {
    let files = [("a.js.map", "{}"), ("b.css.map", "{}"), ("lib.map", "V1 { };"), ("a.json5", "{}"), ("b.xml", "<b/>")];
    assert_eq!(walk_files(&files, "").0, ["a.json5", "b.xml", "lib.map"]);
}

#[test]
fn entries_are_visited_by_name_and_none_after_a_break() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["c.rs", "a.rs", "B.rs"] {
        fs::write(folder.path().join(name), "x").expect("a file");
    }
    fs::create_dir(folder.path().join("b")).expect("a folder");
    fs::write(folder.path().join("b/z.rs"), "x").expect("a file");
    assert_eq!(walk_all(folder.path()).0, ["B.rs", "a.rs", "b/z.rs", "c.rs"]);

    let root = AbsPath::canonical(folder.path()).expect("the root");
    let mut visits = 0;
    walk_tree(&root, &WalkOptions::new(1, &CancelToken::default()), &mut |_| {
        visits += 1;
        if visits == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect("the root is readable");
    assert_eq!(visits, 2);
}

#[test]
fn a_root_that_cannot_be_walked_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, gone) = (folder.path().join("a.rs"), folder.path().join("gone"));
    fs::write(&file, "a").expect("a file");
    fs::create_dir(&gone).expect("a folder");
    let roots = [&file, &gone].map(|path| AbsPath::canonical(path).expect("a path"));
    fs::remove_dir(&gone).expect("removed");
    let errors = roots.map(|root| {
        let walked =
            walk_tree(&root, &WalkOptions::new(1, &CancelToken::default()), &mut |_| ControlFlow::Continue(()));
        walked.expect_err("no folder").to_string()
    });
    assert!(errors[0].contains("a.rs: it is not a folder"), "{}", errors[0]);
    assert!(errors[1].contains("gone: it does not exist"), "{}", errors[1]);
}

#[cfg(unix)]
#[test]
fn special_and_unreadable_files_are_skipped_with_a_reason() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.rs")).expect("a socket");
    std::os::unix::fs::symlink("nowhere", folder.path().join("broken.rs")).expect("a link");
    let shut = folder.path().join("shut");
    fs::create_dir(&shut).expect("a folder");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("shut");
    let (found, out) = walk_all(folder.path());
    assert!(found.is_empty());
    assert_eq!(*reason(&out, "socket.rs"), SkipReason::NotRegular);
    assert_eq!(*reason(&out, "broken.rs"), SkipReason::SymbolicLink);
    // The root user can read every folder.
    if fs::read_dir(&shut).is_err() {
        assert_eq!(reason(&out, "shut").label(), "unreadable");
    }
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).expect("open");
}

#[test]
#[cfg(unix)]
fn an_unreadable_ignore_file_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    fs::write(folder.path().join("sub/a.rs"), "a").expect("a file");
    for name in [".gitignore", "sub/.ignore"] {
        let file = folder.path().join(name);
        std::os::unix::fs::symlink(file.file_name().expect("a name"), &file).expect("a link to itself");
    }
    let (found, out) = walk_all(folder.path());
    assert_eq!(found, ["sub/a.rs"]);
    for name in [".gitignore", "sub/.ignore"] {
        assert_eq!(reason(&out, name).label(), "unreadable", "{name}");
    }
}

#[test]
fn each_fault_of_an_ignore_file_is_logged_once() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("sub/deep")).expect("folders");
    let large = "\n".repeat((1 << 20) + 1);
    let files = [(".ignore", "{a\n*.log\n"), ("sub/.codescryignore", "b.rs\n{b\n"), ("sub/.gitignore", large.as_str())];
    for (path, text) in files.into_iter().chain([("sub/deep/a.rs", "a")]) {
        fs::write(folder.path().join(path), text).expect("a file");
    }
    let root = AbsPath::canonical(folder.path()).expect("the root");
    let (log, cancel) = (FaultLog::default(), CancelToken::default());
    let options = WalkOptions { fault_log: Some(&log), ..WalkOptions::new(1000, &cancel) };
    let at = |path: &str| root.as_path().join(path).display().to_string();
    let wanted = [
        format!("line 1 (`{{a`) of {}: it is not a valid pattern", at(".ignore")),
        format!("{}: it is larger than 1 MiB; shorten it", at("sub/.gitignore")),
        format!("line 2 (`{{b`) of {}: it is not a valid pattern", at("sub/.codescryignore")),
    ];
    assert!(find_ignore_faults(&root).is_empty(), "a file with an invalid line is used");
    for _ in 0..2 {
        walk_tree(&root, &options, &mut |_| ControlFlow::Continue(())).expect("the root is readable");
        assert_eq!(log.faults(), wanted);
    }
    let paths = [RepoPath::new("sub/deep/a.rs")];
    walk_paths(&root, &options, &paths, &mut |_| ControlFlow::Continue(())).expect("the root is readable");
    assert_eq!(log.faults(), wanted);
}
