//! Text for people: nothing that a terminal would obey, no wider than it, numbers with units.
//!
//! Must never import: anything of this crate.

use std::fmt::Write as _;
use std::time::Duration;

/// Columns a tab advances to a multiple of.
const TAB: usize = 4;

/// `text` on one line, with everything a terminal would act on made visible.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut shown, c, 0);
    }
    shown
}

/// As [`visible`], in lines: line ends stay.
pub fn visible_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(visible).collect();
    lines.join("\n")
}

/// Adds `c` as it may be shown, at this column; how many columns it takes.
pub fn push_visible(shown: &mut String, c: char, column: usize) -> usize {
    match c {
        '\t' => {
            let spaces = TAB - column % TAB;
            shown.extend(std::iter::repeat_n(' ', spaces));
            spaces
        }
        // The pictures of C0 controls stand in the same order as the controls.
        '\0'..='\x1f' => {
            shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            1
        }
        '\x7f' => {
            shown.push('␡');
            1
        }
        _ if acts(c) => {
            let before = shown.len();
            _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            shown.len() - before
        }
        _ => {
            shown.push(c);
            columns(c)
        }
    }
}

/// C1 controls, and what turns the direction of text or hides in it.
fn acts(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// How many columns a printable character takes: good enough to cut a line.
fn columns(c: char) -> usize {
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

/// How much of `line` is shown in `width` columns: all of it, or `None` for too wide.
pub fn fits(line: &str, width: usize) -> bool {
    let (mut scratch, mut column) = (String::new(), 0);
    line.chars().all(|c| {
        scratch.clear();
        column += push_visible(&mut scratch, c, column);
        column <= width
    })
}

/// `1.5 MiB`.
pub fn bytes(bytes: u64) -> String {
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

/// `0.42 s`, `12.3 s`, `3 min 20 s`.
pub fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 100.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

/// `3 minutes`, `1 day`: the largest unit alone.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    plural(number, unit)
}

/// `1 file`, `2 files`.
pub fn plural(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `number` per second.
pub fn rate(number: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { number as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(visible("a\x1b[31mb\r\n\x07\x7f"), "a␛[31mb␍␊␇␡");
        assert_eq!(visible("\u{9b}31m \u{202e}"), "\\u{9b}31m \\u{202e}");
        assert_eq!(visible("héllo 世界"), "héllo 世界");
        assert_eq!(visible_lines("a\nb\x1b\n"), "a\nb␛");
    }

    #[test]
    fn tabs_and_wide_characters_are_counted() {
        assert!(fits("\tabcd", 8) && !fits("\tabcde", 8));
        assert!(fits("世界", 4) && !fits("世界", 3));
    }

    #[test]
    fn numbers_are_shown_with_units() {
        assert_eq!([bytes(12), bytes(1536), bytes(5 << 30)], ["12 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(seconds(Duration::from_millis(420)), "0.42 s");
        assert_eq!(seconds(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!([age(Duration::from_secs(1)), age(Duration::from_secs(7_300))], ["1 second", "2 hours"]);
    }
}
