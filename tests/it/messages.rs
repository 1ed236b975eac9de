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

/// A pool with many members, and a file with the same function name in another container.
fn project_with_pool() -> Project {
    let mut pool = "class Pool:\n".to_owned();
    for name in ["acquire", "release", "drain"] {
        pool.push_str(&format!("    def {name}(self):\n        return self.free\n\n"));
    }
    let steps: String = (0..20).map(|number| format!("def step_{number}():\n    return {number}\n\n\n")).collect();
    Project::with_files(&[
        ("src/pool.py", &pool),
        ("src/steps.py", &format!("{steps}def open_door():\n    return 1\n")),
        (
            "src/session.py",
            "class Session:\n    def send_all(self):\n        return 1\n\n    def send(self):\n        return 2\n",
        ),
    ])
}

#[test]
fn a_missing_member_is_answered_with_the_members_and_never_with_another_container() {
    let project = project_with_pool();
    for (arguments, code, said) in [
        (&["Pool::aqcuire"][..], 0, "this is Pool.acquire, a similar name"),
        (
            &["Pool::send_al"],
            1,
            "there is no Pool::send_al; Pool has acquire, release, drain; Session.send_all in src/",
        ),
        (&["Nope.send_al"], 1, "there is no Nope.send_al; Session.send_all in src/session.py:2 has a similar name"),
        (&["Nope.send"], 0, "there is no Nope; send is defined in Session"),
        (&["Pool.send"], 0, "there is no Pool.send; send is defined in Session"),
        (&["src/steps.py", "opne_door"], 2, "does not define opne_door; did you mean open_door? it defines step_0, "),
        (&["src/pool.py", "Pool.drian"], 2, "did you mean Pool.drain? Pool has acquire, release, drain"),
    ] {
        let ran = project.run(&[&["read"], arguments].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out.is_empty(), code > 0, "{arguments:?}: {}", ran.out);
    }
    let listed = project.run(&["read", "src/steps.py", "quux"]).err;
    assert!(listed.contains("step_9 and 11 more") && !listed.contains("step_10"), "{listed}");
}

#[test]
fn a_place_that_cannot_be_read_does_not_hide_the_others() {
    let project = project_with_pool();
    let ran = project.run(&["read", "src/pool.py:1", "src/nope.py:3", "src/pool.py:2"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("class Pool:") && ran.out.contains("def acquire"), "{}", ran.out);
    assert!(ran.err.contains("error: src/nope.py does not exist") && !ran.err.contains("nearest"), "{}", ran.err);
    let none = project.run(&["read", "src/nope.py:3", "src/pool.py:900"]);
    assert!(none.code == 2 && none.out.is_empty(), "{}{}", none.out, none.err);
    assert!(none.err.contains("src/nope.py does not exist") && none.err.contains("has lines 1 to "), "{}", none.err);
}

#[test]
fn lines_in_a_wrong_form_are_named_with_the_right_one() {
    let project = project_with_pool();
    let form = "give one as src/pool.py:10 or src/pool.py:10-40";
    for (arguments, said) in [
        (["read", "src/pool.py:0"], form),
        (["read", "src/pool.py:-5"], form),
        (["read", "src/pool.py:5-"], form),
        (["read", "src/pool.py:1-2,4-5"], form),
        (["read", "src/pool.py:drain"], "name the file and the definition apart: src/pool.py drain"),
        (["similar", "src/pool.py:0"], form),
        (["outline", "src/pool.py:3"], "give src/pool.py without lines here"),
    ] {
        fails_with(&project, &arguments, &[said]);
    }
}

#[test]
fn a_file_that_is_never_indexed_is_said_to_be_so() {
    let project = project_with_pool();
    project.write("go.sum", "example.com/x v1.0.0 h1:abc=\n");
    project.write("icon.png", "\u{89}PNG\0\0\0");
    for (place, said) in
        [("go.sum:1", "go.sum is not indexed: it is "), ("icon.png:1", "icon.png is not indexed: it is ")]
    {
        let ran = fails_with(&project, &["similar", place], &[said]);
        assert!(!ran.err.contains("index it first"), "{}", ran.err);
    }
    project.write(".git/config", "[core]\n");
    fails_with(&project, &["read", ".git/config"], &["cannot read .git/config: it is one of git's own files"]);
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
fn each_fault_of_an_ignore_file_is_named_once() {
    let project = project();
    project.write(".codescryignore", "{a\n");
    project.write("docs/.ignore", "{b\n");
    project.write("src/.gitignore", vec![b'\n'; (1 << 20) + 1]);
    for arguments in [
        &["index"][..],
        &["index", "--rebuild", "--preparse"],
        &["search", "upload"],
        &["search", "upload", "path:docs/nowhere"],
        &["read", "src/net/upload.rs"],
    ] {
        let ran = project.run(arguments);
        let shown = [ran.out, ran.err].concat();
        for fault in ["line 1 (`{a`) of ", "line 1 (`{b`) of ", "it is larger than 1 MiB"] {
            let count = if arguments[0] == "read" { 0 } else { 1 };
            assert_eq!(shown.matches(fault).count(), count, "{arguments:?}: {fault}: {shown}");
        }
    }
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

#[test]
fn files_of_an_outline_stand_below_their_folder_and_the_rest_is_counted_by_kind() {
    let project = Project::with_files(&[
        ("src/algo/deep.rs", "pub fn deep() {}\n"),
        ("src/algo/far.rs", "pub fn far() {}\n"),
        ("src/zebra.rs", "pub fn zebra() {}\n"),
        ("top.rs", "pub fn top() {}\n"),
    ]);
    let whole = project.run(&["outline"]);
    let lines: Vec<&str> = whole.out.lines().collect();
    assert_eq!(
        lines,
        [
            "./  4 indexed files",
            "  top.rs: top",
            "src/",
            "  zebra.rs: zebra",
            "src/algo/",
            "  deep.rs: deep",
            "  far.rs: far"
        ],
        "{}",
        whole.err
    );
    let short = project.run(&["outline", "-n", "1"]);
    assert!(short.err.contains("not shown: 1 folder with 3 files; raise --limit"), "{}", short.err);
}

#[test]
fn an_uninstall_with_nothing_to_remove_says_so() {
    let project = Project::empty();
    let ran = project.run(&["uninstall", "--yes"]);
    assert!(ran.code == 0 && ran.err.starts_with("nothing to remove: "), "{} {}", ran.out, ran.err);
    assert!(!project.run(&["uninstall", "--help"]).out.contains("--with adds"));
}

#[test]
fn a_query_is_repeated_as_it_was_given() {
    let project = project();
    let ran = project.run(&["search", "upload", "path:nowhere", "-test"]);
    assert!(ran.code == 1 && ran.err.contains("nothing found for \"upload path:nowhere -test\" in"), "{}", ran.err);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn advice_on_files_that_are_left_out_is_given_once() {
    let project = project();
    project.write(".gitignore", "made/\n");
    project.write("made/out.rs", "fn made() {}\n");
    let advises = |arguments: &[&str]| project.run(arguments).out.contains("`codescry index --dry-run` lists");
    assert!(advises(&["index"]), "the first run");
    assert_eq!([advises(&["index"]), advises(&["status"]), advises(&["status", "-v"])], [false, false, true]);
}
