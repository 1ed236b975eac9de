//! Finds identifiers of a query that few chunks have.

use std::collections::HashSet;

use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::retrieve::candidates::{CandidateFile, PartCandidates};
use crate::snapshot::Snapshot;
use source::language;
use source::parse::find_whole_word;
use store::ChunkText;
use store::inverted_index;
use text::name_key::is_same_name;
use text::words;
use types::{ContentKind, container_names};

/// Maximum number of definitions of a rare identifier.
const MAX_DEFINITIONS: usize = 2;

/// Maximum number of chunks with a rare identifier.
const MAX_CHUNKS: usize = 20;

/// Maximum number of chunks whose text is read for the spelling of an identifier.
const MAX_TEXTS: usize = 60;

/// Minimum length of a rare identifier, in characters.
const MIN_CHARS: usize = 5;

/// The files and chunks with an identifier of a query that is rare and certainly meant as one. A file with the whole
/// identifier is better evidence than names and titles that share a part with it.
#[derive(Default)]
pub(crate) struct RareIdentifiers {
    /// The files of `chunks`, and candidates whose name is the identifier.
    pub files: HashSet<usize>,
    /// The chunks that contain the identifier as a whole word, in the same spelling, or are inside of its definition.
    pub chunks: HashSet<u32>,
}

impl RareIdentifiers {
    /// Finds the chunks with the identifiers of a query, as it was written, that are rare.
    ///
    /// # Errors
    /// If the inverted index or a text cannot be read.
    pub fn find(snapshot: &Snapshot, query: &ParsedQuery, parts: &[PartCandidates<'_>]) -> Result<Self, QueryError> {
        let mut found = Self::default();
        let tokens = query.text.split_whitespace().map(|token| token.trim_matches(|c: char| !c.is_alphanumeric()));
        let numbered =
            tokens.filter(|token| token.contains(char::is_numeric) && token.chars().all(char::is_alphanumeric));
        let names = query.terms.names.iter().map(|name| name.text.as_str()).chain(numbered);
        // A corrected name is not certain.
        for name in names.filter(|name| is_identifier(name) && query.text.contains(name)) {
            let with_name = find_rare_chunks(snapshot, name)?;
            if with_name.is_empty() {
                continue;
            }
            let is_named = |file: &&CandidateFile| is_same_name(snapshot.files[file.file].path.stem(), name);
            let named = parts.first().into_iter().flat_map(|part| part.files.iter().filter(is_named));
            let of_chunks = with_name.iter().map(|chunk| snapshot.file_of_chunk(*chunk));
            let files: Vec<usize> = named.map(|file| file.file).chain(of_chunks).collect();
            let is_inside = |chunk: &u32| container_names(snapshot.chunk(*chunk).container).any(|outer| outer == name);
            let in_files = files.iter().flat_map(|file| snapshot.chunks_of_file(*file)).filter(is_inside);
            found.chunks.extend(in_files);
            found.files.extend(files);
            found.chunks.extend(with_name);
        }
        Ok(found)
    }
}

/// Returns the chunks that contain an identifier, if code defines it once or twice and few chunks have it; otherwise
/// none. An identifier without a definition must have a `_`, because brands and versions are written like others.
fn find_rare_chunks(snapshot: &Snapshot, name: &str) -> Result<Vec<u32>, QueryError> {
    let is_code = |(chunk, _): &&(u32, usize)| {
        let language = snapshot.languages[snapshot.file_of_chunk(*chunk)];
        language::language_content(language) != ContentKind::Docs
    };
    let is_rare = match snapshot.definitions_spelled(name).iter().filter(is_code).count() {
        0 => name.trim_matches('_').contains('_'),
        definitions => definitions <= MAX_DEFINITIONS,
    };
    // The last search word is the whole identifier.
    let (mut whole, mut chunks) = (0, Vec::new());
    words::for_each_search_word(name, |word| whole = inverted_index::hash_term(word));
    if is_rare {
        snapshot.match_word(whole, |chunk, _| chunks.push(chunk))?;
    }
    if chunks.is_empty() || chunks.len() > MAX_TEXTS {
        return Ok(Vec::new());
    }
    chunks.sort_unstable();
    let texts = snapshot.read_texts(&chunks)?;
    let has_name = |text: &ChunkText| find_whole_word(&text.text, name).next().is_some();
    let with_name = chunks.into_iter().zip(&texts).filter(|(_, text)| has_name(text)).map(|(chunk, _)| chunk);
    let with_name: Vec<u32> = with_name.collect();
    Ok(if with_name.len() > MAX_CHUNKS { Vec::new() } else { with_name })
}

/// Returns whether a name is long enough and written like an identifier: with `_` inside, with a digit after a letter,
/// or with both a capital that is not the first letter and a lowercase letter.
fn is_identifier(name: &str) -> bool {
    let has_capital = name.chars().skip(1).any(char::is_uppercase) && name.contains(char::is_lowercase);
    let has_digit = name.starts_with(char::is_alphabetic) && name.contains(char::is_numeric);
    name.chars().count() >= MIN_CHARS && (has_capital || has_digit || name.trim_matches('_').contains('_'))
}
