//! Tests that the server never reveals secrets, ignored files or files outside the root, even if links change
//! during a call.

use serde_json::{Value, json};

use crate::support::mcp::{RawClient, Repository};

/// A name contained in every file that must not be shown.
const MARK: &str = "forbidden_fruit";

/// Returns calls of all tools that could reveal a file.
fn questions(path: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("read_code", json!({ "path": path })),
        ("read_code", json!({ "path": path, "lines": "1-3", "context": 100 })),
        ("read_code", json!({ "path": path, "symbol": MARK })),
        ("read_code", json!({ "symbol": MARK })),
        ("outline", json!({ "path": path })),
        ("find_similar", json!({ "path": path, "line": 1 })),
        ("search_code", json!({ "query": MARK, "path": path, "content": "all" })),
        ("search_code", json!({ "query": MARK, "content": "all", "mode": "lexical" })),
        ("find_symbol", json!({ "name": MARK })),
        ("find_symbol", json!({ "name": "forbidden*", "path": path })),
        ("find_references", json!({ "name": MARK, "include_definition": true })),
    ]
}

/// Calls a tool and returns its result as text.
fn said(raw: &mut RawClient, tool: &str, arguments: &Value) -> String {
    let answer = raw.call(tool, arguments.clone());
    assert!(answer["error"].is_null(), "{tool} {arguments}: {answer}");
    answer["result"].to_string()
}

/// Checks that no tool reveals a file's text. Answers may repeat the requested name.
fn never_shown(raw: &mut RawClient, path: &str) {
    for (tool, arguments) in questions(path) {
        let said = said(raw, tool, &arguments);
        assert!(
            !said.contains("fruit()") && !said.contains("fruit=") && !said.contains("fruit_of"),
            "{tool} {arguments}: {said}"
        );
    }
    let address = format!("codescry://root/{}", path.replace('%', "%25"));
    let answer = raw.request("resources/read", json!({ "uri": address }));
    assert!(!answer["error"].is_null(), "{answer}");
}

#[test]
fn secrets_and_ignored_files_are_never_revealed() {
    let repository = Repository::new();
    let code = "pub fn forbidden_fruit() { forbidden_fruit_of(1); }\n";
    let secrets = [
        ".env",
        "tls/server.key",
        "tls/server.pem",
        "home/.aws/config.rs",
        "home/.ssh/known.rs",
        "secrets.yaml",
        "id_rsa",
    ];
    for path in secrets {
        repository.write(path, "forbidden_fruit=1\n");
    }
    for path in ["generated/out.rs", "src/draft.rs", ".hidden/a.rs", ".git/config.rs", "node/deep/er/a.rs"] {
        repository.write(path, code);
    }
    repository.write(".gitignore", "/generated/\ndraft.rs\nnode\n");
    repository.write(".codescryignore", "!.env\n!secrets.yaml\n");
    let mut raw = RawClient::initialized(&repository);
    raw.assert_search_works();
    for path in secrets {
        never_shown(&mut raw, path);
        let said = raw.refused("read_code", json!({ "path": path }));
        assert!(said.contains("credentials"), "{path}: {said}");
    }
    for path in ["generated/out.rs", "src/draft.rs", ".hidden/a.rs", ".git/config.rs", "node/deep/er/a.rs"] {
        never_shown(&mut raw, path);
        let said = raw.refused("read_code", json!({ "path": path }));
        assert!(said.contains("left out"), "{path}: {said}");
        assert!(raw.refused("outline", json!({ "path": path })).contains("left out"), "{path}");
    }
    // A file that becomes ignored after indexing can no longer be read.
    repository.write(".gitignore", "/generated/\ndraft.rs\nnode\n/src/cache.rs\n");
    assert!(raw.refused("read_code", json!({ "path": "src/cache.rs" })).contains("left out"));
}

#[cfg(unix)]
#[test]
fn links_to_other_files_are_not_followed() {
    use crate::support::mcp::link;
    let repository = Repository::new();
    let (root, evil) = (repository.root(), repository.base().join("root-evil"));
    std::fs::create_dir(&evil).expect("a folder");
    let secret = evil.join("secret.rs");
    std::fs::write(&secret, "pub fn forbidden_fruit() { forbidden_fruit_of(1); }\n").expect("a file");
    repository.write("keys/id_rsa", "forbidden_fruit=1\n");
    link(&secret, &root.join("src/file.rs"));
    link(&evil, &root.join("src/folder"));
    link(&root.join("keys/id_rsa"), &root.join("src/plain.rs"));
    link(&root.join("src/cache.rs"), &root.join("src/.env"));
    let mut raw = RawClient::initialized(&repository);
    raw.assert_search_works();
    let evil = evil.to_string_lossy().into_owned();
    let paths = [
        "src/file.rs".to_owned(),
        "src/folder/secret.rs".to_owned(),
        "src/plain.rs".to_owned(),
        "src/.env".to_owned(),
        "../root-evil/secret.rs".to_owned(),
        "src/../../root-evil/secret.rs".to_owned(),
        format!("{evil}/secret.rs"),
        "src/folder/../../root-evil/secret.rs".to_owned(),
    ];
    for path in paths {
        never_shown(&mut raw, &path);
        raw.refused("read_code", json!({ "path": path }));
    }
    raw.assert_search_works();
}

/// A folder is repeatedly replaced by a link to an outside folder while its file is read.
#[cfg(unix)]
#[test]
fn a_link_swapped_in_during_a_call_is_not_followed() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use crate::support::mcp::{PATIENCE, SetOnDrop};
    let repository = Repository::new();
    let (root, base) = (repository.root(), repository.base());
    let inside = "pub fn harmless() { harmless_too(1); }\n";
    let outside = "pub fn harmless() { harmless_too(1); forbidden_fruit_of(1); }\n";
    repository.write("lib/a.rs", inside);
    std::fs::create_dir(base.join("evil")).expect("a folder");
    std::fs::write(base.join("evil/a.rs"), outside).expect("a file");
    let mut raw = RawClient::unwatched(&repository);
    raw.assert_search_works();
    crate::support::mcp::link(&base.join("evil"), &base.join("link"));
    let is_over = AtomicBool::new(false);
    let rename = |from: std::path::PathBuf, to: std::path::PathBuf| std::fs::rename(from, to).expect("it moves");
    std::thread::scope(|scope| {
        let _ending = SetOnDrop(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                rename(root.join("lib"), base.join("aside"));
                rename(base.join("link"), root.join("lib"));
                std::thread::yield_now();
                rename(root.join("lib"), base.join("link"));
                rename(base.join("aside"), root.join("lib"));
                // With a single core, yielding lets the server see both states.
                std::thread::yield_now();
            }
        });
        let (mut reads, mut round, until) = (0, 0, Instant::now() + PATIENCE);
        while round < 300 || (reads == 0 && Instant::now() < until) {
            let (tool, arguments) = match round % 4 {
                0 => ("read_code", json!({ "path": "lib/a.rs" })),
                1 => ("read_code", json!({ "path": "lib/a.rs", "symbol": "harmless" })),
                2 => ("outline", json!({ "path": "lib/a.rs" })),
                _ => ("find_references", json!({ "name": "harmless_too" })),
            };
            let said = said(&mut raw, tool, &arguments);
            reads += usize::from(said.contains("harmless_too(1)"));
            assert!(!said.contains("forbidden_fruit"), "{tool} {arguments}: {said}");
            round += 1;
        }
        assert!(reads > 0, "nothing was read at all");
    });
}
