//! Tests of the stdio server: tools, errors, misbehaving clients and shutdown.

use std::process::Command;

use rmcp::model::{CallToolResult, Tool};
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::mcp::link;
use crate::support::mcp::{
    Client, ProgressListener, RawClient, Repository, call, connect, index_until_ended, indexed, structured, text,
};
use crate::support::tested_program;

const LOGIN: &str = "check a login attempt against the stored hash";
const INVOICE: &str = "sum of the invoice including tax";

/// A function appended to a file during a test.
const SHUFFLE: &str = "/// Shuffles a deck of playing cards with a seeded random number generator.
pub fn shuffle_deck(cards: &mut [u8], mut seed: u64) {
    for i in (1..cards.len()).rev() {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
        cards.swap(i, (seed >> 33) as usize % (i + 1));
    }
}
";

/// Runs an asynchronous test.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

fn best(answer: &CallToolResult) -> &str {
    paths(answer).first().unwrap_or_else(|| panic!("no hit: {answer:?}"))
}

fn paths(answer: &CallToolResult) -> Vec<&str> {
    let hits = structured(answer)["hits"].as_array().expect("hits are a list");
    hits.iter().filter_map(|hit| hit["path"].as_str()).collect()
}

#[test]
fn tool_descriptions_suit_every_client() {
    let repository = Repository::new();
    block_on(async {
        let client = connect(&repository, ProgressListener::default()).await;
        let server = client.peer_info().expect("it has greeted");
        let instructions = server.instructions.clone().expect("it has instructions");
        assert!(instructions.len() < 1_024 && instructions.contains("search_code"));
        assert_eq!(server.server_info.as_ref().map(|info| info.name.as_str()), Some("codescry"));
        let tools = client.list_all_tools().await.expect("a list");
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        let wanted = "search_code find_symbol find_references read_code outline find_similar index_project";
        assert_eq!(names.join(" "), wanted);
        tools.iter().for_each(described);
        client.cancel().await.expect("it ends");
    });
}

/// Checks that a tool's description, hints and schemas suit all clients.
fn described(tool: &Tool) {
    let name = tool.name.as_ref();
    let described = tool.description.as_ref().map_or(0, |text| text.len());
    assert!((80..500).contains(&described), "{name}: {described} bytes");
    let hints = tool.annotations.clone().expect("it has annotations");
    let reads = name != "index_project";
    assert_eq!(hints.read_only_hint, Some(reads), "{name}");
    // These hints mean something only for a tool that changes something.
    assert_eq!(hints.destructive_hint, (!reads).then_some(false), "{name}");
    assert_eq!(hints.idempotent_hint, (!reads).then_some(true), "{name}");
    assert_eq!(hints.open_world_hint, Some(false), "{name}");
    assert!(tool.title.is_some(), "{name}");
    let output = tool.output_schema.clone().expect("it has an output schema");
    assert_eq!(output["type"], "object", "{name}");
    let input = &tool.input_schema;
    let meta = tool.meta.clone().expect("it has hints for clients");
    let first = ["search_code", "find_symbol", "find_references", "read_code"].contains(&name);
    assert_eq!(meta.get("anthropic/alwaysLoad").cloned(), first.then_some(json!(true)), "{name}");
    assert!(meta["anthropic/searchHint"].is_string(), "{name}");
    let required = match name {
        "search_code" => json!(["query"]),
        "find_symbol" | "find_references" => json!(["name"]),
        "outline" => json!(["path"]),
        _ => json!([]),
    };
    assert_eq!(input.get("required").cloned().unwrap_or(json!([])), required, "{name}: what a client must give");
    let rooted = input["properties"].get("root").is_some();
    assert!(!rooted, "{name}: one root needs no naming");
    let schemas = json!([input, output]).to_string();
    let formats = ["uint", "int", "double", "float"].map(|format| format!("\"format\":\"{format}"));
    for hard in formats.iter().map(String::as_str).chain(["\"null\"", "$ref"]) {
        assert!(!schemas.contains(hard), "{name}: {hard} in {schemas}");
    }
}

#[test]
fn changes_to_a_project_are_found_after_indexing() {
    let repository = Repository::new();
    block_on(async {
        let listener = ProgressListener::default();
        let client = connect(&repository, listener.clone()).await;
        let indexed = indexed(&client, json!({})).await;
        assert_eq!(structured(&indexed)["coverage"]["files_indexed"], 6);
        told(&listener).await;
        found(&client).await;
        narrowed(&client).await;
        outlined_and_likened(&client).await;
        changed(&repository, &client).await;
        client.cancel().await.expect("it ends");
    });
}

/// Checks that questions and identifiers find the right file.
async fn found(client: &Client) {
    let tried = "where is a failed operation tried again after waiting";
    for (query, path) in [
        (tried, "src/retry.rs"),
        (LOGIN, "app/passwords.py"),
        (INVOICE, "app/invoices.py"),
        ("parseRouteParams", "web/routeParser.ts"),
    ] {
        let answer = call(client, "search_code", json!({ "query": query })).await;
        assert_eq!(best(&answer), path, "{query}: {answer:?}");
        let text = text(&answer);
        assert!(text.contains(path) && text.contains("```"), "{text}");
        // Some clients show a model only the structured content, so it must have no redundant fields.
        let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(structured(&answer)), ["hits"], "{answer:?}");
        let hit = &structured(&answer)["hits"][0];
        let known = ["path", "start_line", "end_line", "kind", "symbol", "code", "also"];
        assert!(names(hit).iter().all(|name| known.contains(&name.as_str())), "{hit}");
    }
}

/// Checks a file's outline, and code similar to a location and to a snippet.
async fn outlined_and_likened(client: &Client) {
    let outline = call(client, "outline", json!({ "path": "app/passwords.py" })).await;
    let symbols = structured(&outline)["symbols"].as_array().expect("a list");
    for name in ["hash_password", "verify_password"] {
        assert!(symbols.iter().any(|symbol| symbol["name"] == name), "{symbols:?}");
        assert!(text(&outline).contains(name), "{outline:?}");
    }
    let place = json!({ "path": "app/passwords.py", "line": 9 });
    let similar = call(client, "find_similar", place).await;
    assert!(!paths(&similar).is_empty(), "{similar:?}");
    let snippet = json!({ "snippet": "clearTimeout(timer); timer = setTimeout(callback, waitMs);" });
    let similar = call(client, "find_similar", snippet).await;
    assert_eq!(best(&similar), "web/debounce.ts", "{similar:?}");
}

/// Checks that progress is reported and increases.
async fn told(listener: &ProgressListener) {
    let told = listener.told(6.0).await;
    assert!(told.windows(2).all(|pair| pair[0].progress < pair[1].progress), "{told:?}");
    let last = told.last().expect("there is one");
    assert_eq!((last.progress, last.total), (6.0, Some(6.0)));
    assert!(last.message.as_ref().is_some_and(|message| message.contains("chunks")), "{last:?}");
}

/// Checks that a search applies arguments given in other JSON types: a number as text, `null`, and a list.
async fn narrowed(client: &Client) {
    let web = json!({ "query": "function", "path": "web", "limit": "2", "root": null });
    let answer = call(client, "search_code", web).await;
    let found = paths(&answer);
    assert!((1..=2).contains(&found.len()), "{found:?}");
    assert!(found.iter().all(|path| path.starts_with("web/")), "{found:?}");
    let python = json!({ "query": "password", "language": ["python"] });
    let answer = call(client, "search_code", python).await;
    let found = paths(&answer);
    assert!(found.iter().all(|path| path.ends_with(".py")), "{found:?}");
}

/// Checks that added code is found after the next run, and deleted code is not.
async fn changed(repository: &Repository, client: &Client) {
    let retry = repository.root().join("src/retry.rs");
    let old = std::fs::read_to_string(retry).expect("it is there");
    repository.write("src/retry.rs", &format!("{old}\n\n{SHUFFLE}"));
    std::fs::remove_file(repository.root().join("app/invoices.py")).expect("it was there");

    indexed(client, json!({ "rebuild": false })).await;
    let deck = json!({ "query": "shuffle a deck of playing cards" });
    let answer = call(client, "search_code", deck).await;
    assert_eq!(best(&answer), "src/retry.rs", "{answer:?}");
    let code = structured(&answer)["hits"][0]["code"].as_str().expect("code");
    assert!(code.contains("shuffle_deck"), "{code}");
    let answer = call(client, "search_code", json!({ "query": INVOICE, "limit": 50 })).await;
    assert!(!paths(&answer).contains(&"app/invoices.py"), "{answer:?}");

    let status = call(client, "index_status", json!({})).await;
    let root = &structured(&status)["roots"][0];
    assert_eq!(root["root"], repository.root().to_string_lossy().as_ref());
    assert_eq!(root["indexed"], true, "{root}");
    let coverage = &root["coverage"];
    assert_eq!(coverage["complete"], true, "{root}");
    assert_eq!((&coverage["files_indexed"], &coverage["files_found"]), (&json!(5), &json!(5)));
    assert_eq!((&root["runs_on"], &root["followed"]), (&json!("CPU, built in"), &json!(true)), "{root}");
    assert!(root["last_look_s"].is_u64(), "{root}");
    let said = text(&status);
    assert!(said.contains("  runs on: CPU, built in\n"), "{said}");
    assert!(said.contains("  up to date: the folder is watched, last scanned "), "{said}");
}

/// The instructions tell a model which roots are served, before it reads any tool description.
#[test]
fn the_instructions_name_the_roots() {
    let repository = Repository::new();
    let (root, other) = (repository.root(), repository.base().join("other"));
    std::fs::create_dir_all(&other).expect("a folder");
    std::fs::write(other.join("settings.rs"), "pub fn settings_of_the_other() {}\n").expect("a file");
    for roots in [vec![root.clone()], vec![root, other]] {
        let mut command = Command::new(tested_program());
        command.args(["serve", "--no-share", "--structured"]).args(&roots).current_dir(repository.root());
        command.env("XDG_DATA_HOME", repository.base().join("data")).env_remove("CODESCRY_INDEX_DIR");
        command.env("CODESCRY_CACHE_DIR", repository.base().join("cache")).env_remove("CLAUDE_PROJECT_DIR");
        let mut raw = RawClient::spawn(command);
        let client = json!({ "name": "raw", "version": "1" });
        let greeting = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client });
        let answer = raw.request("initialize", greeting);
        let said = answer["result"]["instructions"].as_str().expect("they are there").to_owned();
        assert!(roots.iter().all(|root| said.contains(root.to_string_lossy().as_ref())), "{said}");
        // Clients truncate longer instructions.
        assert!(said.len() <= 1_024, "{} bytes", said.len());
        raw.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        if roots.len() > 1 {
            index_until_ended(json!({ "root": "other" }), |arguments| raw.call("index_project", arguments));
            let found = raw.call("find_symbol", json!({ "name": "settings_of_the_other", "root": "other" }));
            assert_eq!(found["result"]["structuredContent"]["symbols"][0]["path"], "settings.rs", "{found}");
        }
        assert!(raw.close().success());
    }
}

/// A search without results mentions the files that it left out.
#[test]
fn a_search_notes_that_configuration_was_not_searched() {
    let repository = Repository::new();
    repository.write("conf/server.toml", "# The port of the server.\nport = 7979\n");
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let question = json!({ "query": "port of the server", "path": "conf" });
    let answer = raw.call("search_code", question.clone());
    let note = answer["result"]["structuredContent"]["note"].as_str().unwrap_or_default().to_owned();
    let said = answer["result"]["content"][0]["text"].as_str().expect("text");
    assert!(note.contains("configuration files were not searched") && said.contains(&note), "{answer}");
    let mut all = question;
    all["content"] = json!("config");
    let answer = raw.call("search_code", all);
    assert_eq!(answer["result"]["structuredContent"]["hits"][0]["path"], "conf/server.toml", "{answer}");
    assert!(raw.close().success());
}

#[test]
fn the_first_search_waits_for_the_first_index() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    raw.assert_search_works();
    assert!(raw.close().success());
}

#[test]
fn invalid_arguments_are_rejected_with_a_reason() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    for row in [
        r#"search_code {"query": "  "} => query is empty"#,
        r#"search_code {} => argument `query` is missing"#,
        r#"search_code {"qeury": 1} => did you mean `query`?"#,
        r#"search_code {"query": ["a", "b"]} => argument `query`: expected a text"#,
        r#"search_code {"query": "a", "limit": "many"} => argument `limit`: expected a whole number"#,
        r#"search_code {"query": "a", "limit": 51} => limit is 51; give a number from 1 to 50"#,
        r#"search_code {"query": "a", "language": "klingon"} => klingon"#,
        r#"search_code {"query": "a", "content": "music"} => argument `content`"#,
        r#"search_code {"query": "a", "root": "/"} => root / is not served"#,
        r#"find_similar {"path": "src/cache.rs"} => give a line of src/cache.rs too"#,
        r#"find_similar {"path": "src/cache.rs", "line": 9999} => src/cache.rs"#,
        r#"find_similar {"snippet": ""} => a snippet of code"#,
        r#"find_symbol {"name": " :: "} => there is no name"#,
        r#"find_symbol {"name": "a", "kind": "poem"} => unknown kind poem; known: function"#,
        r#"find_symbol {"name": "a", "cursor": "xyz"} => cursor xyz is not from this server"#,
        r#"find_references {"name": ""} => argument `name` is missing"#,
        r#"find_references {"name": "a", "kind": "poem"} => the kinds are: call"#,
        r#"find_references {"name": "a", "limit": 0} => limit is 0; give a number from 1 to 500"#,
        r#"read_code {} => give a symbol, or a path"#,
        r#"read_code {"path": "src/cache.rs", "lines": "9-"} => argument `lines`: expected lines"#,
        r#"read_code {"path": "src/cache.rs", "lines": "900-901"} => has lines 1 to"#,
        r#"read_code {"path": "src"} => it is a folder"#,
        r#"read_code {"path": "src/cache.rs", "symbol": "Nothing"} => does not define Nothing; it defines LruCache"#,
        r#"read_code {"symbol": "zzzzzzzzzzzz"} => no definition of zzzzzzzzzzzz"#,
        r#"outline {"path": "src/nothing.rs"} => src/nothing.rs"#,
        r#"outline {"path": "src", "depth": 0} => depth is 0; give a number from 1 to 50"#,
        r#"outline {"path": "src/cache.rs/deeper"} => src/cache.rs/deeper"#,
        r#"index_project {"rebuild": "perhaps"} => argument `rebuild`: expected true or false"#,
    ] {
        let (call, wanted) = row.split_once(" => ").expect("a row says what is wanted");
        let (tool, arguments) = call.split_once(' ').expect("a row has a tool and arguments");
        let arguments = serde_json::from_str(arguments).expect("arguments are JSON");
        let said = raw.refused(tool, arguments);
        assert!(said.contains(wanted), "{row}: {said}");
        raw.assert_search_works();
    }
    assert!(raw.close().success());
}

/// Creates a folder beside the root, and returns paths that lead outside the root, and an invalid one.
fn outside(repository: &Repository) -> Vec<String> {
    let evil = repository.base().join("root-evil");
    std::fs::create_dir(&evil).expect("a folder");
    let secret = evil.join("secret.rs");
    std::fs::write(&secret, "pub fn secret_of_the_neighbour() {}\n").expect("a file");
    let root = repository.root();
    let mut paths = vec![
        "/etc/passwd".to_owned(),
        "../root-evil/secret.rs".to_owned(),
        "src/../../root-evil/secret.rs".to_owned(),
        secret.to_string_lossy().into_owned(),
        format!("{}-evil/secret.rs", root.display()),
        "src/\0/retry.rs".to_owned(),
    ];
    #[cfg(unix)]
    {
        link(&evil, &root.join("src/link"));
        link(&secret, &root.join("link.rs"));
        paths.extend(["src/link/secret.rs", "src/link", "link.rs"].map(str::to_owned));
    }
    paths
}

#[test]
fn paths_outside_the_root_are_refused() {
    let repository = Repository::new();
    let outside = outside(&repository);
    let root = repository.root().to_string_lossy().into_owned();
    let mut raw = RawClient::initialized(&repository);
    for path in outside {
        let neighbour = json!({ "query": "secret of the neighbour", "path": path });
        for (tool, arguments) in [
            ("outline", json!({ "path": path })),
            ("find_similar", json!({ "path": path, "line": 1 })),
            ("search_code", neighbour),
            ("read_code", json!({ "path": path })),
            ("read_code", json!({ "path": path, "lines": "1-2" })),
            ("find_symbol", json!({ "name": "secret_of_the_neighbour", "path": path })),
            ("find_references", json!({ "name": "secret_of_the_neighbour", "path": path })),
        ] {
            let said = raw.refused(tool, arguments);
            let told = said.contains("outside the served roots") && said.contains(&root);
            assert!(told, "{tool} {path}: {said}");
        }
    }
    raw.assert_search_works();
    let inside = json!({ "path": repository.root().join("src/retry.rs") });
    let answer = raw.call("outline", inside);
    let path = &answer["result"]["structuredContent"]["path"];
    assert_eq!(path, "src/retry.rs", "{answer}");
    let neighbour = json!({ "query": "secret_of_the_neighbour", "content": "all" });
    let answer = raw.call("search_code", neighbour);
    let found = answer["result"]["structuredContent"]["hits"].to_string();
    assert!(!found.contains("secret_of_the_neighbour"), "{found}");
}

#[test]
fn broken_lines_get_errors_and_the_session_continues() {
    let repository = Repository::new();
    let mut raw = RawClient::uninitialized(&repository);
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    raw.send(b"hello");
    assert_eq!(raw.next()["error"]["code"], -32700);
    // A request with an incomplete `_meta` does not initialize a session.
    let half = json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
    assert_eq!(raw.request("tools/list", half)["error"]["code"], -32602);
    raw.send(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    raw.initialize();
    raw.assert_search_works();
    drop(raw);

    let mut raw = RawClient::initialized(&repository);
    for (line, code) in [
        (b"{\"jsonrpc\": \"2.0\", ".to_vec(), -32700),
        (b"\xff\xfe\x00".to_vec(), -32700),
        (b"[]".to_vec(), -32600),
        (vec![b'x'; (16 << 20) + 10], -32600),
    ] {
        raw.send(&line);
        let answer = raw.next();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(code)), "{answer}");
        raw.assert_search_works();
    }
    let answer = raw.call("no_such_tool", json!({}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let answer = raw.request("no/such/method", json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    raw.assert_search_works();
    assert!(raw.close().success());
}

#[test]
fn answers_stay_within_their_token_budget() {
    let repository = Repository::new();
    let body: String = (0..80).map(|n| format!("    total += price_of(item_{n}) * count_of(item_{n});\n")).collect();
    for n in 0..8 {
        let code = format!(
            "/// Adds up the basket of a customer.\npub fn basket_total_{n}() -> u64 {{\n    let mut total = 0;\n{body}    total\n}}\n"
        );
        repository.write(&format!("src/basket{n}.rs"), &code);
    }
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let answer = raw.call(
        "search_code",
        json!({ "query": "add up the basket of a customer", "max_tokens": 500, "detail": "full" }),
    );
    let said = answer["result"]["content"][0]["text"].as_str().expect("text").to_owned();
    let structured = answer["result"]["structuredContent"].to_string();
    for form in [&said, &structured] {
        let tokens = text::tokens::count_tokens(form);
        assert!((150..=500).contains(&tokens), "{tokens} tokens: {form}");
    }
    assert!(said.contains("basket_total_") && said.contains("more left out for max_tokens\nmore: cursor "), "{said}");
    assert!(raw.close().success());
}

/// The outline of a folder lists each file with its top-level definitions.
#[test]
fn a_folder_outline_lists_the_definitions_of_its_files() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let map = raw.call("outline", json!({ "path": "." }));
    let said = map["result"]["content"][0]["text"].as_str().expect("text").to_owned();
    assert!(
        said.starts_with(". has 6 indexed files\napp/\n invoices.py: Invoice\n passwords.py: hash_password, "),
        "{said}"
    );
    assert!(said.contains("\nsrc/\n cache.rs: LruCache\n retry.rs: retry_with_backoff\nweb/\n"), "{said}");
    let structured = &map["result"]["structuredContent"];
    assert_eq!((&structured["files"], &structured["folders"][1]["folder"]), (&json!(6), &json!("src")), "{map}");
    assert_eq!(structured["folders"][1]["files"][0], json!({ "name": "cache.rs", "defines": ["LruCache"] }), "{map}");

    let shallow = raw.call("outline", json!({ "path": ".", "depth": 1 }));
    let folders = &shallow["result"]["structuredContent"]["folders"];
    assert_eq!(folders[2], json!({ "folder": "web", "not_listed": 2 }), "{shallow}");
    let part = raw.call("outline", json!({ "path": repository.root().join("src") }));
    assert_eq!(part["result"]["structuredContent"]["files"], 2, "{part}");
    std::fs::create_dir(repository.root().join("empty")).expect("a folder");
    assert!(raw.refused("outline", json!({ "path": "empty" })).contains("no file in empty is indexed"));
    assert!(raw.close().success());
}

/// A large outline is first made less deep and then divided into pages, which together are complete.
#[test]
fn a_large_folder_outline_is_divided_into_pages() {
    let repository = Repository::new();
    for n in 0..200 {
        let code = format!("pub fn first_of_file_{n}() {{}}\n\npub fn second_of_file_{n}() {{}}\n");
        repository.write(&format!("many/deep/part{n:03}.rs"), &code);
    }
    for n in 0..3 {
        repository.write(&format!("many/deep/er/more{n}.rs"), "pub fn one_of_few() {}\n");
    }
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let map = raw.call("outline", json!({ "path": ".", "max_tokens": 500 }));
    let folders = map["result"]["structuredContent"]["folders"].as_array().expect("a list").clone();
    let deep = folders.iter().find(|folder| folder["folder"] == "many/deep" || folder["folder"] == "many");
    assert_eq!(deep.expect("it is there")["not_listed"], 203, "{map}");

    let (mut seen, mut not_listed, mut cursor) = (Vec::new(), 0, Value::Null);
    loop {
        let page = raw.call("outline", json!({ "path": "many/deep", "max_tokens": 500, "cursor": cursor }));
        let structured = &page["result"]["structuredContent"];
        for form in [page["result"]["content"][0]["text"].as_str().expect("text"), &structured.to_string()] {
            assert!(text::tokens::count_tokens(form) <= 500, "{form}");
        }
        for folder in structured["folders"].as_array().unwrap_or_else(|| panic!("no folders: {page}")) {
            let files = folder["files"].as_array().into_iter().flatten();
            seen.extend(files.map(|file| file["name"].as_str().expect("a name").to_owned()));
            // All pages have the depth of the first, even if deeper levels would fit.
            not_listed += folder["not_listed"].as_u64().unwrap_or(0);
        }
        cursor = structured["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(not_listed, 3);
    assert_eq!(seen, (0..200).map(|n| format!("part{n:03}.rs")).collect::<Vec<_>>());
    assert!(raw.close().success());
}

#[test]
fn the_server_exits_when_its_input_closes() {
    let repository = Repository::new();
    assert!(RawClient::uninitialized(&repository).close().success());
    assert!(RawClient::initialized(&repository).close().success());
    #[cfg(unix)]
    assert!(RawClient::initialized(&repository).terminate().success());
}
