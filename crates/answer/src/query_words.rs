//! The words of a query, by how much they say about a line of code: literal texts, identifiers, then other words.

use engine::{Hit, strip_query_filters};
use text::code::comments::is_comment_line;
use text::unicode::{RunningScript, compose};
use text::words::{SplitBuffers, WordForm, split_search_words};

/// Words that are too common in code and queries to select lines.
const COMMON: &[&str] = &[
    "the", "and", "for", "how", "are", "was", "what", "where", "when", "which", "with", "that", "this", "does", "from",
    "into", "not", "has", "can", "but", "its", "they", "then", "there", "code", "function", "method",
];

/// Minimum length of a query word in characters; shorter words occur in too many lines.
const MIN_WORD_CHARS: usize = 3;

/// Minimum number of words of a text that counts as a literal without quotes.
const MIN_LITERAL_WORDS: usize = 3;

/// Number of quoted texts, of pasted texts, and of identifiers, counted separately, from which further ones are
/// ignored.
const MAX_PARTS: usize = 40;

/// The words of a query that select the lines to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryWords {
    /// Quoted texts, with white space collapsed.
    quoted: Vec<String>,
    /// Lines of several words that the code may contain literally, such as a pasted message, and their parts after
    /// `: `; white space collapsed.
    pasted: Vec<String>,
    /// Identifiers, in lower case: words with an underscore or in camel case, and the last of words joined by `.` or
    /// `::`.
    identifiers: Vec<String>,
    /// Beginnings of the words in lower case, so that `connection` also matches `connect`; without short and common
    /// words. Words and segments in scripts without spaces are whole.
    prefixes: Vec<String>,
}

impl QueryWords {
    /// Parses a query, which may contain filters.
    pub fn parse(query: &str) -> Self {
        let mut words = Self { quoted: quoted_texts(query), ..Self::default() };
        let text = strip_query_filters(&compose(query));
        for line in text.lines().map(collapse_white_space) {
            let is_question = line.ends_with('?');
            let is_literal = |text: &&str| text.split(' ').count() >= MIN_LITERAL_WORDS;
            if !is_question && is_literal(&line.as_str()) {
                // A trace or a log names the error before its message.
                let message = line.split_once(": ").map(|(_, message)| message).filter(is_literal);
                for text in message.into_iter().chain([line.as_str()]) {
                    push_new(&mut words.pasted, text.to_owned(), MAX_PARTS);
                }
            }
        }
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$');
        for token in text.split(|c| !is_part(c)).map(|token| token.trim_matches(['.', ':'])) {
            let last = token.rsplit(['.', ':']).next().unwrap_or(token);
            let is_qualified = last.len() < token.len() && last.chars().all(|c| c.is_alphanumeric() || c == '_');
            if (is_identifier(last) || is_qualified) && last.chars().count() >= MIN_WORD_CHARS {
                push_new(&mut words.identifiers, last.to_lowercase(), MAX_PARTS);
            }
        }
        split_search_words(&text, &mut SplitBuffers::default(), |split| {
            let (word, chars) = (split.text, split.text.chars().count());
            if RunningScript::is_in(word) {
                // A line has a part of a text without spaces rather than all of it.
                if split.form != WordForm::Character {
                    push_new(&mut words.prefixes, word.to_owned(), usize::MAX);
                }
            } else if split.form == WordForm::Word && chars >= MIN_WORD_CHARS && !COMMON.contains(&word) {
                let prefix: String = word.chars().take(chars.saturating_sub(3).max(4)).collect();
                push_new(&mut words.prefixes, prefix, usize::MAX);
            }
        });
        words
    }

    /// Returns the number of leading exact hits, so that an answer can omit the others. `None` if the first hit is not
    /// exact, or if all hits are. A hit is exact if it contains every quoted text of the query, or a pasted message
    /// inside a string literal.
    pub fn count_exact(&self, hits: &[Hit]) -> Option<usize> {
        let is_exact = |hit: &Hit| {
            let has_quoted = !self.quoted.is_empty() && {
                let text = collapse_white_space(&hit.text).to_lowercase();
                self.quoted.iter().all(|literal| text.contains(&literal.to_lowercase()))
            };
            has_quoted || hit.text.lines().any(|line| self.pasted.iter().any(|text| is_inside_string(line, text)))
        };
        let count = hits.iter().take_while(|hit| is_exact(hit)).count();
        (0 < count && count < hits.len()).then_some(count)
    }

    /// Returns the indices of the lines that match, best first: lines with a literal text, then the others. Each of the
    /// two groups is sorted by the rarity among `lines` of the words and identifiers in a line; identifiers count more
    /// than other words, and comments less than statements.
    pub fn rank_lines(&self, lines: &[&str]) -> Vec<usize> {
        if *self == Self::default() {
            return Vec::new();
        }
        let lower: Vec<String> = lines.iter().map(|line| compose(&line.to_lowercase()).into_owned()).collect();
        let rarity = |word: &String| {
            let count = lower.iter().filter(|line| line.contains(word.as_str())).count();
            if count == 0 { 0.0 } else { (1.0 + to_f64(lower.len()) / to_f64(count)).ln() }
        };
        let identifiers: Vec<f64> = self.identifiers.iter().map(rarity).collect();
        let prefixes: Vec<f64> = self.prefixes.iter().map(rarity).collect();
        let sum = |line: &str, words: &[String], weights: &[f64]| -> f64 {
            words.iter().zip(weights).filter(|(word, _)| line.contains(word.as_str())).map(|(_, weight)| weight).sum()
        };
        let mut ranked: Vec<(f64, usize)> = Vec::new();
        for (at, line) in lower.iter().enumerate() {
            let words = sum(line, &self.prefixes, &prefixes) + 2.0 * sum(line, &self.identifiers, &identifiers);
            let weight = if is_comment_line(line) { 0.4 * words } else { words };
            let is_literal = self.has_literal(lines[at]);
            if weight > 0.0 || is_literal {
                ranked.push((if is_literal { weight + 1_000.0 } else { weight }, at));
            }
        }
        ranked.sort_by(|(a, at), (b, other)| b.total_cmp(a).then(at.cmp(other)));
        ranked.into_iter().map(|(_, at)| at).collect()
    }

    /// Returns the byte at which a literal text, an identifier or a word of the query, in this order, begins in `line`;
    /// `None` if it has none.
    pub fn find_in_line(&self, line: &str) -> Option<usize> {
        let lower = line.to_lowercase();
        let words = self.quoted.iter().chain(&self.pasted).map(|text| text.to_lowercase());
        let words = words.chain(self.identifiers.iter().cloned()).chain(self.prefixes.iter().cloned());
        let at = words.filter_map(|word| lower.find(&word)).next()?;
        // The lower case of a few letters has another length.
        Some(line.floor_char_boundary(at.min(line.len())))
    }

    fn has_literal(&self, line: &str) -> bool {
        let contains = |text: &String| line.contains(text.as_str());
        self.quoted.iter().any(contains) || self.pasted.iter().any(|text| is_inside_string(line, text))
    }
}

/// Returns the first [`MAX_PARTS`] texts in double quotes of at least [`MIN_WORD_CHARS`] characters, with white space
/// collapsed. A quote that is not closed starts no text.
fn quoted_texts(query: &str) -> Vec<String> {
    // The pieces between quotes are outside and inside by turns; the last piece is never inside.
    let pieces: Vec<&str> = query.split('"').collect();
    let inside = pieces[..pieces.len() - 1].iter().skip(1).step_by(2).map(|piece| collapse_white_space(piece));
    inside.filter(|text| text.chars().count() >= MIN_WORD_CHARS).take(MAX_PARTS).collect()
}

/// Returns whether `text` is probably in a string literal of `line`: a quotation mark precedes its first occurrence.
fn is_inside_string(line: &str, text: &str) -> bool {
    line.find(text).is_some_and(|at| line[..at].contains(['"', '\'', '`']))
}

/// Returns whether a word is written like an identifier: with an underscore, or with a capital after a lowercase
/// letter.
fn is_identifier(word: &str) -> bool {
    let mut previous_is_lower = false;
    for c in word.chars() {
        if c == '_' || (previous_is_lower && c.is_uppercase()) {
            return true;
        }
        previous_is_lower = c.is_lowercase();
    }
    false
}

fn collapse_white_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn push_new(words: &mut Vec<String>, word: String, max: usize) {
    if words.len() < max && !words.contains(&word) {
        words.push(word);
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of lines are small")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use engine::{Language, RepoPath, Span, SymbolKind};

    use super::*;

    fn hit(text: &str) -> Hit {
        Hit {
            path: RepoPath::new("a.rs"),
            language: Language("rust"),
            span: Span { start_line: 1, end_line: 1 },
            kind: SymbolKind::Function,
            symbol: String::new(),
            container: String::new(),
            signature: String::new(),
            definitions: Vec::new(),
            text: text.to_owned(),
            score: 0.0,
            deciding_lines: Vec::new(),
            also: Vec::new(),
            project: None,
            repository: None,
            stale: false,
            explanation: None,
        }
    }

    #[test]
    fn inflected_words_share_a_prefix_and_identifiers_are_known() {
        let words = QueryWords::parse("how is the connectionPool retried, retries? lang:rust");
        assert_eq!(words.prefixes, ["connect", "pool", "retr"]);
        assert_eq!(words.identifiers, ["connectionpool"]);
        assert_eq!(QueryWords::parse("a b"), QueryWords::default());
        let words = QueryWords::parse("Foo.bar fails in max_retries");
        assert_eq!(words.identifiers, ["bar", "max_retries"]);
    }

    #[test]
    fn parts_beyond_the_limit_are_ignored() {
        let line = |at: usize| format!("worker {at} has stopped\n");
        let pasted: String = (1..MAX_PARTS).map(line).collect();
        let words = QueryWords::parse(&format!("{pasted}Error: cannot open the store\n{}", line(0)));
        assert_eq!(words.pasted.len(), MAX_PARTS);
        assert_eq!(words.pasted[MAX_PARTS - 1], "cannot open the store");
        let quoted = "\"\" ".repeat(MAX_PARTS) + "\"no such key\"";
        assert_eq!(QueryWords::parse(&quoted).quoted, ["no such key"], "an empty text is not counted");
    }

    #[test]
    fn lines_with_a_part_of_a_question_without_spaces_match() {
        let lines = ["// 关闭连接", "// 请求失败后自动重试三次", "retry();"];
        assert_eq!(QueryWords::parse("失败重试").rank_lines(&lines), [1]);
        assert_eq!(QueryWords::parse("cafe\u{301}s").rank_lines(&["a", "cafe\u{301}", "cafés"]), [1, 2]);
    }

    #[test]
    fn literals_come_before_identifiers_and_these_before_rare_words() {
        let lines = [
            "// no such key in the table of keys",
            "let key = table.key(1);",
            "load_key(key, table);",
            "fail!(\"no such key\")",
            "unrelated()",
        ];
        assert_eq!(QueryWords::parse("\"no such key\"").rank_lines(&lines)[..2], [3, 0]);
        assert_eq!(QueryWords::parse("no such key").rank_lines(&lines)[0], 3, "a message stands in a string literal");
        assert_eq!(QueryWords::parse("where load_key reads the table").rank_lines(&lines)[0], 2);
        assert_eq!(QueryWords::parse("nothing").rank_lines(&lines), Vec::<usize>::new());
        assert_eq!(
            QueryWords::parse("\"no such key\" 5\"").rank_lines(&lines)[..2],
            [3, 0],
            "a quote that is not closed"
        );
    }

    #[test]
    fn a_list_stops_after_the_places_that_hold_a_literal() {
        let hits = [hit("raise(\"cannot open the store: {}\")"), hit("open()"), hit("// cannot open the store")];
        let count = |query: &str, hits: &[Hit]| QueryWords::parse(query).count_exact(hits);
        assert_eq!(count("\"cannot open\"", &hits), Some(1));
        assert_eq!(count("Error: cannot open the store", &hits), Some(1), "a pasted message without quotes");
        assert_eq!(count("cannot open the store", &hits[..1]), None, "there is nothing to leave out");
        assert_eq!(count("cannot open the store", &hits[1..]), None, "a comment is no message");
        assert_eq!(count("cannot open the store?", &hits), None, "a question");
        assert_eq!(count("open store", &hits), None);
        assert_eq!(count("say \"nowhere to be found\"", &hits), None);
    }
}
