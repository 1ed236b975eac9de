//! Explains an empty answer: which files were not searched, and why.

use std::path::{Component, Path};

use super::explain_missed::{INCLUDE_LARGE, note_large_files};
use crate::error::{EngineError, describe_unreached};
use crate::query_source::QuerySource;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{Filter, FolderScope, QueryFilters, SearchScope, Snapshot, UnmatchedPath, describe_scope};
use source::walk::{self, Disk, FileContents, WalkFinding, WalkOptions};
use text::display::escape_name;
use types::RepoPath;

/// The reasons why files are not indexed that do not keep a definition or a use of a name from being found.
const WITHOUT_NAMES: [&str; 7] = ["binary", "data", "empty", "lock-file", "not-regular", "secret", "symlink"];

/// Explains why a request for a name or for similar code finds nothing, after resolving the projects of its filters. Files
/// that are not indexed are only counted if they may hold names.
pub(crate) fn explain_empty_filter<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
) -> Result<Vec<String>, EngineError> {
    let folders = source.find_folders(snapshot, filter, query_filters)?;
    explain_nothing_found(source, snapshot, (filter, query_filters, &folders), |reason| {
        !WITHOUT_NAMES.contains(&reason)
    })
}

/// Explains each path filter of a request that matches no indexed file; nothing for an index that is not held in memory.
pub(crate) fn explain_unmatched_paths<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
) -> Result<Vec<String>, EngineError> {
    if snapshot.is_part() {
        return Ok(Vec::new());
    }
    let folders = source.find_folders(snapshot, filter, query_filters)?;
    let scope = describe_scope(snapshot, filter, query_filters, &folders)?;
    Ok(scope.unmatched_paths.iter().map(|path| explain_unmatched_path(source, snapshot, path)).collect())
}

/// Explains why a request finds nothing: each path filter that matches no indexed file, with the reason. Without such a
/// filter: how many files the filters allow, and how many are not indexed, by reason. Each note is understandable
/// alone. There are no notes for an index that is not held in memory.
pub(crate) fn explain_empty<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
    folders: &FolderScope,
) -> Result<Vec<String>, EngineError> {
    explain_nothing_found(source, snapshot, (filter, query_filters, folders), |_| true)
}

/// Explains like [`explain_empty`]; `may_matter` returns whether files that are not indexed for a reason are counted.
fn explain_nothing_found<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    (filter, query_filters, folders): (&Filter, &QueryFilters, &FolderScope),
    may_matter: impl Fn(&str) -> bool,
) -> Result<Vec<String>, EngineError> {
    if snapshot.is_part() {
        // Only the files that may answer were loaded, so the others cannot be counted.
        return Ok(Vec::new());
    }
    if lacks_files(snapshot) {
        // No other reason matters, apart from the files that are not indexed.
        let notes = [describe_lack_of_files(source, snapshot)];
        return Ok(notes.into_iter().chain(count_not_indexed(snapshot, |_| true)).collect());
    }
    let scope = describe_scope(snapshot, filter, query_filters, folders)?;
    if !scope.unmatched_paths.is_empty() {
        let explain = |path: &UnmatchedPath| explain_unmatched_path(source, snapshot, path);
        return Ok(scope.unmatched_paths.iter().map(explain).collect());
    }
    let SearchScope { searched, indexed, limits, .. } = scope;
    let mut notes = Vec::new();
    if searched < indexed || !limits.is_empty() {
        let colon = if limits.is_empty() { "" } else { ": " };
        notes.push(format!("searched {searched} of {indexed} indexed files{colon}{}", limits.join(", ")));
    }
    notes.extend(count_not_indexed(snapshot, may_matter));
    Ok(notes)
}

/// Returns whether a complete index has no file.
pub(crate) fn lacks_files(snapshot: &Snapshot) -> bool {
    snapshot.files_indexed() == 0 && snapshot.manifest().complete
}

/// Says that the searched folder has no file that is indexed, which is most often the wrong folder.
fn describe_lack_of_files<S: QuerySource + ?Sized>(source: &S, snapshot: &Snapshot) -> String {
    match source.engines().len() {
        0 | 1 => {
            let root = snapshot.manifest().root.to_string_lossy();
            format!("{} has no files to index; is it the folder with your code?", escape_name(&root))
        }
        _ => "the folders have no files to index; are they those with your code?".to_owned(),
    }
}

/// Counts the files and folders that are not indexed, by the reasons that `may_matter`; `None` if there are none.
fn count_not_indexed(snapshot: &Snapshot, may_matter: impl Fn(&str) -> bool) -> Option<String> {
    let skipped = snapshot.manifest().skipped.iter().filter(|(reason, _)| may_matter(reason));
    let mut skipped: Vec<(&String, &u64)> = skipped.collect();
    skipped.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if skipped.is_empty() {
        return None;
    }
    let counts: Vec<String> = skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let mut listed = "`codescry index --dry-run` lists each with its reason".to_owned();
    if note_large_files(snapshot).is_some() {
        listed.push_str(&format!("; {}", INCLUDE_LARGE.replace("they", "too-large ones")));
    }
    Some(format!("not indexed: {} ({listed})", counts.join(", ")))
}

/// Explains why no indexed file matches a path filter.
fn explain_unmatched_path<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    unmatched: &UnmatchedPath,
) -> String {
    let UnmatchedPath { pattern, nearest } = unmatched;
    if let Some(why) = source.find_exclusion(snapshot, pattern) {
        return why;
    }
    let nearest = nearest.as_ref().map(|path| format!("; the nearest is {path}"));
    format!("no indexed file matches path {pattern}{}", nearest.unwrap_or_default())
}

impl Engine {
    /// Explains why a path that no file with chunks matches is not indexed; `is_recorded` returns whether the index has
    /// a record of a path. `None` if the path is empty, absolute, begins with `./` or contains `..`, does not exist, or
    /// cannot be examined.
    pub(crate) fn why_not_indexed(&self, pattern: &str, is_recorded: impl Fn(&RepoPath) -> bool) -> Option<String> {
        let is_plain = Path::new(pattern).components().all(|part| matches!(part, Component::Normal(_)));
        let path = RepoPath::new(pattern);
        let on_disk = path.under(self.root());
        if pattern.is_empty() || !is_plain || on_disk.symlink_metadata().is_err() {
            return None;
        }
        let max_bytes = self.settings.max_file_bytes;
        let options = WalkOptions {
            max_file_bytes: max_bytes,
            files: &Disk,
            cross_file_systems: self.settings.cross_file_systems,
            fault_log: None,
            cancel: &CancelToken::default(),
        };
        let reason = match walk::judge_path(&self.settings.root, &options, &path).ok()? {
            Some(WalkFinding::Skipped(skipped)) if skipped.path == path => {
                format!("it is {}", skipped.reason.describe())
            }
            Some(WalkFinding::Skipped(skipped)) => format!("{} is {}", skipped.path, skipped.reason.describe()),
            Some(WalkFinding::File(_)) => {
                let read = FileContents::read_beneath(self.root(), &path, walk::max_bytes_of(&path, max_bytes)).ok();
                match read.and_then(|read| walk::inspect_content(&path, &read.bytes)) {
                    Some(reason) => format!("it is {}", reason.describe()),
                    None if is_recorded(&path) => "it has no code or text".to_owned(),
                    None => "it is new; run `codescry index` or call index_project".to_owned(),
                }
            }
            None if on_disk.is_file() => describe_unreached(&path).to_owned(),
            None => "it holds no file that is indexed".to_owned(),
        };
        Some(format!("{pattern} is not indexed: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::index_files;
    use crate::{QueryCalls as _, SearchQuery};
    use search::ContentFilter;

    fn engine(folder: &Path) -> Engine {
        let large = "fn large() {}\n".repeat(1_000);
        let files = [
            (".gitignore", "build/\n*.tmp.rs\n"),
            ("app/[slug]/page.tsx", "export function SlugPage() { return <p>slug</p>; }\n"),
            ("app/s/page.tsx", "export function PlainPage() { return <p>plain</p>; }\n"),
            ("src/store.rs", "fn open_store() {}\n"),
            ("src/made.rs", "// Code generated by tool. DO NOT EDIT.\nfn made() {}\n"),
            ("src/scratch.tmp.rs", "fn scratch() {}\n"),
            ("build/out.rs", "fn built() {}\n"),
            (".cache/hidden.rs", "fn hidden() {}\n"),
            ("keys/server.pem", "x\n"),
            ("conf/server.toml", "port = 1\n"),
            ("data/rows.csv", "a,b\n"),
            ("src/large.rs", large.as_str()),
        ];
        index_files(folder, &files)
    }

    fn search(engine: &Engine, text: &str, filter: Filter) -> (Vec<String>, String) {
        let query = SearchQuery { text: text.to_owned(), limit: 5, filter, ..SearchQuery::default() };
        let answer = engine.search(&query, &CancelToken::default()).expect("an answer");
        (answer.hits.iter().map(|hit| hit.path.to_string()).collect(), answer.notes.join("; "))
    }

    fn in_path(path: &str) -> Filter {
        Filter { path: Some(path.to_owned()), ..Filter::default() }
    }

    #[test]
    fn a_path_that_is_not_indexed_has_its_rule() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        for (path, why) in [
            ("build", "build is not indexed: it is ignored by `build/` in .gitignore"),
            ("build/out.rs", "build/out.rs is not indexed: build is ignored by `build/` in .gitignore"),
            ("src/scratch.tmp.rs", "it is ignored by `*.tmp.rs` in .gitignore"),
            (".cache", "it is hidden"),
            ("src/large.rs", "it is larger than --max-file-bytes"),
            ("src/made.rs", "it is generated"),
            ("keys/server.pem", "it may hold credentials (it matches *.pem)"),
            ("data/rows.csv", "it is a data file (rows, logs or other records), which no setting includes; read_code"),
            ("keys", "it holds no file that is indexed"),
            ("src/stor.rs", "no indexed file matches path src/stor.rs; the nearest is src/store.rs"),
            ("lib/store.rs", "no indexed file matches path lib/store.rs; the nearest is src/store.rs"),
            ("srcs/**/*.rs", "no indexed file matches path srcs/**/*.rs; the nearest is src"),
            ("**/*.zig", "no indexed file matches path **/*.zig"),
            ("../index", "no indexed file matches path ../index"),
        ] {
            let (found, notes) = search(&engine, "open", in_path(path));
            assert!(found.is_empty() && notes.contains(why), "{path}: {found:?} {notes}");
            let references = engine.find_symbol(
                &crate::SymbolQuery { name: "open".into(), limit: 5, filter: in_path(path), ..Default::default() },
                &CancelToken::default(),
            );
            assert!(references.expect("an answer").notes.join("; ").contains(why), "{path}");
        }
        std::fs::write(folder.path().join("root/src/new.rs"), "fn new() {}\n").expect("a file");
        assert!(search(&engine, "open", in_path("src/new.rs")).1.contains("it is new; run `codescry index`"));
    }

    #[test]
    fn an_empty_answer_names_the_filters_and_what_is_not_indexed() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let (found, notes) = search(&engine, "\"nothing has these words\" lang:rust", Filter::default());
        assert!(found.is_empty(), "{found:?}");
        assert!(notes.contains("searched 1 of 4 indexed files: only rust"), "{notes}");
        assert!(notes.contains("only chunks with \"nothing has these words\""), "{notes}");
        let counts = notes.split("not indexed: ").nth(1).expect("what is not indexed");
        for reason in ["ignored 2", "hidden 2", "too-large 1", "generated 1", "secret 1", "data 1"] {
            assert!(counts.contains(reason), "{reason}: {notes}");
        }
        let (_, notes) = search(&engine, "port", in_path("conf"));
        assert!(notes.contains("configuration files were not searched (1 file; content all includes them)"), "{notes}");
        let config = Filter { content: ContentFilter::All, ..in_path("conf") };
        assert_eq!(search(&engine, "port", config).0, ["conf/server.toml"]);
    }

    #[test]
    fn an_answer_about_a_name_counts_only_files_that_may_have_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let query = crate::SymbolQuery { name: "zzzzzz".into(), limit: 5, ..Default::default() };
        let notes = engine.find_symbol(&query, &CancelToken::default()).expect("an answer").notes.join("; ");
        let counts = notes.split("not indexed: ").nth(1).expect("what is not indexed");
        assert!(counts.contains("ignored 2") && counts.contains("too-large 1"), "{notes}");
        assert!(!counts.contains("secret") && !counts.contains("data"), "{notes}");
    }

    #[test]
    fn a_folder_without_files_is_called_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = index_files(folder.path(), &[]);
        let (found, notes) = search(&engine, "Quuxifier lang:rust", Filter::default());
        assert!(
            found.is_empty() && notes.contains("root has no files to index; is it the folder with your code?"),
            "{notes}"
        );
        assert!(!notes.contains("nowhere"), "{notes}");
    }

    #[test]
    fn a_path_with_brackets_is_taken_literally_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let page = |path: &str| search(&engine, "page", in_path(path)).0;
        assert_eq!(page("app/[slug]"), ["app/[slug]/page.tsx"]);
        assert_eq!(page("[slug]"), ["app/[slug]/page.tsx"]);
        assert_eq!(page("app/[rst]"), ["app/s/page.tsx"], "no folder has that name");
        assert_eq!(page("src, app/s"), ["app/s/page.tsx"]);
    }

    #[test]
    fn typescript_includes_tsx() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path());
        let filter = Filter { languages: vec!["typescript".to_owned()], ..Filter::default() };
        assert_eq!(search(&engine, "page", filter).0.len(), 2);
    }
}
