//! The words of a chunk as one text, which the full-text index of a storage engine splits at white space.
//!
//! Each field is a line. A line whose field has a weight above 1 is repeated, so that an index that counts the words of
//! the whole text weights them like BM25F ([`super::Bm25f`]). The last two lines hold keys: [`definition_key`] of each
//! name that the chunk defines, and [`file_key`] of its file.

use super::counts::{TermCounts, encode_length};
use super::field::{ChunkField, FIELDS};
use super::terms::{Terms, for_each_field_text, hash_term};
use text::name_key::name_key;
use text::words::{self, SplitBuffers};
use types::Chunk;

/// Number of lines of each field, in the order of [`ChunkField::ALL`].
const LINES: [usize; FIELDS] = [1, 1, 3, 1, 1, 2];

/// Maximum number of a name's characters in its key; longer names that begin alike share a key.
const MAX_KEY_CHARS: usize = 100;

/// Returns the key of a defined name: `=` and its first 100 letters and digits, ignoring case. No word has this form.
pub fn definition_key(name: &str) -> String {
    std::iter::once('=').chain(name_key(name).take(MAX_KEY_CHARS)).collect()
}

/// Returns the key of a file name, ignoring case and separators. No word has this form. Different names may have the
/// same key.
pub fn file_key(name: &str) -> String {
    let key: String = name_key(name).collect();
    format!("/{:016x}", words::hash_word(key.as_bytes()))
}

/// Returns the word column of a chunk: a line of words for each field, repeated by its weight, and two lines of keys.
pub fn write_word_column(chunk: &Chunk) -> String {
    let mut fields: [String; FIELDS] = Default::default();
    let mut buffers = SplitBuffers::default();
    for_each_field_text(chunk, &mut |field, text| {
        let line = &mut fields[field as usize];
        words::split_search_words(text, &mut buffers, |word| {
            line.push_str(word.text);
            line.push(' ');
        });
    });
    let mut column =
        String::with_capacity(fields.iter().zip(LINES).map(|(field, lines)| (field.len() + 1) * lines).sum());
    for (field, lines) in fields.iter().zip(LINES) {
        for _ in 0..lines {
            column.push_str(field);
            column.push('\n');
        }
    }
    for name in chunk.defined_names() {
        column.push_str(&definition_key(name));
        column.push(' ');
    }
    column.push('\n');
    column.push_str(&file_key(chunk.path.file_name()));
    column
}

impl Terms {
    /// Returns the terms of a chunk from its word column ([`write_word_column`]). Single characters of pairs count
    /// towards the lengths of fields, unlike in [`Terms::from_chunk`].
    pub fn from_word_column(column: &str) -> Self {
        let mut lines = column.split('\n');
        let mut keys: Vec<(u64, ChunkField)> = Vec::new();
        let mut lengths = [0_u32; FIELDS];
        for (field, repeated) in ChunkField::ALL.into_iter().zip(LINES) {
            let line = lines.next().unwrap_or_default();
            for word in line.split(' ').filter(|word| !word.is_empty()) {
                keys.push((hash_term(word), field));
                lengths[field as usize] += 1;
            }
            lines.by_ref().take(repeated - 1).for_each(drop);
        }
        keys.sort_unstable_by_key(|(hash, _)| *hash);
        let count = |same: &[(u64, ChunkField)]| {
            let mut counts = [0; FIELDS];
            same.iter().for_each(|(_, field)| counts[*field as usize] += 1);
            (same[0].0, TermCounts::new(counts))
        };
        let counts = keys.chunk_by(|a, b| a.0 == b.0).map(count).collect();
        Self { counts, lengths: lengths.map(encode_length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{Language, RepoPath, Span, Symbol, SymbolKind};

    fn sample_chunk() -> Chunk {
        let span = Span { start_line: 3, end_line: 9 };
        let name = "AcquireConnection".to_owned();
        let (container, signature) = ("Pool".to_owned(), "fn acquireConnection(&self)".to_owned());
        Chunk {
            path: RepoPath::new("src/net/Pool.rs"),
            language: Language("rust"),
            span,
            kind: SymbolKind::Function,
            symbol: name.clone(),
            container: container.clone(),
            definitions: vec![Symbol {
                name,
                kind: SymbolKind::Function,
                container,
                signature: signature.clone(),
                span,
            }],
            signature,
            text: "// waits for a connection\nfn acquireConnection(&self) { self.wait(); self.wait() }".to_owned(),
            masked: Vec::new(),
        }
    }

    #[test]
    fn the_terms_of_a_chunk_are_those_of_its_word_column() {
        let chunk = sample_chunk();
        let column = write_word_column(&chunk);
        let all = Terms::from_chunk(&chunk);
        assert_eq!(Terms::from_word_column(&column), all);
        assert!(column.contains(&definition_key("AcquireConnection")), "{column}");
        assert!(column.ends_with(&file_key("POOL.rs")), "{column}");
        assert_eq!(column.lines().count(), 11);
    }

    #[test]
    fn a_malformed_column_gives_no_words() {
        assert_eq!(Terms::from_word_column(""), Terms::default());
        assert_eq!(Terms::from_word_column("a b\n").counts.len(), 2);
    }
}
