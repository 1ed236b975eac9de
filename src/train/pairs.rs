//! Pairs of texts that mean the same, from the definitions of a repository.
//!
//! Invariant: equal folders give equal pairs, in the order of the walk.

use std::collections::HashMap;
use std::fs;
use std::ops::ControlFlow;
use std::time::Duration;

use super::comments;
use crate::embed::{path_passage, words};
use crate::language;
use crate::parse::{Parser, SourceFile};
use crate::types::{AbsPath, RepoPath, Symbol, SymbolKind};
use crate::walk::{self, Disk, WalkEntry, WalkError, WalkOptions, Walked};

/// What a pair's two sides are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PairKind {
    /// The first sentence of a doc comment, and the definition without it.
    Doc,
    /// The words of a name, and the definition without that name.
    Name,
    /// The first sentence of a container's doc comment, and a definition inside it.
    Member,
    /// A heading with those above it, and its section.
    Heading,
    /// A test, and what it tests.
    Test,
    /// A commit's message, and a function it changed.
    Commit,
    /// Nothing, and a definition: only found, never asked for.
    Definition,
}

impl PairKind {
    pub const ALL: [Self; 7] =
        [Self::Doc, Self::Name, Self::Member, Self::Heading, Self::Test, Self::Commit, Self::Definition];

    /// The word for it on the command line.
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

/// A question and the passage that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub kind: PairKind,
    pub query: String,
    /// As [`crate::embed::passage`] has it.
    pub passage: String,
    /// As [`crate::embed::path_passage`] has it.
    pub path: String,
    /// Names the definition of the passage.
    pub target: u64,
}

impl Pair {
    /// Whether its passage is a whole definition, as a search would find it.
    pub(super) fn is_definition(&self) -> bool {
        matches!(self.kind, PairKind::Doc | PairKind::Definition)
    }

    /// Its passage, to be found and not to be asked for.
    pub(super) fn unasked(&self) -> Self {
        Self { kind: PairKind::Definition, query: String::new(), ..self.clone() }
    }
}

/// The pairs of one repository.
#[derive(Clone, Debug)]
pub struct Repository {
    pub name: String,
    pub pairs: Vec<Pair>,
}

/// Larger files are data.
const MAX_FILE_BYTES: u64 = 500_000;

/// A passage is cut there, as a chunk would be.
const MAX_PASSAGE_BYTES: usize = 2_000;

/// What a test is cut to, as a question.
const MAX_TEST_BYTES: usize = 600;

/// A body below this size says too little.
const MIN_BODY_BYTES: usize = 40;

/// Members of one container that its comment is paired with.
const MAX_MEMBERS: usize = 4;

/// Whose code is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Anyone's: the same folder must give the same pairs on every machine, however slow.
    Published,
    /// The user's, who waits, and whose secrets are left alone.
    Own,
}

/// What a file is given to be parsed in, …
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// … and where nobody waits.
const UNHURRIED: Duration = Duration::from_secs(3_600);

/// One definition with what is known of it.
pub struct Found {
    pub path: RepoPath,
    pub symbol: Symbol,
    /// Its lines, with comment and attributes.
    pub text: String,
    pub sentence: Option<String>,
    /// Its lines without the comment.
    pub rest: String,
    /// The sentence of the innermost container that has one.
    pub container_sentence: Option<String>,
    pub target: u64,
}

/// The first 8 bytes of a text's hash.
pub fn hash(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// Reads a folder and pairs what is in it.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn of_folder(name: &str, root: &AbsPath) -> Result<Repository, WalkError> {
    let found = definitions(root)?;
    Ok(Repository { name: name.to_owned(), pairs: of_definitions(&found) })
}

/// As [`of_folder`]; after each file `watch` is told how many of how many are read, and says whether to
/// go on. `None` when it said no.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn of_folder_watched(
    name: &str,
    root: &AbsPath,
    watch: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Repository>, WalkError> {
    let found = read(root, Whose::Own, watch)?;
    Ok(found.map(|found| Repository { name: name.to_owned(), pairs: of_definitions(&found) }))
}

/// All definitions of a folder.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn definitions(root: &AbsPath) -> Result<Vec<Found>, WalkError> {
    Ok(read(root, Whose::Published, &mut |_, _| true)?.unwrap_or_default())
}

fn read(
    root: &AbsPath,
    whose: Whose,
    watch: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Vec<Found>>, WalkError> {
    let mut entries = Vec::new();
    let options = WalkOptions { max_file_bytes: MAX_FILE_BYTES, files: &Disk, stop: &walk::to_the_end };
    walk::walk(root, &options, &mut |walked| {
        if let Walked::File(entry) = walked {
            entries.push(entry);
        }
        ControlFlow::Continue(())
    })?;
    let mut parser = Parser::new(if whose == Whose::Own { TIME_LIMIT } else { UNHURRIED });
    let mut found = Vec::new();
    for (done, entry) in (1..).zip(&entries) {
        found.extend(source(entry, whose).into_iter().flat_map(|file| of_file(&mut parser, &file)));
        if !watch(done, entries.len()) {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

fn source(entry: &WalkEntry, whose: Whose) -> Option<SourceFile> {
    let bytes = fs::read(&entry.abs).ok()?;
    let inspect = if whose == Whose::Own { walk::inspect } else { walk::inspect_published };
    let is_out = inspect(&entry.path, &bytes).is_some();
    let text = String::from_utf8(bytes).ok().filter(|_| !is_out)?;
    let language = language::of_path(&entry.path, text.lines().next());
    let language = language::refine(language, &entry.path, &text);
    Some(SourceFile { path: entry.path.clone(), language, text })
}

fn of_file(parser: &mut Parser, file: &SourceFile) -> Vec<Found> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found: Vec<Found> = Vec::new();
    for symbol in parser.parse(file).symbols() {
        let last = (symbol.span.end_line as usize).min(lines.len());
        let text = lines[(symbol.span.start_line as usize - 1).min(last)..last].join("\n");
        let documented = comments::split(&text, file.language);
        let (sentence, rest) = match documented {
            Some(documented) => (Some(documented.sentence), documented.rest),
            None => (None, text.clone()),
        };
        let target = hash(&format!("{}\0{}\0{}", file.path, symbol.span.start_line, symbol.name));
        let path = file.path.clone();
        found.push(Found { path, symbol, text, sentence, rest, container_sentence: None, target });
    }
    tell_members(&mut found);
    found
}

/// Gives each definition the sentence of what it stands in.
fn tell_members(found: &mut [Found]) {
    let sentences: Vec<_> =
        found.iter().map(|one| (one.symbol.span, one.symbol.kind.is_container(), one.sentence.clone())).collect();
    for one in found {
        let span = one.symbol.span;
        let holds = |outer: &&(crate::types::Span, bool, Option<String>)| {
            outer.1 && outer.0 != span && outer.0.contains(span.start_line) && outer.0.contains(span.end_line)
        };
        one.container_sentence = sentences.iter().filter(holds).filter_map(|outer| outer.2.clone()).next_back();
    }
}

/// Whether a definition of this kind is asked for.
fn is_asked(kind: SymbolKind) -> bool {
    use SymbolKind::{Block, Constant, Field, Module, Property, Section, Variable};
    !matches!(kind, Block | Constant | Field | Module | Property | Section | Variable)
}

/// The pairs of a repository's definitions.
pub(super) fn of_definitions(found: &[Found]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for one in found {
        if one.symbol.kind == SymbolKind::Section {
            pairs.extend(heading(one));
        } else if is_asked(one.symbol.kind) && one.rest.len() >= MIN_BODY_BYTES {
            pairs.push(doc(one));
            pairs.extend(named(one));
        }
    }
    pairs.extend(members(found));
    pairs.extend(tests(found));
    pairs
}

pub(super) fn pair(one: &Found, kind: PairKind, query: String, passage: String) -> Pair {
    Pair { kind, query, passage, path: path_passage(&one.path), target: one.target }
}

/// A definition as it is embedded, without its comment.
pub(super) fn passage(one: &Found, names: &str, text: &str) -> String {
    format!("{} {names}\n{}", one.symbol.container, cut(text, MAX_PASSAGE_BYTES))
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn doc(one: &Found) -> Pair {
    let passage = passage(one, &one.symbol.name, &one.rest);
    match &one.sentence {
        Some(sentence) => pair(one, PairKind::Doc, sentence.clone(), passage),
        None => pair(one, PairKind::Definition, String::new(), passage),
    }
}

/// A name of two words or more; in every other definition, by its hash, the comment stays.
fn named(one: &Found) -> Option<Pair> {
    let name = &one.symbol.name;
    let split = split_words(name);
    if split.len() < 2 {
        return None;
    }
    let text = if one.target.is_multiple_of(2) { &one.text } else { &one.rest };
    let body = passage(one, "", text).replace(name.as_str(), " ");
    Some(pair(one, PairKind::Name, split.join(" "), body))
}

pub(super) fn split_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words::words(text, |word| found.push(word.to_owned()));
    found
}

fn heading(one: &Found) -> Option<Pair> {
    let (_, body) = one.text.split_once('\n')?;
    let query = format!("{} {}", one.symbol.container, one.symbol.name).trim().to_owned();
    let says = body.trim().len() >= MIN_BODY_BYTES && split_words(&query).len() >= 2;
    let passage = cut(body.trim_start(), MAX_PASSAGE_BYTES).to_owned();
    says.then(|| pair(one, PairKind::Heading, query, passage))
}

/// A few members of each documented container: those with the lowest hashes.
fn members(found: &[Found]) -> Vec<Pair> {
    let mut by_sentence: HashMap<(&RepoPath, &str), Vec<&Found>> = HashMap::new();
    for one in found.iter().filter(|one| is_asked(one.symbol.kind) && one.rest.len() >= MIN_BODY_BYTES) {
        if let Some(sentence) = &one.container_sentence {
            by_sentence.entry((&one.path, sentence)).or_default().push(one);
        }
    }
    let mut pairs = Vec::new();
    for ((_, sentence), mut members) in by_sentence {
        members.sort_by_key(|one| one.target);
        members.truncate(MAX_MEMBERS);
        let of =
            |one: &&Found| pair(one, PairKind::Member, sentence.to_owned(), passage(one, &one.symbol.name, &one.rest));
        pairs.extend(members.iter().map(of));
    }
    pairs.sort_by(|one, other| (one.target, &one.query).cmp(&(other.target, &other.query)));
    pairs
}

/// Tests whose name begins (or ends) with that of one definition.
fn tests(found: &[Found]) -> Vec<Pair> {
    let mut by_name: HashMap<String, Vec<&Found>> = HashMap::new();
    for one in found.iter().filter(|one| is_asked(one.symbol.kind) && !is_test(one)) {
        by_name.entry(split_words(&one.symbol.name).join(" ")).or_default().push(one);
    }
    let of = |test: &Found| {
        let mut words = split_words(&test.symbol.name);
        words.retain(|word| word != "test" && word != "tests" && word != "should");
        while words.len() > 1 || words.first().is_some_and(|word| word.len() > 4) {
            if let Some([tested]) = by_name.get(&words.join(" ")).map(Vec::as_slice) {
                let query = cut(&test.rest, MAX_TEST_BYTES).to_owned();
                return Some(pair(tested, PairKind::Test, query, passage(tested, &tested.symbol.name, &tested.rest)));
            }
            words.pop();
        }
        None
    };
    found.iter().filter(|one| is_asked(one.symbol.kind) && is_test(one)).filter_map(of).collect()
}

fn is_test(one: &Found) -> bool {
    let name = one.symbol.name.to_ascii_lowercase();
    one.symbol.kind == SymbolKind::Test || name.starts_with("test") || name.ends_with("test") || name.ends_with("tests")
}
