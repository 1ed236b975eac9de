//! Tests files and chunks against the filters of a search.

mod rows;

use globset::GlobSet;
use rayon::prelude::*;

use super::error::QueryError;
use super::filters::QueryFilters;
use super::path_pattern::{PathPattern, compile_globs, file_globs, matches_globs, path_globs};
use super::request::{ContentFilter, Filter, FolderScope};
use crate::snapshot::Snapshot;
use crate::snapshot::column_block::ChunkMeta;
use crate::snapshot::file_chunks::FileChunks;
use crate::threads::run_on_search_pool;
use source::language;
use text::display::pluralize;
use types::{ContentKind, Language, SymbolKind};

/// A compiled [`Filter`], combined with the filters in the query text.
#[derive(Clone)]
pub struct FileFilter {
    languages: Vec<Language>,
    /// Lists of patterns; a path must match at least one pattern of every list.
    paths: Vec<Vec<PathPattern>>,
    /// Sets of globs for file names and ends of paths; a path must match at least one glob of every set.
    files: Vec<GlobSet>,
    folders: FolderScope,
    content: ContentFilter,
    kinds: Vec<SymbolKind>,
    exclusions: Exclusions,
    no_tests: bool,
    no_examples: bool,
    no_vendored: bool,
}

/// Compiled filters for excluded files and chunks.
#[derive(Clone)]
struct Exclusions {
    languages: Vec<Language>,
    /// Globs for paths at any depth, and for file names.
    paths: [GlobSet; 2],
    kinds: Vec<SymbolKind>,
}

impl FileFilter {
    /// Compiles the filter of a request whose query text has no filters.
    ///
    /// # Errors
    /// If a language is unknown or a glob is invalid.
    pub fn new(filter: &Filter) -> Result<Self, QueryError> {
        Self::with_query_filters(filter, &QueryFilters::default())
    }

    /// Compiles the filter of a request together with the filters in its query text.
    ///
    /// # Errors
    /// If a language or a kind is unknown, a glob is invalid, or the languages of the filter and of the query have none
    /// in common.
    pub fn with_query_filters(filter: &Filter, query_filters: &QueryFilters) -> Result<Self, QueryError> {
        let QueryFilters { include, exclude, no_tests, no_examples, no_vendored, .. } = query_filters;
        let mut paths = Vec::new();
        if let Some(path) = &filter.path {
            paths.push(PathPattern::parse_list(path)?);
        }
        if !include.paths.is_empty() {
            paths.push(include.paths.iter().map(|path| PathPattern::new(path)).collect::<Result<_, _>>()?);
        }
        let mut files = Vec::new();
        if !include.files.is_empty() {
            files.push(compile_globs(&include.files, file_globs)?);
        }
        let mut languages = parse_languages(&filter.languages)?;
        let from_query = parse_languages(&include.languages)?;
        if languages.is_empty() {
            languages = from_query;
        } else if !from_query.is_empty() {
            languages.retain(|language| from_query.contains(language));
            if languages.is_empty() {
                return Err(QueryError::LanguageConflict {
                    flag: filter.languages.join(", "),
                    query: include.languages.join(", "),
                });
            }
        }
        let exclusions = Exclusions {
            languages: parse_languages(&exclude.languages)?,
            paths: [compile_globs(&exclude.paths, path_globs)?, compile_globs(&exclude.files, file_globs)?],
            kinds: parse_kinds(&exclude.kinds)?,
        };
        let (no_tests, no_examples, no_vendored) = (*no_tests, *no_examples, *no_vendored);
        let (folders, content, kinds) = (FolderScope::default(), filter.content, parse_kinds(&include.kinds)?);
        Ok(Self { languages, paths, files, folders, content, kinds, exclusions, no_tests, no_examples, no_vendored })
    }

    /// Restricts the filter to `folders`.
    pub fn in_folders(mut self, folders: &FolderScope) -> Self {
        self.folders = folders.clone();
        self
    }

    /// Adapts the included path patterns to the files of a snapshot, as [`PathPattern::adapt`] does. Only files in the
    /// folders to which the filter is restricted count.
    pub fn for_snapshot(mut self, snapshot: &Snapshot) -> Self {
        let folders = &self.folders;
        let has_path = |is_match: &dyn Fn(&str) -> bool| {
            let mut files = snapshot.files.iter().filter(|file| folders.contains_folder(file.path.folder()));
            files.any(|file| any_path_of(file, folders, is_match))
        };
        self.paths.iter_mut().flatten().for_each(|pattern| pattern.adapt(has_path));
        self
    }

    /// Returns the patterns of included paths of the request and of the query text.
    pub(crate) fn path_patterns(&self) -> impl Iterator<Item = &PathPattern> {
        self.paths.iter().flatten()
    }

    /// Describes the filters by language, included kind and path class. Without included languages, also describes the
    /// content filter if it leaves out files of the snapshot.
    pub(crate) fn describe_limits(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut limits = Vec::new();
        let names = |languages: &[Language]| languages.iter().map(|one| one.0).collect::<Vec<_>>().join(" and ");
        if !self.languages.is_empty() {
            limits.push(format!("only {}", names(&self.languages)));
        }
        if !self.exclusions.languages.is_empty() {
            limits.push(format!("no {}", names(&self.exclusions.languages)));
        }
        let has = |kind: ContentKind| {
            snapshot.languages.iter().filter(|one| language::language_content(**one) == kind).count()
        };
        for (kind, what) in [
            (ContentKind::Code, "code was"),
            (ContentKind::Docs, "documentation was"),
            (ContentKind::Config, "configuration files were"),
        ] {
            let files = has(kind);
            if self.languages.is_empty() && files > 0 && !self.has_content_kind(kind) {
                let files = pluralize(files as u64, "file");
                // `CodeAndConfig` is chosen by a caller that searches names, not by the user.
                let is_chosen = self.content == ContentFilter::CodeAndConfig;
                let remedy = if is_chosen { "" } else { "; content all includes them" };
                limits.push(format!("{what} not searched ({files}{remedy})"));
            }
        }
        if !self.kinds.is_empty() {
            let mut kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            kinds.dedup();
            limits.push(format!("only {}", kinds.join(", ")));
        }
        for (is_set, what) in [
            (self.no_tests, "no tests"),
            (self.no_examples, "no examples"),
            (self.no_vendored, "no generated or vendored code"),
        ] {
            limits.extend(is_set.then(|| what.to_owned()));
        }
        limits
    }

    /// Returns, for each file of the snapshot, whether it passes.
    ///
    /// A language filter overrides the content filter: a search for TOML returns TOML although it is
    /// configuration.
    pub(crate) fn allowed_files(&self, snapshot: &Snapshot) -> Vec<bool> {
        // Keeps the result for the last language, because adjacent files mostly have the same language.
        let mut last: Option<(Language, bool)> = None;
        let allows = |language: &Language| {
            let allowed = last.filter(|last| last.0 == *language);
            let allowed = allowed.map_or_else(|| self.has_language(*language), |(_, allowed)| allowed);
            last = Some((*language, allowed));
            allowed
        };
        let mut allowed: Vec<bool> = snapshot.languages.iter().map(allows).collect();
        if self.depends_on_paths() {
            run_on_search_pool(|| {
                let passing = allowed.par_iter_mut().zip(snapshot.files.as_slice()).filter(|(allowed, _)| **allowed);
                passing.for_each(|(allowed, file)| *allowed = self.matches_path(file));
            });
        }
        allowed
    }

    /// Returns whether a file passes.
    pub fn allows(&self, file: &FileChunks) -> bool {
        self.has_language(file.language) && (!self.depends_on_paths() || self.matches_path(file))
    }

    /// Returns whether a file that the query names passes, even if the default content filter leaves out its kind of
    /// content, such as configuration. Always `false` if the filter includes languages or has another content filter
    /// than the default.
    pub(crate) fn allows_named(&self, file: &FileChunks) -> bool {
        let has_default_content = self.languages.is_empty() && self.content == ContentFilter::CodeAndDocs;
        let language_allowed = has_default_content && !self.exclusions.languages.contains(&file.language);
        language_allowed && (!self.depends_on_paths() || self.matches_path(file))
    }

    fn has_language(&self, language: Language) -> bool {
        let wanted =
            if self.languages.is_empty() { self.has_content(language) } else { self.languages.contains(&language) };
        wanted && !self.exclusions.languages.contains(&language)
    }

    /// Returns whether the filter depends on paths.
    fn depends_on_paths(&self) -> bool {
        let has_class_filter = self.no_tests || self.no_examples || self.no_vendored;
        has_class_filter
            || !self.exclusions.paths.iter().all(GlobSet::is_empty)
            || !self.paths.is_empty()
            || !self.files.is_empty()
            || !self.folders.is_unrestricted()
    }

    fn matches_path(&self, file: &FileChunks) -> bool {
        let has_excluded_class = || {
            let path_class = file.path_class();
            (self.no_tests && path_class.test)
                || (self.no_examples && path_class.example)
                || (self.no_vendored && path_class.vendored)
        };
        let filters_path_class = self.no_tests || self.no_examples || self.no_vendored;
        let is_named = |is_match: &dyn Fn(&str) -> bool| any_path_of(file, &self.folders, is_match);
        let unwanted = self.exclusions.paths.iter().any(|globs| is_named(&|path| matches_globs(globs, path)))
            || (filters_path_class && has_excluded_class());
        !unwanted
            && self.paths.iter().all(|patterns| patterns.iter().any(|pattern| is_named(&|path| pattern.matches(path))))
            && self.files.iter().all(|globs| is_named(&|path| matches_globs(globs, path)))
            && self.folders.contains_folder(file.path.folder())
    }

    /// Returns whether a chunk passes, given that its file passes and is in `language`.
    pub fn allows_chunk(&self, chunk: &ChunkMeta<'_>, language: Language) -> bool {
        self.allows_kind(chunk.kind) && !(self.no_tests && is_test_chunk(chunk, language))
    }

    /// Returns whether the filter allows definitions of this kind.
    pub fn allows_kind(&self, kind: SymbolKind) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind)) && !self.exclusions.kinds.contains(&kind)
    }

    /// Returns whether the filter has no conditions on chunks, so that every chunk passes [`FileFilter::allows_chunk`].
    pub(crate) fn allows_all_chunks(&self) -> bool {
        self.kinds.is_empty() && self.exclusions.kinds.is_empty() && !self.no_tests
    }

    fn has_content(&self, language: Language) -> bool {
        self.has_content_kind(language::language_content(language))
    }

    fn has_content_kind(&self, content: ContentKind) -> bool {
        match self.content {
            ContentFilter::CodeAndDocs => content != ContentKind::Config,
            ContentFilter::Code => content == ContentKind::Code,
            ContentFilter::Docs => content == ContentKind::Docs,
            ContentFilter::Config => content == ContentKind::Config,
            ContentFilter::CodeAndConfig => content != ContentKind::Docs,
            ContentFilter::All => true,
        }
    }
}

/// Returns whether a test holds for the path of a file, for its path in its repository, or for its path below the base
/// of `folders`.
fn any_path_of(file: &FileChunks, folders: &FolderScope, is_match: &dyn Fn(&str) -> bool) -> bool {
    file.any_path(is_match) || folders.path_below_base(file.path.as_str()).is_some_and(is_match)
}

/// Returns whether a chunk is a test block of its language, or in Rust a module named `tests` or `test` or part of one.
fn is_test_chunk(chunk: &ChunkMeta<'_>, language: Language) -> bool {
    let is_tests = |name: &str| matches!(name, "tests" | "test");
    let is_module = chunk.kind == SymbolKind::Module && is_tests(chunk.symbol);
    chunk.kind == SymbolKind::Test
        || language.0 == "rust" && (is_module || chunk.container.split(['.', ':']).any(is_tests))
}

/// Parses names of languages. `typescript` includes TSX, which has its own grammar; `react` is TSX and JSX.
fn parse_languages(names: &[String]) -> Result<Vec<Language>, QueryError> {
    let mut languages = Vec::new();
    for name in names {
        let found = language::language_by_name(name.trim()).ok_or_else(|| QueryError::unknown_language(name, None))?;
        languages.push(found);
        if found.0 == "typescript" {
            languages.extend(language::language_by_name("tsx"));
        }
        if name.trim().eq_ignore_ascii_case("react") {
            languages.extend(language::language_by_name("jsx"));
        }
    }
    Ok(languages)
}

/// Parses kind names. `function` includes methods and constructors, `type` includes all kinds of types.
fn parse_kinds(names: &[String]) -> Result<Vec<SymbolKind>, QueryError> {
    use SymbolKind::{Class, Constructor, Enum, Function, Interface, Method, Struct, Trait, Type, Union};
    let mut kinds = Vec::new();
    for name in names {
        let kind = SymbolKind::from_word(name).ok_or_else(|| QueryError::unknown_kind(name))?;
        match kind {
            Function => kinds.extend([Function, Method, Constructor]),
            Type => kinds.extend([Class, Struct, Union, Enum, Interface, Trait, Type]),
            other => kinds.push(other),
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typescript_includes_tsx() {
        let names = |name: &str| -> Vec<&str> {
            let languages = parse_languages(&[name.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
            languages.iter().map(|language| language.0).collect()
        };
        assert_eq!(names("typescript"), ["typescript", "tsx"]);
        assert_eq!(names("ts"), ["typescript", "tsx"]);
        assert_eq!(names("tsx"), ["tsx"]);
    }

    #[test]
    fn an_unknown_language_is_an_error_with_the_nearest_one() {
        let status = "`codescry status` lists those of the folder";
        for (name, remedy) in [
            ("klingon", status.to_owned()),
            ("q", status.to_owned()),
            ("pyton", format!("did you mean python? {status}")),
            ("Kot", format!("did you mean kotlin? {status}")),
        ] {
            let filter = Filter { languages: vec![name.into()], ..Filter::default() };
            let message = FileFilter::new(&filter).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(message, format!("unknown language {name}; {remedy}"));
        }
    }
}
