//! BM25F scoring over the segments of one generation.
//!
//! score(term, chunk) = idf · t / (k₁ + t), t = Σ over fields of weight · count / (1 − b + b · length /
//! mean length) (Robertson, Zaragoza: "The Probabilistic Relevance Framework: BM25 and Beyond",
//! 2009), with Lucene's idf ln(1 + (N − n + ½) / (n + ½)), which is never negative.

use std::sync::{Arc, LazyLock};

use super::counts::{TermCounts, decode_length};
use super::field::{ChunkField, FIELDS};
use super::segment::{IndexSegment, PostingReader, SegmentError};

/// Maximum document frequency of a rare term. All documents with such a term may be deleted ones, so
/// [`InvertedIndex::any_posting`] looks for the term in the retrieved part of a corpus, which has some of the others.
pub const FEW_DOCUMENTS: u32 = 64;

/// The parameters of BM25F.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25f {
    /// Saturation of the term frequency. With a lower value, repeated occurrences add less to the score.
    pub k1: f32,
    /// Strength of the length normalization of each field, from 0 to 1.
    pub b: [f32; FIELDS],
    /// Weight of an occurrence in each field.
    pub weights: [f32; FIELDS],
}

impl Default for Bm25f {
    fn default() -> Self {
        Self { k1: 1.2, b: [0.75, 0.75, 0.3, 0.3, 0.3, 0.3], weights: [1.0, 1.0, 3.0, 1.0, 1.0, 2.0] }
    }
}

/// The statistics of a set of documents that BM25F needs besides the frequencies of terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CorpusStatistics {
    /// The number of documents, including deleted ones.
    pub docs: usize,
    /// The mean length of each field, in words.
    pub mean_lengths: [f32; FIELDS],
}

/// A function that returns the number of documents of a corpus that contain the term with a hash.
type DocumentFrequency = dyn Fn(u64) -> Result<u32, SegmentError> + Send + Sync;

/// An inverted index: segments and their BM25F norms. Covers a corpus, or a part of one that is scored like the whole.
#[derive(Clone, Default)]
pub struct InvertedIndex {
    segments: Vec<Arc<IndexSegment>>,
    docs: usize,
    norms: FieldNorms,
    /// The frequencies of terms in a larger corpus that the segments are a part of; `None` if they are the whole.
    corpus_frequency: Option<Arc<DocumentFrequency>>,
}

/// A posting of a term, with its BM25F score.
#[derive(Clone, Copy, Debug)]
pub struct ScoredPosting {
    /// Index into [`InvertedIndex::segments`].
    pub segment: usize,
    /// Ordinal of the document within its segment.
    pub ordinal: u32,
    /// Score of the term in this document.
    pub score: f32,
    pub counts: TermCounts,
}

impl InvertedIndex {
    /// Creates an index over segments whose document numbers ascend from one segment to the next.
    #[expect(clippy::cast_precision_loss, reason = "means need no more than 24 bits")]
    pub fn new(segments: Vec<Arc<IndexSegment>>) -> Self {
        let docs = segments.iter().map(|segment| segment.docs().len()).sum();
        let lengths = decoded_lengths();
        let means = ChunkField::ALL.map(|field| {
            let sum_of = |segment: &Arc<IndexSegment>| {
                segment.lengths(field).iter().map(|code| f64::from(lengths[usize::from(*code)])).sum::<f64>()
            };
            let sum: f64 = segments.iter().map(sum_of).sum();
            (sum / (docs as f64).max(1.0)) as f32
        });
        Self { segments, docs, norms: FieldNorms::new(&Bm25f::default(), &means), corpus_frequency: None }
    }

    /// Creates an index over a segment with some documents of a larger corpus. It scores them as an index over the
    /// whole corpus does. `frequency` returns the number of documents of the corpus that contain the term with a hash.
    pub fn of_part(
        segment: IndexSegment,
        corpus: &CorpusStatistics,
        frequency: impl Fn(u64) -> Result<u32, SegmentError> + Send + Sync + 'static,
    ) -> Self {
        let norms = FieldNorms::new(&Bm25f::default(), &corpus.mean_lengths);
        let (segments, docs, corpus_frequency) = (vec![Arc::new(segment)], corpus.docs, Some(Arc::new(frequency) as _));
        Self { segments, docs, norms, corpus_frequency }
    }

    /// Returns the segments, in the order of their document numbers.
    pub fn segments(&self) -> &[Arc<IndexSegment>] {
        &self.segments
    }

    /// Returns the number of documents of the whole corpus, including deleted ones.
    pub fn docs(&self) -> usize {
        self.docs
    }

    /// Returns whether a damaged posting list has been left out of a result since the last successful check of its
    /// segment.
    pub fn has_met_damage(&self) -> bool {
        self.segments.iter().any(|segment| segment.has_met_damage())
    }

    /// Calls `each` with every posting of the term with this hash. Returns the term's inverse document frequency in the
    /// whole corpus; 0 if no document contains the term. Leaves out posting lists whose checksum does not match.
    ///
    /// # Errors
    /// When a segment cannot be read, or a posting has an ordinal beyond the segment's documents.
    #[expect(clippy::cast_precision_loss, reason = "a frequency needs no more than 24 bits")]
    pub fn score_postings(&self, hash: u64, mut each: impl FnMut(ScoredPosting)) -> Result<f32, SegmentError> {
        let lists = self.read_postings(hash)?;
        let here: u32 = lists.iter().map(|(_, bytes)| PostingReader::new(bytes).len()).sum();
        let doc_frequency = match &self.corpus_frequency {
            Some(frequency) => frequency(hash)?.max(here),
            None => here,
        };
        if doc_frequency == 0 {
            return Ok(0.0);
        }
        let idf = (1.0 + (self.docs as f32 - doc_frequency as f32 + 0.5) / (doc_frequency as f32 + 0.5)).ln();
        let score = |t: f32| idf * t / (self.norms.k1 + t);
        // Most postings represent one occurrence in the body: precompute their scores by length code.
        let once = self.norms.weights[ChunkField::Body as usize].map(score);
        for (number, bytes) in &lists {
            let segment = &self.segments[*number];
            let lengths = ChunkField::ALL.map(|field| segment.lengths(field));
            for (ordinal, counts) in PostingReader::new(bytes) {
                let at = ordinal as usize;
                if at >= segment.docs().len() {
                    return Err(segment.damage());
                }
                let score = if counts == TermCounts::ONE {
                    once[usize::from(lengths[ChunkField::Body as usize][at])]
                } else {
                    score(self.norms.weighted_frequency(counts, |field| lengths[field as usize][at]))
                };
                each(ScoredPosting { segment: *number, ordinal, score, counts });
            }
        }
        Ok(idf)
    }

    /// Returns whether any document that passes `filter` contains the term with this hash. In a part of a larger
    /// corpus, a term that is in more than [`FEW_DOCUMENTS`] documents of the corpus counts as contained, whatever the
    /// filter.
    ///
    /// `filter` takes a segment index and an ordinal, as in [`ScoredPosting`].
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn any_posting(&self, hash: u64, filter: impl Fn(usize, u32) -> bool) -> Result<bool, SegmentError> {
        if let Some(frequency) = &self.corpus_frequency {
            match frequency(hash)? {
                0 => return Ok(false),
                1..=FEW_DOCUMENTS => {}
                _ => return Ok(true),
            }
        }
        let lists = self.read_postings(hash)?;
        let is_valid = |number: usize, ordinal: u32| (ordinal as usize) < self.segments[number].docs().len();
        Ok(lists.iter().any(|(number, bytes)| {
            PostingReader::new(bytes).any(|(ordinal, _)| is_valid(*number, ordinal) && filter(*number, ordinal))
        }))
    }

    /// Reads the posting lists of a term. Returns the index of each segment that contains the term, and the list's
    /// bytes. Leaves out damaged lists.
    fn read_postings(&self, hash: u64) -> Result<Vec<(usize, Vec<u8>)>, SegmentError> {
        let mut lists = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(index) = segment.find_term(hash) {
                let mut bytes = Vec::new();
                if segment.read_intact_postings(index, &mut bytes)? {
                    lists.push((number, bytes));
                }
            }
        }
        Ok(lists)
    }
}

/// Weight of one occurrence of a term, by field and length code.
#[derive(Clone)]
struct FieldNorms {
    weights: [[f32; 256]; FIELDS],
    k1: f32,
}

impl Default for FieldNorms {
    fn default() -> Self {
        Self::new(&Bm25f::default(), &[0.0; FIELDS])
    }
}

impl FieldNorms {
    fn new(bm25f: &Bm25f, means: &[f32; FIELDS]) -> Self {
        let lengths = decoded_lengths();
        let of_field = |field: ChunkField| {
            let at = field as usize;
            let (b, mean) = (bm25f.b[at], means[at].max(f32::EPSILON));
            lengths.map(|length| bm25f.weights[at] / (1.0 - b + b * length / mean))
        };
        Self { weights: ChunkField::ALL.map(of_field), k1: bm25f.k1 }
    }

    /// Returns the weighted frequency t of a term in a document whose fields have these length codes.
    fn weighted_frequency(&self, counts: TermCounts, length: impl Fn(ChunkField) -> u8) -> f32 {
        let mut sum = 0.0;
        for field in ChunkField::ALL {
            if counts.contains(field) {
                sum += counts.count(field) * self.weights[field as usize][usize::from(length(field))];
            }
        }
        sum
    }
}

/// Returns the field length of every length code, in words.
fn decoded_lengths() -> &'static [f32; 256] {
    static LENGTHS: LazyLock<[f32; 256]> = LazyLock::new(|| {
        let mut lengths = [0.0; 256];
        (0..=u8::MAX).zip(&mut lengths).for_each(|(code, value)| *value = decode_length(code));
        lengths
    });
    &LENGTHS
}
