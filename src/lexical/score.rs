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
    /// Of each field's length, in words.
    means: [f32; FIELDS],
    docs: usize,
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
        Self { segments, means, docs }
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
    pub fn word(&self, hash: u64, bm25f: &Bm25f, mut each: impl FnMut(Matched)) -> Result<f32, SegmentError> {
        let mut lists = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(index) = segment.find(hash) {
                let mut bytes = Vec::new();
                segment.read(index, &mut bytes)?;
                lists.push((number, bytes));
            }
        }
        let found: u32 = lists.iter().map(|(_, bytes)| Reader::new(bytes).len()).sum();
        if found == 0 {
            return Ok(0.0);
        }
        let idf = (1.0 + (self.docs as f32 - found as f32 + 0.5) / (found as f32 + 0.5)).ln();
        let norms = Norms::new(bm25f, &self.means);
        let score = |t: f32| idf * t / (bm25f.k1 + t);
        // What most postings are: one mention in the body.
        let once = norms.0[Field::Body as usize].map(score);
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
                    let inside = Field::ALL.iter().filter(|field| counts.has(**field));
                    score(inside.map(|field| counts.of(*field) * norms.of(*field, lengths[*field as usize][at])).sum())
                };
                each(Matched { segment: *number, place, score, counts });
            }
        }
        Ok(idf)
    }
}

/// What one mention counts, by field and length code.
struct Norms([[f32; 256]; FIELDS]);

impl Norms {
    fn new(bm25f: &Bm25f, means: &[f32; FIELDS]) -> Self {
        let lengths = lengths();
        let of_field = |field: Field| {
            let at = field as usize;
            let (b, mean) = (bm25f.b[at], means[at].max(f32::EPSILON));
            lengths.map(|length| bm25f.weights[at] / (1.0 - b + b * length / mean))
        };
        Self(Field::ALL.map(of_field))
    }

    fn of(&self, field: Field, code: u8) -> f32 {
        self.0[field as usize][usize::from(code)]
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
