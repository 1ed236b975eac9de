//! Facts about a text that holds texts of other languages: each is analyzed by itself, and its facts are moved to their
//! places in the whole text.

use std::ops::Range;

use embedded::{EmbeddedText, HostScan, HostUse, INSIDE_DEPTH};

use super::facts::{AttachableNode, DefinitionMatch, MAX_REFERENCES, NameUse, ReferenceKind, SyntaxFacts, SyntaxTask};
use super::problem::SyntaxProblem;
use crate::parse::lines::LineIndex;

/// Maximum depth of embedded texts, such as a query in a component in Markdown.
pub(super) const MAX_EMBEDDING: usize = 4;

/// Returns whether a text must be analyzed for a task. An expression contributes only uses and tokens.
pub(super) fn is_wanted(one: &EmbeddedText, text: &str, task: SyntaxTask<'_>) -> bool {
    match task {
        SyntaxTask::Definitions => !one.is_expression,
        SyntaxTask::References { name } => !one.is_expression || text[one.range.clone()].contains(name),
        SyntaxTask::Tokens => true,
    }
}

/// Returns the findings of the scanner of a host language as facts.
pub(super) fn host_facts(scan: &HostScan, text: &str, task: SyntaxTask<'_>) -> SyntaxFacts {
    let mut facts = SyntaxFacts::default();
    if task == SyntaxTask::Tokens {
        facts.tokens = scan.comments.iter().map(|range| (range.clone(), super::TokenClass::Comment)).collect();
        return facts;
    }
    facts.line_depths = line_depths(text, scan);
    facts.definitions = scan
        .definitions
        .iter()
        .map(|one| DefinitionMatch {
            kind: one.kind,
            pattern: 0,
            node: one.node.clone(),
            name: one.name.clone(),
            receiver: None,
            body_start: one.body_start,
        })
        .collect();
    let comments = scan.comments.iter().cloned();
    facts.attachable = comments.map(|range| AttachableNode { range, is_comment: true }).collect();
    if let SyntaxTask::References { .. } = task {
        facts.uses = scan.uses.iter().map(|(at, kind)| NameUse { at: *at, kind: use_kind(*kind) }).collect();
    }
    facts
}

fn use_kind(kind: HostUse) -> ReferenceKind {
    match kind {
        HostUse::Call => ReferenceKind::Call,
        HostUse::Other => ReferenceKind::Other,
    }
}

/// Returns the depth of each line, taken at its first character that is not white space. A text without embedded
/// programs and definitions may not be markup, such as a template of a configuration file; its depths come from the
/// indentation.
fn line_depths(text: &str, scan: &HostScan) -> Vec<u32> {
    let lines = LineIndex::new(text);
    if scan.texts.iter().all(|one| one.is_expression) && scan.definitions.is_empty() {
        return lines.depths().to_vec();
    }
    (0..lines.count()).map(|line| depth_at(&scan.depths, code_start(&lines, line))).collect()
}

fn depth_at(depths: &[(usize, u32)], at: usize) -> u32 {
    let next = depths.partition_point(|(start, _)| *start <= at);
    next.checked_sub(1).map_or(0, |last| depths[last].1)
}

fn code_start(lines: &LineIndex<'_>, line: usize) -> usize {
    let start = lines.start_byte(line);
    start + lines.text(line, line + 1).bytes().take_while(u8::is_ascii_whitespace).count()
}

/// Adds the facts about an embedded text to those about the whole text. `base` is added to the depths of its lines.
pub(super) fn add_embedded(whole: &mut SyntaxFacts, text: &str, one: &EmbeddedText, found: SyntaxFacts, base: u32) {
    let place = TextPlace { range: one.range.clone(), frame: one.frame.0.len() };
    if !one.is_expression {
        place_depths(whole, text, one, &found.line_depths, base);
        whole.definitions.extend(found.definitions.into_iter().filter_map(|one| place.definition(one)));
        let attachable = found.attachable.into_iter();
        whole
            .attachable
            .extend(attachable.filter_map(|one| Some(AttachableNode { range: place.range(&one.range)?, ..one })));
    }
    let uses = found.uses.into_iter();
    whole.uses.extend(uses.filter_map(|one| Some(NameUse { at: place.range(&(one.at..one.at))?.start, ..one })));
    let tokens = found.tokens.into_iter();
    whole.tokens.extend(tokens.filter_map(|(range, class)| Some((place.range(&range)?, class))));
    if let Some(SyntaxProblem::NamesCut { at }) = found.problem
        && let Some(cut) = place.range(&(at..at))
    {
        whole.problem = whole.problem.or(Some(SyntaxProblem::NamesCut { at: cut.start }));
    }
}

/// Sorts the uses and the tokens by position. Drops repeated uses and those beyond [`MAX_REFERENCES`].
pub(super) fn sort_facts(whole: &mut SyntaxFacts) {
    whole.uses.sort_by_key(|one| one.at);
    whole.uses.dedup_by_key(|one| one.at);
    whole.uses.truncate(MAX_REFERENCES);
    whole.tokens.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
}

/// Sets the depths of the lines that begin in an embedded text, if the depths of both texts are known.
fn place_depths(whole: &mut SyntaxFacts, text: &str, one: &EmbeddedText, found: &[u32], base: u32) {
    if whole.line_depths.is_empty() || found.is_empty() {
        return;
    }
    let before = &text.as_bytes()[..one.range.start];
    let first = memchr::memchr_iter(b'\n', before).count();
    let starts_line = before.is_empty() || before.ends_with(b"\n");
    let part = &text[one.range.clone()];
    for (index, (line, depth)) in part.split_inclusive('\n').zip(found).enumerate() {
        let is_inside = !line.trim().is_empty() && (index > 0 || starts_line);
        if let Some(place) = whole.line_depths.get_mut(first + index).filter(|_| is_inside) {
            *place = depth.saturating_add(base).min(INSIDE_DEPTH);
        }
    }
}

/// The place of an embedded text in the whole text.
struct TextPlace {
    range: Range<usize>,
    /// Length in bytes of the frame before the text.
    frame: usize,
}

impl TextPlace {
    /// Converts a range of the embedded program to a range of the whole text; `None` if it is not within the embedded
    /// text.
    fn range(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let start = range.start.checked_sub(self.frame)? + self.range.start;
        let end = range.end.checked_sub(self.frame)? + self.range.start;
        (end <= self.range.end).then_some(start..end)
    }

    fn definition(&self, one: DefinitionMatch) -> Option<DefinitionMatch> {
        Some(DefinitionMatch {
            node: self.range(&one.node)?,
            name: self.range(&one.name)?,
            receiver: one.receiver.and_then(|range| self.range(&range)),
            body_start: one.body_start.and_then(|at| self.range(&(at..at))).map(|range| range.start),
            ..one
        })
    }
}
