//! The output of `codescry read --json`.

use serde::Serialize;

use engine::CodeExcerpt;

/// The output of `codescry read --json` for one place.
#[derive(Serialize)]
pub struct ExcerptJson<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    /// Number of lines in the file.
    lines: u32,
    language: &'a str,
    /// The kind of the requested definition, or of the innermost one around the lines; `null` if there is none.
    /// `symbol` and `container` describe the same definition.
    kind: Option<&'a str>,
    symbol: Option<&'a str>,
    container: Option<&'a str>,
    text: &'a str,
}

impl<'a> ExcerptJson<'a> {
    /// Converts an excerpt.
    pub fn new(excerpt: &'a CodeExcerpt) -> Self {
        let symbol = excerpt.symbol.as_ref().or_else(|| excerpt.inside.last());
        Self {
            path: excerpt.path.as_str(),
            start_line: excerpt.span.start_line,
            end_line: excerpt.span.end_line,
            lines: excerpt.lines,
            language: excerpt.language.0,
            kind: symbol.map(|symbol| symbol.kind.as_str()),
            symbol: symbol.map(|symbol| symbol.name.as_str()),
            container: symbol.map(|symbol| symbol.container.as_str()),
            text: &excerpt.text,
        }
    }
}
