//! Tests of groups: several repositories that are searched as one, on the command line and over MCP.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::cli::{Project, RunOutput};
use crate::support::mcp::{RawClient, index_until_ended, poll_until};

const API: &str = "/// Keeps connections to the database open.\npub struct ConnectionPool;\n\n\
    impl ConnectionPool {\n    /// Takes a connection.\n    pub fn acquire(&self) {}\n}\n";
const WEB: &str = "/// Keeps workers of the page server alive.\npub struct ConnectionPool;\n\n\
    impl ConnectionPool {\n    /// Wakes a worker.\n    pub fn wake(&self) {}\n}\n";
const CALLER: &str = "fn main() {\n    ConnectionPool.acquire();\n}\n";

/// Creates two repositories with a file of the same path and a type of the same name, below the project's folder, which
/// is not indexed itself.
fn two_repositories() -> Project {
    let project = Project::empty();
    project.write("api/src/pool.rs", API);
    project.write("api/src/main.rs", CALLER);
    project.write("web/src/pool.rs", WEB);
    project.write("web/README.md", "# Web\n\nThe pages of the shop.\n");
    project
}

/// Returns a command in the project's folder, with an index for each folder.
fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_remove("CODESCRY_INDEX_DIR").env("XDG_CONFIG_HOME", project.home().join("config"));
    command
}

fn run(project: &Project, arguments: &[&str]) -> RunOutput {
    command(project, arguments).output().expect("the program starts").into()
}

/// Writes the user's `config.toml`.
fn configure(project: &Project, text: &str) {
    let folder = project.home().join("config/codescry");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.toml"), text).expect("a file");
}

fn configure_backend(project: &Project) {
    let folder = |name: &str| project.root().join(name).to_string_lossy().into_owned();
    configure(project, &format!("[group.backend]\nfolders = [{:?}, {:?}]\n", folder("api"), folder("web")));
}

/// Returns the repository and the path of each result.
fn found(ran: &RunOutput) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = ran.json()["results"].as_array().expect("results").clone();
    results.iter().map(|result| (text(&result["repository"]), text(&result["path"]))).collect()
}

const BOTH: [&str; 2] = ["--in=api", "--in=web"];

#[test]
fn a_search_of_several_folders_names_the_repository_of_each_result() {
    let project = two_repositories();
    let search = |query: &str| run(&project, &[&["search", "--json"], &BOTH[..], &[query]].concat());
    let ran = search("ConnectionPool");
    let both = found(&ran);
    for name in ["api", "web"] {
        assert!(both.contains(&(name.to_owned(), format!("{name}/src/pool.rs"))), "{name}: {both:?} {}", ran.err);
        let folder = project.root().join(name);
        assert_eq!(ran.json()["repositories"][name].as_str().map(Path::new), Some(folder.as_path()));
    }
    assert_eq!(ran.json()["coverage"]["complete"], true);
    let only = found(&search("repo:web ConnectionPool"));
    assert!(!only.is_empty() && only.iter().all(|(name, _)| name == "web"), "{only:?}");
    let without = found(&search("-repo:WEB ConnectionPool"));
    assert!(!without.is_empty() && without.iter().all(|(name, _)| name == "api"), "{without:?}");
    let none = run(&project, &[&["search"], &BOTH[..], &["-repo:web -repo:api ConnectionPool"]].concat());
    assert!(none.code == 1 && none.err.contains("no repository web or api"), "{}", none.err);
    let by_path = found(&search("ConnectionPool path:src/pool.rs"));
    assert!(by_path.len() >= 2 && by_path.iter().all(|(_, path)| path.ends_with("/src/pool.rs")), "{by_path:?}");
    assert_eq!(found(&search("ConnectionPool project:api path:api/src/pool.rs"))[0].0, "api");
    let unknown = search("repo:wep ConnectionPool");
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("unknown repository wep; known: web, api"), "{}", unknown.err);
    let alone = run(&project, &["search", "--json", "--in", "web", "ConnectionPool"]);
    assert_eq!(alone.json()["results"][0]["path"], "src/pool.rs", "one folder stays as it was");
    assert!(alone.json()["results"][0].get("repository").is_none() && alone.json().get("repositories").is_none());
}

#[test]
fn every_command_works_on_a_group_of_the_settings() {
    let project = two_repositories();
    configure_backend(&project);
    let run = |arguments: &[&str]| run(&project, &[&arguments[..1], &["--group=backend"], &arguments[1..]].concat());
    let text = run(&["search", "keeps connections to the database open"]);
    assert!(text.code == 0 && text.out.starts_with("api/src/pool.rs:"), "{} {}", text.out, text.err);
    let symbol = run(&["symbol", "ConnectionPool"]);
    assert!(symbol.out.contains("api/src/pool.rs:") && symbol.out.contains("web/src/pool.rs:"), "{}", symbol.out);
    let wake = run(&["symbol", "wake repo:web"]);
    assert!(wake.out.starts_with("web/src/pool.rs:5-6  ConnectionPool.wake"), "{} {}", wake.out, wake.err);
    let references = run(&["references", "acquire"]);
    assert!(references.out.starts_with("api/src/main.rs:2  [call]"), "{} {}", references.out, references.err);
    let similar = run(&["similar", "web/src/pool.rs:6", "--json"]);
    assert!(!found(&similar).is_empty(), "{}", similar.err);
    for (place, start) in [
        ("web/src/pool.rs:1-2", "web/src/pool.rs:1-2"),
        ("web/README.md", "web/README.md:1-3"),
        ("README.md", "web/README.md:1-3"),
        ("wake", "web/src/pool.rs:5-6"),
    ] {
        let read = run(&["read", place]);
        assert!(read.out.starts_with(start), "{place}: {} {}", read.out, read.err);
    }
    let absolute = project.root().join("web/src/pool.rs");
    let read = run(&["read", &absolute.to_string_lossy()]);
    assert!(read.out.starts_with("web/src/pool.rs:1-"), "{} {}", read.out, read.err);
    let ambiguous = run(&["read", "src/pool.rs:1"]);
    assert_eq!(ambiguous.code, 2);
    assert!(ambiguous.err.contains("give one of api/src/pool.rs, web/src/pool.rs"), "{}", ambiguous.err);
    let nowhere = run(&["read", "src/nowhere.rs:1"]);
    assert!(nowhere.err.contains("begin the path with one of api, web"), "{}", nowhere.err);
    let outline = run(&["outline", "."]);
    for name in ["api", "web"] {
        let line = format!("{name}  {}  2 files", project.root().join(name).display());
        assert!(outline.out.contains(&line), "{line}: {} {}", outline.out, outline.err);
    }
    assert!(run(&["outline", "web/src"]).out.contains("pool.rs: ConnectionPool"));
    assert!(run(&["outline", "web/src/pool.rs"]).out.starts_with("web/src/pool.rs  7 lines"));
    let indexed = run(&["index"]);
    assert_eq!((indexed.code, indexed.out.matches("unchanged").count()), (0, 2), "{} {}", indexed.out, indexed.err);
}

#[test]
fn mistakes_in_the_settings_have_lines_and_remedies() {
    let project = two_repositories();
    let ran = || run(&project, &["search", "--group", "backend", "pool"]);
    let missing = ran();
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("there is no group backend") && missing.err.contains("[group.NAME]"),
        "{}",
        missing.err
    );
    configure(&project, "# groups\n[group.backend]\nfolder = [\"a\"]\n");
    assert!(ran().err.contains("config.toml:3: `folder` is unknown; allowed is `folders`"), "{}", ran().err);
    configure(&project, "[group.frontend]\nfolders = [\"a\"]\n");
    let other = ran();
    assert!(other.err.contains("there is no group backend") && other.err.contains("has: frontend"), "{}", other.err);
    configure(&project, "[group.backend]\nfolders = [\"/nowhere/at/all\"]\n");
    let none = ran();
    assert_eq!(none.code, 2);
    assert!(none.err.contains("no folder of the group can be searched: cannot open /nowhere/at/all"), "{}", none.err);
}

#[test]
fn a_folder_that_cannot_be_searched_is_left_out_and_named() {
    let project = two_repositories();
    assert_eq!(run(&project, &["index", "api", "-q"]).code, 0);
    let ran = run(&project, &["search", "--no-index", "--json", "--in=api", "--in=web", "--in=gone", "ConnectionPool"]);
    assert!(found(&ran).iter().all(|(name, _)| name == "api") && !found(&ran).is_empty(), "{}", ran.err);
    assert!(ran.err.contains("web was not searched: nothing is indexed yet"), "{}", ran.err);
    assert!(ran.err.contains("gone was not searched: cannot open gone"), "{}", ran.err);
    let filtered = run(&project, &["search", "--no-index", "--in=api", "--in=web", "repo:web ConnectionPool"]);
    assert!(filtered.code == 2 && filtered.err.contains("web is not searched: nothing is indexed"), "{}", filtered.err);
    let other = run(&project, &["index", "web", "-q", "--embedder", "synthetic:100000"]);
    assert_eq!(other.code, 0, "{}", other.err);
    // The simulated model is not that of a search without --embedder.
    let mixed = run(&project, &["search", "--no-index", "--json", "--in=api", "--in=web", "ConnectionPool"]);
    assert!(found(&mixed).iter().all(|(name, _)| name == "api"), "{}", mixed.out);
    assert!(mixed.err.contains("web was not searched: the index of "), "{}", mixed.err);
}

#[test]
fn folders_given_twice_or_inside_of_each_other_are_searched_once() {
    let project = two_repositories();
    let ran = run(&project, &["search", "--json", "--in=api", "--in=api/src", "--in=api", "--in=web", "acquire"]);
    let names: Vec<String> = ran.json()["repositories"].as_object().expect("two").keys().cloned().collect();
    assert_eq!(names, ["api", "web"], "{}", ran.err);
    assert!(ran.err.contains("is given twice"), "{}", ran.err);
    assert!(ran.err.contains("is not a repository of its own here"), "{}", ran.err);
    let index = project.home().join("one-index");
    let same = run(&project, &["search", "--index-dir", &index.to_string_lossy(), "--in=api", "--in=web", "acquire"]);
    assert!(same.code == 2 && same.err.contains("would have the same index; leave out --index-dir"), "{}", same.err);
}

#[test]
fn repositories_of_the_same_name_are_told_apart() {
    let project = Project::empty();
    project.write("one/app/a.rs", "pub fn open_one() {}\n");
    project.write("two/app/a.rs", "pub fn open_two() {}\n");
    let ran = run(&project, &["search", "--json", "--in=one/app", "--in=two/app", "repo:two-app open"]);
    assert_eq!(found(&ran), [("two-app".to_owned(), "two-app/a.rs".to_owned())], "{}", ran.err);
}

/// Starts a server with these arguments, and waits until its folders are indexed.
fn serve(project: &Project, arguments: &[&str]) -> RawClient {
    let serve = ["serve", "--no-share", "--structured"];
    let mut raw = RawClient::spawn(command(project, &[&serve[..], arguments].concat()));
    raw.initialize();
    index_until_ended(json!({}), |arguments| raw.call("index_project", arguments));
    raw
}

fn hits(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hits = answer["result"]["structuredContent"]["hits"].as_array().cloned().unwrap_or_default();
    hits.iter().map(|hit| (text(&hit["repository"]), text(&hit["path"]))).collect()
}

fn said(answer: &Value) -> String {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_call_without_a_root_searches_all_roots() {
    let project = two_repositories();
    configure_backend(&project);
    for arguments in [&["api", "web"][..], &["--group", "backend"]] {
        let mut raw = serve(&project, arguments);
        let both = raw.call("search_code", json!({ "query": "ConnectionPool" }));
        for name in ["api", "web"] {
            assert!(hits(&both).contains(&(name.to_owned(), format!("{name}/src/pool.rs"))), "{both}");
        }
        let web = raw.call("search_code", json!({ "query": "repo:web ConnectionPool" }));
        assert!(!hits(&web).is_empty() && hits(&web).iter().all(|(name, _)| name == "web"), "{web}");
        let rooted = raw.call("search_code", json!({ "query": "ConnectionPool", "root": "web" }));
        assert_eq!(hits(&rooted)[0], (String::new(), "src/pool.rs".to_owned()), "a call with a root is as before");
        let below =
            raw.call("search_code", json!({ "query": "ConnectionPool", "path": project.root().join("web/src") }));
        assert!(!hits(&below).is_empty() && hits(&below).iter().all(|(name, _)| name == "web"), "{below}");
        let symbol = raw.call("find_symbol", json!({ "name": "wake" }));
        assert!(said(&symbol).starts_with("web/src/pool.rs:5"), "{symbol}");
        let uses = raw.call("find_references", json!({ "name": "acquire" }));
        assert!(said(&uses).contains("api/src/main.rs"), "{uses}");
        let similar = raw.call("find_similar", json!({ "path": "api/src/pool.rs:6" }));
        assert!(!hits(&similar).is_empty(), "{similar}");
        let read = raw.call("read_code", json!({ "path": "web/src/pool.rs:1-2" }));
        assert!(
            said(&read).starts_with("web/src/pool.rs:1-2 of 7 lines") && said(&read).contains("page server"),
            "{read}"
        );
        let absolute = raw.call("read_code", json!({ "path": project.root().join("api/src/main.rs") }));
        assert!(said(&absolute).starts_with("api/src/main.rs:1-3"), "{absolute}");
        let ambiguous = raw.refused("read_code", json!({ "path": "src/pool.rs" }));
        assert!(ambiguous.contains("api/src/pool.rs, web/src/pool.rs"), "{ambiguous}");
        for outside in ["../secret.rs", "web/../../secret.rs", "/etc/passwd"] {
            let refused = raw.refused("read_code", json!({ "path": outside }));
            assert!(refused.contains("outside"), "{outside}: {refused}");
        }
        let outline = said(&raw.call("outline", json!({ "path": "." })));
        for name in ["api", "web"] {
            let line = format!("root {name} is {}, 2 files", project.root().join(name).display());
            assert!(outline.contains(&line), "{line}: {outline}");
        }
        let status = raw.call("index_status", json!({}));
        assert_eq!(status["result"]["structuredContent"]["roots"].as_array().map(Vec::len), Some(2), "{status}");
        let indexed = raw.call("index_project", json!({}));
        let content = &indexed["result"]["structuredContent"];
        assert_eq!(content["others"].as_array().map(Vec::len), Some(1), "{indexed}");
        assert!(raw.close().success());
    }
}

#[test]
fn a_change_in_one_repository_is_found_in_the_group() {
    let project = two_repositories();
    let mut raw = serve(&project, &["api", "web"]);
    let mut find = |name: &str| hits(&raw.call("search_code", json!({ "query": name })));
    assert!(find("refill_basket").iter().all(|(_, path)| path != "web/src/basket.rs"));
    project.write("web/src/basket.rs", "/// Fills the basket again.\npub fn refill_basket() {}\n");
    let is_first = |hits: &Vec<(String, String)>| hits.first().is_some_and(|(_, path)| path == "web/src/basket.rs");
    let seen = poll_until(|| find("refill_basket"), is_first);
    assert!(is_first(&seen), "{seen:?}");
    project.remove("web/src/basket.rs");
    let is_gone = |hits: &Vec<(String, String)>| hits.iter().all(|(_, path)| path != "web/src/basket.rs");
    assert!(is_gone(&poll_until(|| find("refill_basket"), is_gone)));
    assert_eq!(find("acquire")[0].1, "api/src/pool.rs", "the other repository is still there");
    assert!(raw.close().success());
}
