//! Extraction of a chunk's terms, counted by field.

use super::counts::{TermCounts, encode_length};
use super::field::{ChunkField, FIELDS};
use text::words::{self, SplitBuffers, SplitWord, WordForm};
use types::{Chunk, RepoPath};

/// The distinct terms of a chunk with their counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Hash and counts of each term, ascending by hash.
    pub(super) counts: Vec<(u64, TermCounts)>,
    /// Length code of each field; see [`encode_length`].
    pub(super) lengths: [u8; FIELDS],
}

/// Mask of a hash's low bits. They hold the field while a chunk's terms are counted, and are 0 in a term's hash.
const FIELD_BITS: u64 = 7;

/// Returns the hash of a term: [`words::hash_word`] with its high half folded in and the lowest three bits 0.
pub fn hash_term(word: &str) -> u64 {
    fold_hash(words::hash_word(word.as_bytes()))
}

fn fold_hash(hash: u64) -> u64 {
    (hash ^ (hash >> 32)) & !FIELD_BITS
}

impl Terms {
    /// Returns the terms of `chunk`, split as by [`words::for_each_search_word`].
    pub fn from_chunk(chunk: &Chunk) -> Self {
        TermCounter::default().count_terms(chunk, &mut |_| ())
    }

    /// Returns the size in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<(u64, TermCounts)>()
    }
}

/// Counts the terms of chunks, reusing its buffers from one chunk to the next.
#[derive(Default)]
pub struct TermCounter {
    /// Hashes of the current chunk's terms, with the field in the low bits.
    keys: Vec<u64>,
    counts: Vec<(u64, TermCounts)>,
    lengths: [u32; FIELDS],
    /// Path of the last chunk. Its keys are cached, because the next chunk is usually in the same file.
    path: Option<RepoPath>,
    path_keys: Vec<u64>,
    path_length: u32,
    buffers: SplitBuffers,
}

impl TermCounter {
    /// Returns the terms of `chunk`, like [`Terms::from_chunk`].
    ///
    /// Also calls `each` with every word of the chunk's passage ([`embed::build_passage`]), in order, so that
    /// the text is split only once for the terms and the embedding.
    pub fn count_terms(&mut self, chunk: &Chunk, each: &mut impl FnMut(SplitWord<'_>)) -> Terms {
        self.keys.clear();
        self.lengths = [0; FIELDS];
        self.add(&chunk.container, ChunkField::Container, each);
        chunk.defined_names().for_each(|name| self.add(name, ChunkField::Name, each));
        self.add_text(&chunk.text, each);
        self.add(&chunk.signature, ChunkField::Signature, &mut |_| ());
        self.add_path(&chunk.path);
        self.finish()
    }

    /// Counts the terms of `text` in one field, and calls `each` with every [`WordForm::Word`].
    fn add(&mut self, text: &str, field: ChunkField, each: &mut impl FnMut(SplitWord<'_>)) {
        let mut added = 0;
        words::split_search_words(text, &mut self.buffers, |word| {
            self.keys.push(fold_hash(word.hash) | u64::from(field as u8));
            // A character of a pair is indexed in addition to the pair, and does not count towards the length.
            added += u32::from(word.form != WordForm::Character);
            if word.form == WordForm::Word {
                each(word);
            }
        });
        self.lengths[field as usize] = self.lengths[field as usize].saturating_add(added);
    }

    /// Counts the terms of code lines in the body field, and the terms of comment lines in the comment field.
    fn add_text(&mut self, text: &str, each: &mut impl FnMut(SplitWord<'_>)) {
        for_each_field_of_text(text, &mut |field, lines| self.add(lines, field, each));
    }

    fn add_path(&mut self, path: &RepoPath) {
        if self.path.as_ref() == Some(path) {
            self.lengths[ChunkField::Path as usize] = self.path_length;
            return self.keys.extend_from_slice(&self.path_keys);
        }
        let before = self.keys.len();
        self.add(path.as_str(), ChunkField::Path, &mut |_| ());
        self.path_keys.clear();
        self.path_keys.extend_from_slice(&self.keys[before..]);
        self.path_length = self.lengths[ChunkField::Path as usize];
        self.path = Some(path.clone());
    }

    fn finish(&mut self) -> Terms {
        self.keys.sort_unstable();
        self.counts.clear();
        for same in self.keys.chunk_by(|a, b| a & !FIELD_BITS == b & !FIELD_BITS) {
            let counts = match same {
                [key] if key & FIELD_BITS == ChunkField::Body as u64 => TermCounts::ONE,
                _ => {
                    let mut counts = [0; FIELDS];
                    same.iter().for_each(|key| counts[(key & FIELD_BITS) as usize] += 1);
                    TermCounts::new(counts)
                }
            };
            self.counts.push((same[0] & !FIELD_BITS, counts));
        }
        Terms { counts: self.counts.clone(), lengths: self.lengths.map(encode_length) }
    }
}

/// Passes the text of every field of a chunk to `each`; a field may have several texts.
pub(super) fn for_each_field_text<'c>(chunk: &'c Chunk, each: &mut impl FnMut(ChunkField, &'c str)) {
    each(ChunkField::Container, &chunk.container);
    chunk.defined_names().for_each(|name| each(ChunkField::Name, name));
    for_each_field_of_text(&chunk.text, each);
    each(ChunkField::Signature, &chunk.signature);
    each(ChunkField::Path, chunk.path.as_str());
}

/// Passes the code lines and the comment lines of a text to `each`, as runs of lines with one field.
fn for_each_field_of_text<'t>(text: &'t str, each: &mut impl FnMut(ChunkField, &'t str)) {
    let mut scanner = CommentScanner::default();
    let (mut start, mut at, mut field) = (0, 0, ChunkField::Body);
    for line in text.split_inclusive('\n') {
        let of_line = scanner.classify_line(line.trim());
        if of_line != field {
            each(field, &text[start..at]);
            (start, field) = (at, of_line);
        }
        at += line.len();
    }
    each(field, &text[start..]);
}

/// Distinguishes comment lines from code by their first characters, independently of the language.
///
/// An approximation that suffices for weighting terms.
#[derive(Default)]
struct CommentScanner {
    /// The delimiter that closes the open doc string or block comment.
    open: Option<&'static str>,
}

impl CommentScanner {
    fn classify_line(&mut self, line: &str) -> ChunkField {
        if let Some(end) = self.open {
            if line.contains(end) {
                self.open = None;
            }
            return ChunkField::Comment;
        }
        for (begin, end) in [("/*", "*/"), ("\"\"\"", "\"\"\""), ("'''", "'''"), ("<!--", "-->"), ("{-", "-}")] {
            // The quotes of a doc string may have a prefix such as r or f.
            let after_prefix = || line.get(1..).filter(|_| begin.len() == 3).and_then(|rest| rest.strip_prefix(begin));
            if let Some(rest) = line.strip_prefix(begin).or_else(after_prefix) {
                if !rest.contains(end) {
                    self.open = Some(end);
                }
                return ChunkField::Comment;
            }
        }
        let is_directive = ["#include", "#define", "#if", "#el", "#end", "#un", "#pragma", "#[", "#!["]
            .iter()
            .any(|directive| line.starts_with(directive));
        let markers = ["//", "#", "--", ";;", "%%"];
        let is_comment = !is_directive && markers.iter().any(|marker| line.starts_with(marker));
        if is_comment { ChunkField::Comment } else { ChunkField::Body }
    }
}
