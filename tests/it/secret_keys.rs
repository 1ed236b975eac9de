//! Tests that no part of a private key is shown, in whichever form the file contains it and whichever request would
//! show it.

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

/// A text in the key that the test searches for.
const ASKED: &str = "qZ7mKx3VbT9wLd2R";

/// A text in the key that no answer may contain.
const HIDDEN: &str = "Hw4sNc8YpJ6tGf1X";

/// Returns the lines of a key that is not in use.
fn key_lines() -> [String; 4] {
    [
        "-----BEGIN RSA PRIVATE KEY-----".to_owned(),
        format!("Xb3vQ8kTz1Lm5Np0{ASKED}w7Zk3vXb1Qm9RtYc5uJfL0oPaS8dGhT2"),
        format!("pU7eNs3gDj1HfA9x{HIDDEN}Lb5vOkQw0tYcZ2mRi8EuXaP4yKdJ6lTn"),
        "-----END RSA PRIVATE KEY-----".to_owned(),
    ]
}

fn join(before: &str, after: &str) -> String {
    key_lines().iter().map(|line| format!("{before}{line}{after}")).collect()
}

/// Returns files with the key, each in another notation or format.
fn files() -> Vec<(&'static str, String)> {
    let hex = |text: String| text.bytes().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(", ");
    vec![
        ("Tls.java", format!("class Tls {{\n  static final String KEY =\n{};\n}}\n", join("    \"", "\\n\" +\n"))),
        ("certs.c", format!("const char test_srv_key[] =\n{};\n", join("  \"", "\\r\\n\"\n"))),
        ("key.js", format!("const key =\n{}'';\n", join("  '", "\\n' +\n"))),
        ("key.php", format!("<?php\n$key = ''{};\n", join("\n  . \"", "\\n\""))),
        ("key.py", format!("KEY = \"\\n\".join([\n{}])\n", join("    \"", "\",\n"))),
        ("key.go", format!("package key\n\nvar key = []string{{\n{}}}\n", join("\t`", "`,\n"))),
        ("Key.cs", format!("class Key {{\n  void Add() {{\n{}  }}\n}}\n", join("    lines.Add(\"", "\");\n"))),
        ("key.rb", format!("KEY = <<~PEM\n{}PEM\n", join("  ", "\n"))),
        ("key.rs", format!("/// A key.\n{}pub fn key() {{}}\n", join("/// ", "\n"))),
        ("list.yaml", format!("key:\n{}", join("  - \"", "\"\n"))),
        ("commented.toml", join("# ", "\n")),
        ("quoted.md", format!("The key:\n\n{}", join("> ", "\n"))),
        ("table.md", join("| ", " |\n")),
        ("page.html", format!("<pre>\n{}</pre>\n", join("<span>", "</span>\n"))),
        ("removed.txt", format!("--- a/key\n+++ b/key\n@@ -1,4 +0,0 @@\n{}", join("-", "\n"))),
        ("escaped.yaml", format!("config: \"{{\\\"private_key\\\": \\\"{}\\\"}}\"\n", join("", "\\\\n"))),
        ("upload.sh", format!("curl -d 'key={}'\n", join("", "%0A").replace(' ', "%20"))),
        ("key.xml", format!("<key>{}</key>\n", join("", "&#10;"))),
        ("bytes.h", format!("static const unsigned char key[] = {{ {} }};\n", hex(join("", "\n")))),
        ("parts.ts", {
            let [_, first, second, _] = key_lines();
            format!("const key = \"-----BEGIN RSA PRIV\" + \"ATE KEY-----\\n\" + \"{first}\\n\" + \"{second}\\n\";\n")
        }),
        ("wg0.conf", format!("# {HIDDEN}\n[Interface]\nPrivateKey = Xb3vQ8kTz1Lm5Np0{ASKED}w7Zk3vXb1Qm=\n")),
        ("age.txt", format!("# {HIDDEN}\nAGE-SECRET-KEY-1{}QL3Z7HJY54PW3HYWW5AYYFG7ZQGV\n", ASKED.to_uppercase())),
        ("rsa.xml", format!("<RSAKeyValue><D>Xb3vQ8kTz1Lm5Np0{ASKED}{HIDDEN}</D></RSAKeyValue>\n")),
        ("jwk.yaml", format!("kty: OKP\nd: Xb3vQ8kTz1Lm5Np0{ASKED}{HIDDEN}\n")),
        ("putty.txt", format!("PuTTY-User-Key-File-3: x\nPrivate-Lines: 1\nXb3vQ8kTz1Lm5Np0{ASKED}{HIDDEN}\n")),
    ]
}

/// Questions that would find the key if it were indexed.
fn questions() -> Vec<String> {
    vec![ASKED.to_owned(), format!("\"{ASKED}\""), "server private key".to_owned(), "begin rsa private key".to_owned()]
}

#[test]
fn no_command_shows_a_part_of_a_key() {
    let project = Project::empty();
    project.write("src/main.rs", "/// Loads the server's private key.\npub fn load_private_key() {}\n");
    for (path, text) in files() {
        project.write(path, text);
    }
    let listing = project.run(&["index", "--dry-run"]);
    assert_eq!(listing.code, 0, "{}", listing.err);
    for (path, _) in files() {
        let line = listing.out.lines().find(|line| line.starts_with(&format!("- {path}: ")));
        assert!(line.is_some_and(|line| line.contains("secret: holds a private key (")), "{path}: {}", listing.out);
    }
    assert!(listing.out.contains("+ src/main.rs (rust)"), "{}", listing.out);
    let mut said = listing.out + &listing.err;
    let mut runs: Vec<Vec<String>> = Vec::new();
    for question in questions() {
        for more in [&["--json"][..], &["--explain"], &["--mode", "lexical"]] {
            let fixed = ["search", &question, "--content", "all", "--limit", "50"];
            runs.push(fixed.iter().chain(more).map(|word| (*word).to_owned()).collect());
        }
    }
    for name in [ASKED, "KEY", "key", "test_srv_key"] {
        runs.push(["references", name, "--definitions"].map(str::to_owned).to_vec());
        runs.push(["symbol", name].map(str::to_owned).to_vec());
    }
    runs.push(["status", "-v"].map(str::to_owned).to_vec());
    for arguments in &runs {
        let ran = project.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(ran.code == 0 || ran.code == 1, "{arguments:?}: {}", ran.err);
        said.push_str(&ran.out);
        said.push_str(&ran.err);
    }
    assert!(!said.contains(HIDDEN), "{said}");
    assert!(said.contains("tells how to include a file that only looks like a secret"), "{said}");
}

#[test]
fn no_tool_shows_a_part_of_a_key() {
    let repository = Repository::new();
    for (path, text) in files() {
        repository.write(path, &text);
    }
    let mut client = RawClient::initialized(&repository);
    client.indexed();
    let mut said = String::new();
    let mut hear = |answer: Value| said.push_str(&answer.to_string());
    for (path, _) in files() {
        for (tool, arguments) in [
            ("read_code", json!({ "path": path })),
            ("read_code", json!({ "path": path, "lines": "2-3" })),
            ("outline", json!({ "path": path })),
        ] {
            let refused = client.refused(tool, arguments);
            assert!(refused.contains("it holds a private key ("), "{path}: {refused}");
            hear(json!(refused));
        }
        hear(client.call("find_similar", json!({ "path": path, "line": 1 })));
        hear(client.call("search_code", json!({ "query": ASKED, "path": path, "content": "all" })));
        hear(client.request("resources/read", json!({ "uri": format!("codescry://root/{path}") })));
    }
    for question in questions() {
        hear(client.call("search_code", json!({ "query": question, "content": "all", "limit": 50 })));
    }
    for name in [ASKED, "KEY", "key", "test_srv_key"] {
        hear(client.call("find_references", json!({ "name": name, "include_definition": true })));
        hear(client.call("find_symbol", json!({ "name": name })));
        hear(client.call("read_code", json!({ "symbol": name })));
    }
    hear(client.call("outline", json!({})));
    hear(client.call("index_status", json!({})));
    assert!(!said.contains(HIDDEN), "{said}");
    client.assert_search_works();
}

/// The next search no longer finds a file into which a key was written.
#[test]
fn a_key_in_an_indexed_file_takes_the_file_out() {
    let project = Project::empty();
    project.write("src/server.py", "def load_server_certificate():\n    return None\n");
    project.write("src/other.py", "def unrelated():\n    return None\n");
    assert!(project.paths(&["load server certificate"]).contains(&"src/server.py".to_owned()));
    let key = join("    \"", "\\n\"\n");
    project.write("src/server.py", format!("def load_server_certificate():\n    return (\n{key}    )\n"));
    assert!(!project.paths(&["load server certificate"]).contains(&"src/server.py".to_owned()));
}

#[test]
fn a_file_whose_author_says_that_it_holds_no_secret_is_indexed() {
    let project = Project::empty();
    let key = join("    \"", "\\n\"\n");
    let text = format!("# codescry:allow-secret: a key for tests\ndef key_of_the_tests():\n    return (\n{key}    )\n");
    project.write("tests/keys.py", text);
    assert_eq!(project.paths(&["key of the tests"]), ["tests/keys.py"]);
}
