//! Tells definitions without a body, such as overloads and prototypes, from those with one.

use crate::chunk::{Language, SymbolKind};

/// Returns whether a definition with this text has no body: an overload in a type checker's sense, an abstract method,
/// a prototype or a forward declaration. Always false for languages other than Python, C, C++, CUDA, TypeScript, Java,
/// C# and PHP.
pub fn is_declaration(language: Language, kind: SymbolKind, text: &str) -> bool {
    use SymbolKind::{Class, Constructor, Enum, Function, Method, Struct, Union};
    match (language.0, kind) {
        ("python", Function | Method | Constructor) => is_python_declaration(text.trim_end()),
        ("c" | "cpp" | "cuda", Function | Method | Constructor | Class | Struct | Union | Enum)
        | ("java" | "csharp" | "php", Function | Method | Constructor) => {
            let code = strip_comments(text);
            !code.contains('{') && !code.contains("=>")
        }
        ("typescript" | "tsx", Function | Method | Constructor) => !has_typescript_body(&strip_comments(text)),
        _ => false,
    }
}

fn is_python_declaration(text: &str) -> bool {
    let is_overload = |line: &str| line.starts_with('@') && line.ends_with("overload");
    text.ends_with(": ...")
        || text.lines().next_back().is_some_and(|line| line.trim() == "...")
        || text.lines().any(|line| is_overload(line.trim()))
}

/// Returns a text without its comments, and with empty string literals. Both may have braces that are no body.
fn strip_comments(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |at| at + 4),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' | '`' => {
                code.extend([c, c]);
                literal_length(rest, c)
            }
            _ => {
                code.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    code
}

/// Returns the length in bytes of the literal at the start of a text, with its quotes. Only the quote itself, if the
/// literal does not end on its line.
fn literal_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' if quote != '`' => break,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    quote.len_utf8()
}

/// Returns whether the code of a TypeScript function has a body: braces that are no type, or an arrow that is none.
///
/// Braces inside of parentheses, brackets and type parameters are types or default values. Outside of them, braces are
/// a type after a character such as `:` or `|`, and after `=>`. An arrow belongs to a return type if parameters, and a
/// colon after these, are to its left, and no `=`.
fn has_typescript_body(code: &str) -> bool {
    let mut open: Vec<char> = Vec::new();
    let (mut has_parameters, mut has_return_type, mut is_assigned) = (false, false, false);
    let mut before = "";
    for (at, c) in code.char_indices() {
        let left = code[..at].trim_end();
        match c {
            // Also closes what was opened inside, such as a comparison.
            ')' | ']' | '}' => {
                let opened = open.iter().rposition(|other| closing_of(*other) == c);
                open.truncate(opened.unwrap_or(open.len()));
            }
            '>' if code[..at].ends_with('=') => {
                if open.is_empty() && (is_assigned || !has_return_type) {
                    return true;
                }
                before = "=>";
                continue;
            }
            '>' => {
                open.pop_if(|other| *other == '<');
            }
            '{' if open.is_empty() && !is_type_position(left, before) => return true,
            '(' | '[' | '{' | '<' => {
                has_parameters |= c == '(' && open.is_empty();
                open.push(c);
            }
            ':' if open.is_empty() => has_return_type |= has_parameters,
            '=' if open.is_empty() => is_assigned |= !code[at + 1..].starts_with('>'),
            _ => {}
        }
        if !c.is_whitespace() {
            before = "";
        }
    }
    false
}

fn closing_of(opening: char) -> char {
    match opening {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        _ => '>',
    }
}

/// Returns whether braces are a type after the text to their left. `before` is `=>` directly after an arrow.
fn is_type_position(left: &str, before: &str) -> bool {
    let last = left.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    before == "=>" || left.ends_with([':', '|', '&', '?', ',']) || ["is", "keyof", "readonly"].contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_without_a_body_is_a_declaration() {
        let is_declared = |language, text| is_declaration(Language(language), SymbolKind::Function, text);
        for text in [
            "export function create<S, Ext extends {} = {}>(reducer: Reducer<S>): Store<S> & NoInfer<Ext>",
            "/** See {@link open}. */\nfunction open(path: string): File;",
            "function read(options?: { path: string }): { text: string };",
            "map<T>(change: (value: T) => T): (values: T[]) => { all: T[] };",
            "function is(value: unknown): value is { name: string };",
            "// {\nabstract open(name: 'a{' | \"}\"): void;",
        ] {
            assert!(is_declared("typescript", text), "{text}");
        }
        for text in [
            "export function create<S, Ext extends {} = {}>(\n  reducer: Reducer<S>\n): Store<S> & NoInfer<Ext> {\n  go()\n}",
            "function open(path: string) { return 1 }",
            "function read(): { text: string } {\n}",
            "const open = (path: string): File => new File(path)",
            "const open = async path => {",
            "open: (path) => path,",
            "open = (path: string): { text: string } => {",
            "function less(a: number, b = a < 3): boolean {",
            "export default (path: string) => open(path)",
        ] {
            assert!(!is_declared("typescript", text), "{text}");
        }
        assert!(is_declared("java", "/** Opens {@code path}. */\nvoid open(String path);"));
        assert!(!is_declared("java", "void open(String path) { }"));
        assert!(is_declared("c", "int open(char *path); // {"));
        assert!(is_declared("python", "@overload\ndef open(path: str) -> str: ..."));
        assert!(!is_declared("rust", "fn open();"));
    }
}
