//! The names that a file or a container defines, for a message about one that it does not define.

use std::collections::HashSet;
use std::fmt;

use search::{NameMatch, NameQuery, match_similar_name};
use text::display::escape_name;
use text::edit_distance::count_edits_within;
use text::name_key::{is_same_name, name_key};
use types::{Symbol, container_names, qualified_name};

/// Maximum number of names that are suggested.
const MAX_NEAR: usize = 3;

/// Maximum number of names that are listed.
const MAX_LISTED: usize = 10;

/// Names that are defined in place of a requested one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinedNames {
    /// The names spelled alike or with the same words, best first.
    near: Vec<String>,
    /// The container that has the names; `None` for the names of a whole file.
    container: Option<String>,
    /// The first names, in the order of the file.
    listed: Vec<String>,
    /// Number of names that are not listed.
    more: usize,
}

impl DefinedNames {
    /// Returns the names of `symbols`, or of their members of the container that qualifies `name`, if there are any.
    pub(crate) fn new(symbols: &[Symbol], name: &str) -> Self {
        let query = NameQuery::parse(name);
        let wanted = query.as_ref().and_then(|query| query.qualifiers.last());
        let is_member = |symbol: &&Symbol| {
            let inner = container_names(&symbol.container).next();
            inner.zip(wanted).is_some_and(|(inner, wanted)| is_same_name(inner, wanted))
        };
        let members: Vec<&Symbol> = symbols.iter().filter(is_member).collect();
        let container = members.first().and_then(|member| container_names(&member.container).next());
        let all: Vec<&Symbol> = if members.is_empty() { symbols.iter().collect() } else { members };
        let mut seen = HashSet::new();
        let names: Vec<&str> =
            all.into_iter().map(|symbol| symbol.name.as_str()).filter(|name| seen.insert(*name)).collect();
        let mut near: Vec<(NameDistance, &str)> = match &query {
            Some(query) => {
                let distance_to = NameDistance::from_query(query);
                names.iter().filter_map(|name| Some((distance_to(name)?, *name))).collect()
            }
            None => Vec::new(),
        };
        near.sort_by_key(|(distance, _)| *distance);
        let near = near.into_iter().take(MAX_NEAR);
        let near = near.map(|(_, name)| qualified_name(container.unwrap_or_default(), name)).collect();
        let listed: Vec<String> = names.iter().take(MAX_LISTED).map(|name| (*name).to_owned()).collect();
        Self { near, container: container.map(str::to_owned), more: names.len() - listed.len(), listed }
    }

    /// Returns whether the names are those of a container.
    pub(crate) fn has_container(&self) -> bool {
        self.container.is_some()
    }

    /// Returns whether one of the names is similar to the requested one.
    pub(crate) fn has_near(&self) -> bool {
        !self.near.is_empty()
    }
}

impl fmt::Display for DefinedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |names: &[String], word: &str| {
            let names: Vec<_> = names.iter().map(|name| escape_name(name)).collect();
            names.join(word)
        };
        if self.has_near() {
            write!(f, "did you mean {}? ", join(&self.near, " or "))?;
        }
        match &self.container {
            Some(container) => write!(f, "{} has ", escape_name(container))?,
            None => f.write_str("it defines ")?,
        }
        if self.listed.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&join(&self.listed, ", "))?;
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

/// How far a name is from the requested one: the number of typos, then the names with its words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NameDistance {
    Typos(usize),
    Words,
}

impl NameDistance {
    /// Returns a function that compares names with the requested one. It returns `None` for a name that is not near.
    fn from_query(query: &NameQuery) -> impl Fn(&str) -> Option<Self> {
        let wanted: String = name_key(&query.name).collect();
        let max_typos = match wanted.chars().count() {
            0..=2 => 0,
            3..=5 => 1,
            _ => 2,
        };
        let match_words = match_similar_name(query);
        move |name| {
            let key: String = name_key(name).collect();
            let has_words = || match_words(name).is_some_and(|(found, _)| found == NameMatch::Partial);
            let typos = count_edits_within(&wanted, &key, max_typos).map(Self::Typos);
            typos.or_else(|| has_words().then_some(Self::Words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Span, SymbolKind};

    fn symbol(container: &str, name: &str) -> Symbol {
        Symbol {
            name: name.to_owned(),
            kind: SymbolKind::Function,
            container: container.to_owned(),
            signature: String::new(),
            span: Span { start_line: 1, end_line: 1 },
        }
    }

    #[test]
    fn a_similar_name_comes_before_a_short_list() {
        let mut symbols: Vec<Symbol> = (0..12).map(|number| symbol("", &format!("step{number}"))).collect();
        symbols.extend([symbol("Terminal", "Loop"), symbol("Terminal", "send_all")]);
        let describe = |name: &str| DefinedNames::new(&symbols, name).to_string();
        let file = "it defines step0, step1, step2, step3, step4, step5, step6, step7, step8, step9 and 4 more";
        assert_eq!(describe("Lop"), format!("did you mean Loop? {file}"));
        assert_eq!(describe("quux"), file);
        assert_eq!(describe("Terminal::Lop"), "did you mean Terminal.Loop? Terminal has Loop, send_all");
        assert_eq!(describe("Terminal.send"), "did you mean Terminal.send_all? Terminal has Loop, send_all");
        assert_eq!(DefinedNames::new(&[], "Lop").to_string(), "it defines nothing");
    }
}
