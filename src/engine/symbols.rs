//! Definitions by name, from the index alone.
//!
//! A chunk of several small definitions keeps their names, and the kind of the first; what is shown
//! of another one is told by parsing the chunk, which is short.

use std::sync::Arc;
use std::time::Duration;

use super::{Coverage, Engine, EngineError, coverage};
use crate::parse::{self, SourceFile};
use crate::search::{ChunkMeta, Filter, NameMatch, NameQuery, Named, Snapshot, extent, find_named};
use crate::types::{Language, RepoPath, Span, Symbol, SymbolKind, qualified_name};

/// A name to find the definitions of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolQuery {
    /// `bar`, `Foo::bar`, `Foo.bar`, `Foo#bar`; `bar*` for names that begin so.
    pub name: String,
    /// Only inside of this: `Foo`, `outer.Foo`.
    pub container: Option<String>,
    /// Only these kinds; empty for all. `function` stands for methods and constructors too, `type` for
    /// everything that is one.
    pub kinds: Vec<SymbolKind>,
    pub filter: Filter,
    /// How many of the best are passed over.
    pub offset: usize,
    /// At most so many after them.
    pub limit: usize,
}

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSymbol {
    pub path: RepoPath,
    pub language: Language,
    pub symbol: Symbol,
    /// How its name matches.
    pub how: NameMatch,
    /// Whether the file on disk is no longer the one that was indexed.
    pub stale: bool,
}

/// Definitions, best first.
#[derive(Clone, Debug, Default)]
pub struct SymbolAnswer {
    pub symbols: Vec<FoundSymbol>,
    /// Whether there are others after them.
    pub more: bool,
    /// False where the container that was asked for has no such name: what is told has that name alone.
    pub is_qualified: bool,
    pub coverage: Coverage,
    /// See [`super::SearchAnswer::edition`].
    pub edition: u64,
}

/// Names that match are read in steps of so many.
const STEP: usize = 32;

/// Names looked at for one answer when a kind is asked for.
const MAX_LOOKED_AT: usize = 2_000;

/// A chunk is short; its parser is given no longer.
pub(super) const PARSE_LIMIT: Duration = Duration::from_millis(50);

impl Engine {
    /// Definitions of a name: exactly so where there are any, else in another case, else with these
    /// words, else with a typo.
    ///
    /// # Errors
    /// [`EngineError::BadQuery`] for a text without a name or a filter that does not hold;
    /// [`EngineError::NotIndexed`]; a failing store.
    pub fn find_symbol(&self, query: &SymbolQuery) -> Result<SymbolAnswer, EngineError> {
        let name = NameQuery::new(&query.name).ok_or_else(|| {
            EngineError::BadQuery(format!("there is no name in {:?}; give one like `parse` or `Foo::bar`", query.name))
        })?;
        let name = query.container.iter().fold(name, |name, container| name.inside(container));
        let snapshot = self.snapshot()?;
        let folders = self.folders(&snapshot, &query.filter)?;
        let find = |name: &NameQuery, query: &SymbolQuery| {
            let found = find_named(&snapshot, &query.filter, &folders, name)?;
            page(&snapshot, &found, name, query)
        };
        let (mut symbols, mut more) = find(&name, query)?;
        let mut is_qualified = true;
        let first = SymbolQuery { offset: 0, limit: 1, ..query.clone() };
        if symbols.is_empty() && !name.qualifiers.is_empty() && find(&name, &first)?.0.is_empty() {
            (symbols, more) = find(&name.anywhere(), query)?;
            is_qualified = symbols.is_empty();
        }
        for found in &mut symbols {
            found.stale = self.is_stale(snapshot.record(&found.path));
        }
        let edition = super::edition(&snapshot);
        Ok(SymbolAnswer { symbols, more, is_qualified, coverage: coverage(&snapshot), edition })
    }
}

/// The symbols that are asked for, and whether there are others.
fn page(
    snapshot: &Arc<Snapshot>,
    found: &[Named],
    name: &NameQuery,
    query: &SymbolQuery,
) -> Result<(Vec<FoundSymbol>, bool), EngineError> {
    // Where nothing has to be looked at, what is passed over need not be read.
    let is_plain = query.kinds.is_empty() && name.qualifiers.is_empty();
    let (unread, mut pass) = if is_plain { (query.offset, 0) } else { (0, query.offset) };
    let rest = found.get(unread..).unwrap_or_default();
    let mut symbols = Vec::new();
    for step in rest[..rest.len().min(MAX_LOOKED_AT)].chunks(STEP) {
        let rows: Vec<_> = step.iter().map(|named| snapshot.chunk(named.chunk).row).collect();
        let texts = snapshot.view.texts(&rows)?;
        for (named, text) in step.iter().zip(texts) {
            let file = &snapshot.files[snapshot.owner(named.chunk)];
            let symbol = symbol(snapshot, named, &text.text, text.signature);
            let is_kind = query.kinds.is_empty() || query.kinds.iter().any(|asked| stands_for(*asked, symbol.kind));
            if !is_kind || !name.fits(&symbol.name, &symbol.container, &file.path) {
                continue;
            }
            if pass > 0 {
                pass -= 1;
                continue;
            }
            if symbols.len() == query.limit {
                return Ok((symbols, true));
            }
            let (path, language) = (file.path.clone(), file.language);
            symbols.push(FoundSymbol { path, language, symbol, how: named.how, stale: false });
        }
    }
    Ok((symbols, rest.len() > MAX_LOOKED_AT))
}

/// Whether someone who asks for a kind means another one, too.
fn stands_for(asked: SymbolKind, kind: SymbolKind) -> bool {
    use SymbolKind::{Class, Constructor, Enum, Function, Interface, Macro, Method, Struct, Test, Trait, Type, Union};
    let also: &[SymbolKind] = match asked {
        Function => &[Method, Constructor, Test, Macro],
        Method => &[Constructor],
        Type => &[Class, Struct, Union, Enum, Interface, Trait],
        _ => &[],
    };
    asked == kind || also.contains(&kind)
}

/// What is shown of a name that a chunk defines.
fn symbol(snapshot: &Snapshot, named: &Named, text: &str, signature: String) -> Symbol {
    let (chunk, file) = (snapshot.chunk(named.chunk), &snapshot.files[snapshot.owner(named.chunk)]);
    let name = chunk.defines().nth(named.place).unwrap_or_default();
    let earlier = chunk.defines().take(named.place).filter(|other| *other == name).count();
    let is_first = name == chunk.symbol && earlier == 0;
    let whole = |span| Symbol {
        name: name.to_owned(),
        kind: chunk.kind,
        container: chunk.container.to_owned(),
        signature,
        span,
    };
    let source = |text: String| SourceFile { path: file.path.clone(), language: file.language, text };
    let inner = parsed(&source(text.to_owned()), name, earlier).or_else(|| {
        let mut found = parsed(&source(format!("{}{text}\n}}", wrap(file.language))), name, earlier)?;
        found.span.start_line = found.span.start_line.saturating_sub(1).max(1);
        found.span.end_line = found.span.end_line.saturating_sub(1).clamp(1, chunk.span.lines());
        found.container =
            found.container.strip_prefix(WRAPPER).unwrap_or(&found.container).trim_matches('.').to_owned();
        Some(found)
    });
    let Some(mut inner) = inner else {
        return if is_first { whole(extent(snapshot, named.chunk)) } else { by_line(&chunk, name, text) };
    };
    let before = chunk.span.start_line - 1;
    inner.span = Span { start_line: before + inner.span.start_line, end_line: before + inner.span.end_line };
    if is_first {
        // Where it goes on in other chunks, this one has only its beginning.
        let Span { start_line, end_line } = inner.span;
        let last = extent(snapshot, named.chunk).end_line;
        return whole(Span { start_line, end_line: if last > chunk.span.end_line { last } else { end_line } });
    }
    inner.container = qualified_name(chunk.container, &inner.container);
    // Without what stands around it, a method looks like a function.
    if inner.kind == SymbolKind::Function && chunk.kind == SymbolKind::Method {
        inner.kind = chunk.kind;
    }
    inner
}

/// The name of what is put around the text of a chunk.
const WRAPPER: &str = "Wrapper";

/// What makes members of a class be read as such.
fn wrap(language: Language) -> &'static str {
    match language.0 {
        "php" => "<?php class Wrapper {\n",
        _ => "class Wrapper {\n",
    }
}

/// The definition of `name` in a text after `earlier` others of that name.
fn parsed(file: &SourceFile, name: &str, earlier: usize) -> Option<Symbol> {
    let (symbols, _) = parse::outline(file, PARSE_LIMIT);
    symbols.into_iter().filter(|symbol| symbol.name == name).nth(earlier)
}

/// The first line of a chunk that has the name.
fn by_line(chunk: &ChunkMeta<'_>, name: &str, text: &str) -> Symbol {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    let at = parse::whole_words(text, last).next().unwrap_or(0);
    let index = text[..at].matches('\n').count();
    let line = text.lines().nth(index).unwrap_or_default().trim();
    let start_line = chunk.span.start_line + u32::try_from(index).unwrap_or(0);
    let is_around = chunk.kind.is_container();
    Symbol {
        name: name.to_owned(),
        kind: if is_around { SymbolKind::Method } else { chunk.kind },
        container: if is_around { qualified_name(chunk.container, chunk.symbol) } else { chunk.container.to_owned() },
        signature: line.chars().take(160).collect::<String>().trim_end_matches(['{', ' ', ':']).to_owned(),
        span: Span { start_line, end_line: start_line },
    }
}
