//! Tests that files with credentials are never read, whatever their name and whichever tool is called.

use serde_json::json;

use crate::mcp_roots::{SECRET, everything};
use crate::support::http::HttpServer;
use crate::support::mcp::Repository;

/// Paths excluded because of their names.
const NAMED: [&str; 17] = [
    ".env",
    ".env.production",
    "prod.env",
    ".envrc",
    "id_rsa",
    "id_rsa_work",
    "deploy/id_ed25519",
    "deploy/id_ed25519_sk",
    "keys/server.pem",
    "keys/tls.key",
    ".npmrc",
    ".netrc",
    ".aws/credentials",
    "src/.env.local",
    "kubeconfig",
    "ops/prod.kubeconfig",
    "ops/kubeconfig.yaml",
];

#[test]
fn no_tool_returns_planted_secrets() {
    let repository = Repository::new();
    let key = |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\n{SECRET}\n-----END {kind}PRIVATE KEY-----\n");
    for path in NAMED {
        repository.write(path, &format!("PASSWORD={SECRET}\n"));
    }
    // Files excluded because of their contents.
    let pem = serde_json::to_string(&key("")).expect("a text");
    let account =
        format!("{{\n  \"type\": \"service_account\",\n  \"private_key\": {pem},\n  \"x\": \"{SECRET}\"\n}}\n");
    let found = [
        ("deploy_key", key("OPENSSH ")),
        ("deploy/host", format!("# of the host\n\n{}", key("RSA "))),
        ("notes.txt", format!("the key:\r\n  {}", key("EC ").replace('\n', "\r\n"))),
        ("gcp-prod.json", account.clone()),
        ("config/firebase.json", account.replace('\n', "")),
        ("values.yaml", format!("tls:\n  key: |\n    {}\n", key("ENCRYPTED ").replace('\n', "\n    "))),
    ];
    for (path, text) in &found {
        repository.write(path, text);
    }
    // An ignore file can include hidden files, but not secrets.
    repository.write(".codescryignore", "!.env*\n!.envrc\n!.npmrc\n!.netrc\n!.aws/\n!*.env\n!id_*\n");
    // A source file that only mentions keys is indexed.
    repository.write(
        "src/pem.rs",
        "/// The first line of a key.\npub const BEGIN: &str = \"-----BEGIN PRIVATE KEY-----\";\n\n\
         pub fn is_key(line: &str) -> bool {\n    line == BEGIN\n}\n",
    );
    let served = HttpServer::start(&repository, &[]);
    let session = served.initialize("");
    let indexed = session.indexed(json!({ "rebuild": true }));
    assert_eq!(indexed["result"]["structuredContent"]["coverage"]["files_indexed"], 7, "{indexed}");
    let paths: Vec<String> = NAMED.into_iter().chain(found.iter().map(|(path, _)| *path)).map(str::to_owned).collect();
    let mut said = everything(&session, &paths);
    for path in &paths {
        let read = session.call("read_code", json!({ "path": path }));
        assert_eq!(read["result"]["isError"], true, "{path}: {read}");
        let uri = format!("codescry://root/{path}");
        let request = json!({ "jsonrpc": "2.0", "id": 3, "method": "resources/read", "params": { "uri": uri } });
        let resource = session.post(&request.to_string()).message();
        assert!(resource["error"].is_object(), "{path}: {resource}");
        said.push_str(&format!("{read}{resource}"));
    }
    assert!(!said.contains(SECRET), "{said}");
    let read = session.call("read_code", json!({ "symbol": "is_key" }));
    assert_eq!(read["result"]["structuredContent"]["path"], "src/pem.rs", "{read}");
}
