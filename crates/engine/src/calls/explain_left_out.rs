//! Notes on names that are defined, or occur, only where the filters of a call do not look.

use std::sync::Arc;

use super::matching_symbols::{DescribedSymbol, SymbolQuery, kind_includes, page_of_symbols};
use crate::error::{EngineError, fail_if_cancelled};
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::{
    ContentFilter, FileFilter, Filter, FolderScope, Hit, NameQuery, QueryFilters, SearchResults, Snapshot,
    find_definitions, find_files_with_identifier,
};
use source::language;
use source::parse::find_whole_word;
use text::display::{escape_name, pluralize};
use types::{ContentKind, RepoPath, SymbolKind, is_below};

/// Maximum number of names of a query that are looked up.
const MAX_NAMES: usize = 2;

/// Maximum number of definitions of a name that are compared with the filters.
const MAX_COMPARED: usize = 64;

/// The beginning of the notes on configuration files, which a default search leaves out.
const CONFIGURATION: &str = "configuration files were not searched";

/// The filters of a call: those of the request, those in its text, and the folders that both stand for.
pub(super) type CallFilters<'f> = (&'f Filter, &'f QueryFilters, &'f FolderScope);

/// Returns a note on each name of a query that no hit defines, or, of a plain word, that no hit has, if the filters leave
/// out all its definitions, or all files with it. `whole` is the snapshot of the whole index.
///
/// # Errors
/// If a filter is invalid, the index cannot be read, or the call is cancelled.
pub(super) fn note_left_out_names(
    whole: &Arc<Snapshot>,
    results: &SearchResults,
    filters: CallFilters<'_>,
    cancel: &CancelToken,
) -> Result<Vec<String>, EngineError> {
    let mut notes = Vec::new();
    for text in results.names.iter().take(MAX_NAMES) {
        let Some(name) = NameQuery::parse(text) else { continue };
        let mut defined = results.hits.iter().flat_map(|hit| {
            let all = hit.definitions.iter().map(|definition| definition.name.as_str());
            all.chain([hit.symbol.as_str()])
        });
        // A plain word is searched for in any text.
        let has_word = |hit: &Hit| find_whole_word(&hit.text, &name.name).next().is_some();
        if defined.any(|other| other == name.name) || is_plain_word(&name) && results.hits.iter().any(has_word) {
            continue;
        }
        fail_if_cancelled(cancel)?;
        let snapshot = load_part(whole, &PartRequest::Name(&name))?;
        let note = match snapshot.chunks_defining(&name.name).next() {
            Some(_) => note_left_out_definition(&snapshot, (&name, text.as_str()), &[], filters, cancel)?,
            None => note_left_out_word(&snapshot, &name, filters)?,
        };
        // An answer says once that configuration was not searched.
        let is_told = |note: &String| note.starts_with(CONFIGURATION);
        let tells = results.notes.iter().any(|note| note.contains(CONFIGURATION));
        notes.extend(note.filter(|note| !(tells && is_told(note))));
    }
    Ok(notes)
}

/// Returns a note that a name, given with its text, has definitions of these `kinds` (any if empty), and that the
/// filters leave out all of them; `None` if it has none, or one passes. Names that differ in case or separators count
/// only if there is no other. `snapshot` has the files that define the name.
///
/// # Errors
/// If a filter is invalid, the index cannot be read, or the call is cancelled.
pub(super) fn note_left_out_definition(
    snapshot: &Arc<Snapshot>,
    (name, text): (&NameQuery, &str),
    kinds: &[SymbolKind],
    filters: CallFilters<'_>,
    cancel: &CancelToken,
) -> Result<Option<String>, EngineError> {
    if name.is_prefix() || snapshot.chunks_defining(&name.name).next().is_none() {
        return Ok(None);
    }
    let found = find_definitions(snapshot, name, |_| true);
    let query = SymbolQuery { limit: MAX_COMPARED, ..SymbolQuery::default() };
    let (mut found, has_more) = page_of_symbols(snapshot, &found, name, &query, cancel)?;
    let best = found.iter().map(|one| one.hit.how).min();
    found.retain(|one| Some(one.hit.how) == best && is_counted(name, one.hit.symbol.kind));
    let Some(first) = found.first() else { return Ok(None) };
    let passes = |compiled: &FileFilter, one: &DescribedSymbol| {
        let file = &snapshot.files[snapshot.file_of_chunk(one.chunk)];
        let kind = one.hit.symbol.kind;
        let is_kind = kinds.is_empty() || kinds.iter().any(|requested| kind_includes(*requested, kind));
        let is_allowed = compiled.allows_kind(kind) && compiled.allows_chunk(&snapshot.chunk(one.chunk), file.language);
        is_kind && compiled.allows(file) && is_allowed
    };
    let compiled = compile(snapshot, filters, None)?;
    if found.iter().any(|one| passes(&compiled, one)) {
        return Ok(None);
    }
    let place = format!("{}:{}", escape_name(first.hit.path.as_str()), first.hit.symbol.span.start_line);
    let searches_all = compile(snapshot, filters, Some(ContentFilter::All))?;
    let is_config = language::language_content(first.hit.language) == ContentKind::Config;
    let name = escape_name(text.trim());
    if is_config && passes(&searches_all, first) {
        return Ok(Some(format!("{CONFIGURATION} ({place} defines {name}; content all includes them)")));
    }
    let at_least = if has_more { "at least " } else { "" };
    let more = found.len() as u64 - 1;
    let more = if more > 0 { format!(" and {at_least}{}", pluralize(more, "more place")) } else { String::new() };
    Ok(Some(format!("`{name}` is defined in {place}{more}, {}", describe_cause(&first.hit.path, filters.2))))
}

/// Returns a note that no file which passes the filters has a name that has no definition, and others have it.
fn note_left_out_word(
    snapshot: &Snapshot,
    name: &NameQuery,
    filters: CallFilters<'_>,
) -> Result<Option<String>, EngineError> {
    // Of a large index, only files that define the name are loaded.
    if snapshot.is_part() {
        return Ok(None);
    }
    let compiled = compile(snapshot, filters, None)?;
    let files = find_files_with_identifier(snapshot, &name.name, |_| true)?;
    let Some(first) = files.first().map(|file| &snapshot.files[*file]) else { return Ok(None) };
    if files.iter().any(|file| compiled.allows(&snapshot.files[*file])) {
        return Ok(None);
    }
    let (path, name) = (escape_name(first.path.as_str()), escape_name(&name.name));
    let is_config = language::language_content(first.language) == ContentKind::Config;
    if is_config && compile(snapshot, filters, Some(ContentFilter::All))?.allows(first) {
        return Ok(Some(format!("{CONFIGURATION} ({path} has {name}; content all includes them)")));
    }
    let more = files.len() as u64 - 1;
    let more = if more > 0 { format!(" and {}", pluralize(more, "more file")) } else { String::new() };
    Ok(Some(format!("`{name}` is only in {path}{more}, {}", describe_cause(&first.path, filters.2))))
}

/// Compiles the filters of a call for the files of a snapshot, with another content filter if `content` is given.
fn compile(
    snapshot: &Snapshot,
    (filter, query_filters, folders): CallFilters<'_>,
    content: Option<ContentFilter>,
) -> Result<FileFilter, EngineError> {
    let filter = Filter { content: content.unwrap_or(filter.content), ..filter.clone() };
    Ok(FileFilter::with_query_filters(&filter, query_filters)?.in_folders(folders).for_snapshot(snapshot))
}

/// Says why the file at `path` is left out.
pub(super) fn describe_cause(path: &RepoPath, folders: &FolderScope) -> String {
    match is_below(path.as_str(), &folders.base) {
        true => "which the filters leave out".to_owned(),
        false => format!("outside of {}", escape_name(&folders.base)),
    }
}

/// Returns whether a definition of this kind counts as the one that a name means: no heading, and for a plain word,
/// such as `retry`, which may be meant as a word, no variable or the like.
fn is_counted(name: &NameQuery, kind: SymbolKind) -> bool {
    use SymbolKind::{Block, Constant, Field, Property, Section, Variable};
    let is_data = matches!(kind, Constant | Field | Property | Variable);
    !(matches!(kind, Section | Block) || is_data && is_plain_word(name))
}

/// Returns whether a name is a word in lower case, which may be meant as a word.
fn is_plain_word(name: &NameQuery) -> bool {
    name.qualifiers.is_empty() && name.name.chars().all(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::index_files;
    use crate::{Engine, QueryCalls as _, SearchQuery};

    fn engine(folder: &std::path::Path) -> Engine {
        let files = [
            (
                "lib/config.py",
                "def parse_config(path):\n    return read(path)\n\n\nclass Config:\n    def load(self):\n        pass\n",
            ),
            ("lib/other.py", "def parseRows(text):\n    return external_parser(text)\n"),
            ("tests/test_config.py", "def check_config():\n    return parse_config('a')\n"),
            ("web/app.js", "export function retry(call) {\n  return call();\n}\n"),
            ("docker-compose.yml", "services:\n  report_server:\n    image: reports\n"),
        ];
        index_files(folder, &files)
    }

    fn search(engine: &Engine, text: &str, filter: Filter) -> String {
        let query = SearchQuery { text: text.to_owned(), limit: 5, filter, ..SearchQuery::default() };
        engine.search(&query, &CancelToken::default()).expect("an answer").notes.join("; ")
    }

    #[test]
    fn a_name_that_the_filters_leave_out_has_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let notes = |text: &str| search(&engine, text, Filter::default());
        let left_out = "`parse_config` is defined in lib/config.py:1, which the filters leave out";
        for query in [
            "parse_config path:web",
            "parse_config -path:lib",
            "lang:javascript parse_config",
            "parse_config() path:web",
            "kind:class parse_config",
            "parse_config lang:go",
        ] {
            assert!(notes(query).contains(left_out), "{query}: {}", notes(query));
        }
        let in_web = Filter { path: Some("web".to_owned()), ..Filter::default() };
        assert!(search(&engine, "parse_config", in_web).contains(left_out));
        for (query, note) in [
            ("parse_rows path:web", "`parse_rows` is defined in lib/other.py:1, which the filters leave out"),
            ("Config.load path:web", "`Config.load` is defined in lib/config.py:6, which the filters leave out"),
            ("external_parser path:web", "`external_parser` is only in lib/other.py, which the filters leave out"),
        ] {
            assert!(notes(query).contains(note), "{query}: {}", notes(query));
        }
        let configuration = "configuration files were not searched (docker-compose.yml:2 defines report_server; content all includes them)";
        assert_eq!(notes("report_server"), configuration);
        for query in
            ["parse_config", "parse_config path:lib", "parse_config -test", "retry path:web", "read path:lib/config.py"]
        {
            assert_eq!(notes(query), "", "{query}");
        }
        assert!(notes("Quuxifier path:web").starts_with("`Quuxifier` is nowhere in the index"));
    }

    #[test]
    fn a_definition_that_the_filters_leave_out_is_named_with_similar_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let notes = |name: &str| {
            let query = SymbolQuery { name: name.to_owned(), limit: 5, ..SymbolQuery::default() };
            engine.find_symbol(&query, &CancelToken::default()).expect("an answer").notes.join("; ")
        };
        for name in ["parse_config path:web", "parse_config path:tests", "parse_config kind:class"] {
            let wanted = "`parse_config` is defined in lib/config.py:1, which the filters leave out";
            assert!(notes(name).contains(wanted), "{name}: {}", notes(name));
        }
        assert!(!notes("parse_config path:lib").contains("leave out") && !notes("check_config").contains("leave out"));
    }
}
