//! Tests of the files that guide agents: their claims are tried with the program, and the hook answers greps.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use clients::{AgentForm, Extra};
use serde_json::{Value, json};

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

/// Creates a project in which every command of the texts finds something.
fn project() -> Project {
    let project = Project::empty();
    project.write(
        "src/retry.rs",
        "/// Calls a request again after a failure.\npub fn retry_request(attempts: u32) -> u32 {\n    attempts\n}\n\n\
         /// Sends a request.\npub fn send_request() -> u32 {\n    retry_request(3)\n}\n",
    );
    project.write("docs/deploy.md", "# Deployment\n\nThe deployment steps: build, copy, restart.\n");
    project
}

/// Returns each text that guides agents, with its name.
fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("instructions", clients::instructions_block("codescry")),
        ("agent", clients::agent_document(AgentForm::Markdown("tools: Bash, Read\n"), "codescry")),
        ("agent in TOML", clients::agent_document(AgentForm::Toml, "codescry")),
        ("skill", clients::skill_document("codescry")),
    ]
}

/// Returns the lines of the code blocks of a text.
fn commands(text: &str) -> Vec<String> {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        is_code && !line.starts_with("```")
    });
    lines.map(str::to_owned).collect()
}

/// Splits a command into words; only single and double quotes occur.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = command.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split_once(&rest[..1]).expect("the quote ends"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[test]
fn every_command_in_the_texts_finds_something() {
    let project = project();
    for (name, text) in texts() {
        let commands = commands(&text);
        assert!(commands.len() >= 3, "{name}: {text}");
        for command in commands {
            let words = words(&command);
            assert_eq!(words[0], "codescry", "{name}: {command}");
            let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            let ran = project.run(&arguments);
            assert_eq!(ran.code, 0, "{name}: {command}: {}{}", ran.out, ran.err);
            let wanted = if command.contains("deployment") { "docs/deploy.md" } else { "retry" };
            assert!(arguments == ["status"] || ran.out.contains(wanted), "{name}: {command}: {}", ran.out);
        }
    }
    let claims = project.run(&["search", "where are requests retried", "--json"]);
    assert!(claims.json().is_object(), "--json prints one object");
    assert_eq!(project.run(&["symbol", "no_such_name_anywhere"]).code, 1, "1 means nothing found");
    assert_eq!(project.run(&["search", "x", "--in", "no/such/folder"]).code, 2, "2 means an error");
}

#[test]
fn every_tool_in_the_texts_is_listed() {
    let repository = Repository::new();
    let mut raw = RawClient::initialized(&repository);
    let answer = raw.request("tools/list", json!({}));
    let tools: Vec<&str> = answer["result"]["tools"]
        .as_array()
        .expect("tools are a list")
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    for (name, text) in texts() {
        // Tools are the only words of code with underscores outside of the blocks.
        let prose = text.split("```").step_by(2).collect::<String>();
        for word in prose.split('`').skip(1).step_by(2).filter(|word| word.contains('_') || *word == "outline") {
            assert!(tools.contains(&word), "{name} names {word}, the server lists {tools:?}");
        }
    }
    assert!(raw.close().success());
}

#[test]
fn the_texts_are_short() {
    for (name, text) in texts() {
        let limit = if name == "instructions" { 1_400 } else { 2_600 };
        assert!(text.len() <= limit, "{name} has {} bytes", text.len());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn extras_are_shown_then_written_then_removed() {
    let project = project();
    project.write("AGENTS.md", "# This project\n");
    project.write("CLAUDE.md", "Be brief.");
    let with = Extra::ALL.map(|(name, _)| name).join(",");
    let clients = ["--client", "claude-code", "--client", "codex", "--client", "gemini", "--client", "opencode"];
    let install = |more: &str| {
        let arguments = [&["install", "--project", "--with", &with, more], &clients[..]].concat();
        project.run(&arguments)
    };
    let shown = install("--dry-run");
    assert_eq!(shown.code, 0, "{}", shown.err);
    for line in [
        "AGENTS.md",
        "CLAUDE.md",
        "SKILL.md (new)",
        ".claude/agents/codescry-search.md (new)",
        "\"matcher\": \"Grep|Bash\"",
    ] {
        assert!(shown.out.contains(line), "{line} is not in {}", shown.out);
    }
    let files = || list_files(project.root());
    let before = files();
    assert_eq!(install("--yes").code, 0);
    assert!(files().len() > before.len() + 8, "{:?}", files());
    let again = install("--yes");
    assert!(!again.out.contains("wrote"), "{}", again.out);
    let removed = project.run(&[&["uninstall", "--project", "--yes"], &clients[..]].concat());
    assert_eq!(removed.code, 0, "{}", removed.err);
    assert_eq!(files(), before);
}

/// Returns the files below a folder with their contents, sorted.
#[cfg(target_os = "linux")]
fn list_files(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(list_files(&path));
        } else {
            files.push((path.clone(), fs::read_to_string(&path).expect("it can be read")));
        }
    }
    files.sort();
    files
}

/// Returns the input that a client gives to a hook.
fn hook_input(project: &Project, event: &str, tool: &str, input: &Value) -> String {
    let input = json!({
        "session_id": "1",
        "hook_event_name": event,
        "tool_name": tool,
        "tool_input": input,
        "tool_response": { "mode": "files_with_matches" },
        "cwd": project.root().join("src"),
    });
    input.to_string()
}

/// Runs the hook until it answers. On a busy machine it may reach its time limit, and then it says nothing.
fn run_hook(project: &Project, input: &str) -> Option<Value> {
    let answer = crate::support::mcp::poll_until(
        || {
            let ran = project.run_with(&["hook"], input);
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "it never fails");
            ran.out
        },
        |out| !out.is_empty(),
    );
    (!answer.is_empty()).then(|| serde_json::from_str(&answer).expect("it is one object"))
}

#[test]
fn a_grep_gets_places_from_the_index() {
    let project = project();
    assert_eq!(project.run(&["index"]).code, 0);
    for (event, tool, input) in [
        ("PostToolUse", "Grep", json!({ "pattern": "fn\\s+retry_request", "output_mode": "content" })),
        ("PostToolUse", "Bash", json!({ "command": "cd src && rg -n 'retry_request' . | head" })),
        ("AfterTool", "run_shell_command", json!({ "command": "grep -rn retry_request ." })),
    ] {
        let answer = run_hook(&project, &hook_input(&project, event, tool, &input)).expect("an answer in time");
        let added = &answer["hookSpecificOutput"];
        assert_eq!(added["hookEventName"], event);
        let text = added["additionalContext"].as_str().expect("a text");
        assert!(text.contains("src/retry.rs:1-9  retry_request  [function]"), "{text}");
    }
}

#[test]
fn a_hook_without_an_answer_says_nothing_and_succeeds() {
    let project = project();
    let grep = hook_input(&project, "PostToolUse", "Grep", &json!({ "pattern": "retry_request" }));
    let quiet = |input: &str| {
        let ran = project.run_with(&["hook"], input);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{input}");
    };
    quiet(&grep);
    assert!(!project.index_dir().exists(), "a hook never indexes");
    assert_eq!(project.run(&["index"]).code, 0);
    for input in ["", "{", "[]", "null", "{\"hook_event_name\": 1}", "\u{0}"] {
        quiet(input);
    }
    quiet(&hook_input(&project, "PostToolUse", "Bash", &json!({ "command": "cargo test" })));
    quiet(&hook_input(&project, "PostToolUse", "Grep", &json!({ "pattern": ".*" })));
    quiet(&hook_input(&project, "PostToolUse", "Grep", &json!({ "pattern": "zzz_no_such_word_zzz" })));
    // A damaged index is no reason to hold up the client.
    for name in ["manifest.json", "manifest.copy.json"] {
        fs::write(project.index_dir().join(name), "{").expect("it can be written");
    }
    quiet(&grep);
}

#[test]
fn a_hook_ends_although_its_input_does_not() {
    let project = project();
    let mut child = project.spawn(&["hook"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"{\"hook_event_name\": ").expect("it reads");
    // The pipe stays open: without its time limit, the program would never end.
    let status = child.wait().expect("it ends");
    assert!(status.success());
    drop(stdin);
}
