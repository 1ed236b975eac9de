//! Faults that users of similar programs reported: odd greetings, an early end of the input, spellings of paths, output
//! that is not a message, surroundings without a home folder, and growth of the index.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::cli::{Project, RunOutput};
use crate::support::mcp::{RawClient, Repository};

/// Returns a line with a request.
fn request(id: u32, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// Returns a greeting with these capabilities.
fn greeting(capabilities: &Value) -> Value {
    let client = json!({ "name": "odd", "version": "1" });
    json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": client })
}

#[test]
fn greetings_that_are_not_by_the_book_open_a_session() {
    let repository = Repository::new();
    for params in [
        greeting(&json!({ "sampling": true })),
        greeting(&json!({ "roots": null, "elicitation": [], "unheard": { "of": 1 } })),
        greeting(&json!({ "experimental": { "flag": true, "plain": {} }, "roots": { "listChanged": "yes" } })),
        greeting(&json!({ "tasks": { "requests": { "tools": 7 } }, "extensions": { "a": 1 } })),
        greeting(&json!([])),
        greeting(&Value::Null),
        json!({ "protocolVersion": "2099-01-01", "clientInfo": { "name": 7 } }),
        json!({ "protocolVersion": 1, "capabilities": {}, "clientInfo": "x", "_meta": "y" }),
        json!({}),
    ] {
        let mut raw = RawClient::uninitialized(&repository);
        let answer = raw.request("initialize", params.clone());
        assert_eq!(answer["result"]["serverInfo"]["name"], "codescry", "{params}: {answer}");
        let version = answer["result"]["protocolVersion"].as_str().expect("a version");
        assert!(version.starts_with("202"), "{params}: {answer}");
        raw.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        let tools = raw.request("tools/list", json!({}));
        assert!(tools["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 5), "{params}: {tools}");
        assert!(raw.close().success(), "{params}");
    }
}

#[test]
fn requests_before_the_end_of_the_greeting_do_not_stop_it() {
    let repository = Repository::new();
    let early: [(&str, Value, Option<i64>); 4] = [
        ("logging/setLevel", json!({ "level": "info" }), Some(-32601)),
        ("ping", json!({}), None),
        ("tools/list", json!({}), None),
        ("unknown/request", json!({}), Some(-32601)),
    ];
    for (method, params, code) in early {
        let mut raw = RawClient::uninitialized(&repository);
        raw.request("initialize", greeting(&json!({ "roots": { "listChanged": true }, "sampling": {} })));
        let answer = raw.request(method, params);
        assert_eq!(answer["error"]["code"].as_i64(), code, "{method}: {answer}");
        raw.send(br#"{"jsonrpc":"2.0","method":"notifications/unheard","params":{"x":1}}"#);
        raw.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        raw.assert_search_works();
        assert!(raw.close().success(), "{method}");
    }
}

#[test]
fn every_request_is_answered_when_the_input_ends_early() {
    let project = Project::empty();
    for n in 0..5 {
        project.write(&format!("c{n}.py"), format!("def load_config_{n}():\n    return {n}\n"));
    }
    let tool = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let lines = [
        request(1, "initialize", &greeting(&json!({}))),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        request(2, "tools/list", &json!({})),
        request(3, "tools/call", &tool("search_code", json!({ "query": "load config 3" }))),
        request(4, "tools/call", &tool("index_project", json!({}))),
        request(5, "tools/call", &tool("find_symbol", json!({ "name": "load_config_4" }))),
        request(6, "tools/call", &tool("index_status", json!({}))),
    ];
    // The last line has no line end.
    let input = lines.join("\n");
    for arguments in [&["serve", "--stdio", "--no-share"][..], &["serve", "--stdio"]] {
        let file = project.home().join("input");
        std::fs::write(&file, &input).expect("a file");
        let mut from_file = project.command(arguments);
        from_file.stdin(std::fs::File::open(&file).expect("it is there"));
        let outputs = [project.run_with(arguments, &input), from_file.output().expect("it ends").into()];
        for RunOutput { code, out, err } in outputs {
            let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
            let mut ids: Vec<u64> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
            ids.sort_unstable();
            assert_eq!((code, ids), (0, vec![1, 2, 3, 4, 5, 6]), "{arguments:?}: {out} {err}");
            assert!(answers.iter().all(|answer| answer["error"].is_null()), "{arguments:?}: {out}");
        }
    }
    let ran = project.run_with(&["serve", "--stdio"], "");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "no input at all: {}", ran.err);
}

#[test]
fn a_path_may_lead_upwards_inside_of_the_root() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let root = repository.root();
    for path in ["src/../src/retry.rs", "web/../src/./retry.rs", "./src/net/../retry.rs", "src//retry.rs"] {
        let absolute = root.join(path).to_string_lossy().into_owned();
        for path in [path.to_owned(), absolute] {
            let answer = raw.call("read_code", json!({ "path": path, "root": "." }));
            assert_eq!(answer["result"]["structuredContent"]["path"], "src/retry.rs", "{path}: {answer}");
            let found = raw.call("search_code", json!({ "query": "retry", "path": path, "root": "./" }));
            assert_eq!(found["result"]["structuredContent"]["hits"][0]["path"], "src/retry.rs", "{path}: {found}");
        }
    }
    let whole = raw.call("outline", json!({ "path": "src/..", "root": "." }));
    assert_eq!(whole["result"]["structuredContent"]["files"], 6, "{whole}");
    let status = raw.call("index_status", json!({ "root": "." }));
    assert_eq!(status["result"]["structuredContent"]["roots"][0]["indexed"], true, "{status}");
    for path in ["..", "src/../../other.rs", "../root/src/retry.rs"] {
        assert!(raw.refused("read_code", json!({ "path": path })).contains("outside the served roots"), "{path}");
    }
    assert!(raw.close().success());
}

#[test]
fn a_call_for_the_root_of_several_folders_means_all() {
    let repository = Repository::new();
    let (root, other) = (repository.root(), repository.base().join("other"));
    std::fs::create_dir_all(&other).expect("a folder");
    std::fs::write(other.join("settings.rs"), "pub fn settings_of_the_other() {}\n").expect("a file");
    let arguments = ["serve", "--no-share", "--structured"];
    let mut command = repository.command_of(Path::new(crate::support::tested_program()), &arguments);
    command.args([&root, &other]).env_remove("CODESCRY_INDEX_DIR");
    command.env("XDG_DATA_HOME", repository.base().join("data"));
    let mut raw = RawClient::spawn(command);
    raw.initialize();
    let status = raw.call("index_status", json!({ "root": "." }));
    assert_eq!(status["result"]["structuredContent"]["roots"].as_array().map(Vec::len), Some(2), "{status}");
    for root in ["other", "."] {
        crate::support::mcp::index_until_ended(json!({ "root": root }), |arguments| {
            raw.call("index_project", arguments)
        });
        let found = raw.call("find_symbol", json!({ "name": "settings_of_the_other", "root": root }));
        let path = found["result"]["structuredContent"]["symbols"][0]["path"].as_str().unwrap_or_default();
        assert!(path.ends_with("settings.rs"), "{root}: {found}");
    }
    assert!(raw.close().success());
}

#[test]
fn standard_output_has_messages_and_answers_alone() {
    let repository = Repository::new();
    repository.write("broken.py", "def half(:\n");
    repository.write(".gitignore", "[\n");
    std::fs::write(repository.root().join("binary.py"), b"\xff\xfe\0broken").expect("a file");
    for (arguments, variables) in [
        (&["serve"][..], &[("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")][..]),
        (&["serve", "-vv"], &[("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")]),
        (&["serve"], &[("LC_ALL", "C"), ("LANG", "tr_TR.UTF-8"), ("COLUMNS", "x")]),
    ] {
        let mut command = repository.command_of(Path::new(crate::support::tested_program()), arguments);
        command.arg("--structured").envs(variables.iter().copied()).stderr(Stdio::null());
        // A client panics at a line that is not JSON.
        let mut raw = RawClient::spawn(command);
        raw.initialize();
        raw.indexed();
        raw.assert_search_works();
        assert!(raw.close().success(), "{arguments:?}");
    }
    let project = Project::empty();
    project.write("c.py", "def load_config(): pass\n");
    for arguments in [&["index", "--rebuild"][..], &["search", "load_config"], &["status"]] {
        let ran = project.run(arguments);
        let has_control = |text: &str| text.contains(['\r', '\x1b']);
        assert!(ran.code == 0 && !has_control(&ran.out) && !has_control(&ran.err), "{arguments:?}: {}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let project = Project::empty();
    (0..200).for_each(|n| project.write(&format!("f{n}.py"), format!("def load_config_{n}(): pass\n")));
    assert_eq!(project.run(&["index"]).code, 0);
    for arguments in [&["index", "--dry-run"][..], &["search", "load_config"], &["status"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
        let ran = project.command(arguments).stdout(full).output().expect("it ends");
        let err = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(2) && err.contains("No space left"), "{arguments:?}: {err}");
        assert!(!err.contains("panicked"), "{err}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = project.command(arguments).stdout(writer).output().expect("it ends");
        let err = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(0) && !err.contains("panicked"), "{arguments:?}: {err}");
    }
}

/// In containers, the home folder is often missing or cannot be written.
#[cfg(unix)]
#[test]
fn without_a_home_folder_it_works_or_says_which_folder_to_name() {
    let project = Project::empty();
    project.write("c.py", "def load_config(): pass\n");
    let bare = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env_remove("HOME").env_remove("XDG_DATA_HOME").env_remove("CODESCRY_INDEX_DIR");
        command.env_remove("CODESCRY_RUNTIME_DIR");
        command
    };
    let (index, cache) = (project.home().join("i"), project.home().join("c"));
    let mut named = bare(&["search", "load_config"]);
    let ran: RunOutput =
        named.env("CODESCRY_INDEX_DIR", &index).env("CODESCRY_CACHE_DIR", &cache).output().expect("it ends").into();
    assert!(ran.code == 0 && ran.out.contains("load_config"), "{}", ran.err);
    // A file stands where the folder should be, so that the folder cannot be made, even by root.
    let file = project.home().join("file");
    std::fs::write(&file, "").expect("a file");
    let mut blocked = bare(&["search", "load_config"]);
    let ran: RunOutput = blocked.env("HOME", &file).output().expect("it ends").into();
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains(&*file.to_string_lossy()) && ran.err.contains("--index-dir"), "{}", ran.err);
    let mut no_cache = bare(&["search", "load_config"]);
    no_cache.env("CODESCRY_INDEX_DIR", project.home().join("i2")).env("CODESCRY_CACHE_DIR", file.join("cache"));
    let ran: RunOutput = no_cache.output().expect("it ends").into();
    assert!(ran.code == 0 && ran.out.contains("load_config"), "{}", ran.err);
    assert!(ran.err.contains("--cache-dir"), "{}", ran.err);
    let gone = project.home().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "cd \"$0\" && rmdir \"$0\" && exec \"$1\" search x"]).arg(&gone);
    let ran = shell.arg(crate::support::tested_program()).output().expect("it ends");
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.code() == Some(2) && err.contains("working folder"), "{err}");
}

/// Returns the total size of all files below a folder, in bytes.
#[cfg(feature = "lance")]
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let size = |entry: std::fs::DirEntry| match entry.file_type().expect("a type").is_dir() {
        true => folder_bytes(&entry.path()),
        false => entry.metadata().map_or(0, |metadata| metadata.len()),
    };
    entries.map(size).sum()
}

/// A replaced commit stays readable for a while; an edit adds as much as the edits before it, and a rebuild and `gc` remove
/// all of it.
#[cfg(feature = "lance")]
#[test]
fn an_index_grows_evenly_with_edits_and_a_rebuild_makes_it_small_again() {
    let project = Project::empty();
    let data = project.home().join("data");
    (0..30).for_each(|n| project.write(&format!("k{n}.py"), format!("def keep_{n}(): return {n}\n")));
    let run = |arguments: &[&str]| {
        let ran = project.command(arguments).env_remove("CODESCRY_INDEX_DIR").output().expect("it ends");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    run(&["index", "-q"]);
    let fresh = folder_bytes(&data);
    let edit = |n: usize| {
        project.write("e.py", format!("def edited_{n}(): return {n}\n"));
        run(&["index", "-q"]);
        folder_bytes(&data)
    };
    let sizes: Vec<u64> = (0..40).map(edit).collect();
    let (early, late) = (sizes[19] - sizes[0], sizes[39] - sizes[20]);
    assert!(late < 2 * early, "{sizes:?}");
    run(&["index", "--rebuild", "-q"]);
    run(&["gc"]);
    let rebuilt = folder_bytes(&data);
    assert!(rebuilt < 2 * fresh, "{fresh} bytes at first, {rebuilt} after 40 edits: {sizes:?}");
}

/// The answer says that the container does not exist, because it lists the uses of every definition of the name.
#[test]
fn references_of_a_name_in_a_missing_container_say_so() {
    let project = Project::empty();
    project.write("c.py", "def load_config():\n    pass\n\n\nload_config()\n");
    let ran: RunOutput = project.command(&["references", "Nope.load_config"]).output().expect("it ends").into();
    assert!(ran.out.contains("c.py:5"), "{}", ran.out);
    assert!(ran.err.contains("there is no Nope.load_config; these are the uses of every load_config"), "{}", ran.err);
}
