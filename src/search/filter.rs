//! Which files a search may answer with.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rayon::prelude::*;

use super::parts::FileChunks;
use super::snapshot::Snapshot;
use super::{Asked, ContentFilter, Filter, Folders, QueryError};
use crate::language;
use crate::types::{Content, Language, SymbolKind};

/// A [`Filter`] made ready to test files and chunks.
pub(super) struct FileFilter {
    languages: Vec<Language>,
    /// What a path must match, each.
    paths: Vec<GlobSet>,
    folders: Folders,
    content: ContentFilter,
    kinds: Vec<SymbolKind>,
    without: Without,
    no_tests: bool,
    no_examples: bool,
    no_foreign: bool,
}

/// What is left out.
struct Without {
    languages: Vec<Language>,
    paths: Vec<GlobSet>,
    kinds: Vec<SymbolKind>,
}

impl FileFilter {
    /// Checks the names and compiles the globs.
    pub fn new(filter: &Filter) -> Result<Self, QueryError> {
        let Asked { only, without, no_tests, no_examples, no_foreign, .. } = &filter.asked;
        let mut paths = Vec::new();
        if let Some(path) = &filter.path {
            paths.push(globs([path], glob)?);
        }
        if !only.paths.is_empty() {
            paths.push(globs(&only.paths, glob)?);
        }
        if !only.files.is_empty() {
            paths.push(globs(&only.files, file_glob)?);
        }
        let mut languages = languages(&filter.languages)?;
        let asked = self::languages(&only.languages)?;
        if languages.is_empty() {
            languages = asked;
        } else if !asked.is_empty() {
            languages.retain(|language| asked.contains(language));
            if languages.is_empty() {
                return Err(QueryError::Apart { flag: filter.languages.join(", "), asked: only.languages.join(", ") });
            }
        }
        let without = Without {
            languages: self::languages(&without.languages)?,
            paths: vec![globs(&without.paths, glob)?, globs(&without.files, file_glob)?],
            kinds: kinds(&without.kinds)?,
        };
        let (no_tests, no_examples, no_foreign) = (*no_tests, *no_examples, *no_foreign);
        let (folders, content, kinds) = (Folders::default(), filter.content, kinds(&only.kinds)?);
        Ok(Self { languages, paths, folders, content, kinds, without, no_tests, no_examples, no_foreign })
    }

    /// The same for what lies in these folders.
    pub fn below(mut self, folders: &Folders) -> Self {
        self.folders = folders.clone();
        self
    }

    /// For each file of the snapshot, whether it may be in the answer. A filter on languages or an
    /// unfiltered content leaves contents alone: who asks for TOML means to see TOML.
    pub fn allowed(&self, snapshot: &Snapshot) -> Vec<bool> {
        // Neighbours mostly are of one language.
        let mut last: Option<(Language, bool)> = None;
        let allows = |language: &Language| {
            let allowed = last.filter(|last| last.0 == *language);
            let allowed = allowed.map_or_else(|| self.has_language(*language), |(_, allowed)| allowed);
            last = Some((*language, allowed));
            allowed
        };
        let mut allowed: Vec<bool> = snapshot.languages.iter().map(allows).collect();
        if self.minds_places() {
            let places = allowed.par_iter_mut().zip(&snapshot.files).filter(|(allowed, _)| **allowed);
            places.for_each(|(allowed, file)| *allowed = self.has_place(file));
        }
        allowed
    }

    /// Whether this file may be in the answer.
    pub fn allows(&self, file: &FileChunks) -> bool {
        self.has_language(file.language) && (!self.minds_places() || self.has_place(file))
    }

    /// Whether a file may be in the answer if the question names it: settings are left out where nothing
    /// is said of contents, and who names one asks for it.
    pub fn allows_named(&self, file: &FileChunks) -> bool {
        let says_nothing = self.languages.is_empty() && self.content == ContentFilter::CodeAndDocs;
        let may = says_nothing && !self.without.languages.contains(&file.language);
        may && (!self.minds_places() || self.has_place(file))
    }

    fn has_language(&self, language: Language) -> bool {
        let wanted =
            if self.languages.is_empty() { self.has_content(language) } else { self.languages.contains(&language) };
        wanted && !self.without.languages.contains(&language)
    }

    /// Whether any file is left out for where it is.
    fn minds_places(&self) -> bool {
        let kinds = self.no_tests || self.no_examples || self.no_foreign;
        let left_out = !self.without.paths.iter().all(GlobSet::is_empty);
        kinds || left_out || !self.paths.is_empty() || !self.folders.are_all()
    }

    fn has_place(&self, file: &FileChunks) -> bool {
        let path = file.path.as_str();
        let is_marked = || {
            let marks = file.marks();
            (self.no_tests && marks.test) || (self.no_examples && marks.example) || (self.no_foreign && marks.foreign)
        };
        let minds_marks = self.no_tests || self.no_examples || self.no_foreign;
        let unwanted = self.without.paths.iter().any(|globs| globs.is_match(path)) || (minds_marks && is_marked());
        !unwanted && self.paths.iter().all(|globs| globs.is_match(path)) && self.folders.hold(file.path.folder())
    }

    /// Whether a chunk of a file that is allowed may be in the answer.
    pub fn allows_kind(&self, kind: SymbolKind) -> bool {
        let wanted = self.kinds.is_empty() || self.kinds.contains(&kind);
        wanted && !self.without.kinds.contains(&kind) && !(self.no_tests && kind == SymbolKind::Test)
    }

    /// Whether [`FileFilter::allows_kind`] is so for all kinds.
    pub fn allows_all_kinds(&self) -> bool {
        self.kinds.is_empty() && self.without.kinds.is_empty() && !self.no_tests
    }

    fn has_content(&self, language: Language) -> bool {
        let content = language::content(language);
        match self.content {
            ContentFilter::CodeAndDocs => content != Content::Config,
            ContentFilter::Code => content == Content::Code,
            ContentFilter::Docs => content == Content::Docs,
            ContentFilter::Config => content == Content::Config,
            ContentFilter::All => true,
        }
    }
}

fn find(name: &str) -> Result<Language, QueryError> {
    language::by_name(name.trim()).ok_or_else(|| QueryError::language(name))
}

fn languages(names: &[String]) -> Result<Vec<Language>, QueryError> {
    names.iter().map(|name| find(name)).collect()
}

/// A function is also a method or a constructor, a type also what languages call otherwise.
fn kinds(names: &[String]) -> Result<Vec<SymbolKind>, QueryError> {
    use SymbolKind::{Class, Constructor, Enum, Function, Interface, Method, Struct, Trait, Type, Union};
    let mut kinds = Vec::new();
    for name in names {
        let kind = SymbolKind::of_word(name).ok_or_else(|| QueryError::kind(name))?;
        match kind {
            Function => kinds.extend([Function, Method, Constructor]),
            Type => kinds.extend([Class, Struct, Union, Enum, Interface, Trait, Type]),
            other => kinds.push(other),
        }
    }
    Ok(kinds)
}

/// What matches any of `patterns`.
fn globs<S: AsRef<str>>(
    patterns: impl IntoIterator<Item = S>,
    variants: fn(&str) -> Vec<String>,
) -> Result<GlobSet, QueryError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let bad = |error: &globset::Error| QueryError::Glob {
            pattern: pattern.to_owned(),
            message: error.kind().to_string(),
        };
        for variant in variants(pattern) {
            set.add(GlobBuilder::new(&variant).literal_separator(true).build().map_err(|error| bad(&error))?);
        }
    }
    set.build().map_err(|error| QueryError::Glob { pattern: String::new(), message: error.kind().to_string() })
}

/// `src/**/*.rs` as it stands; a folder also stands for what is in it, a bare name for any depth.
fn glob(pattern: &str) -> Vec<String> {
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

/// A file by its name, or by the end of its path.
fn file_glob(pattern: &str) -> Vec<String> {
    let trimmed = pattern.trim().trim_start_matches("./");
    vec![trimmed.to_owned(), format!("**/{trimmed}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_people_write_them() {
        let matches = |pattern: &str, path: &str| globs([pattern], glob).is_ok_and(|set| set.is_match(path));
        assert!(matches("src/**/*.rs", "src/a/b.rs") && !matches("src/*.rs", "src/a/b.rs"));
        assert!(matches("src", "src/a/b.rs") && matches("./src/", "src/a/b.rs"));
        assert!(matches("*.rs", "src/a/b.rs") && matches("b.rs", "src/a/b.rs") && matches("a", "src/a/b.rs"));
        assert!(!matches("src/b.rs", "lib/src/b.rs"));
        assert!(globs(["src/{a"], glob).is_err());
        let is_file = |pattern: &str, path: &str| globs([pattern], file_glob).is_ok_and(|set| set.is_match(path));
        assert!(is_file("pool.rs", "a/pool.rs") && is_file("*.rs", "a/pool.rs") && is_file("a/*.rs", "x/a/pool.rs"));
        assert!(!is_file("pool", "pool/a.rs"));
    }

    #[test]
    fn an_unknown_language_is_answered_with_the_known_ones() {
        let filter = Filter { languages: vec!["klingon".into()], ..Filter::default() };
        let message = FileFilter::new(&filter).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("klingon") && message.contains("typescript"), "{message}");
    }
}
