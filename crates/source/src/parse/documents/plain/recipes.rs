//! Recipes, functions, variables and aliases of a justfile, read without a grammar, because the grammar of justfiles
//! needs another version of tree-sitter.

use types::SymbolKind;

use crate::parse::definitions::{self, Definition, DefinitionPlace};
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use crate::parse::syntax::AttachableNode;

/// Finds the definitions of a justfile. A recipe extends over the indented lines below its head, and begins with the
/// comments and attributes above it.
pub(in crate::parse) fn find_recipes(lines: &LineIndex<'_>) -> Vec<Definition> {
    let mut found = Vec::new();
    let mut attachable = Vec::new();
    for line in 0..lines.count() {
        let text = lines.text(line, line + 1);
        let start = lines.start_byte(line);
        if text.starts_with(['#', '[']) {
            attachable.push(AttachableNode { range: start..start + text.len(), is_comment: text.starts_with('#') });
        }
        let Some((kind, name)) = parse_head(text) else { continue };
        let is_inside = |at: &usize| {
            let text = lines.text(*at, *at + 1);
            text.trim().is_empty() || text.starts_with([' ', '\t'])
        };
        let past = match kind {
            SymbolKind::Task | SymbolKind::Function => {
                (line + 1..lines.count()).find(|at| !is_inside(at)).unwrap_or(lines.count())
            }
            _ => line + 1,
        };
        let (_, past) = lines.trim(line, past);
        let end = lines.start_byte(past - 1) + lines.text(past - 1, past).len();
        let place = DefinitionPlace { node: start..end, name: start + name.start..start + name.end };
        let signature = collapse_whitespace(text, 160).trim_end_matches(':').to_owned();
        let name = text[name].to_owned();
        found.push(definitions::place_definition(name, kind, signature, place, &attachable, lines));
    }
    definitions::nest(found)
}

/// Parses the first line of a definition, such as a recipe, `name := value` or `alias name := recipe`. Returns its kind
/// and the byte range of its name; `None` for any other line.
fn parse_head(text: &str) -> Option<(SymbolKind, std::ops::Range<usize>)> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let (kind, start) = match text {
        _ if text.starts_with("set ") || text.starts_with("import") || text.starts_with("mod ") => return None,
        _ if text.starts_with("alias ") => (SymbolKind::Task, "alias ".len()),
        _ if text.starts_with("export ") => (SymbolKind::Variable, "export ".len()),
        _ if text.starts_with('@') => (SymbolKind::Task, 1),
        _ => (SymbolKind::Task, 0),
    };
    let rest = text.get(start..)?;
    let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let after = rest[length..].trim_start();
    if length == 0 || !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let is_value = after.starts_with(":=");
    let kind = match is_value && !text.starts_with("alias ") {
        true => SymbolKind::Variable,
        false if rest[length..].starts_with('(') && after.contains(":=") => SymbolKind::Function,
        false => kind,
    };
    (is_value || after.contains(':')).then_some((kind, start..start + length))
}
