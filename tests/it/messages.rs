//! Tests of messages: each names the fault, and a remedy for the command line.

use serde_json::Value;

use crate::command_line::project;
use crate::support::cli::{Project, RunOutput};

/// Runs the program, and checks its exit code and that its messages have all parts.
fn fails_with(project: &Project, arguments: &[&str], parts: &[&str]) -> RunOutput {
    let ran = project.run(arguments);
    assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
    for part in parts {
        assert!(ran.err.contains(part), "{arguments:?}: {part:?} is not in {}", ran.err);
    }
    assert!(!ran.err.contains("index_project"), "{arguments:?}: {}", ran.err);
    ran
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn messages_name_what_does_not_exist_and_what_is_allowed() {
    let project = project();
    project.write("questions.jsonl", "{\"query\": \"upload\", \"relevant\": [\"src/net/upload.rs\"]}\n");
    fails_with(&project, &["search", "foo", "--no-index"], &["nothing is indexed yet", "run `codescry index`"]);
    assert_eq!(project.run(&["index"]).code, 0);
    for (arguments, parts) in [
        (&["read", "nosuch.rs"][..], &["nosuch.rs does not exist"][..]),
        (&["outline", "nosuch"], &["nosuch does not exist"]),
        (&["read", "src/net/upload.rs:10-5"], &["give the first line first, such as 5-10"]),
        (&["models", "add", "nosuch"], &["nosuch does not exist"]),
        (&["models", "verify", "builtin"], &["part of the program"]),
        (&["models", "remove", "builtin"], &["part of the program"]),
        (&["models", "remove", "nosuch"], &["nosuch is not installed", "codescry models list"]),
        (&["search", "upload", "--project", "nope"], &["unknown project nope; this folder has no projects"]),
        (&["search", "upload", "--lang", "pyton"], &["unknown language pyton; known: python,", "more"]),
        (&["eval", "nosuch.jsonl"], &["cannot read nosuch.jsonl", "No such file"]),
        (&["eval", "questions.jsonl", "--against", "foo"], &["cannot read foo", "hybrid, dense, lexical"]),
        (&["index", "--max-memory", "1"], &["give at least 128MiB"]),
        (&["index", "--device", "cuda"], &["--device cuda", "built-in model", "--embedder"]),
        (&["search", "retry", "--device", "cuda:7", "--no-index"], &["--device cuda:7", "all-MiniLM-L6-v2"]),
    ] {
        fails_with(&project, arguments, parts);
    }
    let mut command = project.command(&["index"]);
    let noted: RunOutput = command.env("CODESCRY_DEVICE", "cuda").output().expect("the program starts").into();
    assert!(noted.code == 0 && noted.err.contains("CODESCRY_DEVICE=cuda is not used"), "{}", noted.err);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_run_without_changes_says_so_and_a_quiet_one_says_nothing() {
    let project = project();
    let first = project.run(&["index"]);
    assert!(first.out.contains("indexed 3 files (") && first.out.contains("found 3: indexed 3,"), "{}", first.out);
    assert!(!first.out.contains("bottleneck"), "{}", first.out);
    assert!(project.run(&["index"]).out.starts_with("up to date: 3 files in "));
    let quiet = project.run(&["index", "--rebuild", "-q"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_name_that_looks_like_a_file_is_read_as_a_name() {
    let project = project();
    project.write("src/Big.java", "class Big {\n    int go() {\n        return 1;\n    }\n}\n");
    let read = project.run(&["read", "Big.go", "--json"]);
    assert_eq!(read.code, 0, "{}", read.err);
    let excerpt: Value = serde_json::from_str(read.out.trim()).expect("JSON");
    assert_eq!(excerpt["path"], "src/Big.java");
    project.write("Big.go", "package big\n");
    assert!(project.run(&["read", "Big.go"]).out.contains("package big"), "a file comes first");
}

#[test]
fn pages_of_subcommands_are_printed() {
    let project = Project::empty();
    assert!(project.run(&["man", "models", "install"]).out.contains(".TH codescry-models-install 1"));
    fails_with(&project, &["man", "models", "nosuch"], &["there is no command nosuch", "install"]);
    assert!(project.run(&["man", "--help"]).out.contains("man -l -"));
}
