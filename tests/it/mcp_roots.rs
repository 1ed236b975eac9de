//! Tests that the HTTP server reveals nothing outside of its folders.

use std::path::Path;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(unix)]
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::http::{HttpServer, Session, command};
use crate::support::mcp::Repository;
#[cfg(unix)]
use crate::support::mcp::{SetOnDrop, link};
use crate::support::tested_program;

/// A text that no answer may contain.
pub const SECRET: &str = "XyzzySecretOfSomebody";

/// Calls the tools that take a path or a query, and returns all results as text.
pub fn everything(session: &Session<'_>, paths: &[String]) -> String {
    let mut said = String::new();
    for path in paths {
        for (tool, arguments) in [
            ("outline", json!({ "path": path })),
            ("find_similar", json!({ "path": path, "line": 1 })),
            ("search_code", json!({ "query": SECRET, "path": path, "content": "all" })),
        ] {
            said.push_str(&without_query(&session.call(tool, arguments).to_string()));
        }
    }
    for mode in ["hybrid", "dense", "lexical"] {
        let question = json!({ "query": SECRET, "content": "all", "mode": mode, "limit": 50, "max_tokens": 20000 });
        said.push_str(&without_query(&session.call("search_code", question).to_string()));
    }
    said.push_str(
        &session.call("find_similar", json!({ "snippet": "let password = token;", "limit": 50 })).to_string(),
    );
    said.push_str(&session.call("index_status", json!({})).to_string());
    said
}

/// Removes the query from an answer, which repeats it.
fn without_query(answer: &str) -> String {
    answer.replace(&format!("\"{SECRET}\""), "").replace(&format!("`{SECRET}` is nowhere"), "")
}

#[test]
fn nothing_outside_the_root_is_revealed_over_http() {
    let repository = Repository::new();
    let root = repository.root();
    let evil = repository.base().join("root-evil");
    std::fs::create_dir(&evil).expect("a folder");
    std::fs::write(evil.join("secret.rs"), format!("/// {SECRET}\npub fn {SECRET}() {{}}\n")).expect("a file");
    let mut paths: Vec<String> = [
        "../root-evil/secret.rs",
        "src/../../root-evil/secret.rs",
        "..%2froot-evil%2fsecret.rs",
        "src/..\\..\\root-evil\\secret.rs",
        "/etc/passwd",
        "file:///etc/passwd",
        "//etc/passwd",
        "src/\0/../../root-evil/secret.rs",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("{}-evil/secret.rs", root.display()));
    paths.push(evil.join("secret.rs").to_string_lossy().into_owned());
    #[cfg(unix)]
    {
        link(&evil, &root.join("src/link"));
        link(&evil.join("secret.rs"), &root.join("link.rs"));
        paths.extend(["src/link/secret.rs", "src/link", "link.rs"].map(str::to_owned));
    }
    let served = HttpServer::start(&repository, &[]);
    let session = served.initialize("");
    session.indexed(json!({}));
    let said = everything(&session, &paths);
    assert!(!said.contains(SECRET) && !said.contains("root:x:"), "{said}");
    for path in &paths {
        let answer = session.call("outline", json!({ "path": path }));
        assert_eq!(answer["result"]["isError"], true, "{path}: {answer}");
    }
    served.assert_search_works();
}

#[cfg(unix)]
#[test]
fn a_link_replacing_a_file_is_not_followed() {
    let repository = Repository::new();
    let root = repository.root();
    let secret = repository.base().join("secret.rs");
    std::fs::write(&secret, format!("/// {SECRET}\npub fn {SECRET}() {{}}\n")).expect("a file");
    repository.write("src/swapped.rs", "/// Harmless.\npub fn harmless() {}\n");
    let served = HttpServer::start(&repository, &["--no-watch"]);
    let session = served.initialize("");
    let stop = AtomicBool::new(false);
    let (mut rounds, mut outlined) = (0, 0);
    let started = Instant::now();
    std::thread::scope(|threads| {
        let _stopping = SetOnDrop(&stop);
        threads.spawn(|| swap(&root, &secret, &stop));
        // A busy disk can hold the other thread up while the link is there, so the number of calls is not fixed.
        while rounds < 600 || outlined == 0 || outlined == rounds {
            assert!(started.elapsed() < Duration::from_secs(120), "the file was there in {outlined} of {rounds} calls");
            let mut said = session.call("outline", json!({ "path": "src/swapped.rs" })).to_string();
            outlined += u64::from(said.contains("harmless"));
            if rounds % 200 == 0 {
                said.push_str(&session.call("index_project", json!({ "rebuild": true })).to_string());
                said.push_str(&everything(&session, &["src/swapped.rs".to_owned()]));
            }
            assert!(!said.contains(SECRET), "round {rounds}: {said}");
            rounds += 1;
        }
    });
    served.assert_search_works();
}

/// Replaces a file by a link to the secret and back, as fast as possible.
#[cfg(unix)]
fn swap(root: &Path, secret: &Path, stop: &AtomicBool) {
    let place = root.join("src/swapped.rs");
    let (new_link, new_file) = (root.join(".link"), root.join(".file"));
    while !stop.load(Ordering::Relaxed) {
        link(secret, &new_link);
        std::fs::rename(&new_link, &place).expect("it can be replaced");
        std::fs::write(&new_file, "/// Harmless.\npub fn harmless() {}\n").expect("a file");
        std::fs::rename(&new_file, &place).expect("it can be replaced");
    }
}

#[test]
fn the_home_and_root_folders_are_served_only_on_request() {
    let repository = Repository::new();
    let root = repository.root();
    let named = root.to_string_lossy().into_owned();
    for (folder, path) in [(root.as_path(), None), (Path::new("/"), None), (Path::new("/"), Some(named.as_str()))] {
        let mut serve = std::process::Command::new(tested_program());
        serve.args(["serve", "--http", "127.0.0.1:0"]).args(path).current_dir(folder).env("HOME", &root);
        serve.env("CODESCRY_INDEX_DIR", repository.base().join("index"));
        let output = serve.output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success()
                && said.contains("give the folder with your code")
                && said.contains("--allow-home"),
            "{said}"
        );
    }
    let mut meant = command(&repository, &["--http", "127.0.0.1:0", "--allow-home"]);
    meant.env("HOME", &root);
    drop(HttpServer::spawn(meant));
}
