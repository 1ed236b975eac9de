//! Tests of the files that guide agents.

use std::fs;
use std::path::Path;

use super::homes::{TestHome, read_text};
use crate::guidance::ShellCommands;
use crate::*;

/// Plans to install the entry and all extras for `client`.
fn plan_all(home: &TestHome, client: &str) -> Vec<PlannedFile> {
    let mut request = InstallRequest::new(Path::new("/bin/codescry"), None).expect("a request");
    request.extras = Extra::ALL.map(|(_, extra)| extra).to_vec();
    plan_install(&[home.config_file(client)], &request, &home.user)
}

fn apply_all(planned: Vec<PlannedFile>) {
    for file in planned {
        file.change.expect("it can be planned").apply().expect("it can be written");
    }
}

/// Returns the files and folders below a folder, sorted, with the contents of the files.
fn list_files(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder exists") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.push((path.display().to_string(), String::new()));
            files.extend(list_files(&path));
        } else {
            files.push((path.display().to_string(), read_text(&path)));
        }
    }
    files.sort();
    files
}

#[test]
fn everything_is_taken_out_again() {
    for (client, files) in [
        (
            "claude-code",
            &[
                (".claude.json", "{\"numStartups\": 3}"),
                (".claude/CLAUDE.md", "# Mine\n\nBe brief."),
                (
                    ".claude/settings.json",
                    "{\n  \"model\": \"opus\",\n  \"hooks\": {\n    \"PostToolUse\": [\n      { \"matcher\": \"Edit\", \"hooks\": [] }\n    ]\n  }\n}\n",
                ),
            ][..],
        ),
        ("gemini", &[(".gemini/settings.json", "{\n  \"theme\": \"dark\" // as ever\n}\n"), (".gemini/GEMINI.md", "")]),
        ("gemini", &[(".gemini/GEMINI.md", "a\r\nb\r\n")]),
        ("codex", &[(".codex/config.toml", "model = \"o\"\n")]),
        ("opencode", &[(".config/opencode/opencode.json", "{}"), (".config/opencode/AGENTS.md", "x\n")]),
        ("qwen", &[(".qwen/x", "")]),
        ("kiro", &[(".kiro/x", "")]),
        ("claude-code", &[(".claude/x", "")]),
    ] {
        let mut home = TestHome::new();
        home.user.working = home.user.home.join("project");
        for (path, text) in files {
            home.write(path, text);
        }
        let before = list_files(home.folder.path());
        let planned = plan_all(&home, client);
        assert!(planned.len() > 2, "{client}");
        apply_all(planned);
        let written = list_files(home.folder.path());
        assert!(
            plan_all(&home, client).iter().all(|file| !file.change.as_ref().expect("a plan").is_needed()),
            "{client}"
        );
        assert_eq!(list_files(home.folder.path()), written);
        apply_all(plan_uninstall(&[home.config_file(client)], &home.user));
        assert_eq!(list_files(home.folder.path()), before, "{client}");
    }
}

#[test]
fn parts_that_were_added_later_are_taken_out_with_the_entry() {
    let home = TestHome::new();
    home.write(".gemini/settings.json", "{\n  \"theme\": \"dark\"\n}");
    let before = list_files(home.folder.path());
    home.plan("gemini").expect("a plan").apply().expect("it can be written");
    apply_all(plan_all(&home, "gemini"));
    apply_all(plan_uninstall(&[home.config_file("gemini")], &home.user));
    assert_eq!(list_files(home.folder.path()), before);
}

#[test]
fn text_around_a_block_is_kept() {
    let home = TestHome::new();
    let file = home.write(".gemini/GEMINI.md", "# Mine\n");
    apply_all(plan_all(&home, "gemini"));
    let with = read_text(&file);
    assert!(with.starts_with("# Mine\n\n<!-- codescry:start"), "{with}");
    fs::write(&file, format!("{}More.\n", with.replace("Mine", "Ours"))).expect("it can be written");
    apply_all(plan_uninstall(&[home.config_file("gemini")], &home.user));
    assert_eq!(read_text(&file), "# Ours\nMore.\n");
}

#[test]
fn a_file_of_someone_else_is_not_overwritten() {
    let home = TestHome::new();
    let file = home.write(".claude/agents/codescry-search.md", "---\nname: codescry-search\n---\nmine\n");
    let planned = plan_all(&home, "claude-code");
    let refused = planned.into_iter().find(|planned| planned.file == file).expect("it is planned");
    let said = refused.change.expect_err("it is not ours").to_string();
    assert!(said.contains("codescry-search.md") && said.contains("--with"), "{said}");
    let removal = plan_uninstall(&[home.config_file("claude-code")], &home.user);
    assert!(removal.iter().all(|planned| planned.file != file), "it stays");
}

#[test]
fn hooks_of_others_are_kept() {
    let home = TestHome::new();
    let text = "{\n  \"hooks\": {\n    \"PostToolUse\": [\n      // mine\n      { \"matcher\": \"Edit\", \"hooks\": [] }\n    ]\n  }\n}\n";
    let file = home.write(".claude/settings.json", text);
    apply_all(plan_all(&home, "claude-code"));
    let with = read_text(&file);
    assert!(with.contains("\"command\": \"/bin/codescry hook\"") && with.contains("// mine"), "{with}");
    fs::write(&file, with.replace("Edit", "Write")).expect("it can be written");
    apply_all(plan_uninstall(&[home.config_file("claude-code")], &home.user));
    assert_eq!(read_text(&file), text.replace("Edit", "Write"));
}

#[test]
fn clients_that_share_a_file_are_one_change() {
    let home = TestHome::new();
    let root = home.user.working.clone();
    fs::create_dir_all(&root).expect("it can be made");
    let files: Vec<ClientConfigFile> = project_config_files(&root, &home.user)
        .into_iter()
        .filter(|file| ["claude-code", "copilot-cli", "codex", "zed"].contains(&file.client.name))
        .collect();
    let mut request = InstallRequest::new(Path::new("codescry"), None).expect("a request");
    request.extras = vec![Extra::Instructions];
    let planned = plan_install(&files, &request, &home.user);
    let shared = planned.iter().find(|planned| planned.file == root.join(".mcp.json")).expect("it is planned");
    assert_eq!(shared.titles, ["Claude Code", "Copilot CLI"]);
    let agents = planned.iter().find(|planned| planned.file == root.join("AGENTS.md")).expect("it is planned");
    assert_eq!(agents.titles, ["Codex", "Zed", "Copilot CLI"]);
}

#[test]
fn a_hook_starts_the_program_by_its_path_and_texts_by_its_name() {
    let mut home = TestHome::new();
    let program = home.write("bin/codescry", "");
    home.user.path = vec![home.folder.path().join("bin")];
    let program = program.to_str().expect("UTF-8");
    let commands = ShellCommands::new(program, &home.user);
    assert_eq!((commands.shown.as_str(), commands.hook.as_str()), ("codescry", program));
    let elsewhere = ShellCommands::new("/my programs/codescry", &home.user);
    assert_eq!((elsewhere.shown.as_str(), elsewhere.hook), ("\"/my programs/codescry\"", elsewhere.shown.clone()));
}
