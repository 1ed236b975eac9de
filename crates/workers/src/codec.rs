//! The payloads of frames: requests and facts as bytes.
//!
//! Numbers are LEB128. A payload is decoded completely or not at all, and the memory for a list is bounded by the bytes
//! that are there. Decoded facts still have to fit their text ([`SyntaxFacts::fits_request`]).

use std::ops::Range;
use std::time::Duration;

use source::language;
use source::parse::syntax::{
    AttachableNode, DefinitionMatch, NameUse, ReferenceKind, SyntaxFacts, SyntaxProblem, SyntaxRequest, SyntaxTask,
    TokenClass,
};
use types::SymbolKind;

/// A decoded request with its number, which its answer repeats.
#[derive(Clone, Copy, Debug)]
pub struct NumberedRequest<'p> {
    pub number: u64,
    pub request: SyntaxRequest<'p>,
}

/// Encodes a request.
pub fn encode_request(number: u64, request: &SyntaxRequest<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(request.text.len() + 64);
    push_number(&mut out, number);
    let (task, name) = match request.task {
        SyntaxTask::Definitions => (0, ""),
        SyntaxTask::References { name } => (1, name),
        SyntaxTask::Tokens => (2, ""),
    };
    out.push(task);
    push_number(&mut out, u64::try_from(request.time_limit.as_millis()).unwrap_or(u64::MAX));
    push_text(&mut out, request.language.0);
    push_text(&mut out, name);
    out.extend_from_slice(request.text.as_bytes());
    out
}

/// Decodes a request; `None` if the payload is not one, or its language is unknown.
pub fn decode_request(payload: &[u8]) -> Option<NumberedRequest<'_>> {
    let mut input = PayloadReader(payload);
    let number = input.number()?;
    let task = input.byte()?;
    let time_limit = Duration::from_millis(input.number()?);
    let language = language::language_by_name(input.text()?)?;
    let name = input.text()?;
    let task = match task {
        0 => SyntaxTask::Definitions,
        1 => SyntaxTask::References { name },
        2 => SyntaxTask::Tokens,
        _ => return None,
    };
    let text = std::str::from_utf8(input.0).ok()?;
    Some(NumberedRequest { number, request: SyntaxRequest { language, text, task, time_limit } })
}

/// Encodes the answer to the request with this number.
pub fn encode_facts(number: u64, facts: &SyntaxFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + facts.line_depths.len() + 12 * facts.definitions.len());
    push_number(&mut out, number);
    let (problem, at) = match facts.problem {
        None => (0, 0),
        Some(SyntaxProblem::TimedOut) => (1, 0),
        Some(SyntaxProblem::UnusableGrammar) => (2, 0),
        Some(SyntaxProblem::KnownScannerFault) => (3, 0),
        Some(SyntaxProblem::NamesCut { at }) => (4, at),
        Some(SyntaxProblem::MuchUnparsed { bytes }) => (5, bytes),
        // Only the parent reports these.
        Some(SyntaxProblem::TooLarge | SyntaxProblem::Fault(_)) => (2, 0),
    };
    out.push(problem);
    push_size(&mut out, at);
    push_size(&mut out, facts.line_depths.len());
    facts.line_depths.iter().for_each(|depth| push_number(&mut out, u64::from(*depth)));
    push_size(&mut out, facts.definitions.len());
    for one in &facts.definitions {
        push_code(&mut out, SymbolKind::ALL, one.kind);
        push_size(&mut out, one.pattern);
        push_range(&mut out, &one.node);
        push_range(&mut out, &one.name);
        out.push(u8::from(one.receiver.is_some()) | u8::from(one.body_start.is_some()) << 1);
        one.receiver.iter().for_each(|range| push_range(&mut out, range));
        one.body_start.iter().for_each(|start| push_size(&mut out, *start));
    }
    push_size(&mut out, facts.attachable.len());
    for one in &facts.attachable {
        push_range(&mut out, &one.range);
        out.push(u8::from(one.is_comment));
    }
    push_size(&mut out, facts.uses.len());
    for one in &facts.uses {
        push_size(&mut out, one.at);
        push_code(&mut out, ReferenceKind::ALL, one.kind);
    }
    push_size(&mut out, facts.tokens.len());
    for (range, class) in &facts.tokens {
        push_range(&mut out, range);
        push_code(&mut out, TokenClass::ALL, *class);
    }
    out
}

/// Decodes facts, and the number of the request that they answer; `None` if the payload is malformed.
pub fn decode_facts(payload: &[u8]) -> Option<(u64, SyntaxFacts)> {
    let mut input = PayloadReader(payload);
    let number = input.number()?;
    let problem = input.byte()?;
    let at = input.size()?;
    let problem = match problem {
        0 => None,
        1 => Some(SyntaxProblem::TimedOut),
        2 => Some(SyntaxProblem::UnusableGrammar),
        3 => Some(SyntaxProblem::KnownScannerFault),
        4 => Some(SyntaxProblem::NamesCut { at }),
        5 => Some(SyntaxProblem::MuchUnparsed { bytes: at }),
        _ => return None,
    };
    let facts = SyntaxFacts {
        line_depths: input.list(|input| u32::try_from(input.number()?).ok())?,
        definitions: input.list(PayloadReader::definition)?,
        attachable: input
            .list(|input| Some(AttachableNode { range: input.range()?, is_comment: input.code(&[false, true])? }))?,
        uses: input.list(|input| Some(NameUse { at: input.size()?, kind: input.code(ReferenceKind::ALL)? }))?,
        tokens: input.list(|input| Some((input.range()?, input.code(TokenClass::ALL)?)))?,
        problem,
    };
    input.0.is_empty().then_some((number, facts))
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_size(out: &mut Vec<u8>, size: usize) {
    push_number(out, size as u64);
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_size(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Encodes a range as its start and its length.
fn push_range(out: &mut Vec<u8>, range: &Range<usize>) {
    push_size(out, range.start);
    push_size(out, range.len());
}

/// Encodes an element of `all` as its index.
fn push_code<T: PartialEq>(out: &mut Vec<u8>, all: &[T], element: T) {
    let index = all.iter().position(|one| *one == element).and_then(|index| u8::try_from(index).ok());
    out.push(index.unwrap_or(u8::MAX));
}

/// Reads a payload; holds the bytes that are not read yet.
struct PayloadReader<'p>(&'p [u8]);

impl<'p> PayloadReader<'p> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            if shifted >> shift != bits {
                return None; // more than 64 bits
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<&'p str> {
        let bytes = self.size()?;
        let (text, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn range(&mut self) -> Option<Range<usize>> {
        let start = self.size()?;
        Some(start..start.checked_add(self.size()?)?)
    }

    fn code<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.byte()?)).copied()
    }

    /// Decodes a list. Each element has at least one byte, so the length is bounded by the bytes that are left.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.size()?;
        if length > self.0.len() {
            return None;
        }
        let mut list = Vec::with_capacity(length.min(4_096));
        for _ in 0..length {
            list.push(element(self)?);
        }
        Some(list)
    }

    fn definition(&mut self) -> Option<DefinitionMatch> {
        let (kind, pattern) = (self.code(SymbolKind::ALL)?, self.size()?);
        let (node, name) = (self.range()?, self.range()?);
        let flags = self.byte().filter(|flags| *flags < 4)?;
        let receiver = if flags & 1 == 0 { None } else { Some(self.range()?) };
        let body_start = if flags & 2 == 0 { None } else { Some(self.size()?) };
        Some(DefinitionMatch { kind, pattern, node, name, receiver, body_start })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use source::parse::syntax::SyntaxAnalyzer;
    use types::Language;

    use super::*;

    const TEXT: &str =
        "/// Größe.\n#[inline]\npub fn größe(x: u32) -> u32 {\n    größe(x) // 1\n}\nimpl A { fn b() {} }\n";

    fn requests() -> [SyntaxRequest<'static>; 3] {
        let tasks = [SyntaxTask::Definitions, SyntaxTask::References { name: "größe" }, SyntaxTask::Tokens];
        tasks.map(|task| SyntaxRequest {
            language: Language("rust"),
            text: TEXT,
            task,
            time_limit: Duration::from_millis(1_500),
        })
    }

    #[test]
    fn requests_and_facts_are_read_back() {
        let mut analyzer = SyntaxAnalyzer::default();
        for (number, request) in (1_000_000..).zip(requests()) {
            let payload = encode_request(number, &request);
            let decoded = decode_request(&payload).expect("a request");
            let parts = |one: SyntaxRequest<'_>| format!("{one:?}");
            assert_eq!((decoded.number, parts(decoded.request)), (number, parts(request)));
            let facts = analyzer.analyze(&request);
            assert!(facts.fits_request(&request) && facts != SyntaxFacts::default());
            assert_eq!(decode_facts(&encode_facts(number, &facts)), Some((number, facts)));
        }
        let problems = [
            SyntaxProblem::TimedOut,
            SyntaxProblem::UnusableGrammar,
            SyntaxProblem::KnownScannerFault,
            SyntaxProblem::NamesCut { at: 700 },
            SyntaxProblem::MuchUnparsed { bytes: 300 },
        ];
        for problem in problems {
            let facts = SyntaxFacts::failed(problem);
            assert_eq!(decode_facts(&encode_facts(7, &facts)), Some((7, facts)));
        }
    }

    #[test]
    fn a_payload_that_is_cut_or_too_long_is_refused() {
        let facts = SyntaxAnalyzer::default().analyze(&requests()[1]);
        let payload = encode_facts(3, &facts);
        for end in 0..payload.len() {
            assert_eq!(decode_facts(&payload[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_facts(&[payload.as_slice(), &[0]].concat()), None);
    }

    proptest! {
        /// Mutated answers are refused or fit the text: nothing else reaches the parent's code, which must not panic.
        #[test]
        fn mutated_facts_are_refused_or_fit(
            task in 0..3_usize,
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
        ) {
            let request = requests()[task];
            let mut payload = encode_facts(1, &SyntaxAnalyzer::default().analyze(&request));
            for (at, byte, edit) in edits {
                let at = at.index(payload.len());
                match edit {
                    0 => payload[at] = byte,
                    1 => payload.insert(at, byte),
                    _ => payload.truncate(at.max(1)),
                }
            }
            let Some((_, facts)) = decode_facts(&payload) else { return Ok(()) };
            if facts.fits_request(&request) {
                use_facts(&request, facts);
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_fit(payload in prop::collection::vec(any::<u8>(), 0..200), task in 0..3_usize) {
            let request = requests()[task];
            _ = decode_request(&payload);
            if let Some((_, facts)) = decode_facts(&payload)
                && facts.fits_request(&request)
            {
                use_facts(&request, facts);
            }
        }
    }

    /// Builds everything that the parent builds from facts.
    fn use_facts(request: &SyntaxRequest<'_>, facts: SyntaxFacts) {
        use source::parse::{SourceFile, build_outline, build_parsed_file, build_references};
        let path = types::RepoPath::new("a.rs");
        let file = SourceFile { path, language: request.language, text: request.text.to_owned(), masks: Vec::new() };
        let limit = request.time_limit;
        match request.task {
            SyntaxTask::Definitions => {
                let parsed = build_parsed_file(&file, Some(facts.clone()), limit);
                let lines: Vec<&str> = file.text.lines().collect();
                for chunk in &parsed.chunks {
                    let (start, end) = (chunk.span.start_line as usize - 1, chunk.span.end_line as usize);
                    assert_eq!(chunk.text, lines[start..end].join("\n"));
                }
                let count: u32 = parsed.chunks.iter().map(|chunk| chunk.span.line_count()).sum();
                assert_eq!(count as usize, lines.len(), "each line is in one chunk");
                build_outline(&file, Some(facts), limit);
            }
            SyntaxTask::References { name } => {
                build_references(&file, name, Some(facts), limit);
            }
            SyntaxTask::Tokens => {}
        }
    }
}
