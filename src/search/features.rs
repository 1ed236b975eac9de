//! What a file's names and place say about a question.

use std::collections::HashSet;

use super::candidates::CandidateFile;
use super::query::QueryTerms;
use super::snapshot::{ChunkMeta, Snapshot};
use crate::embed::words;
use crate::language;
use crate::types::{Content, RepoPath};

/// Signals about one file; each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Features {
    /// Share of the words of the file's name that the question has.
    pub file_name: f32,
    /// Share of the question's words that the file's name or folder has.
    pub path: f32,
    /// How well the best definition's name fits: its words in the question, and the reverse.
    pub definition: f32,
    /// Whether it defines exactly a name of the question.
    pub exact: f32,
    /// Share of the question's words that any definition's name has.
    pub names: f32,
    /// 1 for tests, examples, benchmarks and fixtures the question does not ask for.
    pub aside: f32,
    /// 1 for prose the question does not ask for.
    pub docs: f32,
}

/// Folders and name parts of what is written about the code rather than being it.
const ASIDE: &str = "test tests testing spec specs example examples sample samples demo demos bench benches benchmark \
    benchmarks fixture fixtures mock mocks testdata e2e doctest testutil";

/// Words by which a question asks for prose.
const ASKS_DOCS: &str = "readme documentation docs guide tutorial changelog install installation license";

/// Measures `candidate` against the question.
pub(super) fn features(snapshot: &Snapshot, candidate: &CandidateFile, terms: &QueryTerms) -> Features {
    let file = &snapshot.files[candidate.file];
    let asked: HashSet<String> = terms.words.iter().map(|word| root(word)).collect();
    let name = roots(file.path.stem());
    let mut place = roots(file.path.folder());
    place.extend(name.iter().cloned());
    let mut names = HashSet::new();
    let mut definition = 0.0_f32;
    for chunk in &file.chunks {
        for defined in &chunk.defines {
            let words = roots(defined);
            definition = definition.max(fit(&words, &asked));
            names.extend(words);
        }
    }
    let asks = |list: &str| list.split_whitespace().any(|word| asked.contains(&root(word)));
    Features {
        file_name: share(&name, &asked),
        path: share(&asked, &place),
        definition,
        exact: if candidate.chunks.iter().any(|chunk| chunk.defines) { 1.0 } else { 0.0 },
        names: share(&asked, &names),
        aside: if is_aside(&file.path) && !asks(ASIDE) { 1.0 } else { 0.0 },
        docs: if language::content(file.language) != Content::Code && !asks(ASKS_DOCS) { 1.0 } else { 0.0 },
    }
}

/// For a chunk, how well the best of the names it defines fits the question, the name of what it
/// stands in counted with it; a chunk that defines nothing has 0.
pub(super) fn name_fit(terms: &QueryTerms) -> impl Fn(&ChunkMeta) -> f32 {
    let asked: HashSet<String> = terms.words.iter().map(|word| root(word)).collect();
    move |chunk| {
        let qualified = |name: &String| {
            let mut words = roots(name);
            let alone = fit(&words, &asked);
            words.extend(roots(&chunk.container));
            alone.max(fit(&words, &asked))
        };
        chunk.defines.iter().map(qualified).fold(0.0, f32::max)
    }
}

/// Whether a path is that of a test, an example or the like.
pub(super) fn is_aside(path: &RepoPath) -> bool {
    let mut found = false;
    words::words(path.as_str(), |word| found |= ASIDE.split_whitespace().any(|aside| aside == word));
    found
}

/// The geometric mean of both shares: a name of two words that are both asked for beats one of
/// five that has the same two.
fn fit(name: &HashSet<String>, asked: &HashSet<String>) -> f32 {
    (share(name, asked) * share(asked, name)).sqrt()
}

/// Share of `words` that are among `others`; 0 for none.
#[expect(clippy::cast_precision_loss, reason = "counts of words in a name are small")]
fn share(words: &HashSet<String>, others: &HashSet<String>) -> f32 {
    if words.is_empty() {
        return 0.0;
    }
    words.intersection(others).count() as f32 / words.len() as f32
}

fn roots(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    words::words(text, |word| {
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            found.insert(root(word));
        }
    });
    found
}

/// A word without its English ending, so that "retries", "retried" and "retry" meet. A crude form
/// of Porter's first step (1980); both sides of a comparison go through it.
fn root(word: &str) -> String {
    let stem = |suffix: &str, least: usize| word.strip_suffix(suffix).filter(|stem| stem.len() >= least);
    let cut = stem("ies", 2)
        .or_else(|| stem("ied", 2))
        .map(|stem| format!("{stem}y"))
        .or_else(|| stem("ing", 4).map(undouble))
        .or_else(|| stem("ed", 3).map(undouble))
        .or_else(|| stem("es", 3).map(str::to_owned))
        .or_else(|| stem("s", 3).filter(|stem| !stem.ends_with('s')).map(str::to_owned))
        .unwrap_or_else(|| word.to_owned());
    match cut.strip_suffix('e') {
        Some(short) if short.len() >= 3 => short.to_owned(),
        _ => cut,
    }
}

/// `stopp` of "stopped" is `stop`.
fn undouble(stem: &str) -> String {
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => stem[..stem.len() - a.len_utf8()].to_owned(),
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for forms in [
            ["retry", "retries"],
            ["parse", "parsing"],
            ["stop", "stopped"],
            ["handle", "handled"],
            ["class", "classes"],
            ["cache", "caching"],
        ] {
            assert_eq!(root(forms[0]), root(forms[1]), "{forms:?}");
        }
        assert_ne!(root("process"), root("proces"));
    }

    #[test]
    fn tests_and_examples_are_told_by_their_path() {
        for path in
            ["tests/a.py", "src/app.test.ts", "pkg/cache_test.go", "examples/x.rs", "src/test/java/FooTest.java"]
        {
            assert!(is_aside(&RepoPath::new(path)), "{path}");
        }
        for path in ["src/latest.rs", "src/contest.go", "attest/a.c"] {
            assert!(!is_aside(&RepoPath::new(path)), "{path}");
        }
    }
}
