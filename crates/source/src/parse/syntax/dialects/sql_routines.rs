//! Definitions in dialects of SQL that the grammar cannot parse: T-SQL's `CREATE OR ALTER PROC [dbo].[name]`, MySQL's
//! procedures between delimiters, Oracle's packages. They are found by their first words.

use std::ops::Range;

use crate::parse::syntax::facts::DefinitionMatch;
use types::SymbolKind;

/// Adds the definitions that the grammar did not find. Definitions that it did find keep their ranges.
pub(in crate::parse::syntax) fn add_sql_definitions(text: &str, definitions: &mut Vec<DefinitionMatch>) {
    let known: Vec<Range<usize>> = definitions.iter().map(|one| one.name.clone()).collect();
    let statements = find_statements(text);
    for (index, statement) in statements.iter().enumerate() {
        let Some(one) = parse_head(text, statement.start) else { continue };
        if known.iter().any(|name| name.start < one.name.end && one.name.start < name.end) {
            continue;
        }
        let limit = statements.get(index + 1).map_or(text.len(), |next| next.start);
        let end = statement_end(text, one.name.end, limit, one.kind == SymbolKind::Function);
        definitions.push(DefinitionMatch { node: one.node.start..end, ..one });
    }
}

/// A line that begins with `CREATE` or `ALTER`.
struct Statement {
    start: usize,
}

fn find_statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start();
        let at = start + line.len() - code.len();
        if has_word(code, "create") || has_word(code, "alter") {
            found.push(Statement { start: at });
        }
        start += line.len();
    }
    found
}

/// Returns whether a text begins with a word, in any case.
fn has_word(text: &str, word: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        && bytes.get(word.len()).is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
}

/// Parses the head of a `CREATE` or `ALTER` statement at `start`, such as `CREATE OR ALTER PROCEDURE [dbo].[name]`. The
/// range of the returned definition ends at its name. `None` if the statement defines nothing.
fn parse_head(text: &str, start: usize) -> Option<DefinitionMatch> {
    let mut words = HeadWords { text, at: start };
    let is_alter = words.next()?.eq_ignore_ascii_case("alter");
    // `ALTER TABLE` changes a table that is defined elsewhere.
    let kind = loop {
        let word = words.next()?;
        match word.to_ascii_lowercase().as_str() {
            "or" | "alter" | "replace" | "editionable" | "noneditionable" | "aggregate" | "temporary" | "temp"
            | "unlogged" | "external" | "force" | "algorithm" | "definer" | "sql" | "security" | "invoker"
            | "undefined" | "merge" | "constraint" | "recursive" => {}
            "proc" | "procedure" | "function" => break SymbolKind::Function,
            "package" => break SymbolKind::Module,
            "trigger" | "view" if !is_alter => break SymbolKind::Type,
            "type" if !is_alter => break SymbolKind::Type,
            "table" if !is_alter => break SymbolKind::Struct,
            _ if word.starts_with(['`', '\'', '@', '%', '=', '"']) => {}
            _ => return None,
        }
    };
    let mut rest = words.at;
    loop {
        let mut words = HeadWords { text, at: rest };
        match words.next()?.to_ascii_lowercase().as_str() {
            "if" | "not" | "exists" | "body" => rest = words.at,
            _ => break,
        }
    }
    let name = last_name_part(text, rest)?;
    Some(DefinitionMatch { kind, pattern: 0, node: start..name.end, name, receiver: None, body_start: None })
}

/// The words of a statement's head.
struct HeadWords<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for HeadWords<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let rest = near_text(self.text, self.at)?;
        let word = rest.trim_start();
        let start = self.at + rest.len() - word.len();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let length = match word.chars().next()? {
            first if is_part(first) => word.find(|c| !is_part(c)).unwrap_or(word.len()),
            quote @ ('`' | '\'' | '"') => word[1..].find(quote).map_or(word.len(), |end| end + 2),
            first => first.len_utf8(),
        };
        self.at = start + length;
        word.get(..length)
    }
}

/// Returns the text from `at` on, at most 300 bytes, which suffice for a name; `None` if `at` is after the text or
/// inside a character.
fn near_text(text: &str, at: usize) -> Option<&str> {
    text.get(at..text.floor_char_boundary(at.saturating_add(300)).max(at))
}

/// Returns the byte range of the last part of the qualified name at `at`, without its brackets or quotes.
fn last_name_part(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = near_text(text, at)?;
    let mut start = at + rest.len() - rest.trim_start().len();
    loop {
        let rest = near_text(text, start)?;
        let (name, end) = match rest.chars().next()? {
            '[' => (start + 1..start + rest.find(']')?, start + rest.find(']')? + 1),
            quote @ ('"' | '`') => {
                let close = start + 1 + rest[1..].find(quote)?;
                (start + 1..close, close + 1)
            }
            first if first.is_alphabetic() || first == '_' || first == '#' => {
                let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
                let end = start + rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                (start..end, end)
            }
            _ => return None,
        };
        match text[end..].strip_prefix('.') {
            Some(next) if !next.starts_with(char::is_whitespace) => start = end + 1,
            _ => return Some(name).filter(|name| !name.is_empty()),
        }
    }
}

/// Returns the end of a statement whose name ends at `from`: before a line that is `GO` or another separator, before a
/// line `DELIMITER …`, before the first `;` of a definition without a body, or after a line such as `END //`; at
/// `limit` at the latest.
fn statement_end(text: &str, from: usize, limit: usize, has_body: bool) -> usize {
    let mut at = from;
    for line in text[from..limit].split_inclusive('\n') {
        let code = line.trim();
        let is_separator = code.eq_ignore_ascii_case("go") || matches!(code, "/" | "//" | "$$" | ";;");
        if is_separator && at > from {
            return from + text[from..at].trim_end().len();
        }
        if !has_body && let Some(end) = line.find(';') {
            return at + end;
        }
        at += line.len();
        if let Some(closing) = ["//", "$$", ";;"].iter().find(|mark| code.ends_with(**mark)) {
            let is_end = has_word(code, "end") || code.to_ascii_lowercase().ends_with(&format!("end {closing}"));
            if is_end {
                return from + text[from..at].trim_end().len();
            }
        }
        if has_word(code, "delimiter") {
            return from + text[from..at - line.len()].trim_end().len();
        }
    }
    from + text[from..limit].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        let mut definitions = Vec::new();
        add_sql_definitions(text, &mut definitions);
        let slice = |range: &Range<usize>| text[range.clone()].to_owned();
        definitions.iter().map(|one| (slice(&one.name), slice(&one.node))).collect()
    }

    #[test]
    fn routines_of_other_dialects_are_found_by_their_bare_names() {
        let text = "CREATE OR ALTER PROCEDURE [dbo].[usp_Load]\n  @From INT\nAS\nBEGIN\n  SELECT 1;\nEND\nGO\n\
                    create proc dbo.short as select 1\ngo\nALTER TABLE dbo.x ADD y INT\nGO\n";
        assert_eq!(
            found(text),
            [
                (
                    "usp_Load".to_owned(),
                    "CREATE OR ALTER PROCEDURE [dbo].[usp_Load]\n  @From INT\nAS\nBEGIN\n  SELECT 1;\nEND".to_owned()
                ),
                ("short".to_owned(), "create proc dbo.short as select 1".to_owned()),
            ]
        );
        let text = "DELIMITER //\nCREATE DEFINER=`root`@`%` PROCEDURE close_it(IN a INT)\nBEGIN\n  SELECT a;\nEND //\nDELIMITER ;\n";
        assert_eq!(found(text)[0].1.lines().last(), Some("END //"));
        assert_eq!(found("CREATE TABLE IF NOT EXISTS a.\"b c\" (x INT);\nSELECT 1;")[0].1.len(), 42);
    }
}
