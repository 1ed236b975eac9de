//! The words of a chunk, counted by field.

use super::counts::{Counts, length_code};
use super::{FIELDS, Field};
use crate::embed::words::{self, Buffers, Word};
use crate::types::{Chunk, RepoPath};

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

/// The hash of a word: [`words::hash`] with its high half folded in, the lowest three bits 0.
pub fn hash(word: &str) -> u64 {
    folded(words::hash(word.as_bytes()))
}

fn folded(hash: u64) -> u64 {
    (hash ^ (hash >> 32)) & !FIELD_BITS
}

impl Terms {
    /// The words of `chunk`, as [`words::search_words`] splits them.
    pub fn of(chunk: &Chunk) -> Self {
        Counter::default().terms(chunk, &mut |_| ())
    }

    /// Bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.words.capacity() * size_of::<(u64, Counts)>()
    }
}

/// Counts the words of one chunk after another.
#[derive(Default)]
pub struct Counter {
    /// Hashes of words that carry their field, of the chunk at hand.
    keys: Vec<u64>,
    words: Vec<(u64, Counts)>,
    lengths: [u32; FIELDS],
    /// The last chunk's path and its keys: the next one is mostly of the same file.
    path: Option<RepoPath>,
    path_keys: Vec<u64>,
    buffers: Buffers,
}

impl Counter {
    /// As [`Terms::of`]. Each word of what is embedded for the chunk ([`crate::embed::passage`]) is handed
    /// to `each` as well, in the passage's order, so that the text is split once for both.
    pub fn terms(&mut self, chunk: &Chunk, each: &mut impl FnMut(Word<'_>)) -> Terms {
        self.keys.clear();
        self.lengths = [0; FIELDS];
        self.add(&chunk.container, Field::Container, each);
        chunk.defines.iter().for_each(|name| self.add(name, Field::Name, each));
        self.text(&chunk.text, each);
        self.add(&chunk.signature, Field::Signature, &mut |_| ());
        self.path(&chunk.path);
        self.finish()
    }

    fn add(&mut self, text: &str, field: Field, each: &mut impl FnMut(Word<'_>)) {
        let before = self.keys.len();
        words::split(text, &mut self.buffers, |word| {
            self.keys.push(folded(word.hash) | u64::from(field as u8));
            if !word.joined {
                each(word);
            }
        });
        let added = u32::try_from(self.keys.len() - before).unwrap_or(u32::MAX);
        self.lengths[field as usize] = self.lengths[field as usize].saturating_add(added);
    }

    /// Lines of code and of comments, each run of them at once.
    fn text(&mut self, text: &str, each: &mut impl FnMut(Word<'_>)) {
        let mut lines = Lines::default();
        let (mut start, mut at, mut field) = (0, 0, Field::Body);
        for line in text.split_inclusive('\n') {
            let of_line = lines.field(line.trim());
            if of_line != field {
                self.add(&text[start..at], field, each);
                (start, field) = (at, of_line);
            }
            at += line.len();
        }
        self.add(&text[start..], field, each);
    }

    fn path(&mut self, path: &RepoPath) {
        if self.path.as_ref() == Some(path) {
            self.lengths[Field::Path as usize] = u32::try_from(self.path_keys.len()).unwrap_or(u32::MAX);
            return self.keys.extend_from_slice(&self.path_keys);
        }
        let before = self.keys.len();
        self.add(path.as_str(), Field::Path, &mut |_| ());
        self.path_keys.clear();
        self.path_keys.extend_from_slice(&self.keys[before..]);
        self.path = Some(path.clone());
    }

    fn finish(&mut self) -> Terms {
        self.keys.sort_unstable();
        self.words.clear();
        for same in self.keys.chunk_by(|a, b| a & !FIELD_BITS == b & !FIELD_BITS) {
            let counts = match same {
                [key] if key & FIELD_BITS == Field::Body as u64 => Counts::ONE,
                _ => {
                    let mut counts = [0; FIELDS];
                    same.iter().for_each(|key| counts[(key & FIELD_BITS) as usize] += 1);
                    Counts::new(counts)
                }
            };
            self.words.push((same[0] & !FIELD_BITS, counts));
        }
        Terms { words: self.words.clone(), lengths: self.lengths.map(length_code) }
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
