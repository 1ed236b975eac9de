//! Tests of inserting, updating and removing the entry in realistic configurations.

mod guidance;
mod homes;
mod yaml;

use proptest::prelude::*;
use serde_json::json;

use super::entry::ServerEntry;
use super::*;

// Clients whose formats stand for others.
const JSON: &str = "gemini";
const TYPED: &str = "copilot-jetbrains";
const TOML: &str = "codex";

fn entry() -> ServerEntry {
    let args = ["serve", "--stdio"].map(str::to_owned).into();
    ServerEntry { command: "/bin/codescry".to_owned(), args, sandbox: None }
}

fn client(name: &str) -> &'static McpClient {
    MCP_CLIENTS.iter().find(|client| client.name == name).expect("the client is known")
}

fn insert(text: &str, name: &str) -> Result<String, EditError> {
    formats::insert_entry(text, client(name), &entry())
}

fn remove(text: &str, name: &str) -> Result<String, EditError> {
    formats::remove_entry(text, client(name))
}

/// Checks that inserting the entry, once or twice, turns `before` into `after`, and that removing it restores
/// `before`.
#[track_caller]
fn check_round_trip(name: &str, before: &str, after: &str) {
    check_insert(name, before, after);
    assert_eq!(remove(after, name).expect("the entry can be removed"), before, "the text without the entry");
}

/// Checks that inserting the entry, once or twice, turns `before` into `after`.
#[track_caller]
fn check_insert(name: &str, before: &str, after: &str) {
    let made = insert(before, name).expect("it can be edited");
    assert_eq!(made, after, "the text with the entry:\n{made}");
    assert_eq!(insert(&made, name).as_deref(), Ok(after), "the second insertion");
    let found = formats::find_entry(&made, client(name)).expect("it can be parsed").expect("the entry exists");
    assert_eq!((found.command.as_deref(), found.args.as_slice()), (Some("/bin/codescry"), entry().args.as_slice()));
}

/// Checks that inserting the entry fails with a message that contains `wanted`.
#[track_caller]
fn check_refused(name: &str, text: &str, wanted: &str) {
    let said = insert(text, name).expect_err("it cannot be edited").to_string();
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn an_empty_file_gets_an_object_with_the_entry() {
    let whole = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}\n";
    check_insert(JSON, "", whole);
    check_insert(JSON, " \n\n", whole);
    check_insert(JSON, "// mine\n", &format!("// mine\n{whole}"));
    check_insert(JSON, "{}\n", whole);
    check_insert(JSON, "{\n}\n", whole);
    let mark = format!("\u{feff}{whole}");
    check_insert(JSON, "\u{feff}{}\n", &mark);
    check_insert(TOML, "", "[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n");
}

#[test]
fn other_servers_keep_their_order_and_formatting() {
    check_round_trip(
        JSON,
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" }\n  },\n  \"theme\": \"dark\"\n}",
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" },\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  },\n  \"theme\": \"dark\"\n}",
    );
}

#[test]
fn comments_trailing_commas_and_tabs_are_kept() {
    check_round_trip(
        TYPED,
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t\"codescry\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"/bin/codescry\",\n\t\t\t\"args\": [\"serve\", \"--stdio\"]\n\t\t},\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
    );
    check_round_trip(
        JSON,
        "{\n    \"mcpServers\": {\n        \"a\": {} // last\n    }\n}\n",
        "{\n    \"mcpServers\": {\n        \"a\": {}, // last\n        \"codescry\": {\n            \"command\": \"/bin/codescry\",\n            \"args\": [\"serve\", \"--stdio\"]\n        }\n    }\n}\n",
    );
}

#[test]
fn carriage_returns_are_kept() {
    check_round_trip(
        JSON,
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {}\r\n  }\r\n}\r\n",
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {},\r\n    \"codescry\": {\r\n      \"command\": \"/bin/codescry\",\r\n      \"args\": [\"serve\", \"--stdio\"]\r\n    }\r\n  }\r\n}\r\n",
    );
    check_round_trip(
        TOML,
        "model = \"o\"\r\n",
        "model = \"o\"\r\n\r\n[mcp_servers.codescry]\r\ncommand = \"/bin/codescry\"\r\nargs = [\"serve\", \"--stdio\"]\r\n",
    );
}

#[test]
fn a_single_line_stays_a_single_line() {
    let ours = "\"codescry\": { \"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"] }";
    check_round_trip(JSON, "{\"mcpServers\":{\"a\":{}}}", &format!("{{\"mcpServers\":{{\"a\":{{}}, {ours}}}}}"));
    check_round_trip(JSON, "{\"mcpServers\":{}}", &format!("{{\"mcpServers\":{{ {ours} }}}}"));
    check_insert(JSON, "{\"a\":1}", &format!("{{\"a\":1, \"mcpServers\": {{ {ours} }}}}"));
    check_round_trip(
        JSON,
        "{\n  \"mcpServers\": {\"a\": {},}\n}",
        &format!("{{\n  \"mcpServers\": {{\"a\": {{}}, {ours},}}\n}}"),
    );
}

#[test]
fn an_object_with_only_comments_keeps_them() {
    check_round_trip(
        JSON,
        "{\n  \"mcpServers\": {\n    // none yet\n  }\n}",
        "{\n  \"mcpServers\": {\n    // none yet\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}",
    );
}

#[test]
fn an_entry_in_the_middle_is_removed_with_its_line() {
    let with = "{\n  \"mcpServers\": {\n    \"codescry\": { \"command\": \"c\" },\n    \"b\": {} // b\n  }\n}\n";
    assert_eq!(remove(with, JSON).as_deref(), Ok("{\n  \"mcpServers\": {\n    \"b\": {} // b\n  }\n}\n"));
    let with = "{\"mcpServers\": {\"a\": 1, \"codescry\": {\"command\": \"c\"}, \"b\": 2}}";
    assert_eq!(remove(with, JSON).as_deref(), Ok("{\"mcpServers\": {\"a\": 1, \"b\": 2}}"));
    let with = "{ \"mcpServers\": {\n  \"a\": 1, // one\n  \"codescry\": {\"command\": \"c\"} } }";
    assert_eq!(remove(with, JSON).as_deref(), Ok("{ \"mcpServers\": {\n  \"a\": 1 // one\n   } }"));
}

#[test]
fn an_existing_entry_keeps_its_other_properties() {
    let old = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      // mine\n      \"env\": { \"RUST_LOG\": \"info\" },\n      \"command\": \"/old/codescry\",\n      \"args\": [\n        \"serve\"\n      ],\n      \"disabled\": true\n    }\n  }\n}\n";
    let new = old.replace("/old/", "/bin/").replace("[\n        \"serve\"\n      ]", "[\"serve\", \"--stdio\"]");
    check_insert(JSON, old, &new);
    check_insert(
        JSON,
        "{\"mcpServers\": {\"codescry\": {\"command\": \"c\"}}}",
        "{\"mcpServers\": {\"codescry\": {\"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"]}}}",
    );
    let old = "[mcp_servers.codescry] # mine\ncommand = 'c' # old\nargs = [\n  \"x\", # why\n]\nenabled = false\n";
    let new = "[mcp_servers.codescry] # mine\ncommand = \"/bin/codescry\" # old\nargs = [\"serve\", \"--stdio\"]\nenabled = false\n";
    check_insert(TOML, old, new);
}

#[test]
fn paths_are_quoted() {
    let windows = ServerEntry {
        command: r"C:\Program Files\ö\codescry.exe".to_owned(),
        args: vec!["a\"b".to_owned()],
        sandbox: None,
    };
    for name in [JSON, TOML, "goose", "continue", "opencode"] {
        let made = formats::insert_entry("", client(name), &windows).expect("it can be edited");
        let found = formats::find_entry(&made, client(name)).expect("it can be parsed").expect("the entry exists");
        assert_eq!((found.command, found.args), (Some(windows.command.clone()), windows.args.clone()), "{made}");
    }
}

#[test]
fn errors_name_the_position() {
    check_refused(JSON, "{\n  \"a\": 1,\n  \"b\" 2\n}", "line 3, column");
    check_refused(JSON, "[]", "line 1, column 1: this is not an object");
    check_refused(JSON, "{\n  \"mcpServers\": []\n}", "line 2, column 17: \"mcpServers\" is not an object");
    check_refused(JSON, "{\"mcpServers\": {}, \"mcpServers\": {}}", "is there twice");
    check_refused(JSON, "{'mcpServers': {}}", "not JSON");
    check_refused(JSON, "{\"mcpServers\": {\"codescry\": {\"url\": \"http://localhost\"}}}", "starts no program");
    check_refused(TOML, "a = 1\nb = = 2\n", "line 2, column 5: this is not TOML");
    check_refused(TOML, "a = 1\nmcp_servers = { a = { command = \"a\" } }\n", "line 2");
    check_refused(TOML, "[mcp_servers.codescry]\nurl = \"http://localhost\"\n", "starts no program");
}

const CODEX: &str = "# Codex\nmodel = \"o\"   # as ever\n\n[mcp_servers.docs]\ncommand = 'npx'\nargs = [ \"-y\", 'docs' ]\n\n[mcp_servers.docs.env]\nKEY = \"ü\"\n\n[tui]\nnotifications = true\n# the end\n";

#[test]
fn toml_gets_a_table_at_the_end() {
    let ours = "\n[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n";
    check_round_trip(TOML, CODEX, &format!("{CODEX}{ours}"));
    check_insert(TOML, "a = 1", &format!("a = 1\n{ours}"));
}

#[test]
fn toml_entries_of_every_form_are_removed() {
    for (with, without) in [
        (
            "[mcp_servers.a]\nx = 1\n\n[mcp_servers.codescry]\ncommand = \"c\"\n\n[mcp_servers.codescry.env]\nA = \"1\"\n\n# next\n[b]\n",
            "[mcp_servers.a]\nx = 1\n\n# next\n[b]\n",
        ),
        (
            "[mcp_servers]\ncodescry = { command = \"c\", args = [\n  \"a\"] } # ours\nb = { command = \"b\" }\n",
            "[mcp_servers]\nb = { command = \"b\" }\n",
        ),
        (
            "[mcp_servers]\ncodescry.command = \"c\"\ncodescry.args = []\nb.command = \"b\"\n",
            "[mcp_servers]\nb.command = \"b\"\n",
        ),
        ("[ mcp_servers . \"codescry\" ]\ncommand = \"c\"\n", ""),
    ] {
        assert_eq!(remove(with, TOML).as_deref(), Ok(without));
    }
}

#[test]
fn a_text_without_the_entry_is_unchanged() {
    for (text, syntax) in [("{ }", JSON), ("", JSON), ("{\"mcpServers\": {\"a\": {}}}", JSON), (CODEX, TOML)] {
        assert_eq!(remove(text, syntax).as_deref(), Ok(text));
    }
}

/// Generates arbitrary JSON values.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "[a-z/{}\\[\\]\"\\\\,:ü☃ ]{0,6}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::btree_map("[a-z/,:{ü]{0,4}|codescry|mcpServers", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Formats `value` in one of 16 ways, with or without line breaks, carriage returns and comments.
fn format_json(value: &serde_json::Value, how: u8) -> String {
    let text = if how & 1 == 0 { value.to_string() } else { format!("{value:#}") };
    let text = if how & 2 == 0 { text } else { text.replace("\n", " // {\"a\": [\n") };
    let text = if how & 4 == 0 { text } else { text.replace("\n", "\r\n") };
    if how & 8 == 0 { text } else { format!("/* , \" */ {text}\n// }}\n") }
}

proptest! {
    /// A file is refused only if it has the entry already, or something else in its place. Otherwise, it gets the entry
    /// and loses it again without another change if it has other servers, and keeps its comments in any case.
    #[test]
    fn only_the_entry_changes(root in prop::collection::btree_map("[a-z]{1,3}|mcpServers", any_json(), 0..4), how in 0u8..16) {
        let before = format_json(&json!(root), how);
        let is_ours = root.get("mcpServers").is_none_or(|servers| servers.as_object().is_some_and(|all| !all.contains_key(SERVER_NAME)));
        let made = insert(&before, JSON);
        prop_assert_eq!(made.is_ok(), is_ours, "{}: {:?}", before, made);
        if let Ok(made) = made {
            let again = insert(&made, JSON);
            prop_assert_eq!(again.as_deref(), Ok(made.as_str()));
            let out = remove(&made, JSON).expect("the entry can be removed");
            let kept: Vec<&str> = before.lines().map(str::trim).filter(|line| line.starts_with("//")).collect();
            prop_assert!(kept.iter().all(|comment| out.contains(comment)));
            if root.get("mcpServers").is_some_and(|servers| servers.as_object().is_some_and(|all| !all.is_empty())) {
                prop_assert_eq!(out, before);
            }
        }
    }
}
