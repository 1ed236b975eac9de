//! `outline`: the definitions of one file, as it is on disk now.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::render::{json, largest};
use super::roots::Roots;
use super::search_code::{DEFAULT_MAX_TOKENS, MAX_TOKENS};
use super::wire::{OutlineArguments, OutlineOutput, SymbolOutput};
use super::{schema, tokens};
use crate::engine::{Outline, Symbol};

/// For the list of tools.
pub const NAME: &str = "outline";
pub const TITLE: &str = "Outline a file";
pub const DESCRIPTION: &str = "List the definitions of one file with lines and signatures, parsed from disk as it is \
now. Use it before reading a large file (path \"src/server.rs\"), then read only the lines you need. Unlike grep it \
knows what is inside of what: methods are listed below their class.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<OutlineArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<OutlineOutput>()));

/// Longest name, container or path shown, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Longest signature shown, in characters.
const MAX_SIGNATURE_CHARS: usize = 160;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let given: OutlineArguments = arguments(given, &INPUT)?;
    let root = roots.pick(given.root.as_deref(), Some(&given.path))?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let Some(path) = roots.relative(root, given.path.trim())? else {
        return Err(Refusal("path is the root; give a file inside of it".to_owned()));
    };
    let engine = Arc::clone(&root.engine);
    let rendered = aside(move || engine.outline(&path).map(|outline| render(&outline, max_tokens)));
    rendered.await??.into_result()
}

/// As many symbols as fit, in both forms.
fn render(outline: &Outline, max_tokens: usize) -> Answer<OutlineOutput> {
    let fitting = |count: usize| {
        let answer = first(outline, count);
        let fits = tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens);
        fits.then_some(answer)
    };
    let all = outline.symbols.len();
    fitting(all).or_else(|| largest(all, fitting)).unwrap_or_else(|| first(outline, 0))
}

fn first(outline: &Outline, count: usize) -> Answer<OutlineOutput> {
    let path = clip(&clean(outline.path.as_str()), MAX_NAME_CHARS);
    let (lines, all) = (outline.lines, outline.symbols.len());
    let problem = outline.problem.as_deref();
    let problem = problem.map(|problem| clip(&clean(problem), MAX_SIGNATURE_CHARS));
    let symbols: Vec<_> = outline.symbols[..count].iter().map(symbol).collect();
    let language = outline.language.clone();
    let mut text = format!("{path}  [{language}] lines: {lines}, definitions: {all}");
    if let Some(problem) = &problem {
        text.push_str(&format!("; problem: {problem}"));
    }
    symbols.iter().map(line).for_each(|line| text.push_str(&line));
    if let Some(next) = outline.symbols.get(count) {
        let (left, line) = (all - count, next.span.start_line);
        text.push_str(&format!("\nleft out for max_tokens: {left} definitions from line {line} on"));
    }
    let left_out_symbols = (all > count).then_some(all - count);
    let structured = OutlineOutput { path, language, lines, symbols, left_out_symbols, problem };
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
    fn the_budget_holds_and_the_rest_is_counted() {
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
            let answer = render(&outline, max_tokens);
            assert!(tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens));
            let shown = answer.structured.symbols.len();
            assert!(shown > 3 && Some(5_000 - shown) == answer.structured.left_out_symbols);
            assert!(answer.text.contains("    1-1  [method] fn 名前1("), "{}", answer.text);
            assert!(answer.text.ends_with(&format!("{} definitions from line {} on", 5_000 - shown, shown + 1)));
        }
    }
}
