//! Configurations as people have them: in with the entry, again, out with it.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::{Surroundings, System};

const JSON: Dialect = Dialect::Json { key: "mcpServers", typed: false };
const TYPED: Dialect = Dialect::Json { key: "servers", typed: true };

fn entry() -> Entry {
    Entry { command: "/bin/codescry".to_owned(), args: ["serve", "--stdio"].map(str::to_owned).into() }
}

/// With the entry, `before` is `after`; with it again, too; without it, `before`.
#[track_caller]
fn round(dialect: Dialect, before: &str, after: &str) {
    one_way(dialect, before, after);
    assert_eq!(edit::without(after, dialect).expect("it can be taken out"), before, "without the entry");
}

#[track_caller]
fn one_way(dialect: Dialect, before: &str, after: &str) {
    let made = edit::with(before, dialect, &entry()).expect("it can be edited");
    assert_eq!(made, after, "with the entry:\n{made}");
    assert_eq!(edit::with(&made, dialect, &entry()).as_deref(), Ok(after), "twice");
    let found = edit::find(&made, dialect).expect("it can be parsed").expect("it is there");
    assert_eq!((found.command.as_deref(), found.args.as_slice()), (Some("/bin/codescry"), entry().args.as_slice()));
}

#[track_caller]
fn refused(dialect: Dialect, text: &str, wanted: &str) {
    let said = edit::with(text, dialect, &entry()).expect_err("it cannot be edited").to_string();
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn nothing_becomes_a_whole_file() {
    let whole = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}\n";
    one_way(JSON, "", whole);
    one_way(JSON, " \n\n", whole);
    one_way(JSON, "// mine\n", &format!("// mine\n{whole}"));
    one_way(JSON, "{}\n", whole);
    one_way(JSON, "{\n}\n", whole);
    let mark = format!("\u{feff}{whole}");
    one_way(JSON, "\u{feff}{}\n", &mark);
    one_way(
        Dialect::Toml,
        "",
        "[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n",
    );
}

#[test]
fn other_servers_keep_their_order_and_their_form() {
    round(
        JSON,
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" }\n  },\n  \"theme\": \"dark\"\n}",
        "{\n  \"numStartups\": 12,\n  \"mcpServers\": {\n    \"zeta\": {\"command\":\"z\",  \"args\":[ ]},\n    \"alpha\": { \"url\": \"https://example.org/ü\" },\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  },\n  \"theme\": \"dark\"\n}",
    );
}

#[test]
fn comments_trailing_commas_and_tabs_stay() {
    round(
        TYPED,
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
        "// Servers of mine.\n{\n\t/* all\n\t   of them */\n\t\"servers\": {\n\t\t// the first\n\t\t\"a\": {}, // and the last, for now\n\t\t\"codescry\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"/bin/codescry\",\n\t\t\t\"args\": [\"serve\", \"--stdio\"]\n\t\t},\n\t\t// \"b\": {},\n\t},\n\t\"inputs\": [],\n}\n",
    );
    round(
        JSON,
        "{\n    \"mcpServers\": {\n        \"a\": {} // last\n    }\n}\n",
        "{\n    \"mcpServers\": {\n        \"a\": {}, // last\n        \"codescry\": {\n            \"command\": \"/bin/codescry\",\n            \"args\": [\"serve\", \"--stdio\"]\n        }\n    }\n}\n",
    );
}

#[test]
fn carriage_returns_stay() {
    round(
        JSON,
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {}\r\n  }\r\n}\r\n",
        "{\r\n  \"mcpServers\": {\r\n    \"a\": {},\r\n    \"codescry\": {\r\n      \"command\": \"/bin/codescry\",\r\n      \"args\": [\"serve\", \"--stdio\"]\r\n    }\r\n  }\r\n}\r\n",
    );
    round(
        Dialect::Toml,
        "model = \"o\"\r\n",
        "model = \"o\"\r\n\r\n[mcp_servers.codescry]\r\ncommand = \"/bin/codescry\"\r\nargs = [\"serve\", \"--stdio\"]\r\n",
    );
}

#[test]
fn one_line_stays_one_line() {
    let ours = "\"codescry\": { \"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"] }";
    round(JSON, "{\"mcpServers\":{\"a\":{}}}", &format!("{{\"mcpServers\":{{\"a\":{{}}, {ours}}}}}"));
    round(JSON, "{\"mcpServers\":{}}", &format!("{{\"mcpServers\":{{ {ours} }}}}"));
    one_way(JSON, "{\"a\":1}", &format!("{{\"a\":1, \"mcpServers\": {{ {ours} }}}}"));
    round(JSON, "{\n  \"mcpServers\": {\"a\": {},}\n}", &format!("{{\n  \"mcpServers\": {{\"a\": {{}}, {ours},}}\n}}"));
}

#[test]
fn an_object_of_comments_keeps_them() {
    round(
        JSON,
        "{\n  \"mcpServers\": {\n    // none yet\n  }\n}",
        "{\n  \"mcpServers\": {\n    // none yet\n    \"codescry\": {\n      \"command\": \"/bin/codescry\",\n      \"args\": [\"serve\", \"--stdio\"]\n    }\n  }\n}",
    );
}

#[test]
fn an_entry_in_the_middle_goes_with_its_line() {
    let with = "{\n  \"mcpServers\": {\n    \"codescry\": { \"command\": \"c\" },\n    \"b\": {} // b\n  }\n}\n";
    assert_eq!(edit::without(with, JSON).as_deref(), Ok("{\n  \"mcpServers\": {\n    \"b\": {} // b\n  }\n}\n"));
    let with = "{\"mcpServers\": {\"a\": 1, \"codescry\": {\"command\": \"c\"}, \"b\": 2}}";
    assert_eq!(edit::without(with, JSON).as_deref(), Ok("{\"mcpServers\": {\"a\": 1, \"b\": 2}}"));
    let with = "{ \"mcpServers\": {\n  \"a\": 1, // one\n  \"codescry\": {\"command\": \"c\"} } }";
    assert_eq!(edit::without(with, JSON).as_deref(), Ok("{ \"mcpServers\": {\n  \"a\": 1 // one\n   } }"));
}

#[test]
fn an_entry_that_is_there_keeps_what_is_not_ours() {
    let old = "{\n  \"mcpServers\": {\n    \"codescry\": {\n      // mine\n      \"env\": { \"RUST_LOG\": \"info\" },\n      \"command\": \"/old/codescry\",\n      \"args\": [\n        \"serve\"\n      ],\n      \"disabled\": true\n    }\n  }\n}\n";
    let new = old.replace("/old/", "/bin/").replace("[\n        \"serve\"\n      ]", "[\"serve\", \"--stdio\"]");
    one_way(JSON, old, &new);
    one_way(
        JSON,
        "{\"mcpServers\": {\"codescry\": {\"command\": \"c\"}}}",
        "{\"mcpServers\": {\"codescry\": {\"command\": \"/bin/codescry\", \"args\": [\"serve\", \"--stdio\"]}}}",
    );
    let old = "[mcp_servers.codescry] # mine\ncommand = 'c' # old\nargs = [\n  \"x\", # why\n]\nenabled = false\n";
    let new = "[mcp_servers.codescry] # mine\ncommand = \"/bin/codescry\" # old\nargs = [\"serve\", \"--stdio\"]\nenabled = false\n";
    one_way(Dialect::Toml, old, new);
}

#[test]
fn paths_are_quoted() {
    let windows = Entry { command: r"C:\Program Files\ö\codescry.exe".to_owned(), args: vec!["a\"b".to_owned()] };
    for dialect in [JSON, Dialect::Toml] {
        let made = edit::with("", dialect, &windows).expect("it can be edited");
        let found = edit::find(&made, dialect).expect("it can be parsed").expect("it is there");
        assert_eq!((found.command, found.args), (Some(windows.command.clone()), windows.args.clone()), "{made}");
    }
}

#[test]
fn what_cannot_be_edited_is_said_with_its_place() {
    refused(JSON, "{\n  \"a\": 1,\n  \"b\" 2\n}", "line 3, column");
    refused(JSON, "[]", "line 1, column 1: this is not an object");
    refused(JSON, "{\n  \"mcpServers\": []\n}", "line 2, column 17: \"mcpServers\" is not an object");
    refused(JSON, "{\"mcpServers\": {}, \"mcpServers\": {}}", "is there twice");
    refused(JSON, "{'mcpServers': {}}", "not JSON");
    refused(JSON, "{\"mcpServers\": {\"codescry\": {\"url\": \"http://localhost\"}}}", "starts no program");
    refused(Dialect::Toml, "a = 1\nb = = 2\n", "line 2, column 5: this is not TOML");
    refused(Dialect::Toml, "a = 1\nmcp_servers = { a = { command = \"a\" } }\n", "line 2");
    refused(Dialect::Toml, "[mcp_servers.codescry]\nurl = \"http://localhost\"\n", "starts no program");
}

const CODEX: &str = "# Codex\nmodel = \"o\"   # as ever\n\n[mcp_servers.docs]\ncommand = 'npx'\nargs = [ \"-y\", 'docs' ]\n\n[mcp_servers.docs.env]\nKEY = \"ü\"\n\n[tui]\nnotifications = true\n# the end\n";

#[test]
fn toml_gets_a_table_at_its_end() {
    let ours = "\n[mcp_servers.codescry]\ncommand = \"/bin/codescry\"\nargs = [\"serve\", \"--stdio\"]\n";
    round(Dialect::Toml, CODEX, &format!("{CODEX}{ours}"));
    one_way(Dialect::Toml, "a = 1", &format!("a = 1\n{ours}"));
}

#[test]
fn toml_loses_the_entry_however_it_is_written() {
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
        assert_eq!(edit::without(with, Dialect::Toml).as_deref(), Ok(without));
    }
}

#[test]
fn a_text_without_the_entry_stays() {
    for (text, dialect) in [("{ }", JSON), ("", JSON), ("{\"mcpServers\": {\"a\": {}}}", JSON), (CODEX, Dialect::Toml)]
    {
        assert_eq!(edit::without(text, dialect).as_deref(), Ok(text));
    }
}

/// A home folder, and the places in it.
struct Home {
    folder: TempDir,
    user: Surroundings,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_owned();
        let user = Surroundings {
            system: System::Linux,
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

    fn file(&self, path: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().expect("it has a folder")).expect("a folder can be made");
        fs::write(&file, text).expect("a file can be written");
        file
    }

    fn place(&self, client: &str) -> Place {
        let mut places = user_places(&self.user).into_iter();
        places.find(|place| place.client.name == client).expect("it is known")
    }

    fn install(&self, client: &str) -> Result<Change, ClientError> {
        let request = Request { command: "/bin/codescry".to_owned(), folder: None };
        plan_install(self.place(client), &request, &self.user)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join(folder)).expect("it is there");
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).expect("it can be read")
}

#[test]
fn every_client_goes_in_and_out_without_a_trace() {
    for client in CLIENTS {
        let home = Home::new();
        let place = home.place(client.name);
        assert!(!place.found, "{} is found in an empty home", client.name);
        let originals = match client.dialect {
            Dialect::Toml => ["", CODEX, "a = 1"],
            Dialect::Json { .. } => ["", "{\n\t\"a\": [1, 2],\t// two\n}", "{}"],
        };
        for original in originals {
            fs::create_dir_all(place.file.parent().expect("a folder")).expect("it can be made");
            fs::write(&place.file, original).expect("it can be written");
            assert!(home.place(client.name).found, "{}", client.name);
            let change = home.install(client.name).expect("it can be planned");
            let backup = change.apply().expect("it can be written").backup.expect("there was a file");
            assert_eq!(text(&backup), original);
            assert!(!home.install(client.name).expect("it can be planned").is_needed(), "{}", client.name);
            plan_uninstall(place.clone()).expect("it can be planned").apply().expect("it can be written");
            assert_eq!(text(&place.file), original, "{}", client.name);
            assert!(!backup.exists(), "the backup says nothing that the file does not");
        }
        fs::remove_file(&place.file).expect("it is there");
        let change = home.install(client.name).expect("it can be planned");
        assert_eq!(change.apply().expect("it can be written").backup, None);
        assert!(place.entry().expect("it can be read").is_some());
        plan_uninstall(place.clone()).expect("it can be planned").apply().expect("it can be removed");
        assert!(!place.file.exists(), "{}", client.name);
    }
}

#[test]
fn an_entry_for_one_folder_is_found() {
    let home = Home::new();
    home.file(".claude.json", "{\"projects\": {\"/code\": {\"mcpServers\": {\"codescry\": {\"command\": \"c\"}}}}}");
    let place = home.place("claude-code");
    assert_eq!(place.entry().expect("it can be read"), None);
    let found = place.entry_of_project(Path::new("/code")).expect("it can be read").expect("it is there");
    assert_eq!(found, Found { command: Some("c".to_owned()), args: Vec::new() });
    assert_eq!(place.entry_of_project(Path::new("/other")).expect("it can be read"), None);
}

#[test]
fn what_changed_after_the_install_stays() {
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", "{\n  \"mcpServers\": {\n    \"a\": {}\n  }\n}\n");
    home.install("cursor").expect("a plan").apply().expect("it can be written");
    let edited = text(&file).replace("\"a\": {}", "\"a\": { \"env\": {} }");
    fs::write(&file, edited).expect("it can be written");
    let applied = plan_uninstall(home.place("cursor")).expect("a plan").apply().expect("it can be written");
    assert_eq!(text(&file), "{\n  \"mcpServers\": {\n    \"a\": { \"env\": {} }\n  }\n}\n");
    let names = ["mcp.json", "mcp.json.codescry-backup", "mcp.json.codescry-backup.2"];
    assert_eq!(home.names(".cursor"), names, "the first backup is never written over");
    assert!(applied.backup.is_some_and(|backup| backup.ends_with("mcp.json.codescry-backup.2")));
}

#[test]
fn arguments_of_yours_stay_unless_a_folder_is_given() {
    let home = Home::new();
    let args = "[\"serve\", \"--stdio\", \"/code\", \"--no-watch\"]";
    let old = format!("{{\"mcpServers\": {{\"codescry\": {{\"command\": \"/old\", \"args\": {args}}}}}}}");
    home.file(".codeium/windsurf/mcp_config.json", &old);
    let after = home.install("windsurf").expect("a plan").after.expect("a text");
    assert_eq!(after, old.replace("/old", "/bin/codescry"));
    let request = Request { command: "/old".to_owned(), folder: Some("/elsewhere".into()) };
    let change = plan_install(home.place("windsurf"), &request, &home.user).expect("a plan");
    assert_eq!(change.after.expect("a text"), old.replace(args, "[\"serve\", \"--stdio\", \"/elsewhere\"]"));
}

#[test]
fn a_client_without_folders_is_not_given_the_home_folder() {
    let mut home = Home::new();
    assert!(home.install("windsurf").is_ok_and(|change| change.after.is_some_and(|text| text.contains("/project\"]"))));
    home.user.working = home.user.home.clone();
    let said = home.install("windsurf").expect_err("there is no folder").to_string();
    assert!(said.contains("Windsurf") && said.contains("codescry install PATH"), "{said}");
}

#[test]
fn a_broken_file_is_named_and_left_alone() {
    let home = Home::new();
    let broken = "{\n  \"mcpServers\": {\n";
    let file = home.file(".gemini/settings.json", broken);
    let said = home.install("gemini").expect_err("it is broken").to_string();
    assert!(
        said.contains(".gemini/settings.json") && said.contains("line ") && said.contains("left as it is"),
        "{said}"
    );
    assert!(plan_uninstall(home.place("gemini")).is_err());
    assert_eq!(text(&file), broken);
    fs::write(&file, b"{\"a\": \"\xff\"}").expect("it can be written");
    assert!(matches!(home.install("gemini"), Err(ClientError::NotUtf8 { .. })));
}

#[test]
fn a_file_that_changes_meanwhile_is_left_alone() {
    let home = Home::new();
    let file = home.file(".claude.json", "{}");
    let change = home.install("claude-code").expect("a plan");
    fs::write(&file, "{\"a\": 1}").expect("it can be written");
    assert!(matches!(change.apply(), Err(ClientError::Changed { .. })));
    assert_eq!(text(&file), "{\"a\": 1}");
    assert!(home.names(".").iter().all(|name| !name.contains("codescry-new")), "{:?}", home.names("."));
}

#[cfg(unix)]
#[test]
fn links_and_rights_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = Home::new();
    let real = home.file("dotfiles/zed.json", "{\n  // mine\n}\n");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("its rights can be set");
    let link = home.place("zed").file;
    fs::create_dir_all(link.parent().expect("a folder")).expect("it can be made");
    symlink("../../dotfiles/zed.json", &link).expect("a link");
    let applied = home.install("zed").expect("a plan").apply().expect("it can be written");
    assert!(link.symlink_metadata().is_ok_and(|link| link.is_symlink()));
    assert!(text(&real).contains("context_servers") && text(&real).contains("// mine"));
    let mode = |file: &Path| fs::metadata(file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&real), applied.backup.as_deref().map(mode)), (0o640, Some(0o640)));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o400)).expect("its rights can be set");
    assert!(matches!(plan_uninstall(home.place("zed")).expect("a plan").apply(), Err(ClientError::ReadOnly { .. })));
}

#[test]
fn places_are_where_the_clients_look() {
    let mut user = Home::new().user;
    (user.home, user.settings, user.dot_config) = ("/h".into(), "/s".into(), "/c".into());
    let file = |user: &Surroundings, name: &str| {
        let mut places = user_places(user).into_iter();
        places
            .find(|place| place.client.name == name)
            .expect("it is known")
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
    user.system = System::Windows;
    (user.claude, user.codex) = (Some("/claude".into()), Some("/codex".into()));
    assert_eq!(file(&user, "zed"), "/s/Zed/settings.json");
    assert_eq!(file(&user, "claude-code"), "/claude/.claude.json");
    assert_eq!(file(&user, "codex"), "/codex/config.toml");
}

#[test]
fn a_project_has_the_files_of_clients_in_use() {
    let home = Home::new();
    home.file("project/.vscode/settings.json", "{}");
    home.file(".claude/x", "");
    let root = home.user.working.clone();
    let found = project_places(&root, &home.user).into_iter().filter(|place| place.found);
    let files: Vec<PathBuf> = found.map(|place| place.file).collect();
    assert_eq!(files, [root.join(".mcp.json"), root.join(".vscode/mcp.json")]);
}

/// Any JSON, as a value.
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

/// `value` as somebody might have written it, comments and all.
fn written(value: &serde_json::Value, how: u8) -> String {
    let text = if how & 1 == 0 { value.to_string() } else { format!("{value:#}") };
    let text = if how & 2 == 0 { text } else { text.replace("\n", " // {\"a\": [\n") };
    let text = if how & 4 == 0 { text } else { text.replace("\n", "\r\n") };
    if how & 8 == 0 { text } else { format!("/* , \" */ {text}\n// }}\n") }
}

proptest! {
    /// Whatever a file holds: it is refused, or gets the entry and nothing else, and loses it again.
    #[test]
    fn nothing_else_is_lost(root in prop::collection::btree_map("[a-z]{1,3}|mcpServers", any_json(), 0..4), how in 0u8..16) {
        let before = written(&json!(root), how);
        let is_ours = root.get("mcpServers").is_none_or(|servers| servers.as_object().is_some_and(|all| !all.contains_key(NAME)));
        let made = edit::with(&before, JSON, &entry());
        prop_assert_eq!(made.is_ok(), is_ours, "{}: {:?}", before, made);
        if let Ok(made) = made {
            let again = edit::with(&made, JSON, &entry());
            prop_assert_eq!(again.as_deref(), Ok(made.as_str()));
            let out = edit::without(&made, JSON).expect("it can be taken out");
            let kept: Vec<&str> = before.lines().map(str::trim).filter(|line| line.starts_with("//")).collect();
            prop_assert!(kept.iter().all(|comment| out.contains(comment)));
            if root.get("mcpServers").is_some_and(|servers| servers.as_object().is_some_and(|all| !all.is_empty())) {
                prop_assert_eq!(out, before);
            }
        }
    }
}
