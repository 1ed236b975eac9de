//! Tests that tokens in code are masked in every answer and in the index, whichever request would show them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

/// The text of which the random part of each token is made. No answer may contain such a part.
const HIDDEN: &str = "aZ3kQ9mX7bT1wL5dR8uV2yN6cF4gH0jPeSoI";

/// Source files with tokens: the path, the text, the line of the token and the rule.
fn files() -> Vec<(&'static str, String, u32, &'static str)> {
    let secret = &HIDDEN[..16];
    vec![
        (
            "src/settings.py",
            format!(
                "import os\n\nGITHUB_TOKEN = \"ghp_{HIDDEN}\"\n\ndef request_headers():\n    return GITHUB_TOKEN\n"
            ),
            3,
            "github-token",
        ),
        (
            "src/bucket.go",
            format!("package bucket\n\nvar accessKey = \"AKIA{}\"\n", secret.to_uppercase()),
            3,
            "aws-access-key-id",
        ),
        ("src/client.rs", format!("/// Connects.\npub const KEY: &str = \"sk-proj-{HIDDEN}\";\n"), 2, "sk-key"),
        ("src/db.rb", format!("URL = 'postgres://app:{HIDDEN}@db.internal/app'\n"), 1, "url-password"),
        ("src/notify.js", format!("const token = 'xoxb-123456789012-{HIDDEN}';\nsend(token);\n"), 1, "slack-token"),
        ("docs/deploy.md", format!("# Deploy\n\nUse `glpat-{}` for now.\n", &HIDDEN[..20]), 3, "gitlab-token"),
        (
            "src/session.ts",
            format!("export const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.{HIDDEN}';\n"),
            1,
            "json-web-token",
        ),
    ]
}

/// Returns two texts; each token contains one of them.
fn hidden_texts() -> Vec<String> {
    vec![HIDDEN[..16].to_owned(), HIDDEN[..16].to_uppercase()]
}

fn assert_hides(said: &str) {
    for hidden in hidden_texts() {
        assert!(!said.contains(&hidden), "{said}");
    }
}

/// Returns the contents of all files below a folder, joined.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { fs::read(&path).unwrap_or_default() });
    }
    bytes
}

#[test]
fn no_command_shows_a_token_and_the_index_has_none() {
    let project = Project::empty();
    for (path, text, ..) in files() {
        project.write(path, text);
    }
    let listing = project.run(&["index", "--dry-run"]);
    assert_eq!(listing.code, 0, "{}", listing.err);
    for (path, _, line, rule) in files() {
        let wanted = format!("{path}:{line}: a credential is masked ({rule})");
        assert!(listing.out.contains(&wanted), "{wanted}: {}", listing.out);
    }
    let masked = project.run(&["index", "--dry-run", "--json"]).json();
    assert_eq!(masked["masked"].as_array().map(Vec::len), Some(files().len()), "{masked}");
    let mut said = listing.out + &listing.err;
    for (path, text, line, _) in files() {
        let question = text.lines().nth(line as usize - 1).expect("a line").split([' ', '=']).next().expect("a word");
        for more in [&[][..], &["--json"], &["--explain"], &["--mode", "lexical"]] {
            let fixed = ["search", question, "--content", "all", "--limit", "50"];
            let ran = project.run(&[&fixed[..], more].concat());
            assert_eq!(ran.code, 0, "{path}: {}", ran.err);
            said.push_str(&ran.out);
            said.push_str(&ran.err);
        }
    }
    for name in ["GITHUB_TOKEN", "KEY", "token", "accessKey", "jwt", "URL"] {
        for command in [&["references", name, "--definitions"][..], &["symbol", name]] {
            let ran = project.run(command);
            said.push_str(&ran.out);
            said.push_str(&ran.err);
        }
    }
    assert_hides(&said);
    assert!(said.contains("ghp_••••"), "{said}");
    assert!(said.contains("•••• stands for a credential in"), "{said}");
    let folders = [project.index_dir(), project.home().join("data"), project.home().join(".cache")];
    let stored = folders.iter().flat_map(|folder| all_bytes(folder)).collect::<Vec<_>>();
    let has = |text: &str| stored.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(has("request_headers"), "texts are stored as they are");
    for hidden in hidden_texts() {
        assert!(!has(&hidden), "the index has {hidden}");
    }
}

#[test]
fn no_tool_shows_a_token_and_answers_say_so() {
    let repository = Repository::new();
    for (path, text, ..) in files() {
        repository.write(path, &text);
    }
    let mut client = RawClient::initialized(&repository);
    client.indexed();
    let mut said = String::new();
    for (path, text, line, rule) in files() {
        let read = client.call("read_code", json!({ "path": path })).to_string();
        assert!(read.contains("••••") && read.contains(&format!("{rule} in line {line}")), "{path}: {read}");
        assert!(read.contains(&format!("of {} lines", text.lines().count())), "{path}: {read}");
        said.push_str(&read);
        for (tool, arguments) in [
            ("outline", json!({ "path": path })),
            ("find_similar", json!({ "path": path, "line": 1 })),
            ("search_code", json!({ "query": "token key url", "path": path, "content": "all" })),
        ] {
            said.push_str(&client.call(tool, arguments).to_string());
        }
        said.push_str(
            &client.request("resources/read", json!({ "uri": format!("codescry://root/{path}") })).to_string(),
        );
    }
    for name in ["GITHUB_TOKEN", "KEY", "token"] {
        for tool in ["find_references", "find_symbol"] {
            said.push_str(&client.call(tool, json!({ "name": name })).to_string());
        }
    }
    let found: Value = client.call("search_code", json!({ "query": "GITHUB_TOKEN" }));
    assert!(found.to_string().contains("•••• stands for a credential in"), "{found}");
    assert_hides(&said);
}

#[test]
fn another_token_in_the_same_place_is_a_change_of_the_file() {
    let project = Project::empty();
    let text = |token: &str| format!("TOKEN = \"ghp_{token}\"\n\ndef send_request():\n    return TOKEN\n");
    project.write("a.py", text(HIDDEN));
    assert_eq!(project.run(&["index"]).code, 0);
    project.write("a.py", text(&HIDDEN.chars().rev().collect::<String>()));
    let report = project.run(&["index", "--json"]).json();
    assert_eq!(report["files_indexed"], 1, "{report}");
    let found = project.run(&["search", "send request", "--json"]).json();
    assert_eq!(
        (&found["results"][0]["stale"], &found["results"][0]["path"]),
        (&json!(false), &json!("a.py")),
        "{found}"
    );
}

#[test]
fn stores_of_secrets_are_left_out_as_a_whole() {
    let project = Project::empty();
    let stores = [
        (
            "k8s/db.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: notreal-k8s}\n".to_owned(),
        ),
        ("env.local", "STRIPE_SECRET_KEY=notreal-env\n".to_owned()),
        ("wp-config.php", "<?php define(\"DB_PASSWORD\", \"notreal-wp\");\n".to_owned()),
        ("token.txt", format!("ghp_{HIDDEN}\n")),
    ];
    for (path, text) in &stores {
        project.write(path, text);
    }
    project.write("k8s/web.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n");
    let listing = project.run(&["index", "--dry-run"]).out;
    for (path, _) in &stores {
        assert!(listing.contains(&format!("- {path}: secret: ")), "{path}: {listing}");
    }
    assert!(listing.contains("+ k8s/web.yaml"), "{listing}");
}
