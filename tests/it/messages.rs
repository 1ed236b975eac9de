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
        (
            &["search", "upload", "--lang", "pyton"],
            &["unknown language pyton; did you mean python? the index has rust"],
        ),
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
    let verbose = project.run(&["index", "-v"]);
    assert!(verbose.out.starts_with("up to date: ") && verbose.out.contains("\nstage "), "{}", verbose.out);
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

#[test]
fn a_file_in_place_of_a_folder_is_answered_with_its_folder() {
    let project = project();
    let file = "docs/billing.md";
    let folder = "docs/billing.md is not a folder; give the folder that contains it (docs)";
    for command in [
        &["serve"][..],
        &["index"],
        &["watch"],
        &["status"],
        &["tune"],
        &["publish", "published"],
        &["bench", "pipeline"],
        &["read", "send", "--in"],
    ] {
        let ran = fails_with(&project, &[command, &[file]].concat(), &[folder]);
        assert!(!ran.err.contains("--path"), "{command:?}: {}", ran.err);
    }
    let narrowed = [folder, "--path billing.md to search this file alone"];
    for command in [["search", "invoice", "--in"], ["symbol", "send", "--in"], ["similar", "send()", "--in"]] {
        fails_with(&project, &[&command[..], &[file]].concat(), &narrowed);
    }
}

#[test]
fn a_page_behind_the_last_result_says_how_many_there_are() {
    let project = project();
    for arguments in [
        &["search", "upload"][..],
        &["symbol", "send"],
        &["references", "upload_file"],
        &["similar", "src/net/upload.rs:2"],
    ] {
        let ran = project.run(&[arguments, &["--offset", "40"]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}: {}", ran.err);
        let says = ran.err.contains("there are no more: ") && ran.err.contains(" in all; give a smaller --offset");
        assert!(says && !ran.err.contains("no definition"), "{arguments:?}: {}", ran.err);
    }
    let absent = project.run(&["symbol", "no_such_name_anywhere", "--offset", "5"]);
    assert!(absent.code == 1 && absent.err.contains("no definition of"), "{}", absent.err);
}

#[test]
fn warnings_of_a_command_are_plain_unless_the_log_is_asked_for() {
    let project = project();
    project.write(".codescryignore", "{a\n");
    let ran = project.run(&["index"]);
    let warnings = ran.err.lines().filter(|line| line.starts_with("warning: cannot use line 1 (`{a`) of "));
    assert!(ran.code == 0 && warnings.count() == 1, "{}", ran.err);
    assert!(!ran.err.contains("WARN") && !ran.err.contains("codescry_source"), "{}", ran.err);
    let mut command = project.command(&["index", "--rebuild"]);
    let logged: RunOutput = command.env("RUST_LOG", "codescry=warn").output().expect("the program starts").into();
    assert!(logged.err.contains(" WARN codescry_source"), "{}", logged.err);
}

#[test]
fn a_command_names_the_help_with_the_options_of_all_commands() {
    let project = Project::empty();
    let [own, all, short] =
        [&["index", "--help"][..], &["--help"], &["-h"]].map(|arguments| project.run(arguments).out);
    assert!(own.contains("--dry-run") && own.contains("`codescry --help` lists the options"), "{own}");
    assert!(!own.contains("--queue-depth") && all.contains("--queue-depth") && !short.contains("--queue-depth"));
    let help = project.run(&["help", "--help"]);
    assert!(help.code == 0 && help.out.contains("Usage: codescry help [COMMAND]"), "{}{}", help.out, help.err);
    let filter = project.run(&["search", "retry", "--kind", "function"]);
    assert!(filter.code == 2 && filter.err.contains("codescry search QUERY kind:function"), "{}", filter.err);
}
