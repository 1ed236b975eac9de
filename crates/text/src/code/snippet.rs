//! Recognizes code among other texts, and splits it.

use std::collections::HashSet;

use crate::code::written_names::WrittenName;

/// Keywords of programming languages, which are not names.
const KEYWORDS: &str = "abstract and as assert async await begin bool boolean break byte case catch char class const \
    continue def default defer del delete do double elif else end enum except export extends extern false final \
    finally float fn for foreach from fun func function go goto if impl implements import in include instanceof int \
    interface internal is lambda let long loop match mod module mut namespace new nil none not null object of or \
    override package pass private protected pub public raise ref require return self short static str string struct \
    super switch template then this throw throws trait true try type typedef typeof union unless unsafe unsigned until \
    use using val var virtual void when where while with yield";

/// Symbols that are common in code and rare in prose.
const CODE_SYMBOLS: &[&str] =
    &["{", "}", ";", "=>", "->", "==", "!=", ":=", "&&", "||", " = ", "+=", "</", "/>", "](", "::<"];

/// The languages of fenced blocks that hold commands after a prompt, and what they print.
const CONSOLE_LANGUAGES: &[&str] = &["console", "shell-session", "shellsession", "sh-session", "terminal"];

/// Returns whether a line opens a fenced block of a terminal's input and output: `` ```console ``.
pub fn opens_console(line: &str) -> bool {
    let language = line.trim_start_matches(['`', '~']);
    let language = language.split_whitespace().next().unwrap_or_default();
    (line.starts_with("```") || line.starts_with("~~~"))
        && CONSOLE_LANGUAGES.iter().any(|name| language.eq_ignore_ascii_case(name))
}

/// Returns whether a text is code. One line is code if it has two code symbols, begins a function definition or is a
/// call. Several lines are code if at least half of them have a code symbol, begin a function definition or are a call.
/// Text that ends with `?`, or begins with a block of a terminal's output, is not code.
pub fn is_code(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if text.trim_end().ends_with('?') || lines.first().is_some_and(|line| opens_console(line)) {
        return false;
    }
    match lines.as_slice() {
        [line] => count_code_symbols(line) >= 2 || (starts_definition(line) && line.contains('(')) || is_call(line),
        lines => {
            let code = lines
                .iter()
                .filter(|line| count_code_symbols(line) > 0 || starts_definition(line) || is_call(line))
                .count();
            code * 2 >= lines.len().max(2)
        }
    }
}

fn count_code_symbols(line: &str) -> usize {
    let ends = usize::from(line.ends_with(['{', ';', '}']));
    CODE_SYMBOLS.iter().filter(|symbol| line.contains(**symbol)).count() + ends
}

/// Returns whether a line starts a function definition: `def f(a):`, `pub fn f(a: B) -> C`.
fn starts_definition(line: &str) -> bool {
    let mut tokens =
        line.split_whitespace().skip_while(|token| matches!(*token, "pub" | "async" | "export" | "static"));
    let keyword = matches!(tokens.next(), Some("def" | "fn" | "func" | "function" | "fun"));
    keyword && tokens.next().is_some_and(|name| name.contains('('))
}

/// Returns whether a line is a call with arguments: `foo(bar, baz)`, `x.foo(bar)`.
///
/// Prose after the call makes it a question: `fetch(url) caching`.
fn is_call(line: &str) -> bool {
    let Some((callee, rest)) = line.split_once('(') else { return false };
    let named = !callee.is_empty() && callee.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':'));
    let mut depth = 1_usize;
    let end = rest.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    });
    let Some(end) = end else { return false };
    let remainder = rest[end + 1..].trim_start();
    let is_code = remainder.is_empty()
        || remainder.starts_with(['.', ';', ',', ':', '{', ')', '[', '?', '=', '|', '&', '/', '#']);
    named && !rest[..end].trim().is_empty() && is_code
}

/// Returns the identifiers of a snippet without keywords, or the whole text if there are none.
pub fn identifier_text(text: &str) -> String {
    let kept: Vec<&str> = identifiers(text).map(|(_, name)| name).collect();
    if kept.is_empty() { text.to_owned() } else { kept.join(" ") }
}

/// Returns the distinct names in a snippet that precede `(`, contain `_`, or have an inner capital.
pub fn find_snippet_names(text: &str) -> Vec<WrittenName> {
    let mut seen = HashSet::new();
    let is_called = |at: usize, name: &str| text[at + name.len()..].trim_start().starts_with('(');
    let is_long = |name: &str| name.contains('_') || name.chars().skip(1).any(char::is_uppercase);
    identifiers(text)
        .filter(|(at, name)| is_called(*at, name) || is_long(name))
        .filter(|(_, name)| seen.insert(*name))
        .map(|(_, name)| WrittenName { text: name.to_owned(), ..WrittenName::default() })
        .collect()
}

/// Returns the identifiers with their byte offsets, without keywords, single letters and words that begin with a digit.
fn identifiers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let keywords: HashSet<&str> = KEYWORDS.split_whitespace().collect();
    let start = text.as_ptr().addr();
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|name| name.len() > 1 && !name.starts_with(|c: char| c.is_ascii_digit()))
        .filter(move |name| !keywords.contains(name.to_lowercase().as_str()))
        .map(move |name| (name.as_ptr().addr() - start, name))
}

/// Splits a text into identifiers and single symbols.
pub fn tokenize_code(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let end = if inside(first) { rest.find(|c| !inside(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_separated_from_questions() {
        for code in [
            "let x = parse(line)?;",
            "for (int i = 0; i < n; i++) {",
            "def open_session(self, name):\n    return Session(name)",
            "pub fn open(&self) -> Result<()>",
            "retry(call, times=3)",
            "if err != nil {\n\treturn nil, err\n}",
            "items.map(item => item.id)",
            "pool.get(key(a), b).close()",
        ] {
            assert!(is_code(code), "{code}");
        }
        for words in [
            "where are retries handled",
            "Foo::bar",
            "foo()",
            "parseHTTPHeader",
            "does open() close the file?",
            "what calls retry(call, times)?",
            "fetch(url) caching",
            "retry(call, times=3) in the tests",
            "reads a file (or a folder)",
            "error: cannot open the file",
            "C++ templates",
            "```console\n$ make && make install\ncc -> ld: failed\n```",
            "~~~ Shell-Session\n$ run; echo $?;\n1\n~~~",
        ] {
            assert!(!is_code(words), "{words}");
        }
        assert!(is_code("```sh\nmake && make install;\necho $?;\n```"));
    }

    #[test]
    fn snippet_names_are_called_and_defined_names() {
        let named = |text| find_snippet_names(text).into_iter().map(|name| name.text).collect::<Vec<_>>();
        assert_eq!(named("for x in open_all(paths):\n    close(x)"), ["open_all", "close"]);
        assert_eq!(identifier_text("return self.pool.acquire(timeout)"), "pool acquire timeout");
        assert_eq!(tokenize_code("a_b = f( 1 )"), ["a_b", "=", "f", "(", "1", ")"]);
    }
}
