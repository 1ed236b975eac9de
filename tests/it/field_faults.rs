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

/// Unused tables are removed when it takes more room than the rest, and at once after a rebuild.
#[cfg(feature = "lance")]
#[test]
fn an_index_stays_small_over_edits_and_a_rebuild_frees_the_old_one_at_once() {
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
    assert!(sizes.iter().all(|size| *size < 5 * fresh), "{fresh} bytes at first: {sizes:?}");
    run(&["index", "--rebuild", "-q"]);
    let rebuilt = folder_bytes(&data);
    assert!(rebuilt < 2 * fresh, "{fresh} bytes at first, {rebuilt} after a rebuild: {sizes:?}");
}

/// The answer says that the container does not exist, because it lists the uses of every definition of the name.
#[test]
fn a_missing_container_is_said_in_every_form_of_output() {
    let project = Project::empty();
    project.write("c.py", "def load_config():\n    pass\n\n\nload_config()\n");
    for (command, line, rest) in [
        ("references", "c.py:5", "these are the uses of every load_config"),
        ("symbol", "c.py:1", "these match the name alone"),
    ] {
        let note = format!("there is no Nope.load_config; {rest}");
        let ran = project.run(&[command, "Nope.load_config"]);
        assert!(ran.out.contains(line) && ran.err.contains(&note), "{} {}", ran.out, ran.err);
        let found = project.run(&[command, "Nope.load_config", "--json"]).json();
        assert_eq!(found["notes"], json!([note]), "{found}");
    }
}

/// A text with the whole identifier comes before definitions that share a part of their name with it.
#[test]
fn a_whole_identifier_comes_before_parts_of_names() {
    let project = Project::empty();
    project
        .write("Tax.vb", "Public Function GrossTotal(net As Decimal) As Decimal : Return net * 1.19D : End Function\n");
    project.write("total.inc", "<?php function legacyTotal($n) { return $n; }\n");
    project.write("gross.py", "class Gross:\n    def total(self):\n        return gross\n");
    project.write("cart.ts", "export function cart_total(n: number): number { return n; }\n");
    for query in ["GrossTotal", "gross_total", "GROSS_TOTAL"] {
        assert_eq!(project.paths(&[query, "--content", "code"])[0], "Tax.vb", "{query}");
    }
    // A name that code defines, in whatever spelling, is still the first.
    project.write("tax.rs", "pub fn gross_total(net: u64) -> u64 {\n    net\n}\n");
    assert_eq!(project.paths(&["GrossTotal", "--content", "code"])[0], "tax.rs");
}

/// Runs a command with `--json` and returns the places of its results, such as `lib/a.rb:3`.
fn places(project: &Project, arguments: &[&str]) -> Vec<String> {
    let found = project.run(&[arguments, &["--json"]].concat()).json();
    let line = |one: &Value| one["start_line"].as_u64().or(one["line"].as_u64()).unwrap_or_default();
    let results = found["results"].as_array().expect("results");
    results.iter().map(|one| format!("{}:{}", one["path"].as_str().unwrap_or_default(), line(one))).collect()
}

#[test]
fn the_named_container_comes_before_a_file_of_that_name() {
    let project = Project::empty();
    project.write(
        "lib/rack/request.rb",
        "module Rack\n  module Helpers\n    def params\n      1\n    end\n  end\n\n  class Request\n    class Cookies\n      \
         def params\n        2\n      end\n    end\n\n    def params\n      3\n    end\n  end\nend\n",
    );
    project.write(
        "src/store.cpp",
        "namespace net {\nint open() { return 1; }\nclass Store {\n public:\n  int open() { return 2; }\n};\n}\n",
    );
    project.write(
        "app/Kernel.php",
        "<?php\nfunction handle() { return 1; }\n\nclass Kernel {\n    function handle() { return 2; }\n}\n",
    );
    for (name, place) in [
        ("Rack::Request#params", "lib/rack/request.rb:15"),
        ("Request.params", "lib/rack/request.rb:15"),
        ("Rack::Request::Cookies#params", "lib/rack/request.rb:10"),
        ("Helpers#params", "lib/rack/request.rb:3"),
        ("Store::open", "src/store.cpp:5"),
        ("net::Store::open", "src/store.cpp:5"),
        ("Kernel->handle", "app/Kernel.php:5"),
        ("Kernel\\handle", "app/Kernel.php:5"),
    ] {
        assert_eq!(places(&project, &["symbol", name])[0], place, "{name}");
        // With a backslash, it may be a path.
        let read = project.run(&["read", &name.replace('\\', "::"), "--json"]).json();
        let line = place.rsplit(':').next().and_then(|line| line.parse::<u64>().ok());
        assert_eq!(read["start_line"].as_u64(), line, "{name}: {read}");
    }
}

#[test]
fn uses_with_an_unknown_receiver_come_last_and_are_marked() {
    let project = Project::empty();
    project.write(
        "a/StringUtils.java",
        "class StringUtils {\n  static boolean isEmpty(String s) { return s.length() == 0; }\n}\n",
    );
    project.write("a/Bag.java", "class Bag {\n  boolean isEmpty() { return true; }\n}\n");
    project.write(
        "b/List.java",
        "class Use {\n  boolean all(Object list) { return make().isEmpty() || list.isEmpty(); }\n}\n",
    );
    project.write(
        "c/Names.java",
        "class Names {\n  boolean all(String s, Bag bag) {\n    return bag.isEmpty() || StringUtils.isEmpty(s);\n  }\n}\n",
    );
    let uses = places(&project, &["references", "StringUtils.isEmpty"]);
    assert_eq!(uses, ["c/Names.java:3", "b/List.java:2", "b/List.java:2"]);
    let ran = project.run(&["references", "StringUtils.isEmpty"]);
    let doubtful = ran.out.lines().filter(|line| line.contains("[call?]")).collect::<Vec<_>>();
    assert!(doubtful.len() == 2 && doubtful.iter().all(|line| line.starts_with("b/List.java:2")), "{}", ran.out);
    let note = "2 uses of isEmpty have a receiver of unknown type, may be of another isEmpty, and come last";
    assert!(ran.err.contains(note) && ran.err.contains("left out: 1 use"), "{}", ran.err);
    // Pages continue through both kinds.
    let page =
        |offset: &str| places(&project, &["references", "StringUtils.isEmpty", "--limit", "1", "--offset", offset]);
    assert_eq!([page("0"), page("1"), page("2")].concat(), uses);
    assert_eq!(places(&project, &["references", "isEmpty"]).len(), 4);
}

#[test]
fn a_use_on_super_is_of_the_base_that_the_class_names() {
    let project = Project::empty();
    project.write(
        "a.py",
        "class Base:\n    def run(self):\n        pass\n\n\nclass Other:\n    def run(self):\n        pass\n\n\n\
         class Job(Base):\n    def run(self):\n        super().run()\n\n\nclass Task(Other):\n    def run(self):\n        \
         super().run()\n",
    );
    project.write(
        "b.rb",
        "class Shape\n  def draw\n  end\nend\n\nclass Text\n  def draw\n  end\nend\n\nclass Label < Text\n  def paint\n    \
         self.draw\n  end\nend\n",
    );
    assert_eq!(places(&project, &["references", "Base.run"]), ["a.py:13"]);
    assert_eq!(places(&project, &["references", "Other.run"]), ["a.py:18"]);
    assert_eq!(places(&project, &["references", "Text.draw"]), ["b.rb:13"]);
    assert!(places(&project, &["references", "Shape.draw"]).is_empty());
}

#[test]
fn a_read_name_shows_the_body_and_not_a_declaration() {
    let project = Project::empty();
    project.write(
        "get.py",
        "from typing import overload\n\n\n@overload\ndef get(key: int) -> int: ...\n\n\n@overload\ndef get(key: str) -> str:\n    \
         ...\n\n\ndef get(key):\n    return key\n",
    );
    project.write(
        "parse.ts",
        "export function parse(text: string): string;\nexport function parse(text: number): number;\n\
         export function parse(text: any): any {\n  return text;\n}\n",
    );
    project.write("include/pool.h", "struct pool;\nint pool_take(struct pool *p);\n");
    project.write("src/pool.c", "#include \"pool.h\"\n\nint pool_take(struct pool *p) {\n  return 1;\n}\n");
    for (places, path, line) in [
        (&["get"][..], "get.py", 13),
        (&["get.py", "get"], "get.py", 13),
        (&["parse"], "parse.ts", 3),
        (&["parse.ts", "parse"], "parse.ts", 3),
        (&["pool_take"], "src/pool.c", 3),
    ] {
        let read = project.run(&[&["read", "--json"], places].concat()).json();
        assert_eq!((&read["path"], read["start_line"].as_u64()), (&json!(path), Some(line)), "{places:?}: {read}");
    }
    let ran = project.run(&["read", "pool_take"]);
    assert!(ran.err.contains("also defined at include/pool.h:2"), "{}", ran.err);
}

#[test]
fn a_title_names_the_definition_that_matched() {
    let project = Project::empty();
    project.write(
        "conf.py",
        "def open_door():\n    return 1\n\n\ndef save_config(path):\n    \"\"\"Writes the settings to disk.\"\"\"\n    return path\n\n\n\
         def ring_bell():\n    return 2\n",
    );
    for (query, symbol) in
        [("where are settings written to disk", "save_config"), ("ring_bell", "ring_bell"), ("open_door", "open_door")]
    {
        let found = project.run(&["search", query, "--json"]).json();
        let hit = &found["results"][0];
        assert_eq!(hit["symbol"], symbol, "{query}: {hit}");
        assert!(hit["signature"].as_str().is_some_and(|text| text.contains(symbol)), "{query}: {hit}");
        assert_eq!(hit["names"].as_array().map(Vec::len), Some(3), "{query}: {hit}");
    }
}

#[test]
fn the_outline_of_a_folder_looks_into_modules() {
    let project = Project::with_files(&[
        (
            "request.rb",
            "module Rack\n  class Request\n    def params\n    end\n  end\n\n  class Response\n    def body\n    end\n  end\nend\n",
        ),
        ("util.rb", "module Util\n  def self.escape\n  end\nend\n"),
        ("pool.cpp", "namespace net {\nclass Pool { int size; };\nint open() { return 1; }\n}\n"),
        ("Shop.cs", "namespace Shop.Orders\n{\n    public class Cart { public int Size() { return 1; } }\n}\n"),
        ("lib.rs", "pub fn run() {}\n\nmod inner {\n    pub fn hidden() {}\n}\n"),
    ]);
    let outline = project.run(&["outline", "."]);
    for line in ["Rack.Request, Rack.Response", "Util", "net.Pool, net.open", "Shop.Orders.Cart", "run, inner"] {
        assert!(outline.out.contains(line), "{line}: {}", outline.out);
    }
    assert!(!outline.out.contains("escape") && !outline.out.contains("hidden"), "{}", outline.out);
}

#[test]
fn lines_in_a_word_of_their_own_get_the_right_form() {
    let project = Project::empty();
    project.write("a.py", "def one():\n    return 1\n");
    for lines in ["1-2", "2", "L1-L2"] {
        let ran = project.run(&["read", "a.py", lines]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(&format!("codescry read a.py:{lines}")), "{}", ran.err);
    }
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_said_to_be_one() {
    let (repository, symlink) = (Repository::new(), std::os::unix::fs::symlink::<&str, std::path::PathBuf>);
    symlink("second", repository.root().join("first")).expect("a link");
    symlink("first", repository.root().join("second")).expect("a link");
    symlink("/etc/hostname", repository.root().join("out")).expect("a link");
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    for path in ["first", "second/a.rs"] {
        let said = raw.refused("read_code", json!({ "path": path }));
        assert!(said.contains("loop of symbolic links"), "{path}: {said}");
    }
    assert!(raw.refused("read_code", json!({ "path": "out" })).contains("outside the served roots"));
}
