//! Finds the code that names the definition of a hit.

use crate::rank::hit::Hit;
use crate::snapshot::Snapshot;
use source::language;
use source::parse::find_whole_word;
use store::StoreError;
use store::inverted_index::hash_term;
use text::words;
use types::{ContentKind, RepoPath, Symbol, SymbolKind, qualified_name};

/// A line of code that names a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub path: RepoPath,
    /// 1-based.
    pub line: u32,
    /// Qualified name of the innermost definition around the line; empty if there is none.
    pub within: String,
}

/// The lines of code outside of tests that name a definition, without comments, imports and other definitions of the
/// name: the first one in each definition, those in files near the named one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    pub lines: Vec<Mention>,
    /// Whether there are more.
    pub has_more: bool,
}

/// Maximum number of chunks with a name that is looked for; more do not fit in one answer.
const MAX_CHUNKS: usize = 60;

/// Maximum number of chunks read.
const MAX_READ: usize = 10;

/// Beginnings of lines that name a definition without a use: comments and imports.
const PASSIVE: [&str; 15] =
    ["//", "#", "* ", "*/", "/*", "--", "\"\"\"", ";", "%", "<!--", "import ", "from ", "use ", "using ", "export {"];

/// Returns the first `count` lines that name the function, method, constructor or macro of a hit; `None` for a hit of
/// another kind or in a test, and for a name that is too common to list.
///
/// # Errors
/// If the store cannot be read.
pub fn find_mentions(snapshot: &Snapshot, hit: &Hit, count: usize) -> Result<Option<Mentions>, StoreError> {
    use SymbolKind::{Constructor, Function, Macro, Method};
    let is_test = |file: usize| snapshot.files[file].is_test_or_example();
    let is_called = matches!(hit.kind, Function | Method | Constructor | Macro)
        && !snapshot.file_index(hit.path.as_str()).is_some_and(is_test);
    let mut whole = None;
    words::for_each_search_word(&hit.symbol, |word| whole = Some(hash_term(word)));
    let Some(whole) = whole.filter(|_| is_called) else { return Ok(None) };
    let mut chunks = Vec::new();
    snapshot.match_word(whole, |chunk, _| chunks.push(chunk))?;
    let file_of = |chunk: u32| &snapshot.files[snapshot.file_of_chunk(chunk)];
    chunks.retain(|chunk| {
        let file = file_of(*chunk);
        let is_code = language::language_content(file.language) == ContentKind::Code && !file.is_test_or_example();
        is_code && snapshot.chunk(*chunk).defines().all(|name| name != hit.symbol)
    });
    if chunks.len() > MAX_CHUNKS {
        return Ok(None);
    }
    let shared =
        |path: &RepoPath| path.as_str().bytes().zip(hit.path.as_str().bytes()).take_while(|(a, b)| a == b).count();
    chunks.sort_by_key(|chunk| (std::cmp::Reverse(shared(&file_of(*chunk).path)), *chunk));
    let mut found = Mentions { has_more: chunks.len() > MAX_READ, ..Mentions::default() };
    chunks.truncate(MAX_READ);
    for (chunk, text) in chunks.iter().zip(snapshot.read_texts(&chunks)?).filter(|(_, text)| !text.is_damaged) {
        let is_named = |line: &&str| {
            let code = line.trim_start();
            find_whole_word(code, &hit.symbol).next().is_some() && !PASSIVE.iter().any(|begin| code.starts_with(begin))
        };
        let Some(at) = text.text.lines().position(|line| is_named(&line)) else { continue };
        let meta = snapshot.chunk(*chunk);
        let line = meta.span.start_line.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let around = text.definitions.iter().filter(|symbol: &&Symbol| symbol.span.contains(line));
        let innermost = around.max_by_key(|symbol| symbol.span.start_line);
        let within = innermost.map_or_else(
            || qualified_name(meta.container, meta.symbol),
            |symbol| qualified_name(&symbol.container, &symbol.name),
        );
        let mention = Mention { path: file_of(*chunk).path.clone(), line, within };
        let is_new = |other: &Mention| other.path != mention.path || other.within != mention.within;
        if found.lines.iter().all(is_new) {
            found.lines.push(mention);
        }
    }
    found.has_more |= found.lines.len() > count;
    found.lines.truncate(count);
    Ok(Some(found))
}
