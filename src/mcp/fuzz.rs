//! Random arguments to every tool that reads: each is an answer or a refusal, never a panic, never from
//! outside of the root, never above its budget.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rmcp::model::{CallToolResult, JsonObject};
use serde_json::{Value, json};

use super::answer::Refusal;
use super::roots::{Root, Roots};
use super::runs::Runs;
use super::{
    find_references, find_similar, find_symbol, index_status, outline, prompts, read_code, resources, search_code,
    tokens,
};
use crate::engine::{CancelToken, Engine, IndexRequest, Options, Settings};

const CODE: &str = "use std::fmt;\n\n/// Café of the names.\npub struct Store<T> {\n    items: Vec<T>,\n}\n\nimpl<T> Store<T> {\n    \
                    pub fn open(path: &str) -> Self {\n        let naïve = open_store(path);\n        naïve\n    }\n}\n\n\
                    fn open_store<T>(_: &str) -> Store<T> {\n    Store { items: Vec::new() }\n}\n";

/// A root with an index, and a neighbour whose text must never be seen.
struct World {
    roots: Roots,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    let base = dir.path().canonicalize().expect("it is there");
    for (path, text) in [
        ("root/src/store.rs", CODE),
        ("root/src/deep/é 漢.py", "class Store:\n    def open(self):\n        return self.open()\n"),
        ("root/empty.rs", ""),
        ("root/one.md", "# Store\n\nopen"),
        ("root/.env", "NEIGHBOUR=1\n"),
        ("root-evil/a.rs", "fn neighbour() { NEIGHBOUR }\n"),
    ] {
        let path = base.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(base.join("root-evil"), base.join("root/link")).expect("a link");
    let options = Options { path: Some(base.join("root")), index_dir: Some(base.join("index")), ..Options::default() };
    let engine = Arc::new(Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens"));
    engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
    let runs = Arc::new(Runs::new(Arc::clone(&engine)));
    // Nobody writes here, so there is nothing to look for.
    runs.set_followed(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    World { roots: Roots(vec![Root { engine, runs }]), runtime, _dir: dir }
});

/// Random cases of each test; `index_project` gets its own over stdio, in `tests/it/fuzz.rs`.
const CASES: u32 = 1_500;

const TOOLS: [&str; 7] =
    ["search_code", "find_symbol", "find_references", "read_code", "outline", "find_similar", "index_status"];

async fn call(tool: &str, roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    match tool {
        "search_code" => search_code::call(roots, given).await,
        "find_symbol" => find_symbol::call(roots, given).await,
        "find_references" => find_references::call(roots, given).await,
        "read_code" => read_code::call(roots, given).await,
        "outline" => outline::call(roots, given).await,
        "find_similar" => find_similar::call(roots, given).await,
        _ => index_status::call(roots, given).await,
    }
}

fn check(tool: &str, given: &JsonObject) {
    let World { roots, runtime, .. } = &*WORLD;
    let answer = runtime.block_on(call(tool, roots, given.clone()));
    let asked = Value::Object(given.clone());
    match answer {
        Err(Refusal(message)) => {
            assert!(!message.contains("failed inside codescry"), "{tool} {asked}: {message}");
            assert!(!message.trim().is_empty(), "{tool} {asked}");
        }
        Ok(result) => {
            let said = serde_json::to_string(&result.structured_content).expect("JSON");
            assert!(!said.contains("NEIGHBOUR"), "{tool} {asked}: {said}");
            let most = given.get("max_tokens").and_then(Value::as_f64).map_or(8_000, |most| most as usize);
            assert!(tool == "index_status" || tokens::fits(&said, most), "{tool} {asked}: {said}");
        }
    }
}

/// Texts that mean something to one tool or another, and some that mean nothing.
fn text() -> impl Strategy<Value = String> {
    let known = [
        "open",
        "Store",
        "Store::open",
        "Store.open",
        "store",
        "opne",
        "op*",
        "*",
        "::",
        ".",
        "Self::",
        "naïve",
        "é",
        "漢",
        "src/store.rs",
        "src",
        "src/deep/é 漢.py",
        "./src/../src/store.rs",
        "../root-evil/a.rs",
        "/etc/passwd",
        ".env",
        "link/a.rs",
        "link",
        "src/*.rs",
        "**",
        "{",
        "[",
        "src/store.rs:3-9",
        "src/store.rs#L1-L2",
        "a:0-0",
        "10-20",
        "L1",
        "1-",
        "-",
        "99999999999",
        "rust",
        "python,rust",
        "klingon",
        "function",
        "call",
        "code",
        "hybrid",
        "true",
        "",
        " ",
        "\0",
        "\u{202e}",
        "a\nb",
        "0123456789abcdef-0-0",
        "0000000000000000-ffffffff-ffffffff",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => "\\PC{0,40}",
        1 => "(?s).{0,20}",
        1 => "[a-zA-Z_:.#*<>()/-]{0,30}",
        1 => Just("a".repeat(700)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        2 => (0_u32..60).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => proptest::collection::vec(text(), 0..3).prop_map(Value::from),
        1 => Just(json!({ "a": [1, { "b": null }] })),
    ]
}

fn arguments() -> impl Strategy<Value = JsonObject> {
    let names = [
        "query",
        "name",
        "path",
        "lines",
        "line",
        "symbol",
        "snippet",
        "kind",
        "container",
        "language",
        "project",
        "limit",
        "max_tokens",
        "cursor",
        "context",
        "depth",
        "below",
        "include_definition",
        "content",
        "mode",
        "root",
        "other",
    ];
    let argument = (proptest::sample::select(names.to_vec()), value());
    proptest::collection::vec(argument, 0..5)
        .prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What a tool cannot do without, so that most calls get past the first refusal.
fn completed(tool: &str, mut given: JsonObject, text: &str) -> JsonObject {
    let input = match tool {
        "search_code" => &search_code::INPUT,
        "find_symbol" => &find_symbol::INPUT,
        "find_references" => &find_references::INPUT,
        "read_code" => &read_code::INPUT,
        "outline" => &outline::INPUT,
        "find_similar" => &find_similar::INPUT,
        _ => &index_status::INPUT,
    };
    let known = input.get("properties").and_then(Value::as_object).expect("it has properties");
    given.retain(|name, _| known.contains_key(name) && name != "root");
    for required in input.get("required").and_then(Value::as_array).into_iter().flatten() {
        given.entry(required.as_str().expect("a name")).or_insert_with(|| text.into());
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_arguments_are_answered_or_refused(tool in proptest::sample::select(TOOLS.to_vec()), given in arguments()) {
        check(tool, &given);
    }

    #[test]
    fn likely_arguments_are_answered_or_refused(
        tool in proptest::sample::select(TOOLS.to_vec()), given in arguments(), text in text()
    ) {
        check(tool, &completed(tool, given, &text));
    }

    #[test]
    fn any_address_and_prompt_is_answered_or_refused(text in text(), fragment in text(), name in text()) {
        let World { roots, runtime, .. } = &*WORLD;
        for uri in [text.clone(), format!("codescry://root/{text}#{fragment}")] {
            if let Ok(read) = runtime.block_on(resources::read(roots, &uri)) {
                let said = serde_json::to_string(&read).expect("JSON");
                assert!(!said.contains("NEIGHBOUR"), "{uri}: {said}");
            }
        }
        let listed = runtime.block_on(resources::list(roots, Some(&text)));
        assert!(listed.is_err() || listed.is_ok_and(|listed| listed.resources.len() <= 200));
        let given = json!({ "area": text, "change": fragment });
        _ = prompts::get(&name, given.as_object());
        assert!(prompts::get("explain_area", given.as_object()).is_ok() || text.trim().is_empty() || !text.contains(char::is_alphanumeric));
    }
}
