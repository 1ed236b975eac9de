//! Two habits that make comments hard to read, counted per 1,000 words.
//!
//! A headless clause begins with a pronoun, such as "what" before a verb, where a noun would name the thing. A pet
//! phrase is one of a few phrases that this code base once had hundreds of times.

use crate::rust::comments::list_comments;

/// The pronouns of headless clauses.
const PRONOUNS: &[&[&str]] =
    &[&["what"], &["who"], &["whatever"], &["whoever"], &["those", "that"], &["that", "which"]];

/// The words that begin a headless clause if one of the pronouns precedes them.
const CLAUSE_WORDS: &[&str] = &[
    "is", "are", "was", "were", "has", "have", "had", "can", "could", "may", "might", "must", "will", "would", "does",
    "do", "did", "ask", "asks", "stand", "stands", "come", "comes", "goes", "give", "gives", "take", "takes", "make",
    "makes", "run", "runs", "it", "they", "there", "a", "an", "the", "of", "no", "this", "one",
];

/// The pet phrases; each position in a phrase lists the alternative words.
const PETS: &[&[&[&str]]] = &[
    &[&["to"], &["be"], &["had"]],
    &[&["tell", "tells"], &["of", "it", "what", "who", "where", "whether"]],
    &[&["told"], &["of"]],
    &[&["is", "are"], &["told"]],
    &[&["ask", "asks"], &["for", "what", "whether", "after"]],
    &[&["in"], &["their"], &["turn"]],
    &[&["as"], &["it"], &["was"]],
    &[&["nobody"]],
    &[&["somebody"]],
    &[&["who"], &["asks"]],
    &[&["one's"], &["own"]],
    &[&["of"], &["its"], &["own"]],
    &[&["gone"], &["on"]],
];

/// The counts of a set of comments.
#[derive(Debug, Default, PartialEq)]
pub struct ProseCounts {
    pub words: usize,
    pub headless: usize,
    pub pets: usize,
    /// The first phrases found, at most 20, with their files.
    pub examples: Vec<String>,
}

impl ProseCounts {
    /// Returns the headless clauses per 1,000 words.
    pub fn headless_rate(&self) -> f64 {
        rate(self.headless, self.words)
    }

    /// Returns the pet phrases per 1,000 words.
    pub fn pet_rate(&self) -> f64 {
        rate(self.pets, self.words)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of words stay far below 2^52")]
fn rate(count: usize, words: usize) -> f64 {
    1_000.0 * count as f64 / words.max(1) as f64
}

/// Counts the phrases in the comments of files, given as path and text.
pub fn count_prose(files: &[(String, String)]) -> ProseCounts {
    let mut counts = ProseCounts::default();
    for (path, text) in files {
        for comment in list_comments(text) {
            let words: Vec<&str> = comment.split_whitespace().collect();
            counts.words += words.len();
            for at in 0..words.len() {
                let headless = find_headless(&words[at..]);
                let pet = PETS.iter().find(|pet| matches_phrase(&words[at..], pet)).map(|pet| pet.len());
                counts.headless += usize::from(headless.is_some());
                counts.pets += usize::from(pet.is_some());
                if let Some(length) = headless.or(pet).filter(|_| counts.examples.len() < 20) {
                    let end = (at + length + 4).min(words.len());
                    counts.examples.push(format!("{path}: {}", words[at..end].join(" ")));
                }
            }
        }
    }
    counts
}

/// Returns the length in words of the headless clause opening at the start of `words`, if there is one.
fn find_headless(words: &[&str]) -> Option<usize> {
    PRONOUNS.iter().find_map(|pronoun| {
        let phrase: Vec<&[&str]> = pronoun.iter().map(std::slice::from_ref).chain([CLAUSE_WORDS]).collect();
        matches_phrase(words, &phrase).then_some(phrase.len())
    })
}

/// Returns whether the words start with a phrase. Punctuation may stand before and after the phrase, not inside.
fn matches_phrase(words: &[&str], phrase: &[&[&str]]) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    if words.len() < phrase.len() {
        return false;
    }
    phrase.iter().zip(words).enumerate().all(|(at, (alternatives, word))| {
        let mut word = *word;
        if at == 0 {
            word = word.trim_start_matches(|c| !is_part(c));
        }
        if at + 1 == phrase.len() {
            let end = word.char_indices().find(|(_, c)| !is_part(*c) && *c != '\'').map_or(word.len(), |(end, _)| end);
            word = &word[..end];
        }
        alternatives.iter().any(|alternative| word.eq_ignore_ascii_case(alternative))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(comment: &str) -> (usize, usize) {
        let counts = count_prose(&[("a.rs".to_owned(), format!("/// {comment}\nfn a() {{}}\n"))]);
        (counts.headless, counts.pets)
    }

    #[test]
    fn headless_clauses_are_counted() {
        for bad in ["Reads what was written.", "(Who has it?)", "Keeps those that are new", "That which is."] {
            assert_eq!(count(bad).0, 1, "{bad}");
        }
        assert_eq!(count("What a file is, who runs it, whatever. Is it?").0, 2);
        for good in ["Reads the file that was written.", "Says what. Is it?", "A somewhat is.", "What, the file?"] {
            assert_eq!(count(good).0, 0, "{good}");
        }
    }

    #[test]
    fn pet_phrases_are_counted() {
        for bad in ["It is to be had.", "A file that tells of itself.", "one's own", "of its own.", "Nobody!"] {
            assert_eq!(count(bad).1, 1, "{bad}");
        }
        assert_eq!(count("It is owned by its own thread, and told the rest.").1, 0);
    }

    #[test]
    fn rates_are_per_thousand_words() {
        let text = format!("// {}\n// what is\n", "word ".repeat(498));
        let counts = count_prose(&[("a.rs".to_owned(), text)]);
        assert_eq!((counts.words, counts.headless_rate(), counts.pet_rate()), (500, 2.0, 0.0));
        assert_eq!(counts.examples, ["a.rs: what is"]);
    }
}
