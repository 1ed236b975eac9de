//! Terminal colours and width.

use std::io::IsTerminal as _;

use console::Term;

use engine::TokenClass;

use super::terminal_text;
use crate::cli::arguments::{ColorChoice, SharedArguments};

/// Line width in columns if the width of the terminal is unknown.
const DEFAULT_COLUMNS: usize = 160;

/// Minimum line width in columns; less leaves no room for code.
const MIN_COLUMNS: usize = 40;

/// The role of a piece of output, which determines its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    Path,
    Name,
    Dim,
    Warning,
    Good,
    Bad,
    Token(TokenClass),
}

/// The output style: whether escape sequences are written, and the line width.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whether escape sequences are written.
    pub is_coloured: bool,
    /// Maximum line width in columns; longer lines are cut.
    pub columns: usize,
}

impl Palette {
    /// Returns the style for standard output.
    pub fn for_stdout(shared: &SharedArguments) -> Self {
        let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
        let is_coloured = match shared.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !plain && std::io::stdout().is_terminal(),
        };
        let exported = shared.columns.as_ref().and_then(|columns| columns.to_str()?.trim().parse().ok());
        let columns = exported.or_else(|| Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)));
        Self { is_coloured, columns: columns.unwrap_or(DEFAULT_COLUMNS).max(MIN_COLUMNS) }
    }

    /// Returns `text` with control characters escaped, in the colour of `role`.
    pub fn paint(self, role: TextRole, text: &str) -> String {
        format!("{}{}{}", self.role_prefix(role), terminal_text::escape_controls(text), self.role_suffix())
    }

    /// Returns the escape sequence that starts the colour of `role`; empty without colours.
    pub fn role_prefix(self, role: TextRole) -> &'static str {
        if !self.is_coloured {
            return "";
        }
        match role {
            TextRole::Path => "\x1b[1;36m",
            TextRole::Name => "\x1b[1m",
            TextRole::Dim | TextRole::Token(TokenClass::Comment) => "\x1b[2m",
            TextRole::Warning | TextRole::Token(TokenClass::Type) => "\x1b[33m",
            TextRole::Good | TextRole::Token(TokenClass::String) => "\x1b[32m",
            TextRole::Bad => "\x1b[31m",
            TextRole::Token(TokenClass::Number) => "\x1b[36m",
            TextRole::Token(TokenClass::Keyword) => "\x1b[35m",
        }
    }

    /// Returns the escape sequence that ends a colour; empty without colours.
    pub fn role_suffix(self) -> &'static str {
        if self.is_coloured { "\x1b[0m" } else { "" }
    }
}
