//! BM25F over the segments of one generation.
//!
//! score(word, chunk) = idf · t / (k₁ + t), t = Σ over fields of weight · count / (1 − b + b · length /
//! mean length) (Robertson, Zaragoza: "The Probabilistic Relevance Framework: BM25 and Beyond",
//! 2009), with Lucene's idf ln(1 + (N − n + ½) / (n + ½)), which is never negative.
//! Must never import: anything of this crate but `lexical`.

use std::sync::{Arc, LazyLock};

use super::counts::{Counts, length};
use super::segment::{Reader, Segment, SegmentError};
use super::{FIELDS, Field};

/// The settings of BM25F.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bm25f {
    /// How soon further mentions stop to count.
    pub k1: f32,
    /// How much a field's length counts, by field.
    pub b: [f32; FIELDS],
    /// What a mention in a field counts, by field.
    pub weights: [f32; FIELDS],
}

impl Default for Bm25f {
    fn default() -> Self {
        Self { k1: 1.2, b: [0.75, 0.75, 0.3, 0.3, 0.3, 0.3], weights: [1.0, 1.0, 3.0, 1.0, 1.0, 2.0] }
    }
}

/// Every segment of a generation.
#[derive(Clone, Default)]
pub struct Index {
    segments: Vec<Arc<Segment>>,
    docs: usize,
    norms: Norms,
}

/// A word in a document.
#[derive(Clone, Copy, Debug)]
pub struct Matched {
    /// Which of [`Index::segments`].
    pub segment: usize,
    /// Place of the document in the segment.
    pub place: u32,
    /// Of this word in this document.
    pub score: f32,
    pub counts: Counts,
}

impl Index {
    /// An index of these segments, whose documents follow each other.
    #[expect(clippy::cast_precision_loss, reason = "means need no more than 24 bits")]
    pub fn new(segments: Vec<Arc<Segment>>) -> Self {
        let docs = segments.iter().map(|segment| segment.docs().len()).sum();
        let lengths = lengths();
        let means = Field::ALL.map(|field| {
            let of = |segment: &Arc<Segment>| {
                segment.lengths(field).iter().map(|code| f64::from(lengths[usize::from(*code)])).sum::<f64>()
            };
            let sum: f64 = segments.iter().map(of).sum();
            (sum / (docs as f64).max(1.0)) as f32
        });
        Self { segments, docs, norms: Norms::new(&Bm25f::default(), &means) }
    }

    /// In the order of their documents.
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Documents, those that are gone included.
    pub fn docs(&self) -> usize {
        self.docs
    }

    /// Hands every document that has the word of this hash to `each`, and returns the word's inverse
    /// document frequency; 0 for a word that is nowhere.
    ///
    /// # Errors
    /// When a segment cannot be read.
    #[expect(clippy::cast_precision_loss, reason = "a frequency needs no more than 24 bits")]
    pub fn word(&self, hash: u64, mut each: impl FnMut(Matched)) -> Result<f32, SegmentError> {
        let lists = self.lists(hash)?;
        let found: u32 = lists.iter().map(|(_, bytes)| Reader::new(bytes).len()).sum();
        if found == 0 {
            return Ok(0.0);
        }
        let idf = (1.0 + (self.docs as f32 - found as f32 + 0.5) / (found as f32 + 0.5)).ln();
        let score = |t: f32| idf * t / (self.norms.k1 + t);
        // What most postings are: one mention in the body.
        let once = self.norms.counted[Field::Body as usize].map(score);
        for (number, bytes) in &lists {
            let segment = &self.segments[*number];
            let lengths = Field::ALL.map(|field| segment.lengths(field));
            for (place, counts) in Reader::new(bytes) {
                let at = place as usize;
                if at >= segment.docs().len() {
                    return Err(SegmentError::Format);
                }
                let score = if counts == Counts::ONE {
                    once[usize::from(lengths[Field::Body as usize][at])]
                } else {
                    score(self.norms.of(counts, |field| lengths[field as usize][at]))
                };
                each(Matched { segment: *number, place, score, counts });
            }
        }
        Ok(idf)
    }

    /// Whether any document that `counts` has the word of this hash, given a segment and a place as [`Matched`] has
    /// them.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn has(&self, hash: u64, counts: impl Fn(usize, u32) -> bool) -> Result<bool, SegmentError> {
        let lists = self.lists(hash)?;
        let inside = |number: usize, place: u32| (place as usize) < self.segments[number].docs().len();
        Ok(lists.iter().any(|(number, bytes)| {
            Reader::new(bytes).any(|(place, _)| inside(*number, place) && counts(*number, place))
        }))
    }

    /// The postings of a word, with the segment each is of.
    fn lists(&self, hash: u64) -> Result<Vec<(usize, Vec<u8>)>, SegmentError> {
        let mut lists = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(index) = segment.find(hash) {
                let mut bytes = Vec::new();
                segment.read(index, &mut bytes)?;
                lists.push((number, bytes));
            }
        }
        Ok(lists)
    }
}

/// What one mention counts, by field and length code.
#[derive(Clone)]
struct Norms {
    counted: [[f32; 256]; FIELDS],
    k1: f32,
}

impl Default for Norms {
    fn default() -> Self {
        Self::new(&Bm25f::default(), &[0.0; FIELDS])
    }
}

impl Norms {
    fn new(bm25f: &Bm25f, means: &[f32; FIELDS]) -> Self {
        let lengths = lengths();
        let of_field = |field: Field| {
            let at = field as usize;
            let (b, mean) = (bm25f.b[at], means[at].max(f32::EPSILON));
            lengths.map(|length| bm25f.weights[at] / (1.0 - b + b * length / mean))
        };
        Self { counted: Field::ALL.map(of_field), k1: bm25f.k1 }
    }

    /// What all mentions count in a document with fields of these lengths.
    fn of(&self, counts: Counts, length: impl Fn(Field) -> u8) -> f32 {
        let mut sum = 0.0;
        for field in Field::ALL {
            if counts.has(field) {
                sum += counts.of(field) * self.counted[field as usize][usize::from(length(field))];
            }
        }
        sum
    }
}

/// The length each code stands for.
fn lengths() -> &'static [f32; 256] {
    static LENGTHS: LazyLock<[f32; 256]> = LazyLock::new(|| {
        let mut lengths = [0.0; 256];
        (0..=u8::MAX).zip(&mut lengths).for_each(|(code, value)| *value = length(code));
        lengths
    });
    &LENGTHS
}
