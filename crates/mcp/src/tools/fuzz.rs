//! Property tests of the read-only tools with random arguments: every call returns an answer or an error, without a
//! panic, without text from outside the root, and, except for `index_status`, within its token budget.

use std::sync::{Arc, LazyLock};

use engine::{Engine, IndexRequest, Options, Settings};
use platform::cancel::CancelToken;
use proptest::prelude::*;
use rmcp::model::JsonObject;
use serde_json::{Value, json};
use text::tokens;

use super::table::{TOOLS, find_tool};
use crate::call::context::CallContext;
use crate::call::result::ToolError;
use crate::roots::served::{ServedRoot, ServedRoots};
use crate::{prompts, resources};

const CODE: &str = "use std::fmt;\n\n/// Café of the names.\npub struct Store<T> {\n    items: Vec<T>,\n}\n\nimpl<T> Store<T> {\n    \
                    pub fn open(path: &str) -> Self {\n        let naïve = open_store(path);\n        naïve\n    }\n}\n\n\
                    fn open_store<T>(_: &str) -> Store<T> {\n    Store { items: Vec::new() }\n}\n";

/// An indexed root, next to a folder whose text must never appear in an answer.
struct FuzzFixture {
    roots: ServedRoots,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

static FIXTURE: LazyLock<FuzzFixture> = LazyLock::new(|| {
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
    let root = ServedRoot::new(engine);
    // The files never change, so searches need not check for changes.
    root.runs.set_watched(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    FuzzFixture { roots: ServedRoots::new([root]), runtime, _dir: dir }
});

/// Number of random cases per test. `index_project` is tested over stdio, in `tests/it/fuzz.rs`.
const CASES: u32 = 1_500;

/// Generates the name of a tool that changes nothing.
fn tool_strategy() -> impl Strategy<Value = &'static str> {
    let names = TOOLS.into_iter().filter(|tool| tool.is_read_only).map(|tool| tool.name);
    proptest::sample::select(names.collect::<Vec<_>>())
}

fn check_call(tool: &str, given: &JsonObject) {
    let FuzzFixture { roots, runtime, .. } = &*FIXTURE;
    let (entry, context) = (find_tool(tool).expect("it is in the table"), CallContext::without_request());
    let answer = match entry.arguments.parse(given.clone()) {
        Ok(parsed) => runtime.block_on((entry.call)(roots, parsed, &context)),
        Err(error) => Err(error),
    };
    let arguments = Value::Object(given.clone());
    match answer {
        Err(ToolError(message)) => {
            assert!(!message.contains("failed inside codescry"), "{tool} {arguments}: {message}");
            assert!(!message.trim().is_empty(), "{tool} {arguments}");
        }
        Ok(result) => {
            let text = serde_json::to_string(&result.structured_content).expect("JSON");
            assert!(!text.contains("NEIGHBOUR"), "{tool} {arguments}: {text}");
            let max_tokens = given.get("max_tokens").and_then(to_number).unwrap_or(2_500).clamp(500, 20_000);
            assert!(
                tool == "index_status" || tokens::fits_token_limit(&text, max_tokens),
                "{tool} {arguments}: {text}"
            );
        }
    }
}

/// Returns the number of tokens in a number, a text, or the first text of a list; `None` if there is none.
fn to_number(value: &Value) -> Option<usize> {
    let text = match value {
        Value::Array(list) => list.first()?.as_str()?.to_owned(),
        other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
    };
    text.trim().parse::<f64>().ok().map(|tokens| tokens as usize)
}

/// Generates texts that are meaningful to some tool, and random ones.
fn text_strategy() -> impl Strategy<Value = String> {
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

fn value_strategy() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text_strategy().prop_map(Value::from),
        2 => (0_u32..60).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => proptest::collection::vec(text_strategy(), 0..3).prop_map(Value::from),
        1 => Just(json!({ "a": [1, { "b": null }] })),
    ]
}

fn arguments_strategy() -> impl Strategy<Value = JsonObject> {
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
    let argument = (proptest::sample::select(names.to_vec()), value_strategy());
    proptest::collection::vec(argument, 0..5)
        .prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Keeps the arguments that the tool has, other than `root`, and adds its required ones, so that most calls pass the
/// argument checks.
fn add_required(tool: &str, mut given: JsonObject, text: &str) -> JsonObject {
    let known = find_tool(tool).expect("it is in the table").arguments;
    let names: Vec<_> = known.required.iter().chain(known.optional).chain(known.unlisted).map(|one| one.name).collect();
    given.retain(|name, _| names.contains(&name.as_str()) && name != "root");
    for required in known.required {
        given.entry(required.name).or_insert_with(|| text.into());
    }
    given
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_arguments_get_an_answer_or_an_error(tool in tool_strategy(), given in arguments_strategy()) {
        check_call(tool, &given);
    }

    #[test]
    fn likely_arguments_get_an_answer_or_an_error(
        tool in tool_strategy(), given in arguments_strategy(), text in text_strategy()
    ) {
        check_call(tool, &add_required(tool, given, &text));
    }

    #[test]
    fn any_uri_and_prompt_gets_an_answer_or_an_error(text in text_strategy(), fragment in text_strategy(), name in text_strategy()) {
        let FuzzFixture { roots, runtime, .. } = &*FIXTURE;
        for uri in [text.clone(), format!("codescry://root/{text}#{fragment}")] {
            if let Ok(read) = runtime.block_on(resources::read_resource(roots, &uri, &CancelToken::default())) {
                let text = serde_json::to_string(&read).expect("JSON");
                assert!(!text.contains("NEIGHBOUR"), "{uri}: {text}");
            }
        }
        let listed = runtime.block_on(resources::list_resources(roots)).expect("a list");
        assert_eq!(listed.resources.len(), 1, "the file at the top");
        let given = json!({ "area": text, "change": fragment });
        _ = prompts::get_prompt(&name, given.as_object());
        assert!(prompts::get_prompt("explain_area", given.as_object()).is_ok() || text.trim().is_empty() || !text.contains(char::is_alphanumeric));
    }
}
