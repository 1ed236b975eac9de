//! Tests of the stdio server as most clients use it: answers in text alone, arguments in any spelling, and the folder
//! that the client means.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::mcp::{RawClient, Repository, poll_until};
use crate::support::tested_program;

const LOGIN: &str = "check a login attempt against the stored hash";

/// Returns the command of a server with these arguments, without variables that name a folder.
fn command(repository: &Repository, arguments: &[&str]) -> Command {
    repository.command_of(Path::new(tested_program()), arguments)
}

/// Starts a server with these arguments, initializes it and indexes its folder.
fn served(repository: &Repository, arguments: &[&str]) -> RawClient {
    let mut raw = RawClient::spawn(command(repository, arguments));
    raw.initialize();
    index(&mut raw, json!({}));
    raw
}

/// Calls `index_project` until the run has ended, and returns the last answer's text.
fn index(raw: &mut RawClient, arguments: Value) -> String {
    poll_until(|| text(raw, "index_project", arguments.clone()), |said| said.starts_with("done: "))
}

/// Calls a tool and returns its text. Panics if the result is an error or has structured content.
fn text(raw: &mut RawClient, tool: &str, arguments: Value) -> String {
    let answer = raw.call(tool, arguments.clone());
    let result = &answer["result"];
    assert_ne!(result["isError"], true, "{tool} {arguments}: {answer}");
    assert_eq!(result.get("structuredContent"), None, "{tool} {arguments}: {answer}");
    result["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[test]
fn answers_and_tools_are_text_alone() {
    let repository = Repository::new();
    let mut raw = served(&repository, &["--stdio"]);
    let listed = raw.request("tools/list", json!({}))["result"].clone();
    let size = listed["tools"].to_string();
    let tokens = text::tokens::count_tokens(&size);
    assert!(size.len() <= 8_000 && tokens <= 2_000, "{} bytes, {tokens} tokens", size.len());
    assert!(!size.contains("outputSchema") && size.contains("anthropic/alwaysLoad"), "{size}");
    let found = text(&mut raw, "search_code", json!({ "query": LOGIN }));
    assert!(
        found.starts_with("app/passwords.py:1-14 function verify_password, hash_password\n```\n1 ")
            && found.contains("\n12 def verify_password("),
        "{found}"
    );
    // The tool that is no longer listed can be called, with the argument that it had.
    let status = text(&mut raw, "index_status", json!({}));
    assert!(status.contains("index: complete, 6 of 6 files"), "{status}");
    let root = repository.root();
    assert!(text(&mut raw, "index_status", json!({ "root": root })).contains("index: complete"), "it may be named");
    let done = text(&mut raw, "index_project", json!({ "rebuild": "false" }));
    assert!(done.contains("unchanged") && done.contains("languages: "), "it reports the state: {done}");
    assert!(raw.close().success());
}

#[test]
fn a_search_says_what_names_its_first_place() {
    let repository = Repository::new();
    let uses = "from app.passwords import verify_password\n\n\ndef log_in(user, password):\n    \
                return verify_password(password, user.salt, user.stored)\n";
    repository.write("app/views.py", uses);
    repository.write("tests/test_login.py", &uses.replace("log_in", "test_log_in"));
    repository
        .write("app/locks.py", "def unlock_turnstile(card):\n    \"\"\"Opens the turnstile.\"\"\"\n    return card\n");
    let mut raw = served(&repository, &["--stdio"]);
    let found = text(&mut raw, "search_code", json!({ "query": "verify_password" }));
    assert!(found.contains("\nnamed in app/views.py:5 log_in\n"), "neither the import nor the test: {found}");
    let found = text(&mut raw, "search_code", json!({ "query": "open the turnstile" }));
    assert!(found.contains("unlock_turnstile") && found.contains("\nnamed nowhere else outside of tests"), "{found}");
    let found = text(&mut raw, "search_code", json!({ "query": "test_log_in" }));
    assert!(found.starts_with("tests/test_login.py:") && !found.contains("named "), "a test has no callers: {found}");
    assert!(raw.close().success());
    let mut structured = RawClient::spawn(command(&repository, &["serve", "--structured"]));
    structured.initialize();
    let answer = structured.call("search_code", json!({ "query": "verify_password" }));
    let hits = &answer["result"]["structuredContent"]["hits"];
    assert_eq!(hits[0]["named_in"], json!(["app/views.py:5 log_in"]), "{answer}");
    assert!(structured.close().success());
}

#[cfg(unix)]
#[test]
fn servers_with_and_without_structured_content_share_a_process() {
    let repository = Repository::new();
    let mut plain = served(&repository, &["--stdio"]);
    let mut structured = RawClient::spawn(command(&repository, &["serve", "--structured"]));
    structured.initialize();
    structured.assert_search_works();
    let answer = structured.call("search_code", json!({ "query": LOGIN }));
    assert_eq!(answer["result"]["structuredContent"]["hits"][0]["path"], "app/passwords.py", "{answer}");
    let tools = structured.request("tools/list", json!({}))["result"]["tools"].clone();
    assert!(tools.as_array().expect("a list").iter().all(|tool| tool["outputSchema"].is_object()), "{tools}");
    text(&mut plain, "search_code", json!({ "query": LOGIN }));
    // The process that runs the server is that of the first client: the other one goes on without it.
    assert!(plain.close().success());
    structured.assert_search_works();
    assert!(structured.close().success());
}

#[test]
fn the_lists_of_fixed_things_may_be_cached() {
    let repository = Repository::new();
    let mut raw = RawClient::spawn(command(&repository, &["--stdio"]));
    let meta = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    for (method, scope) in [("tools/list", "public"), ("prompts/list", "public"), ("resources/list", "private")] {
        let listed = raw.request(method, meta.clone())["result"].clone();
        assert_eq!(listed["cacheScope"], scope, "{method}: {listed}");
        let ttl_ms = listed["ttlMs"].as_u64().expect("a time");
        assert!(method == "resources/list" || ttl_ms >= 3_600_000, "{method}: {ttl_ms}");
    }
    assert!(raw.close().success());
}

#[test]
fn arguments_are_understood_in_many_spellings() {
    let repository = Repository::new();
    repository.write("app/[slug]/page.tsx", "export function SlugPage() { return <p>the page of a slug</p>; }\n");
    repository.write("app/s/page.tsx", "export function OtherPage() { return <p>the page of another</p>; }\n");
    let mut raw = served(&repository, &["--stdio"]);
    let root = repository.root();
    for arguments in [
        json!({ "query": LOGIN, "language": "[\"python\"]", "limit": "2" }),
        json!({ "Query": LOGIN, "Language": ["python"], "LIMIT": 2.0 }),
        json!({ "q": LOGIN, "lang": "python, rust", "maxResults": "2" }),
        json!({ "query": LOGIN, "path": ".\\app\\passwords.py" }),
        json!({ "query": LOGIN, "path": "./app/" }),
        json!({ "query": LOGIN, "path": "app, src" }),
        json!({ "query": LOGIN, "path": ["app", "src"] }),
        json!({ "query": LOGIN, "path": root.join("app") }),
        json!({ "query": LOGIN, "sessionId": "1", "explanation": "why", "toolCallId": 7, "random_string": "" }),
    ] {
        let found = text(&mut raw, "search_code", arguments.clone());
        assert!(found.starts_with("app/passwords.py:"), "{arguments}: {found}");
        assert!(!found.contains("note:"), "{arguments}: {found}");
    }
    let noted = text(&mut raw, "search_code", json!({ "query": LOGIN, "limitt": 1 }));
    assert!(
        noted.ends_with("\nnote: argument `limitt` is not known and was ignored: did you mean `limit`?"),
        "{noted}"
    );
    let page =
        text(&mut raw, "search_code", json!({ "query": "page", "path": "app/[slug]", "language": "typescript" }));
    assert!(page.starts_with("app/[slug]/page.tsx:") && !page.contains("app/s/"), "{page}");
    let read = text(&mut raw, "read_code", json!({ "path": "app\\passwords.py", "lines": [7, 8] }));
    assert!(read.starts_with("app/passwords.py:7-8 of "), "{read}");
    for arguments in ["[]", "null", "\"\"", "\"{}\""] {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":"odd","method":"tools/call","params":{{"name":"index_status","arguments":{arguments}}}}}"#
        );
        raw.send(line.as_bytes());
        let answer = raw.next();
        assert_eq!((&answer["id"], answer["error"].is_null()), (&json!("odd"), true), "{arguments}: {answer}");
    }
    raw.send(
        br#"{"jsonrpc":"2.0","id":"half","method":"tools/call","params":{"name":"search_code","arguments":{"query":"hash \ud83d"}}}"#,
    );
    let answer = raw.next();
    assert!(answer["id"] == "half" && answer["result"]["isError"] == false, "{answer}");
    let refused = raw.refused("search_code", json!({ "query": "a", "limit": "many" }));
    assert!(refused.starts_with("argument `limit`: expected a whole number"), "{refused}");
    assert!(raw.close().success());
}

/// A brief answer has the code of the first two places, and of each place the line that matches the query best. A full
/// answer has the code of all places. For an error message whose text is in the code, a brief answer lists only the
/// places with that text.
#[test]
fn the_first_places_show_the_lines_that_decide_and_the_others_one_line() {
    let repository = Repository::new();
    for (name, decides) in [("alpha", 30), ("beta", 20), ("gamma", 40), ("delta", 25)] {
        let mut lines = vec!["    step(state);".to_owned(); 60];
        lines[0] = format!("pub fn {name}_upload(state: &mut State) -> bool {{");
        lines[decides] = format!("    retry_failed_upload(state, {decides});");
        lines[50] = "    return state.is_sent();".to_owned();
        lines[decides + 3] = format!("    log(\"upload {name} was lost on the way\");");
        lines[59] = "}".to_owned();
        repository.write(&format!("src/up/{name}.rs"), &lines.join("\n"));
    }
    let mut raw = served(&repository, &["--stdio"]);
    let asked = json!({ "query": "where is a failed upload retried", "path": "src/up" });
    let brief = text(&mut raw, "search_code", asked.clone());
    assert_eq!(brief.matches("```\n").count(), 4, "two places with code: {brief}");
    assert_eq!(
        brief.matches("retry_failed_upload(state, ").count(),
        4,
        "each place with the line that decides: {brief}"
    );
    assert_eq!(brief.matches("_upload(state: &mut State) -> bool").count(), 4, "each with its signature: {brief}");
    assert!(brief.contains("return state.is_sent();") && brief.contains("\n…\n"), "{brief}");
    let one_line = brief.lines().rfind(|line| line.starts_with("src/up/") && line.contains(" function "));
    let one_line = one_line.expect("the last place");
    assert!(one_line.contains(": ") && one_line.contains("retry_failed_upload"), "{one_line}");
    let mut full = asked.clone();
    full["detail"] = json!("full");
    let full = text(&mut raw, "search_code", full);
    assert!(full.matches("```\n").count() > 4 && full.len() > 2 * brief.len(), "{full}");
    let lost = json!({ "query": "Error: upload gamma was lost on the way", "path": "src/up" });
    let exact = text(&mut raw, "search_code", lost.clone());
    assert!(exact.starts_with("only places with this very text") && exact.contains("src/up/gamma.rs:1-60"), "{exact}");
    assert!(!exact.contains("src/up/alpha.rs") && exact.contains("\n44     log("), "{exact}");
    let mut full = lost;
    full["detail"] = json!("FULL");
    assert!(text(&mut raw, "search_code", full).contains("src/up/alpha.rs"), "the others on request");
    assert!(raw.close().success());
}

/// An empty answer states its reasons in the sentences that `codescry search` prints as notes.
#[test]
fn an_empty_answer_says_what_was_not_searched() {
    let repository = Repository::new();
    repository.write(".gitignore", "build/\n");
    repository.write("build/out.rs", "fn built() {}\n");
    repository.write("conf/server.toml", "port = 1\n");
    repository.write("src/.hidden.rs", "fn hidden() {}\n");
    repository.write("made.go", "// Code generated by tool. DO NOT EDIT.\npackage made\n");
    let mut raw = served(&repository, &["--stdio"]);
    for (arguments, wanted) in [
        (json!({ "path": "build/out.rs" }), "build/out.rs is not indexed: build is ignored by `build/` in .gitignore"),
        (json!({ "path": "src/.hidden.rs" }), "src/.hidden.rs is not indexed: it is hidden"),
        (json!({ "path": "made.go" }), "made.go is not indexed: it is generated"),
        (json!({ "path": "src/retri.rs" }), "no indexed file matches path src/retri.rs; the nearest is src/retry.rs"),
        (json!({ "path": "conf" }), "configuration files were not searched (1 file; content all includes them)"),
        (json!({ "path": "conf" }), "not indexed: "),
        (json!({ "language": "go" }), "searched 0 of 7 indexed files: only go"),
    ] {
        let mut call = arguments.clone();
        call["query"] = json!("something");
        let said = text(&mut raw, "search_code", call);
        assert!(said.starts_with("no hits; ") && said.contains(wanted), "{arguments}: {said}");
        let mut printed = command(&repository, &["search", "something"]);
        for (name, flag) in [("path", "--path"), ("language", "--lang")] {
            printed.args(arguments[name].as_str().map(|value| [flag, value]).into_iter().flatten());
        }
        let output = printed.output().expect("it runs");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && printed.contains(wanted), "{arguments}: {printed}");
    }
    let none = text(&mut raw, "find_symbol", json!({ "name": "zzzzzz", "path": "build" }));
    assert!(none.starts_with("no definition found") && none.contains("ignored by `build/`"), "{none}");
    let none = text(&mut raw, "find_references", json!({ "name": "zzzzzz", "language": "go" }));
    assert!(none.starts_with("no uses of zzzzzz") && none.contains("only go"), "{none}");
    assert!(raw.close().success());
}

/// Starts a server in `folder` with these variables and arguments, without a folder as an argument.
fn start_in(repository: &Repository, folder: &Path, variables: &[(&str, String)], more: &[&str]) -> RawClient {
    let mut command = command(repository, &[&["serve", "--no-share"], more].concat());
    command.current_dir(folder).env_remove("CODESCRY_INDEX_DIR");
    command.env("XDG_DATA_HOME", repository.base().join("data")).env("HOME", repository.base());
    variables.iter().for_each(|(name, value)| _ = command.env(name, value));
    RawClient::spawn(command)
}

/// Returns the text of `index_status`, in which the unindented lines are the served folders, or the call's error.
fn served_folders(raw: &mut RawClient) -> String {
    let answer = raw.call("index_status", json!({}));
    answer["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[test]
fn the_folder_is_the_one_that_the_client_means() {
    let repository = Repository::new();
    let (root, home) = (repository.root(), repository.base());
    let other = home.join("other");
    std::fs::create_dir(&other).expect("a folder");
    let show = |path: &Path| path.to_string_lossy().into_owned();
    for (folder, variables, wanted) in [
        (Path::new("/"), vec![("CLAUDE_PROJECT_DIR", show(&root))], vec![&root]),
        (&other, vec![("CLAUDE_PROJECT_DIR", show(&root)), ("WORKSPACE_FOLDER_PATHS", show(&other))], vec![&root]),
        (
            Path::new("/"),
            vec![("WORKSPACE_FOLDER_PATHS", format!("{},{}", show(&root), show(&other)))],
            vec![&root, &other],
        ),
        (&root, vec![("CLAUDE_PROJECT_DIR", show(&home))], vec![&root]),
        (&root, vec![("WORKSPACE_FOLDER_PATHS", "/no/such/folder".to_owned())], vec![&root]),
        (&other, vec![], vec![&other]),
    ] {
        let mut raw = start_in(&repository, folder, &variables, &[]);
        raw.initialize();
        let said = served_folders(&mut raw);
        let named: Vec<&str> = said.lines().filter(|line| !line.starts_with(' ')).collect();
        let wanted: Vec<String> = wanted.iter().map(|path| show(path)).collect();
        assert_eq!(named, wanted, "{variables:?}");
        assert!(raw.close().success());
    }
}

#[test]
fn a_server_without_a_folder_stays_up_and_says_what_to_do() {
    let repository = Repository::new();
    let home = repository.base();
    for folder in [Path::new("/"), home.as_path()] {
        let mut raw = start_in(&repository, folder, &[], &[]);
        raw.initialize();
        for (tool, arguments) in [("search_code", json!({ "query": LOGIN })), ("index_project", json!({}))] {
            let said = raw.refused(tool, arguments);
            let advises = said.contains("no folder is served") && said.contains("codescry serve --stdio FOLDER");
            assert!(advises && said.contains("too broad"), "{tool}: {said}");
        }
        assert!(raw.close().success());
    }
    // A folder that was given is refused at the start.
    for given in ["/", &home.to_string_lossy()] {
        let mut raw = start_in(&repository, &repository.root(), &[], &[given]);
        assert_eq!(raw.close().code(), Some(2), "{given}");
    }
}

/// Initializes a session as a client that offers roots, and answers the request for them.
fn initialize_with_roots(raw: &mut RawClient, roots: &[String]) {
    let client = json!({ "name": "raw", "version": "1" });
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": { "roots": {} }, "clientInfo": client });
    assert!(raw.request("initialize", params)["result"].is_object());
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    answer_roots(raw, roots);
}

fn answer_roots(raw: &mut RawClient, roots: &[String]) {
    let asked = raw.next();
    assert_eq!(asked["method"], "roots/list", "{asked}");
    let roots: Vec<_> = roots.iter().map(|uri| json!({ "uri": uri })).collect();
    raw.send(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "roots": roots } }).to_string().as_bytes());
}

#[test]
fn a_server_without_a_folder_takes_the_roots_of_its_client() {
    let repository = Repository::new();
    let uri = |path: &Path| format!("file://{}", path.display());
    let (root, home) = (repository.root(), repository.base());
    let mut raw = start_in(&repository, Path::new("/"), &[], &[]);
    initialize_with_roots(&mut raw, &[uri(&home), uri(&root), "https://example.com/".to_owned()]);
    index(&mut raw, json!({}));
    let found = text(&mut raw, "search_code", json!({ "query": LOGIN }));
    assert!(found.starts_with("app/passwords.py:"), "{found}");
    let status = served_folders(&mut raw);
    assert!(status.starts_with(&format!("{}\n", root.display())), "the home folder is refused: {status}");
    // A client that cannot say which folders it has keeps the served ones.
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#);
    let asked = raw.next();
    assert_eq!(asked["method"], "roots/list", "{asked}");
    let error = json!({ "code": -32603, "message": "not now" });
    raw.send(json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error }).to_string().as_bytes());
    assert!(served_folders(&mut raw).starts_with(&format!("{}\n", root.display())));
    let found = text(&mut raw, "search_code", json!({ "query": LOGIN }));
    assert!(found.starts_with("app/passwords.py:"), "{found}");
    // The client has closed the folder.
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#);
    answer_roots(&mut raw, &[uri(&home)]);
    let said = poll_until(
        || raw.call("search_code", json!({ "query": LOGIN }))["result"].clone(),
        |result| result["isError"] == true,
    );
    let said = said["content"][0]["text"].as_str().expect("a text");
    assert!(said.contains("no folder is served") && said.contains("is too broad to serve"), "{said}");
    assert!(raw.close().success());

    // A server with a folder does not ask.
    let mut raw = start_in(&repository, &root, &[], &[]);
    let client = json!({ "name": "raw", "version": "1" });
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": { "roots": {} }, "clientInfo": client });
    raw.request("initialize", params);
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    raw.send(br#"{"jsonrpc":"2.0","id":"next","method":"ping"}"#);
    assert_eq!(raw.next()["id"], "next");
    assert!(raw.close().success());
}

#[test]
fn a_call_may_name_a_project_below_an_allowed_folder() {
    let repository = Repository::new();
    let home = repository.base();
    for name in ["allowed/one", "allowed/two", "allowed-evil/three"] {
        let folder = home.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let code = format!("pub fn function_of_{}() {{}}\n", name.rsplit('/').next().expect("a name"));
        std::fs::write(folder.join("lib.rs"), code).expect("a file");
    }
    let allowed = home.join("allowed").to_string_lossy().into_owned();
    for more in [&["--within", &allowed][..], &["--within", &allowed, "--structured"]] {
        let mut raw = start_in(&repository, Path::new("/"), &[], more);
        raw.initialize();
        let tools = raw.request("tools/list", json!({}))["result"]["tools"].to_string();
        assert!(tools.contains(r#""root":{"#), "{tools}");
        let said = raw.refused("search_code", json!({ "query": "function" }));
        assert!(said.contains("name a project below"), "{said}");
        for (name, function) in [("one", "function_of_one"), (&format!("{allowed}/two"), "function_of_two")] {
            let found = |raw: &mut RawClient| {
                let answer = raw.call("find_symbol", json!({ "name": "function_of*", "root": name }));
                answer["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
            };
            let said = poll_until(|| found(&mut raw), |said| said.contains("lib.rs:"));
            assert_eq!(said, format!("no exact match; these have its words\nlib.rs:1 pub fn {function}()"), "{name}");
        }
        for name in ["../allowed-evil/three", &format!("{allowed}-evil/three"), "/", ".", "nothing"] {
            let said = raw.refused("search_code", json!({ "query": "function", "root": name }));
            assert!(said.contains(&allowed), "{name}: {said}");
        }
        assert!(raw.close().success());
    }
}
