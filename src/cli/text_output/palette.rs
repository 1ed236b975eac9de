//! Terminal colours and width.

use std::io::IsTerminal as _;

use console::Term;

use crate::cli::arguments::{ColorChoice, SharedArguments};
use engine::TokenClass;

/// Line width in columns if the width of the terminal is unknown.
const DEFAULT_COLUMNS: usize = 160;

/// Minimum line width in columns; less leaves no room for code.
const MIN_COLUMNS: usize = 40;

/// Returns the width of a terminal: the one that the shell exports, or the terminal's own, and at least
/// [`MIN_COLUMNS`]; `None` if it is unknown.
pub fn find_columns(terminal: &Term) -> Option<usize> {
    let own = || terminal.size_checked().map(|(_, columns)| usize::from(columns));
    config::exported_columns().or_else(own).filter(|columns| *columns > 0).map(|columns| columns.max(MIN_COLUMNS))
}

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
    /// Maximum width in columns of a line of code; longer lines are cut.
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
        // In a pipe or a file nothing is cut.
        let is_terminal = std::io::stdout().is_terminal();
        let columns = if is_terminal { find_columns(&Term::stdout()).unwrap_or(DEFAULT_COLUMNS) } else { usize::MAX };
        Self { is_coloured, columns }
    }

    /// Returns `text` with control characters escaped, in the colour of `role`.
    pub fn paint(self, role: TextRole, text: &str) -> String {
        format!("{}{}{}", self.role_prefix(role), terminal_text::escape_controls(text), self.role_suffix())
    }

    /// Returns the escape sequence that starts the colour of `role`; empty without colours. The colours are from the
    /// fixed part of the 256 colours, because each must be legible on white and on black.
    pub fn role_prefix(self, role: TextRole) -> &'static str {
        if !self.is_coloured {
            return "";
        }
        match role {
            TextRole::Path => "\x1b[1;38;5;30m",
            TextRole::Name => "\x1b[1m",
            TextRole::Dim | TextRole::Token(TokenClass::Comment) => "\x1b[2m",
            TextRole::Warning | TextRole::Token(TokenClass::Type) => "\x1b[38;5;130m",
            TextRole::Good | TextRole::Token(TokenClass::String) => "\x1b[38;5;28m",
            TextRole::Bad => "\x1b[38;5;160m",
            TextRole::Token(TokenClass::Number) => "\x1b[38;5;30m",
            TextRole::Token(TokenClass::Keyword) => "\x1b[38;5;133m",
        }
    }

    /// Returns the escape sequence that ends a colour; empty without colours.
    pub fn role_suffix(self) -> &'static str {
        if self.is_coloured { "\x1b[0m" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the relative luminance of one of the 216 colours of the cube, from 0 for black to 1 for white; see
    /// <https://www.w3.org/TR/WCAG21/#dfn-relative-luminance>.
    fn luminance(colour: u8) -> f64 {
        let level = |digit: u8| if digit == 0 { 0.0 } else { f64::from(55 + 40 * u32::from(digit)) / 255.0 };
        let linear = |level: f64| if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) };
        let number = colour - 16;
        let [red, green, blue] = [number / 36, number / 6 % 6, number % 6].map(|digit| linear(level(digit)));
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn every_colour_is_legible_on_white_and_on_black() {
        let classes =
            [TokenClass::Keyword, TokenClass::String, TokenClass::Comment, TokenClass::Type, TokenClass::Number];
        let roles = [TextRole::Path, TextRole::Name, TextRole::Dim, TextRole::Warning, TextRole::Good, TextRole::Bad];
        let palette = Palette { is_coloured: true, columns: 80 };
        for role in roles.into_iter().chain(classes.map(TextRole::Token)) {
            let prefix = palette.role_prefix(role);
            // The other prefixes change the weight of the terminal's own colour.
            let Some((_, colour)) = prefix.split_once("38;5;") else {
                assert!(["\x1b[1m", "\x1b[2m"].contains(&prefix), "{role:?}: {prefix:?}");
                continue;
            };
            let luminance = luminance(colour.trim_end_matches('m').parse().expect("a colour of the cube"));
            let (on_white, on_black) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05);
            assert!(on_white > 3.5 && on_black > 3.5, "{role:?}: {on_white:.1} on white, {on_black:.1} on black");
        }
    }
}
