//! Splits query text into the parts that retrieval and ranking use: words, names and locations.

pub(crate) mod stack_trace;

use std::collections::HashSet;
use std::sync::LazyLock;

use stack_trace::QueryLocation;
use text::code::snippet;
use text::code::written_names::{self, WrittenName};
use text::inflections::{StemSet, inflections};
use text::name_key::is_same_name;
use text::unicode::RunningScript;
use text::words;
use types::{RepoPath, qualified_name};

/// Words that are too common to search for. They are dropped unless the query has no other words.
const STOP_WORDS: &str = "a an and any are as at be been by can could did do does for from had has have how i if in \
    into is it its me my of on or our should so that the their them then there these they this those to was we were \
    what when where which while who why will with would you your \
    怎么 怎样 怎麼 怎樣 如何 什么 什麼 哪里 哪裡 哪个 哪個 哪些 在哪 为何 為何 为什 為什 \
    どこ こで どう どの どれ なぜ いつ のか すか です ます ますか ですか どうやって \
    어디 디서 어디서 어떻 떻게 어떻게 무엇 언제 나요 하나요 합니 니까 합니까";

/// Returns whether a word in lower case is too common to search for.
pub(crate) fn is_stop_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split_whitespace().collect());
    WORDS.contains(word)
}

/// The kind of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryKind {
    /// A name, alone or with one other word.
    Name,
    /// A file name or a path, alone or with one other word.
    Path,
    /// A stack trace, or a message with a location.
    Trace,
    /// Code.
    Snippet,
    /// A bug report or a feature request.
    Report,
    #[default]
    Words,
}

/// The words, names and locations of a query, which retrieval and ranking use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryTerms {
    pub kind: QueryKind,
    /// The distinct words in lower case, in order; without stop words unless there are no others.
    pub words: Vec<String>,
    /// The terms to look up in the inverted index: words and whole identifiers.
    pub lexical_words: Vec<QueryWord>,
    /// Two or three adjacent words, joined because they may form an identifier.
    pub compounds: Vec<String>,
    /// The stems of `words`.
    pub stems: StemSet<'static>,
    /// The text to embed: the words of the query, without stop words unless there are no others.
    pub embedding_text: String,
    /// Names written as in code: `parseHeader`, `parse_header`, `Foo::bar`; or the only word of the query.
    pub names: Vec<WrittenName>,
    /// Files named in the query, possibly with lines: those of stack traces, innermost first, then others in their
    /// order.
    pub locations: Vec<QueryLocation>,
    /// Tokens of the query that look like file names, but are neither files nor names in the index.
    pub missing_files: Vec<String>,
}

/// Maximum number of tokens in a query that counts as a name or a path.
const MAX_NAME_TOKENS: usize = 2;

/// Maximum number of functions in a stack trace that are looked up by name.
const MAX_TRACED_NAMES: usize = 3;

/// Maximum number of lines of the message of a trace that are looked for word for word.
const MAX_MESSAGE_LINES: usize = 3;

/// A word to look up in the inverted index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryWord {
    pub text: String,
    /// Other forms of the word, as [`inflections`] returns them.
    pub inflections: Vec<String>,
}

/// Lookups of files and names in the index, which decide whether `response.json` is a file or a method.
pub trait IndexLookup {
    /// Returns whether a file with this name is indexed, ignoring case unless `is_exact`.
    fn has_file(&self, name: &str, is_exact: bool) -> bool;
    /// Returns whether a definition has this name, ignoring case and separators.
    fn defines(&self, name: &str) -> bool;
    /// Returns whether the text of a chunk contains the name; by default, whether a definition has it.
    fn mentions(&self, name: &str) -> bool {
        self.defines(name)
    }
}

/// The interpretation of a token.
enum TokenReading {
    File(QueryLocation),
    /// A name or a word; [`written_names::find_names`] tells them apart.
    Name,
    /// A token that looks like a file name, but is neither a file nor a name in the index.
    Neither,
}

impl TokenReading {
    /// Classifies a token.
    ///
    /// A token with a folder, a line or a function is a file. Tokens such as `this.props` and `Node.js` are files only
    /// if the index has such a file.
    fn classify(token: &str, known: &dyn IndexLookup) -> Self {
        let Some(location) = stack_trace::parse_location(token) else { return Self::Name };
        let is_path = location.line.is_some() || location.path.contains('/') || !location.function.is_empty();
        let member = location.path.rsplit('.').next().unwrap_or_default();
        if is_path || known.has_file(&location.path, true) {
            Self::File(location)
        } else if known.defines(member) {
            Self::Name
        } else if known.has_file(&location.path, false) {
            Self::File(location)
        } else {
            Self::Neither
        }
    }
}

impl QueryTerms {
    /// Parses query text from which the filters have been removed.
    pub fn parse(text: &str, known: &dyn IndexLookup) -> Self {
        if let Some(trace) = stack_trace::parse_trace(text) {
            return Self::from_trace(&trace, known);
        }
        if snippet::is_code(text) {
            let names = snippet::find_snippet_names(text);
            return Self { kind: QueryKind::Snippet, names, ..Self::from_words(&snippet::identifier_text(text)) };
        }
        let (mut locations, mut missing_files) = (Vec::new(), Vec::new());
        let tokens = text.split_whitespace();
        let count = tokens.clone().count();
        for token in tokens {
            match TokenReading::classify(token, known) {
                TokenReading::File(location) => locations.push(location),
                TokenReading::Name => {}
                TokenReading::Neither => {
                    missing_files.extend(stack_trace::parse_location(token).map(|location| location.path))
                }
            }
        }
        if count == 1 {
            locations.iter_mut().for_each(|location| location.is_whole_query = true);
        }
        let names = written_names::find_names(text, |token| {
            // Prose without spaces is one token, so it is a name only if the index has it.
            let is_known = |token: &str| known.mentions(token.trim_matches(|c: char| !c.is_alphanumeric()));
            matches!(TokenReading::classify(token, known), TokenReading::Name)
                && (!RunningScript::is_in(token) || is_known(token))
        });
        // A call of an external function is searched as code, to find the chunks that contain it.
        if count == 1 && locations.is_empty() && is_undefined_call(text, &names, known) {
            let text = snippet::identifier_text(text);
            return Self { kind: QueryKind::Snippet, names, ..Self::from_words(&text) };
        }
        let is_short = count <= MAX_NAME_TOKENS;
        let kind = match (is_short, locations.is_empty(), names.is_empty()) {
            (true, false, _) => QueryKind::Path,
            (true, true, false) => QueryKind::Name,
            _ => QueryKind::Words,
        };
        Self { kind, names, locations, missing_files, ..Self::from_words(text) }
    }

    /// Parses a stack trace: the words and the names come from its message and its functions. If it has neither, the
    /// words come from its paths.
    fn from_trace(trace: &stack_trace::StackTrace, known: &dyn IndexLookup) -> Self {
        let mut names = written_names::find_names(&trace.message, |token| {
            matches!(TokenReading::classify(token, known), TokenReading::Name)
        });
        let functions =
            trace.locations.iter().map(|location| &location.function).filter(|function| !function.is_empty());
        let functions: Vec<String> = remove_duplicates(functions.cloned().collect());
        let functions = &functions[..functions.len().min(MAX_TRACED_NAMES)];
        names.extend(functions.iter().map(|text| WrittenName { text: text.clone(), ..WrittenName::default() }));
        let mut text = format!("{} {}", trace.message, functions.join(" "));
        if text.trim().is_empty() {
            text = trace.locations.iter().map(|location| location.path.as_str()).collect::<Vec<_>>().join(" ");
        }
        Self { kind: QueryKind::Trace, names, locations: trace.locations.clone(), ..Self::from_words(&text) }
    }

    /// Splits a text into its words; the result has no names and no locations.
    pub fn from_words(text: &str) -> Self {
        let is_stop = |word: &String| is_stop_word(word);
        let mut all = Vec::new();
        words::for_each_query_word(text, |word| all.push(word.to_owned()));
        let kept: Vec<String> = all.iter().filter(|word| !is_stop(word)).cloned().collect();
        let lexical_words = remove_duplicates(if kept.is_empty() { all } else { kept });
        let mut parts = Vec::new();
        words::for_each_word(text, |word| parts.push(word.to_owned()));
        let kept: Vec<String> = parts.iter().filter(|word| !is_stop(word)).cloned().collect();
        let parts = if kept.is_empty() { parts } else { kept };
        let compounds = [2, 3].iter().flat_map(|count| parts.windows(*count)).map(<[String]>::concat);
        let compounds = remove_duplicates(compounds.filter(|compound| !lexical_words.contains(compound)).collect());
        let lexical_words =
            lexical_words.into_iter().map(|text| QueryWord { inflections: inflections(&text), text }).collect();
        let stems = StemSet::from_text(&parts.join(" "));
        Self {
            embedding_text: parts.join(" "),
            words: remove_duplicates(parts),
            lexical_words,
            compounds,
            stems,
            ..Self::default()
        }
    }

    /// Describes the interpretation of the query.
    pub fn describe(&self) -> String {
        let describe_name = |name: &WrittenName| match name.container.as_str() {
            "" => name.text.clone(),
            container => format!("{} in {container}", name.text),
        };
        let describe_location = |location: &QueryLocation| match location.line {
            Some(line) => format!("{}:{line}", location.path),
            None => location.path.clone(),
        };
        let mut parts: Vec<String> = self.names.iter().map(describe_name).collect();
        parts.extend(self.locations.iter().take(MAX_TRACED_NAMES).map(describe_location));
        let kind = match self.kind {
            QueryKind::Name => "a name",
            QueryKind::Path => "a path",
            QueryKind::Trace => "a stack trace",
            QueryKind::Snippet => "code",
            QueryKind::Report => "a report",
            QueryKind::Words => "words",
        };
        if parts.is_empty() { kind.to_owned() } else { format!("{kind} ({})", parts.join(", ")) }
    }

    /// Returns the texts of a query that the code may contain word for word: `text` itself for a query of words, the
    /// first lines of the message of a trace, none for other queries.
    pub fn pasted_texts(&self, text: &str) -> Vec<String> {
        match self.kind {
            QueryKind::Words => vec![text.to_owned()],
            QueryKind::Trace => {
                let message = stack_trace::parse_trace(text).map(|trace| trace.message).unwrap_or_default();
                message.lines().take(MAX_MESSAGE_LINES).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the names of a query that is a name, each with its container; none for other queries.
    pub fn qualified_names(&self) -> Vec<String> {
        let names = self.names.iter().filter(|_| self.kind == QueryKind::Name);
        names.map(|name| qualified_name(&name.container, &name.text)).collect()
    }

    /// Returns whether the query is a name or a path.
    pub fn is_name(&self) -> bool {
        matches!(self.kind, QueryKind::Name | QueryKind::Path)
    }

    /// Returns whether the query names a file with this stem, ignoring case and separators: `path_router` for
    /// "PathRouter" or "path router". A single plain word counts only if it is the only word besides stop words. The
    /// stem of a path in the query must be equal.
    pub fn names_file(&self, stem: &str) -> bool {
        let sole = if self.words.len() == 1 { self.words.first() } else { None };
        let location_stem = |location: &'_ QueryLocation| RepoPath::new(location.path.as_str()).stem().to_owned();
        let written = self.names.iter().map(|name| name.text.as_str()).chain(self.compounds.iter().map(String::as_str));
        written.chain(sole.map(String::as_str)).any(|name| is_same_name(name, stem))
            || self.locations.iter().any(|location| location_stem(location) == stem)
    }

    /// Returns whether one of `names` is spelled exactly as in the query.
    pub fn spells(&self, mut names: impl Iterator<Item = impl AsRef<str>>) -> bool {
        names.any(|other| self.names.iter().any(|name| name.text == other.as_ref()))
    }

    /// Returns whether a name in the query is qualified with the last part of `container`.
    pub fn qualifies_name_with(&self, container: &str) -> bool {
        let last = container.rsplit('.').next().unwrap_or_default();
        !last.is_empty()
            && self.names.iter().any(|name| !name.container.is_empty() && is_same_name(&name.container, last))
    }
}

/// Returns whether a query of one token calls or qualifies a name that the indexed code mentions but does not define.
/// Without a call, the code must also mention the qualifier.
fn is_undefined_call(text: &str, names: &[WrittenName], known: &dyn IndexLookup) -> bool {
    let [WrittenName { text: name, container }] = names else { return false };
    let is_mentioned = |name: &str| !name.is_empty() && known.mentions(name);
    (text.contains('(') || is_mentioned(container)) && !known.defines(name) && is_mentioned(name)
}

fn remove_duplicates(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        if !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fake index with some files and names.
    struct FakeIndex(&'static [&'static str], &'static [&'static str]);

    impl IndexLookup for FakeIndex {
        fn has_file(&self, name: &str, is_exact: bool) -> bool {
            self.0.iter().any(|file| *file == name || !is_exact && file.eq_ignore_ascii_case(name))
        }

        fn defines(&self, name: &str) -> bool {
            self.1.contains(&name)
        }
    }

    #[test]
    fn stop_words_are_dropped_if_others_remain() {
        let words = |text| QueryTerms::parse(text, &FakeIndex(&[], &[])).words;
        assert_eq!(words("where are the retries handled"), ["retries", "handled"]);
        assert_eq!(words("how to"), ["how", "to"]);
    }

    #[test]
    fn a_call_of_what_is_not_defined_is_code() {
        struct Mentions;
        impl IndexLookup for Mentions {
            fn has_file(&self, _: &str, _: bool) -> bool {
                false
            }

            fn defines(&self, name: &str) -> bool {
                name == "open"
            }

            fn mentions(&self, name: &str) -> bool {
                ["open", "thread", "available_parallelism"].contains(&name)
            }
        }
        for (text, interpretation) in [
            ("std::thread::available_parallelism()", "code (available_parallelism in thread)"),
            ("thread::available_parallelism", "code (available_parallelism in thread)"),
            ("available_parallelism", "a name (available_parallelism)"),
            ("gone::available_parallelism", "a name (available_parallelism in gone)"),
            ("std::fs::open()", "a name (open in fs)"),
            ("std::gone()", "a name (gone in std)"),
        ] {
            assert_eq!(QueryTerms::parse(text, &Mentions).describe(), interpretation, "{text}");
        }
    }

    #[test]
    fn prose_without_spaces_is_split_and_no_name() {
        let known = FakeIndex(&[], &["解析格式"]);
        let terms = QueryTerms::parse("请求失败怎么重试", &known);
        assert_eq!(terms.describe(), "words");
        let words: Vec<&str> = terms.lexical_words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, ["请求", "求失", "失败", "败怎", "么重", "重试", "请求失败怎么重试"]);
        assert_eq!(QueryTerms::parse("解析格式", &known).describe(), "a name (解析格式)");
        assert_eq!(QueryTerms::parse("メールの送信はどこ", &known).describe(), "words");
    }

    #[test]
    fn tokens_are_files_only_if_indexed() {
        let known = FakeIndex(&["server.js", "README.md", "config.json"], &["json", "props"]);
        for (text, interpretation) in [
            ("Response.json", "a name (json in Response)"),
            ("res.json", "a name (json in res)"),
            ("this.props", "a name (props in this)"),
            ("what does this.props hold here", "words (props in this)"),
            ("config.json", "a path (config.json)"),
            ("i18n.t", "words"),
            ("Node.js server", "words"),
            ("server.js", "a path (server.js)"),
            ("readme.md", "a path (readme.md)"),
            ("how is server.js started", "words (server.js)"),
            ("lib/gone.js", "a path (lib/gone.js)"),
            ("gone.js:7", "a path (gone.js:7)"),
            ("tests/test_pool.py::TestPool::test_get", "a path (tests/test_pool.py)"),
        ] {
            assert_eq!(QueryTerms::parse(text, &known).describe(), interpretation, "{text}");
        }
        let trace = QueryTerms::parse("TypeError: res.json is not a function\n    at load (src/app.js:3:1)", &known);
        assert!(trace.names.iter().any(|name| name.text == "json" && name.container == "res"), "{trace:?}");
    }
}
