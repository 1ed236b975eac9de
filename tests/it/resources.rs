//! Tests of MCP resources and prompts.

use serde_json::{Value, json};

use crate::support::mcp::{RawClient, Repository};

/// Some clients read the whole list when they start, so it has at most ten files, all of them directly in the root.
#[test]
fn the_list_is_short_and_every_indexed_file_can_be_read() {
    let repository = Repository::new();
    repository.write("README.md", "# Things\n");
    for n in 0..30 {
        repository.write(&format!("many/file {n:03}.rs"), &format!("pub fn number_{n}() {{}}\n"));
    }
    let mut raw = RawClient::initialized(&repository);
    raw.indexed();
    let listed = raw.request("resources/list", json!({}))["result"].clone();
    let names: Vec<_> = listed["resources"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
    assert_eq!((names, &listed["nextCursor"]), (vec![json!("README.md")], &Value::Null));
    let read = raw.request("resources/read", json!({ "uri": "codescry://root/many/file%20007.rs" }));
    let contents = &read["result"]["contents"][0];
    assert_eq!((&contents["text"], &contents["mimeType"]), (&json!("pub fn number_7() {}"), &json!("text/x-rust")));
    for n in 0..30 {
        repository.write(&format!("top{n:03}.rs"), &format!("pub fn top_{n}() {{}}\n"));
    }
    raw.indexed();
    let listed = raw.request("resources/list", json!({}))["result"]["resources"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(10));
}

#[test]
fn resource_addresses_name_spans_and_definitions() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    raw.assert_search_works();
    let templates = raw.request("resources/templates/list", json!({}))["result"]["resourceTemplates"].clone();
    let addresses: Vec<_> =
        templates.as_array().expect("a list").iter().map(|one| one["uriTemplate"].clone()).collect();
    assert_eq!(addresses, ["codescry://root/{+path}#L{first}-L{last}", "codescry://root/{+path}#{symbol}"]);
    for (uri, wanted) in [
        ("codescry://root/app/invoices.py#L4-L5", "class Invoice:\n    \"\"\"Lines of goods with prices.\"\"\""),
        ("codescry://root/src/retry.rs#L1", "//! Runs fallible work again."),
        ("codescry://root/app/invoices.py#Invoice.__init__", "    def __init__(self):\n        self.lines = []"),
    ] {
        let read = raw.request("resources/read", json!({ "uri": uri }));
        assert_eq!(read["result"]["contents"][0]["text"], wanted, "{read}");
    }
    for uri in [
        "codescry://root/src/nothing.rs",
        "codescry://other/src/retry.rs",
        "codescry://root/src/retry.rs#L900",
        "codescry://root/src",
        "file:///etc/passwd",
        "codescry://root/%2Fetc/passwd",
        "codescry://root/..%2Froot-evil/a",
    ] {
        let answer = raw.request("resources/read", json!({ "uri": uri }));
        assert!(
            answer["error"]["message"].as_str().is_some_and(|text| text.contains("codescry") || text.contains("file")),
            "{uri}: {answer}"
        );
    }
    assert!(raw.close().success());
}

#[test]
fn prompts_explain_the_tools() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    let tools = raw.request("tools/list", json!({}))["result"]["tools"].clone();
    let tools: Vec<String> =
        tools.as_array().expect("a list").iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect();
    let prompts = raw.request("prompts/list", json!({}))["result"]["prompts"].clone();
    let names: Vec<_> = prompts.as_array().expect("a list").iter().map(|prompt| prompt["name"].clone()).collect();
    assert_eq!(names, ["explain_area", "where_to_change"]);
    for prompt in prompts.as_array().expect("a list") {
        let argument = prompt["arguments"][0]["name"].as_str().expect("an argument");
        let given = json!({ "name": prompt["name"], "arguments": { argument: "the {} retry\u{202e} logic" } });
        let got = raw.request("prompts/get", given);
        let text = got["result"]["messages"][0]["content"]["text"].as_str().expect("a text").to_owned();
        assert!(text.contains(": the {} retry\\u{202e} logic\n"), "{text}");
        let named: Vec<_> = tools.iter().filter(|tool| text.contains(tool.as_str())).collect();
        assert!(named.len() >= 4, "{named:?}");
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.contains('_')) {
            assert!(tools.iter().any(|tool| tool == word), "{word} is no tool");
        }
        let answer = raw.request("prompts/get", json!({ "name": prompt["name"] }));
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    let answer = raw.request("prompts/get", json!({ "name": "sing" }));
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("explain_area")), "{answer}");
}
