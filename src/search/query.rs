//! A question, taken apart.

use std::collections::HashSet;

use super::forms;
use crate::embed::words;

/// Words that say nothing about what is looked for. Only dropped while others remain.
const STOP_WORDS: &str = "a an and any are as at be been by can could did do does for from had has have how i if in \
    into is it its me my of on or our should so that the their them then there these they this those to was we were \
    what when where which while who why will with would you your";

/// The parts of a question that retrieval and ranking look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QueryTerms {
    /// Distinct words that matter, lower case, in order.
    pub words: Vec<String>,
    /// What the word index is asked: the words, and whole identifiers.
    pub lexical: Vec<Word>,
    /// Two and three neighbouring words as one: an identifier may be made of them.
    pub joined: Vec<String>,
    /// The roots of `words`.
    pub roots: HashSet<String>,
    /// The question without stop words, for the embedder.
    pub dense: String,
    /// Whether the question is little more than a name.
    symbol: bool,
    /// What looks like a name in code: `parseHeader`, `parse_header`, `Foo::bar`, or a lone word.
    pub identifiers: Vec<String>,
}

/// See [`QueryTerms::is_symbol`].
const MOST_TOKENS_OF_A_NAME: usize = 2;

/// A word to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// See [`forms::forms`].
    pub forms: Vec<String>,
}

impl QueryTerms {
    /// Takes `text` apart.
    pub fn new(text: &str) -> Self {
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
        let roots = parts.iter().flat_map(|word| forms::roots(word)).collect();
        let identifiers = identifiers(text);
        let symbol = !identifiers.is_empty() && text.split_whitespace().count() <= MOST_TOKENS_OF_A_NAME;
        Self { dense: parts.join(" "), words: dedup(parts), lexical, joined, roots, symbol, identifiers }
    }

    /// Whether the question is a name, or a name and one word about it.
    pub fn is_symbol(&self) -> bool {
        self.symbol
    }

    /// Whether a file of this name, without its extension, is named as something in the question:
    /// `path_router` for "PathRouter", "path router" or "router of paths: path_router".
    pub fn names_file(&self, stem: &str) -> bool {
        let plain = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let stem: String = plain(stem);
        let sole = if self.words.len() == 1 { self.words.first() } else { None };
        self.identifiers
            .iter()
            .map(|name| plain(name))
            .chain(self.joined.iter().cloned())
            .chain(sole.cloned())
            .any(|name: String| name == stem)
    }
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

/// Names in tokens that are written as code: of `Foo::bar` the last, for the others only say where
/// it is. The only token of a question counts as code.
fn identifiers(text: &str) -> Vec<String> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for token in &tokens {
        let call = token.contains("()");
        let token = token.trim_matches(|c: char| !is_part(c));
        let mut parts = token.split(|c: char| !is_part(c)).filter(|part| !part.is_empty());
        let Some(name) = parts.next_back() else { continue };
        let inner_upper = name.chars().skip(1).any(char::is_uppercase) && name.chars().any(char::is_lowercase);
        let qualified = token.contains("::") || token.contains("->") || (token.contains('.') && !token.contains('/'));
        if tokens.len() == 1 || inner_upper || name.contains('_') || qualified || call {
            found.push(name.to_owned());
        }
    }
    dedup(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_go_while_others_remain() {
        assert_eq!(QueryTerms::new("where are the retries handled").words, ["retries", "handled"]);
        assert_eq!(QueryTerms::new("how to").words, ["how", "to"]);
    }

    #[test]
    fn names_are_told_from_prose() {
        let identifiers = |text| QueryTerms::new(text).identifiers;
        assert_eq!(identifiers("how does parseHTTPHeader call read_line"), ["parseHTTPHeader", "read_line"]);
        assert_eq!(identifiers("Session::open()"), ["open"]);
        assert_eq!(identifiers("connection pool"), Vec::<String>::new());
        assert_eq!(identifiers("retry"), ["retry"]);
    }
}
