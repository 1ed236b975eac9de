//! Parses filters in query texts: `lang:go path:internal/** kind:function -test retries`.
//!
//! A filter is a filter name, a colon and a value, or one of `-test`, `-example` and `-generated`. A word with an
//! unknown kind or language or an invalid glob, such as `kind:Pod` or `path:[`, is not a filter. Several values of one filter widen the search
//! (`lang:go,rust` equals `lang:go lang:rust`), different filters narrow it, and a leading `-` excludes matches.

use super::error::QueryError;
use super::path_pattern::{compile_globs, file_globs, path_globs};
use crate::snapshot::Snapshot;
use source::language;
use text::display::escape_name;
use types::SymbolKind;

/// The filters written in a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryFilters {
    /// Filters without a leading `-`.
    pub include: FilterValues,
    /// Filters with a leading `-`.
    pub exclude: FilterValues,
    /// Whether tests are excluded.
    pub no_tests: bool,
    /// Whether examples, benchmarks and fixtures are excluded.
    pub no_examples: bool,
    /// Whether generated, vendored and deprecated code is excluded.
    pub no_vendored: bool,
    /// Phrases that a hit must contain unless no chunk does, ignoring case and the amount of white space.
    pub phrases: Vec<String>,
    /// Words of a one-line query with the form of a filter, and an invalid value or none; they remain in the query.
    pub invalid: Vec<InvalidFilter>,
}

/// A word with the form of a filter, and an invalid value or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidFilter {
    /// An unknown language: `lang:klingon`.
    Language(String),
    /// An unknown kind: `kind:verb`.
    Kind(String),
    /// An invalid glob, `path:[`, with the name of the filter and the message about the glob.
    Glob(&'static str, String),
    /// A filter without a value, `path:`, which begins with a dash or has no word after it.
    NoValue(String),
}

impl InvalidFilter {
    /// Returns the name of the filter.
    pub fn name(&self) -> &str {
        match self {
            Self::Language(_) => "lang",
            Self::Kind(_) => "kind",
            Self::Glob(name, _) => name,
            Self::NoValue(name) => name,
        }
    }

    /// Says what is wrong with the value, and what values there are.
    pub fn describe(&self, snapshot: &Snapshot) -> String {
        match self {
            Self::Language(name) => QueryError::unknown_language(&escape_name(name), Some(snapshot)).to_string(),
            Self::Kind(name) => QueryError::unknown_kind(&escape_name(name)).to_string(),
            Self::Glob(_, message) => message.clone(),
            Self::NoValue(_) => "it needs a value right after the colon".to_owned(),
        }
    }
}

/// The filter values written in a query, either included or excluded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterValues {
    pub languages: Vec<String>,
    /// Globs over paths.
    pub paths: Vec<String>,
    /// Globs over file names or ends of paths.
    pub files: Vec<String>,
    pub kinds: Vec<String>,
    pub projects: Vec<String>,
    /// Repositories of a group.
    pub repositories: Vec<String>,
}

/// Returns a query text without its filters and without the quotation marks of its phrases.
pub fn strip_query_filters(text: &str) -> String {
    QueryFilters::parse(text).1
}

impl QueryFilters {
    /// Splits `text` into filters and the remaining query.
    ///
    /// In a text of several lines, which may be code or a stack trace, only lines that consist of filters are
    /// parsed.
    pub fn parse(text: &str) -> (Self, String) {
        let mut filters = Self::default();
        if text.trim().lines().count() > 1 {
            let only_filters = |line: &&str| {
                let words = split_words(line);
                !words.is_empty() && words.iter().all(|word| Self::default().add_word(word))
            };
            let (filter_lines, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(only_filters);
            for word in filter_lines.iter().flat_map(|line| split_words(line)) {
                filters.add_word(word);
            }
            return (filters, rest.join("\n"));
        }
        let mut rest = Vec::new();
        let words = split_words(text);
        // Inside of prose, a word such as `path:` is no filter.
        let is_filter = |word: &&str| Self::default().add_word(word) || find_invalid_value(word).is_some();
        let end = words.iter().rposition(|word| !is_filter(word) && find_empty_filter(word).is_none());
        for (at, word) in words.iter().enumerate() {
            if !filters.add_word(word) {
                let is_meant = word.starts_with('-') || end.is_none_or(|end| at > end);
                let empty = || find_empty_filter(word).filter(|_| is_meant).map(InvalidFilter::NoValue);
                filters.invalid.extend(find_invalid_value(word).or_else(empty));
                rest.push(filters.extract_phrase(word, words.len() == 1));
            }
        }
        // If there are no filters, returns the text with its white space unchanged.
        if filters == Self::default() { (filters, text.to_owned()) } else { (filters, rest.join(" ")) }
    }

    /// Formats the valid filters and the phrases as in a query, for messages. Values with spaces are not quoted.
    pub fn to_query_syntax(&self) -> String {
        let mut written = Vec::new();
        for (sign, values) in [("", &self.include), ("-", &self.exclude)] {
            for (name, values) in values.by_filter_name() {
                written.extend(values.iter().map(|value| format!("{sign}{name}:{value}")));
            }
        }
        let flags = [(self.no_tests, "-test"), (self.no_examples, "-example"), (self.no_vendored, "-generated")];
        written.extend(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| (*flag).to_owned()));
        written.extend(self.phrases.iter().map(|text| format!("{text:?}")));
        written.join(" ")
    }

    /// Adds a word to the filters if it is a filter; returns whether it is.
    fn add_word(&mut self, word: &str) -> bool {
        match word {
            "-test" | "-tests" => self.no_tests = true,
            "-example" | "-examples" => self.no_examples = true,
            "-generated" | "-vendored" | "-vendor" => self.no_vendored = true,
            _ => {
                let (values, word) = match word.strip_prefix('-') {
                    Some(word) => (&mut self.exclude, word),
                    None => (&mut self.include, word),
                };
                let Some((name, value)) = word.split_once(':') else { return false };
                let value = value.trim_matches('"');
                // URLs (`file://…`) and paths (`path::Path`) are not filters.
                if value.is_empty() || value.starts_with(':') || value.starts_with("//") {
                    return false;
                }
                if find_invalid_value(word).is_some() {
                    return false;
                }
                let list = || value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned);
                match name.to_ascii_lowercase().as_str() {
                    "lang" | "language" => values.languages.extend(list()),
                    "kind" => values.kinds.extend(list()),
                    "project" => values.projects.push(value.to_owned()),
                    "repo" | "repository" => values.repositories.extend(list()),
                    "path" => values.paths.push(value.to_owned()),
                    "file" => values.files.push(value.to_owned()),
                    _ => return false,
                }
            }
        }
        true
    }

    /// Adds a quoted phrase to `phrases`, and returns it without quotes; returns other words unchanged.
    ///
    /// A single quoted word is a phrase only if it is the whole query; otherwise it is often a quotation (`no
    /// field "wait"`).
    fn extract_phrase<'t>(&mut self, word: &'t str, is_only_word: bool) -> &'t str {
        match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            Some(phrase)
                if phrase.trim().contains(char::is_whitespace) || (is_only_word && !phrase.trim().is_empty()) =>
            {
                self.phrases.push(phrase.trim().to_owned());
                phrase
            }
            _ => word,
        }
    }
}

impl FilterValues {
    fn by_filter_name(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lang", &self.languages),
            ("path", &self.paths),
            ("file", &self.files),
            ("kind", &self.kinds),
            ("project", &self.projects),
            ("repo", &self.repositories),
        ]
    }
}

/// Returns the first unknown language or kind or the invalid glob in a word with the form of a filter; `None` if there is
/// none.
fn find_invalid_value(word: &str) -> Option<InvalidFilter> {
    let (name, value) = word.strip_prefix('-').unwrap_or(word).split_once(':')?;
    let mut values = value.trim_matches('"').split(',').map(str::trim).filter(|one| !one.is_empty());
    match name.to_ascii_lowercase().as_str() {
        "lang" | "language" => {
            let unknown = values.find(|one| language::language_by_name(one).is_none())?;
            Some(InvalidFilter::Language(unknown.to_owned()))
        }
        "kind" => {
            let unknown = values.find(|one| SymbolKind::from_word(one).is_none())?;
            Some(InvalidFilter::Kind(unknown.to_owned()))
        }
        "path" => find_invalid_glob("path", value, path_globs),
        "file" => find_invalid_glob("file", value, file_globs),
        _ => None,
    }
}

/// Returns the name of the filter in a word that has no value after it, such as `path:` or `-lang:`.
fn find_empty_filter(word: &str) -> Option<String> {
    let name = word.strip_prefix('-').unwrap_or(word).trim_end_matches('"').strip_suffix(':')?.to_ascii_lowercase();
    let known = ["lang", "language", "kind", "project", "repo", "repository", "path", "file"];
    known.contains(&name.as_str()).then_some(name)
}

/// Returns the value of the filter `name` if it is an invalid glob. URLs (`file://…`) and paths (`path::Path`) are no
/// globs.
fn find_invalid_glob(name: &'static str, value: &str, variants: fn(&str) -> Vec<String>) -> Option<InvalidFilter> {
    let is_glob = !value.starts_with(':') && !value.starts_with("//");
    let error = compile_globs(is_glob.then(|| value.trim_matches('"')), variants).err()?;
    Some(InvalidFilter::Glob(name, error.to_string()))
}

/// Splits at white space outside of double quotes.
fn split_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted) = (None, false);
    // If the number of quotes is odd, they are ordinary characters.
    let pairs = text.matches('"').count().is_multiple_of(2);
    for (at, c) in text.char_indices() {
        quoted ^= c == '"' && pairs;
        if c.is_whitespace() && !quoted {
            words.extend(start.take().map(|start| &text[start..at]));
        } else {
            start.get_or_insert(at);
        }
    }
    words.extend(start.map(|start| &text[start..]));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_taken_out_and_the_rest_stays() {
        for (text, expected, rest) in [
            ("retry the request", "", "retry the request"),
            ("lang:go retry", "lang:go", "retry"),
            ("Lang:go,rust retry -language:c", "lang:go lang:rust -lang:c", "retry"),
            ("open path:internal/** -path:vendor/**", "path:internal/** -path:vendor/**", "open"),
            ("path:\"my docs/**\" open", "path:my docs/**", "open"),
            ("kind:function file:pool.rs acquire", "file:pool.rs kind:function", "acquire"),
            ("project:api -test -generated login", "project:api -test -generated", "login"),
            ("repo:api,web -repository:old login", "repo:api repo:web -repo:old", "login"),
            ("-examples how to log in", "-example", "how to log in"),
            ("say \"connection refused\" twice", "\"connection refused\"", "say connection refused twice"),
            (
                "tag:beta std::path::Path path::Path file:///a.rs",
                "",
                "tag:beta std::path::Path path::Path file:///a.rs",
            ),
            ("no field \"wait\" here", "", "no field \"wait\" here"),
            ("\"wait\"", "\"wait\"", "wait"),
            ("lang: go, kind:", "", "lang: go, kind:"),
            ("kind:Pod spec", "", "kind:Pod spec"),
            ("kind:function,verb -lang:klingon open", "", "kind:function,verb -lang:klingon open"),
            ("path:[ foo -file:{a open", "", "path:[ foo -file:{a open"),
            ("path:a[bc].rs file:[id].tsx open", "path:a[bc].rs file:[id].tsx", "open"),
            ("it's 5\" wide  and  high", "", "it's 5\" wide  and  high"),
            ("a - b -c", "", "a - b -c"),
        ] {
            let (filters, left) = QueryFilters::parse(text);
            assert_eq!((filters.to_query_syntax().as_str(), left.as_str()), (expected, rest), "{text}");
        }
    }

    #[test]
    fn an_invalid_glob_is_named_and_a_url_is_none() {
        let invalid = |text: &str| QueryFilters::parse(text).0.invalid;
        for (text, filter) in [("path:[ foo", "path"), ("-path:src/{a foo", "path"), ("foo file:[!", "file")] {
            let found = invalid(text);
            assert!(matches!(&found[..], [InvalidFilter::Glob(name, _)] if *name == filter), "{text}: {found:?}");
        }
        for text in ["file://[::1]/a.rs fails", "path::[u8] fails", "path: [ fails", "file:\"a b\" fails"] {
            assert_eq!(invalid(text), [], "{text}");
        }
    }

    #[test]
    fn a_filter_without_a_value_is_named_unless_words_follow() {
        let invalid = |text: &str| QueryFilters::parse(text).0.invalid;
        for (text, name) in
            [("retry path:", "path"), ("retry -path: here", "path"), ("retry Lang: -test", "lang"), ("kind:", "kind")]
        {
            assert_eq!(invalid(text), [InvalidFilter::NoValue(name.to_owned())], "{text}");
        }
        for text in ["cannot open file: no access", "error in path: [ fails", "retry:", "tag: path::"] {
            assert_eq!(invalid(text), [], "{text}");
        }
    }

    #[test]
    fn code_keeps_words_with_the_form_of_filters() {
        let code = "spec:\n  kind:function\n  run(\"a b\")";
        assert_eq!(QueryFilters::parse(&format!("{code}\nlang:yaml")).1, "spec:\n  run(\"a b\")");
        assert_eq!(QueryFilters::parse("kind:Pod\nname: a").1, "kind:Pod\nname: a");
        let (filters, rest) = QueryFilters::parse("at f (a.js:1)\nat g (b.js:2)\nlang:javascript -test");
        assert_eq!((filters.to_query_syntax().as_str(), rest.lines().count()), ("lang:javascript -test", 2));
    }
}
