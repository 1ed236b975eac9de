//! Tests of definitions, references and reading code by name, over MCP and on the command line.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{PATIENCE, RawClient, Repository};

const STORE: &str = "//! Keeps things.

use std::path::Path;

/// A place for things.
pub struct Store {
    /// How many there are.
    pub count: usize,
}

impl Store {
    /// Opens the store of a folder; open_store does the same.
    pub fn open(path: &Path) -> Store {
        let mut store = open_store(path);
        store.count = 1;
        store
    }

    fn close(self) {}
}

/// Opens a store, \"open_store\" that is.
pub fn open_store(path: &Path) -> Store {
    Store { count: path.components().count() }
}
";

const MAIN: &str = "use crate::store::open_store;

fn main() {
    // open_store is called here
    let store = open_store(\".\".as_ref());
    let reopen = open_store;
    println!(\"open_store {}\", store.count);
}
";

const TEST: &str = "#[test]
fn it_opens() {
    assert_eq!(open_store(\"a\".as_ref()).count, 1);
}

struct Store;
";

const CLIENT: &str = "export class HttpClient {
  retries = 3;

  open(url: string): void {
    this.sendRequest(url);
  }

  sendRequest(url: string): void {
    this.retries -= 1;
  }
}
";

fn write(write: impl Fn(&str, &str)) {
    write("src/store.rs", STORE);
    write("src/main.rs", MAIN);
    write("tests/opening.rs", TEST);
    write("web/client.ts", CLIENT);
    write("proto/store.proto", "message Thing {}\nrpc open_store (Thing) returns (Thing);\n");
    write("notes.md", "# Notes\n\nCall open_store first.\n");
}

fn served() -> (Repository, RawClient) {
    let repository = Repository::new();
    write(|path, text| repository.write(path, text));
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    (repository, raw)
}

/// Calls a tool and returns its text and structured content. Panics if the result is an error.
fn answer(raw: &mut RawClient, tool: &str, arguments: Value) -> (String, Value) {
    let answer = raw.call(tool, arguments.clone());
    assert_ne!(answer["result"]["isError"], true, "{tool} {arguments}: {answer}");
    let text = answer["result"]["content"][0]["text"].as_str().expect("a text").to_owned();
    (text, answer["result"]["structuredContent"].clone())
}

/// Calls `find_symbol` and returns each definition as `path:start_line name kind`.
fn definitions(raw: &mut RawClient, arguments: Value) -> Vec<String> {
    let (_, found) = answer(raw, "find_symbol", arguments);
    let line = |one: &Value| {
        let [path, name, kind] = ["path", "name", "kind"].map(|key| one[key].as_str().expect("text"));
        format!("{path}:{} {name} {kind}", one["start_line"])
    };
    found["symbols"].as_array().expect("a list").iter().map(line).collect()
}

/// Calls `find_references` and returns each use as `path:line kind within`. All pages are read: on a busy machine, a
/// call may run out of time before all files are read.
fn uses(raw: &mut RawClient, mut arguments: Value) -> Vec<String> {
    let of_file = |file: &Value| {
        let path = file["path"].as_str().expect("a path").to_owned();
        let line = move |one: &Value| {
            let [kind, within] = ["kind", "within"].map(|key| one[key].as_str().unwrap_or_default().to_owned());
            format!("{path}:{} {kind} {within}", one["line"]).trim_end().to_owned()
        };
        file["uses"].as_array().expect("a list").iter().map(line).collect::<Vec<_>>()
    };
    let mut uses = Vec::new();
    for _ in 0..40 {
        let (_, found) = answer(raw, "find_references", arguments.clone());
        uses.extend(found["files"].as_array().expect("a list").iter().flat_map(of_file));
        if found["next_cursor"].is_null() {
            return uses;
        }
        arguments["cursor"] = found["next_cursor"].clone();
    }
    panic!("{arguments} does not end: {uses:?}")
}

#[test]
fn definitions_are_found_by_names_in_any_spelling() {
    let (_repository, mut raw) = served();
    let mut found = |name: &str| definitions(&mut raw, json!({ "name": name }));
    assert_eq!(found("open_store"), ["src/store.rs:22 open_store function"]);
    assert_eq!(found("openStore"), ["src/store.rs:22 open_store function"], "in another case");
    assert_eq!(found("Store::open"), ["src/store.rs:12 open method"]);
    assert_eq!(found("HttpClient.open"), ["web/client.ts:4 open method"]);
    assert_eq!(found("HttpClient#sendRequest"), ["web/client.ts:8 sendRequest method"]);
    assert_eq!(found("open_stroe"), ["src/store.rs:22 open_store function"], "with a typo");
    assert_eq!(found("sendReq"), ["web/client.ts:8 sendRequest method"], "by its beginning");
    assert_eq!(found("request"), ["web/client.ts:8 sendRequest method"], "by one of its words");
    let stores = found("Store");
    let wanted = ["src/store.rs:5 Store struct", "src/store.rs:11 Store impl", "tests/opening.rs:6 Store struct"];
    assert_eq!(stores, wanted, "real code before tests");
    assert!(found("zzzzzzzzzzzz").is_empty());
}

#[test]
fn definitions_are_filtered() {
    let (_repository, mut raw) = served();
    let mut found = |arguments: Value| definitions(&mut raw, arguments);
    assert_eq!(found(json!({ "name": "open", "container": "HttpClient" })), ["web/client.ts:4 open method"]);
    assert_eq!(
        found(json!({ "name": "open", "language": "rust", "kind": "function" })),
        ["src/store.rs:12 open method"]
    );
    assert_eq!(found(json!({ "name": "Store", "kind": "type", "path": "src" })), ["src/store.rs:5 Store struct"]);
    assert_eq!(found(json!({ "name": "Store", "kind": ["impl"] })), ["src/store.rs:11 Store impl"]);
    let (text, found) = answer(&mut raw, "find_symbol", json!({ "name": "open", "container": "Nowhere" }));
    assert!(text.contains("these match the name alone") && !found["symbols"][0].is_null(), "{text}");
    let (text, none) = answer(&mut raw, "find_symbol", json!({ "name": "zzzzzzzzzzzz" }));
    let note = none["note"].as_str().expect("the form that programs read says it, too");
    assert!(note.contains("try fewer words") && text.contains(note), "{text}");
    let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": "open_store" }));
    let wanted = "src/store.rs:22-25 pub fn open_store(path: &Path) -> Store";
    assert_eq!(text, wanted);
}

#[test]
fn uses_are_classified_without_comments_strings_and_definitions() {
    let (_repository, mut raw) = served();
    let all = [
        "proto/store.proto:2 other",
        "src/main.rs:1 import",
        "src/main.rs:5 call main",
        "src/main.rs:6 other main",
        "src/store.rs:14 call Store.open",
        "tests/opening.rs:3 call it_opens",
    ];
    assert_eq!(uses(&mut raw, json!({ "name": "open_store" })), all);
    let until = Instant::now() + PATIENCE;
    let (text, found) = loop {
        let (text, found) = answer(&mut raw, "find_references", json!({ "name": "open_store" }));
        if found["out_of_time"] != true || Instant::now() > until {
            break (text, found);
        }
    };
    assert_eq!(found["definitions_left_out"], 1);
    assert_eq!((&found["files_with_name"], &found["files_read"]), (&Value::Null, &Value::Null), "all are read");
    let wanted = "defined at src/store.rs:22-25 function open_store\n\
                  proto/store.proto\n2 rpc open_store (Thing) returns (Thing);\n\
                  src/main.rs\n1 [import] use crate::store::open_store;\n\
                  main:\n 5 [call] let store = open_store(\".\".as_ref());\n 6 let reopen = open_store;\n\
                  src/store.rs\nStore.open: 14 [call] let mut store = open_store(path);\n";
    assert!(text.starts_with(wanted), "{text}");
    let calls = uses(&mut raw, json!({ "name": "crate::store::open_store", "kind": "call", "path": "src" }));
    assert_eq!(calls, ["src/main.rs:5 call main", "src/store.rs:14 call Store.open"]);
    let defined = uses(&mut raw, json!({ "name": "open_store", "include_definition": true, "path": "src/store.rs" }));
    assert_eq!(defined, ["src/store.rs:14 call Store.open", "src/store.rs:23 definition"]);
    let written = uses(&mut raw, json!({ "name": "count", "kind": ["write"], "language": "rust" }));
    assert_eq!(written, ["src/store.rs:15 write Store.open", "src/store.rs:24 write open_store"]);
}

#[test]
fn uses_reflect_the_current_file() {
    let (repository, mut raw) = served();
    assert_eq!(uses(&mut raw, json!({ "name": "sendRequest" })), ["web/client.ts:5 call HttpClient.open"]);
    repository.write("web/client.ts", &format!("// new\n{CLIENT}"));
    assert_eq!(uses(&mut raw, json!({ "name": "sendRequest" })), ["web/client.ts:6 call HttpClient.open"]);
}

#[test]
fn code_is_read_by_name_and_by_lines_with_its_container() {
    let (repository, mut raw) = served();
    let (text, read) = answer(&mut raw, "read_code", json!({ "symbol": "Store::open" }));
    let code = STORE.lines().skip(11).take(6).collect::<Vec<_>>().join("\n");
    let numbered: Vec<String> = (12..).zip(code.lines()).map(|(number, line)| format!("{number} {line}")).collect();
    let wanted = format!("src/store.rs:12-17 of 25 lines, in impl Store 11-20\n```\n{}\n```", numbered.join("\n"));
    assert_eq!(text, wanted);
    assert_eq!(read["code"], code);
    let (_, read) = answer(&mut raw, "read_code", json!({ "path": "src/store.rs:15", "context": 1 }));
    assert_eq!((&read["start_line"], &read["end_line"]), (&json!(14), &json!(16)));
    assert_eq!(read["inside"][1]["name"], "open");
    let (_, read) = answer(&mut raw, "read_code", json!({ "path": "web/client.ts", "symbol": "sendRequest" }));
    assert_eq!((&read["start_line"], &read["changed"]), (&json!(8), &Value::Null));
    let (_, all) = answer(&mut raw, "read_code", json!({ "path": "src/main.rs" }));
    assert_eq!(all["code"], MAIN.trim_end());
    assert_eq!(all["not_indexed"], Value::Null);
    repository.write("data.json", "{ \"a\": 1 }\n");
    let (text, data) = answer(&mut raw, "read_code", json!({ "path": "data.json" }));
    assert!(data["not_indexed"] == true && text.contains("not in the index"), "{text}");
    let (text, cut) = answer(&mut raw, "read_code", json!({ "path": "src/store.rs", "lines": "3-9999" }));
    assert_eq!((&cut["start_line"], &cut["end_line"], &cut["lines"]), (&json!(3), &json!(25), &json!(25)), "{text}");
    repository.write("long.rs", &"let number = 1_000_000 + 2_000_000;\n".repeat(400));
    let (text, read) = answer(&mut raw, "read_code", json!({ "path": "long.rs", "max_tokens": 500 }));
    let tokens = text::tokens::count_tokens(&text);
    let end = read["end_line"].as_u64().expect("a line");
    assert!((300..=500).contains(&tokens) && end > 10, "{tokens}: {text}");
    assert_eq!(read["left_out_lines"], format!("{}-400", end + 1));
    // Lines that are asked for are shown without a limit given.
    let (_, asked) = answer(&mut raw, "read_code", json!({ "path": "long.rs:100-220" }));
    assert_eq!((&asked["start_line"], &asked["end_line"]), (&json!(100), &json!(220)));
    assert_eq!(asked["left_out_lines"], Value::Null);
    let data = format!("fn before() {{}}\nconst DATA: &str = \"{}\";\nfn after() {{}}\n", "ab ".repeat(9_000));
    repository.write("data.rs", &data);
    let (text, read) = answer(&mut raw, "read_code", json!({ "path": "data.rs" }));
    assert_eq!((&read["start_line"], &read["end_line"]), (&json!(1), &json!(3)), "{text}");
    assert!(text.contains("3 fn after") && text.contains("line 2 is cut; read it alone for more"), "{text}");
    let (alone, _) = answer(&mut raw, "read_code", json!({ "path": "data.rs:2", "max_tokens": 400 }));
    assert!(alone.len() > 800 && alone.contains("left out for max_tokens: lines 2"), "{alone}");
    let (few, _) = answer(&mut raw, "read_code", json!({ "path": "long.rs", "max_tokens": 3 }));
    assert!(
        few.starts_with("long.rs:1-") && few.contains("left out for max_tokens"),
        "a small size is no error: {few}"
    );
}

#[test]
fn several_names_and_places_are_read_and_found_in_one_call() {
    let (_repository, mut raw) = served();
    let all = "src/store.rs:12-13, open_store, web/client.ts HttpClient.sendRequest, src/main.rs:5 function main";
    let (text, read) = answer(&mut raw, "read_code", json!({ "symbol": all }));
    let heads =
        ["src/store.rs:12-13 of 25", "src/store.rs:22-25 of 25", "web/client.ts:8-10 of 11", "src/main.rs:5 of 8"];
    let at: Vec<usize> = heads.iter().map(|head| text.find(head).unwrap_or_else(|| panic!("{head}: {text}"))).collect();
    assert!(at.is_sorted() && text.contains("\n23 pub fn open_store("), "{text}");
    assert_eq!((&read["start_line"], read["others"].as_array().map(Vec::len)), (&json!(12), Some(3)), "{read}");
    let (text, _) = answer(&mut raw, "read_code", json!({ "path": "src/store.rs", "lines": "1-2, 23" }));
    assert!(text.starts_with("src/store.rs:1-2 of 25") && text.contains("\nsrc/store.rs:23 of 25"), "{text}");
    let (text, read) = answer(&mut raw, "read_code", json!({ "symbols": ["open_store", "zzzzzzzzzzzz"] }));
    assert!(text.contains("\nzzzzzzzzzzzz: no definition of zzzzzzzzzzzz"), "one failure spoils nothing: {text}");
    assert_eq!(read["errors"].as_array().map(Vec::len), Some(1), "{read}");
    let (text, _) = answer(&mut raw, "read_code", json!({ "symbol": "Shop.open_store" }));
    assert!(
        text.contains("there is no Shop; open_store is defined in") && text.contains("23 pub fn open_store("),
        "{text}"
    );
    let found = definitions(&mut raw, json!({ "name": ["open_store", "sendRequest", "Store::open"] }));
    let wanted =
        ["src/store.rs:22 open_store function", "web/client.ts:8 sendRequest method", "src/store.rs:12 open method"];
    assert_eq!(found, wanted);
    let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": "open_store, zzzzzzzzzzzz" }));
    assert!(
        text.starts_with("open_store: src/store.rs:22-25 ") && text.contains("\nzzzzzzzzzzzz: no definition"),
        "{text}"
    );
    let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": "Shop.open_store" }));
    assert!(text.starts_with("there is no Shop.open_store; these match the name alone"), "{text}");
    let none = definitions(&mut raw, json!({ "name": "Store -test kind:struct" }));
    assert_eq!(none, ["src/store.rs:5 Store struct"], "filters may follow a name");
}

#[test]
fn uses_come_with_every_definition_and_leave_out_tests_on_request() {
    let (_repository, mut raw) = served();
    let calls = uses(&mut raw, json!({ "name": "open_store -test kind:call" }));
    assert_eq!(calls, ["src/main.rs:5 call main", "src/store.rs:14 call Store.open"]);
    let only = uses(&mut raw, json!({ "name": "open_store path:src/main.rs" }));
    assert_eq!(only.len(), 3, "{only:?}");
    let (text, found) =
        answer(&mut raw, "find_references", json!({ "name": "open_store, zzzzzzzzzzzz -test, sendRequest" }));
    assert!(text.starts_with("open_store: defined at src/store.rs:22-25 function open_store\n"), "{text}");
    assert!(text.contains("\nzzzzzzzzzzzz: no uses of zzzzzzzzzzzz") && text.contains("\nsendRequest: "), "{text}");
    let names: Vec<&Value> = found["files"].as_array().into_iter().flatten().map(|file| &file["name"]).collect();
    assert!(names.contains(&&json!("open_store")) && !names.contains(&&json!("zzzzzzzzzzzz")), "{found}");
    let alone = uses(&mut raw, json!({ "name": "open_store -test" }));
    let both = uses(&mut raw, json!({ "names": ["open_store", "zzzzzzzzzzzz -test"] }));
    assert_eq!(both, alone, "the filters hold for all names");
    let (text, found) = answer(&mut raw, "find_references", json!({ "name": "Nowhere.open" }));
    let defined = "defined at src/store.rs:12-17 method Store.open, web/client.ts:4-6 method HttpClient.open";
    assert!(text.starts_with("no uses of open; ") && text.contains("; there is no Nowhere.open\n"), "{text}");
    assert!(text.contains(defined) && found["definitions"].as_array().map(Vec::len) == Some(2), "{text}");
    let (text, _) = answer(&mut raw, "find_references", json!({ "name": "open_store", "kind": "write" }));
    assert!(text.starts_with("no uses of open_store of kind write, but 3 call, 1 import, 2 other"), "{text}");
}

#[test]
fn a_changed_file_is_read_and_marked_as_changed() {
    let repository = Repository::new();
    write(|path, text| repository.write(path, text));
    let mut raw = RawClient::unwatched(&repository);
    // Wait for the run to end: otherwise it may read the file as changed below.
    raw.indexed();
    repository.write("web/client.ts", &format!("// new\n{CLIENT}"));
    let (text, read) = answer(&mut raw, "read_code", json!({ "path": "web/client.ts", "symbol": "HttpClient.open" }));
    assert_eq!((&read["changed"], &read["start_line"]), (&json!(true), &json!(5)));
    assert!(text.contains("changed since it was indexed"), "{text}");
}

#[test]
fn the_command_line_finds_definitions_and_uses() {
    let project = Project::empty();
    write(|path, text| project.write(path, text));
    let ran = project.run(&["symbol", "open_store"]);
    assert_eq!(ran.out, "src/store.rs:22-25  open_store  [function]  pub fn open_store(path: &Path) -> Store\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = project.run(&["symbol", "Store::open", "--json", "--kind", "method"]);
    let found = &ran.json()["results"][0];
    assert_eq!(
        (&found["path"], &found["container"], &found["matched"]),
        (&json!("src/store.rs"), &json!("Store"), &json!("exact"))
    );
    let ran = project.run(&["symbol", "zzzzzzzzzzzz"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    let ran = project.run(&["references", "open_store", "--path", "src"]);
    let wanted = "src/main.rs:1  [import]  use crate::store::open_store;\n\
                  src/main.rs:5  [call]  main  let store = open_store(\".\".as_ref());\n\
                  src/main.rs:6  [other]  main  let reopen = open_store;\n\
                  src/store.rs:14  [call]  Store.open  let mut store = open_store(path);\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, wanted), "{}", ran.err);
    assert!(ran.err.contains("1 definition not shown"), "{}", ran.err);
    let ran = project.run(&["references", "sendRequest", "--json", "--definitions"]);
    let kinds: Vec<_> =
        ran.json()["results"].as_array().expect("a list").iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["call", "definition"]);
    let ran = project.run(&["references", "open_store", "--kind", "poem"]);
    assert!(ran.code == 2 && ran.err.contains("the kinds are: call"), "{}", ran.err);
}

/// The pages of an answer together equal the whole answer, in order and without duplicates.
#[test]
fn pages_of_an_answer_follow_without_gaps() {
    let repository = Repository::new();
    for n in 0..12 {
        let text = format!(
            "/// Adds up basket {n}.\npub fn basket_total_{n}(rate: u32) -> u32 {{\n    price_of(rate) + price_of({n})\n}}\n"
        );
        repository.write(&format!("src/basket{n:02}.rs"), &text);
    }
    repository.write("src/prices.rs", "pub fn price_of(rate: u32) -> u32 {\n    rate\n}\n");
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    for (tool, asked, page, whole, key) in [
        ("find_symbol", json!({ "name": "basket_total*" }), 5, 50, "/symbols"),
        ("find_references", json!({ "name": "price_of" }), 7, 500, "/files"),
        ("search_code", json!({ "query": "add up the basket" }), 4, 40, "/hits"),
        ("find_similar", json!({ "snippet": "pub fn total(rate: u32) -> u32 { price_of(rate) }" }), 4, 40, "/hits"),
    ] {
        let with = |limit: usize, cursor: Option<&Value>| {
            let mut arguments = asked.clone();
            arguments["limit"] = json!(limit);
            arguments["cursor"] = cursor.cloned().unwrap_or(Value::Null);
            arguments
        };
        let flat = |found: &Value| -> Vec<String> {
            let rows = found.pointer(key).and_then(Value::as_array).expect("a list");
            let each = |row: &Value| match row["uses"].as_array() {
                Some(uses) => {
                    uses.iter().map(|one| format!("{} {} {}", row["path"], one["line"], one["column"])).collect()
                }
                None => vec![format!("{} {}", row["path"], row["start_line"])],
            };
            rows.iter().flat_map(each).collect()
        };
        let mut parts = |limit: usize| {
            let (mut parts, mut cursor) = (Vec::new(), None);
            for _ in 0..40 {
                let (text, found) = answer(&mut raw, tool, with(limit, cursor.as_ref()));
                parts.extend(flat(&found));
                cursor = found.get("next_cursor").cloned();
                let Some(next) = &cursor else { return parts };
                assert!(text.contains(&format!("cursor {}", next.as_str().expect("text"))), "{text}");
                assert!(!text.contains("index has changed"), "{text}");
            }
            panic!("{tool} does not end")
        };
        // Usually a single page; a few if a call runs out of time on a busy machine.
        let all = parts(whole);
        assert!(all.len() >= 12, "{tool}: {all:?}");
        assert_eq!(parts(page), all, "{tool}");
        let (_, found) = answer(&mut raw, tool, with(page, None));
        let mut other = with(page, found.get("next_cursor"));
        other["language"] = json!("rust");
        assert!(raw.refused(tool, other).contains("belongs to a call with other arguments"));
    }
}

#[test]
fn a_page_notes_that_the_index_has_changed() {
    let (repository, mut raw) = served();
    let (_, found) = answer(&mut raw, "find_symbol", json!({ "name": "Store", "limit": 1 }));
    let cursor = found["next_cursor"].clone();
    repository.write("src/new.rs", "pub fn something_new() {}\n");
    raw.indexed();
    let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": "Store", "limit": 1, "cursor": cursor }));
    assert!(text.contains("the index has changed since the previous page"), "{text}");
}

#[test]
fn a_typing_error_in_a_member_finds_the_member() {
    let (_repository, mut raw) = served();
    for name in ["Store::opn", "Store.opn", "Store#opn"] {
        let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": name }));
        assert!(text.starts_with("no exact match; these are spelled alike\nsrc/store.rs:12-17 "), "{name}: {text}");
        let (text, _) = answer(&mut raw, "read_code", json!({ "symbol": name }));
        assert!(text.contains(&format!("there is no {name}; this is Store.open, a similar name")), "{text}");
        let (text, _) = answer(&mut raw, "find_references", json!({ "name": name }));
        assert!(text.contains("no uses of opn; did you mean Store.open?"), "{name}: {text}");
        assert!(text.contains(&format!("there is no {name}")) && !text.contains("these are the uses"), "{text}");
    }
    let refused = raw.refused("read_code", json!({ "path": "src/store.rs", "symbol": "Store.opn" }));
    assert!(refused.contains("; did you mean Store.open? Store has "), "{refused}");
    let project = Project::empty();
    write(|path, text| project.write(path, text));
    let read = project.run(&["read", "Store::opn"]);
    assert!(read.code == 0 && read.out.contains("Store.open  [method]"), "{}{}", read.out, read.err);
    assert!(read.err.contains("there is no Store::opn; this is Store.open, a similar name"), "{}", read.err);
    let exact = project.run(&["read", "Store::open"]);
    assert!(exact.code == 0 && !exact.err.contains("there is no"), "{}", exact.err);
}

/// Braces in type parameters, in a return type or in a comment are no body.
#[test]
fn the_implementation_of_an_overloaded_function_is_read() {
    let overload = "export function createStore<S, E extends {} = {}>(first: S): { store: S };\n";
    let body = "export function createStore<S, E extends {} = {}>(first: S): { store: S } {\n  return go();\n}\n";
    let project = Project::with_files(&[("store.ts", &format!("/** See {{@link Store}}. */\n{overload}{body}"))]);
    for places in [&["createStore"][..], &["store.ts", "createStore"]] {
        let read = project.run(&[&["read", "--json"], places].concat()).json();
        assert_eq!((&read["path"], read["start_line"].as_u64()), (&json!("store.ts"), Some(3)), "{places:?}: {read}");
    }
}

#[test]
fn a_path_filter_is_the_folder_at_the_top_and_what_it_leaves_out_is_named() {
    let (_repository, mut raw) = served();
    let left_out = "`open_store` is defined in src/store.rs:22, which the filters leave out";
    let (text, _) = answer(&mut raw, "search_code", json!({ "query": "open_store", "path": "web" }));
    assert!(text.contains(left_out), "{text}");
    let (text, _) = answer(&mut raw, "find_symbol", json!({ "name": "open_store path:web" }));
    assert!(text.contains(left_out), "{text}");
    let project = Project::empty();
    write(|path, text| project.write(path, text));
    project.write("billing/src/bill.rs", "pub fn open_bill() {\n    open_store(\"bills\".as_ref());\n}\n");
    let ran = project.run(&["search", "open_store", "--path", "web"]);
    assert!(ran.err.contains(left_out), "{}", ran.err);
    let paths = |arguments: &[&str]| project.paths(arguments);
    for arguments in [&["open_store", "--path", "src"][..], &["open_store", "path:src"], &["open_store", "path:src/**"]]
    {
        let found = paths(arguments);
        assert!(found.iter().all(|path| path.starts_with("src/")) && !found.is_empty(), "{arguments:?}: {found:?}");
    }
    assert_eq!(paths(&["open_store", "--path", "bill.rs"]), ["billing/src/bill.rs"], "there is none at the top");
    let found = paths(&["open_store", "-path:src"]);
    assert!(found.iter().all(|path| !path.contains("src/")), "left out at any depth: {found:?}");
}
