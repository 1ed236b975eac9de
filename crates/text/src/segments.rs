//! Splits text in scripts without spaces between words into segments that stand for its words, for lexical search.
//!
//! No dictionary is needed: the segments are overlapping runs of one to three characters (n-grams), as in the CJK
//! analyzers of full-text engines. A segment does not span two scripts, since a change of script is a boundary between
//! words in Japanese.

use crate::unicode::RunningScript;

/// A segment of a word of [`words`](crate::words). In scripts without spaces between words, such a word is a whole run
/// of letters between spaces or punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordSegment<'t> {
    pub text: &'t str,
    /// Whether the text is a single Chinese character of a longer run of them.
    pub is_in_pair: bool,
}

/// Passes each segment of a word to `each`, in order. The word must be in NFC or NFKC.
///
/// - Chinese characters give each character and each pair: `数据库` gives `数`, `数据`, `据`, `据库`, `库`.
/// - Kana and Hangul give each pair; a Korean word of one syllable before a particle gives that syllable.
/// - Thai and its relatives give runs of three characters.
///
/// Other scripts give no segments. A segment that would be the whole word is left out.
pub fn for_each_segment(word: &str, mut each: impl FnMut(WordSegment<'_>)) {
    if word.is_ascii() {
        return;
    }
    let mut each = |text: &str, is_in_pair: bool| {
        if text.len() < word.len() {
            each(WordSegment { text, is_in_pair });
        }
    };
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let script = RunningScript::of_char(first);
        let continues = |c: char| RunningScript::of_char(c) == script;
        let (run, after) = rest.split_at(rest.find(|c| !continues(c)).unwrap_or(rest.len()));
        match script {
            Some(RunningScript::Han) => split_han(run, &mut each),
            Some(RunningScript::Hangul) => split_hangul(run, &mut each),
            Some(RunningScript::Hiragana | RunningScript::Katakana) => split_grams(run, 2, &mut each),
            Some(RunningScript::Thai) => split_grams(run, 3, &mut each),
            None => {}
        }
        rest = after;
    }
}

fn split_han(run: &str, each: &mut impl FnMut(&str, bool)) {
    let is_in_pair = run.chars().nth(1).is_some();
    let mut ends = run.char_indices().map(|(at, c)| at + c.len_utf8()).skip(1);
    for (at, c) in run.char_indices() {
        each(&run[at..at + c.len_utf8()], is_in_pair);
        if let Some(end) = ends.next() {
            each(&run[at..end], false);
        }
    }
}

/// Particles that follow a Korean noun of one syllable, and endings that make a verb of it.
const PARTICLES: &[&str] = &[
    "을",
    "를",
    "이",
    "가",
    "은",
    "는",
    "의",
    "에",
    "로",
    "와",
    "과",
    "도",
    "만",
    "에서",
    "에게",
    "으로",
    "까지",
    "부터",
    "보다",
    "처럼",
    "마다",
    "이나",
    "이다",
    "입니다",
    "하다",
    "한다",
    "하는",
    "하고",
    "합니다",
    "된다",
    "됩니다",
];

fn split_hangul(run: &str, each: &mut impl FnMut(&str, bool)) {
    let first = run.chars().next().map_or(0, char::len_utf8);
    if PARTICLES.contains(&&run[first..]) {
        each(&run[..first], false);
    }
    split_grams(run, 2, each);
}

/// Passes each run of `count` adjacent characters to `each`; nothing for a shorter text.
fn split_grams(run: &str, count: usize, each: &mut impl FnMut(&str, bool)) {
    let ends = run.char_indices().map(|(at, c)| at + c.len_utf8()).skip(count - 1);
    run.char_indices().zip(ends).for_each(|((start, _), end)| each(&run[start..end], false));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(word: &str) -> String {
        let mut found = Vec::new();
        for_each_segment(word, |segment| found.push(segment.text.to_owned()));
        found.join(" ")
    }

    #[test]
    fn words_are_found_inside_of_running_text() {
        for (word, expected) in [
            ("数据库", "数 数据 据 据库 库"),
            ("库", ""),
            ("メールの送信する", "メー ール 送 送信 信 する"),
            ("비밀번호를", "비밀 밀번 번호 호를"),
            ("값을", "값"),
            ("환불", ""),
            ("รหัสผ่าน", "รหั หัส ัสผ สผ่ ผ่า ่าน"),
            ("größe", ""),
            ("переменная", ""),
            ("retry", ""),
            ("第3章", "第 章"),
        ] {
            assert_eq!(segments(word), expected, "{word}");
        }
    }

    #[test]
    fn a_query_shares_segments_with_a_word_in_another_form() {
        for (query, text) in [
            ("重试", "请求失败后自动重试三次"),
            ("再試行", "失敗した場合は再試行します"),
            ("結果", "結果を返す"),
            ("환불", "환불을"),
            ("비밀번호", "비밀번호가"),
            ("값", "값을"),
            ("รหัสผ่าน", "เปลี่ยนรหัสผ่านของผู้ใช้"),
        ] {
            let shared = |part: &str| part == text || segments(text).split(' ').any(|other| other == part);
            assert!(shared(query) || segments(query).split(' ').any(shared), "{query} {text}");
        }
    }
}
