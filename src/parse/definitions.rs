//! Matches of a language's query become a list of definitions with their place in each other.

use std::collections::HashMap;

use super::lines::Lines;
use super::tree::{Match, Matches, SyntaxTree};
use crate::types::SymbolKind;

/// Definitions nested deeper than this are part of what holds them.
const MAX_NESTING: usize = 32;

/// Longest signature kept, in bytes.
const MAX_SIGNATURE_BYTES: usize = 300;

/// Longest name kept, in bytes.
const MAX_NAME_BYTES: usize = 120;

/// A definition; lines are 0-based, both ends included, its doc comment and attributes with it.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub name: String,
    pub kind: SymbolKind,
    pub receiver: Option<String>,
    pub signature: String,
    pub first_line: usize,
    pub last_line: usize,
    /// Where its name starts, in bytes, and on which line.
    pub name_start: usize,
    pub name_line: usize,
    /// Bytes of the node itself, without what is attached.
    pub node: (usize, usize),
    /// Index of the definition it stands in.
    pub parent: Option<usize>,
}

/// The definitions of a tree, by first line, containers before what they contain.
/// A line right below a comment is tied to it in `lines`.
pub(super) fn find(tree: &SyntaxTree<'_>, matches: Matches, lines: &mut Lines<'_>) -> Vec<Definition> {
    let Matches { definitions, attachable } = matches;
    for (start, end, is_comment) in &attachable {
        if *is_comment && is_first_on_line(lines, *start) {
            let last = lines.of_byte(trimmed_end(lines.whole(), *start, *end).saturating_sub(1));
            lines.tie_to_previous(last + 1);
        }
    }
    let mut found: Vec<Definition> =
        widest(definitions).into_iter().map(|one| definition(tree, lines, &attachable, &one)).collect();
    found.sort_by_key(|one| (one.node.0, std::cmp::Reverse(one.node.1), one.name_start));
    let found = nest(found);
    join_clauses(found, lines)
}

/// For matches that share a name node, the widest definition; for the same node, the later pattern.
fn widest(matches: Vec<Match>) -> Vec<Match> {
    let mut by_name: HashMap<(usize, usize), Match> = HashMap::new();
    for one in matches {
        let width = |m: &Match| (m.node.1 - m.node.0, m.pattern);
        match by_name.get_mut(&one.name) {
            Some(best) if width(best) > width(&one) => {
                best.body_start = best.body_start.or(one.body_start);
                best.receiver = best.receiver.or(one.receiver);
            }
            Some(best) => {
                let (body_start, receiver) = (best.body_start, best.receiver);
                *best = one;
                best.body_start = best.body_start.or(body_start);
                best.receiver = best.receiver.or(receiver);
            }
            None => {
                by_name.insert(one.name, one);
            }
        }
    }
    by_name.into_values().collect()
}

fn definition(
    tree: &SyntaxTree<'_>,
    lines: &Lines<'_>,
    attachable: &[(usize, usize, bool)],
    one: &Match,
) -> Definition {
    let start = attached_start(lines.whole(), lines, attachable, one.node.0);
    let end = trimmed_end(lines.whole(), one.node.0, one.node.1);
    let name = clean(tree.slice(one.name), MAX_NAME_BYTES);
    let signature_end = one.body_start.filter(|body| *body > one.name.0).unwrap_or(one.node.1);
    Definition {
        name: name.trim_matches(['"', '\'', '`']).to_owned(),
        kind: one.kind,
        receiver: one.receiver.map(|range| clean(tree.slice(range), MAX_NAME_BYTES)),
        signature: signature(tree.slice((one.node.0, signature_end)), one.body_start.is_some()),
        first_line: lines.of_byte(start),
        last_line: lines.of_byte(end.saturating_sub(1).max(one.node.0)),
        name_start: one.name.0,
        name_line: lines.of_byte(one.name.0),
        node: one.node,
        parent: None,
    }
}

/// Where a definition starts once the comments and attributes right above it are counted in.
fn attached_start(text: &str, lines: &Lines<'_>, attachable: &[(usize, usize, bool)], start: usize) -> usize {
    let mut first = start;
    let mut before = attachable.partition_point(|(begin, _, _)| *begin < start);
    while before > 0 {
        before -= 1;
        let (begin, end, is_comment) = attachable[before];
        let end = trimmed_end(text, begin, end);
        if end > first {
            continue;
        }
        let between = &text[end..first];
        let newlines = between.bytes().filter(|byte| *byte == b'\n').count();
        let adjacent = between.trim().is_empty() && newlines <= if is_comment { 1 } else { 2 };
        if !adjacent || (is_comment && !is_first_on_line(lines, begin)) {
            break;
        }
        first = begin;
    }
    first
}

fn is_first_on_line(lines: &Lines<'_>, byte: usize) -> bool {
    lines.whole()[lines.start_byte(lines.of_byte(byte))..byte].trim().is_empty()
}

/// `end`, moved back over white space: some grammars count a line end to the node before it.
fn trimmed_end(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(end, |node| start + node.trim_end().len())
}

/// Gives each definition its parent; what is nested too deep is dropped.
fn nest(found: Vec<Definition>) -> Vec<Definition> {
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

/// A function written as several clauses (Haskell, Elixir) with no blank line between is one.
fn join_clauses(found: Vec<Definition>, lines: &Lines<'_>) -> Vec<Definition> {
    let mut kept: Vec<Definition> = Vec::with_capacity(found.len());
    let mut moved: Vec<usize> = Vec::with_capacity(found.len());
    for mut one in found {
        one.parent = one.parent.map(|parent| moved[parent]);
        if let Some(last) = kept.last_mut()
            && (last.name.as_str(), last.kind, last.parent) == (one.name.as_str(), one.kind, one.parent)
            && one.first_line <= last.last_line + 1
            && one.first_line > last.first_line
            && (one.first_line..one.last_line).all(|line| line < lines.count())
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

/// Names of what contains a definition, outermost first, joined with `.`.
pub(super) fn container(definition: &Definition, all: &[Definition]) -> String {
    let outer = definition.parent.map(|parent| path_of(parent, all)).unwrap_or_default();
    match &definition.receiver {
        Some(receiver) if outer.is_empty() => receiver.clone(),
        Some(receiver) if !outer.ends_with(receiver.as_str()) => format!("{outer}.{receiver}"),
        _ => outer,
    }
}

/// A definition's own name after those of what contains it.
pub(super) fn path_of(index: usize, all: &[Definition]) -> String {
    let mut names = Vec::new();
    let mut next = Some(index);
    while let Some(at) = next {
        names.push(all[at].name.as_str());
        next = all[at].parent;
    }
    names.reverse();
    names.join(".")
}

/// White space collapsed, what opens the body and leading annotations dropped, cut at
/// [`MAX_SIGNATURE_BYTES`].
fn signature(text: &str, before_body: bool) -> String {
    let is_annotation = |line: &&str| line.trim_start().starts_with(['@', '[']) || line.trim_start().starts_with("#[");
    let lines: Vec<&str> = text.lines().collect();
    let annotations = lines.iter().take_while(|line| is_annotation(line)).count();
    let kept = if annotations < lines.len() { &lines[annotations..] } else { &lines[..] };
    let text = if before_body { kept.join(" ") } else { kept.first().copied().unwrap_or_default().to_owned() };
    let text = clean(&text, MAX_SIGNATURE_BYTES);
    text.trim_end_matches(['{', '=', ':', ' ']).trim_end().to_owned()
}

/// White space collapsed to single spaces, cut to at most `limit` bytes at a character's end.
pub(super) fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.len() + word.len() + 1 > limit {
            let room = limit.saturating_sub(out.len() + 4);
            let cut = (0..=room.min(word.len())).rev().find(|at| word.is_char_boundary(*at)).unwrap_or(0);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word[..cut]);
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
