//! Which files a search may answer with.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::snapshot::{FileChunks, Snapshot};
use super::{ContentFilter, Filter, QueryError};
use crate::language;
use crate::types::{Content, Language, is_below};

/// A [`Filter`] made ready to test files.
pub(super) struct FileFilter {
    languages: Vec<Language>,
    path: Option<GlobSet>,
    /// Empty for all.
    folders: Vec<String>,
    content: ContentFilter,
}

impl FileFilter {
    /// Checks the names and compiles the glob.
    pub fn new(filter: &Filter) -> Result<Self, QueryError> {
        let languages = filter.languages.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
        let path = filter.path.as_deref().map(glob).transpose()?;
        Ok(Self { languages, path, folders: Vec::new(), content: filter.content })
    }

    /// The same for what lies below one of these folders; for all of it when there are none.
    pub fn below(mut self, folders: &[String]) -> Self {
        self.folders = folders.to_vec();
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
        if self.path.is_some() || !self.folders.is_empty() {
            let places = allowed.iter_mut().zip(&snapshot.files).filter(|(allowed, _)| **allowed);
            places.for_each(|(allowed, file)| *allowed = self.has_place(file));
        }
        allowed
    }

    fn has_language(&self, language: Language) -> bool {
        if self.languages.is_empty() { self.has_content(language) } else { self.languages.contains(&language) }
    }

    fn has_place(&self, file: &FileChunks) -> bool {
        let below = |above: &String| is_below(file.path.folder(), above);
        let inside = self.folders.is_empty() || self.folders.iter().any(below);
        inside && self.path.as_ref().is_none_or(|globs| globs.is_match(file.path.as_str()))
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
    language::by_name(name.trim()).ok_or_else(|| {
        let known: Vec<_> = language::all().map(|row| row.name).collect();
        QueryError::Language { name: name.to_owned(), known: known.join(", ") }
    })
}

/// `src/**/*.rs` as it stands; a folder also stands for what is in it, a bare name for any depth.
fn glob(pattern: &str) -> Result<GlobSet, QueryError> {
    let trimmed = pattern.trim().trim_start_matches("./").trim_end_matches('/');
    let mut variants = vec![trimmed.to_owned(), format!("{trimmed}/**")];
    if !trimmed.contains('/') {
        variants.extend([format!("**/{trimmed}"), format!("**/{trimmed}/**")]);
    }
    let bad =
        |error: &globset::Error| QueryError::Glob { pattern: pattern.to_owned(), message: error.kind().to_string() };
    if trimmed.is_empty() {
        variants = vec!["**".to_owned()];
    }
    let mut set = GlobSetBuilder::new();
    for variant in &variants {
        set.add(GlobBuilder::new(variant).literal_separator(true).build().map_err(|error| bad(&error))?);
    }
    set.build().map_err(|error| bad(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_people_write_them() {
        let matches = |pattern: &str, path: &str| glob(pattern).is_ok_and(|set| set.is_match(path));
        assert!(matches("src/**/*.rs", "src/a/b.rs") && !matches("src/*.rs", "src/a/b.rs"));
        assert!(matches("src", "src/a/b.rs") && matches("./src/", "src/a/b.rs"));
        assert!(matches("*.rs", "src/a/b.rs") && matches("b.rs", "src/a/b.rs") && matches("a", "src/a/b.rs"));
        assert!(!matches("src/b.rs", "lib/src/b.rs"));
        assert!(glob("src/{a").is_err());
    }

    #[test]
    fn an_unknown_language_is_answered_with_the_known_ones() {
        let filter = Filter { languages: vec!["klingon".into()], ..Filter::default() };
        let message = FileFilter::new(&filter).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("klingon") && message.contains("typescript"), "{message}");
    }
}
