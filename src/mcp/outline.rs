//! `outline`: the definitions of one file as it is on disk now, or a folder's files with theirs.
//!
//! Must never import: anything of this crate but `engine`.

mod folder;

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::cursor::{Cursor, fingerprint};
use super::render::{json, largest};
use super::roots::Roots;
use super::search_code::{DEFAULT_MAX_TOKENS, MAX_TOKENS};
use super::wire::{OutlineArguments, OutlineOutput, SymbolOutput};
use super::{schema, tokens};
use crate::engine::{Outline, Symbol};

/// For the list of tools.
pub const NAME: &str = "outline";
pub const TITLE: &str = "Outline a file or a folder";
pub const DESCRIPTION: &str = "List the definitions of a file with lines and signatures, parsed from disk as it is \
now, or the files of a folder with the names they define: path \".\" is a map of the project, \"src/auth\" of a part. \
Use it to find your way in code you do not know, and before reading a large file (\"src/server.rs\"), to read only the \
lines you need. Unlike ls and grep it knows what is defined where: methods are listed below their class.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<OutlineArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<OutlineOutput>()));

/// Longest name, container or path shown, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Longest signature shown, in characters.
const MAX_SIGNATURE_CHARS: usize = 160;

/// Folders that a map may be deep.
const DEPTHS: std::ops::RangeInclusive<u32> = 1..=50;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let question = fingerprint(&given);
    let given: OutlineArguments = arguments(given, &INPUT)?;
    let cursor = Cursor::read(question, given.cursor.as_deref())?;
    let root = roots.pick(given.root.as_deref(), Some(&given.path))?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let depth = given.depth.map(|depth| within("depth", Some(depth), depth, DEPTHS)).transpose()?;
    let path = roots.relative(root, given.path.trim())?;
    let engine = Arc::clone(&root.engine);
    let Some(file) = path.clone() else {
        return folder::call(root, None, depth, cursor, max_tokens).await;
    };
    let outlined = aside(move || match engine.is_folder(&file)? {
        true => Ok(None),
        false => engine.outline(&file).map(Some),
    });
    match outlined.await?? {
        Some(outline) => aside(move || render(&outline, &cursor, max_tokens)).await?.into_result(),
        None => folder::call(root, path, depth, cursor, max_tokens).await,
    }
}

/// As many symbols as fit after those of the pages before, in both forms.
fn render(outline: &Outline, cursor: &Cursor, max_tokens: usize) -> Answer<OutlineOutput> {
    let fitting = |count: usize| {
        let answer = first(outline, cursor, count);
        let fits = tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens);
        fits.then_some(answer)
    };
    let left = outline.symbols.len().saturating_sub(cursor.at[0]);
    fitting(left).or_else(|| largest(left, fitting)).unwrap_or_else(|| first(outline, cursor, 0))
}

fn first(outline: &Outline, cursor: &Cursor, count: usize) -> Answer<OutlineOutput> {
    let path = clip(&clean(outline.path.as_str()), MAX_NAME_CHARS);
    let (lines, all) = (outline.lines, outline.symbols.len());
    let problem = outline.problem.as_deref();
    let problem = problem.map(|problem| clip(&clean(problem), MAX_SIGNATURE_CHARS));
    let rest = outline.symbols.get(cursor.at[0]..).unwrap_or_default();
    let symbols: Vec<_> = rest[..count].iter().map(symbol).collect();
    let language = outline.language.clone();
    let mut text = format!("{path}  [{language}] lines: {lines}, definitions: {all}");
    if let Some(problem) = &problem {
        text.push_str(&format!("; problem: {problem}"));
    }
    symbols.iter().map(line).for_each(|line| text.push_str(&line));
    let left = rest.len() - count;
    let mut next_cursor = None;
    if let Some(next) = rest.get(count) {
        let line = next.span.start_line;
        text.push_str(&format!("\nleft out for max_tokens: {left} definitions from line {line} on"));
        // A file has no editions: what changes meanwhile moves lines, as it does everywhere.
        next_cursor = (count > 0).then(|| cursor.next(0, [cursor.at[0] + count, 0]));
    }
    if let Some(cursor) = &next_cursor {
        text.push_str(&format!("; more: cursor {cursor}"));
    }
    let left_out_symbols = (left > 0).then_some(left);
    let structured = OutlineOutput {
        path,
        language,
        lines: Some(lines),
        symbols,
        left_out_symbols,
        problem,
        next_cursor,
        ..OutlineOutput::default()
    };
    Answer { text, structured }
}

/// A definition on a line of its own, as deep as it is nested.
fn line(symbol: &SymbolOutput) -> String {
    let names = symbol.container.split('.').filter(|name| !name.is_empty());
    let indent = "  ".repeat(names.count().min(8));
    let shown = if symbol.signature.is_empty() { &symbol.name } else { &symbol.signature };
    let SymbolOutput { start_line, end_line, kind, .. } = symbol;
    format!("\n{indent}{start_line}-{end_line}  [{kind}] {shown}")
}

/// As it goes over the wire.
pub fn symbol(symbol: &Symbol) -> SymbolOutput {
    SymbolOutput {
        name: clip(&clean(&symbol.name), MAX_NAME_CHARS),
        kind: symbol.kind.to_string(),
        container: clip(&clean(&symbol.container), MAX_NAME_CHARS),
        signature: clip(&clean(&symbol.signature), MAX_SIGNATURE_CHARS),
        start_line: symbol.span.start_line,
        end_line: symbol.span.end_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{RepoPath, Span, SymbolKind};

    #[test]
    fn the_budget_holds_and_the_cursor_goes_on() {
        let symbol = |line: u32| Symbol {
            name: format!("名前{line}"),
            kind: SymbolKind::Method,
            container: "Outer.Inner".to_owned(),
            signature: format!("fn 名前{line}(a: \"😀\", b: &[u8]) -> Result<(), Error>"),
            span: Span { start_line: line, end_line: line },
        };
        let outline = Outline {
            path: RepoPath::new("src/a.rs"),
            language: "rust".to_owned(),
            lines: 5_000,
            symbols: (1..=5_000).map(symbol).collect(),
            problem: Some("x ".repeat(4_000)),
        };
        for max_tokens in [500, 8_000] {
            let answer = render(&outline, &Cursor::default(), max_tokens);
            assert!(tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens));
            let shown = answer.structured.symbols.len();
            assert!(shown > 3 && Some(5_000 - shown) == answer.structured.left_out_symbols);
            assert!(answer.text.contains("    1-1  [method] fn 名前1("), "{}", answer.text);
            assert!(answer.text.contains(&format!("{} definitions from line {} on", 5_000 - shown, shown + 1)));
            let cursor = answer.structured.next_cursor.expect("there is more");
            let next = render(&outline, &Cursor::read(0, Some(&cursor)).expect("a cursor"), max_tokens);
            assert_eq!(next.structured.symbols[0].name, format!("名前{}", shown + 1));
        }
    }
}
