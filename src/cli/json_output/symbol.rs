//! The output of `codescry symbol --json`.

use serde::Serialize;

use engine::{NameMatch, SymbolAnswer, SymbolHit};

/// The output of `codescry symbol --json`.
#[derive(Serialize)]
pub struct DefinitionsJson<'a> {
    name: &'a str,
    results: Vec<DefinitionJson<'a>>,
    more: bool,
    notes: &'a [String],
}

/// One definition.
#[derive(Serialize)]
struct DefinitionJson<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    language: &'a str,
    kind: &'a str,
    symbol: &'a str,
    container: &'a str,
    signature: &'a str,
    /// The way in which the name matched: `exact`, `plain`, `words` or `fuzzy`.
    matched: &'static str,
    stale: bool,
}

impl<'a> DefinitionsJson<'a> {
    /// Converts the answer.
    pub fn new(name: &'a str, answer: &'a SymbolAnswer) -> Self {
        let result = |found: &'a SymbolHit| DefinitionJson {
            path: found.path.as_str(),
            start_line: found.symbol.span.start_line,
            end_line: found.symbol.span.end_line,
            language: found.language.0,
            kind: found.symbol.kind.as_str(),
            symbol: &found.symbol.name,
            container: &found.symbol.container,
            signature: &found.symbol.signature,
            matched: match found.how {
                NameMatch::Exact => "exact",
                NameMatch::Normalized => "plain",
                NameMatch::Partial => "words",
                NameMatch::Fuzzy => "fuzzy",
            },
            stale: found.stale,
        };
        Self { name, results: answer.symbols.iter().map(result).collect(), more: answer.more, notes: &answer.notes }
    }
}
