//! Requests for the analysis of a text, and the facts that answer them.
//!
//! Facts are positions and kinds, no texts. They may come from a parser process that hostile input has taken over, so
//! [`SyntaxFacts::fits_request`] decides whether they can be used.

use std::ops::Range;
use std::time::Duration;

use super::problem::SyntaxProblem;
use types::{Language, SymbolKind};

/// A text to analyze.
#[derive(Clone, Copy, Debug)]
pub struct SyntaxRequest<'r> {
    pub language: Language,
    pub text: &'r str,
    pub task: SyntaxTask<'r>,
    /// Limit for the processor time of the analysis.
    pub time_limit: Duration,
}

/// The facts to find in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxTask<'r> {
    /// The definitions, and the syntax depth of each line.
    Definitions,
    /// The definitions, the syntax depth of each line, and the uses of `name`, an identifier without sigils such as `@`
    /// or `$`.
    References { name: &'r str },
    /// The tokens to colour.
    Tokens,
}

macro_rules! use_kinds {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal,)*) => {
        /// The kind of a reference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReferenceKind { $($(#[doc = $doc])* $variant,)* }

        impl ReferenceKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name of the kind in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

use_kinds! {
    /// A call, or the construction of an object.
    Call "call",
    /// An import or a re-export.
    Import "import",
    /// A use as a type.
    Type "type",
    /// An assignment to the name.
    Write "write",
    /// A definition of the name, including a parameter or variable of this name.
    Definition "definition",
    /// A read, or a use that could not be classified.
    Other "other",
    /// An occurrence of the word in a text that is not parsed.
    Text "text",
}

/// The class of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClass {
    Comment,
    String,
    Number,
    Keyword,
    Type,
}

impl TokenClass {
    /// Every class.
    pub const ALL: &'static [Self] = &[Self::Comment, Self::String, Self::Number, Self::Keyword, Self::Type];
}

/// A match of a definition pattern. Ranges and positions are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionMatch {
    pub kind: SymbolKind,
    /// Index of the pattern in the query; 0 if the match was found without a query.
    pub pattern: usize,
    pub node: Range<usize>,
    pub name: Range<usize>,
    pub receiver: Option<Range<usize>>,
    pub body_start: Option<usize>,
}

/// A comment or attribute that may belong to the definition below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachableNode {
    pub range: Range<usize>,
    pub is_comment: bool,
}

/// A use of the requested name; `at` is its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameUse {
    pub at: usize,
    pub kind: ReferenceKind,
}

/// A token with its byte range.
pub type SyntaxToken = (Range<usize>, TokenClass);

/// Facts about a text, found in its syntax tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyntaxFacts {
    /// For each line, the depth of the outermost node that begins at its first character that is not white space, or a
    /// high number if none does. Empty after a failure, and if only tokens were requested.
    pub line_depths: Vec<u32>,
    pub definitions: Vec<DefinitionMatch>,
    /// Comments and attributes in order, without duplicates.
    pub attachable: Vec<AttachableNode>,
    /// Uses of the requested name, in order.
    pub uses: Vec<NameUse>,
    /// Tokens in order, without overlap.
    pub tokens: Vec<SyntaxToken>,
    pub problem: Option<SyntaxProblem>,
}

/// Maximum depth in [`SyntaxFacts::line_depths`]; deeper lines have this depth.
pub(super) const MAX_DEPTH: u32 = 1 << 24;

/// Maximum number of references per file.
pub(super) const MAX_REFERENCES: usize = 10_000;

impl SyntaxFacts {
    /// Returns facts that consist of a problem alone.
    pub fn failed(problem: SyntaxProblem) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }

    /// Returns the problem if there are no other facts.
    pub fn failure(&self) -> Option<SyntaxProblem> {
        self.problem.filter(|problem| problem.is_failure())
    }

    /// Returns whether these facts can be an answer to `request`: every position is within the text and between two
    /// characters, the attachable nodes, uses and tokens are in order, and nothing is there that was not requested.
    pub fn fits_request(&self, request: &SyntaxRequest<'_>) -> bool {
        let text = request.text;
        if self.failure().is_some() {
            return *self == Self { problem: self.problem, ..Self::default() };
        }
        let max_count = max_facts(text);
        let finds_definitions = request.task != SyntaxTask::Tokens;
        let is_bounded = self.definitions.len() <= max_count
            && self.attachable.len() <= max_count
            && self.tokens.len() <= max_count
            && self.uses.len() <= MAX_REFERENCES;
        let has_requested = if finds_definitions {
            self.tokens.is_empty()
                && self.line_depths.len() == count_line_depths(text)
                && self.line_depths.iter().all(|depth| *depth <= MAX_DEPTH)
        } else {
            self.line_depths.is_empty() && self.definitions.is_empty() && self.attachable.is_empty()
        };
        is_bounded
            && has_requested
            && self.definitions.iter().all(|one| is_match_in(text, one))
            && self.attachable.iter().all(|one| is_range_in(text, &one.range))
            && self.attachable.is_sorted_by(|one, next| attachable_key(one) < attachable_key(next))
            && self.tokens.iter().all(|(range, _)| is_range_in(text, range))
            && self.tokens.is_sorted_by(|(one, _), (next, _)| one.end <= next.start)
            && self.are_uses_valid(request)
    }

    fn are_uses_valid(&self, request: &SyntaxRequest<'_>) -> bool {
        let SyntaxTask::References { name } = request.task else {
            let may_be_unparsed = request.task == SyntaxTask::Definitions;
            return self.uses.is_empty()
                && match self.problem {
                    None => true,
                    Some(SyntaxProblem::MuchUnparsed { bytes }) => may_be_unparsed && bytes <= request.text.len(),
                    Some(_) => false,
                };
        };
        let is_use = |one: &NameUse| {
            one.kind != ReferenceKind::Text
                && request.text.get(one.at..).is_some_and(|rest| embedded::begins_with_component(rest, name))
                && !name.is_empty()
        };
        let is_cut_valid = match self.problem {
            Some(SyntaxProblem::NamesCut { at }) => request.text.is_char_boundary(at),
            Some(SyntaxProblem::MuchUnparsed { .. }) => false,
            _ => true,
        };
        is_cut_valid && self.uses.iter().all(is_use) && self.uses.is_sorted_by(|one, next| one.at < next.at)
    }

    /// Makes the facts fit the text: removes positions that are not between two characters and tokens that overlap,
    /// sorts comments and attributes, and limits definitions and depths. Thus a faulty node of a grammar costs only
    /// that node.
    pub(super) fn make_fit(&mut self, text: &str) {
        self.definitions.retain(|one| is_match_in(text, one));
        self.definitions.truncate(max_facts(text));
        self.attachable.retain(|one| is_range_in(text, &one.range));
        self.attachable.sort_unstable_by_key(attachable_key);
        self.attachable.dedup();
        let mut end = 0;
        self.tokens.retain(|(range, _)| {
            let is_next = is_range_in(text, range) && range.start >= end;
            end = if is_next { range.end } else { end };
            is_next
        });
        self.line_depths.iter_mut().for_each(|depth| *depth = (*depth).min(MAX_DEPTH));
    }
}

/// Returns the number of lines of a text, as `LineIndex` counts them.
fn count_line_depths(text: &str) -> usize {
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    ends + usize::from(!text.is_empty() && !text.ends_with('\n'))
}

/// Returns the maximum length of a list of facts. Several patterns may match at each byte.
fn max_facts(text: &str) -> usize {
    text.len().saturating_mul(8).saturating_add(64)
}

fn attachable_key(one: &AttachableNode) -> (usize, usize, bool) {
    (one.range.start, one.range.end, one.is_comment)
}

fn is_range_in(text: &str, range: &Range<usize>) -> bool {
    range.start <= range.end && text.is_char_boundary(range.start) && text.is_char_boundary(range.end)
}

fn is_match_in(text: &str, one: &DefinitionMatch) -> bool {
    is_range_in(text, &one.node)
        && is_range_in(text, &one.name)
        && one.receiver.as_ref().is_none_or(|range| is_range_in(text, range))
        && one.body_start.is_none_or(|start| text.is_char_boundary(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "fn größe() {}\nlet größe;\n";

    fn request(task: SyntaxTask<'_>) -> SyntaxRequest<'_> {
        SyntaxRequest { language: Language("rust"), text: TEXT, task, time_limit: Duration::from_secs(1) }
    }

    fn valid() -> SyntaxFacts {
        SyntaxFacts {
            line_depths: vec![1, 1],
            definitions: vec![DefinitionMatch {
                kind: SymbolKind::Function,
                pattern: 0,
                node: 0..15,
                name: 3..10,
                receiver: None,
                body_start: Some(13),
            }],
            attachable: vec![AttachableNode { range: 0..3, is_comment: true }],
            ..SyntaxFacts::default()
        }
    }

    #[test]
    fn facts_of_the_text_fit() {
        assert!(valid().fits_request(&request(SyntaxTask::Definitions)));
        let uses =
            vec![NameUse { at: 3, kind: ReferenceKind::Definition }, NameUse { at: 20, kind: ReferenceKind::Other }];
        let with_uses = SyntaxFacts { uses, ..valid() };
        assert!(with_uses.fits_request(&request(SyntaxTask::References { name: "größe" })));
        assert!(!with_uses.fits_request(&request(SyntaxTask::Definitions)), "uses were not requested");
        let failed = SyntaxFacts::failed(SyntaxProblem::TimedOut);
        assert!(failed.fits_request(&request(SyntaxTask::Definitions)));
    }

    #[test]
    fn positions_outside_of_the_text_or_inside_a_character_do_not_fit() {
        let changes: [fn(&mut SyntaxFacts); 14] = [
            |facts| facts.definitions[0].node.end = TEXT.len() + 1,
            |facts| facts.definitions[0].node = Range { start: 9, end: 3 },
            |facts| facts.definitions[0].name.end = 6, // inside ö
            |facts| facts.definitions[0].receiver = Some(6..7),
            |facts| facts.definitions[0].body_start = Some(usize::MAX),
            |facts| facts.line_depths.truncate(1),
            |facts| facts.line_depths[0] = u32::MAX,
            |facts| facts.attachable[0].range = 1..usize::MAX,
            |facts| facts.attachable.push(AttachableNode { range: 0..3, is_comment: true }),
            |facts| facts.tokens.push((0..1, TokenClass::Keyword)),
            |facts| facts.uses.push(NameUse { at: 3, kind: ReferenceKind::Other }),
            |facts| facts.problem = Some(SyntaxProblem::TimedOut),
            |facts| facts.problem = Some(SyntaxProblem::NamesCut { at: 3 }),
            |facts| facts.definitions = vec![facts.definitions[0].clone(); max_facts(TEXT) + 1],
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut facts = valid();
            change(&mut facts);
            assert!(!facts.fits_request(&request(SyntaxTask::Definitions)), "change {index}");
        }
    }

    #[test]
    fn uses_must_be_occurrences_of_the_name_in_order() {
        let task = SyntaxTask::References { name: "größe" };
        for uses in [[4, 20], [20, 3], [3, 3], [3, usize::MAX]] {
            let uses = uses.map(|at| NameUse { at, kind: ReferenceKind::Other }).to_vec();
            assert!(!SyntaxFacts { uses, ..valid() }.fits_request(&request(task)));
        }
        let text = vec![NameUse { at: 3, kind: ReferenceKind::Text }];
        assert!(!SyntaxFacts { uses: text, ..valid() }.fits_request(&request(task)));
    }

    #[test]
    fn tokens_must_not_overlap() {
        let tokens = |ranges: [Range<usize>; 2]| SyntaxFacts {
            tokens: ranges.map(|range| (range, TokenClass::Keyword)).to_vec(),
            ..SyntaxFacts::default()
        };
        let task = request(SyntaxTask::Tokens);
        assert!(tokens([0..2, 2..3]).fits_request(&task));
        assert!(!tokens([0..2, 1..3]).fits_request(&task) && !tokens([0..2, 3..6]).fits_request(&task));
        let mut made = tokens([0..2, 1..3]);
        made.make_fit(TEXT);
        assert!(made.fits_request(&task));
    }
}
