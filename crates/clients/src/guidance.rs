//! The files that guide a client's agent: instructions, a sub-agent, a skill and a hook.
//!
//! The texts are in `assets`. Every command in them is run by a test of the program.

use std::path::{Path, PathBuf};

use config::UserEnvironment;

use super::client::{AgentForm, GuidancePath, HookSettings};
use super::files::ClientConfigFile;

/// The files that `install --with` can add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// A marked block in the file of instructions that the agent always reads.
    Instructions,
    /// A sub-agent that uses the command line.
    Agent,
    /// A hook that adds places from the index to the result of a grep.
    Hooks,
    /// A skill that uses the command line.
    Skill,
}

impl Extra {
    /// All extras with their names on the command line.
    pub const ALL: [(&'static str, Self); 4] =
        [("instructions", Self::Instructions), ("agent", Self::Agent), ("hooks", Self::Hooks), ("skill", Self::Skill)];
}

/// A file of guidance and its text.
pub(crate) struct GuidanceFile {
    pub file: PathBuf,
    pub content: GuidanceContent,
}

/// The content of a file of guidance.
pub(crate) enum GuidanceContent {
    /// A marked block among other text.
    Block(String),
    /// The whole file.
    Document(String),
    /// A hook in the client's settings.
    Hook(HookSettings, String),
}

/// The line before a block of instructions.
const BLOCK_START: &str = "<!-- codescry:start (written by codescry install; codescry uninstall removes it) -->";
/// The line after a block of instructions.
const BLOCK_END: &str = "<!-- codescry:end -->";
/// The beginnings of the two lines, by which blocks of other versions are found.
const BLOCK_MARKS: [&str; 2] = ["<!-- codescry:start", "<!-- codescry:end"];

/// The comment by which a whole file is recognized.
const DOCUMENT_MARK: &str = "# Written by codescry install; codescry uninstall removes this file.";

/// The description by which an agent decides when to use the sub-agent or the skill.
const DESCRIPTION: &str = "Finds code by meaning, by words or by name in a repository with the codescry index. Use it to \
                           find where something is done, how it works, or where a name is defined and used, before \
                           grep and before reading files.";

/// The commands that start the program in a shell.
pub(crate) struct ShellCommands {
    /// The command in texts for agents: short if the program is on the PATH of the user.
    pub shown: String,
    /// The command in the hook, which a client may start with another PATH: the program of the server's entry.
    pub hook: String,
}

impl ShellCommands {
    /// Returns the commands for the program of the server's entry.
    pub fn new(program: &str, user: &UserEnvironment) -> Self {
        let on_path = user.find_on_path("codescry").is_some_and(|found| found == Path::new(program));
        let hook = quote_program(program);
        Self { shown: if on_path { "codescry".to_owned() } else { hook.clone() }, hook }
    }
}

/// Returns the files of the extras that the client reads, with texts that start the program.
pub(crate) fn guidance_files(
    config_file: &ClientConfigFile,
    extras: &[Extra],
    commands: &ShellCommands,
    user: &UserEnvironment,
) -> Vec<GuidanceFile> {
    let guidance = &config_file.client.guidance;
    let command = commands.shown.as_str();
    let mut files = Vec::new();
    for extra in extras {
        let (path, content) = match extra {
            Extra::Instructions => (guidance.instructions, GuidanceContent::Block(instructions_block(command))),
            Extra::Agent => {
                (guidance.agent, GuidanceContent::Document(with_mark(&agent_document(guidance.agent_form, command))))
            }
            Extra::Skill => (guidance.skill, GuidanceContent::Document(with_mark(&skill_document(command)))),
            Extra::Hooks => match guidance.hooks {
                Some(hooks) => (hooks.file, GuidanceContent::Hook(hooks, format!("{} hook", commands.hook))),
                None => continue,
            },
        };
        if let Some(file) = resolve_path(path, config_file, user) {
            files.push(GuidanceFile { file, content });
        }
    }
    files
}

/// Returns the path of a file of guidance in the project or in the user's folders; `None` if the client reads none
/// there.
fn resolve_path(path: GuidancePath, config_file: &ClientConfigFile, user: &UserEnvironment) -> Option<PathBuf> {
    match &config_file.project {
        Some(root) => path.project.map(|path| root.join(path)),
        None => path.user?.resolve(user),
    }
}

/// Returns the program as one word for a shell, in double quotes if it has other characters than those of a plain path.
fn quote_program(program: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:\\".contains(letter);
    if program.chars().all(is_plain) { program.to_owned() } else { format!("\"{program}\"") }
}

/// Returns the block of instructions, with its marks.
pub fn instructions_block(command: &str) -> String {
    format!("{BLOCK_START}\n{}{BLOCK_END}\n", with_command(include_str!("../assets/instructions.md"), command))
}

/// Returns the definition of the sub-agent, in which `command` starts the program.
pub fn agent_document(form: AgentForm, command: &str) -> String {
    let body = with_command(include_str!("../assets/agent.md"), command);
    match form {
        AgentForm::Markdown(lines) => {
            format!("---\nname: codescry-search\ndescription: {DESCRIPTION}\n{lines}---\n\n{body}")
        }
        // A literal text needs no escapes.
        AgentForm::Toml => format!(
            "name = \"codescry_search\"\ndescription = \"{DESCRIPTION}\"\n\
             developer_instructions = '''\n{body}'''\n"
        ),
    }
}

/// Returns the text of the skill, in which `command` starts the program.
pub fn skill_document(command: &str) -> String {
    let body = with_command(include_str!("../assets/skill.md"), command);
    format!("---\nname: codescry\ndescription: {DESCRIPTION}\n---\n\n{body}")
}

/// Returns a document with the comment by which `uninstall` recognizes it: in its front matter, or in front of TOML.
fn with_mark(document: &str) -> String {
    match document.strip_prefix("---\n") {
        Some(rest) => format!("---\n{DOCUMENT_MARK}\n{rest}"),
        None => format!("{DOCUMENT_MARK}\n{document}"),
    }
}

/// Replaces the program's name by `command` at the beginning of lines in code blocks.
fn with_command(text: &str, command: &str) -> String {
    let (mut replaced, mut is_code) = (String::new(), false);
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        match line.strip_prefix("codescry ").filter(|_| is_code) {
            Some(arguments) => replaced.push_str(&format!("{command} {arguments}\n")),
            None => replaced.push_str(&format!("{line}\n")),
        }
    }
    replaced
}

/// Returns `text` with the block at its end, or in place of an older block. A new file consists of the block only.
pub(crate) fn insert_block(text: &str, block: &str, is_new_file: bool) -> String {
    let line_end = super::formats::detect_line_ending(text);
    let block = block.replace('\n', line_end);
    match block_range(text) {
        Some((start, end)) => format!("{}{block}{}", &text[..start], &text[end..]),
        // The line end in front of the block belongs to it.
        None if !is_new_file => format!("{text}{line_end}{block}"),
        None => block,
    }
}

/// Returns `text` without its block; `None` if it consists of the block only.
pub(crate) fn remove_block(text: &str) -> Option<String> {
    let Some((start, end)) = block_range(text) else { return Some(text.to_owned()) };
    if start == 0 && end == text.len() {
        return None;
    }
    let before = &text[..start];
    let before = before.strip_suffix("\r\n").or_else(|| before.strip_suffix('\n')).unwrap_or(before);
    Some(format!("{before}{}", &text[end..]))
}

/// Returns the byte range (start, end) of the block, from its first mark to the line end after its last one; `None`
/// without a block.
fn block_range(text: &str) -> Option<(usize, usize)> {
    let [first, last] = BLOCK_MARKS;
    let start = if text.starts_with(first) { 0 } else { text.find(&format!("\n{first}"))? + 1 };
    let mark = start + text[start..].find(&format!("\n{last}"))? + 1;
    let end = text[mark..].find('\n').map_or(text.len(), |end| mark + end + 1);
    Some((start, end))
}

/// Returns whether codescry wrote the whole file, which its first or second line says.
pub(crate) fn is_document(text: &str) -> bool {
    text.lines().take(2).any(|line| line == DOCUMENT_MARK)
}
