//! Tests that invisible characters are shown as escapes, and that a name in that form finds its file again.

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

/// Names with characters that are invisible or steer a display, and the same names with escapes.
const NAMES: [(&str, &str); 8] = [
    ("src/evil\u{1b}]0;t\u{7}name.py", "src/evil\\u{1b}]0;t\\u{7}name.py"),
    ("src/two\nlines.py", "src/two\\u{a}lines.py"),
    ("src/tab\there.py", "src/tab\\u{9}here.py"),
    ("src/rtl\u{202e}gpj.py", "src/rtl\\u{202e}gpj.py"),
    ("src/tag\u{e0041}\u{e0042}.py", "src/tag\\u{e0041}\\u{e0042}.py"),
    ("src/zero\u{200b}\u{2060}width\u{fe0f}.py", "src/zero\\u{200b}\\u{2060}width\\u{fe0f}.py"),
    ("fol\u{ad}der/filler\u{3164}.py", "fol\\u{ad}der/filler\\u{3164}.py"),
    ("src/\u{1f469}\u{200d}\u{1f4bb}\u{2764}\u{fe0f}.py", "src/\u{1f469}\u{200d}\u{1f4bb}\u{2764}\u{fe0f}.py"),
];

/// Code with invisible characters. `NUMBER` stands for the number of the file.
const CODE: &str =
    "def steering_NUMBER():\n\treturn \"a\u{e0041}\u{200b}b\u{202e}c\u{1b}]0;t\u{7}\u{9b}d \u{26a0}\u{fe0f}\"\n";
const SHOWN: &str = "return \"a\\u{e0041}\\u{200b}b\\u{202e}c\\u{1b}]0;t\\u{7}\\u{9b}d \u{26a0}\u{fe0f}\"";

fn code(number: usize) -> String {
    CODE.replace("NUMBER", &number.to_string())
}

/// Checks that a text has no raw invisible characters other than line ends, tabs and those inside of emoji.
fn assert_visible(said: &str) {
    let raw = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{202e}' | '\u{2060}' | '\u{3164}' | '\u{e0000}'..='\u{e0fff}')
    };
    assert!(!said.contains(raw), "{said:?}");
}

/// Returns the text of a successful answer, after a check that it has no raw invisible characters.
fn text_of(answer: &Value) -> String {
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().expect("an answer has a text").to_owned();
    assert_visible(&text);
    text
}

#[test]
fn tools_show_escapes_and_take_them_back() {
    let repository = Repository::new();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        repository.write(name, &code(number));
    }
    let mut client = RawClient::initialized(&repository);
    client.indexed();
    for (number, (_, shown)) in NAMES.iter().enumerate() {
        let name = format!("steering_{number}");
        let found = text_of(&client.call("search_code", json!({ "query": name, "limit": 1 })));
        assert!(found.contains(&format!("{shown}:1-2 ")) && found.contains(SHOWN), "{found}");
        let read = text_of(&client.call("read_code", json!({ "path": shown })));
        assert!(read.starts_with(&format!("{shown}:1-2")) && read.contains(SHOWN), "{read}");
        let read = text_of(&client.call("read_code", json!({ "path": format!("{shown}:2") })));
        assert!(read.starts_with(&format!("{shown}:2 ")), "{read}");
        let outline = text_of(&client.call("outline", json!({ "path": shown })));
        assert!(outline.starts_with(*shown) && outline.contains(&name), "{outline}");
        for tool in ["find_symbol", "find_references"] {
            let given = json!({ "name": name, "path": shown, "kind": [], "include_definition": true });
            let given = if tool == "find_symbol" { json!({ "name": name, "path": shown }) } else { given };
            let found = text_of(&client.call(tool, given));
            assert!(found.contains(*shown), "{tool}: {found}");
        }
        let below = text_of(&client.call("search_code", json!({ "query": "steering", "path": shown })));
        assert!(below.starts_with(&format!("{shown}:1-2 ")) && below.contains(&name), "{below}");
        let similar = text_of(&client.call("find_similar", json!({ "path": shown, "line": 1 })));
        assert!(!similar.contains(&format!("{shown}:1-2")), "{similar}");
    }
    let folder = text_of(&client.call("outline", json!({ "path": "fol\\u{ad}der" })));
    assert!(folder.contains("filler\\u{3164}.py"), "{folder}");
    let missing = client.refused("read_code", json!({ "path": "src/no\u{202e}where.py" }));
    assert_visible(&missing);
    assert!(missing.contains("src/no\\u{202e}where.py"), "{missing}");
}

#[test]
fn resources_are_listed_with_escapes_and_read_by_their_uris() {
    let repository = Repository::new();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        repository.write(name, &code(number));
    }
    let mut client = RawClient::initialized(&repository);
    client.indexed();
    for (name, _) in NAMES {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let uri = format!("codescry://root/{}", encoded.replace("%2F", "/"));
        let read = client.request("resources/read", json!({ "uri": uri }));
        let text = read["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{uri}: {read}"));
        assert_visible(text);
        assert!(text.contains(SHOWN), "{text}");
    }
}

#[test]
fn commands_show_escapes_and_take_them_back() {
    let project = Project::empty();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        project.write(name, code(number));
    }
    let listing = project.run(&["index", "--dry-run"]);
    assert_visible(&listing.out);
    for (number, (name, shown)) in NAMES.iter().enumerate() {
        assert!(listing.out.contains(&format!("+ {shown} (python)\n")), "{}", listing.out);
        let symbol = format!("steering_{number}");
        for arguments in [
            &["search", &symbol, "--path", shown][..],
            &["search", &format!("{symbol} steering"), "--path", shown, "--color", "never"],
            &["symbol", &symbol, "--path", shown],
            &["references", &symbol, "--path", shown, "--definitions"],
        ] {
            let ran = project.run(arguments);
            assert!(ran.code == 0 && ran.out.contains(*shown), "{arguments:?}: {}{}", ran.out, ran.err);
            assert_visible(&ran.out);
            assert_visible(&ran.err);
        }
        // Programs that read the JSON get the name as it is on disk.
        let ran = project.run(&["search", &symbol, "--path", shown, "--json"]);
        assert_visible(&ran.out);
        assert_eq!(ran.paths(), [*name]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_whose_name_is_not_utf_8_is_read_under_the_name_that_is_shown() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let repository = Repository::new();
    let folder = repository.root().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join(OsStr::from_bytes(b"latin\xff.py")), code(0)).expect("a file");
    let mut client = RawClient::initialized(&repository);
    client.indexed();
    let found = text_of(&client.call("search_code", json!({ "query": "steering_0", "limit": 1 })));
    assert!(found.starts_with("caf\u{fffd}/latin\u{fffd}.py:1-2 ") && !found.contains("stale"), "{found}");
    let read = text_of(&client.call("read_code", json!({ "path": "caf\u{fffd}/latin\u{fffd}.py" })));
    assert!(read.contains("def steering_0()"), "{read}");
    let uses = text_of(&client.call("find_references", json!({ "name": "steering_0", "include_definition": true })));
    assert!(uses.contains("latin\u{fffd}.py"), "{uses}");
}
