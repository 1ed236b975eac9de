//! `cargo xtask plugin`: writes the plugin of codescry from the texts that `codescry install --with` writes.
//!
//! The folder `plugin` is one plugin in two forms: for Claude Code (`.claude-plugin/plugin.json`) and as Agent Plugins
//! 1.0 describes it (`plugin.json`, `mcp.json`). Both read the same skill.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clients::{AgentForm, EntryField, MCP_CLIENTS, SERVER_NAME};

/// The description of the plugin.
const DESCRIPTION: &str = "Finds code by meaning, by words or by name in a folder on this machine.";

/// Writes the plugin and its marketplace, or checks that they are up to date
#[derive(clap::Args)]
pub struct PluginArguments {
    /// Write nothing; fail if a file is not up to date
    #[arg(long)]
    check: bool,
    /// The root of the workspace
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
}

/// Writes or checks the files.
///
/// # Errors
/// If a file cannot be written or, with `--check`, is not up to date.
pub fn run_plugin(arguments: &PluginArguments) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in plugin_files() {
        let file = arguments.root.join(path);
        if fs::read_to_string(&file).is_ok_and(|written| written == text) {
            continue;
        }
        if arguments.check {
            stale.push(path);
            continue;
        }
        let folder = file.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("wrote {path}");
    }
    if !stale.is_empty() {
        bail!("{} not up to date; run cargo xtask plugin", stale.join(", "));
    }
    Ok(())
}

/// Returns the path and the text of each file.
fn plugin_files() -> Vec<(&'static str, String)> {
    let name = ("name", text("codescry"));
    let description = ("description", text(DESCRIPTION));
    let author = ("author", object(&[("name", text("codescry contributors"))]));
    let about = [
        name.clone(),
        ("version", text(env!("CARGO_PKG_VERSION"))),
        description.clone(),
        author.clone(),
        ("repository", text(env!("CARGO_PKG_REPOSITORY"))),
        ("license", text(env!("CARGO_PKG_LICENSE"))),
        ("keywords", list(&["code search", "semantic search", "mcp"])),
    ];
    let marketplace = object(&[
        name.clone(),
        ("owner", author.1),
        ("plugins", format!("[{}]", object(&[name, ("source", text("./plugin")), description]))),
    ]);
    let servers = |client: &str| object(&[(SERVER_NAME, entry(client))]);
    let schema = |name: &str| ("$schema", text(&format!("https://agent-plugins.org/schemas/1.0.0/{name}.schema.json")));
    let portable = object(&[&[schema("plugin")], &about[..]].concat());
    let claude = object(&[&about[..], &[("mcpServers", servers("claude-code"))]].concat());
    let agent = clients::agent_document(AgentForm::Markdown("tools: Bash, Read\n"), "codescry");
    vec![
        (".claude-plugin/marketplace.json", pretty(&marketplace)),
        ("plugin/.claude-plugin/plugin.json", pretty(&claude)),
        ("plugin/plugin.json", pretty(&portable)),
        ("plugin/mcp.json", pretty(&object(&[schema("mcp"), ("mcpServers", servers("cursor"))]))),
        ("plugin/skills/codescry/SKILL.md", clients::skill_document("codescry")),
        ("plugin/agents/codescry-search.md", agent),
    ]
}

/// Returns the entry that `install` writes for a client, with the program's name as the command.
fn entry(client: &str) -> String {
    let form = MCP_CLIENTS.iter().find(|known| known.name == client).map_or(&[][..], |known| known.entry);
    let words = ["codescry", "serve", "--stdio"];
    let fields = form.iter().filter_map(|field| match *field {
        EntryField::Command(name) => Some((name, text(words[0]))),
        EntryField::Arguments(name) => Some((name, list(&words[1..]))),
        EntryField::CommandLine(name) => Some((name, list(&words))),
        EntryField::Text(name, value) => Some((name, text(value))),
        EntryField::TextList(name, value) => Some((name, list(&[value]))),
        EntryField::Number(name, number) => Some((name, number.to_string())),
        EntryField::True(name) => Some((name, "true".to_owned())),
        EntryField::Sandbox => None,
    });
    object(&fields.collect::<Vec<_>>())
}

// The JSON is written here, because the order of the fields in a `serde_json::Value` depends on features that other
// crates enable.

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn list(values: &[&str]) -> String {
    format!("[{}]", values.iter().map(|value| text(value)).collect::<Vec<_>>().join(", "))
}

fn object(fields: &[(&str, String)]) -> String {
    let field = |(name, value): &(&str, String)| format!("  {}: {}", text(name), value.replace('\n', "\n  "));
    format!("{{\n{}\n}}", fields.iter().map(field).collect::<Vec<_>>().join(",\n"))
}

fn pretty(value: &str) -> String {
    format!("{value}\n")
}
