//! Filters written into a question: `lang:go path:internal/** kind:function -test retries`.
//!
//! A word is a filter when it begins with the name of one, a colon and a value; any other stays a
//! word of the question, also one whose kind or language is none (`kind:Pod`). Several values of one filter widen it (`lang:go,rust` is `lang:go
//! lang:rust`), several filters narrow the search down, and `-` before one leaves out what it names.

use crate::language;
use crate::types::SymbolKind;

/// The filters of a question, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What is wanted, and what is not.
    pub only: Values,
    pub without: Values,
    /// Leaves out tests.
    pub no_tests: bool,
    /// Leaves out examples, benchmarks and fixtures.
    pub no_examples: bool,
    /// Leaves out what is generated, vendored or deprecated.
    pub no_foreign: bool,
    /// Texts that a place must have, letter case and white space aside.
    pub exact: Vec<String>,
    /// Words that have the form of a filter and a value that is none: they stay words.
    pub unread: Vec<Unread>,
}

/// A word that is a filter but for its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// `lang:klingon`
    Language(String),
    /// `kind:verb`
    Kind(String),
}

/// Values of the filters of one sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub languages: Vec<String>,
    /// Globs over paths.
    pub paths: Vec<String>,
    /// Globs over file names.
    pub files: Vec<String>,
    pub kinds: Vec<String>,
    pub projects: Vec<String>,
}

impl Asked {
    /// Takes the filters out of `text`: they and what is left. Code and traces, which have several
    /// lines, are left as they are but for lines that are nothing but filters.
    pub fn take(text: &str) -> (Self, String) {
        let mut asked = Self::default();
        if text.trim().lines().count() > 1 {
            let only_filters = |line: &&str| {
                let words = split(line);
                !words.is_empty() && words.iter().all(|word| Self::default().read(word))
            };
            let (filters, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(only_filters);
            for word in filters.iter().flat_map(|line| split(line)) {
                asked.read(word);
            }
            return (asked, rest.join("\n"));
        }
        let mut rest = Vec::new();
        let words = split(text);
        for word in &words {
            if !asked.read(word) {
                asked.unread.extend(unread(word));
                rest.push(asked.quoted(word, words.len() == 1));
            }
        }
        // A text without filters stays as it is to the letter.
        if asked == Self::default() { (asked, text.to_owned()) } else { (asked, rest.join(" ")) }
    }

    /// The filters as they would be written, for `--explain`.
    pub fn written(&self) -> String {
        let mut written = Vec::new();
        for (sign, values) in [("", &self.only), ("-", &self.without)] {
            for (name, values) in values.named() {
                written.extend(values.iter().map(|value| format!("{sign}{name}:{value}")));
            }
        }
        let flags = [(self.no_tests, "-test"), (self.no_examples, "-example"), (self.no_foreign, "-generated")];
        written.extend(flags.iter().filter(|(given, _)| *given).map(|(_, flag)| (*flag).to_owned()));
        written.extend(self.exact.iter().map(|text| format!("{text:?}")));
        written.join(" ")
    }

    /// Whether a word is a filter, which is then kept.
    fn read(&mut self, word: &str) -> bool {
        match word {
            "-test" | "-tests" => self.no_tests = true,
            "-example" | "-examples" => self.no_examples = true,
            "-generated" | "-vendored" | "-vendor" => self.no_foreign = true,
            _ => {
                let (values, word) = match word.strip_prefix('-') {
                    Some(word) => (&mut self.without, word),
                    None => (&mut self.only, word),
                };
                let Some((name, value)) = word.split_once(':') else { return false };
                let value = value.trim_matches('"');
                // `file://…` and `path::Path` are no filters.
                if value.is_empty() || value.starts_with(':') || value.starts_with("//") {
                    return false;
                }
                if unread(word).is_some() {
                    return false;
                }
                let list = || value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned);
                match name.to_ascii_lowercase().as_str() {
                    "lang" | "language" => values.languages.extend(list()),
                    "kind" => values.kinds.extend(list()),
                    "project" => values.projects.push(value.to_owned()),
                    "path" => values.paths.push(value.to_owned()),
                    "file" => values.files.push(value.to_owned()),
                    _ => return false,
                }
            }
        }
        true
    }

    /// A word that stays; several in quotes must stand in the answer as they are. One alone in quotes is
    /// rather what a message quotes (`no field "wait"`), unless it is the whole question.
    fn quoted<'t>(&mut self, word: &'t str, is_all: bool) -> &'t str {
        match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            Some(exact) if exact.trim().contains(char::is_whitespace) || (is_all && !exact.trim().is_empty()) => {
                self.exact.push(exact.trim().to_owned());
                exact
            }
            _ => word,
        }
    }
}

impl Values {
    fn named(&self) -> [(&'static str, &[String]); 5] {
        [
            ("lang", &self.languages),
            ("path", &self.paths),
            ("file", &self.files),
            ("kind", &self.kinds),
            ("project", &self.projects),
        ]
    }
}

/// What is wrong with a word that names a filter and a value that is none.
fn unread(word: &str) -> Option<Unread> {
    let (name, value) = word.strip_prefix('-').unwrap_or(word).split_once(':')?;
    let mut values = value.trim_matches('"').split(',').map(str::trim).filter(|one| !one.is_empty());
    match name.to_ascii_lowercase().as_str() {
        "lang" | "language" => {
            let unknown = values.find(|one| language::by_name(one).is_none())?;
            Some(Unread::Language(unknown.to_owned()))
        }
        "kind" => {
            let unknown = values.find(|one| SymbolKind::of_word(one).is_none())?;
            Some(Unread::Kind(unknown.to_owned()))
        }
        _ => None,
    }
}

/// Words at white space, but for white space between quotes.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted) = (None, false);
    // A quote without its other half is a letter like any other.
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
        for (text, filters, rest) in [
            ("retry the request", "", "retry the request"),
            ("lang:go retry", "lang:go", "retry"),
            ("Lang:go,rust retry -language:c", "lang:go lang:rust -lang:c", "retry"),
            ("open path:internal/** -path:vendor/**", "path:internal/** -path:vendor/**", "open"),
            ("path:\"my docs/**\" open", "path:my docs/**", "open"),
            ("kind:function file:pool.rs acquire", "file:pool.rs kind:function", "acquire"),
            ("project:api -test -generated login", "project:api -test -generated", "login"),
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
            ("it's 5\" wide  and  high", "", "it's 5\" wide  and  high"),
            ("a - b -c", "", "a - b -c"),
        ] {
            let (asked, left) = Asked::take(text);
            assert_eq!((asked.written().as_str(), left.as_str()), (filters, rest), "{text}");
        }
    }

    #[test]
    fn code_keeps_what_looks_like_filters() {
        let code = "spec:\n  kind:function\n  run(\"a b\")";
        assert_eq!(Asked::take(&format!("{code}\nlang:yaml")).1, "spec:\n  run(\"a b\")");
        assert_eq!(Asked::take("kind:Pod\nname: a").1, "kind:Pod\nname: a");
        let (asked, rest) = Asked::take("at f (a.js:1)\nat g (b.js:2)\nlang:javascript -test");
        assert_eq!((asked.written().as_str(), rest.lines().count()), ("lang:javascript -test", 2));
    }
}
