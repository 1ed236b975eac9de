//! Parses queries that consist of a name.

use crate::snapshot::column_block::ChunkMeta;
use text::display::unescape_name;
use text::name_key::{is_same_name, name_key};
use text::unicode::{compose, is_letter_mark};
use types::RepoPath;

/// A parsed query for a name: `bar`, `Foo::bar`, `Foo.bar`, `Foo#bar`, `bar*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameQuery {
    /// The text of the query without quotation marks, brackets and a final `*`, `()` or `!`, for definitions whose
    /// names contain a separator.
    pub(super) full_text: String,
    /// The last part of the text.
    pub name: String,
    /// Names of enclosing containers, files or folders, outermost first.
    pub qualifiers: Vec<String>,
    /// Whether longer names that begin with `name` match.
    pub(super) is_prefix: bool,
}

/// Maximum length of a queried name, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Qualifiers that do not name a container.
const RELATIVE: [&str; 6] = ["crate", "self", "Self", "super", "this", "cls"];

impl NameQuery {
    /// Returns whether longer names that begin with the name match.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Parses a query; returns `None` if it contains no name, or a very long one. Decodes the escapes that
    /// [`unescape_name`] knows, such as `\u{3164}`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = unescape_name(text);
        let text = compose(&text);
        let text = text.trim().trim_matches(['`', '"', '\'']);
        let (text, is_prefix) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        let text = text.strip_suffix("()").or_else(|| text.strip_suffix('!')).unwrap_or(text);
        let text = strip_brackets(text);
        // `r#match` is Rust's way to write the name `match`.
        let text = text.strip_prefix("r#").map_or_else(|| text.replace("::r#", "::"), str::to_owned);
        let parts =
            text.split([':', '.', '#', '/', '\\', '>', ' ']).map(|part| part.trim_matches(|c| !is_name_char(c)));
        let mut parts: Vec<String> = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let name = parts.pop().filter(|name| name.len() <= MAX_NAME_BYTES && name_key(name).next().is_some())?;
        parts.retain(|part| !RELATIVE.contains(&part.as_str()));
        Some(Self { full_text: text, name, qualifiers: parts, is_prefix })
    }

    /// Adds the names in `container` as outer qualifiers.
    pub fn inside(mut self, container: &str) -> Self {
        if let Some(outer) = Self::parse(container) {
            let outer = outer.qualifiers.into_iter().chain([outer.name]);
            self.qualifiers = outer.chain(self.qualifiers).collect();
        }
        self
    }

    /// Returns whether the qualifiers match the container and the file of a definition, or its name contains them
    /// itself.
    pub fn fits(&self, name: &str, container: &str, path: &RepoPath) -> bool {
        self.is_full_text(name) || self.contains_qualifiers(container.rsplit(['.', ':']), path)
    }

    /// Returns whether `name` is the text of the query with its qualifiers, such as `M.open` in Lua.
    fn is_full_text(&self, name: &str) -> bool {
        self.full_text != self.name && self.full_text == name
    }

    /// Removes the qualifiers.
    pub fn anywhere(self) -> Self {
        Self { qualifiers: Vec::new(), ..self }
    }

    /// Returns whether the definition at index `position` of [`ChunkMeta::defines`] may match the qualifiers. Any
    /// earlier definition in the chunk may be its container.
    pub(super) fn may_match_qualifiers(&self, chunk: ChunkMeta<'_>, position: usize, path: &RepoPath) -> bool {
        let names: Vec<&str> = chunk.defines().take(position + 1).collect();
        let Some((name, before)) = names.split_last() else { return false };
        let before = before.iter().rev().copied();
        self.is_full_text(name) || self.contains_qualifiers(before.chain(chunk.container.rsplit(['.', ':'])), path)
    }

    /// Returns whether the qualifiers, read from the innermost outwards, are a subsequence of `containers`, the file's
    /// stem and its folders. `containers` gives the innermost first.
    fn contains_qualifiers<'c>(&self, containers: impl Iterator<Item = &'c str>, path: &'c RepoPath) -> bool {
        let mut remaining = self.qualifiers.iter().rev().peekable();
        let mut parts =
            containers.chain([path.stem()]).chain(path.folder().rsplit('/')).filter(|part| !part.is_empty());
        while let Some(wanted) = remaining.peek() {
            match parts.next() {
                None => return false,
                Some(part) if is_same_name(wanted, strip_type_arguments(part)) => _ = remaining.next(),
                Some(_) => {}
            }
        }
        true
    }
}

/// Removes bracketed type arguments and parameters.
fn strip_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| match c {
        '<' | '(' | '[' => {
            depth += 1;
            false
        }
        '>' | ')' | ']' if depth > 0 => {
            depth -= 1;
            false
        }
        _ => depth == 0,
    };
    text.chars().filter(outside).collect::<String>().trim().to_owned()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '?' | '!' | '=') || is_letter_mark(c)
}

fn strip_type_arguments(part: &str) -> &str {
    part.split('<').next().unwrap_or(part).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> (String, Vec<String>) {
        let query = NameQuery::parse(text).expect("a name");
        (query.name, query.qualifiers)
    }

    #[test]
    fn qualified_names_are_parsed_in_every_notation() {
        for text in ["Foo::bar", "Foo.bar", "Foo#bar", "`Foo->bar()`", "crate::Foo::<T>::bar", "Foo\\bar"] {
            assert_eq!(query(text), ("bar".to_owned(), vec!["Foo".to_owned()]), "{text}");
        }
        assert_eq!(query("Foo::b\\u{3164}r").0, "b\u{3164}r");
        assert_eq!(query("println!").0, "println");
        assert_eq!(query("r#match").0, "match");
        assert_eq!(query("Parser::r#match"), ("match".to_owned(), vec!["Parser".to_owned()]));
        assert_eq!(query("empty?").0, "empty?");
        assert_eq!(query("@name").0, "name");
        assert_eq!(query("Vec<String>").0, "Vec");
        assert_eq!(NameQuery::parse(" :: "), None);
        assert_eq!(NameQuery::parse("*"), None);
        assert_eq!(NameQuery::parse(&"a".repeat(10_000)), None);
    }
}
