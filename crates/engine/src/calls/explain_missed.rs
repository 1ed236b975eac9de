//! Notes on files that were not searched although the request names them or they have its words, for an answer with
//! hits.

use std::collections::HashSet;

use crate::error::EngineError;
use crate::query_source::{QuerySource, compile_filter};
use search::{
    ContentFilter, Filter, FolderScope, Hit, QueryFilters, Snapshot, describe_scope, find_files_with_identifier,
};
use source::language;
use text::display::escape_name;
use types::{ContentKind, RepoPath, SkipReason};

/// Maximum number of words of a query that are looked up.
const MAX_WORDS: usize = 8;

/// Minimum length of a looked-up word, in characters.
const MIN_WORD_CHARS: usize = 4;

/// Maximum number of paths in a query that are looked up.
const MAX_PATHS: usize = 4;

/// Returns notes on configuration files that a default search leaves out although they have all words of the query and
/// no hit has, and on files that the query or a path filter names and that are not indexed.
///
/// # Errors
/// If a filter is invalid or the index cannot be read.
pub(crate) fn note_missed_files<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    text: &str,
    filters: (&Filter, &QueryFilters, &FolderScope),
    hits: &[Hit],
) -> Result<Vec<String>, EngineError> {
    let (filter, query_filters, folders) = filters;
    let named: Vec<&str> = text.split_whitespace().filter_map(named_file).take(MAX_PATHS).collect();
    let mut notes = Vec::new();
    if filter.content == ContentFilter::CodeAndDocs {
        notes.extend(note_configuration(source, snapshot, text, (filter, query_filters), hits)?);
    }
    // Reports and traces name many files of other machines.
    let is_short = !text.trim().contains('\n');
    for name in named.iter().filter(|name| !snapshot.files.iter().any(|file| is_named(&file.path, name))) {
        let too_large = || note_too_large(snapshot, name).filter(|_| is_short);
        notes.extend(source.find_exclusion(snapshot, name).or_else(too_large));
    }
    let has_several_paths = filter.path.as_ref().is_some_and(|path| path.contains(','));
    if has_several_paths || query_filters.include.paths.len() > 1 {
        let scope = describe_scope(snapshot, filter, query_filters, folders)?;
        notes.extend(scope.unmatched_paths.iter().filter_map(|path| source.find_exclusion(snapshot, &path.pattern)));
    }
    let mut seen = HashSet::new();
    notes.retain(|note| seen.insert(note.clone()));
    Ok(notes)
}

/// Returns a word of a query without the punctuation around it, if it is the path of a file in a known language.
fn named_file(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | '(' | ')' | ',' | ';' | ':' | '?' | '!'));
    let word = word.strip_prefix("./").unwrap_or(word).trim_end_matches('.');
    // `Node.js` is a name and no file.
    let is_framework = word.ends_with(".js") && word.starts_with(char::is_uppercase) && !word.contains('/');
    let is_known = !is_framework
        && word.len() < 200
        && language::detect_language(&RepoPath::new(word), None) != language::text_language();
    (is_known && word.contains(['.', '/'])).then_some(word)
}

fn is_named(path: &RepoPath, name: &str) -> bool {
    path.as_str().strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// Returns a note on configuration files with all words of the query; `None` also if the file of a hit has all of them.
fn note_configuration<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    text: &str,
    (filter, query_filters): (&Filter, &QueryFilters),
    hits: &[Hit],
) -> Result<Option<String>, EngineError> {
    let filter = Filter { content: ContentFilter::All, ..filter.clone() };
    let compiled = compile_filter(source, snapshot, &filter, query_filters)?;
    let is_config = |file: usize| {
        let file = &snapshot.files[file];
        language::language_content(file.language) == ContentKind::Config && compiled.allows(file)
    };
    let found = files_with_all_words(snapshot, text, is_config)?;
    let Some(first) = found.first() else { return Ok(None) };
    let is_hit = |file: usize| hits.iter().any(|hit| hit.path == snapshot.files[file].path);
    if !files_with_all_words(snapshot, text, is_hit)?.is_empty() {
        return Ok(None);
    }
    let more = if found.len() > 1 { format!(" and {} more match", found.len() - 1) } else { " matches".to_owned() };
    let path = escape_name(snapshot.files[*first].path.as_str());
    Ok(Some(format!("configuration files were not searched ({path}{more}; content all includes them)")))
}

/// Returns the allowed files that have all words of a query, of which only the first [`MAX_WORDS`] long ones count, and of
/// these only rare ones; none if fewer than two words count.
fn files_with_all_words(
    snapshot: &Snapshot,
    text: &str,
    is_allowed: impl Fn(usize) -> bool,
) -> Result<Vec<usize>, EngineError> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words = words.filter(|word| word.chars().count() >= MIN_WORD_CHARS).take(MAX_WORDS);
    let mut found: Option<Vec<usize>> = None;
    let mut looked_up = 0;
    for word in words {
        let files = find_files_with_identifier(snapshot, word, |_| true)?;
        if files.len() > 3 + snapshot.files.len() / 4 {
            continue;
        }
        looked_up += 1;
        let files: HashSet<usize> = files.into_iter().collect();
        let both = found.map_or_else(
            || files.iter().copied().filter(|file| is_allowed(*file)).collect(),
            |mut both: Vec<usize>| {
                both.retain(|file| files.contains(file));
                both
            },
        );
        if both.is_empty() {
            return Ok(both);
        }
        found = Some(both);
    }
    let mut found = found.filter(|_| looked_up >= 2).unwrap_or_default();
    found.sort_unstable();
    Ok(found)
}

/// Returns a note that a named file, which is not in the index, may be too large for it; `None` if no file was too
/// large.
fn note_too_large(snapshot: &Snapshot, name: &str) -> Option<String> {
    Some(format!("{} is not indexed; {}", escape_name(name), note_large_files(snapshot)?))
}

/// Notes the files that are too large for the index; `None` if there are none.
pub(crate) fn note_large_files(snapshot: &Snapshot) -> Option<String> {
    let label = SkipReason::TooLarge { size_bytes: 0 }.label();
    let count = snapshot.manifest().skipped.get(label).filter(|count| **count > 0)?;
    let are = if *count == 1 { "file is" } else { "files are" };
    Some(format!("{count} {are} larger than --max-file-bytes (`codescry index --dry-run` lists them; {INCLUDE_LARGE})"))
}

/// How to index large files. An option that only one command gets would hold until the next one.
pub(crate) const INCLUDE_LARGE: &str = "with CODESCRY_MAX_FILE_BYTES=4M in the environment they are indexed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::index_files;
    use crate::{Engine, QueryCalls as _, SearchQuery};
    use platform::cancel::CancelToken;

    fn notes_of(engine: &Engine, text: &str, path: Option<&str>) -> String {
        let filter = Filter { path: path.map(str::to_owned), ..Filter::default() };
        let query = SearchQuery { text: text.to_owned(), limit: 5, filter, ..SearchQuery::default() };
        let answer = engine.search(&query, &CancelToken::default()).expect("an answer");
        assert!(!answer.hits.is_empty(), "{text}");
        answer.notes.join("; ")
    }

    #[test]
    fn an_answer_names_files_that_the_query_means_and_that_were_not_searched() {
        let folder = tempfile::tempdir().expect("a folder");
        let large = "def large_function():\n    pass\n".repeat(1_000);
        let files = [
            ("src/deploy.py", "def deploy_release():\n    pass\n\ndef restart_server():\n    pass\n"),
            ("src/other.py", "def nightly_backup():\n    pass\n"),
            ("ci/nightly.yml", "jobs:\n  nightly:\n    steps:\n      - run: deploy everything nightly\n"),
            ("conf/server.toml", "# The port on which the server listens.\nport = 1\n"),
            ("src/large.py", large.as_str()),
        ];
        let engine = index_files(folder.path(), &files);
        let config =
            |path: &str| format!("configuration files were not searched ({path} matches; content all includes them)");
        assert_eq!(notes_of(&engine, "deploy everything nightly", None), config("ci/nightly.yml"));
        assert_eq!(notes_of(&engine, "server listens port", None), config("conf/server.toml"));
        assert_eq!(notes_of(&engine, "port on which server.toml listens", None), "", "a named file is searched");
        assert_eq!(notes_of(&engine, "restart the server", None), "", "code has these words");
        assert_eq!(notes_of(&engine, "nightly backup", None), "");
        let large = notes_of(&engine, "large function of src/large.py", None);
        assert!(large.starts_with("src/large.py is not indexed: it is larger than --max-file-bytes"), "{large}");
        let large = notes_of(&engine, "large function of large.py", None);
        assert!(large.starts_with("large.py is not indexed; 1 file is larger than --max-file-bytes"), "{large}");
        let large = notes_of(&engine, "deploy", Some("src/deploy.py,src/large.py"));
        assert!(large.starts_with("src/large.py is not indexed: it is larger"), "{large}");
        let large = notes_of(&engine, "restart_server large_function_of_all", None);
        assert!(large.contains("nowhere") && large.contains("1 file is larger") && large.contains("=4M"), "{large}");
        assert_eq!(notes_of(&engine, "call deploy_release() of src/deploy.py, e.g. in Node.js v1.2", None), "");
    }
}
