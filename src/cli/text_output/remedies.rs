//! Rewrites remedies in messages for the command line: commands replace the MCP tools that only an agent can call.
//!
//! Messages of the engine also name tools of the MCP server, because a client's agent reads the same messages.

/// The parts of messages that name MCP tools, each with its replacement for the command line, in the order of
/// replacement.
const REMEDIES: &[(&str, &str)] = &[
    (", or call index_project with rebuild", ""),
    (" or call index_project", ""),
    ("call index_project or run `codescry index`", "run `codescry index`"),
    ("index_project counts the files left out by reason", "`codescry index --dry-run` lists each file with its reason"),
    ("call index_project", "run `codescry index`"),
    ("list the files with outline", "list the files with `codescry outline`"),
    ("list its files with outline", "list its files with `codescry outline`"),
    ("read_code shows it", "`codescry read` shows it"),
    ("or give path and lines", "or give a file with lines, such as src/a.rs:10-40"),
];

/// Returns a message with commands in place of the tools that only an agent can call.
pub fn for_command_line(message: &str) -> String {
    REMEDIES.iter().fold(message.to_owned(), |text, (tool, command)| text.replace(tool, command))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{EngineError, PathError};

    #[test]
    fn messages_name_only_what_a_command_line_has() {
        let root = || "/code".into();
        let errors: [EngineError; 3] = [
            EngineError::NotIndexed { root: root() },
            EngineError::Outdated { root: root(), reason: "another model".to_owned() },
            PathError::NothingIndexed { path: "src".to_owned() }.into(),
        ];
        for error in errors {
            let shown = for_command_line(&error.to_string());
            assert!(shown.contains("`codescry index") && !shown.contains("index_project"), "{shown}");
        }
        let damage = "the index is damaged; call index_project or run `codescry index` to repair it from the files";
        assert_eq!(for_command_line(damage), "the index is damaged; run `codescry index` to repair it from the files");
    }
}
