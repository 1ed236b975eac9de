//! Parses queries that consist of a name.

use crate::snapshot::column_block::ChunkMeta;
use text::display::unescape_name;
use text::name_key::{is_same_name, name_key};
use text::unicode::{compose, is_letter_mark};
use types::{RepoPath, container_names};

/// A parsed query for a name: `bar`, `Foo::bar`, `Foo.bar`, `Foo#bar`, `bar*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameQuery {
    /// The text of the query without quotation marks, bracketed parts and a final `*`, `()` or `!`, for definitions
    /// whose names contain a separator.
    pub(super) full_text: String,
    /// The last part of the text.
    pub name: String,
    /// Names of enclosing containers, files or folders, outermost first.
    pub qualifiers: Vec<String>,
    /// Whether longer names that begin with `name` match.
    pub(super) is_prefix: bool,
}

/// How closely the qualifiers of a query match the surroundings of a definition, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QualifierFit {
    /// The qualifiers are the innermost containers, without a gap.
    Chain,
    /// The last qualifier is the innermost container. Others are outer containers, the file or its folders.
    Innermost,
    /// The last qualifier is an outer container.
    Nested,
    /// The qualifiers name the file or its folders.
    Path,
}

/// Maximum length of a queried name, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Qualifiers that do not name a container.
const RELATIVE: [&str; 6] = ["crate", "self", "Self", "super", "this", "cls"];

/// Returns whether a qualifier, such as `self`, names no container.
pub(crate) fn is_relative(qualifier: &str) -> bool {
    RELATIVE.contains(&qualifier)
}

impl NameQuery {
    /// Returns whether longer names that begin with the name match.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Parses a query; returns `None` if it contains no name, or one of more than 200 bytes. Decodes the escapes that
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
        parts.retain(|part| !is_relative(part));
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

    /// Returns how closely the qualifiers match the container and the path of a definition; `None` if they do not
    /// match. The fit is [`QualifierFit::Chain`] without qualifiers, and if `name` is the query with its qualifiers.
    pub fn fit(&self, name: &str, container: &str, path: &RepoPath) -> Option<QualifierFit> {
        let containers: Vec<&str> = container_names(container).collect();
        if self.is_full_text(name) { Some(QualifierFit::Chain) } else { self.fit_qualifiers(&[], &containers, path) }
    }

    /// Returns whether `name` is the text of the query with its qualifiers, such as `M.open` in Lua.
    fn is_full_text(&self, name: &str) -> bool {
        self.full_text != self.name && self.full_text == name
    }

    /// Removes the qualifiers.
    pub fn anywhere(self) -> Self {
        Self { qualifiers: Vec::new(), ..self }
    }

    /// Returns the closest possible fit of the definition at index `position` of [`ChunkMeta::defines`]; `None` if the
    /// qualifiers do not match. Any earlier definition in the chunk may be its container.
    pub(super) fn best_fit(&self, chunk: ChunkMeta<'_>, position: usize, path: &RepoPath) -> Option<QualifierFit> {
        if self.qualifiers.is_empty() {
            return Some(QualifierFit::Chain);
        }
        let mut names: Vec<&str> = chunk.defines().take(position + 1).collect();
        let name = names.pop()?;
        names.reverse();
        let containers: Vec<&str> = container_names(chunk.container).collect();
        if self.is_full_text(name) { Some(QualifierFit::Chain) } else { self.fit_qualifiers(&names, &containers, path) }
    }

    /// Returns how closely the qualifiers match; `None` unless, from the innermost outwards, they are a subsequence of
    /// `possible`, `containers`, the file's stem and its folders. Any of the names in `possible` may be a container
    /// inside of `containers`. Both lists begin with the innermost.
    fn fit_qualifiers(&self, possible: &[&str], containers: &[&str], path: &RepoPath) -> Option<QualifierFit> {
        let wanted: Vec<&str> = self.qualifiers.iter().rev().map(String::as_str).collect();
        let Some(last) = wanted.first() else { return Some(QualifierFit::Chain) };
        let above = [path.stem()].into_iter().chain(path.folder().rsplit('/')).filter(|part| !part.is_empty());
        let all = possible.iter().chain(containers).copied().chain(above);
        if !contains_in_order(&wanted, all) {
            return None;
        }
        let is_chain = |inner: usize| {
            let (inner, outer) = wanted.split_at(inner);
            let is_same = |(wanted, container): (&&str, &&str)| is_same_name(wanted, container);
            contains_in_order(inner, possible.iter().copied())
                && outer.len() <= containers.len()
                && outer.iter().zip(containers).all(is_same)
        };
        let is_last = |container: &&str| is_same_name(last, container);
        Some(match () {
            () if (0..=wanted.len()).any(is_chain) => QualifierFit::Chain,
            () if possible.iter().chain(containers.first()).any(is_last) => QualifierFit::Innermost,
            () if containers.iter().any(is_last) => QualifierFit::Nested,
            () => QualifierFit::Path,
        })
    }
}

/// Returns whether the names are a subsequence of `parts`, ignoring case and separators.
fn contains_in_order<'c>(names: &[&str], mut parts: impl Iterator<Item = &'c str>) -> bool {
    names.iter().all(|name| parts.any(|part| is_same_name(name, part)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> (String, Vec<String>) {
        let query = NameQuery::parse(text).expect("a name");
        (query.name, query.qualifiers)
    }

    #[test]
    fn containers_fit_better_than_files() {
        use QualifierFit::{Chain, Innermost, Nested, Path};
        for (text, container, path, fit) in [
            ("Rack::Request#params", "Rack.Request", "lib/rack/request.rb", Some(Chain)),
            ("Rack::Request#params", "Request", "lib/rack/request.rb", Some(Innermost)),
            ("Rack::Request#params", "Rack.Request.Helpers", "lib/rack/request.rb", Some(Nested)),
            ("Rack::Request#params", "Rack.Helpers", "lib/rack/request.rb", Some(Path)),
            ("Rack::Request#params", "Rack.Helpers", "lib/rack/helpers.rb", None),
            ("Rack::Request#params", "Helpers", "lib/rack/request.rb", Some(Path)),
            ("Http\\Kernel->handle", "App.Http.Kernel", "src/a.php", Some(Chain)),
            ("ns::Map::get", "ns.Map<std::string, a.B>", "map.hpp", Some(Chain)),
            ("Map.Entry.key", "Map<K, V>.Entry", "Map.java", Some(Chain)),
            ("Map.key", "Map<K, V>.Entry", "Map.java", Some(Nested)),
            ("params", "Rack.Request", "lib/rack/request.rb", Some(Chain)),
            ("Other.params", "Rack.Request", "lib/rack/request.rb", None),
        ] {
            let query = NameQuery::parse(text).expect("a name");
            assert_eq!(query.fit(&query.name, container, &RepoPath::new(path)), fit, "{text} {container}");
        }
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
