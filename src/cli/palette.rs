//! Colours, or none.
//!
//! Must never import: anything of this crate but `engine`.

use std::io::IsTerminal as _;

use console::Term;

use super::arguments::{ColorChoice, Shared};
use super::text;
use crate::engine::TokenClass;

/// How wide lines are where the terminal does not say.
const DEFAULT_COLUMNS: usize = 160;

/// Fewer columns than this leave no room for code.
const MIN_COLUMNS: usize = 40;

/// What a piece of output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Path,
    Name,
    Dim,
    Warning,
    Good,
    Bad,
    Token(TokenClass),
}

/// Which escape sequences are written, and how wide lines may be.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whether any are written.
    pub on: bool,
    /// Longest line in columns; longer ones are cut.
    pub columns: usize,
}

impl Palette {
    /// For standard output.
    pub fn of(shared: &Shared) -> Self {
        let plain = shared.no_color.as_ref().is_some_and(|value| !value.is_empty());
        let on = match shared.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !plain && std::io::stdout().is_terminal(),
        };
        let said = shared.columns.as_ref().and_then(|columns| columns.to_str()?.trim().parse().ok());
        let columns = said.or_else(|| Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)));
        Self { on, columns: columns.unwrap_or(DEFAULT_COLUMNS).max(MIN_COLUMNS) }
    }

    /// `text`, made visible, in the colour of its role.
    pub fn paint(self, role: Role, text: &str) -> String {
        format!("{}{}{}", self.begin(role), text::visible(text), self.end())
    }

    /// Goes before text of this role.
    pub fn begin(self, role: Role) -> &'static str {
        if !self.on {
            return "";
        }
        match role {
            Role::Path => "\x1b[1;36m",
            Role::Name => "\x1b[1m",
            Role::Dim | Role::Token(TokenClass::Comment) => "\x1b[2m",
            Role::Warning | Role::Token(TokenClass::Type) => "\x1b[33m",
            Role::Good | Role::Token(TokenClass::String) => "\x1b[32m",
            Role::Bad => "\x1b[31m",
            Role::Token(TokenClass::Number) => "\x1b[36m",
            Role::Token(TokenClass::Keyword) => "\x1b[35m",
        }
    }

    /// Goes behind it.
    pub fn end(self) -> &'static str {
        if self.on { "\x1b[0m" } else { "" }
    }
}
