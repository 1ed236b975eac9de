//! Names in a question: what is written as code is, in prose, an identifier.

/// A name that a question asks for, with what it says the name is in: `bar` of `Foo::bar`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::search) struct Name {
    pub text: String,
    /// `Foo` of `Foo::bar`, `Foo.bar`, `Foo#bar`; empty for a name alone.
    pub container: String,
}

/// What stands between the parts of a qualified name.
const SEPARATORS: &[&str] = &["::", "->", "#", ".", "\\"];

/// Names in tokens that are written as code; the only token of a question counts as code. Tokens that
/// `may` not be a name, as the name of a file, are none.
pub(super) fn names(text: &str, may: impl Fn(&str) -> bool) -> Vec<Name> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut found: Vec<Name> = Vec::new();
    for token in tokens.iter().filter(|token| may(token)) {
        let call = token.contains("()");
        let token = trimmed(token);
        let mut parts = token.split(|c| !is_part(c)).filter(|part| !part.is_empty());
        let Some(name) = parts.next_back() else { continue };
        let inner_upper = name.chars().skip(1).any(char::is_uppercase) && name.chars().any(char::is_lowercase);
        let qualified = is_qualified(token);
        if tokens.len() == 1 || inner_upper || name.contains('_') || qualified || call {
            let container = if qualified { parts.next_back().unwrap_or_default() } else { "" };
            let name = Name { text: name.to_owned(), container: container.to_owned() };
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Without what stands around a name: quotes, brackets, the arguments of a call.
fn trimmed(token: &str) -> &str {
    let token = token.trim_start_matches(|c| !is_part(c));
    let end = token.find('(').filter(|end| *end > 0).unwrap_or(token.len());
    token[..end].trim_end_matches(|c| !is_part(c))
}

fn is_qualified(token: &str) -> bool {
    SEPARATORS.iter().any(|separator| token.contains(separator)) && !token.contains('/')
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_prose_and_from_what_they_are_in() {
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
            let written = |name: &Name| match name.container.as_str() {
                "" => name.text.clone(),
                container => format!("{container}/{}", name.text),
            };
            let found: Vec<String> = names(text, |_| true).iter().map(written).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
        assert!(names("snapshot.rs", |token| token != "snapshot.rs").is_empty());
    }
}
