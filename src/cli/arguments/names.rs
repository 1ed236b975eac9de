//! Arguments of `codescry symbol` and `codescry references`.

use std::path::PathBuf;

use clap::Args;

use super::{EXIT_CODES, limit};

/// What both narrow down by.
#[derive(Debug, Args)]
pub struct Narrow {
    /// The folder to look in [default: the working folder]
    pub path: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// At most this many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = limit)]
    pub limit: usize,
    /// Only files in this language; may be given again, or several with commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as `src/**/*.rs`, a folder or a file name
    #[arg(long = "path", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Only this project: the name in its manifest, or its folder; `codescry status` lists them
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Ask what is indexed, without looking for changes first
    #[arg(long)]
    pub no_index: bool,
}

/// `codescry symbol`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SymbolArguments {
    /// A name: `parse`, `Config::load`, `Config.load`, `parse*`
    pub name: String,
    #[command(flatten)]
    pub narrow: Narrow,
    /// Only this kind, such as function (methods too), type, struct, trait; may be given again
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// Only inside of this class, module or other container
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
}

/// `codescry references`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ReferencesArguments {
    /// An identifier; of `Config::load` only `load` is looked at
    pub name: String,
    #[command(flatten)]
    pub narrow: Narrow,
    /// Only these uses: call, import, type, write, definition, other, text
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// List definitions of the name, too
    #[arg(long)]
    pub definitions: bool,
}
