//! Templates that a file of Go templates defines: `{{ define "chart.labels" }} … {{ end }}`.

use types::SymbolKind;

use crate::parse::definitions::{self, Definition, DefinitionPlace};
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use crate::parse::syntax::AttachableNode;

/// Finds the templates that are defined in a text, each from `define` or `block` to its `end`. A template without an
/// `end` is left out.
pub(in crate::parse) fn find_blocks(lines: &LineIndex<'_>) -> Vec<Definition> {
    let text = lines.full_text();
    let (mut found, mut attachable) = (Vec::new(), Vec::new());
    // For each open action, its start and the range of the name that it defines.
    let mut open: Vec<Option<(usize, std::ops::Range<usize>)>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("{{").map(|found| at + found) {
        let Some(length) = text[start..].find("}}") else { break };
        at = start + length + 2;
        let action = text[start + 2..start + length].trim_start_matches('-').trim_start();
        let word = action.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        match word {
            "if" | "range" | "with" => open.push(None),
            "define" | "block" => open.push(quoted_name(text, start, at).map(|name| (start, name))),
            "end" => {
                if let Some(Some((begin, name))) = open.pop() {
                    let signature = collapse_whitespace(text[begin..].lines().next().unwrap_or_default(), 160);
                    let place = DefinitionPlace { node: begin..at, name: name.clone() };
                    let name = text[name].to_owned();
                    let kind = SymbolKind::Function;
                    found.push(definitions::place_definition(name, kind, signature, place, &attachable, lines));
                }
            }
            _ if action.starts_with("/*") => attachable.push(AttachableNode { range: start..at, is_comment: true }),
            _ => {}
        }
    }
    definitions::nest(found)
}

/// Returns the range of the first quoted text of an action, or `None` if it is missing or empty.
fn quoted_name(text: &str, start: usize, end: usize) -> Option<std::ops::Range<usize>> {
    let open = start + text[start..end].find(['"', '`'])? + 1;
    let close = open + text[open..end].find(['"', '`'])?;
    (close > open).then_some(open..close)
}
