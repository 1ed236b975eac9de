//! Finds the names that a text writes as code.

use crate::unicode::is_letter_mark;

/// A name in a text, with its qualifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenName {
    pub text: String,
    /// The qualifier: `Foo` of `Foo::bar`, `Foo.bar`, `Foo#bar`; empty for a simple name.
    pub container: String,
}

/// Separators in qualified names.
const SEPARATORS: &[&str] = &["::", "->", "#", ".", "\\"];

/// Returns the distinct names in the tokens of a text that pass `is_allowed` and are written as code.
///
/// The only token of a text counts as code. `is_allowed` rejects tokens that are no names, such as file names.
pub fn find_names(text: &str, is_allowed: impl Fn(&str) -> bool) -> Vec<WrittenName> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut found: Vec<WrittenName> = Vec::new();
    for token in tokens.iter().filter(|token| is_allowed(token)) {
        let call = token.contains("()");
        let token = trim_name(token);
        let mut parts = token.split(|c| !is_identifier_char(c)).filter(|part| !part.is_empty());
        let Some(name) = parts.next_back() else { continue };
        let inner_upper = name.chars().skip(1).any(char::is_uppercase) && name.chars().any(char::is_lowercase);
        let qualified = is_qualified(token);
        if tokens.len() == 1 || inner_upper || name.contains('_') || qualified || call {
            let container = if qualified { parts.next_back().unwrap_or_default() } else { "" };
            let name = WrittenName { text: name.to_owned(), container: container.to_owned() };
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Removes the characters around a name that are no part of it, and the arguments of a call.
fn trim_name(token: &str) -> &str {
    let token = token.trim_start_matches(|c| !is_identifier_char(c));
    let end = token.find('(').filter(|end| *end > 0).unwrap_or(token.len());
    token[..end].trim_end_matches(|c| !is_identifier_char(c))
}

fn is_qualified(token: &str) -> bool {
    SEPARATORS.iter().any(|separator| token.contains(separator)) && !token.contains('/')
}

fn is_identifier_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || is_letter_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_from_prose_and_qualifiers() {
        for (text, expected) in [
            ("how does parseHTTPHeader call read_line", "parseHTTPHeader read_line"),
            ("Session::open()", "Session/open"),
            ("Session.open", "Session/open"),
            ("Session#open", "Session/open"),
            ("app.net.Session->open(self, 3)", "Session/open"),
            ("`Foo::bar`?", "Foo/bar"),
            ("\\App\\Http\\Kernel", "Http/Kernel"),
            ("connection pool", ""),
            ("what does foo() do", "foo"),
            ("retry", "retry"),
            ("and/or", "or"),
        ] {
            let written = |name: &WrittenName| match name.container.as_str() {
                "" => name.text.clone(),
                container => format!("{container}/{}", name.text),
            };
            let found: Vec<String> = find_names(text, |_| true).iter().map(written).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        assert!(find_names("snapshot.rs", |token| token != "snapshot.rs").is_empty());
    }
}
