//! The words of a chunk, counted by field.

use super::counts::{Counts, length_code};
use super::{FIELDS, Field};
use crate::embed::words;
use crate::types::Chunk;

/// The distinct words of a chunk with their counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// By hash.
    pub(super) words: Vec<(u64, Counts)>,
    /// Of each field; see [`length_code`].
    pub(super) lengths: [u8; FIELDS],
}

/// The low bits of a hash, which say the field while a chunk is counted; a word's own are 0.
const FIELD_BITS: u64 = 7;

/// The hash of a word: FNV-1a over 64 bits (Fowler, Noll, Vo) with its high half folded in, the
/// lowest three bits 0.
pub fn hash(word: &str) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = word.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fold);
    (hash ^ (hash >> 32)) & !FIELD_BITS
}

impl Terms {
    /// The words of `chunk`, as [`words::search_words`] splits them.
    pub fn of(chunk: &Chunk) -> Self {
        let mut counter = Counter::default();
        counter.text(&chunk.text);
        chunk.defines.iter().for_each(|name| counter.add(name, Field::Name));
        counter.add(&chunk.signature, Field::Signature);
        counter.add(&chunk.container, Field::Container);
        counter.add(chunk.path.as_str(), Field::Path);
        counter.finish()
    }

    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.words.capacity() * size_of::<(u64, Counts)>()
    }
}

/// Gathers words as hashes that carry their field.
#[derive(Default)]
struct Counter {
    keys: Vec<u64>,
    lengths: [u32; FIELDS],
}

impl Counter {
    fn add(&mut self, text: &str, field: Field) {
        let before = self.keys.len();
        words::search_words(text, |word| self.keys.push(hash(word) | u64::from(field as u8)));
        let added = u32::try_from(self.keys.len() - before).unwrap_or(u32::MAX);
        self.lengths[field as usize] = self.lengths[field as usize].saturating_add(added);
    }

    /// Lines of code and of comments, each run of them at once.
    fn text(&mut self, text: &str) {
        let mut lines = Lines::default();
        let (mut start, mut at, mut field) = (0, 0, Field::Body);
        for line in text.split_inclusive('\n') {
            let of_line = lines.field(line.trim());
            if of_line != field {
                self.add(&text[start..at], field);
                (start, field) = (at, of_line);
            }
            at += line.len();
        }
        self.add(&text[start..], field);
    }

    fn finish(mut self) -> Terms {
        self.keys.sort_unstable();
        let mut words = Vec::with_capacity(self.keys.len());
        for same in self.keys.chunk_by(|a, b| a & !FIELD_BITS == b & !FIELD_BITS) {
            let mut counts = [0; FIELDS];
            same.iter().for_each(|key| counts[(key & FIELD_BITS) as usize] += 1);
            words.push((same[0] & !FIELD_BITS, Counts::new(counts)));
        }
        words.shrink_to_fit();
        Terms { words, lengths: self.lengths.map(length_code) }
    }
}

/// Tells comments from code by how lines begin, whatever the language: enough to weigh words by.
#[derive(Default)]
struct Lines {
    /// What ends the doc string or block comment that is open.
    open: Option<&'static str>,
}

impl Lines {
    fn field(&mut self, line: &str) -> Field {
        if let Some(end) = self.open {
            if line.contains(end) {
                self.open = None;
            }
            return Field::Comment;
        }
        for (begin, end) in [("/*", "*/"), ("\"\"\"", "\"\"\""), ("'''", "'''"), ("<!--", "-->"), ("{-", "-}")] {
            // A prefix such as r or f may stand before the quotes of a doc string.
            let at = line.find(begin).filter(|at| *at == 0 || (*at == 1 && begin.len() == 3));
            if let Some(at) = at {
                if !line[at + begin.len()..].contains(end) {
                    self.open = Some(end);
                }
                return Field::Comment;
            }
        }
        let is_directive = ["#include", "#define", "#if", "#el", "#end", "#un", "#pragma", "#[", "#!["]
            .iter()
            .any(|directive| line.starts_with(directive));
        let marks = ["//", "#", "--", ";;", "%%"];
        let is_comment = !is_directive && marks.iter().any(|mark| line.starts_with(mark));
        if is_comment { Field::Comment } else { Field::Body }
    }
}
