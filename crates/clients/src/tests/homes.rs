//! Tests of planning and applying changes in a user's home folder and in a project.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use config::{OperatingSystem, UserEnvironment};
use tempfile::TempDir;

use super::CODEX;
use crate::*;

/// A temporary home folder and its environment.
pub(super) struct TestHome {
    pub folder: TempDir,
    pub user: UserEnvironment,
}

impl TestHome {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_owned();
        let user = UserEnvironment {
            system: OperatingSystem::Linux,
            settings: home.join(".config"),
            dot_config: home.join(".config"),
            local_settings: home.join(".config"),
            client_folders: BTreeMap::new(),
            written_folders: vec![home.join("data"), home.join("cache")],
            path: Vec::new(),
            program: "/bin/codescry".into(),
            working: home.join("project"),
            home,
        };
        Self { folder, user }
    }

    /// Writes a file below the home folder; returns its path.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(&file, text).expect("a file can be written");
        file
    }

    /// Returns the user's configuration file of `client`.
    pub fn config_file(&self, client: &str) -> ClientConfigFile {
        let mut files = user_config_files(&self.user).into_iter();
        files.find(|file| file.client.name == client).expect("the client is known")
    }

    /// Plans to install the entry for `client`.
    pub fn plan(&self, client: &str) -> Result<FileChange, ClientError> {
        self.plan_request(client, "/bin/codescry", None)
    }

    /// Plans to install an entry that starts `command` for `folder`.
    fn plan_request(&self, client: &str, command: &str, folder: Option<PathBuf>) -> Result<FileChange, ClientError> {
        let request = InstallRequest::new(Path::new(command), folder)?;
        plan_install(&[self.config_file(client)], &request, &self.user).remove(0).change
    }

    /// Plans to remove the entry for `client`.
    fn plan_removal(&self, client: &str) -> Result<FileChange, ClientError> {
        plan_uninstall(&[self.config_file(client)], &self.user).remove(0).change
    }

    /// Returns the sorted names of the files in `folder`.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join(folder)).expect("the folder exists");
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

pub(super) fn read_text(file: &Path) -> String {
    fs::read_to_string(file).expect("it can be read")
}

#[test]
fn install_then_uninstall_restores_the_file_of_every_client() {
    for client in MCP_CLIENTS {
        let home = TestHome::new();
        let config_file = home.config_file(client.name);
        assert!(!config_file.in_use, "{} counts as installed in an empty home", client.name);
        let originals = match client.format {
            ConfigFormat::Toml => ["", CODEX, "a = 1"],
            ConfigFormat::Json { .. } => ["", "{\n\t\"a\": [1, 2],\t// two\n}", "{}"],
            ConfigFormat::Yaml { .. } => ["", "# mine\na: [1, 2] # two\n", "a: 1"],
        };
        for original in originals {
            fs::create_dir_all(config_file.file.parent().expect("a folder")).expect("it can be made");
            fs::write(&config_file.file, original).expect("it can be written");
            assert!(home.config_file(client.name).in_use, "{}", client.name);
            let change = home.plan(client.name).expect("it can be planned");
            let backup = change.apply().expect("it can be written").backup.expect("there was a file");
            assert_eq!(read_text(&backup), original);
            assert!(!home.plan(client.name).expect("it can be planned").is_needed(), "{}", client.name);
            home.plan_removal(client.name).expect("it can be planned").apply().expect("it can be written");
            assert_eq!(read_text(&config_file.file), original, "{}", client.name);
            assert!(!backup.exists(), "the restored backup is removed");
        }
        fs::remove_file(&config_file.file).expect("the file exists");
        let change = home.plan(client.name).expect("it can be planned");
        assert_eq!(change.apply().expect("it can be written").backup, None);
        assert!(config_file.read_entry().expect("it can be read").is_some());
        home.plan_removal(client.name).expect("it can be planned").apply().expect("it can be removed");
        assert!(!config_file.file.exists(), "{}", client.name);
    }
}

#[test]
fn an_entry_for_a_single_folder_is_found() {
    let home = TestHome::new();
    home.write(".claude.json", "{\"projects\": {\"/code\": {\"mcpServers\": {\"codescry\": {\"command\": \"c\"}}}}}");
    let config_file = home.config_file("claude-code");
    assert_eq!(config_file.read_entry().expect("it can be read"), None);
    let found = config_file.read_project_entry(Path::new("/code")).expect("it can be read").expect("the entry exists");
    assert_eq!(found, InstalledEntry { command: Some("c".to_owned()), args: Vec::new() });
    assert_eq!(config_file.read_project_entry(Path::new("/other")).expect("it can be read"), None);
}

#[test]
fn changes_after_the_install_are_kept() {
    let home = TestHome::new();
    let file = home.write(".cursor/mcp.json", "{\n  \"mcpServers\": {\n    \"a\": {}\n  }\n}\n");
    home.plan("cursor").expect("a plan").apply().expect("it can be written");
    let edited = read_text(&file).replace("\"a\": {}", "\"a\": { \"env\": {} }");
    fs::write(&file, edited).expect("it can be written");
    let applied = home.plan_removal("cursor").expect("a plan").apply().expect("it can be written");
    assert_eq!(read_text(&file), "{\n  \"mcpServers\": {\n    \"a\": { \"env\": {} }\n  }\n}\n");
    let names = ["mcp.json", "mcp.json.codescry-backup", "mcp.json.codescry-backup.2"];
    assert_eq!(home.names(".cursor"), names, "the first backup is never overwritten");
    assert!(applied.backup.is_some_and(|backup| backup.ends_with("mcp.json.codescry-backup.2")));
}

#[test]
fn existing_arguments_are_kept_unless_a_folder_is_given() {
    let home = TestHome::new();
    let args = "[\"serve\", \"--stdio\", \"/code\", \"--no-watch\"]";
    let old = format!("{{\"mcpServers\": {{\"codescry\": {{\"command\": \"/old\", \"args\": {args}}}}}}}");
    home.write(".codeium/windsurf/mcp_config.json", &old);
    let after = home.plan("windsurf").expect("a plan").after.expect("a text");
    assert_eq!(after, old.replace("/old", "/bin/codescry"));
    let change = home.plan_request("windsurf", "/old", Some("/elsewhere".into())).expect("a plan");
    assert_eq!(change.after.expect("a text"), old.replace(args, "[\"serve\", \"--stdio\", \"/elsewhere\"]"));
}

#[test]
fn a_client_that_passes_no_folder_does_not_get_the_home_folder() {
    let mut home = TestHome::new();
    assert!(home.plan("windsurf").is_ok_and(|change| change.after.is_some_and(|text| text.contains("/project\"]"))));
    home.user.working = home.user.home.clone();
    let said = home.plan("windsurf").expect_err("there is no folder").to_string();
    assert!(said.contains("Windsurf") && said.contains("codescry install PATH"), "{said}");
}

#[test]
fn a_broken_file_is_named_and_unchanged() {
    let home = TestHome::new();
    let broken = "{\n  \"mcpServers\": {\n";
    let file = home.write(".gemini/settings.json", broken);
    let said = home.plan("gemini").expect_err("it is broken").to_string();
    assert!(
        said.contains(".gemini/settings.json") && said.contains("line ") && said.contains("was not changed"),
        "{said}"
    );
    assert!(home.plan_removal("gemini").is_err());
    assert_eq!(read_text(&file), broken);
    fs::write(&file, b"{\"a\": \"\xff\"}").expect("it can be written");
    assert!(matches!(home.plan("gemini"), Err(ClientError::NotUtf8 { .. })));
}

#[test]
fn a_file_that_changes_meanwhile_is_not_overwritten() {
    let home = TestHome::new();
    let file = home.write(".claude.json", "{}");
    let change = home.plan("claude-code").expect("a plan");
    fs::write(&file, "{\"a\": 1}").expect("it can be written");
    assert!(matches!(change.apply(), Err(ClientError::Changed { .. })));
    assert_eq!(read_text(&file), "{\"a\": 1}");
    assert!(home.names(".").iter().all(|name| !name.ends_with(".new")), "{:?}", home.names("."));
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = TestHome::new();
    let real = home.write("dotfiles/zed.json", "{\n  // mine\n}\n");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("its rights can be set");
    let link = home.config_file("zed").file;
    fs::create_dir_all(link.parent().expect("a folder")).expect("it can be made");
    symlink("../../dotfiles/zed.json", &link).expect("a link");
    let applied = home.plan("zed").expect("a plan").apply().expect("it can be written");
    assert!(link.symlink_metadata().is_ok_and(|link| link.is_symlink()));
    assert!(read_text(&real).contains("context_servers") && read_text(&real).contains("// mine"));
    let mode = |file: &Path| fs::metadata(file).expect("the file exists").permissions().mode() & 0o777;
    assert_eq!((mode(&real), applied.backup.as_deref().map(mode)), (0o640, Some(0o640)));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o400)).expect("its rights can be set");
    assert!(matches!(home.plan_removal("zed").expect("a plan").apply(), Err(ClientError::ReadOnly { .. })));
}

#[test]
fn config_files_are_where_the_clients_read_them() {
    let mut user = TestHome::new().user;
    (user.home, user.settings, user.dot_config, user.local_settings) =
        ("/h".into(), "/s".into(), "/c".into(), "/l".into());
    let file = |user: &UserEnvironment, name: &str| {
        let mut files = user_config_files(user).into_iter();
        files
            .find(|file| file.client.name == name)
            .expect("the client is known")
            .file
            .display()
            .to_string()
            .replace('\\', "/")
    };
    for (name, wanted) in [
        ("claude-code", "/h/.claude.json"),
        ("claude-desktop", "/s/Claude/claude_desktop_config.json"),
        ("cursor", "/h/.cursor/mcp.json"),
        ("vscode", "/s/Code/User/mcp.json"),
        ("codex", "/h/.codex/config.toml"),
        ("windsurf", "/h/.codeium/windsurf/mcp_config.json"),
        ("zed", "/c/zed/settings.json"),
        ("gemini", "/h/.gemini/settings.json"),
        ("devin", "/h/.config/devin/mcp_config.json"),
        ("antigravity", "/h/.gemini/config/mcp_config.json"),
        ("copilot-cli", "/h/.copilot/mcp-config.json"),
        ("copilot-jetbrains", "/l/github-copilot/intellij/mcp.json"),
        ("opencode", "/c/opencode/opencode.json"),
        ("cline", "/h/.cline/data/settings/cline_mcp_settings.json"),
        ("goose", "/c/goose/config.yaml"),
        ("warp", "/h/.warp/.mcp.json"),
    ] {
        assert_eq!(file(&user, name), wanted);
    }
    user.system = OperatingSystem::Windows;
    user.client_folders = [("CLAUDE_CONFIG_DIR", "/claude".into()), ("CODEX_HOME", "/codex".into())].into();
    assert_eq!(file(&user, "zed"), "/s/Zed/settings.json");
    assert_eq!(file(&user, "devin"), "/s/devin/mcp_config.json");
    assert_eq!(file(&user, "goose"), "/s/Block/goose/config/config.yaml");
    assert_eq!(file(&user, "claude-code"), "/claude/.claude.json");
    assert_eq!(file(&user, "codex"), "/codex/config.toml");
}

#[test]
fn a_project_has_the_config_files_of_clients_in_use() {
    let home = TestHome::new();
    home.write("project/.vscode/settings.json", "{}");
    home.write(".claude/x", "");
    let root = home.user.working.clone();
    let used = project_config_files(&root, &home.user).into_iter().filter(|file| file.in_use);
    let files: Vec<PathBuf> = used.map(|file| file.file).collect();
    assert_eq!(files, [root.join(".mcp.json"), root.join(".vscode/mcp.json")]);
}
