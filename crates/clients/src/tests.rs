//! Tests of inserting, updating and removing the entry in realistic configurations.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::entry::{SERVER_NAME, ServerEntry};
use super::*;
use config::{OperatingSystem, UserEnvironment};

const JSON: ConfigSyntax = ConfigSyntax::Json { key: "mcpServers", typed: false };
const TYPED: ConfigSyntax = ConfigSyntax::Json { key: "servers", typed: true };

fn entry() -> ServerEntry {
    ServerEntry { command: "/bin/codescry".to_owned(), args: ["serve", "--stdio"].map(str::to_owned).into() }
}

/// Checks that inserting the entry, once or twice, turns `before` into `after`, and that removing it restores
/// `before`.
#[track_caller]
fn check_round_trip(syntax: ConfigSyntax, before: &str, after: &str) {
    check_insert(syntax, before, after);
    assert_eq!(
        edit::remove_entry(after, syntax).expect("the entry can be removed"),
        before,
        "the text without the entry"
    );
}

/// Checks that inserting the entry, once or twice, turns `before` into `after`.
#[track_caller]
fn check_insert(syntax: ConfigSyntax, before: &str, after: &str) {
    let made = edit::insert_entry(before, syntax, &entry()).expect("it can be edited");
    assert_eq!(made, after, "the text with the entry:\n{made}");
    assert_eq!(edit::insert_entry(&made, syntax, &entry()).as_deref(), Ok(after), "the second insertion");
    let found = edit::find_entry(&made, syntax).expect("it can be parsed").expect("the entry exists");
    assert_eq!((found.command.as_deref(), found.args.as_slice()), (Some("/bin/codescry"), entry().args.as_slice()));
}

/// Checks that inserting the entry fails with a message that contains `wanted`.
#[track_caller]
fn check_refused(syntax: ConfigSyntax, text: &str, wanted: &str) {
    let said = edit::insert_entry(text, syntax, &entry()).expect_err("it cannot be edited").to_string();
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn an_empty_file_gets_an_object_with_the_entry() {
    let whole = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}\n";
    check_insert(JSON, "", whole);
    check_insert(JSON, " \n\n", whole);
    check_insert(JSON, "// mine\n", &format!("// mine\n{whole}"));
    check_insert(JSON, "{}\n", whole);
    check_insert(JSON, "{\n}\n", whole);
    let mark = format!("\u{feff}{whole}");
    check_insert(JSON, "\u{feff}{}\n", &mark);
    check_insert(
        ConfigSyntax::Toml,
        "",
        "[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n",
    );
}

#[test]
fn other_servers_keep_their_order_and_formatting() {
    check_round_trip(
        JSON,
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" }\n  },\n  \"theme\": \"dark\"\n}",
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" },\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  },\n  \"theme\": \"dark\"\n}",
    );
}

#[test]
fn comments_trailing_commas_and_tabs_are_kept() {
    check_round_trip(
        TYPED,
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t\"codescry\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"/bin/codescry\",\n\t\t\t\"args\": [\"serve\", \"--stdio\"]\n\t\t},\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
    );
    check_round_trip(
        JSON,
        "{\n    \"mcpServers\": {\n        \"a\": {} // last\n    }\n}\n",
        "{\n    \"mcpServers\": {\n        \"a\": {}, // last\n        \"codescry\": {\n            \"command\": \"/bin/codescry\",\n            \"args\": [\"serve\", \"--stdio\"]\n        }\n    }\n}\n",
    );
}

#[test]
fn carriage_returns_are_kept() {
    check_round_trip(
        JSON,
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {}\r\n  }\r\n}\r\n",
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {},\r\n    \"codescry\": {\r\n      \"command\": \"/bin/codescry\",\r\n      \"args\": [\"serve\", \"--stdio\"]\r\n    }\r\n  }\r\n}\r\n",
    );
    check_round_trip(
        ConfigSyntax::Toml,
        "model = \"o\"\r\n",
        "model = \"o\"\r\n\r\n[mcp_servers.codescry]\r\ncommand = \"/bin/codescry\"\r\nargs = [\"serve\", \"--stdio\"]\r\n",
    );
}

#[test]
fn a_single_line_stays_a_single_line() {
    let ours = "\"codescry\": { \"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"] }";
    check_round_trip(JSON, "{\"mcpServers\":{\"a\":{}}}", &format!("{{\"mcpServers\":{{\"a\":{{}}, {ours}}}}}"));
    check_round_trip(JSON, "{\"mcpServers\":{}}", &format!("{{\"mcpServers\":{{ {ours} }}}}"));
    check_insert(JSON, "{\"a\":1}", &format!("{{\"a\":1, \"mcpServers\": {{ {ours} }}}}"));
    check_round_trip(
        JSON,
        "{\n  \"mcpServers\": {\"a\": {},}\n}",
        &format!("{{\n  \"mcpServers\": {{\"a\": {{}}, {ours},}}\n}}"),
    );
}

#[test]
fn an_object_with_only_comments_keeps_them() {
    check_round_trip(
        JSON,
        "{\n  \"mcpServers\": {\n    // none yet\n  }\n}",
        "{\n  \"mcpServers\": {\n    // none yet\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}",
    );
}

#[test]
fn an_entry_in_the_middle_is_removed_with_its_line() {
    let with = "{\n  \"mcpServers\": {\n    \"codescry\": { \"command\": \"c\" },\n    \"b\": {} // b\n  }\n}\n";
    assert_eq!(edit::remove_entry(with, JSON).as_deref(), Ok("{\n  \"mcpServers\": {\n    \"b\": {} // b\n  }\n}\n"));
    let with = "{\"mcpServers\": {\"a\": 1, \"codescry\": {\"command\": \"c\"}, \"b\": 2}}";
    assert_eq!(edit::remove_entry(with, JSON).as_deref(), Ok("{\"mcpServers\": {\"a\": 1, \"b\": 2}}"));
    let with = "{ \"mcpServers\": {\n  \"a\": 1, // one\n  \"codescry\": {\"command\": \"c\"} } }";
    assert_eq!(edit::remove_entry(with, JSON).as_deref(), Ok("{ \"mcpServers\": {\n  \"a\": 1 // one\n   } }"));
}

#[test]
fn an_existing_entry_keeps_its_other_properties() {
    let old = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      // mine\n      \"env\": { \"RUST_LOG\": \"info\" },\n      \"command\": \"/old/codescry\",\n      \"args\": [\n        \"serve\"\n      ],\n      \"disabled\": true\n    }\n  }\n}\n";
    let new = old.replace("/old/", "/bin/").replace("[\n        \"serve\"\n      ]", "[\"serve\", \"--stdio\"]");
    check_insert(JSON, old, &new);
    check_insert(
        JSON,
        "{\"mcpServers\": {\"codescry\": {\"command\": \"c\"}}}",
        "{\"mcpServers\": {\"codescry\": {\"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"]}}}",
    );
    let old = "[mcp_servers.codescry] # mine\ncommand = 'c' # old\nargs = [\n  \"x\", # why\n]\nenabled = false\n";
    let new = "[mcp_servers.codescry] # mine\ncommand = \"/bin/codescry\" # old\nargs = [\"serve\", \"--stdio\"]\nenabled = false\n";
    check_insert(ConfigSyntax::Toml, old, new);
}

#[test]
fn paths_are_quoted() {
    let windows =
        ServerEntry { command: r"C:\Program Files\ö\codescry.exe".to_owned(), args: vec!["a\"b".to_owned()] };
    for syntax in [JSON, ConfigSyntax::Toml] {
        let made = edit::insert_entry("", syntax, &windows).expect("it can be edited");
        let found = edit::find_entry(&made, syntax).expect("it can be parsed").expect("the entry exists");
        assert_eq!((found.command, found.args), (Some(windows.command.clone()), windows.args.clone()), "{made}");
    }
}

#[test]
fn errors_name_the_position() {
    check_refused(JSON, "{\n  \"a\": 1,\n  \"b\" 2\n}", "line 3, column");
    check_refused(JSON, "[]", "line 1, column 1: this is not an object");
    check_refused(JSON, "{\n  \"mcpServers\": []\n}", "line 2, column 17: \"mcpServers\" is not an object");
    check_refused(JSON, "{\"mcpServers\": {}, \"mcpServers\": {}}", "is there twice");
    check_refused(JSON, "{'mcpServers': {}}", "not JSON");
    check_refused(JSON, "{\"mcpServers\": {\"codescry\": {\"url\": \"http://localhost\"}}}", "starts no program");
    check_refused(ConfigSyntax::Toml, "a = 1\nb = = 2\n", "line 2, column 5: this is not TOML");
    check_refused(ConfigSyntax::Toml, "a = 1\nmcp_servers = { a = { command = \"a\" } }\n", "line 2");
    check_refused(ConfigSyntax::Toml, "[mcp_servers.codescry]\nurl = \"http://localhost\"\n", "starts no program");
}

const CODEX: &str = "# Codex\nmodel = \"o\"   # as ever\n\n[mcp_servers.docs]\ncommand = 'npx'\nargs = [ \"-y\", 'docs' ]\n\n[mcp_servers.docs.env]\nKEY = \"ü\"\n\n[tui]\nnotifications = true\n# the end\n";

#[test]
fn toml_gets_a_table_at_the_end() {
    let ours = "\n[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n";
    check_round_trip(ConfigSyntax::Toml, CODEX, &format!("{CODEX}{ours}"));
    check_insert(ConfigSyntax::Toml, "a = 1", &format!("a = 1\n{ours}"));
}

#[test]
fn toml_entries_of_every_form_are_removed() {
    for (with, without) in [
        (
            "[mcp_servers.a]\nx = 1\n\n[mcp_servers.codescry]\ncommand = \"c\"\n\n[mcp_servers.codescry.env]\nA = \"1\"\n\n# next\n[b]\n",
            "[mcp_servers.a]\nx = 1\n\n# next\n[b]\n",
        ),
        (
            "[mcp_servers]\ncodescry = { command = \"c\", args = [\n  \"a\"] } # ours\nb = { command = \"b\" }\n",
            "[mcp_servers]\nb = { command = \"b\" }\n",
        ),
        (
            "[mcp_servers]\ncodescry.command = \"c\"\ncodescry.args = []\nb.command = \"b\"\n",
            "[mcp_servers]\nb.command = \"b\"\n",
        ),
        ("[ mcp_servers . \"codescry\" ]\ncommand = \"c\"\n", ""),
    ] {
        assert_eq!(edit::remove_entry(with, ConfigSyntax::Toml).as_deref(), Ok(without));
    }
}

#[test]
fn a_text_without_the_entry_is_unchanged() {
    for (text, syntax) in
        [("{ }", JSON), ("", JSON), ("{\"mcpServers\": {\"a\": {}}}", JSON), (CODEX, ConfigSyntax::Toml)]
    {
        assert_eq!(edit::remove_entry(text, syntax).as_deref(), Ok(text));
    }
}

/// A temporary home folder and its environment.
struct TestHome {
    folder: TempDir,
    user: UserEnvironment,
}

impl TestHome {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_owned();
        let user = UserEnvironment {
            system: OperatingSystem::Linux,
            settings: home.join(".config"),
            dot_config: home.join(".config"),
            claude: None,
            codex: None,
            path: Vec::new(),
            program: "/bin/codescry".into(),
            working: home.join("project"),
            home,
        };
        Self { folder, user }
    }

    /// Writes a file below the home folder; returns its path.
    fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(&file, text).expect("a file can be written");
        file
    }

    /// Returns the user's configuration file of `client`.
    fn config_file(&self, client: &str) -> ClientConfigFile {
        let mut files = user_config_files(&self.user).into_iter();
        files.find(|file| file.client.name == client).expect("the client is known")
    }

    /// Plans to install the entry for `client`.
    fn plan(&self, client: &str) -> Result<ConfigChange, ClientError> {
        let request = InstallRequest { command: "/bin/codescry".to_owned(), folder: None };
        plan_install(self.config_file(client), &request, &self.user)
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

fn read_text(file: &Path) -> String {
    fs::read_to_string(file).expect("it can be read")
}

#[test]
fn install_then_uninstall_restores_the_file_of_every_client() {
    for client in MCP_CLIENTS {
        let home = TestHome::new();
        let config_file = home.config_file(client.name);
        assert!(!config_file.in_use, "{} counts as installed in an empty home", client.name);
        let originals = match client.syntax {
            ConfigSyntax::Toml => ["", CODEX, "a = 1"],
            ConfigSyntax::Json { .. } => ["", "{\n\t\"a\": [1, 2],\t// two\n}", "{}"],
        };
        for original in originals {
            fs::create_dir_all(config_file.file.parent().expect("a folder")).expect("it can be made");
            fs::write(&config_file.file, original).expect("it can be written");
            assert!(home.config_file(client.name).in_use, "{}", client.name);
            let change = home.plan(client.name).expect("it can be planned");
            let backup = change.apply().expect("it can be written").backup.expect("there was a file");
            assert_eq!(read_text(&backup), original);
            assert!(!home.plan(client.name).expect("it can be planned").is_needed(), "{}", client.name);
            plan_uninstall(config_file.clone()).expect("it can be planned").apply().expect("it can be written");
            assert_eq!(read_text(&config_file.file), original, "{}", client.name);
            assert!(!backup.exists(), "the restored backup is removed");
        }
        fs::remove_file(&config_file.file).expect("the file exists");
        let change = home.plan(client.name).expect("it can be planned");
        assert_eq!(change.apply().expect("it can be written").backup, None);
        assert!(config_file.read_entry().expect("it can be read").is_some());
        plan_uninstall(config_file.clone()).expect("it can be planned").apply().expect("it can be removed");
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
    let applied = plan_uninstall(home.config_file("cursor")).expect("a plan").apply().expect("it can be written");
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
    let request = InstallRequest { command: "/old".to_owned(), folder: Some("/elsewhere".into()) };
    let change = plan_install(home.config_file("windsurf"), &request, &home.user).expect("a plan");
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
    assert!(plan_uninstall(home.config_file("gemini")).is_err());
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
    assert!(matches!(
        plan_uninstall(home.config_file("zed")).expect("a plan").apply(),
        Err(ClientError::ReadOnly { .. })
    ));
}

#[test]
fn config_files_are_where_the_clients_read_them() {
    let mut user = TestHome::new().user;
    (user.home, user.settings, user.dot_config) = ("/h".into(), "/s".into(), "/c".into());
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
    ] {
        assert_eq!(file(&user, name), wanted);
    }
    user.system = OperatingSystem::Windows;
    (user.claude, user.codex) = (Some("/claude".into()), Some("/codex".into()));
    assert_eq!(file(&user, "zed"), "/s/Zed/settings.json");
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

/// Generates arbitrary JSON values.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "[a-z/{}\\[\\]\"\\\\,:ü☃ ]{0,6}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::btree_map("[a-z/,:{ü]{0,4}|codescry|mcpServers", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Formats `value` in one of 16 ways, with or without line breaks, carriage returns and comments.
fn format_json(value: &serde_json::Value, how: u8) -> String {
    let text = if how & 1 == 0 { value.to_string() } else { format!("{value:#}") };
    let text = if how & 2 == 0 { text } else { text.replace("\n", " // {\"a\": [\n") };
    let text = if how & 4 == 0 { text } else { text.replace("\n", "\r\n") };
    if how & 8 == 0 { text } else { format!("/* , \" */ {text}\n// }}\n") }
}

proptest! {
    /// Any file is either refused, or gets the entry and loses it again without another change.
    #[test]
    fn only_the_entry_changes(root in prop::collection::btree_map("[a-z]{1,3}|mcpServers", any_json(), 0..4), how in 0u8..16) {
        let before = format_json(&json!(root), how);
        let is_ours = root.get("mcpServers").is_none_or(|servers| servers.as_object().is_some_and(|all| !all.contains_key(SERVER_NAME)));
        let made = edit::insert_entry(&before, JSON, &entry());
        prop_assert_eq!(made.is_ok(), is_ours, "{}: {:?}", before, made);
        if let Ok(made) = made {
            let again = edit::insert_entry(&made, JSON, &entry());
            prop_assert_eq!(again.as_deref(), Ok(made.as_str()));
            let out = edit::remove_entry(&made, JSON).expect("the entry can be removed");
            let kept: Vec<&str> = before.lines().map(str::trim).filter(|line| line.starts_with("//")).collect();
            prop_assert!(kept.iter().all(|comment| out.contains(comment)));
            if root.get("mcpServers").is_some_and(|servers| servers.as_object().is_some_and(|all| !all.is_empty())) {
                prop_assert_eq!(out, before);
            }
        }
    }
}
