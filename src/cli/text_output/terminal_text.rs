//! Text for terminals: escaping of control characters, widths in columns, and numbers with units.

use std::fmt::Write as _;
use std::time::Duration;

use ::text::display::is_display_control;

/// The distance of tab stops in columns.
const TAB: usize = 4;

/// Returns `text` on one line, with all characters that control a terminal escaped.
pub fn escape_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut shown, c, 0);
    }
    shown
}

/// Returns `text` like [`escape_controls`], but keeps line ends.
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape_controls).collect();
    lines.join("\n")
}

/// Appends the escaped form of `c` at the given column, and returns its width in columns.
pub fn push_escaped(shown: &mut String, c: char, column: usize) -> usize {
    match c {
        '\t' => {
            let spaces = TAB - column % TAB;
            shown.extend(std::iter::repeat_n(' ', spaces));
            spaces
        }
        // Unicode's control pictures have the same order as the C0 controls.
        '\0'..='\x1f' => {
            shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            1
        }
        '\x7f' => {
            shown.push('␡');
            1
        }
        _ if is_display_control(c) => {
            let before = shown.len();
            _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            shown.len() - before
        }
        _ => {
            shown.push(c);
            char_columns(c)
        }
    }
}

/// Returns the approximate width of a printable character in columns.
fn char_columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
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

/// Returns whether the escaped `line` fits into `width` columns.
pub fn fits_columns(line: &str, width: usize) -> bool {
    let (mut scratch, mut column) = (String::new(), 0);
    line.chars().all(|c| {
        scratch.clear();
        column += push_escaped(&mut scratch, c, column);
        column <= width
    })
}

/// Formats a size, such as `1.5 MiB`.
pub fn format_bytes(bytes: u64) -> String {
    let mut unit = "B";
    let mut scaled = bytes as f64;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{scaled:.1} {unit}") }
}

/// Formats a duration, such as `0.42 s`, `12.3 s` or `3 min 20 s`.
pub fn format_seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 100.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

/// Formats a duration in its largest unit, such as `3 minutes` or `1 day`.
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

/// Formats a count with its noun, such as `1 file` or `2 files`.
pub fn pluralize(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
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
        assert_eq!(escape_controls("a\x1b[31mb\r\n\x07\x7f"), "a␛[31mb␍␊␇␡");
        assert_eq!(escape_controls("\u{9b}31m \u{202e}"), "\\u{9b}31m \\u{202e}");
        assert_eq!(escape_controls("héllo 世界"), "héllo 世界");
        assert_eq!(escape_lines("a\nb\x1b\n"), "a\nb␛");
    }

    #[test]
    fn tabs_and_wide_characters_are_counted() {
        assert!(fits_columns("\tabcd", 8) && !fits_columns("\tabcde", 8));
        assert!(fits_columns("世界", 4) && !fits_columns("世界", 3));
    }

    #[test]
    fn numbers_are_shown_with_units() {
        assert_eq!([format_bytes(12), format_bytes(1536), format_bytes(5 << 30)], ["12 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(format_seconds(Duration::from_millis(420)), "0.42 s");
        assert_eq!(format_seconds(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(
            [format_age(Duration::from_secs(1)), format_age(Duration::from_secs(7_300))],
            ["1 second", "2 hours"]
        );
    }
}
