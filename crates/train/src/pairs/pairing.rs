//! Pairs of texts with the same meaning, from the definitions of a repository.
//!
//! Equal folders give equal pairs in the same order.

use std::collections::HashMap;

use super::definitions::{CodeDefinition, CodeOrigin, read_definitions, read_folder};
use super::text_pair::{PairKind, TextPair, TrainingRepository};
use embed::build_path_passage;
use platform::cancel::CancelToken;
use source::walk::WalkError;
use text::words;
use types::{AbsPath, RepoPath, SymbolKind};
use workers::ParserPool;

/// Maximum length of a passage in bytes, similar to that of a chunk; longer passages are truncated.
const MAX_PASSAGE_BYTES: usize = 2_000;

/// Maximum length in bytes of a test that is used as a query; longer tests are truncated.
const MAX_TEST_BYTES: usize = 600;

/// Minimum size in bytes of a body that is used for training.
const MIN_BODY_BYTES: usize = 40;

/// Maximum number of a container's members that are paired with its comment.
const MAX_MEMBERS: usize = 4;

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
    parsers: &ParserPool,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<Option<TrainingRepository>, WalkError> {
    let found = read_folder(root, CodeOrigin::User, parsers, cancel, observe)?;
    Ok(found.map(|found| TrainingRepository { name: name.to_owned(), pairs: pair_definitions(&found) }))
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

/// Returns a passage in the form of [`embed::build_passage`]: the container, `names` and the truncated `text`.
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

/// Pairs a name of at least two words with the body of its definition. The passages of half of the definitions,
/// selected by their keys, include the comment.
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

/// Pairs each test with the definition that has the longest unambiguous name with which the test's name begins.
///
/// Compares words, and ignores `test`, `tests` and `should`. A single word counts only if it is longer than four bytes.
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
