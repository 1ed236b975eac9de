//! Conversion of query matches into a nested list of definitions.

use std::collections::HashMap;
use std::ops::Range;

use crate::parse::lines::LineIndex;
use crate::parse::signature::{build_signature, collapse_whitespace};
use crate::parse::syntax::{AttachableNode, DefinitionMatch};
use types::{Language, SymbolKind};

/// Maximum nesting of definitions; deeper ones are part of the definition around them.
const MAX_NESTING: usize = 32;

/// Maximum length of a name, in bytes.
const MAX_NAME_BYTES: usize = 120;

/// A definition with its doc comment and attributes. Lines are 0-based and inclusive.
#[derive(Clone, Debug)]
pub(in crate::parse) struct Definition {
    pub name: String,
    pub kind: SymbolKind,
    pub receiver: Option<String>,
    pub signature: String,
    pub first_line: usize,
    pub last_line: usize,
    /// Byte at which the name starts.
    pub name_start: usize,
    /// Line on which the name starts.
    pub name_line: usize,
    /// Byte range of the node, without doc comment and attributes.
    pub node: (usize, usize),
    /// Index of the innermost definition around it.
    pub parent: Option<usize>,
}

/// Returns the definitions of a text, sorted by first line, containers before their members. The facts must fit the
/// text of `lines`. `outer` are definitions that the text has besides, such as the cells of a notebook.
///
/// Also makes cuts directly below a comment more expensive in `lines`, so that a comment stays with its code.
pub(super) fn collect_definitions(
    language: Language,
    matches: Vec<DefinitionMatch>,
    attachable: &[AttachableNode],
    outer: Vec<Definition>,
    lines: &mut LineIndex<'_>,
) -> Vec<Definition> {
    for AttachableNode { range, .. } in attachable.iter().filter(|one| one.is_comment) {
        if is_first_on_line(lines, range.start) {
            let last = lines.line_at_byte(trimmed_end(lines.full_text(), range).saturating_sub(1));
            lines.tie_to_previous(last + 1);
        }
    }
    let mut found: Vec<Definition> =
        keep_widest(matches).into_iter().map(|one| build_definition(language, lines, attachable, &one)).collect();
    found.retain(|one| !one.name.is_empty());
    found.extend(outer);
    found.sort_by_key(|one| (one.node.0, std::cmp::Reverse(one.node.1), one.name_start));
    let found = assign_parents(found);
    let found = if matches!(language.0, "c" | "cpp") { correct_members(found) } else { found };
    if HAS_CLAUSES.contains(&language.0) { join_clauses(found) } else { found }
}

/// Languages in which several clauses define one function. In all others, definitions of the same name are overloads,
/// redefinitions, or implementations for the same type.
const HAS_CLAUSES: [&str; 2] = ["haskell", "elixir"];

/// Keeps one match per name node: the match with the widest definition node or, if equal, the later pattern.
fn keep_widest(matches: Vec<DefinitionMatch>) -> Vec<DefinitionMatch> {
    let mut by_name: HashMap<Range<usize>, DefinitionMatch> = HashMap::new();
    for one in matches {
        let width = |m: &DefinitionMatch| (m.node.len(), m.pattern);
        match by_name.get_mut(&one.name) {
            Some(best) if width(best) > width(&one) => {
                best.body_start = best.body_start.or(one.body_start);
                best.receiver = best.receiver.take().or(one.receiver);
            }
            Some(best) => {
                let (body_start, receiver) = (best.body_start, best.receiver.take());
                *best = one;
                best.body_start = best.body_start.or(body_start);
                best.receiver = best.receiver.take().or(receiver);
            }
            None => {
                by_name.insert(one.name.clone(), one);
            }
        }
    }
    by_name.into_values().collect()
}

fn build_definition(
    language: Language,
    lines: &LineIndex<'_>,
    attachable: &[AttachableNode],
    one: &DefinitionMatch,
) -> Definition {
    let text = lines.full_text();
    let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
    let start = attached_start(lines, attachable, one.node.start);
    let end = continued_end(text, one.node.start, trimmed_end(text, &one.node));
    let name = collapse_whitespace(slice(one.name.clone()), MAX_NAME_BYTES);
    Definition {
        name: name.trim_matches(['"', '\'', '`']).to_owned(),
        kind: one.kind,
        receiver: one.receiver.clone().map(|range| collapse_whitespace(slice(range), MAX_NAME_BYTES)),
        signature: build_signature(language, text, one, attachable),
        first_line: lines.line_at_byte(start),
        last_line: lines.line_at_byte(end.saturating_sub(1).max(one.node.start)),
        name_start: one.name.start,
        name_line: lines.line_at_byte(one.name.start),
        node: (one.node.start, end.max(one.node.start)),
        parent: None,
    }
}

/// Returns the start of a definition including the comments and attributes directly above it.
fn attached_start(lines: &LineIndex<'_>, attachable: &[AttachableNode], start: usize) -> usize {
    let text = lines.full_text();
    let (mut first, mut next) = (start, start);
    let before = attachable.partition_point(|one| one.range.start < start);
    for AttachableNode { range, is_comment } in attachable[..before].iter().rev() {
        let end = trimmed_end(text, range);
        if end > next {
            continue;
        }
        let between = &text[end..next];
        let newlines = between.bytes().filter(|byte| *byte == b'\n').count();
        if !between.trim().is_empty() || newlines > if *is_comment { 1 } else { 2 } {
            break;
        }
        next = range.start;
        // A comment behind something belongs to it: to an attribute of the definition, which comes next, or to other
        // code, which ends the loop.
        if !*is_comment || is_first_on_line(lines, range.start) {
            first = range.start;
        }
    }
    first
}

/// Returns the end of a `#define` whose last line is continued by `\`: a comment ends the node in some grammars.
fn continued_end(text: &str, start: usize, end: usize) -> usize {
    let mut end = end;
    while text.as_bytes().get(start) == Some(&b'#')
        && let rest = text.get(end..).unwrap_or_default()
        && let Some(line_end) = rest.find('\n')
        && (text[..end].ends_with('\\') || rest[..line_end].trim_end().ends_with('\\'))
    {
        let line = &rest[line_end + 1..];
        end += line_end + 1 + line.find('\n').unwrap_or(line.len());
    }
    trimmed_end(text, &(start..end))
}

fn is_first_on_line(lines: &LineIndex<'_>, byte: usize) -> bool {
    lines.full_text()[lines.start_byte(lines.line_at_byte(byte))..byte].trim().is_empty()
}

/// Returns the end of a node without trailing white space: some grammars include the line end in a node.
fn trimmed_end(text: &str, range: &Range<usize>) -> usize {
    text.get(range.clone()).map_or(range.end, |node| range.start + node.trim_end().len())
}

/// Sets the parent of each definition, and drops definitions that are nested deeper than [`MAX_NESTING`].
fn assign_parents(found: Vec<Definition>) -> Vec<Definition> {
    let mut kept: Vec<Definition> = Vec::with_capacity(found.len());
    let mut open: Vec<usize> = Vec::new();
    for mut one in found {
        let beside = |top: &Definition| top.node.1 < one.node.1 || top.node.1 <= one.node.0 || top.node == one.node;
        while open.last().is_some_and(|top| beside(&kept[*top])) {
            open.pop();
        }
        if open.len() >= MAX_NESTING {
            continue;
        }
        one.parent = open.last().copied();
        open.push(kept.len());
        kept.push(one);
    }
    kept
}

/// Corrects what the patterns of C and C++ cannot decide because macros hide it: functions in a class are methods, those
/// of its name constructors, and variables in a function are no definitions.
fn correct_members(found: Vec<Definition>) -> Vec<Definition> {
    use SymbolKind::{Class, Constant, Constructor, Function, Method, Struct, Union, Variable};
    let mut kept: Vec<Definition> = Vec::with_capacity(found.len());
    // For each definition, its index among those that are kept; for one that is left out, the index of its parent.
    let mut moved: Vec<Option<usize>> = Vec::with_capacity(found.len());
    for mut one in found {
        one.parent = one.parent.and_then(|parent| moved[parent]);
        let parent = one.parent.map(|parent| &kept[parent]);
        let parent_kind = parent.map(|parent| parent.kind);
        if matches!(one.kind, Function | Method) && matches!(parent_kind, Some(Class | Struct | Union)) {
            one.kind = if parent.is_some_and(|parent| parent.name == one.name) { Constructor } else { Method };
        }
        let is_value = matches!(one.kind, Variable | Constant) && !one.signature.starts_with('#');
        if is_value && matches!(parent_kind, Some(Function | Method | Constructor)) {
            moved.push(one.parent);
            continue;
        }
        moved.push(Some(kept.len()));
        kept.push(one);
    }
    kept
}

/// Joins the adjacent clauses of a function (Haskell, Elixir) into one definition.
fn join_clauses(found: Vec<Definition>) -> Vec<Definition> {
    let mut kept: Vec<Definition> = Vec::with_capacity(found.len());
    let mut moved: Vec<usize> = Vec::with_capacity(found.len());
    for mut one in found {
        one.parent = one.parent.map(|parent| moved[parent]);
        if let Some(last) = kept.last_mut()
            && (last.name.as_str(), last.kind, last.parent) == (one.name.as_str(), one.kind, one.parent)
            && one.first_line <= last.last_line + 1
            && one.first_line > last.first_line
        {
            last.last_line = last.last_line.max(one.last_line);
            last.node.1 = last.node.1.max(one.node.1);
            moved.push(kept.len() - 1);
            continue;
        }
        moved.push(kept.len());
        kept.push(one);
    }
    kept
}

/// Returns the names of the definitions around a definition, outermost first, joined with `.`.
pub(in crate::parse) fn container_path(definition: &Definition, all: &[Definition]) -> String {
    let outer = definition.parent.map(|parent| qualified_path(parent, all)).unwrap_or_default();
    match &definition.receiver {
        Some(receiver) if outer.is_empty() => receiver.clone(),
        Some(receiver) if !outer.ends_with(receiver.as_str()) => format!("{outer}.{receiver}"),
        _ => outer,
    }
}

/// Returns a definition's name after the names of the definitions around it, joined with `.`.
pub(in crate::parse) fn qualified_path(index: usize, all: &[Definition]) -> String {
    let mut names = Vec::new();
    let mut next = Some(index);
    while let Some(at) = next {
        names.push(all[at].name.as_str());
        next = all[at].parent;
    }
    names.reverse();
    names.join(".")
}
