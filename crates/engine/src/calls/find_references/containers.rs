//! Tells the uses of `Store.open` from those of other definitions named `open`.
//!
//! Types are not known, so the code around a use decides whose definition it is of. It may name a container as its
//! receiver (`Cache.open`), as the type of its receiver (`cache: Cache`, `cache = Cache()`), or as the class in which
//! `self` stands, or a base of this class. If it names none, the use may be of any definition.

use std::ops::Range;

use super::super::find_symbol::find_symbol_in;
use super::super::matching_symbols::{SymbolHit, SymbolQuery};
use crate::error::EngineError;
use crate::query_source::QuerySource;
use platform::cancel::CancelToken;
use search::{NameMatch, NameQuery, QualifierFit};
use source::parse::{ReferenceKind, ReferenceSite, find_whole_word};
use text::name_key::is_same_name;
use types::{Language, RepoPath, Symbol, SymbolKind, container_names};

/// Maximum number of definitions of a name that are compared.
const MAX_COMPARED: usize = 64;

/// Maximum number of containers whose declarations are read.
const MAX_CONTAINERS: usize = 24;

/// Words for the object or type around a method.
const SELF_WORDS: [&str; 6] = ["self", "this", "Self", "cls", "static", "@"];

/// Words for the container above a method's own, whose definition may be the requested one; each with its only
/// language, if it is a name in others.
const SUPER_WORDS: [(&str, Option<&str>); 3] = [("super", None), ("base", Some("csharp")), ("parent", Some("php"))];

/// Functions that return a value of the type on which they are called.
const CONSTRUCTOR_WORDS: [&str; 7] = ["new", "New", "default", "create", "instance", "getInstance", "shared"];

/// Languages in which a method is called on a receiver only.
const EXPLICIT_RECEIVER: [&str; 9] = ["python", "javascript", "jsx", "typescript", "tsx", "rust", "go", "php", "lua"];

/// The definitions in the container that a qualified name requests, and the containers of the other definitions.
pub(super) struct ContainerFilter {
    name: NameQuery,
    /// How closely the qualifiers match the requested definitions. `Store.open` in store.rs is not the method of
    /// another type in this file.
    fit: QualifierFit,
    /// Number of other definitions of the name, as far as they were compared.
    pub other_definitions: usize,
    /// Innermost names of the requested containers.
    own: Vec<String>,
    /// Innermost names of other containers that are bases or implementations of the requested ones, or the other way
    /// round. A value of such a type may be one of a requested container.
    related: Vec<String>,
    /// Innermost names of the other containers that are not related.
    others: Vec<String>,
    /// Files with a requested definition outside of any container.
    own_files: Vec<RepoPath>,
    /// Files with another definition of the name outside of any container.
    other_files: Vec<RepoPath>,
    /// Whether all requested definitions are methods.
    is_method: bool,
}

/// The definition that a use refers to, as far as the code around the use tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UseOwner {
    /// A requested definition.
    Requested,
    /// Perhaps a requested one: neither the use nor the code around it names a container.
    Unknown,
    /// A definition in another container.
    Other,
}

/// A file whose uses are compared with the containers.
pub(super) struct FileScope<'f> {
    pub path: &'f RepoPath,
    pub language: Language,
    pub lines: &'f [&'f str],
    pub symbols: &'f [Symbol],
    pub sites: &'f [ReferenceSite],
}

/// The receiver of a use, as the text before it gives it.
#[derive(Debug, PartialEq, Eq)]
enum Receiver<'l> {
    /// No receiver.
    Absent,
    /// One of [`SELF_WORDS`], such as `self`.
    Myself,
    /// A variable, type or module.
    Named(&'l str),
    /// A new value of the named type.
    Created(&'l str),
    /// An expression of an unknown type.
    Unknown,
}

impl ContainerFilter {
    /// Finds the definitions of a qualified name; `None` if its container has no such definition.
    ///
    /// # Errors
    /// Fails like [`find_symbol_in`].
    pub fn find<S: QuerySource + ?Sized>(
        source: &S,
        text: &str,
        cancel: &CancelToken,
    ) -> Result<Option<Self>, EngineError> {
        let Some(name) = NameQuery::parse(text).filter(|name| !name.qualifiers.is_empty()) else { return Ok(None) };
        let find = |name: &str, limit: usize| {
            let query = SymbolQuery { name: name.to_owned(), limit, ..SymbolQuery::default() };
            Ok::<_, EngineError>(find_symbol_in(source, &query, cancel)?.symbols)
        };
        let is_exact = |hit: &SymbolHit| hit.how == NameMatch::Exact;
        let fit_of = |hit: &SymbolHit| name.fit(&hit.symbol.name, &hit.symbol.container, &hit.path);
        let mut definitions = find(text, MAX_COMPARED)?;
        definitions.retain(is_exact);
        let Some(fit) = definitions.iter().filter_map(fit_of).min() else { return Ok(None) };
        let fits = |hit: &SymbolHit| fit_of(hit) == Some(fit);
        definitions.retain(fits);
        let mut other_definitions = find(&name.name, MAX_COMPARED)?;
        other_definitions.retain(|hit| is_exact(hit) && !fits(hit));
        let mut own: Vec<String> = name.qualifiers.last().cloned().into_iter().collect();
        own.extend(definitions.iter().filter(|hit| !hit.symbol.container.is_empty()).map(innermost_container));
        let mut others: Vec<String> = Vec::new();
        for container in other_definitions.iter().map(innermost_container) {
            if others.len() < MAX_CONTAINERS && !own.contains(&container) && !others.contains(&container) {
                others.push(container);
            }
        }
        // A base class or an interface may stand for the requested type, and the other way round.
        let is_interface = |hit: &SymbolHit| matches!(hit.symbol.kind, SymbolKind::Interface | SymbolKind::Trait);
        let declares = |name: &String| {
            let mut declarations = find(name, 2)?;
            declarations.retain(is_exact);
            Ok::<_, EngineError>(declarations)
        };
        let own_declarations: Vec<SymbolHit> =
            own.iter().map(declares).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let mentions = |hit: &SymbolHit, name: &String| find_whole_word(&hit.symbol.signature, name).next().is_some();
        let (mut related, mut unrelated) = (Vec::new(), Vec::new());
        for other in others {
            let declarations = declares(&other)?;
            let is_related = own_declarations.iter().any(|hit| is_interface(hit) || mentions(hit, &other))
                || declarations.iter().any(|hit| is_interface(hit) || own.iter().any(|name| mentions(hit, name)));
            if is_related { related.push(other) } else { unrelated.push(other) }
        }
        let files_outside = |hits: &[SymbolHit]| {
            hits.iter().filter(|hit| hit.symbol.container.is_empty()).map(|hit| hit.path.clone()).collect()
        };
        Ok(Some(Self {
            own_files: files_outside(&definitions),
            other_files: files_outside(&other_definitions),
            is_method: definitions.iter().all(|hit| hit.symbol.kind == SymbolKind::Method),
            other_definitions: other_definitions.len(),
            others: unrelated,
            related,
            name,
            fit,
            own,
        }))
    }

    /// Returns whether a definition of the name is a requested one.
    pub fn requests(&self, symbol: &Symbol, path: &RepoPath) -> bool {
        self.name.fit(&symbol.name, &symbol.container, path) == Some(self.fit)
    }

    /// Decides which definition a use refers to.
    pub fn owner_of(&self, site: &ReferenceSite, file: &FileScope<'_>) -> UseOwner {
        use UseOwner::{Other, Requested, Unknown};
        if site.kind == ReferenceKind::Text {
            return Unknown;
        }
        let defined = file.symbols.iter().find(|symbol| {
            site.kind == ReferenceKind::Definition && symbol.name == self.name.name && symbol.span.contains(site.line)
        });
        if let Some(symbol) = defined {
            return if self.requests(symbol, file.path) { Requested } else { Other };
        }
        let line = file.line(site.line);
        let before: String = line.chars().take((site.column as usize).saturating_sub(1)).collect();
        match receiver_before(&before) {
            Receiver::Unknown => Unknown,
            Receiver::Absent if before.trim().is_empty() && ends_in_separator(file.line(site.line - 1)) => Unknown,
            Receiver::Absent if site.kind == ReferenceKind::Definition => {
                if self.is_method {
                    Other
                } else {
                    Requested
                }
            }
            Receiver::Absent => self.owner_of_bare_use(site, line, file),
            Receiver::Myself => self.owner_of_self(site.line, file),
            // The definition of a base of the class, which is another one in the requested container itself.
            Receiver::Named(name) | Receiver::Created(name) if is_super(name, file.language) => {
                if file.is_within(site.line, &self.own) { Other } else { self.owner_by_bases(site.line, file) }
            }
            Receiver::Created(name) => self.owner_named(|other| is_same_name(other, name)),
            Receiver::Named(name) if self.own.iter().any(|own| is_same_name(own, name)) => Requested,
            Receiver::Named(name) => self.owner_of_value(name, site, file),
        }
    }

    /// Returns the owner by the containers that `is_named` accepts: requested ones win over unrelated ones, and these
    /// over related ones, which count as requested. Unknown if it accepts none.
    fn owner_named(&self, is_named: impl Fn(&str) -> bool) -> UseOwner {
        let names = |names: &[String]| names.iter().any(|name| is_named(name));
        match () {
            () if names(&self.own) => UseOwner::Requested,
            () if names(&self.others) => UseOwner::Other,
            () if names(&self.related) => UseOwner::Requested,
            () => UseOwner::Unknown,
        }
    }

    /// Decides which definition a use on `self` refers to, by the containers around it and their bases.
    fn owner_of_self(&self, line: u32, file: &FileScope<'_>) -> UseOwner {
        let within = |name: &str| file.containers_of(line).any(|container| container == name);
        match self.owner_named(within) {
            UseOwner::Unknown => self.owner_by_bases(line, file),
            owner => owner,
        }
    }

    /// Decides which definition a class around a line inherits, by the bases that its signature names.
    fn owner_by_bases(&self, line: u32, file: &FileScope<'_>) -> UseOwner {
        let is_around = |symbol: &&Symbol| symbol.kind.is_container() && symbol.span.contains(line);
        let signatures: Vec<&str> =
            file.symbols.iter().filter(is_around).map(|symbol| symbol.signature.as_str()).collect();
        self.owner_named(|name| signatures.iter().any(|text| find_whole_word(text, name).next().is_some()))
    }

    /// Decides which definition a use without a receiver refers to.
    fn owner_of_bare_use(&self, site: &ReferenceSite, line: &str, file: &FileScope<'_>) -> UseOwner {
        use UseOwner::{Other, Requested, Unknown};
        if file.is_within(site.line, &self.own) {
            return Requested;
        }
        let names =
            |line: &str, names: &[String]| names.iter().any(|name| find_whole_word(line, name).next().is_some());
        let is_own_or_other = |line: &str| (names(line, &self.own), names(line, &self.others));
        let imports = file.sites.iter().filter(|other| other.kind == ReferenceKind::Import);
        let imported = imports.map(|import| is_own_or_other(file.line(import.line)));
        let (own, other) = match site.kind {
            ReferenceKind::Import => is_own_or_other(line),
            _ => imported.fold((false, false), |(own, other), (a, b)| (own || a, other || b)),
        };
        if own || other {
            return if own { Requested } else { Other };
        }
        if self.is_method && EXPLICIT_RECEIVER.contains(&file.language.0) {
            // A method may have been taken from its object: `const { open } = store`.
            let is_symbol = |site: &ReferenceSite| {
                file.symbols.iter().any(|symbol| symbol.name == self.name.name && symbol.span.contains(site.line))
            };
            let is_local = |other: &ReferenceSite| other.kind == ReferenceKind::Definition && !is_symbol(other);
            let is_call = matches!(site.kind, ReferenceKind::Call | ReferenceKind::Import);
            return if is_call && !file.sites.iter().any(is_local) { Other } else { Unknown };
        }
        match self.owner_of_self(site.line, file) {
            UseOwner::Unknown if self.own_files.contains(file.path) => Requested,
            UseOwner::Unknown if self.other_files.contains(file.path) => Other,
            // A function that is defined once needs no other hint.
            UseOwner::Unknown if !self.is_method && self.other_definitions == 0 => Requested,
            owner => owner,
        }
    }

    /// Decides which definition a use on a variable refers to, by the variable's declared type, or by its name.
    fn owner_of_value(&self, variable: &str, site: &ReferenceSite, file: &FileScope<'_>) -> UseOwner {
        let around = file.symbols.iter().filter(|symbol| symbol.span.contains(site.line));
        let innermost = around.max_by_key(|symbol| symbol.span.start_line);
        let whole = 0..file.lines.len();
        let function = innermost.map(|symbol| symbol.span.start_line as usize - 1..symbol.span.end_line as usize);
        let ranges = function.into_iter().chain([whole]);
        let declared = ranges.map(|range| self.owner_named(|name| declares_as(file, range.clone(), variable, name)));
        declared
            .into_iter()
            .find(|owner| *owner != UseOwner::Unknown)
            .unwrap_or_else(|| self.owner_named(|name| is_same_name(name, variable)))
    }
}

impl<'f> FileScope<'f> {
    fn line(&self, line: u32) -> &'f str {
        (line as usize).checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or_default()
    }

    /// Returns whether a line is inside of a container with one of these names.
    fn is_within(&self, line: u32, names: &[String]) -> bool {
        self.containers_of(line).any(|container| names.iter().any(|name| name == container))
    }

    /// Returns the names of the definitions around a line and of their containers.
    fn containers_of(&self, line: u32) -> impl Iterator<Item = &'f str> {
        let around = self.symbols.iter().filter(move |symbol| symbol.span.contains(line));
        around.flat_map(|symbol| container_names(&symbol.container).chain([symbol.name.as_str()]))
    }
}

/// Returns the innermost container of a definition; for one outside of any container, the name of its file.
fn innermost_container(hit: &SymbolHit) -> String {
    container_names(&hit.symbol.container).next().unwrap_or_else(|| hit.path.stem()).to_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '@')
}

fn is_super(word: &str, language: Language) -> bool {
    SUPER_WORDS.iter().any(|(known, only)| *known == word && only.is_none_or(|only| only == language.0))
}

/// Returns the text before the last word of a text, and that word, which is empty if the text ends in another
/// character.
fn split_last_word(text: &str) -> (&str, &str) {
    text.split_at(text.trim_end_matches(is_word).len())
}

/// Removes the separator between a receiver and a name, such as `.`, `?.`, `::` or `->`; `None` without one.
fn strip_separator(before: &str) -> Option<&str> {
    let trimmed = before.trim_end();
    let separator = ["?.", "!.", "&.", ".", "::", "?->", "->"].into_iter().find(|end| trimmed.ends_with(end));
    separator.map(|separator| trimmed[..trimmed.len() - separator.len()].trim_end())
}

fn ends_in_separator(line: &str) -> bool {
    strip_separator(line).is_some()
}

/// Removes a balanced pair of brackets from the end of a text; `None` if it does not end in one.
fn strip_pair(text: &str, open: char, close: char) -> Option<&str> {
    let mut depth = 0_usize;
    for (at, c) in text.strip_suffix(close).map(|_| text)?.char_indices().rev() {
        depth = if c == close { depth + 1 } else { depth - usize::from(c == open) };
        if depth == 0 {
            return Some(text[..at].trim_end());
        }
    }
    None
}

/// Returns the receiver that ends the text before a use.
fn receiver_before(before: &str) -> Receiver<'_> {
    let Some(object) = strip_separator(before) else { return Receiver::Absent };
    // In a turbofish, the separator stands before the type arguments: `Store::<T>::open`.
    let plain = strip_pair(object, '<', '>').map_or(object, |object| strip_separator(object).unwrap_or(object));
    let created = strip_pair(plain, '(', ')').or_else(|| strip_pair(plain, '{', '}'));
    let (outer, word) = split_last_word(created.unwrap_or(plain));
    let word = word.trim_start_matches('$');
    match created {
        _ if word.is_empty() => Receiver::Unknown,
        None if SELF_WORDS.contains(&word) => Receiver::Myself,
        None if word.starts_with('@') => Receiver::Named(word.trim_start_matches('@')),
        None => Receiver::Named(word),
        Some(_) if CONSTRUCTOR_WORDS.contains(&word) => match strip_separator(outer).map(split_last_word) {
            Some((_, name)) if !name.is_empty() => Receiver::Created(name),
            _ => Receiver::Unknown,
        },
        // `NewStore()` returns a `Store` in Go.
        Some(_) => Receiver::Created(word.strip_prefix("New").filter(|name| !name.is_empty()).unwrap_or(word)),
    }
}

/// Returns whether a line of `range` declares `variable` with the type `name`: `store: Store`, `store := NewStore()`,
/// `store = Store(…)`, `store *Store`, `Store store`.
fn declares_as(file: &FileScope<'_>, range: Range<usize>, variable: &str, name: &str) -> bool {
    let constructor = format!("New{name}");
    let lines = file.lines.get(range).unwrap_or_default();
    lines.iter().any(|line| {
        find_whole_word(line, variable).any(|at| {
            let (before, after) = (line[..at].trim_end(), line[at + variable.len()..].trim_start());
            let before = before.trim_end_matches(['*', '&', '?']).trim_end();
            let before = strip_pair(before, '<', '>').unwrap_or(before);
            let first = after.trim_start_matches(['*', '&']);
            let is_typed = first.starts_with(name) || after.starts_with([':', '=']) && !after.starts_with("==");
            let type_text = after.split([',', ';']).next().unwrap_or_default();
            let type_text =
                if after.starts_with(':') { type_text.split(')').next().unwrap_or_default() } else { type_text };
            let is_named = |word: &str| find_whole_word(type_text, word).next().is_some();
            split_last_word(before).1 == name || is_typed && (is_named(name) || is_named(&constructor))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiver_of_a_use_is_read_from_its_line() {
        for (before, receiver) in [
            ("x = ", Receiver::Absent),
            ("foo(", Receiver::Absent),
            ("return self.", Receiver::Myself),
            ("$this->", Receiver::Myself),
            ("super().", Receiver::Created("super")),
            ("super.", Receiver::Named("super")),
            ("let s = Store::", Receiver::Named("Store")),
            ("let s = Store::<Vec<T>>::", Receiver::Named("Store")),
            ("a.store?.", Receiver::Named("store")),
            ("$store->", Receiver::Named("store")),
            ("Store(1, (2)).", Receiver::Created("Store")),
            ("new Store().", Receiver::Created("Store")),
            ("Store::new(x).", Receiver::Created("Store")),
            ("NewStore().", Receiver::Created("Store")),
            ("Store{}.", Receiver::Created("Store")),
            (").", Receiver::Unknown),
            ("a[0].", Receiver::Unknown),
            ("    .", Receiver::Unknown),
        ] {
            assert_eq!(receiver_before(before), receiver, "{before}");
        }
    }
}
