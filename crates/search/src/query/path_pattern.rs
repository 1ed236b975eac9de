//! Path filters: globs, folders and file names, and the nearest path to one that matches nothing.
//!
//! A pattern with the characters of a glob may also be a literal path or name, such as `app/[slug]`. If an indexed file
//! or folder has it, the pattern matches only such files, and the files below such folders. A name such as `src` is the
//! file or folder at the top, if there is one; otherwise it matches at any depth.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::error::QueryError;
use crate::snapshot::Snapshot;
use text::display::unescape_name;
use text::edit_distance::count_edits_within;
use text::unicode::compose;
use types::is_below;

/// The characters with a special meaning in globs.
const GLOB_CHARS: [char; 6] = ['*', '?', '[', ']', '{', '}'];

/// A suggested path with another last component may differ from the unmatched path by one edit per this number of bytes
/// of the latter.
const BYTES_PER_EDIT: usize = 3;

/// A path filter.
#[derive(Clone)]
pub struct PathPattern {
    /// The pattern in NFC, without a leading `./` and a trailing `/`. If it is empty or `.`, every path matches.
    text: String,
    globs: GlobSet,
    reading: PatternReading,
}

/// The interpretation of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PatternReading {
    /// A glob; a plain name at any depth.
    Glob,
    /// A literal path, or a literal name at any depth.
    Literal,
    /// A name at the top.
    Top,
}

impl PathPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// If the pattern is an invalid glob.
    pub fn new(pattern: &str) -> Result<Self, QueryError> {
        let text = compose(trim_pattern(pattern));
        let globs = compile_globs([pattern], path_globs)?;
        Ok(Self { text: text.into_owned(), globs, reading: PatternReading::Glob })
    }

    /// Compiles patterns that are separated by commas outside of braces and brackets.
    ///
    /// # Errors
    /// If one of the patterns is an invalid glob.
    pub fn parse_list(patterns: &str) -> Result<Vec<Self>, QueryError> {
        split_list(patterns).into_iter().map(Self::new).collect()
    }

    /// Returns whether a path matches.
    pub fn matches(&self, path: &str) -> bool {
        match self.reading {
            PatternReading::Glob => matches_globs(&self.globs, path),
            PatternReading::Literal => self.matches_literally(path),
            PatternReading::Top => is_below(&compose(path), &self.text),
        }
    }

    /// Returns the name of a pattern that matches at any depth unless the name is at the top; `None` for a path and for
    /// the whole root.
    pub fn bare_name(&self) -> Option<&str> {
        (!self.text.contains('/') && !matches!(self.text.as_str(), "" | ".")).then_some(self.text.as_str())
    }

    /// Adapts the pattern to the indexed files; `has_path` returns whether a path of any of them passes a test. A name
    /// at the top means that one only, and a pattern with glob characters means a file or folder of that path or name
    /// only, if there is one.
    pub fn adapt(&mut self, has_path: impl Fn(&dyn Fn(&str) -> bool) -> bool) {
        let is_at_top = self.bare_name().is_some_and(|name| has_path(&|path| is_below(&compose(path), name)));
        self.reading = match () {
            () if is_at_top => PatternReading::Top,
            () if self.text.contains(GLOB_CHARS) && has_path(&|path| self.matches_literally(path)) => {
                PatternReading::Literal
            }
            () => PatternReading::Glob,
        };
    }

    /// Returns whether any indexed file matches.
    pub fn matches_any(&self, snapshot: &Snapshot) -> bool {
        snapshot.files.iter().any(|file| file.any_path(|path| self.matches(path)))
    }

    /// Returns the pattern in NFC, without a leading `./` and a trailing `/`.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn matches_literally(&self, path: &str) -> bool {
        let path = &*compose(path);
        if self.text.contains('/') {
            return is_below(path, &self.text);
        }
        path.split('/').any(|part| part == self.text)
    }
}

/// Returns the path of an indexed file or a folder that is nearest to `pattern`, which matches nothing: one with the
/// same last component, ignoring case, or else one whose path and last component are spelled alike. Compares only the
/// components before the first with the characters of a glob. `None` if no path is near.
pub fn find_nearest_path(snapshot: &Snapshot, pattern: &str) -> Option<String> {
    let parts: Vec<&str> = trim_pattern(pattern).split('/').take_while(|part| !part.contains(GLOB_CHARS)).collect();
    let wanted = compose(&parts.join("/").to_lowercase()).into_owned();
    let name = parts.last().map(|name| compose(&name.to_lowercase()).into_owned()).filter(|name| !name.is_empty())?;
    let name_edits = name.split('.').next().unwrap_or_default().len() / BYTES_PER_EDIT;
    let mut best: Option<(bool, usize, &str)> = None;
    for path in all_paths(snapshot) {
        let lower = path.to_lowercase();
        let lower = compose(&lower);
        let has_name = lower.rsplit('/').next() == Some(name.as_str());
        let most = if has_name { lower.len().max(wanted.len()) } else { wanted.len() / BYTES_PER_EDIT };
        let most = best.map_or(most, |(named, edits, _)| if named == has_name { most.min(edits) } else { most });
        if lower.len().abs_diff(wanted.len()) > most || best.is_some_and(|(named, ..)| named && !has_name) {
            continue;
        }
        let other = lower.rsplit('/').next().unwrap_or_default();
        if !has_name && count_edits_within(&name, other, name_edits).is_none() {
            continue;
        }
        let Some(edits) = count_edits_within(&wanted, &lower, most) else { continue };
        let is_better = best.is_none_or(|(named, least, _)| (!has_name, edits) < (!named, least));
        if is_better {
            best = Some((has_name, edits, path));
        }
    }
    best.map(|(_, _, path)| path.to_owned())
}

/// Returns the paths of the files and of all their folders, without duplicates.
fn all_paths(snapshot: &Snapshot) -> BTreeSet<&str> {
    let mut paths = BTreeSet::new();
    for file in snapshot.files.iter() {
        let mut path = file.path.as_str();
        while paths.insert(path) {
            let Some((folder, _)) = path.rsplit_once('/') else { break };
            path = folder;
        }
    }
    paths
}

/// Splits at commas outside of braces and brackets.
fn split_list(patterns: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in patterns.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth <= 0 => {
                parts.push(&patterns[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&patterns[start..]);
    let parts: Vec<&str> = parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { vec![patterns] } else { parts }
}

fn trim_pattern(pattern: &str) -> &str {
    pattern.trim().trim_start_matches("./").trim_end_matches('/')
}

/// Returns whether a path, converted to NFC, matches one of the globs of [`compile_globs`].
pub fn matches_globs(globs: &GlobSet, path: &str) -> bool {
    globs.is_match(&*compose(path))
}

/// Compiles the globs that `variants` returns for each pattern into one set for [`matches_globs`]. Patterns may contain
/// escapes that [`unescape_name`] decodes, and are converted to NFC. A pattern also matches the path or name that it is
/// itself, such as `[slug].tsx`.
///
/// # Errors
/// If a glob is invalid.
pub fn compile_globs<S: AsRef<str>>(
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
        let text = compose(&unescape_name(pattern)).into_owned();
        // A backslash is an escape already.
        let may_be_name = text.contains(GLOB_CHARS) && !text.contains('\\');
        let literal = may_be_name.then(|| variants(&globset::escape(&text)));
        for variant in variants(&text).into_iter().chain(literal.into_iter().flatten()) {
            set.add(GlobBuilder::new(&variant).literal_separator(true).build().map_err(|error| to_error(&error))?);
        }
    }
    set.build().map_err(|error| QueryError::InvalidGlob { pattern: String::new(), message: error.kind().to_string() })
}

/// Returns the globs for a path pattern: the pattern itself, everything below it as a folder, and for a bare name both
/// at any depth; `**` for an empty pattern and for `.`.
pub fn path_globs(pattern: &str) -> Vec<String> {
    let trimmed = trim_pattern(pattern);
    if trimmed.is_empty() || trimmed == "." {
        return vec!["**".to_owned()];
    }
    let mut variants = vec![trimmed.to_owned(), format!("{trimmed}/**")];
    if !trimmed.contains('/') {
        variants.extend([format!("**/{trimmed}"), format!("**/{trimmed}/**")]);
    }
    variants
}

/// Returns the globs for a file pattern: a name or the end of a path.
pub fn file_globs(pattern: &str) -> Vec<String> {
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
    fn accents_match_in_every_form_of_unicode() {
        for (pattern, path) in [
            ("se\u{301}curite\u{301}", "src/sécurité/a.rs"),
            ("sécurité/*.rs", "se\u{301}curite\u{301}/a.rs"),
            ("\u{1100}\u{1161}.py", "src/가.py"),
        ] {
            let pattern = PathPattern::new(pattern).unwrap_or_else(|error| panic!("{error}"));
            assert!(pattern.matches(path), "{path}");
            let literal = PathPattern { reading: PatternReading::Literal, ..pattern };
            assert!(literal.text().contains('*') || literal.matches(path), "{path}");
        }
    }

    #[test]
    fn globs_match_as_people_write_them() {
        let matches = |pattern: &str, path: &str| {
            let patterns = PathPattern::parse_list(pattern).unwrap_or_else(|error| panic!("{error}"));
            patterns.iter().any(|pattern| pattern.matches(path))
        };
        assert!(matches("src/**/*.rs", "src/a/b.rs") && !matches("src/*.rs", "src/a/b.rs"));
        assert!(matches("src", "src/a/b.rs") && matches("./src/", "src/a/b.rs"));
        assert!(matches("*.rs", "src/a/b.rs") && matches("b.rs", "src/a/b.rs") && matches("a", "src/a/b.rs"));
        assert!(!matches("src/b.rs", "lib/src/b.rs") && matches(".", "a.rs"));
        assert!(
            matches("lib, src", "src/a.rs")
                && matches("src/{a,b}.rs", "src/b.rs")
                && !matches("lib, tests", "src/a.rs")
        );
        assert!(PathPattern::new("src/{a").is_err());
        let is_file =
            |pattern: &str, path: &str| compile_globs([pattern], file_globs).is_ok_and(|set| set.is_match(path));
        assert!(is_file("pool.rs", "a/pool.rs") && is_file("*.rs", "a/pool.rs") && is_file("a/*.rs", "x/a/pool.rs"));
        assert!(!is_file("pool", "pool/a.rs"));
    }

    #[test]
    fn a_name_at_the_top_means_that_one() {
        let matches = |pattern: &str, indexed: &[&str], path: &str| {
            let mut pattern = PathPattern::new(pattern).unwrap_or_else(|error| panic!("{error}"));
            pattern.adapt(|is_match| indexed.iter().any(|path| is_match(path)));
            pattern.matches(path)
        };
        let (both, nested) = (["src/a.rs", "web/src/b.rs"], ["web/src/b.rs"]);
        assert!(matches("src", &both, "src/a.rs") && !matches("src", &both, "web/src/b.rs"));
        assert!(matches("./src/", &both, "src/a.rs") && !matches("./src/", &both, "web/src/b.rs"));
        assert!(matches("src", &nested, "web/src/b.rs"), "there is none at the top");
        assert!(matches("b.rs", &both, "web/src/b.rs") && matches("*.rs", &both, "web/src/b.rs"));
        assert!(matches(".", &both, "web/src/b.rs") && matches("", &both, "web/src/b.rs"));
        assert!(!matches("sr", &both, "src/a.rs"), "by components");
    }

    #[test]
    fn a_name_with_the_characters_of_a_glob_matches_itself() {
        let matches = |pattern: &str, path: &str, variants: fn(&str) -> Vec<String>| {
            compile_globs([pattern], variants).is_ok_and(|set| set.is_match(path))
        };
        for name in ["[slug].tsx", "{a}.tsx", "what?.tsx", "*.tsx", "[...all].tsx", "[[id]].tsx"] {
            assert!(matches(name, &format!("app/{name}"), file_globs), "{name}");
            assert!(matches(&format!("app/{name}"), &format!("app/{name}/a.rs"), path_globs), "{name}");
        }
        assert!(matches("[slug].tsx", "app/s.tsx", file_globs) && !matches("[slug].tsx", "app/slug.tsx", file_globs));
        assert!(cfg!(windows) || matches("a\\{b", "a{b", path_globs) && !matches("\\[ab]", "[a", path_globs));
    }
}
