//! Tests of the command line as people use it: words without quotes, folders, pages, narrow terminals, and several
//! programs at once.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::cli::{Project, RunOutput};

/// Creates a project with an upload that is tried again, a test of it, and a document.
pub fn project() -> Project {
    let project = Project::empty();
    let upload = "/// Sends a file, and tries again after a failed request.\npub fn upload_file(path: &str) -> bool {\n    \
                  let mut attempts = 0;\n    while attempts < 5 {\n        attempts += 1;\n        if send(path) {\n            \
                  return true;\n        }\n    }\n    false\n}\n\n/// Sends the bytes of a file.\nfn send(path: &str) -> bool {\n    \
                  path.len() > 3\n}\n";
    project.write("src/net/upload.rs", upload);
    project.write(
        "tests/upload_test.rs",
        "#[test]\nfn a_failed_upload_is_tried_again() {\n    assert!(upload_file(\"a.txt\"));\n}\n",
    );
    project.write("docs/billing.md", "# Billing\n\nAn invoice is the sum of its lines.\n");
    project
}

/// Returns a command without the variable that names the index folder, so that indexes are in the data folder.
fn in_data_folder(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_remove("CODESCRY_INDEX_DIR");
    command
}

fn run(mut command: Command) -> RunOutput {
    command.output().expect("the program starts").into()
}

/// Returns the names of the indexes in the data folder.
fn index_names(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.home().join("data/codescry")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

#[test]
fn words_need_no_quotes() {
    let project = project();
    for words in [
        &["where", "is", "a", "failed", "upload", "tried", "again"][..],
        &["upload", "a", "file", "-test"],
        &["-test upload a file"],
        &["-test", "upload", "file"],
        &["upload", "file", "path:src/**"],
        &["upload file", "src"],
        &["upload", "file", "--in", "src"],
    ] {
        let found = project.paths(words);
        assert!(found.iter().any(|path| path.ends_with("net/upload.rs")), "{words:?}: {found:?}");
        assert!(!words.concat().contains("-test") || !found.contains(&"tests/upload_test.rs".to_owned()), "{words:?}");
    }
    // Three arguments are words, even if the last one names a folder.
    assert!(project.paths(&["upload", "a", "src"]).contains(&"tests/upload_test.rs".to_owned()));
    let no_folder = project.run(&["search", "upload", "src/no_such_folder"]);
    assert!(no_folder.err.contains("--in FOLDER"), "{}", no_folder.err);
    let filtered = project.run(&["search", "upload", "path:src/**"]);
    assert!(filtered.code == 0 && !filtered.err.contains("is no folder"), "{}", filtered.err);
    let beyond = project.run(&["search", "upload", "--offset", "40"]);
    assert!(beyond.code == 1 && beyond.err.contains("there are no more: "), "{}", beyond.err);
    let unknown = project.run(&["search", "upload", "--lmit", "3"]);
    assert!(unknown.code == 2 && unknown.err.contains("--limit"), "{}", unknown.err);
}

#[test]
fn filters_of_names_are_arguments_of_their_own() {
    let project = project();
    project.write("src/caller.rs", "fn call() {\n    upload_file(\"call\");\n}\n");
    project.write("tests/more_test.rs", "fn again() {\n    upload_file(\"again\");\n}\n");
    let everywhere = project.run(&["references", "upload_file"]);
    assert!(everywhere.out.contains("tests/more_test.rs"), "{}", everywhere.out);
    let filters = [["-test", "path:src"], ["path:src", "-path:tests/**"]];
    for filters in filters {
        for command in ["references", "symbol"] {
            let found = project.run(&[&[command, "upload_file"], &filters[..]].concat());
            assert!(!found.out.contains("tests/") && !found.err.contains("no path:"), "{filters:?}: {}", found.err);
            assert!(found.out.contains("src/"), "{command} {filters:?}: {} {}", found.out, found.err);
        }
    }
    let none = project.run(&["symbol", "-test"]);
    assert!(none.code == 2 && none.err.contains("give a name"), "{}", none.err);
}

#[test]
fn pages_of_results_and_of_references_follow_each_other() {
    let project = project();
    for at in 0..9 {
        project.write(&format!("src/caller_{at}.rs"), format!("fn caller_{at}() {{\n    upload_file(\"{at}\");\n}}\n"));
    }
    for (command, lines) in [(&["search", "upload", "file"][..], "upload"), (&["references", "upload_file"], "caller_")]
    {
        let page = |offset: usize, limit: usize| -> Vec<Value> {
            let (offset, limit) = (offset.to_string(), limit.to_string());
            let ran = project.run(&[command, &["--json", "--offset", &offset, "--limit", &limit]].concat());
            ran.json()["results"].as_array().expect("results").clone()
        };
        let all = page(0, 8);
        assert!(all.len() == 8 && all.iter().any(|result| result.to_string().contains(lines)), "{all:?}");
        let places = |results: &[Value]| -> Vec<(Value, Value, Value)> {
            let place = |result: &Value| (result["path"].clone(), result["start_line"].clone(), result["line"].clone());
            results.iter().map(place).collect()
        };
        let pages: Vec<Value> = [0, 3, 6].iter().flat_map(|offset| page(*offset, 3)).collect();
        assert_eq!(places(&pages[..8]), places(&all));
        assert_eq!(page(150, 3), [] as [Value; 0]);
    }
    let more = project.run(&["references", "upload_file", "--limit", "2"]);
    assert!(more.err.contains("--offset 2"), "{}", more.err);
}

#[test]
fn a_shown_path_opens_and_is_read_in_the_working_folder() {
    let project = Project::empty();
    project.write("sub/deep/retry.py", "def backoff(n):\n    return n * 2\n");
    project.write("other/use.py", "def call_it():\n    return backoff(4)\n");
    assert_eq!(project.run(&["index"]).code, 0);
    for (folder, named) in [("", "sub"), ("other", "../sub"), ("sub", "deep"), ("..", "project/sub")] {
        let working = project.root().join(folder);
        let run = |arguments: &[&str]| -> RunOutput {
            let mut command = project.command(&[arguments, &["--in", named]].concat());
            command.current_dir(&working).output().expect("it starts").into()
        };
        let found = run(&["symbol", "backoff", "--json"]).json();
        let path = found["results"][0]["path"].as_str().expect("a path").to_owned();
        assert!(working.join(&path).is_file(), "{path} in {}", working.display());
        for arguments in [["read", &format!("{path}:1-2")], ["outline", &path], ["similar", &format!("{path}:1")]] {
            let ran = run(&arguments);
            assert!(ran.code == 0 || arguments[0] == "similar" && ran.code == 1, "{arguments:?}: {}", ran.err);
        }
    }
    // Without `--in`, the working folder is the named one.
    let output =
        project.command(&["read", "../sub/deep/retry.py:2"]).current_dir(project.root().join("other")).output();
    assert!(RunOutput::from(output.expect("it starts")).out.contains("return n * 2"));
}

#[test]
fn more_lines_are_shown_on_request() {
    let project = Project::empty();
    let body: String = (0..60).map(|at| format!("    step_{at}();\n")).collect();
    project.write("a.rs", format!("// before\n\nfn many_steps() {{\n{body}}}\n\n// after\n"));
    let brief = project.run(&["search", "many_steps", "-n", "1"]);
    assert!(!brief.out.contains("step_50();") && brief.out.lines().count() < 40, "{}", brief.out);
    let full = project.run(&["search", "many_steps", "-n", "1", "--full"]);
    assert!((0..60).all(|at| full.out.contains(&format!("step_{at}();"))), "{}", full.out);
    let read = project.run(&["read", "many_steps", "-C", "2"]);
    assert!(read.out.contains("    1  // before") && read.out.contains("   66  // after"), "{}", read.out);
    project.write("b.rs", "// line one\n// line two\n\n\nfn lonely_function() {\n    work();\n}\n\n\n// the end\n");
    let around = project.run(&["search", "lonely_function", "-n", "1", "-C", "9"]);
    assert!(around.out.contains("    1  // line one") && around.out.contains("   10  // the end"), "{}", around.out);
}

#[test]
fn read_takes_places_as_tools_print_them() {
    let project = project();
    let first = |arguments: &[&str]| -> (String, String) {
        let ran = project.run(&[&["read"], arguments].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        let mut lines = ran.out.lines();
        let mut next = || lines.next().unwrap_or_default().trim().to_owned();
        (next(), next())
    };
    let signature = "2  pub fn upload_file(path: &str) -> bool {";
    for place in ["src/net/upload.rs:2-3", "src/net/upload.rs:2:5", "src/net/upload.rs#L2-L3", "./src/net/upload.rs:2"]
    {
        assert_eq!(first(&[place]).1, signature, "{place}");
    }
    assert_eq!(first(&["src/net/upload.rs"]).0, "src/net/upload.rs:1-16  [of 16 lines]");
    let send = "14  fn send(path: &str) -> bool {";
    for places in [&["send"][..], &["src/net/upload.rs", "send"]] {
        let ran = project.run(&[&["read"], places].concat());
        assert!(ran.out.starts_with("src/net/upload.rs:1") && ran.out.contains(send), "{places:?}: {}", ran.out);
    }
    let two = project.run(&["read", "docs/billing.md:1", "src/net/upload.rs:1", "--json"]);
    let paths: Vec<Value> =
        two.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["path"].clone()).collect();
    assert_eq!(paths, ["docs/billing.md", "src/net/upload.rs"]);
    let nowhere = project.run(&["read", "no_such_name"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("no definition of no_such_name"), "{}", nowhere.err);
    let missing = project.run(&["read", "src/net/uplaod.rs"]);
    assert!(missing.code == 2 && missing.err.contains("src/net/upload.rs"), "{}", missing.err);
}

#[test]
fn a_file_is_read_without_an_index() {
    let project = project();
    assert_eq!(project.run(&["read", "src/net/upload.rs:1"]).code, 0);
    assert_eq!(project.run(&["outline", "src/net/upload.rs"]).code, 0);
    assert!(!project.index_dir().exists());
}

#[test]
fn outlines_and_similar_code_are_shown() {
    let project = project();
    let file = project.run(&["outline", "src/net/upload.rs"]);
    assert!(file.out.starts_with("src/net/upload.rs  16 lines, 2 definitions\n"), "{}", file.out);
    assert!(file.out.contains("pub fn upload_file(path: &str) -> bool  [function]"), "{}", file.out);
    let folder = project.run(&["outline"]);
    assert!(folder.out.contains("  upload.rs: upload_file, send"), "{}", folder.out);
    let json = project.run(&["outline", "src", "--json"]).json();
    assert_eq!(json["entries"][0]["path"], "src/net/upload.rs", "{json}");
    let similar = project.run(&["similar", "src/net/upload.rs:2", "--json", "-n", "2"]);
    assert!(similar.code == 0 && !similar.paths().is_empty(), "{}", similar.err);
    let code = project.run_with(&["similar", "-", "--json"], "fn send_again(path: &str) -> bool { send(path) }");
    assert_eq!(code.paths()[0], "src/net/upload.rs");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_subfolder_is_searched_in_the_index_above_it() {
    let project = project();
    project.write(".gitignore", "/generated/\n");
    project.write("generated/upload_copy.rs", "fn upload_generated() {}\n");
    assert_eq!(run(in_data_folder(&project, &["index"])).code, 0);
    let indexes = index_names(&project);
    let search = |folder: &str, arguments: &[&str]| -> Vec<String> {
        let mut command = in_data_folder(&project, &[&["search", "--json"], arguments].concat());
        command.current_dir(project.root().join(folder));
        let ran = run(command);
        assert!(ran.code < 2, "{}", ran.err);
        let paths = ran.paths();
        for path in &paths {
            assert!(project.root().join(folder).join(path).exists(), "{path} opens from {folder}");
        }
        paths
    };
    assert_eq!(search("src", &["upload", "a", "file"])[0], "net/upload.rs");
    assert_eq!(search("src/net", &["upload", "a", "file"])[0], "upload.rs");
    assert_eq!(search(".", &["upload a file", "src"])[0], "src/net/upload.rs");
    assert_eq!(search("docs", &["upload a file", "../src"])[0], "../src/net/upload.rs");
    assert!(search("src", &["upload"]).iter().all(|path| path.starts_with("net/")));
    for glob in ["net/**", "src/net/**", "net"] {
        assert_eq!(search("src", &["upload", "--path", glob])[0], "net/upload.rs", "{glob}");
    }
    assert!(search("docs", &["upload_file", "--path", "src/**"]).is_empty());
    let in_src = |arguments: &[&str]| {
        let mut command = in_data_folder(&project, arguments);
        command.current_dir(project.root().join("src"));
        run(command)
    };
    assert!(in_src(&["symbol", "send"]).out.starts_with("net/upload.rs:"));
    assert!(in_src(&["references", "send"]).out.starts_with("net/upload.rs:6"));
    assert!(in_src(&["read", "net/upload.rs:1"]).out.starts_with("net/upload.rs:1"));
    assert!(in_src(&["read", "send"]).out.starts_with("net/upload.rs:1"));
    assert!(in_src(&["outline"]).out.contains("upload.rs: upload_file, send"));
    let status = in_src(&["status"]);
    assert!(status.out.contains("src has no index of its own"), "{}", status.out);
    assert_eq!(index_names(&project), indexes, "no other index is made");
    // A folder that the index above leaves out gets its own.
    assert_eq!(search("generated", &["upload_generated"])[0], "upload_copy.rs");
    assert_eq!(index_names(&project).len(), indexes.len() + 1);
}

#[test]
fn the_home_folder_and_the_root_are_refused_unless_allowed() {
    let project = project();
    fs::write(project.home().join("notes.py"), "def remember(): pass\n").expect("a file");
    for arguments in [
        &["search", "remember"][..],
        &["symbol", "remember"],
        &["references", "remember"],
        &["read", "remember"],
        &["outline"],
        &["similar", "def remember(): pass"],
        &["index"],
        &["index", "--dry-run"],
        &["index", "/"],
        &["search", "remember", "/"],
        &["tune"],
        &["watch"],
    ] {
        let mut command = in_data_folder(&project, arguments);
        command.current_dir(project.home());
        let ran = run(command);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("is too broad to index") && ran.err.contains("--allow-home"), "{}", ran.err);
    }
    assert_eq!(index_names(&project), [] as [String; 0]);
    let mut allowed = in_data_folder(&project, &["search", "remember", "--allow-home"]);
    allowed.current_dir(project.home());
    let ran = run(allowed);
    assert!(ran.code == 0 && ran.out.starts_with("notes.py:1"), "{}", ran.err);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn programs_that_start_at_once_on_a_fresh_folder_all_get_their_answer() {
    let project = project();
    for at in 0..400 {
        project.write(
            &format!("src/part_{at}.rs"),
            format!("pub fn part_{at}(value: u64) -> u64 {{\n    value + {at}\n}}\n"),
        );
    }
    let start = || {
        let mut command = project.command(&["search", "upload", "a", "file", "--json"]);
        command.stdout(Stdio::piped()).spawn().expect("the program starts")
    };
    let started: Vec<_> = (0..5).map(|_| start()).collect();
    for child in started {
        let ran: RunOutput = child.wait_with_output().expect("it ends").into();
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.paths().contains(&"src/net/upload.rs".to_owned()), "{}{}", ran.out, ran.err);
        let coverage = ran.json()["coverage"].clone();
        assert_eq!((&coverage["complete"], &coverage["files_indexed"]), (&true.into(), &403.into()), "{}", ran.err);
    }
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn status_calls_no_index_complete_during_a_run_or_after_one_that_was_killed() {
    let project = project();
    assert_eq!(project.run(&["index", "--embedder", "synthetic:1000000"]).code, 0);
    let state = || -> String {
        let ran = project.run(&["status", "--embedder", "synthetic:1000000"]);
        ran.out.lines().find(|line| line.starts_with("state ")).unwrap_or_default().to_owned()
    };
    assert_eq!(state(), "state      complete");
    for at in 0..200 {
        project.write(&format!("src/part_{at}.rs"), format!("pub fn part_{at}() {{}}\n"));
    }
    let mut child = project.spawn(&["index", "--embedder", "synthetic:20"]);
    while state() == "state      complete" {
        assert!(child.try_wait().expect("it is there").is_none(), "it ended before it was seen");
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_ne!(state(), "state      complete");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn indexes_are_listed_removed_and_pruned() {
    let project = project();
    let other = project.home().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("a.rs"), "fn other() {}\n").expect("a file");
    let index = |folder: &Path| {
        let ran = run(in_data_folder(&project, &["index", folder.to_str().expect("UTF-8"), "--rebuild"]));
        assert_eq!(ran.code, 0, "{}", ran.err);
    };
    let indexes = |arguments: &[&str]| run(in_data_folder(&project, &[&["indexes"], arguments].concat()));
    let listed =
        || -> Vec<Value> { indexes(&["list", "--json"]).json()["indexes"].as_array().expect("a list").clone() };
    assert!(indexes(&["list"]).out.ends_with("0 indexes, 0 B\n"));
    index(project.root());
    index(&other);
    assert_eq!(listed().len(), 2);
    let text = indexes(&["list"]).out;
    assert!(text.contains(project.root().to_str().expect("UTF-8")) && text.contains("2 indexes, "), "{text}");

    // A run leaves replaced versions, if they take little room; pruning removes them at once.
    project.write("src/net/later.rs", "fn later() {}\n");
    let ran = run(in_data_folder(&project, &["index", project.root().to_str().expect("UTF-8")]));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let size = || listed().iter().filter_map(|index| index["size_bytes"].as_u64()).sum::<u64>();
    let before = size();
    let dry = indexes(&["prune", "--dry-run"]);
    assert!(dry.out.contains("would have removed replaced tables of"), "{}", dry.out);
    assert_eq!(size(), before);
    let pruned = indexes(&["prune"]);
    assert!(pruned.code == 0 && pruned.out.contains("removed replaced tables of"), "{}{}", pruned.out, pruned.err);
    assert_eq!(dry.out.replace("would have ", "").replace("would be ", ""), pruned.out, "it says what is removed");
    assert_eq!(indexes(&["prune", "--dry-run"]).out, "nothing to remove\n");
    assert_eq!(indexes(&["prune"]).out, "nothing to remove\n");
    assert!(size() < before);
    let found = run(in_data_folder(&project, &["search", "upload", "file", "--no-index", "--json"]));
    assert!(found.paths().contains(&"src/net/upload.rs".to_owned()), "{}", found.err);

    // The index of a deleted folder is pruned, others stay.
    fs::remove_dir_all(&other).expect("removed");
    assert!(indexes(&["list"]).out.contains("the folder no longer exists"));
    assert!(indexes(&["prune"]).out.contains("removed the index of"));
    let left = listed();
    assert_eq!((left.len(), left[0]["folder"].as_str()), (1, project.root().to_str()));

    let unknown = indexes(&["remove", "nowhere"]);
    assert!(unknown.code == 2 && unknown.err.contains("codescry indexes list"), "{}", unknown.err);
    assert_eq!(indexes(&["remove", "."]).code, 0);
    assert_eq!(listed(), [] as [Value; 0]);
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn a_limit_of_threads_or_memory_is_named_instead_of_a_panic() {
    let project = project();
    let program = env!("CARGO_BIN_EXE_codescry");
    for limit in ["ulimit -v 6000000", "ulimit -v 800000", "ulimit -v 400000"] {
        for arguments in ["search upload a file", "index --rebuild", "references send", "status"] {
            let like = project.command(&[]);
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{limit}; exec '{program}' {arguments}")]).current_dir(project.root());
            shell.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let ran: RunOutput = shell.output().expect("a shell").into();
            let says = format!("{limit}, {arguments}: {} {}", ran.code, ran.err);
            assert!(!ran.err.contains("panicked") && !ran.err.contains("memory allocation of"), "{says}");
            assert!(ran.code == 0 || (ran.code == 2 && ran.err.contains("ulimit -v")), "{says}");
        }
    }
}

#[test]
fn every_variable_and_the_format_of_questions_are_documented() {
    let project = Project::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/command-line.md")).expect("it is there");
    let (help, manual) = (project.run(&["--help"]).out, project.run(&["man"]).out);
    let mut names = std::collections::BTreeSet::new();
    for file in fs::read_dir(root.join("crates/config/src")).expect("a folder") {
        let text = fs::read_to_string(file.expect("an entry").path()).unwrap_or_default();
        for part in text.split("CODESCRY_").skip(1) {
            let end = part.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(part.len());
            names.insert(format!("CODESCRY_{}", &part[..end]));
        }
    }
    names.retain(|name| name != "CODESCRY_");
    assert!(names.len() > 15, "the search for variables is broken: {names:?}");
    for name in &names {
        for (place, text) in [("docs/command-line.md", &page), ("--help", &help), ("man", &manual)] {
            assert!(text.contains(name.as_str()), "{name} is not in {place}");
        }
    }
    let (help, manual) = (project.run(&["eval", "--help"]).out, project.run(&["man", "eval"]).out);
    for field in ["query", "relevant", "secondary", "start_line"] {
        for (place, text) in [("docs/command-line.md", &page), ("eval --help", &help), ("man eval", &manual)] {
            assert!(text.contains(field), "{field} is not in {place}");
        }
    }
}

#[test]
fn a_plugin_folder_is_not_served() {
    let project = project();
    for name in ["PLUGIN_ROOT", "PLUGIN_DATA"] {
        let mut command = project.command(&["serve", "--http", "127.0.0.1:0"]);
        command.env(name, project.root());
        let ran = run(command);
        assert!(ran.code == 2 && ran.err.contains("the client has named none"), "{name}: {}", ran.err);
    }
}

#[test]
fn a_project_is_set_up_without_a_path_of_this_machine() {
    let project = project();
    let help = project.run(&["install", "--help"]).out;
    for client in ["claude-code", "cursor", "vscode", "codex", "kiro", "warp", "opencode"] {
        let ran = project.run(&[
            "install",
            "--project",
            "--yes",
            "--client",
            client,
            "--with",
            "instructions,agent,skill,hooks",
        ]);
        assert_eq!(ran.code, 0, "{client}: {}", ran.err);
        let mut written = 0;
        for line in ran.out.lines().filter_map(|line| line.strip_prefix("wrote ")) {
            let file = line.split(';').next().expect("a file").replace('~', project.home().to_str().expect("UTF-8"));
            let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!text.contains(project.home().to_str().expect("UTF-8")), "{file}:\n{text}");
            assert!(!text.contains(env!("CARGO_BIN_EXE_codescry")), "{file}:\n{text}");
            written += 1;
        }
        assert!(written > 0, "{client}: {}", ran.out);
        assert!(help.contains(&format!("  {client} ")), "{client} is in the help");
    }
}
