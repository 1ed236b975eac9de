//! Tests of `install`, `uninstall`, shell completions and manual pages.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::tested_program;

const ZED: &str = "// Mine.\n{\n\t\"theme\": \"dark\", // as ever\n}\n";

const CODEX: &str = "model = \"o\"\r\n";

/// Creates a project whose home folder has the settings of three clients.
pub fn with_clients() -> Project {
    let project = Project::empty();
    project
        .write("src/retry.rs", "/// Calls a request again after a failure.\npub fn retry_request(attempts: u32) {}\n");
    for (path, text) in [(".config/zed/settings.json", ZED), (".codex/config.toml", CODEX), (".cursor/other", "")] {
        let file = project.home().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(file, text).expect("a file can be written");
    }
    project
}

fn text(project: &Project, path: &str) -> String {
    fs::read_to_string(project.home().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn cursor(project: &Project) -> Value {
    serde_json::from_str(&text(project, ".cursor/mcp.json")).expect("it is JSON")
}

#[test]
#[cfg(unix)]
fn installing_and_uninstalling_restores_client_settings() {
    let project = with_clients();
    let ran = project.run(&["install", "--yes"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shown = ["\n+     \"context_servers\": {\n", "Cursor ~/.cursor/mcp.json (new)\n"];
    assert!(shown.iter().all(|line| ran.out.contains(line)), "{}", ran.out);
    assert!(!ran.out.contains("Windsurf"), "{}", ran.out);
    let program = json!(tested_program());
    assert_eq!(cursor(&project)["mcpServers"]["codescry"]["command"], program);
    assert!(
        text(&project, ".config/zed/settings.json")
            .starts_with("// Mine.\n{\n\t\"theme\": \"dark\", // as ever\n\t\"context_servers\"")
    );
    assert!(text(&project, ".codex/config.toml").starts_with("model = \"o\"\r\n\r\n[mcp_servers.codescry]\r\n"));
    assert_eq!(text(&project, ".codex/config.toml.codescry-backup"), CODEX);

    let again = project.run(&["install"]);
    assert_eq!((again.code, again.err.as_str()), (0, ""), "nothing to ask");
    assert_eq!(again.out.matches("is already set up\n").count(), 3, "{}", again.out);

    let out = project.run(&["uninstall", "--yes"]);
    assert_eq!(out.code, 0, "{}", out.err);
    assert_eq!(
        (text(&project, ".config/zed/settings.json").as_str(), text(&project, ".codex/config.toml").as_str()),
        (ZED, CODEX)
    );
    let left: Vec<PathBuf> = fs::read_dir(project.home().join(".cursor"))
        .expect("it is there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(left, [project.home().join(".cursor/other")]);
}

#[test]
fn nothing_is_written_without_confirmation() {
    let project = with_clients();
    let unasked = project.run(&["install"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.err.contains("nothing was written") && unasked.err.contains("--yes"), "{}", unasked.err);
    let dry = project.run(&["install", "--dry-run"]);
    assert_eq!((dry.code, dry.err.as_str(), dry.out.as_str()), (0, "", unasked.out.as_str()));
    assert!(!project.home().join(".cursor/mcp.json").exists());
    assert_eq!(text(&project, ".codex/config.toml"), CODEX);
}

#[test]
fn a_broken_configuration_is_kept_and_others_are_written() {
    let project = with_clients();
    let broken = "model = \"o\"\nbroken = = 1\n";
    fs::write(project.home().join(".codex/config.toml"), broken).expect("it can be written");
    let ran = project.run(&["install", "--yes"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("config.toml was not changed: line 2, column 10"), "{}", ran.err);
    assert_eq!(text(&project, ".codex/config.toml"), broken);
    assert!(cursor(&project)["mcpServers"]["codescry"].is_object());
}

#[test]
fn clients_and_projects_can_be_selected() {
    let project = Project::empty();
    let nobody = project.run(&["install"]);
    assert_eq!((nobody.code, nobody.out.as_str()), (1, ""));
    assert!(nobody.err.contains("--client") && nobody.err.contains("windsurf"), "{}", nobody.err);
    assert_eq!(project.run(&["install", "--client", "netscape"]).code, 2);
    let nowhere = project.run(&["install", "no/such/folder", "--client", "zed"]);
    assert_eq!(nowhere.code, 2);
    assert!(nowhere.err.contains("no/such/folder") && nowhere.err.contains("give a folder"), "{}", nowhere.err);

    let named = project.run(&["install", "--yes", "--client", "windsurf"]);
    assert_eq!(named.code, 0, "{}", named.err);
    let windsurf: Value = serde_json::from_str(&text(&project, ".codeium/windsurf/mcp_config.json")).expect("JSON");
    let args = &windsurf["mcpServers"]["codescry"]["args"];
    assert_eq!(*args, json!(["serve", "--stdio", project.root()]), "it is not told the folder");

    let inside =
        ["install", "--yes", "--project", "--client", "vscode", "--client", "claude-code", "--command", "codescry"];
    assert_eq!(project.run(&inside).code, 0);
    let read = |path: &str| -> Value {
        serde_json::from_slice(&fs::read(project.root().join(path)).expect("it is there")).expect("it is JSON")
    };
    let vscode = json!({ "type": "stdio", "command": "codescry", "args": ["serve", "--stdio", "${workspaceFolder}"] });
    assert_eq!(read(".vscode/mcp.json")["servers"]["codescry"], vscode);
    assert_eq!(read(".mcp.json")["mcpServers"]["codescry"]["command"], "codescry");
    let more = ["install", "--yes", "--project", "--client", "zed", "--client", "codex", "--client", "gemini"];
    assert_eq!(project.run(&more).code, 0);
    let here = json!(["serve", "--stdio"]);
    assert_eq!(read(".zed/settings.json")["context_servers"]["codescry"]["args"], here);
    assert_eq!(read(".gemini/settings.json")["mcpServers"]["codescry"]["args"], here);
    let codex = fs::read_to_string(project.root().join(".codex/config.toml")).expect("it is there");
    assert!(codex.starts_with("[mcp_servers.codescry]\n"), "{codex}");
    assert_eq!(project.run(&["install", "--project", "--client", "windsurf"]).code, 2);
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let project = Project::empty();
    let commands = ["search", "index", "status", "serve", "watch", "install", "uninstall", "doctor", "completions"];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = project.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(commands.iter().all(|command| ran.out.contains(command)), "{shell}");
    }
    let page = project.run(&["man"]);
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    assert!(page.out.contains(".TH codescry 1") && commands.iter().all(|command| page.out.contains(command)));
    assert!(project.run(&["man", "search"]).out.contains(".TH codescry-search 1"));
    let unknown = project.run(&["man", "compose"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("there is no command compose") && unknown.err.contains("search"), "{}", unknown.err);
}
