//! Conversion of query matches into a nested list of definitions.

use std::collections::HashMap;
use std::ops::Range;

use super::documents::describe_block;
use super::lines::LineIndex;
use super::signature::{build_signature, collapse_whitespace, written_signature};
use super::syntax::{AttachableNode, DefinitionMatch};
use types::{Language, SymbolKind};

/// Maximum nesting depth of definitions; deeper ones are part of the definition around them.
const MAX_NESTING: usize = 32;

/// Maximum number of comments and attributes before a definition that are searched for an attribute around a comment.
const MAX_INNER_COMMENTS: usize = 16;

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
    /// Index of the innermost definition around it; `None` at the top level.
    pub parent: Option<usize>,
}

/// Returns the definitions of a text, sorted by position, containers before their members. `matches` and `attachable`
/// must fit the text of `lines`. `outer` are further definitions in the text, such as the cells of a notebook.
///
/// Also makes cuts directly below a comment more expensive in `lines`, so that a comment stays with its code.
pub(super) fn collect_definitions(
    language: Language,
    matches: Vec<DefinitionMatch>,
    attachable: &[AttachableNode],
    outer: Vec<Definition>,
    lines: &mut LineIndex<'_>,
) -> Vec<Definition> {
    tie_comments(attachable, lines);
    let mut matches = keep_widest(matches);
    if matches!(language.0, "docker" | "make") {
        separate_parts(language, lines, attachable, &mut matches);
    }
    let built = matches.iter().map(|one| build_definition(language, lines, attachable, one));
    let mut found: Vec<Definition> = built.filter(|one| !one.name.is_empty()).collect();
    extend_file_scopes(language, &mut found, lines);
    found.extend(outer);
    let found = nest(found);
    let found = if matches!(language.0, "c" | "cpp") { correct_members(found) } else { found };
    if HAS_CLAUSES.contains(&language.0) { join_clauses(found) } else { found }
}

/// Raises the cost in `lines` of a cut directly below a comment that begins its line, so that the comment stays with
/// the code below it.
pub(super) fn tie_comments(attachable: &[AttachableNode], lines: &mut LineIndex<'_>) {
    for AttachableNode { range, .. } in attachable.iter().filter(|one| one.is_comment) {
        if is_first_on_line(lines, range.start) {
            let last = lines.line_at_byte(trimmed_end(lines.full_text(), range).saturating_sub(1));
            lines.tie_to_previous(last + 1);
        }
    }
}

/// Sorts definitions by position, containers before their members, and sets the parent of each. Drops definitions
/// without a name or nested deeper than [`MAX_NESTING`].
pub(super) fn nest(mut found: Vec<Definition>) -> Vec<Definition> {
    found.retain(|one| !one.name.is_empty());
    found.sort_by_key(|one| (one.node.0, std::cmp::Reverse(one.node.1), one.name_start));
    assign_parents(found)
}

/// The byte ranges of a definition, without its comments, and of its name.
#[derive(Clone, Debug)]
pub(super) struct DefinitionPlace {
    pub node: Range<usize>,
    pub name: Range<usize>,
}

/// Builds a definition at a place in its file. Its lines include the comments and attributes directly above it.
pub(super) fn place_definition(
    name: String,
    kind: SymbolKind,
    signature: String,
    place: DefinitionPlace,
    attachable: &[AttachableNode],
    lines: &LineIndex<'_>,
) -> Definition {
    let DefinitionPlace { node, name: name_range } = place;
    let start = attached_start(lines, attachable, node.start);
    let end = trimmed_end(lines.full_text(), &node).max(node.start);
    Definition {
        name,
        kind,
        receiver: None,
        signature,
        first_line: lines.line_at_byte(start),
        last_line: lines.line_at_byte(end.saturating_sub(1).max(node.start)),
        name_start: name_range.start,
        name_line: lines.line_at_byte(name_range.start),
        node: (node.start, end),
        parent: None,
    }
}

/// Corrects the ends of the stages of a Dockerfile and the rules of a makefile. A stage extends to the next stage or
/// the end of the file. A rule ends before the next rule, which the grammar counts as part of the recipe inside a
/// conditional.
fn separate_parts(
    language: Language,
    lines: &LineIndex<'_>,
    attachable: &[AttachableNode],
    matches: &mut [DefinitionMatch],
) {
    let mut starts: Vec<usize> =
        matches.iter().filter(|one| one.kind == SymbolKind::Task).map(|one| one.node.start).collect();
    starts.sort_unstable();
    for one in matches.iter_mut().filter(|one| one.kind == SymbolKind::Task) {
        let next = starts.get(starts.partition_point(|start| *start <= one.node.start));
        let next = next.map(|start| attached_start(lines, attachable, *start).max(one.name.end));
        one.node.end = match language.0 {
            "docker" => next.unwrap_or(lines.full_text().len()),
            _ => next.map_or(one.node.end, |next| next.min(one.node.end)).max(one.name.end),
        };
    }
}

/// Languages in which several clauses define one function. In all others, definitions of the same name are overloads,
/// redefinitions, or implementations for the same type.
const HAS_CLAUSES: [&str; 3] = ["haskell", "elixir", "erlang"];

/// Keeps one match per name node: the match with the widest definition node or, if equal, the later pattern. It gets a
/// missing body and receiver from the others.
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
    let written = written_signature(language, text, one, attachable_between(attachable, start, one.node.start));
    let end = continued_end(text, one.node.start, trimmed_end(text, &one.node));
    let name = collapse_whitespace(slice(one.name.clone()), MAX_NAME_BYTES);
    let name = match language.0 {
        // `$script:Limit` is the variable `Limit` of a scope.
        "powershell" => name.strip_prefix('$').map_or(&*name, |name| name.rsplit(':').next().unwrap_or(name)),
        // A raw identifier: `fn r#match`.
        "rust" => name.strip_prefix("r#").unwrap_or(&name),
        _ => &name,
    };
    let raw_prefix = if language.0 == "rust" && slice(one.name.clone()).starts_with("r#") { "r#".len() } else { 0 };
    let (kind, receiver) = match language.0 {
        "terraform" => {
            let head = one.receiver.clone().unwrap_or(one.node.start..one.name.start);
            let (kind, holder) = describe_block(slice(head));
            (kind, Some(holder))
        }
        _ => (one.kind, one.receiver.clone().map(|range| collapse_whitespace(slice(range), MAX_NAME_BYTES))),
    };
    Definition {
        name: name.trim_matches(['"', '\'', '`']).to_owned(),
        kind,
        receiver,
        signature: written.unwrap_or_else(|| build_signature(language, text, one, attachable)),
        first_line: lines.line_at_byte(start),
        last_line: lines.line_at_byte(end.saturating_sub(1).max(one.node.start)),
        name_start: one.name.start + raw_prefix,
        name_line: lines.line_at_byte(one.name.start),
        node: (one.node.start, end.max(one.node.start)),
        parent: None,
    }
}

/// Returns the comments and attributes that begin at byte `start` or later, and before byte `end`.
fn attachable_between(attachable: &[AttachableNode], start: usize, end: usize) -> &[AttachableNode] {
    let first = attachable.partition_point(|one| one.range.start < start);
    let last = attachable.partition_point(|one| one.range.start < end);
    &attachable[first..last.max(first)]
}

/// Returns the byte at which a definition starts, including the comments and attributes directly above it.
fn attached_start(lines: &LineIndex<'_>, attachable: &[AttachableNode], start: usize) -> usize {
    let text = lines.full_text();
    let (mut first, mut next) = (start, start);
    let before = attachable.partition_point(|one| one.range.start < start);
    for AttachableNode { range, is_comment } in attachable[..before].iter().rev() {
        let end = trimmed_end(text, range);
        if end > next {
            continue;
        }
        // A comment inside of an attribute is a part of it.
        let holds = |outer: &AttachableNode| {
            !outer.is_comment && outer.range.start < range.start && outer.range.end >= range.end
        };
        if *is_comment && attachable[..before].iter().rev().take(MAX_INNER_COMMENTS).any(holds) {
            continue;
        }
        let between = &text[end..next];
        let newlines = between.bytes().filter(|byte| *byte == b'\n').count();
        if !between.trim().is_empty() || newlines > if *is_comment { 1 } else { 2 } {
            break;
        }
        next = range.start;
        // A comment behind other text on its line belongs to that text: to an attribute of the definition, which the
        // loop reaches next, or to other code, which ends the loop.
        if !*is_comment || is_first_on_line(lines, range.start) {
            first = range.start;
        }
    }
    first
}

/// Extends the end of a preprocessor directive over the lines that a `\` continues: a comment ends the node in some
/// grammars.
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

/// Extends a declaration that has no block and applies to the code after it: Perl's `package Name;` to the next
/// package, GDScript's `class_name Name` to the end of the file.
fn extend_file_scopes(language: Language, found: &mut [Definition], lines: &LineIndex<'_>) {
    let word = match language.0 {
        "perl" => "package",
        "gdscript" => "class_name",
        _ => return,
    };
    let text = lines.full_text();
    let source = |one: &Definition| text.get(one.node.0..one.node.1).unwrap_or_default();
    let mut starts: Vec<usize> =
        found.iter().filter(|one| source(one).starts_with(word)).map(|one| one.node.0).collect();
    starts.sort_unstable();
    for one in found.iter_mut().filter(|one| source(one).starts_with(word) && !source(one).ends_with('}')) {
        let next = starts.iter().copied().find(|start| *start > one.node.0).unwrap_or(text.len());
        one.node.1 = trimmed_end(text, &(one.node.0..next));
        one.last_line = lines.line_at_byte(one.node.1.saturating_sub(1));
    }
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

/// Corrects definitions of C and C++ that the patterns cannot classify because of macros: functions in a class are
/// methods, functions with the name of the class are constructors, and variables in a function are not definitions.
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

/// Joins the adjacent clauses of a function (Haskell, Elixir, Erlang) into one definition.
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

/// Returns the names of the definitions around a definition, outermost first, joined with `.`, with its receiver at the
/// end unless it is there already.
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
