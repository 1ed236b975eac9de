//! Tests of projects within a folder: detection, listing and filtering.

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{ProgressListener, Repository, call, connect, indexed, structured, text};

const RETRY: &str = "/// Calls a request again after a failure.\npub fn retry_request(attempts: u32) {}\n";

const LOGIN: &str = "def check_password(name, password):\n    \"\"\"Compares a login attempt with the hash.\"\"\"\n";

/// A query that finds every file of the test project except the manifests.
const BOTH: &str = "retry a request, check a password";

/// Creates a monorepo: a service, a package with a nested package, and a file that belongs to no project.
fn monorepo() -> Project {
    let project = Project::empty();
    project.write("services/net/Cargo.toml", "[package]\nname = \"net-service\"\n");
    project.write("services/net/src/retry.rs", RETRY);
    project.write("packages/web/package.json", "{\"name\": \"@org/web\"}");
    project.write("packages/web/accounts.py", LOGIN);
    project.write("packages/web/plugin/pyproject.toml", "[project]\nname = \"plugin\"\n");
    project.write("packages/web/plugin/accounts.py", LOGIN);
    project.write("docs/requests.md", "# Requests\n\nWhen to retry a request, and how to check a password.\n");
    project
}

#[test]
fn projects_filter_results() {
    let project = monorepo();
    let of = |name: &str| {
        let mut found = project.paths(&[BOTH, "--project", name, "--limit", "50"]);
        found.sort();
        found
    };
    for name in ["net-service", "NET-Service", "services/net", "./services/net/"] {
        assert_eq!(of(name), ["services/net/src/retry.rs"], "{name}");
    }
    assert_eq!(of("@org/web"), ["packages/web/accounts.py", "packages/web/plugin/accounts.py"], "what is inside, too");
    assert_eq!(of("plugin"), ["packages/web/plugin/accounts.py"]);
    let answer = project.run(&["search", BOTH, "--json", "--limit", "50"]).json();
    let results = answer["results"].as_array().expect("results are a list");
    assert_eq!(results.len(), 4, "{answer}");
    for result in results {
        let wanted = match result["path"].as_str().expect("a path") {
            "services/net/src/retry.rs" => json!("net-service"),
            "packages/web/accounts.py" => json!("@org/web"),
            "packages/web/plugin/accounts.py" => json!("plugin"),
            _ => Value::Null,
        };
        assert_eq!(result["project"], wanted, "{result}");
    }
    let unknown = project.run(&["search", "q", "--project", "pluggin"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""));
    let said = "unknown project pluggin; known: plugin (packages/web/plugin), ";
    assert!(unknown.err.contains(said), "{}", unknown.err);
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn the_status_lists_the_projects() {
    let project = monorepo();
    assert_eq!(project.run(&["index"]).code, 0);
    let status = project.run(&["status", "--json"]).json();
    let row = |name: &str, kind: &str, folder: &str| json!({"name": name, "kind": kind, "folder": folder, "files": 1});
    // The manifests are indexed and count.
    let mut wanted = vec![
        row("@org/web", "npm", "packages/web"),
        row("plugin", "python", "packages/web/plugin"),
        row("net-service", "cargo", "services/net"),
    ];
    wanted.iter_mut().for_each(|row| row["files"] = json!(2));
    assert_eq!(status["projects"], Value::Array(wanted));
    let text = project.run(&["status"]).out;
    let line = "projects   3: @org/web (npm, packages/web, 2 files), plugin (python, packages/web/plugin, 2 files), \
                net-service (cargo, services/net, 2 files)\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn projects_are_listed_and_filter_results_over_mcp() {
    let repository = Repository::new();
    repository.write("web/package.json", "{\"name\": \"@org/web\"}");
    repository.write("app/setup.cfg", "[metadata]\nname = billing\n");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = connect(&repository, ProgressListener::default()).await;
        indexed(&client, json!({})).await;
        let status = call(&client, "index_status", json!({})).await;
        let projects = &structured(&status)["roots"][0]["projects"];
        let row = |name: &str, kind: &str, folder: &str, files: u32| json!({ "name": name, "kind": kind, "folder": folder, "files": files });
        let first = [row("billing", "python", "app", 3), row("@org/web", "npm", "web", 3)];
        assert_eq!(*projects, json!({ "total": 2, "first": first }));
        let line = "projects: 2: billing (python, app, 3 files), @org/web (npm, web, 3 files)\n";
        assert!(text(&status).contains(line), "{status:?}");
        for (tool, arguments) in [
            ("search_code", json!({ "query": "parse the parameters of a route", "project": "@ORG/web", "limit": 50 })),
            ("find_similar", json!({ "snippet": "clearTimeout(timer); timer = setTimeout(callback, waitMs);", "project": "./web/", "limit": 50 })),
        ] {
            let answer = call(&client, tool, arguments).await;
            assert!(all_below("web/", &structured(&answer)["hits"]), "{tool}: {answer:?}");
        }
        let unsaid = call(&client, "search_code", json!({ "query": "hash a password", "project": " " })).await;
        assert_eq!(structured(&unsaid)["hits"][0]["path"], "app/passwords.py");
        let unknown = call(&client, "search_code", json!({ "query": "hash", "project": "webb" })).await;
        assert_eq!(unknown.is_error, Some(true));
        assert!(text(&unknown).contains("known: @org/web (web), billing (app)"), "{unknown:?}");
        client.cancel().await.expect("it ends");
    });
}

/// Returns whether there are hits and all are below a folder.
fn all_below(folder: &str, hits: &Value) -> bool {
    let hits = hits.as_array().expect("hits are a list");
    let below = |hit: &Value| hit["path"].as_str().is_some_and(|path| path.starts_with(folder));
    !hits.is_empty() && hits.iter().all(below)
}
