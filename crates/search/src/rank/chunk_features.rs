//! Computes the features by which the chunks of one file are ordered.

use rayon::prelude::*;

use super::evidence::QueryEvidence;
use super::feature_set::feature_set;
use super::features::{definition_fit, is_type_definition};
use crate::query::terms::QueryTerms;
use crate::retrieve::candidates::PartCandidates;
use crate::snapshot::Snapshot;
use crate::threads::run_on_search_pool;
use types::SymbolKind;

/// Number of lines above which a chunk is long.
const LONG_CHUNK_LINES: u32 = 60;

feature_set! {
    pub enum ChunkFeature; pub struct ChunkFeatures;
    /// A feature of a chunk. [`ChunkFeatures`] contains the values.
    Dense = "chunk: nearest (cosine), relative to the best",
    Lexical = "chunk: words (BM25F), relative to the best",
    Coverage = "chunk: share of the query's words in it",
    NameCoverage = "chunk: share of the query's words in names it defines",
    Fit = "chunk: best-fitting definition",
    Defines = "chunk: defines the exact name",
    Spelled = "chunk: … spelled as in the query",
    Qualified = "chunk: … in the container given by the query",
    Rare = "chunk: defines rare names of the query",
    Located = "chunk: line or function in a trace",
    Literal = "chunk: words of a message in order",
    Type = "chunk: a type",
    Outside = "chunk: outside of any definition",
    Test = "chunk: a test",
    Length = "chunk: number of lines (logarithm)",
    Long = "chunk: more than 60 lines",
    First = "chunk: the first of its file",
}

impl ChunkFeature {
    /// Returns whether the feature compares the chunk with the query, rather than describing the chunk alone.
    pub fn is_evidence(self) -> bool {
        !matches!(self, Self::Type | Self::Outside | Self::Test | Self::Length | Self::Long | Self::First)
    }
}

/// Computes the features of `chunks`, which may lie in several files, for one part of a query.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
pub(crate) fn measure_chunks(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    part: &PartCandidates<'_>,
    evidence: &QueryEvidence,
    chunks: &[u32],
) -> Vec<ChunkFeatures> {
    use ChunkFeature::*;
    let fit = definition_fit(terms);
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    let measure = |chunk: &u32| {
        let (chunk, mut features) = (*chunk, ChunkFeatures::default());
        let meta = snapshot.chunk(chunk);
        let file = snapshot.file_of_chunk(chunk);
        features.set(Dense, part.cosine(chunk).max(0.0));
        features.set(Lexical, part.lexical_score(chunk));
        if let Some(lexical) = &part.lexical {
            let tally = lexical.tallies(chunk..chunk + 1)[0];
            features.set(Coverage, lexical.coverage(tally.words));
            features.set(NameCoverage, lexical.coverage(tally.name_words));
        }
        features.set(Fit, fit(meta));
        let rare = part.defined.get(&chunk).copied();
        features.set(Rare, rare.unwrap_or(0.0));
        features.set(Defines, flag(rare.is_some()));
        features.set(Spelled, flag(rare.is_some() && terms.spells(meta.defines())));
        features.set(Qualified, flag(rare.is_some() && terms.qualifies_name_with(meta.container)));
        let located = evidence.named.get(&file);
        features.set(
            Located,
            located.map_or(0.0, |named| named.chunk_fit(snapshot, chunk) / (1.0 + f32::from(named.rank))),
        );
        features.set(Literal, evidence.literal_shares.get(&chunk).copied().unwrap_or(0.0));
        features.set(Type, flag(is_type_definition(meta.kind, snapshot.languages[file])));
        features.set(Outside, flag(meta.symbol.is_empty()));
        features.set(Test, flag(meta.kind == SymbolKind::Test));
        let lines = meta.span.end_line - meta.span.start_line + 1;
        features.set(Length, (lines as f32).ln() / 5.0);
        features.set(Long, flag(lines > LONG_CHUNK_LINES));
        features.set(First, flag(snapshot.chunks_of_file(file).start == chunk));
        features
    };
    let mut measured: Vec<ChunkFeatures> = run_on_search_pool(|| chunks.par_iter().map(measure).collect());
    for relative in [Dense, Lexical, Rare] {
        let best = measured.iter().map(|features| features.get(relative)).fold(f32::EPSILON, f32::max);
        measured.iter_mut().for_each(|features| features.set(relative, features.get(relative) / best));
    }
    measured
}
