//! The arguments of `codescry serve`.

use std::path::PathBuf;

use clap::Args;

use mcp::AnswerForm;

use super::http::HttpArguments;

/// The arguments of `codescry serve`.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// The folders to serve; files outside are never read [default: the folder that the client names with
    /// CLAUDE_PROJECT_DIR or WORKSPACE_FOLDER_PATHS, the working folder, or the client's roots]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Serve the folders of this group, which the user's config.toml names
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    pub group: Option<String>,
    /// Let calls name any project below this folder in their argument root; may be repeated
    #[arg(long, value_name = "DIR")]
    pub within: Vec<PathBuf>,
    /// Answer with structured content and output schemas as well as text
    #[arg(long)]
    pub structured: bool,
    /// Serve over standard input and output; this is the default
    #[arg(long)]
    pub stdio: bool,
    /// Do not watch the folders; searches check for changes instead, at most every two seconds
    #[arg(long)]
    pub no_watch: bool,
    /// Use a separate process, even if another one serves the same folders with the same
    /// settings [also: CODESCRY_NO_SHARE=1]
    #[arg(long)]
    pub no_share: bool,
    #[command(flatten)]
    pub http: HttpArguments,
}

impl ServeArguments {
    /// Returns the arguments of a server for `paths`, with defaults for all other arguments.
    pub fn for_paths(paths: &[PathBuf]) -> Self {
        Self { paths: paths.to_owned(), ..Self::default() }
    }

    /// Returns the form of answers.
    pub fn answer_form(&self) -> AnswerForm {
        if self.structured { AnswerForm::TextAndData } else { AnswerForm::Text }
    }
}
