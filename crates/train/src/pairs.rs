//! Pairs of texts with the same meaning, from the definitions of a repository.
//!
//! Equal folders give equal pairs, in the order of the walk.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::comments;
use embed::build_path_passage;
use platform::cancel::CancelToken;
use source::language;
use source::parse::{Parser, SourceFile};
use source::walk::{self, Disk, FileSystem as _, WalkEntry, WalkError, WalkFinding, WalkOptions};
use text::words;
use types::{AbsPath, RepoPath, Symbol, SymbolKind};

/// The kind of a pair: the contents of its query and its passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairKind {
    /// The first sentence of a doc comment; the definition without the comment.
    Doc,
    /// The words of a name; the definition without that name.
    Name,
    /// The first sentence of a container's doc comment; a definition in the container.
    Member,
    /// A heading with its parent headings; its section.
    Heading,
    /// A test; the definition it tests.
    Test,
    /// A commit's message; a function that the commit changed.
    Commit,
    /// No query; a definition. Such pairs are candidates in an evaluation only.
    Definition,
}

impl PairKind {
    pub const ALL: [Self; 7] =
        [Self::Doc, Self::Name, Self::Member, Self::Heading, Self::Test, Self::Commit, Self::Definition];

    /// Returns the kind's name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doc => "doc",
            Self::Name => "name",
            Self::Member => "member",
            Self::Heading => "heading",
            Self::Test => "test",
            Self::Commit => "commit",
            Self::Definition => "definition",
        }
    }
}

/// A query and the passage that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    pub kind: PairKind,
    pub query: String,
    /// The passage, in the form of [`embed::build_passage`].
    pub passage: String,
    /// The path, in the form of [`embed::build_path_passage`].
    pub path: String,
    /// A key of the passage's definition.
    pub target: u64,
}

impl TextPair {
    /// Returns whether the passage is a whole definition, as a search result would be.
    pub(super) fn is_definition(&self) -> bool {
        matches!(self.kind, PairKind::Doc | PairKind::Definition)
    }

    /// Returns the pair without its query, as a candidate in an evaluation.
    pub(super) fn without_query(&self) -> Self {
        Self { kind: PairKind::Definition, query: String::new(), ..self.clone() }
    }
}

/// The pairs of one repository.
#[derive(Clone, Debug)]
pub struct TrainingRepository {
    pub name: String,
    pub pairs: Vec<TextPair>,
}

/// Size above which a file is treated as data.
const MAX_FILE_BYTES: u64 = 500_000;

/// Length to which a passage is cut, as a chunk would be.
const MAX_PASSAGE_BYTES: usize = 2_000;

/// Length to which a test is cut when it is used as a query.
const MAX_TEST_BYTES: usize = 600;

/// Size below which a body is too short to learn from.
const MIN_BODY_BYTES: usize = 40;

/// Maximum number of a container's members that are paired with its comment.
const MAX_MEMBERS: usize = 4;

/// The origin of the code that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CodeOrigin {
    /// Published code. The same folder must give the same pairs on every machine, however slow.
    Published,
    /// The user's own code. Files with secrets are skipped, and parsing has a short time limit since the user
    /// waits.
    User,
}

/// Time limit for parsing a file of the user's code.
const PARSE_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Time limit for parsing a file of published code. It is never reached in practice, so results do not depend on
/// the machine's speed.
const PUBLISHED_PARSE_TIME_LIMIT: Duration = Duration::from_secs(3_600);

/// A definition with its doc sentence and its container's.
pub struct CodeDefinition {
    pub path: RepoPath,
    pub symbol: Symbol,
    /// The definition's lines, with comment and attributes.
    pub text: String,
    pub sentence: Option<String>,
    /// The definition's lines without the comment.
    pub rest: String,
    /// The doc sentence of the innermost enclosing container that has one.
    pub container_sentence: Option<String>,
    pub target: u64,
}

/// Returns the first 8 bytes of a text's BLAKE3 hash.
pub fn hash_text(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// Reads a folder and returns the pairs of its definitions.
///
/// # Errors
///
/// Fails if the folder cannot be read.
pub fn read_pairs(name: &str, root: &AbsPath) -> Result<TrainingRepository, WalkError> {
    let found = read_definitions(root)?;
    Ok(TrainingRepository { name: name.to_owned(), pairs: pair_definitions(&found) })
}

/// Reads the pairs of a folder of the user. After each file, calls `observe` with the number of files read and of
/// all files. Returns `None` when cancelled.
///
/// # Errors
///
/// Fails if the folder cannot be read.
pub fn read_pairs_observed(
    name: &str,
    root: &AbsPath,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<Option<TrainingRepository>, WalkError> {
    let found = read_folder(root, CodeOrigin::User, cancel, observe)?;
    Ok(found.map(|found| TrainingRepository { name: name.to_owned(), pairs: pair_definitions(&found) }))
}

/// Reads all definitions of a folder of published code.
///
/// # Errors
///
/// Fails if the folder cannot be read.
pub fn read_definitions(root: &AbsPath) -> Result<Vec<CodeDefinition>, WalkError> {
    Ok(read_folder(root, CodeOrigin::Published, &CancelToken::default(), &mut |_, _| ())?.unwrap_or_default())
}

fn read_folder(
    root: &AbsPath,
    origin: CodeOrigin,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<Option<Vec<CodeDefinition>>, WalkError> {
    let mut entries = Vec::new();
    let options = WalkOptions { max_file_bytes: MAX_FILE_BYTES, files: &Disk, cancel };
    walk::walk_tree(root, &options, &mut |walked| {
        if let WalkFinding::File(entry) = walked {
            entries.push(entry);
        }
        ControlFlow::Continue(())
    })?;
    let mut parser =
        Parser::new(if origin == CodeOrigin::User { PARSE_TIME_LIMIT } else { PUBLISHED_PARSE_TIME_LIMIT });
    let mut found = Vec::new();
    for (done, entry) in (1..).zip(&entries) {
        if cancel.is_cancelled() {
            break;
        }
        found.extend(read_source(entry, origin).into_iter().flat_map(|file| parse_definitions(&mut parser, &file)));
        observe(done, entries.len());
    }
    Ok((!cancel.is_cancelled()).then_some(found))
}

fn read_source(entry: &WalkEntry, origin: CodeOrigin) -> Option<SourceFile> {
    let bytes = Disk.read(&entry.abs, MAX_FILE_BYTES).ok()?.bytes;
    let inspect_content =
        if origin == CodeOrigin::User { walk::inspect_content } else { walk::inspect_published_content };
    let is_out = inspect_content(&entry.path, &bytes).is_some();
    let text = String::from_utf8(bytes).ok().filter(|_| !is_out)?;
    let language = language::detect_language(&entry.path, text.lines().next());
    let language = language::refine_language(language, &entry.path, &text);
    Some(SourceFile { path: entry.path.clone(), language, text })
}

fn parse_definitions(parser: &mut Parser, file: &SourceFile) -> Vec<CodeDefinition> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found: Vec<CodeDefinition> = Vec::new();
    for symbol in parser.parse(file).symbols() {
        let last = (symbol.span.end_line as usize).min(lines.len());
        let text = lines[(symbol.span.start_line as usize - 1).min(last)..last].join("\n");
        let documented = comments::split_doc_comment(&text, file.language);
        let (sentence, rest) = match documented {
            Some(documented) => (Some(documented.sentence), documented.rest),
            None => (None, text.clone()),
        };
        let target = hash_text(&format!("{}\0{}\0{}", file.path, symbol.span.start_line, symbol.name));
        let path = file.path.clone();
        found.push(CodeDefinition { path, symbol, text, sentence, rest, container_sentence: None, target });
    }
    set_container_sentences(&mut found);
    found
}

/// Sets the container's sentence of each definition.
fn set_container_sentences(found: &mut [CodeDefinition]) {
    let sentences: Vec<_> =
        found.iter().map(|one| (one.symbol.span, one.symbol.kind.is_container(), one.sentence.clone())).collect();
    for one in found {
        let span = one.symbol.span;
        let holds = |outer: &&(types::Span, bool, Option<String>)| {
            outer.1 && outer.0 != span && outer.0.contains(span.start_line) && outer.0.contains(span.end_line)
        };
        one.container_sentence = sentences.iter().filter(holds).filter_map(|outer| outer.2.clone()).next_back();
    }
}

/// Returns whether definitions of this kind get queries.
fn is_queried(kind: SymbolKind) -> bool {
    use SymbolKind::{Block, Constant, Field, Module, Property, Section, Variable};
    !matches!(kind, Block | Constant | Field | Module | Property | Section | Variable)
}

/// Returns the pairs of a repository's definitions.
pub(super) fn pair_definitions(found: &[CodeDefinition]) -> Vec<TextPair> {
    let mut pairs = Vec::new();
    for one in found {
        if one.symbol.kind == SymbolKind::Section {
            pairs.extend(pair_heading(one));
        } else if is_queried(one.symbol.kind) && one.rest.len() >= MIN_BODY_BYTES {
            pairs.push(pair_doc(one));
            pairs.extend(pair_name(one));
        }
    }
    pairs.extend(pair_members(found));
    pairs.extend(pair_tests(found));
    pairs
}

pub(super) fn make_pair(one: &CodeDefinition, kind: PairKind, query: String, passage: String) -> TextPair {
    TextPair { kind, query, passage, path: build_path_passage(&one.path), target: one.target }
}

/// Returns a definition in the form in which it is embedded, without its comment.
pub(super) fn definition_passage(one: &CodeDefinition, names: &str, text: &str) -> String {
    format!("{} {names}\n{}", one.symbol.container, truncate_text(text, MAX_PASSAGE_BYTES))
}

fn truncate_text(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

fn pair_doc(one: &CodeDefinition) -> TextPair {
    let passage = definition_passage(one, &one.symbol.name, &one.rest);
    match &one.sentence {
        Some(sentence) => make_pair(one, PairKind::Doc, sentence.clone(), passage),
        None => make_pair(one, PairKind::Definition, String::new(), passage),
    }
}

/// Pairs a name of at least two words with its body. Half of the definitions, selected by their keys, keep the
/// comment.
fn pair_name(one: &CodeDefinition) -> Option<TextPair> {
    let name = &one.symbol.name;
    let split = collect_words(name);
    if split.len() < 2 {
        return None;
    }
    let text = if one.target.is_multiple_of(2) { &one.text } else { &one.rest };
    let body = definition_passage(one, "", text).replace(name.as_str(), " ");
    Some(make_pair(one, PairKind::Name, split.join(" "), body))
}

pub(super) fn collect_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words::for_each_word(text, |word| found.push(word.to_owned()));
    found
}

fn pair_heading(one: &CodeDefinition) -> Option<TextPair> {
    let (_, body) = one.text.split_once('\n')?;
    let query = format!("{} {}", one.symbol.container, one.symbol.name).trim().to_owned();
    let is_informative = body.trim().len() >= MIN_BODY_BYTES && collect_words(&query).len() >= 2;
    let passage = truncate_text(body.trim_start(), MAX_PASSAGE_BYTES).to_owned();
    is_informative.then(|| make_pair(one, PairKind::Heading, query, passage))
}

/// Pairs each documented container's sentence with a few of its members, selected by their keys.
fn pair_members(found: &[CodeDefinition]) -> Vec<TextPair> {
    let mut by_sentence: HashMap<(&RepoPath, &str), Vec<&CodeDefinition>> = HashMap::new();
    for one in found.iter().filter(|one| is_queried(one.symbol.kind) && one.rest.len() >= MIN_BODY_BYTES) {
        if let Some(sentence) = &one.container_sentence {
            by_sentence.entry((&one.path, sentence)).or_default().push(one);
        }
    }
    let mut pairs = Vec::new();
    for ((_, sentence), mut members) in by_sentence {
        members.sort_by_key(|one| one.target);
        members.truncate(MAX_MEMBERS);
        let of = |one: &&CodeDefinition| {
            make_pair(one, PairKind::Member, sentence.to_owned(), definition_passage(one, &one.symbol.name, &one.rest))
        };
        pairs.extend(members.iter().map(of));
    }
    pairs.sort_by(|one, other| (one.target, &one.query).cmp(&(other.target, &other.query)));
    pairs
}

/// Pairs tests with the definition whose name the test's name begins with.
fn pair_tests(found: &[CodeDefinition]) -> Vec<TextPair> {
    let mut by_name: HashMap<String, Vec<&CodeDefinition>> = HashMap::new();
    for one in found.iter().filter(|one| is_queried(one.symbol.kind) && !is_test_definition(one)) {
        by_name.entry(collect_words(&one.symbol.name).join(" ")).or_default().push(one);
    }
    let of = |test: &CodeDefinition| {
        let mut words = collect_words(&test.symbol.name);
        words.retain(|word| word != "test" && word != "tests" && word != "should");
        while words.len() > 1 || words.first().is_some_and(|word| word.len() > 4) {
            if let Some([tested]) = by_name.get(&words.join(" ")).map(Vec::as_slice) {
                let query = truncate_text(&test.rest, MAX_TEST_BYTES).to_owned();
                return Some(make_pair(
                    tested,
                    PairKind::Test,
                    query,
                    definition_passage(tested, &tested.symbol.name, &tested.rest),
                ));
            }
            words.pop();
        }
        None
    };
    found.iter().filter(|one| is_queried(one.symbol.kind) && is_test_definition(one)).filter_map(of).collect()
}

fn is_test_definition(one: &CodeDefinition) -> bool {
    let name = one.symbol.name.to_ascii_lowercase();
    one.symbol.kind == SymbolKind::Test || name.starts_with("test") || name.ends_with("test") || name.ends_with("tests")
}
