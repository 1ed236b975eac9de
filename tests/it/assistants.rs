//! Tests that `install` writes an entry that starts the server for each known client, and that `uninstall` restores the
//! client's configuration.
//!
//! A client has a realistic configuration `NAME.before.EXT` in `tests/fixtures/clients`. Installing must turn it into
//! `NAME.after.EXT`, the written entry must answer a search when it is started as the client starts it, and
//! uninstalling must give back the first file, byte for byte. With `CODESCRY_UPDATE_SNAPSHOTS=1`, the
//! files `NAME.after.EXT` are written instead of compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clients::{ClientConfigFile, ConfigFormat, InstalledEntry, MCP_CLIENTS, McpClient};
use config::{OperatingSystem, UserEnvironment};
use serde_json::{Value, json};

use crate::support::cli::{Project, RunOutput};
use crate::support::mcp::{RawClient, poll_until};
use crate::support::tested_program;

fn project() -> Project {
    let project = Project::empty();
    project
        .write("src/retry.rs", "/// Calls a request again after a failure.\npub fn retry_request(attempts: u32) {}\n");
    project
}

/// Runs the program without other programs on its path.
fn run(project: &Project, arguments: &[&str]) -> RunOutput {
    project.command(arguments).env("PATH", project.home()).output().expect("the program starts").into()
}

/// Returns the environment that the program sees in the project.
fn user(project: &Project) -> UserEnvironment {
    let home = project.home().to_owned();
    UserEnvironment {
        system: OperatingSystem::Linux,
        settings: home.join(".config"),
        dot_config: home.join(".config"),
        local_settings: home.join(".config"),
        client_folders: BTreeMap::new(),
        written_folders: Vec::new(),
        path: Vec::new(),
        program: tested_program().into(),
        working: project.root().to_owned(),
        home,
    }
}

/// Returns the configuration file of a client for the user, or in the project.
fn config_file(project: &Project, client: &McpClient, is_project: bool) -> ClientConfigFile {
    let user = user(project);
    let files = if is_project {
        clients::project_config_files(project.root(), &user)
    } else {
        clients::user_config_files(&user)
    };
    files.into_iter().find(|file| file.client.name == client.name).expect("the client has such a file")
}

/// Returns the path of the fixture `NAME.STATE.EXT` with a configuration of a client.
fn fixture(name: &str, state: &str, client: &McpClient) -> PathBuf {
    let extension = match client.format {
        ConfigFormat::Json { .. } => "json",
        ConfigFormat::Toml => "toml",
        ConfigFormat::Yaml { .. } => "yaml",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clients");
    folder.join(format!("{name}.{state}.{extension}"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a client's file, and creates its folders.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
}

/// Starts the server of an entry as the client does: in its working folder, with its variables, and with the open
/// folder as a root if it offers roots. Checks that a search answers.
fn check_search(project: &Project, client: &McpClient, entry: &InstalledEntry, is_project: bool) {
    let root = project.root().to_str().expect("it is UTF-8");
    let signals = client.folder;
    let fill = |word: &String| match signals.placeholder {
        Some(placeholder) if is_project => word.replace(placeholder, root),
        _ => word.clone(),
    };
    // A project's file names the program, which the client finds on PATH.
    let program = entry.command.as_deref().expect("it starts a program");
    let mut command = Command::new(if is_project && program == "codescry" { tested_program() } else { program });
    command.args(entry.args.iter().map(fill)).env_clear().env("HOME", project.home());
    command.env("CODESCRY_RUNTIME_DIR", project.home().join("codescry"));
    // A client that reads a project's file works in the project.
    let is_inside = signals.starts_inside || (is_project && !signals.tell_folder() && signals.placeholder.is_none());
    command.current_dir(if is_inside { Path::new(root) } else { Path::new("/") });
    if let Some(variable) = signals.variable {
        command.env(variable, root);
    }
    let mut server = RawClient::spawn(command);
    let capabilities = if signals.offers_roots { json!({ "roots": {} }) } else { json!({}) };
    let greeting = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": capabilities,
        "clientInfo": { "name": client.name, "version": "1" },
    });
    let greeted = request(&mut server, 1, "initialize", &greeting, root);
    assert_eq!(greeted["result"]["serverInfo"]["name"], "codescry", "{}: {greeted}", client.name);
    server.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let search = json!({ "name": "search_code", "arguments": { "query": "call a request again after a failure" } });
    let mut id = 1;
    let mut ask = || {
        id += 1;
        request(&mut server, id, "tools/call", &search, root)
    };
    // The first answer may come before the file is indexed.
    let is_found = |answer: &Value| answer["result"]["content"][0]["text"].to_string().contains("src/retry.rs");
    let answer = poll_until(&mut ask, is_found);
    assert!(is_found(&answer), "{}, started as {entry:?}: {answer}", client.name);
    assert!(server.close().success(), "{}", client.name);
}

/// Sends a request and returns the response. Answers a request for the client's roots in between.
fn request(server: &mut RawClient, id: u64, method: &str, params: &Value, root: &str) -> Value {
    server.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().as_bytes());
    loop {
        let message = server.next();
        if message["method"] == "roots/list" {
            let roots = json!({ "roots": [{ "uri": format!("file://{root}"), "name": "open folder" }] });
            server.send(json!({ "jsonrpc": "2.0", "id": message["id"], "result": roots }).to_string().as_bytes());
        } else if message["id"] == id && message["method"].is_null() {
            return message;
        }
    }
}

/// Installs the entry of a client, compares the file, starts the entry, and uninstalls it.
fn check_client(client: &McpClient, name: &str) {
    let project = project();
    let file = config_file(&project, client, false).file;
    let before = read(&fixture(name, "before", client));
    write(&file, &before);
    let installed = run(&project, &["install", "--yes", "--client", client.name]);
    assert_eq!(installed.code, 0, "{name}: {}", installed.err);

    // Paths of this machine and of this run are left out of the fixture.
    let root = project.root().to_str().expect("it is UTF-8");
    let after = read(&file).replace(tested_program(), "{program}").replace(root, "{project}");
    let expected = fixture(name, "after", client);
    if std::env::var_os("CODESCRY_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&expected, &after).expect("it can be written");
    }
    assert_eq!(after, read(&expected), "{name} after install");

    let entry = config_file(&project, client, false).read_entry().expect("it can be read").expect("it is there");
    assert_eq!(entry.command.as_deref(), Some(tested_program()));
    check_search(&project, client, &entry, false);

    let removed = project.run(&["uninstall", "--yes", "--client", client.name]);
    assert_eq!(removed.code, 0, "{name}: {}", removed.err);
    assert_eq!(read(&file), before, "{name} after uninstall");
    let folder = fs::read_dir(file.parent().expect("a folder")).expect("it can be read");
    let is_backup = |path: &PathBuf| path.to_string_lossy().contains("codescry-backup");
    let left: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).filter(is_backup).collect();
    assert!(left.is_empty(), "{name}: {left:?}");
}

#[test]
fn each_client_gets_an_entry_that_answers_and_its_file_back() {
    for client in MCP_CLIENTS {
        check_client(client, client.name);
    }
}

#[test]
fn both_forms_of_opencode_are_kept() {
    let client = MCP_CLIENTS.iter().find(|client| client.name == "opencode").expect("it is known");
    check_client(client, "opencode-2");
}

#[test]
fn each_entry_in_a_project_answers_and_leaves_no_file() {
    for client in MCP_CLIENTS.iter().filter(|client| !client.project_files.is_empty()) {
        let project = project();
        let installed = project.run(&["install", "--yes", "--project", "--client", client.name]);
        assert_eq!(installed.code, 0, "{}: {}", client.name, installed.err);
        let entry = config_file(&project, client, true).read_entry().expect("it can be read").expect("it is there");
        check_search(&project, client, &entry, true);
        let removed = project.run(&["uninstall", "--yes", "--project", "--client", client.name]);
        assert_eq!(removed.code, 0, "{}: {}", client.name, removed.err);
        let left: Vec<_> =
            fs::read_dir(project.root()).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(left, [project.root().join("src")], "{}", client.name);
    }
}

#[test]
fn the_examples_are_what_install_writes() {
    for (example, name, is_project) in [
        ("claude-code.mcp.json", "claude-code", true),
        ("cursor.mcp.json", "cursor", true),
        ("vscode.mcp.json", "vscode", true),
        ("codex.config.toml", "codex", false),
        ("gemini.settings.json", "gemini", false),
        ("zed.settings.json", "zed", false),
        ("claude_desktop_config.json", "claude-desktop", false),
        ("windsurf.mcp_config.json", "windsurf", false),
    ] {
        let project = project();
        let client = MCP_CLIENTS.iter().find(|client| client.name == name).expect("it is known");
        let scope: &[&str] = if is_project { &["--project"] } else { &[] };
        let install = [&["install", "--yes", "--command", "codescry", "--client", name], scope].concat();
        assert_eq!(run(&project, &install).code, 0, "{name}");
        let root = project.root().to_str().expect("it is UTF-8");
        let written = read(&config_file(&project, client, is_project).file).replace(root, "/path/to/your/project");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clients").join(example);
        assert_eq!(written, read(&path), "{example}");
    }
}

#[test]
fn every_row_of_the_table_has_a_source() {
    for client in MCP_CLIENTS {
        let is_named = ["https://", "package"].iter().any(|word| client.source.contains(word));
        assert!(is_named, "{}: {:?}", client.name, client.source);
        assert!(!client.user_files.is_empty() && !client.installed.is_empty(), "{}", client.name);
    }
}

#[test]
fn a_stale_variable_is_replaced() {
    let project = project();
    let client = MCP_CLIENTS.iter().find(|client| client.name == "vscode").expect("it is known");
    let file = config_file(&project, client, false).file;
    let old = json!({ "servers": { "codescry": { "type": "stdio", "command": "/old", "args": ["serve", "--stdio", "${workspaceFolder}"] } } });
    write(&file, &old.to_string());
    assert_eq!(project.run(&["install", "--yes", "--client", "vscode"]).code, 0);
    let written: Value = serde_json::from_str(&read(&file)).expect("it is JSON");
    assert_eq!(written["servers"]["codescry"]["args"], json!(["serve", "--stdio"]), "no client replaces it there");
}

/// Creates empty programs with these names, for clients that need them, and returns their folder for `PATH`.
fn tools(project: &Project, names: &[&str]) -> PathBuf {
    let folder = project.home().join("tools");
    for name in names {
        write(&folder.join(name), "");
    }
    folder
}

#[test]
fn vscode_gets_a_sandbox_where_its_tools_are() {
    let project = project();
    let client = MCP_CLIENTS.iter().find(|client| client.name == "vscode").expect("it is known");
    let file = config_file(&project, client, false).file;
    write(&file, "{}");
    let install = ["install", "--yes", "--client", "vscode"];
    let ran = project.command(&install).env("PATH", tools(&project, &["bwrap", "socat"])).output().expect("it starts");
    assert!(ran.status.success(), "{ran:?}");
    let written: Value = serde_json::from_str(&read(&file)).expect("it is JSON");
    let entry = &written["servers"]["codescry"];
    assert_eq!(entry["sandboxEnabled"], true);
    let folders = entry["sandbox"]["filesystem"]["allowWrite"].as_array().expect("a list");
    assert!(folders.contains(&json!(project.home().join("data/codescry"))), "{entry}");
    assert_eq!(entry["args"], json!(["serve", "--stdio", "--no-share"]), "a sandbox hides the socket of other servers");
    let remove = ["uninstall", "--yes", "--client", "vscode"];
    let ran = project.command(&remove).env("PATH", project.home()).output().expect("it starts");
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(read(&file), "{}");
}
