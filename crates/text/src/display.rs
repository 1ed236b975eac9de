//! Prepares text for display: shows invisible characters as escapes, and limits the length.
//!
//! Invisible characters, and characters that control a display, are shown as escapes such as `\u{202e}`. So a reader
//! sees them, and [`unescape_name`] restores a file's name from its shown form. Some are part of how visible text is
//! written and stay: variation selectors and joiners inside of emoji, and joiners between letters of scripts that need
//! them. At most two of them stay after a visible character, so that they hide nothing.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// The code points that are invisible or control the display of others, as ranges in ascending order.
///
/// The controls (C0, DEL and C1), Unicode's property `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt of
/// Unicode 16: zero-width characters, fillers, directional controls, variation selectors and tags), the line and
/// paragraph separators, and the interlinear annotation characters.
const INVISIBLE: &[(char, char)] = &[
    ('\0', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';

/// Returns whether a character is invisible or affects the display of others.
pub fn is_display_control(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let after = INVISIBLE.partition_point(|(first, _)| *first <= c);
    after > 0 && c <= INVISIBLE[after - 1].1
}

/// Returns whether the character `c` at the byte offset `at` of `text` is shown as an escape: it is invisible, and not
/// part of an emoji or a joiner between letters that need it.
pub fn is_shown_escaped(text: &str, at: usize, c: char) -> bool {
    is_display_control(c) && !is_part_of_visible_text(text, at, c)
}

fn is_part_of_visible_text(text: &str, at: usize, c: char) -> bool {
    if !matches!(c, ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER | '\u{fe0e}' | '\u{fe0f}') {
        return false;
    }
    let mut before = text[..at].chars().rev();
    let after = text[at + c.len_utf8()..].chars().next();
    let Some(previous) = before.next() else { return false };
    match c {
        '\u{fe0f}' | '\u{fe0e}' => {
            may_be_emoji(previous) || (matches!(previous, '0'..='9' | '#' | '*') && after == Some(KEYCAP))
        }
        ZERO_WIDTH_JOINER if after.is_some_and(may_be_emoji) => {
            may_be_emoji(previous) || (previous == '\u{fe0f}' && before.next().is_some_and(may_be_emoji))
        }
        _ => needs_joiners(previous) && after.is_some_and(needs_joiners),
    }
}

/// Returns whether a character is in a range of code points with emoji.
fn may_be_emoji(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
        | '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}'
        | '\u{2934}'..='\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}

/// Returns whether a character belongs to a script whose spelling has joiners and non-joiners: Arabic and its
/// neighbours, and the scripts of India.
fn needs_joiners(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{8ff}' | '\u{900}'..='\u{dff}') && !is_display_control(c)
}

/// Appends the escape of a character, such as `\u{202e}`.
pub fn push_escape(shown: &mut String, c: char) {
    // Writing to a string cannot fail.
    _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
}

/// Returns `text` with escapes for the characters for which [`is_shown_escaped`] is true and `is_kept` is false.
fn escape_except(text: &str, is_kept: impl Fn(usize, char) -> bool) -> Cow<'_, str> {
    let is_escaped = |(at, c): &(usize, char)| is_shown_escaped(text, *at, *c) && !is_kept(*at, *c);
    let Some((first, _)) = text.char_indices().find(is_escaped) else { return Cow::Borrowed(text) };
    let mut shown = String::with_capacity(text.len() + 16);
    shown.push_str(&text[..first]);
    for (at, c) in text[first..].char_indices().map(|(at, c)| (first + at, c)) {
        if is_escaped(&(at, c)) {
            push_escape(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Returns a name or a path as one line, with escapes for invisible characters, line ends and tabs.
pub fn escape_name(name: &str) -> Cow<'_, str> {
    escape_except(name, |_, _| false)
}

/// Returns code with escapes for invisible characters; line ends (`\n` and `\r\n`) and tabs stay.
pub fn escape_code(code: &str) -> Cow<'_, str> {
    escape_except(code, |at, c| c == '\n' || c == '\t' || (c == '\r' && code[at + 1..].starts_with('\n')))
}

/// Decodes the escapes of invisible characters in a name or path that [`escape_name`] returned. Escapes of visible
/// characters stay as they are, so that none becomes a separator. An escape of an invisible character that the name
/// itself contains is decoded, too.
pub fn unescape_name(shown: &str) -> Cow<'_, str> {
    let mut name = String::new();
    let mut rest = shown;
    while let Some(at) = rest.find("\\u{") {
        let digits = &rest[at + 3..];
        let length = digits.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        let code = digits[length..].starts_with('}').then(|| u32::from_str_radix(&digits[..length], 16).ok()).flatten();
        let used = match code.and_then(char::from_u32).filter(|c| is_display_control(*c)) {
            Some(c) => {
                name.push_str(&rest[..at]);
                name.push(c);
                at + 3 + length + 1
            }
            None => {
                name.push_str(&rest[..at + 3]);
                at + 3
            }
        };
        rest = &rest[used..];
    }
    if name.is_empty() {
        return Cow::Borrowed(shown);
    }
    name.push_str(rest);
    Cow::Owned(name)
}

/// Returns a message as one line: line ends (`\n` and `\r\n`) and tabs become spaces, other invisible characters become
/// escapes.
pub fn sanitize_line(text: &str) -> String {
    let text = text.replace("\r\n", " ").replace(['\n', '\t'], " ");
    escape_name(&text).into_owned()
}

/// Returns the first `max_chars` characters of `text`, followed by `…` if `text` is longer.
pub fn truncate_chars(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns `text` as [`sanitize_line`] does, with at most `max_chars` characters and a `…` for the rest.
pub fn sanitize_to_length(text: &str, max_chars: usize) -> String {
    truncate_chars(&sanitize_line(text), max_chars)
}

/// Returns a name as [`escape_name`] does, with at most `max_chars` characters and a `…` for the rest.
pub fn escape_name_to_length(name: &str, max_chars: usize) -> String {
    truncate_chars(&escape_name(name), max_chars)
}

/// Formats a count with its noun, such as `1 file`, `2 files`, `2 indexes` or `2 repositories`.
pub fn pluralize(number: u64, one: &str) -> String {
    match one.strip_suffix('y') {
        _ if number == 1 => format!("1 {one}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ if one.ends_with(['s', 'x']) || one.ends_with("ch") => format!("{number} {one}es"),
        _ => format!("{number} {one}s"),
    }
}

/// Formats a duration in its largest unit, rounded down, such as `3 minutes` or `1 day`.
pub fn format_age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    pluralize(number, unit)
}

/// Formats a rate, such as `450 chunks/s`; `None` if it rounds to zero, which says nothing.
pub fn format_rate(per_second: f64, unit: &str) -> Option<String> {
    let rounded = per_second.round();
    (rounded >= 1.0).then(|| format!("{rounded:.0} {unit}/s"))
}

/// Formats a size, such as `1.5 MiB`.
pub fn format_bytes(bytes: u64) -> String {
    let mut unit = "B";
    let mut scaled = bytes as f64;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        // From here on, the number would be rounded to 1024.0.
        if scaled < if unit == "B" { 1024.0 } else { 1023.95 } {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{scaled:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_zero_is_left_out() {
        assert_eq!(format_rate(449.6, "chunks").as_deref(), Some("450 chunks/s"));
        assert_eq!([0.0, 0.4, f64::NAN].map(|rate| format_rate(rate, "files")), [None, None, None]);
        assert_eq!(format_rate(0.5, "files").as_deref(), Some("1 files/s"));
    }

    #[test]
    fn invisible_characters_become_escapes() {
        assert_eq!(sanitize_line("a\u{202e}b\u{1b}[31m\r\nc\u{2066}é漢"), "a\\u{202e}b\\u{1b}[31m c\\u{2066}é漢");
        assert_eq!(escape_name("two\nlines\t\u{7f}"), "two\\u{a}lines\\u{9}\\u{7f}");
        assert_eq!(escape_code("a\u{e0041}\n\tb\r\nc\rd\u{9b}"), "a\\u{e0041}\n\tb\r\nc\\u{d}d\\u{9b}");
        for c in
            ['\u{ad}', '\u{34f}', '\u{115f}', '\u{180e}', '\u{200b}', '\u{2028}', '\u{2064}', '\u{3164}', '\u{fe00}']
                .into_iter()
                .chain([
                    '\u{fe0f}',
                    '\u{feff}',
                    '\u{ffa0}',
                    '\u{fff9}',
                    '\u{1d173}',
                    '\u{e0001}',
                    '\u{e007f}',
                    '\u{e01ef}',
                ])
        {
            assert_eq!(escape_code(&format!("x{c}y")), format!("x\\u{{{:x}}}y", u32::from(c)));
        }
    }

    #[test]
    fn visible_text_is_unchanged() {
        for text in [
            "héllo 世界 \u{a0}\u{3000}",
            "\u{1f469}\u{200d}\u{1f4bb} \u{1f469}\u{1f3fd}\u{200d}\u{1f680}",
            "\u{2764}\u{fe0f} \u{2764}\u{fe0f}\u{200d}\u{1f525} \u{26a0}\u{fe0f} 1\u{fe0f}\u{20e3}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200d}\u{937}",
        ] {
            assert_eq!(escape_name(text), text);
            assert!(matches!(escape_code(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn nothing_hides_behind_an_emoji() {
        assert_eq!(escape_name("\u{1f600}\u{fe0f}\u{fe0f}"), "\u{1f600}\u{fe0f}\\u{fe0f}");
        assert_eq!(escape_name("\u{1f600}\u{fe00}\u{e0100}"), "\u{1f600}\\u{fe00}\\u{e0100}");
        assert_eq!(escape_name("\u{1f600}\u{200d}x"), "\u{1f600}\\u{200d}x");
        assert_eq!(escape_name("a\u{200d}b\u{200c}c"), "a\\u{200d}b\\u{200c}c");
        assert_eq!(escape_name("1\u{fe0f}2"), "1\\u{fe0f}2");
        // The flags of England, Scotland and Wales are written with tags, which can hide any text.
        assert_eq!(escape_name("\u{1f3f4}\u{e0067}\u{e007f}"), "\u{1f3f4}\\u{e0067}\\u{e007f}");
    }

    #[test]
    fn an_escaped_name_is_read_back() {
        for name in
            ["evil\u{1b}[2J.py", "two\nlines.py", "rtl\u{202e}gpj.py", "a\u{e0041}\u{200b}b", "plain.rs", "a\\u{zz}"]
        {
            assert_eq!(unescape_name(&escape_name(name)), name);
        }
        for name in ["a\\u{2f}b", "\\u{2e}\\u{2e}", "\\u{", "\\u{1b", "\\u{110000}", "\\u{}", "src\\urls"] {
            assert_eq!(unescape_name(name), name);
        }
        assert_eq!(unescape_name("\\u{1b}\\u{x}\\u{202E}"), "\u{1b}\\u{x}\u{202e}");
    }

    #[test]
    fn counts_have_the_plural_of_their_noun() {
        let two = |noun| pluralize(2, noun);
        assert_eq!([pluralize(0, "file"), pluralize(1, "entry"), two("file")], ["0 files", "1 entry", "2 files"]);
        assert_eq!(["index", "match", "day"].map(two), ["2 indexes", "2 matches", "2 days"]);
        assert_eq!([two("repository"), pluralize(0, "entry")], ["2 repositories", "0 entries"]);
    }

    #[test]
    fn an_age_is_shown_in_the_largest_unit_that_is_full() {
        let age = |seconds| format_age(Duration::from_secs(seconds));
        assert_eq!([0, 59, 60, 3_599].map(age), ["0 seconds", "59 seconds", "1 minute", "59 minutes"]);
        assert_eq!([3_600, 86_399, 86_400].map(age), ["1 hour", "23 hours", "1 day"]);
    }

    #[test]
    fn truncated_text_says_so() {
        assert_eq!([truncate_chars("漢字", 2), truncate_chars("漢字かな", 2)], ["漢字", "漢字…"]);
        assert_eq!(sanitize_to_length("a\nbcd", 3), "a b…");
        assert_eq!(escape_name_to_length("a\nb", 3), "a\\u…");
    }
}
