//! Macros of C and C++ that a grammar cannot parse: `class LIB_API Name`, `LIB_API int *f(void)`,
//! `LIB_BEGIN_NAMESPACE`.
//!
//! Only the preprocessor knows what such a word stands for. Most stand for attributes or for nothing, so the grammar
//! gets blanks in their place, and all positions stay as they are.

/// Returns the text with blanks in place of macros; `None` if there is nothing to replace.
pub(in crate::parse::syntax) fn blank_macros(text: &str) -> Option<Vec<u8>> {
    let mut blanked: Option<Vec<u8>> = None;
    let mut lines = LineWalk { bytes: text.as_bytes(), at: 0, continues: false };
    while let Some((start, line)) = lines.next_code() {
        for_each_macro(line, &text.as_bytes()[start..], |from, to| {
            let blanked = blanked.get_or_insert_with(|| text.as_bytes().to_vec());
            let range = &mut blanked[start + from..start + to];
            range.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        });
    }
    blanked
}

/// A walk over the lines of a text that leaves out preprocessor directives with their continuations.
struct LineWalk<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Whether the next line continues a directive.
    continues: bool,
}

impl<'t> LineWalk<'t> {
    /// Returns the start and the bytes of the next line that is not part of a preprocessor directive; `None` at the end
    /// of the text.
    fn next_code(&mut self) -> Option<(usize, &'t [u8])> {
        while self.at < self.bytes.len() {
            let start = self.at;
            let end = memchr::memchr(b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |end| start + end);
            self.at = (end + 1).min(self.bytes.len());
            let line = &self.bytes[start..end];
            let is_directive = self.continues || line.trim_ascii_start().starts_with(b"#");
            self.continues = is_directive && line.trim_ascii_end().ends_with(b"\\");
            if !is_directive {
                return Some((start, line));
            }
            if end == self.bytes.len() {
                break;
            }
        }
        None
    }
}

/// Maximum length, in bytes, of a macro with arguments on several lines.
const MAX_MACRO_BYTES: usize = 2_000;

/// Words that may precede a macro or a type.
const SPECIFIERS: [&[u8]; 10] = [
    b"static",
    b"inline",
    b"extern",
    b"virtual",
    b"constexpr",
    b"friend",
    b"explicit",
    b"typedef",
    b"export",
    b"mutable",
];

/// Words of a type that are not its name, so that they do not count in [`is_declaration`].
const QUALIFIERS: [&[u8]; 9] =
    [b"const", b"volatile", b"struct", b"union", b"enum", b"class", b"unsigned", b"signed", b"typename"];

/// Words with which a statement begins.
const STATEMENTS: [&[u8]; 10] =
    [b"if", b"for", b"while", b"do", b"switch", b"return", b"goto", b"else", b"case", b"throw"];

/// Calls `blank` with the start and the end of each macro that begins in a line, in bytes from the start of the line.
/// `text` is the rest of the file, from the start of the line.
fn for_each_macro(line: &[u8], text: &[u8], mut blank: impl FnMut(usize, usize)) {
    let next = text.get(line.len() + 1..).unwrap_or_default();
    if let Some((from, to)) = macro_at_end(line) {
        blank(from, to);
    }
    let mut at = skip_spaces(line, 0);
    if let Some(end) = template_end(line, at) {
        at = skip_spaces(line, end);
    }
    loop {
        let word = word_at(line, at);
        if word.is_empty() {
            return;
        }
        let end = at + word.len();
        if matches!(word, b"class" | b"struct" | b"union" | b"enum") {
            return blank_before_name(line, end, next, blank);
        }
        if SPECIFIERS.contains(&word) {
            at = skip_spaces(line, end);
            continue;
        }
        if !is_macro_name(word) {
            return;
        }
        let parameters = skip_parentheses(line, end);
        if parameters.is_none()
            && line.get(skip_spaces(line, end)) == Some(&b'(')
            && let Some(end) = skip_parentheses(&text[..text.len().min(MAX_MACRO_BYTES)], end)
        {
            // The arguments continue on the next lines.
            let after = memchr::memchr(b'\n', &text[end..]).map_or(text.len(), |line_end| end + line_end);
            let is_alone = text[end..after].trim_ascii().is_empty();
            if is_alone && !is_head_of(&text[after..], true) {
                blank(at, end);
            }
            return;
        }
        let end = parameters.unwrap_or(end);
        let rest = skip_spaces(line, end);
        let is_alone = rest == line.len() || line[rest..].starts_with(b"//") || line[rest..].starts_with(b"/*");
        let is_blanked = match is_alone {
            true => !is_head_of(next, parameters.is_some()),
            false => is_declaration(&line[rest..]),
        };
        if !is_blanked {
            return;
        }
        blank(at, end);
        if is_alone {
            return;
        }
        at = rest;
    }
}

/// Returns the range of a macro that ends a declaration: `int f(void) LIB_PURE;`, `… LIB_PRINTF(1, 2);`.
fn macro_at_end(line: &[u8]) -> Option<(usize, usize)> {
    let code = line.trim_ascii_end().strip_suffix(b";")?;
    let end = code.len();
    let word_end = match code.strip_suffix(b")") {
        Some(_) => memchr::memrchr(b'(', code).filter(|open| skip_parentheses(code, *open) == Some(end))?,
        None => end,
    };
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start = code[..word_end].iter().rposition(|byte| !is_word(byte))? + 1;
    let word = &code[start..word_end];
    let before = code[..start].trim_ascii_end();
    let is_after_parameters = before.ends_with(b")") && before.len() < start;
    (is_macro_name(word) && word.contains(&b'_') && is_after_parameters).then_some((start, end))
}

/// Blanks the words between `class` and the name of the class, if a body follows. `at` is the end of the keyword.
fn blank_before_name(line: &[u8], at: usize, next: &[u8], mut blank: impl FnMut(usize, usize)) {
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut at = skip_spaces(line, at);
    loop {
        if line[at..].starts_with(b"[[") {
            let Some(end) = memchr::memmem::find(&line[at..], b"]]") else { return };
            at = skip_spaces(line, at + end + 2);
            continue;
        }
        let word = word_at(line, at);
        if word.is_empty() {
            break;
        }
        let is_keyword = words.is_empty() && matches!(word, b"class" | b"struct");
        if is_keyword || word == b"final" {
            at = skip_spaces(line, at + word.len());
            continue;
        }
        let mut end = at + word.len();
        if let Some(close) = skip_parentheses(line, end) {
            if !is_macro_name(word) && !word.starts_with(b"__") && word != b"alignas" {
                return; // a function that returns a struct
            }
            end = close;
        }
        while line[end..].starts_with(b"::") {
            end += 2 + word_at(line, end + 2).len();
        }
        words.push((at, end));
        at = skip_spaces(line, end);
    }
    if words.len() < 2 {
        return;
    }
    if line[at..].starts_with(b"<") {
        let Some(end) = angle_end(line, at) else { return };
        at = skip_spaces(line, end);
        if word_at(line, at) == b"final" {
            at = skip_spaces(line, at + 5);
        }
    }
    let rest = match at == line.len() || line[at..].starts_with(b"//") {
        true => next.trim_ascii_start(),
        false => &line[at..],
    };
    if rest.starts_with(b"{") || (rest.starts_with(b":") && !rest.starts_with(b"::")) {
        words[..words.len() - 1].iter().for_each(|(from, to)| blank(*from, *to));
    }
}

/// Returns whether a word is spelled like a macro: in capitals, with at least four characters.
fn is_macro_name(word: &[u8]) -> bool {
    word.len() >= 4
        && word[0].is_ascii_uppercase()
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Returns whether a macro that is alone on its line is the first line of a function: its return type, or the macro
/// that defines it. `next` is the text after the line.
fn is_head_of(next: &[u8], has_parameters: bool) -> bool {
    let next = skip_comments(next);
    if has_parameters {
        return !matches!(next.first(), Some(b'}' | b'#')) && word_at(next, 0).is_empty();
    }
    let word = word_at(next, 0);
    let is_call = !word.is_empty() && next[skip_spaces(next, word.len())..].starts_with(b"(");
    let is_body = matches!(next.first(), Some(b'{' | b'(' | b'=' | b')' | b',' | b'*' | b'&'));
    is_body || is_call || STATEMENTS.contains(&word)
}

/// Returns the text after the comments with which it begins.
fn skip_comments(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    loop {
        let end: &[u8] = match rest {
            [b'/', b'/', ..] => b"\n",
            [b'/', b'*', ..] => b"*/",
            _ => return rest,
        };
        let after = memchr::memmem::find(rest, end).map_or(rest.len(), |at| at + end.len());
        rest = rest[after..].trim_ascii_start();
    }
}

/// Returns whether a text looks like a declaration: of a type and a name, a type and a declarator in parentheses, a
/// class, a template or a namespace.
fn is_declaration(text: &[u8]) -> bool {
    let (mut at, mut words) = (0, 0);
    loop {
        let word = word_at(text, at);
        if STATEMENTS.contains(&word) {
            return false;
        }
        match text.get(at) {
            _ if !word.is_empty() => {
                words += u32::from(!QUALIFIERS.contains(&word) && !SPECIFIERS.contains(&word));
                at += word.len();
                if word == b"template" || word == b"namespace" {
                    return true;
                }
                if word == b"class" || (word == b"struct" && !text.contains(&b';')) {
                    return true;
                }
            }
            Some(b' ' | b'\t' | b'*' | b'&') => at += 1,
            Some(b':') if text[at..].starts_with(b"::") => {
                // A qualified name is one word.
                at += 2;
                words = words.saturating_sub(1);
            }
            Some(b'<') if words > 0 => match angle_end(text, at) {
                Some(end) => at = end,
                None => return words > 1,
            },
            Some(b'(') if words == 1 => {
                let Some(end) = skip_parentheses(text, at) else { return false };
                let inner = text[at + 1..end - 1].trim_ascii();
                let name = inner.strip_prefix(b"*").unwrap_or(inner).trim_ascii_start();
                return !name.is_empty()
                    && word_at(name, 0).len() == name.len()
                    && text[skip_spaces(text, end)..].starts_with(b"(");
            }
            Some(b'(' | b';' | b'=' | b'[' | b'{') | None => return words > 1,
            _ => return false,
        }
        if words > 1 {
            return true;
        }
    }
}

/// Returns the end of `template <…>` at `at`; `None` if there is none.
fn template_end(line: &[u8], at: usize) -> Option<usize> {
    (word_at(line, at) == b"template").then(|| angle_end(line, skip_spaces(line, at + 8)))?
}

/// Returns the end of the angle brackets that begin at `at`; `None` if none begin there or they are not closed in the
/// line.
fn angle_end(line: &[u8], at: usize) -> Option<usize> {
    balanced_end(line, at, b'<', b'>')
}

/// Returns the end of the parentheses that begin at `at` or after white space there; `None` if none begin there or they
/// are not closed.
fn skip_parentheses(line: &[u8], at: usize) -> Option<usize> {
    balanced_end(line, skip_spaces(line, at), b'(', b')')
}

fn balanced_end(line: &[u8], at: usize, open: u8, close: u8) -> Option<usize> {
    if line.get(at) != Some(&open) {
        return None;
    }
    let mut depth = 0_u32;
    for (offset, byte) in line[at..].iter().enumerate() {
        depth += u32::from(*byte == open);
        depth -= u32::from(*byte == close);
        if depth == 0 {
            return Some(at + offset + 1);
        }
    }
    None
}

fn skip_spaces(line: &[u8], at: usize) -> usize {
    let at = at.min(line.len());
    at + line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Returns the word at `at`; empty if there is none.
fn word_at(line: &[u8], at: usize) -> &[u8] {
    let rest = line.get(at..).unwrap_or_default();
    if rest.first().is_none_or(u8::is_ascii_digit) {
        return &[];
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    &rest[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_stand_for_attributes_are_blanked() {
        for (text, expected) in [
            ("class LIB_API Name : public Base {\n", "class         Name : public Base {\n"),
            ("class ENGINE_API Foo\n{\n", "class            Foo\n{\n"),
            ("enum class LIB_API Color { Red };", "enum class         Color { Red };"),
            ("template <class T> class API_X Box final {", "template <class T> class       Box final {"),
            ("struct PACKED(4) Point {", "struct           Point {"),
            ("LUA_API lua_State *(lua_thread) (lua_State *L);", "        lua_State *(lua_thread) (lua_State *L);"),
            ("MODULE_API int (*Module_Save)(void *io);", "           int (*Module_Save)(void *io);"),
            ("UNITTEST CURLcode canon_path(const char *q,", "         CURLcode canon_path(const char *q,"),
            ("static LIB_INLINE int f(int a) {", "static            int f(int a) {"),
            ("int f(void) LIB_PURE;", "int f(void)         ;"),
            ("int g(char *, ...) LIB_PRINTF(1, 2);", "int g(char *, ...)                 ;"),
            ("LIB_BEGIN_NAMESPACE\nclass A {};", "                   \nclass A {};"),
        ] {
            let blanked = blank_macros(text).map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
            assert_eq!(blanked.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn types_and_statements_stay() {
        for text in [
            "FILE *open_log(const char *path) {",
            "BOOL is_open(int x) {",
            "struct point make_point(int x) {",
            "struct STAT st = { 0 };",
            "union YYSTYPE yylval;",
            "class Name final : public Base {",
            "enum Color : int { RED };",
            "ASSERT_TRUE(x) << y;",
            "SIZE_T count;",
            "#define FOO_X int f(void)\\\n  LIB_API int g(void);",
            "TEST_CASE(name)\n{\n}",
            "DWORD_T\nread_it(int x)\n{",
            "größe LIB_API;",
        ] {
            assert!(blank_macros(text).is_none(), "{text}");
        }
    }
}
