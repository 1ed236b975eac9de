//! SQL in strings of other languages, marked by a tag, a comment or the word of a heredoc.

use std::ops::Range;

use crate::brackets::{BracketFinder, string_end};
use crate::found::{EmbeddedText, HostScan};

/// Finds the marked strings of a text; `None` if there are none.
pub(crate) fn scan_strings(language: &str, text: &str) -> Option<HostScan> {
    let marks: &[&str] = match language {
        "javascript" | "typescript" | "tsx" => &["sql`", "SQL`", "/* sql */", "/*sql*/", "/* SQL */"],
        "ruby" => &["<<~SQL", "<<-SQL", "<<SQL"],
        "php" => &["<<<SQL", "<<<'SQL'", "<<<\"SQL\""],
        "python" => &["\"\"\"--sql", "\"\"\" --sql", "'''--sql"],
        "go" | "java" | "kotlin" | "csharp" | "rust" => &["/* sql */", "/*sql*/", "/* SQL */"],
        _ => return None,
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut brackets = BracketFinder::new(text);
    // Marks without an end are limited together: each is searched up to the end of the text.
    let mut left = text.len().saturating_mul(4);
    for mark in marks {
        for at in memchr::memmem::find_iter(text.as_bytes(), mark.as_bytes()) {
            match marked_range(text, at, mark) {
                Some(range) => ranges.push(range),
                None if left > text.len() - at => left -= text.len() - at,
                None => break,
            }
        }
    }
    ranges.sort_by_key(|range| range.start);
    let mut end = 0;
    let mut texts = Vec::new();
    for range in ranges {
        if range.start < end || range.is_empty() {
            continue;
        }
        end = range.end;
        let holes = find_holes(text, &range, &mut brackets);
        texts.push(EmbeddedText { range, language: "sql", holes, ..EmbeddedText::default() });
    }
    (!texts.is_empty()).then(|| HostScan { texts, ..HostScan::default() })
}

/// Returns the inside of the string that a mark belongs to; `None` if the mark belongs to none, or the string has no
/// end.
fn marked_range(text: &str, at: usize, mark: &str) -> Option<Range<usize>> {
    let after = at + mark.len();
    if mark.ends_with('`') {
        let is_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        return quoted_range(text, after - 1).filter(|_| !is_word);
    }
    if mark.starts_with("/*") {
        let rest = &text[after..];
        let code = rest.trim_start().trim_start_matches(['@', '$', 'r', '#']);
        return quoted_range(text, after + rest.len() - code.len());
    }
    if mark.starts_with("<<") {
        return heredoc_range(text, after);
    }
    let quotes = &mark[..3];
    let end = text[after..].find(quotes)?;
    Some(at + 3..after + end)
}

/// Returns the inside of the string that begins at `quote` with one quotation mark or with three; `None` if none begins
/// there, or it has no end.
fn quoted_range(text: &str, quote: usize) -> Option<Range<usize>> {
    let rest = &text[quote..];
    if let Some(inside) = rest.strip_prefix("\"\"\"") {
        return Some(quote + 3..quote + 3 + inside.find("\"\"\"")?);
    }
    rest.starts_with(['"', '\'', '`']).then_some(())?;
    let end = string_end(text.as_bytes(), quote);
    (end > quote).then_some(quote + 1..end)
}

/// Returns the lines of a heredoc whose opening word ends at `from`; `None` if the word goes on, or the heredoc has no
/// end.
fn heredoc_range(text: &str, from: usize) -> Option<Range<usize>> {
    if text[from..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let start = from + text[from..].find('\n')? + 1;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let word = line.trim_start();
        if word.strip_prefix("SQL").is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')) {
            return Some(start..at);
        }
        at += line.len();
    }
    None
}

/// Returns the byte ranges of the code that is interpolated into a string (`${…}`, `#{…}` and `{$…}`), each with the
/// byte that replaces it.
fn find_holes(text: &str, range: &Range<usize>, brackets: &mut BracketFinder<'_>) -> Vec<(Range<usize>, u8)> {
    let bytes = text.as_bytes();
    let mut holes: Vec<(Range<usize>, u8)> = Vec::new();
    for open in memchr::memchr_iter(b'{', &bytes[range.clone()]).map(|at| range.start + at) {
        let before = open.checked_sub(1).map_or(b' ', |at| bytes[at]);
        let start = match before {
            b'$' | b'#' => open - 1,
            _ if bytes.get(open + 1) == Some(&b'$') => open,
            _ => continue,
        };
        if start < range.start || holes.last().is_some_and(|(last, _)| start < last.end) {
            continue;
        }
        if let Some(end) = brackets.after_closing(open).filter(|end| *end <= range.end) {
            holes.push((start..end, b'_'));
        }
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(language: &str, text: &str) -> Vec<String> {
        let texts = scan_strings(language, text).unwrap_or_default().texts;
        texts.iter().map(|one| one.program(text).into_owned()).collect()
    }

    #[test]
    fn marked_strings_are_sql_without_the_code_in_them() {
        let text = "const a = db.sql`SELECT ${f({a})} FROM t`; nosql`x`; q(/* sql */ \"SELECT 1\")";
        assert_eq!(found("typescript", text), ["SELECT _________ FROM t", "SELECT 1"]);
        let text = "execute <<~SQL\n  CREATE TABLE a (b INT);\n  SELECT #{x};\nSQL\n";
        assert_eq!(found("ruby", text), ["  CREATE TABLE a (b INT);\n  SELECT ____;\n"]);
        assert_eq!(found("php", "<?php $q = <<<'SQL'\nSELECT 1\nSQL;\n"), ["SELECT 1\n"]);
        assert_eq!(found("python", "q = \"\"\"--sql\nSELECT 1\n\"\"\"\n"), ["--sql\nSELECT 1\n"]);
        assert_eq!(found("go", "q := /* sql */ `SELECT 1`"), ["SELECT 1"]);
        assert_eq!(found("ruby", "execute <<~SQL\nSELECT 1\n"), [""; 0]);
    }
}
