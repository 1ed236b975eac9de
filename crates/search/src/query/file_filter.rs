//! Tests files and chunks against the filters of a search.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rayon::prelude::*;
use text::display::unescape_name;

use super::error::QueryError;
use super::filters::QueryFilters;
use super::request::{ContentFilter, Filter, FolderScope};
use crate::snapshot::Snapshot;
use crate::snapshot::file_chunks::FileChunks;
use crate::threads::run_on_search_pool;
use source::language;
use types::{ContentKind, Language, SymbolKind};

/// A compiled [`Filter`], combined with the filters in the query text.
pub struct FileFilter {
    languages: Vec<Language>,
    /// Glob sets; a path must match every set.
    paths: Vec<GlobSet>,
    folders: FolderScope,
    content: ContentFilter,
    kinds: Vec<SymbolKind>,
    exclusions: Exclusions,
    no_tests: bool,
    no_examples: bool,
    no_vendored: bool,
}

/// Compiled filters for excluded files and chunks.
struct Exclusions {
    languages: Vec<Language>,
    paths: Vec<GlobSet>,
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
    /// If a language or a kind is unknown, a glob is invalid, or the languages of the filter and of the query
    /// exclude each other.
    pub(crate) fn with_query_filters(filter: &Filter, query_filters: &QueryFilters) -> Result<Self, QueryError> {
        let QueryFilters { include, exclude, no_tests, no_examples, no_vendored, .. } = query_filters;
        let mut paths = Vec::new();
        if let Some(path) = &filter.path {
            paths.push(compile_globs([path], path_globs)?);
        }
        if !include.paths.is_empty() {
            paths.push(compile_globs(&include.paths, path_globs)?);
        }
        if !include.files.is_empty() {
            paths.push(compile_globs(&include.files, file_globs)?);
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
            paths: vec![compile_globs(&exclude.paths, path_globs)?, compile_globs(&exclude.files, file_globs)?],
            kinds: parse_kinds(&exclude.kinds)?,
        };
        let (no_tests, no_examples, no_vendored) = (*no_tests, *no_examples, *no_vendored);
        let (folders, content, kinds) = (FolderScope::default(), filter.content, parse_kinds(&include.kinds)?);
        Ok(Self { languages, paths, folders, content, kinds, exclusions, no_tests, no_examples, no_vendored })
    }

    /// Restricts the filter to `folders`.
    pub fn in_folders(mut self, folders: &FolderScope) -> Self {
        self.folders = folders.clone();
        self
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
                let passing = allowed.par_iter_mut().zip(&snapshot.files).filter(|(allowed, _)| **allowed);
                passing.for_each(|(allowed, file)| *allowed = self.matches_path(file));
            });
        }
        allowed
    }

    /// Returns whether a file passes.
    pub fn allows(&self, file: &FileChunks) -> bool {
        self.has_language(file.language) && (!self.depends_on_paths() || self.matches_path(file))
    }

    /// Returns whether a file that the query names passes.
    ///
    /// By default, configuration files do not pass, but a configuration file named in the query does.
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
        let has_path_exclusion = !self.exclusions.paths.iter().all(GlobSet::is_empty);
        has_class_filter || has_path_exclusion || !self.paths.is_empty() || !self.folders.is_unrestricted()
    }

    fn matches_path(&self, file: &FileChunks) -> bool {
        let path = file.path.as_str();
        let has_excluded_class = || {
            let path_class = file.path_class();
            (self.no_tests && path_class.test)
                || (self.no_examples && path_class.example)
                || (self.no_vendored && path_class.vendored)
        };
        let filters_path_class = self.no_tests || self.no_examples || self.no_vendored;
        let unwanted = self.exclusions.paths.iter().any(|globs| globs.is_match(path))
            || (filters_path_class && has_excluded_class());
        !unwanted
            && self.paths.iter().all(|globs| globs.is_match(path))
            && self.folders.contains_folder(file.path.folder())
    }

    /// Returns whether a chunk of this kind passes, in a file that passes.
    pub(crate) fn allows_kind(&self, kind: SymbolKind) -> bool {
        let wanted = self.kinds.is_empty() || self.kinds.contains(&kind);
        wanted && !self.exclusions.kinds.contains(&kind) && !(self.no_tests && kind == SymbolKind::Test)
    }

    /// Returns whether [`FileFilter::allows_kind`] is true for every kind.
    pub(crate) fn allows_all_kinds(&self) -> bool {
        self.kinds.is_empty() && self.exclusions.kinds.is_empty() && !self.no_tests
    }

    fn has_content(&self, language: Language) -> bool {
        let content = language::language_content(language);
        match self.content {
            ContentFilter::CodeAndDocs => content != ContentKind::Config,
            ContentFilter::Code => content == ContentKind::Code,
            ContentFilter::Docs => content == ContentKind::Docs,
            ContentFilter::Config => content == ContentKind::Config,
            ContentFilter::All => true,
        }
    }
}

fn parse_language(name: &str) -> Result<Language, QueryError> {
    language::language_by_name(name.trim()).ok_or_else(|| QueryError::unknown_language(name))
}

fn parse_languages(names: &[String]) -> Result<Vec<Language>, QueryError> {
    names.iter().map(|name| parse_language(name)).collect()
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

/// Compiles the globs that `variants` returns for each pattern into one set. Invisible characters may be written as they
/// are shown.
fn compile_globs<S: AsRef<str>>(
    patterns: impl IntoIterator<Item = S>,
    variants: fn(&str) -> Vec<String>,
) -> Result<GlobSet, QueryError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let to_error = |error: &globset::Error| QueryError::InvalidGlob {
            pattern: pattern.to_owned(),
            message: error.kind().to_string(),
        };
        for variant in variants(&unescape_name(pattern)) {
            set.add(GlobBuilder::new(&variant).literal_separator(true).build().map_err(|error| to_error(&error))?);
        }
    }
    set.build().map_err(|error| QueryError::InvalidGlob { pattern: String::new(), message: error.kind().to_string() })
}

/// Returns the globs for a path pattern: the pattern itself, everything below it as a folder, and for a bare
/// name both at any depth.
fn path_globs(pattern: &str) -> Vec<String> {
    let trimmed = pattern.trim().trim_start_matches("./").trim_end_matches('/');
    if trimmed.is_empty() {
        return vec!["**".to_owned()];
    }
    let mut variants = vec![trimmed.to_owned(), format!("{trimmed}/**")];
    if !trimmed.contains('/') {
        variants.extend([format!("**/{trimmed}"), format!("**/{trimmed}/**")]);
    }
    variants
}

/// Returns the globs for a file pattern: a name or the end of a path.
fn file_globs(pattern: &str) -> Vec<String> {
    let trimmed = pattern.trim().trim_start_matches("./");
    vec![trimmed.to_owned(), format!("**/{trimmed}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_it_is_shown_is_a_pattern() {
        let set = compile_globs(["src/two\\u{a}lines\\u{202e}.py"], path_globs).expect("a glob");
        assert!(set.is_match("src/two\nlines\u{202e}.py") && !set.is_match("src/two lines.py"));
    }

    #[test]
    fn globs_match_as_people_write_them() {
        let matches =
            |pattern: &str, path: &str| compile_globs([pattern], path_globs).is_ok_and(|set| set.is_match(path));
        assert!(matches("src/**/*.rs", "src/a/b.rs") && !matches("src/*.rs", "src/a/b.rs"));
        assert!(matches("src", "src/a/b.rs") && matches("./src/", "src/a/b.rs"));
        assert!(matches("*.rs", "src/a/b.rs") && matches("b.rs", "src/a/b.rs") && matches("a", "src/a/b.rs"));
        assert!(!matches("src/b.rs", "lib/src/b.rs"));
        assert!(compile_globs(["src/{a"], path_globs).is_err());
        let is_file =
            |pattern: &str, path: &str| compile_globs([pattern], file_globs).is_ok_and(|set| set.is_match(path));
        assert!(is_file("pool.rs", "a/pool.rs") && is_file("*.rs", "a/pool.rs") && is_file("a/*.rs", "x/a/pool.rs"));
        assert!(!is_file("pool", "pool/a.rs"));
    }

    #[test]
    fn an_unknown_language_is_an_error_that_lists_the_known_ones() {
        let filter = Filter { languages: vec!["klingon".into()], ..Filter::default() };
        let message = FileFilter::new(&filter).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("klingon") && message.contains("typescript"), "{message}");
    }
}
