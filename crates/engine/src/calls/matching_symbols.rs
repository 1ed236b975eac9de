//! Describes the definitions that match a name, using the index alone.
//!
//! A chunk stores the lines, kind, container and signature of each definition whose name it contains.

use std::sync::Arc;

use crate::error::{EngineError, fail_if_cancelled};
use platform::cancel::CancelToken;
use search::{ChunkMeta, Filter, NameMatch, NameQuery, NamedDefinition, Snapshot};
use source::parse;
use store::ChunkText;
use types::{Language, RepoPath, Span, Symbol, SymbolKind, is_declaration, qualified_name};

/// The name whose definitions to find, and which of them to return.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolQuery {
    /// `bar`, `Foo::bar`, `Foo.bar` or `Foo#bar`; `bar*` for names with this prefix. Filters may follow, as in a
    /// search: `bar -test path:src`.
    pub name: String,
    /// The enclosing definition, such as `Foo` or `outer.Foo`.
    pub container: Option<String>,
    /// Kinds to return; empty for all. `function` includes methods, constructors, tests and macros, `method` includes
    /// constructors, `type` includes classes, structs, enums, interfaces and the like.
    pub kinds: Vec<SymbolKind>,
    pub filter: Filter,
    /// Number of the best definitions to skip.
    pub offset: usize,
    /// Maximum number of definitions to return.
    pub limit: usize,
}

/// A definition that matches a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolHit {
    pub path: RepoPath,
    pub language: Language,
    pub symbol: Symbol,
    /// The kind of match between the requested name and the definition's name.
    pub how: NameMatch,
    /// Whether the file on disk differs from the indexed one.
    pub stale: bool,
    /// Whether the definition only declares a function or a type, as [`is_declaration`] says.
    pub is_declaration: bool,
}

/// Number of matches whose texts are read at once.
const TEXTS_PER_READ: usize = 32;

/// Maximum number of matches examined for a page; matches that are skipped unread do not count.
const MAX_EXAMINED: usize = 2_000;

/// A match with the chunk that describes it.
pub(super) struct DescribedSymbol {
    pub hit: SymbolHit,
    pub chunk: u32,
    /// The stored text of the chunk.
    pub text: String,
}

/// Returns the requested page of matches, and whether more follow or were not examined. Leaves out matches whose stored
/// text is damaged.
pub(super) fn page_of_symbols(
    snapshot: &Arc<Snapshot>,
    found: &[NamedDefinition],
    name: &NameQuery,
    query: &SymbolQuery,
    cancel: &CancelToken,
) -> Result<(Vec<DescribedSymbol>, bool), EngineError> {
    // Without a kind or a container to check, skipped matches need not be read.
    let is_plain = query.kinds.is_empty() && name.qualifiers.is_empty();
    let (unread, pass) = if is_plain { (query.offset, 0) } else { (0, query.offset) };
    let rest = found.get(unread..).unwrap_or_default();
    let needed = pass.saturating_add(query.limit);
    let mut symbols = Vec::new();
    for step in rest[..rest.len().min(MAX_EXAMINED)].chunks(TEXTS_PER_READ) {
        fail_if_cancelled(cancel)?;
        // No later match fits better than the next one may.
        let next = step.first().map(|named| named.order_key(named.best_fit));
        if symbols.iter().filter(|(key, _)| Some(*key) <= next).count() > needed {
            break;
        }
        let chunks: Vec<_> = step.iter().map(|named| named.chunk).collect();
        let texts = snapshot.read_texts(&chunks)?;
        for (named, text) in step.iter().zip(texts).filter(|(_, text)| !text.is_damaged) {
            let file = &snapshot.files[snapshot.file_of_chunk(named.chunk)];
            let symbol = describe_match(snapshot, named, &text);
            let is_kind =
                query.kinds.is_empty() || query.kinds.iter().any(|requested| kind_includes(*requested, symbol.kind));
            let fit = name.fit(&symbol.name, &symbol.container, &file.path);
            if !is_kind || fit.is_none() {
                continue;
            }
            let (path, language) = (file.path.clone(), file.language);
            let own = symbol_text(&symbol.span, snapshot.chunk(named.chunk).span, &text.text);
            let is_declaration = is_declaration(language, symbol.kind, &own);
            let hit = SymbolHit { path, language, symbol, how: named.name_match, stale: false, is_declaration };
            let described = DescribedSymbol { hit, chunk: named.chunk, text: text.text };
            symbols.push((named.order_key(fit), described));
        }
    }
    let more = symbols.len() > needed || rest.len() > MAX_EXAMINED;
    symbols.sort_by_key(|(key, _)| *key);
    Ok((symbols.into_iter().skip(pass).take(query.limit).map(|(_, symbol)| symbol).collect(), more))
}

/// Returns whether a request for one kind includes the other.
pub(super) fn kind_includes(requested: SymbolKind, kind: SymbolKind) -> bool {
    use SymbolKind::{Class, Constructor, Enum, Function, Interface, Macro, Method, Struct, Test, Trait, Type, Union};
    let also: &[SymbolKind] = match requested {
        Function => &[Method, Constructor, Test, Macro],
        Method => &[Constructor],
        Type => &[Class, Struct, Union, Enum, Interface, Trait],
        _ => &[],
    };
    requested == kind || also.contains(&kind)
}

/// Describes the definition that a match in a chunk refers to.
fn describe_match(snapshot: &Snapshot, named: &NamedDefinition, text: &ChunkText) -> Symbol {
    let chunk = snapshot.chunk(named.chunk);
    let name = chunk.defines().nth(named.position).unwrap_or_default();
    let stored = text.definitions.get(named.position).filter(|definition| definition.name == name);
    stored.cloned().unwrap_or_else(|| symbol_by_line(&chunk, name, &text.text))
}

/// Returns the lines of a definition that are in the text of the lines `around`.
fn symbol_text(span: &Span, around: Span, text: &str) -> String {
    let first = span.start_line.saturating_sub(around.start_line) as usize;
    let count = (span.end_line + 1).saturating_sub(span.start_line.max(around.start_line)) as usize;
    text.lines().skip(first).take(count).collect::<Vec<_>>().join("\n")
}

/// Returns the kind of a function inside of a container of this kind.
fn kind_inside(around: SymbolKind) -> SymbolKind {
    match around {
        SymbolKind::Module | SymbolKind::Section => SymbolKind::Function,
        _ => SymbolKind::Method,
    }
}

/// Describes a definition by the first line with its name in the chunk, for an index of schema 3, which stores only the
/// names.
fn symbol_by_line(chunk: &ChunkMeta<'_>, name: &str, text: &str) -> Symbol {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let at = parse::find_whole_word(text, last).next().unwrap_or(0);
    let index = text[..at].matches('\n').count();
    let line = text.lines().nth(index).unwrap_or_default().trim();
    let start_line = chunk.span.start_line + u32::try_from(index).expect("a chunk has fewer than 2^32 lines");
    let is_around = chunk.kind.is_container();
    Symbol {
        name: name.to_owned(),
        kind: if is_around { kind_inside(chunk.kind) } else { chunk.kind },
        container: if is_around { qualified_name(chunk.container, chunk.symbol) } else { chunk.container.to_owned() },
        signature: line.chars().take(160).collect::<String>().trim_end_matches(['{', ' ', ':']).to_owned(),
        span: Span { start_line, end_line: start_line },
    }
}
