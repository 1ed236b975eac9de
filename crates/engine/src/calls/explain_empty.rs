//! Explains an empty answer: which files were not searched, and why.

use std::path::{Component, Path};

use super::explain_missed::{INCLUDE_LARGE, note_large_files};
use crate::error::EngineError;
use crate::query_source::QuerySource;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::{Filter, FolderScope, QueryFilters, SearchScope, Snapshot, UnmatchedPath, describe_scope};
use source::walk::{self, Disk, FileContents, WalkFinding, WalkOptions};
use types::{RepoPath, SkipReason};

/// Explains why a request finds nothing, after resolving the projects of its filters.
pub(crate) fn explain_empty_filter<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
) -> Result<Vec<String>, EngineError> {
    let folders = source.find_folders(snapshot, filter, query_filters)?;
    explain_empty(source, snapshot, filter, query_filters, &folders)
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
    if snapshot.is_part() {
        // Only the files that may answer were loaded, so the others cannot be counted.
        return Ok(Vec::new());
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
    let mut skipped: Vec<(&String, &u64)> = snapshot.manifest().skipped.iter().collect();
    skipped.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if !skipped.is_empty() {
        let counts: Vec<String> = skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let mut listed = "`codescry index --dry-run` lists each with its reason".to_owned();
        if note_large_files(snapshot).is_some() {
            listed.push_str(&format!("; {}", INCLUDE_LARGE.replace("they", "too-large ones")));
        }
        notes.push(format!("not indexed: {} ({listed})", counts.join(", ")));
    }
    Ok(notes)
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
            cancel: &CancelToken::default(),
        };
        let reason = match walk::judge_path(&self.settings.root, &options, &path).ok()? {
            Some(WalkFinding::Skipped(skipped)) if skipped.path == path => {
                format!("it is {}", describe(&skipped.reason))
            }
            Some(WalkFinding::Skipped(skipped)) => format!("{} is {}", skipped.path, describe(&skipped.reason)),
            Some(WalkFinding::File(_)) => {
                let read = FileContents::read_beneath(self.root(), &path, walk::max_bytes_of(&path, max_bytes)).ok();
                match read.and_then(|read| walk::inspect_content(&path, &read.bytes)) {
                    Some(reason) => format!("it is {}", describe(&reason)),
                    None if is_recorded(&path) => "it has no code or text".to_owned(),
                    None => "it is new; run `codescry index` or call index_project".to_owned(),
                }
            }
            None => "it holds no file that is indexed".to_owned(),
        };
        Some(format!("{pattern} is not indexed: {reason}"))
    }
}

/// Describes the reason why a walk skips a path, with the rule.
fn describe(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Secret { rule } => format!("left out because it may hold credentials (it matches {rule})"),
        SkipReason::TooLarge { size_bytes } => format!("larger than --max-file-bytes ({size_bytes} bytes)"),
        SkipReason::SymbolicLink => "a link, which is not followed".to_owned(),
        SkipReason::Hidden => {
            "hidden (its name begins with a dot; a rule such as `!NAME` in .codescryignore includes it)".to_owned()
        }
        SkipReason::PackageFolder { marker } => format!(
            "a folder of packages, build output or a cache (by {marker}; a rule such as `!FOLDER/` in .codescryignore \
             includes it)"
        ),
        SkipReason::RepositoryCopy { kind } => {
            format!("a {kind} of the repository around it (a rule such as `!FOLDER/` in .codescryignore includes it)")
        }
        SkipReason::OtherFileSystem => "on another file system (--cross-file-systems includes it)".to_owned(),
        SkipReason::Data => {
            "a data file (rows, logs or other records), which no setting includes; read_code shows it".to_owned()
        }
        SkipReason::LockFile => "a lock file".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
    use search::ContentFilter;

    fn engine(folder: &Path) -> Engine {
        for (path, text) in [
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
        ] {
            let path = folder.join("root").join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        std::fs::write(folder.join("root/src/large.rs"), "fn large() {}\n".repeat(1_000)).expect("a file");
        let options = Options {
            path: Some(folder.join("root")),
            index_dir: Some(folder.join("index")),
            max_file_bytes: Some(10_000),
            max_cache_bytes: Some(0),
            ..Options::default()
        };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens");
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
        engine
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
