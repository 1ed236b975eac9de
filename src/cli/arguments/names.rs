//! The arguments of `codescry symbol` and `codescry references`.

use std::ffi::OsString;

use clap::Args;

use engine::Filter;

use super::folders::FolderArguments;
use super::values::{EXIT_CODES, parse_limit};

/// The arguments that `codescry symbol` and `codescry references` share.
#[derive(Debug, Args)]
pub struct NameFilterArguments {
    #[command(flatten)]
    pub folders: FolderArguments,
    /// Print one JSON object for each name instead of text
    #[arg(long)]
    pub json: bool,
    /// Maximum number of results, from 1 to 200
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = parse_limit)]
    pub limit: usize,
    /// Leave out the first N results, which an earlier page showed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,
    /// Only files in this language; may be repeated, or a list separated by commas
    #[arg(long = "lang", value_name = "NAME", value_delimiter = ',')]
    pub languages: Vec<String>,
    /// Only files whose path inside the folder matches, such as 'src/**/*.rs', a folder or a file name; a name that is
    /// not at the top of the folder matches at any depth
    #[arg(long = "path", value_name = "GLOB")]
    pub glob: Option<String>,
    /// Only this project, by the name in its manifest or by its folder; `codescry status` lists projects
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Search the existing index without updating it first
    #[arg(long)]
    pub no_index: bool,
}

/// The arguments of `codescry symbol`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct SymbolArguments {
    /// The names to find: `parse`, `Config::load`, `Config.load`, `'parse*'`; exactly two arguments of which the
    /// second is a folder are a name and the folder to search
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<OsString>,
    #[command(flatten)]
    pub filters: NameFilterArguments,
    /// Only symbols of this kind, such as function (includes methods), type, struct, trait; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// Only symbols inside this class, module or other container
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
}

/// The arguments of `codescry references`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ReferencesArguments {
    /// The identifiers to find; `Config::load` leaves out the uses that are of another container. Exactly two arguments
    /// of which the second is a folder are an identifier and the folder to search
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<OsString>,
    #[command(flatten)]
    pub filters: NameFilterArguments,
    /// Only uses of this kind: call, import, type, write, definition, other (any other use in code), text (in a file whose
    /// code is not parsed). A kind that is shown with a question mark, such as `[other?]`, may belong to another definition
    /// of the same name
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<String>,
    /// Also list definitions of the name
    #[arg(long)]
    pub definitions: bool,
}

impl NameFilterArguments {
    /// Returns the filter on the files to search.
    pub fn filter(&self) -> Filter {
        let Self { languages, glob, project, .. } = self;
        Filter { languages: languages.clone(), path: glob.clone(), project: project.clone(), ..Filter::default() }
    }

    /// Returns the offset of the first result after the page.
    pub fn end(&self) -> usize {
        self.offset.saturating_add(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(flatten)]
        symbol: SymbolArguments,
    }

    #[test]
    fn a_page_ends_after_its_results_and_at_most_at_the_largest_number() {
        let end = |offset: &str| {
            let words = ["codescry", "parse", "--offset", offset, "--limit", "7"];
            Arguments::try_parse_from(words).expect("arguments").symbol.filters.end()
        };
        assert_eq!([end("0"), end("5"), end(&usize::MAX.to_string())], [7, 12, usize::MAX]);
    }
}
