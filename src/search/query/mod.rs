//! A question, taken apart.

mod filters;
mod frames;
mod names;
mod snippet;

pub use filters::{Asked, Unread, Values};
pub(super) use frames::Place;
pub(super) use names::Name;
pub(super) use snippet::tokens;

use super::forms::{self, Roots};
use crate::embed::words;
use crate::types::RepoPath;

/// Words that say nothing about what is looked for. Only dropped while others remain.
const STOP_WORDS: &str = "a an and any are as at be been by can could did do does for from had has have how i if in \
    into is it its me my of on or our should so that the their them then there these they this those to was we were \
    what when where which while who why will with would you your";

/// What a question is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A name, or a name and one word about it.
    Name,
    /// A file name or a path.
    Path,
    /// Frames of a stack, or a message with the place it comes from.
    Trace,
    /// Code.
    Snippet,
    #[default]
    Words,
}

/// The parts of a question that retrieval and ranking look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QueryTerms {
    pub kind: Kind,
    /// Distinct words that matter, lower case, in order.
    pub words: Vec<String>,
    /// What the word index is asked: the words, and whole identifiers.
    pub lexical: Vec<Word>,
    /// Two and three neighbouring words as one: an identifier may be made of them.
    pub joined: Vec<String>,
    /// The roots of `words`.
    pub roots: Roots<'static>,
    /// The question without stop words, for the embedder.
    pub dense: String,
    /// What looks like a name in code: `parseHeader`, `parse_header`, `Foo::bar`, or a lone word.
    pub names: Vec<Name>,
    /// Files it names, with lines: what is wanted most first.
    pub places: Vec<Place>,
    /// What looks like the name of a file and is not in the index.
    pub absent: Vec<String>,
}

/// More words are no name.
const MOST_TOKENS_OF_A_NAME: usize = 2;

/// Most functions of a trace that are looked up by name.
const MAX_TRACED_NAMES: usize = 3;

/// A word to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// See [`forms::forms`].
    pub forms: Vec<String>,
}

/// What is in the index, which decides between readings: `response.json` may be a file or a method.
pub(super) trait Known {
    /// Whether a file of this name is indexed, letter case aside unless it is `exact`.
    fn has_file(&self, name: &str, exact: bool) -> bool;
    /// Whether a definition has this name.
    fn defines(&self, name: &str) -> bool;
}

/// What a token is taken for.
enum Reading {
    File(Place),
    /// A name, or a word: see [`names::names`].
    Name,
    /// It looks like a file and is neither a file nor a name of the index.
    Neither,
}

impl Reading {
    /// A place with a folder or a line cannot be a name; `this.props` and `Node.js` are files only where there
    /// is such a file.
    fn of(token: &str, known: &dyn Known) -> Self {
        let Some(place) = frames::place_in(token) else { return Self::Name };
        let is_path = place.line.is_some() || place.path.contains('/') || !place.function.is_empty();
        let member = place.path.rsplit('.').next().unwrap_or_default();
        if is_path || known.has_file(&place.path, true) {
            Self::File(place)
        } else if known.defines(member) {
            Self::Name
        } else if known.has_file(&place.path, false) {
            Self::File(place)
        } else {
            Self::Neither
        }
    }
}

impl QueryTerms {
    /// Takes `text` apart.
    pub fn new(text: &str, known: &dyn Known) -> Self {
        if let Some(trace) = frames::trace(text) {
            return Self::of_trace(&trace, known);
        }
        if snippet::is_code(text) {
            let names = snippet::names(text);
            return Self { kind: Kind::Snippet, names, ..Self::of_words(&snippet::words(text)) };
        }
        let (mut places, mut absent) = (Vec::new(), Vec::new());
        let tokens = text.split_whitespace();
        let count = tokens.clone().count();
        for token in tokens {
            match Reading::of(token, known) {
                Reading::File(place) => places.push(place),
                Reading::Name => {}
                Reading::Neither => absent.extend(frames::place_in(token).map(|place| place.path)),
            }
        }
        if count == 1 {
            places.iter_mut().for_each(|place| place.alone = true);
        }
        let names = names::names(text, |token| matches!(Reading::of(token, known), Reading::Name));
        let short = count <= MOST_TOKENS_OF_A_NAME;
        let kind = match (short, places.is_empty(), names.is_empty()) {
            (true, false, _) => Kind::Path,
            (true, true, false) => Kind::Name,
            _ => Kind::Words,
        };
        Self { kind, names, places, absent, ..Self::of_words(text) }
    }

    /// The message says what happened, the functions where.
    fn of_trace(trace: &frames::Trace, known: &dyn Known) -> Self {
        let mut names = names::names(&trace.message, |token| matches!(Reading::of(token, known), Reading::Name));
        let functions = trace.places.iter().map(|place| &place.function).filter(|function| !function.is_empty());
        let functions: Vec<String> = dedup(functions.cloned().collect());
        let functions = &functions[..functions.len().min(MAX_TRACED_NAMES)];
        names.extend(functions.iter().map(|text| Name { text: text.clone(), ..Name::default() }));
        let mut text = format!("{} {}", trace.message, functions.join(" "));
        if text.trim().is_empty() {
            text = trace.places.iter().map(|place| place.path.as_str()).collect::<Vec<_>>().join(" ");
        }
        Self { kind: Kind::Trace, names, places: trace.places.clone(), ..Self::of_words(&text) }
    }

    fn of_words(text: &str) -> Self {
        let stop: Vec<&str> = STOP_WORDS.split_whitespace().collect();
        let is_stop = |word: &String| stop.contains(&word.as_str());
        let mut all = Vec::new();
        words::search_words(text, |word| all.push(word.to_owned()));
        let kept: Vec<String> = all.iter().filter(|word| !is_stop(word)).cloned().collect();
        let lexical = dedup(if kept.is_empty() { all } else { kept });
        let mut parts = Vec::new();
        words::words(text, |word| parts.push(word.to_owned()));
        let kept: Vec<String> = parts.iter().filter(|word| !is_stop(word)).cloned().collect();
        let parts = if kept.is_empty() { parts } else { kept };
        let joined = [2, 3].iter().flat_map(|count| parts.windows(*count)).map(<[String]>::concat);
        let joined = dedup(joined.filter(|joined| !lexical.contains(joined)).collect());
        let lexical = lexical.into_iter().map(|text| Word { forms: forms::forms(&text), text }).collect();
        let roots = Roots::of(&parts.join(" "));
        Self { dense: parts.join(" "), words: dedup(parts), lexical, joined, roots, ..Self::default() }
    }

    /// What the question was taken for, in words.
    pub fn describe(&self) -> String {
        let name = |name: &Name| match name.container.as_str() {
            "" => name.text.clone(),
            container => format!("{} in {container}", name.text),
        };
        let place = |place: &Place| match place.line {
            Some(line) => format!("{}:{line}", place.path),
            None => place.path.clone(),
        };
        let mut parts: Vec<String> = self.names.iter().map(name).collect();
        parts.extend(self.places.iter().take(MAX_TRACED_NAMES).map(place));
        let kind = match self.kind {
            Kind::Name => "a name",
            Kind::Path => "a path",
            Kind::Trace => "a stack trace",
            Kind::Snippet => "code",
            Kind::Words => "words",
        };
        if parts.is_empty() { kind.to_owned() } else { format!("{kind} ({})", parts.join(", ")) }
    }

    /// Whether the question is a name or a path, and little more.
    pub fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Name | Kind::Path)
    }

    /// Whether a file of this name, without its extension, is named as something in the question:
    /// `path_router` for "PathRouter", "path router" or "router of paths: path_router".
    pub fn names_file(&self, stem: &str) -> bool {
        let sole = if self.words.len() == 1 { self.words.first() } else { None };
        let place = |place: &'_ Place| RepoPath::new(place.path.as_str()).stem().to_owned();
        let written = self.names.iter().map(|name| name.text.as_str()).chain(self.joined.iter().map(String::as_str));
        written.chain(sole.map(String::as_str)).any(|name| same_name(name, stem))
            || self.places.iter().any(|other| place(other) == stem)
    }

    /// Whether one of the names is written exactly so.
    pub fn spells(&self, mut names: impl Iterator<Item = impl AsRef<str>>) -> bool {
        names.any(|other| self.names.iter().any(|name| name.text == other.as_ref()))
    }

    /// Whether one of the names is said to be in what has this container.
    pub fn places_name_in(&self, container: &str) -> bool {
        let last = container.rsplit('.').next().unwrap_or_default();
        !last.is_empty() && self.names.iter().any(|name| !name.container.is_empty() && same_name(&name.container, last))
    }
}

/// Whether two names differ in their case style alone.
fn same_name(a: &str, b: &str) -> bool {
    fn plain(name: &str) -> impl Iterator<Item = char> {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
    }
    plain(a).eq(plain(b))
}

fn dedup(words: Vec<String>) -> Vec<String> {
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

    /// An index of these files and names.
    struct Few(&'static [&'static str], &'static [&'static str]);

    impl Known for Few {
        fn has_file(&self, name: &str, exact: bool) -> bool {
            self.0.iter().any(|file| *file == name || !exact && file.eq_ignore_ascii_case(name))
        }

        fn defines(&self, name: &str) -> bool {
            self.1.contains(&name)
        }
    }

    #[test]
    fn stop_words_go_while_others_remain() {
        let words = |text| QueryTerms::new(text, &Few(&[], &[])).words;
        assert_eq!(words("where are the retries handled"), ["retries", "handled"]);
        assert_eq!(words("how to"), ["how", "to"]);
    }

    #[test]
    fn a_file_is_one_that_is_there() {
        let known = Few(&["server.js", "README.md", "config.json"], &["json", "props"]);
        for (text, taken) in [
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
            assert_eq!(QueryTerms::new(text, &known).describe(), taken, "{text}");
        }
        let trace = QueryTerms::new("TypeError: res.json is not a function\n    at load (src/app.js:3:1)", &known);
        assert!(trace.names.iter().any(|name| name.text == "json" && name.container == "res"), "{trace:?}");
    }
}
