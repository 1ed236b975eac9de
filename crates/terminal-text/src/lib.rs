//! Text for terminals: escaping of control characters, widths in columns, and numbers with units.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

pub use text::display::{format_age, format_bytes, format_rate, pluralize};
use text::display::{is_shown_escaped, push_escape};

/// The distance of tab stops in columns.
const TAB: usize = 4;

/// Minimum indentation of a line that is taken for a description, such as that of an option in the help.
const DESCRIPTION_INDENT: usize = 8;

/// Returns `text` on one line, with invisible characters escaped and tabs as spaces.
pub fn escape_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        push_shown(&mut shown, text, at, c, 0);
    }
    shown
}

/// Escapes each line of `text` with [`escape_controls`]. The lines are joined by line feeds; a line end at the end of
/// `text` is dropped.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape_controls).collect();
    lines.join("\n")
}

/// Returns JSON with escapes of JSON, such as `\u202e`, for invisible characters: programs read the same value, and
/// people and models see that they are there.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.char_indices().any(|(at, c)| is_shown_escaped(json, at, c)) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for (at, c) in json.char_indices() {
        if is_shown_escaped(json, at, c) {
            let units = &mut [0; 2];
            // Writing to a string cannot fail.
            c.encode_utf16(units).iter().for_each(|unit| _ = write!(shown, "\\u{unit:04x}"));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Appends the character `c`, which is at byte `at` of `text`, to `shown`: a tab as spaces up to the next tab stop
/// after `column`, an invisible character escaped. Returns its width in columns.
pub fn push_shown(shown: &mut String, text: &str, at: usize, c: char, column: usize) -> usize {
    if c == '\t' {
        let spaces = TAB - column % TAB;
        shown.extend(std::iter::repeat_n(' ', spaces));
        return spaces;
    }
    if is_shown_escaped(text, at, c) {
        let before = shown.len();
        push_escape(shown, c);
        return shown.len() - before;
    }
    shown.push(c);
    char_columns(c)
}

/// Returns the approximate width of a printable character in columns.
fn char_columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200c}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Returns whether `line` fits into `width` columns once it is escaped.
pub fn fits_columns(line: &str, width: usize) -> bool {
    let (mut scratch, mut column) = (String::new(), 0);
    line.char_indices().all(|(at, c)| {
        scratch.clear();
        column += push_shown(&mut scratch, line, at, c, column);
        column <= width
    })
}

/// Splits a line, which may have escape sequences of colours, between words so that each part has at most `columns`
/// columns. The parts after the first are indented by [`hanging_indent`], or by less if their first word, such as a
/// path, would not fit. A single word that is longer than a line stays whole.
pub fn wrap_line(line: &str, columns: usize) -> Vec<String> {
    if shown_columns(line) <= columns {
        return vec![line.to_owned()];
    }
    let indent = hanging_indent(line, columns);
    let least = (own_indent(&console::strip_ansi_codes(line)) + 2).min(indent);
    let indent_before = |word: &str| match shown_columns(word) {
        width if indent + width <= columns => indent,
        width => least.min(columns.saturating_sub(width)),
    };
    let (mut lines, mut current, mut width) = (Vec::new(), String::new(), 0);
    let mut has_word = false;
    let pieces: Vec<&str> = line.split_inclusive(' ').collect();
    for (at, piece) in pieces.iter().enumerate() {
        let word = piece.trim_end_matches(' ');
        // A number or a sign stays on the line of the word before it.
        let (before, after) = (at.checked_sub(1).map(|at| pieces[at]), pieces.get(at + 1));
        let is_kept = before.is_some_and(|before| is_count_of(before, word));
        let kept =
            after.filter(|after| is_count_of(piece, after)).map_or(0, |after| shown_columns(after.trim_end()) + 1);
        if has_word && !word.is_empty() && !is_kept && width + shown_columns(word) + kept > columns {
            lines.push(current.trim_end().to_owned());
            let indent = indent_before(word);
            (current, width, has_word) = (" ".repeat(indent), indent, false);
        }
        has_word |= !word.is_empty();
        current.push_str(piece);
        width += shown_columns(piece);
    }
    lines.push(current.trim_end().to_owned());
    lines
}

/// Returns whether `word` is a number or a `%` that belongs to the word before it, such as the 3 of `php 3`.
fn is_count_of(before: &str, word: &str) -> bool {
    let is_number = |word: &str| {
        let digits = word.trim_end_matches([' ', ',', ';', '.', ')']);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_one_blank = before.trim_end_matches(' ').len() + 1 == before.len() && before.len() > 1;
    is_one_blank
        && (word.starts_with('%') || is_number(word) && !is_number(before) && !before.trim_end().ends_with(','))
}

/// Wraps each line of a text like [`wrap_line`].
pub fn wrap_lines(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').flat_map(|line| wrap_line(line, columns)).collect();
    lines.join("\n")
}

/// Returns the indentation of the further parts of a line: the column of the value after its labels, if it is within
/// two fifths of the width, or within three fifths for an indented label. Otherwise, the line's own indentation, plus
/// two unless the line is a description, and at most two fifths of the width.
fn hanging_indent(line: &str, columns: usize) -> usize {
    let plain = console::strip_ansi_codes(line);
    let own = own_indent(&plain);
    let limit = columns * 2 / 5;
    // A deeply indented line is a description below its subject.
    let further = if own >= DESCRIPTION_INDENT { own } else { own + 2 };
    let (mut indent, mut column, mut blanks) = (further, 0, 0);
    let mut wide = None;
    for c in plain.chars() {
        if c != ' ' && blanks >= 2 && column > own {
            match column {
                _ if column <= limit => indent = column,
                _ if column <= columns * 3 / 5 => _ = wide.get_or_insert(column),
                _ => {}
            }
        }
        blanks = if c == ' ' { blanks + 1 } else { 0 };
        column += char_columns(c);
    }
    match wide {
        Some(wide) if indent == further && (1..DESCRIPTION_INDENT).contains(&own) => wide,
        _ => indent.min(limit),
    }
}

/// Returns the number of spaces at the beginning of a line without escape sequences.
fn own_indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns the width of a line in columns, without the escape sequences of colours.
fn shown_columns(line: &str) -> usize {
    console::strip_ansi_codes(line).chars().map(char_columns).sum()
}

/// Formats a duration, such as `0.42 s`, `12.3 s` or `3 min 20 s`.
pub fn format_seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    // At its end, each range would be rounded to 10.00 or 100.0.
    match time.as_millis() {
        0..9_995 => format!("{seconds:.2} s"),
        9_995..99_950 => format!("{seconds:.1} s"),
        milliseconds => {
            let rounded = (milliseconds + 500) / 1_000;
            format!("{} min {} s", rounded / 60, rounded % 60)
        }
    }
}

/// Returns `number` per second, or 0 if `time` is zero.
pub fn count_per_second(number: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape_controls("a\x1b[31mb\r\n\x07\x7f"), "a\\u{1b}[31mb\\u{d}\\u{a}\\u{7}\\u{7f}");
        assert_eq!(escape_controls("\u{9b}31m \u{202e}\u{e0041}"), "\\u{9b}31m \\u{202e}\\u{e0041}");
        assert_eq!(escape_controls("héllo 世界"), "héllo 世界");
        assert_eq!(escape_lines("a\nb\x1b\n"), "a\nb\\u{1b}");
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let text = "a\u{202e}b\u{e0041}\u{7f}\u{1b}\nc \u{2764}\u{fe0f}";
        let json = serde_json::to_string(text).expect("a text");
        let shown = escape_json(&json);
        assert_eq!(shown, "\"a\\u202eb\\udb40\\udc41\\u007f\\u001b\\nc \u{2764}\u{fe0f}\"");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
        assert!(matches!(escape_json("{}"), Cow::Borrowed(_)));
    }

    #[test]
    fn tabs_and_wide_characters_are_counted() {
        assert!(fits_columns("\tabcd", 8) && !fits_columns("\tabcde", 8));
        assert!(fits_columns("世界", 4) && !fits_columns("世界", 3));
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        assert_eq!(wrap_line("short", 10), ["short"]);
        assert_eq!(wrap_line("one two three four", 10), ["one two", "  three", "  four"]);
        let status = "languages  rust 12, go 3, python 4, java 5, c 6";
        assert_eq!(
            wrap_line(status, 31),
            ["languages  rust 12, go 3,", "           python 4, java 5,", "           c 6"]
        );
        let variable = "  CODESCRY_PARSE_TIME_LIMIT_MS  --parse-time-limit-ms: the time for parsing";
        let indented = format!("{}time for parsing", " ".repeat(32));
        assert_eq!(wrap_line(variable, 60), ["  CODESCRY_PARSE_TIME_LIMIT_MS  --parse-time-limit-ms: the", &indented]);
        let folder = "folder     /a/long/path/to/a/folder here";
        assert_eq!(wrap_line(folder, 30), ["folder", "  /a/long/path/to/a/folder", "           here"]);
        assert_eq!(wrap_line(folder, 24), ["folder", "/a/long/path/to/a/folder", "  here"]);
        let row = "model   builtin, which has a long description";
        assert_eq!(wrap_line(row, 30), ["model   builtin, which has a", "        long description"]);
        assert_eq!(
            wrap_line("a/very/long/path/that/is/one/word here", 12),
            ["a/very/long/path/that/is/one/word", "  here"]
        );
        assert_eq!(wrap_line("\x1b[1mbold\x1b[0m and more", 9), ["\x1b[1mbold\x1b[0m and", "  more"]);
    }

    #[test]
    fn numbers_are_shown_with_units() {
        assert_eq!([format_bytes(12), format_bytes(1536), format_bytes(5 << 30)], ["12 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(
            [(1 << 10) - 1, (1 << 20) - 52, (1 << 20) - 51, (1 << 30) - 1].map(format_bytes),
            ["1023 B", "1023.9 KiB", "1.0 MiB", "1.0 GiB"]
        );
        assert_eq!(format_seconds(Duration::from_millis(420)), "0.42 s");
        assert_eq!(
            [9_994, 9_995, 99_949, 99_950, 119_600].map(|ms| format_seconds(Duration::from_millis(ms))),
            ["9.99 s", "10.0 s", "99.9 s", "1 min 40 s", "2 min 0 s"]
        );
        assert_eq!(format_seconds(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(
            [format_age(Duration::from_secs(1)), format_age(Duration::from_secs(7_300))],
            ["1 second", "2 hours"]
        );
    }
}
