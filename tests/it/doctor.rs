//! Tests of `codescry doctor`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::setup::with_clients;
use crate::support::cli::RunOutput;
use crate::support::tested_program;

/// Returns the check with this name.
fn check<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let checks = answer["checks"].as_array().expect("checks are a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"))
}

#[test]
fn the_doctor_checks_the_server() {
    let project = with_clients();
    assert_eq!(project.run(&["install", "--yes"]).code, 0);
    let ran = project.run(&["doctor", "--json"]);
    let answer = ran.json();
    assert_eq!((ran.code, &answer["well"]), (0, &json!(true)), "{answer}");
    for name in ["program", "Cursor", "Codex", "Zed", "files", "server", "tools", "search"] {
        assert_eq!(check(&answer, name)["state"], "ok", "{answer}");
    }
    assert_eq!(check(&answer, "index")["state"], "warn");
    let installation = check(&answer, "installation")["message"].as_str().expect("a message");
    assert!(installation.starts_with("built from source; to update: git pull"), "{installation}");
    assert!(!project.index_dir().exists(), "a doctor begins no index");
    let text = project.run(&["doctor"]);
    assert!(text.out.contains("\nok    Cursor  ") && text.out.contains("→ codescry index"), "{}", text.out);
}

/// One configured client suffices: the others are listed without a warning.
#[test]
fn a_missing_entry_is_a_warning_until_a_client_has_one() {
    let project = with_clients();
    let states = || ["Cursor", "Codex"].map(|name| check(&project.run(&["doctor", "--json"]).json(), name).clone());
    for client in states() {
        assert!(client["state"] == "warn" && client["message"].as_str().is_some_and(|said| said.ends_with("no entry")));
    }
    assert_eq!(project.run(&["install", "--yes", "--client", "cursor"]).code, 0);
    let [cursor, codex] = states();
    assert_eq!((&cursor["state"], &codex["state"]), (&json!("ok"), &json!("ok")), "{cursor} {codex}");
    let said = codex["message"].as_str().expect("a message");
    assert!(said.ends_with("has no entry (codescry install --client codex adds one)"), "{said}");
    assert_eq!((&codex["remedy"], &cursor["remedy"]), (&json!(null), &json!(null)), "nothing is wrong");
}

/// An entry may look right and still fail to start a server.
#[test]
fn the_doctor_starts_each_configured_server_as_its_client_does() {
    let project = with_clients();
    assert_eq!(project.run(&["install", "--yes"]).code, 0);
    assert_eq!(project.run(&["install", "--yes", "--project", "--client", "cursor"]).code, 0);
    // The entry of the project names the program without its folder.
    let folder = Path::new(tested_program()).parent().expect("a folder");
    let doctor = || -> RunOutput {
        project.command(&["doctor", "--json"]).env("PATH", folder).output().expect("it starts").into()
    };
    let answer = doctor().json();
    let tried = |answer: &Value| -> Vec<(String, String)> {
        let checks = answer["checks"].as_array().expect("checks are a list").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        checks
            .filter(|check| check["name"] == "handshake")
            .map(|check| (text(&check["state"]), text(&check["message"])))
            .collect()
    };
    let all = tried(&answer);
    let plain = all.iter().find(|(_, said)| said.starts_with("Cursor, Codex, Zed get 7 tools from "));
    assert!(plain.is_some() && all.iter().all(|(state, _)| state == "ok"), "{all:?}");
    assert!(all.iter().any(|(_, said)| said.contains("${workspaceFolder}")), "{all:?}");

    let args = ["serve", "--stdio", "--no-such-option"];
    let entry = json!({ "command": tested_program(), "args": args });
    let configuration = json!({ "mcpServers": { "codescry": entry } });
    fs::write(project.home().join(".cursor/mcp.json"), configuration.to_string()).expect("it can be written");
    let ran = doctor();
    let all = tried(&ran.json());
    let wrong = all.iter().find(|(state, _)| state == "fail").expect("one cannot be started");
    assert!(wrong.1.starts_with("Cursor: ") && wrong.1.contains("--no-such-option"), "{all:?}");
    assert_eq!(ran.code, 1);
    assert!(!project.index_dir().exists(), "a doctor begins no index");
}

#[test]
#[cfg_attr(not(feature = "lance"), ignore = "needs an index that outlives its process")]
fn the_doctor_checks_the_index() {
    let project = with_clients();
    assert_eq!(project.run(&["index"]).code, 0);
    let answer = project.run(&["doctor", "--json"]).json();
    assert_eq!(check(&answer, "index")["state"], "ok", "{answer}");
    assert!(check(&answer, "files")["message"].as_str().is_some_and(|said| said.contains("none changed")), "{answer}");
    assert_eq!(check(&answer, "search")["state"], "ok", "{answer}");
    project.rename("src/retry.rs", "src/renamed.rs");
    let renamed = project.run(&["doctor", "--json"]).json();
    let said = check(&renamed, "files")["message"].as_str().expect("a message");
    assert!(said.contains(": 0 changed, 1 added and 1 removed since the last index run"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(check(&answer, "index folder")["state"], "ok", "{answer}");
        fs::set_permissions(project.index_dir(), fs::Permissions::from_mode(0o755)).expect("its rights can be set");
        let open = project.run(&["doctor", "--json"]).json();
        let said = check(&open, "index folder");
        assert!(
            said["state"] == "warn" && said["remedy"].as_str().is_some_and(|do_it| do_it.starts_with("chmod 700 "))
        );
    }
}

#[test]
fn the_doctor_reports_problems_with_remedies() {
    let project = with_clients();
    let stale = project.home().join("old/codescry");
    let configuration = json!({ "mcpServers": { "codescry": { "command": stale, "args": ["--stdio"] } } });
    fs::write(project.home().join(".cursor/mcp.json"), configuration.to_string()).expect("it can be written");
    let ran = project.run(&["doctor", "--json"]);
    let answer = ran.json();
    assert_eq!((ran.code, &answer["well"]), (1, &json!(false)), "{answer}");
    let cursor = check(&answer, "Cursor");
    assert!(cursor["message"].as_str().is_some_and(|said| said.contains("which does not exist")), "{cursor}");
    assert_eq!((&cursor["state"], &cursor["remedy"]), (&json!("fail"), &json!("codescry install --client cursor")));

    let output = project.command(&["doctor"]).env("CODESCRY_PARSE_WORKERS", "lots").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("fail  settings"));
}

#[test]
#[cfg(unix)]
fn the_doctor_checks_the_version_of_another_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = with_clients();
    let other = project.home().join("old/codescry");
    fs::create_dir_all(project.home().join("old")).expect("a folder can be made");
    fs::write(&other, "#!/bin/sh\necho codescry 0.0.1\n").expect("it can be written");
    let install = ["install", "--yes", "--client", "cursor", "--command", other.to_str().expect("UTF-8")];
    assert_eq!(project.run(&install).code, 0);
    let state = |mode: u32| {
        fs::set_permissions(&other, fs::Permissions::from_mode(mode)).expect("its rights can be set");
        let answer = project.run(&["doctor", "--json"]).json();
        let check = check(&answer, "Cursor").clone();
        (check["state"].clone(), check["message"].as_str().expect("a message").to_owned())
    };
    let (state_of_data, said) = state(0o644);
    assert!(state_of_data == "fail" && said.contains("is not executable"), "{said}");
    let (state_of_old, said) = state(0o755);
    assert!(state_of_old == "warn" && said.contains("of version 0.0.1, not this program"), "{said}");
    // A program that does not exit is killed, even if its child keeps the output open.
    fs::write(&other, "#!/bin/sh\nsleep 30\n").expect("it can be written");
    let (state_of_stuck, said) = state(0o755);
    assert!(state_of_stuck == "warn" && said.contains("does not print its version in time"), "{said}");
}
