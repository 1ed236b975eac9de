//! Computes the features of candidate files. Their weighted sum is the main part of a file's score.

use std::collections::HashSet;

use rayon::prelude::*;

use super::feature_set::{WeightSign, feature_set};
use crate::query::terms::{QueryKind, QueryTerms};
use crate::retrieve::candidates::CandidateFile;
use crate::snapshot::Snapshot;
use crate::snapshot::column_block::ChunkMeta;
use crate::snapshot::file_chunks::FileChunks;
use crate::snapshot::path_class::{EXAMPLE_WORDS, TEST_WORDS, VENDORED_WORDS};
use crate::threads::run_on_search_pool;
use source::language;
use store::inverted_index::{self, ChunkField};
use types::{ContentKind, Language, SymbolKind};

/// The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). A rank counts `(K + 1) / (K + rank)`, so
/// that rank 1 counts 1.
const K: f32 = 20.0;

/// Query words that indicate a search for documentation.
const DOCS_WORDS: &str = "readme documentation docs guide tutorial changelog install installation license licence";

/// If at least one in this many code files defines a name with the word `test`, the indexed code is a testing tool.
const TEST_TOOL_FILES: usize = 4;

/// File names, without extension, of files that re-export or start the code of other files.
const ENTRY_STEMS: &str = "__init__ mod lib index main init";

feature_set! {
    pub enum Feature; pub struct Features;
    /// A feature of a candidate file. [`Features`] contains the values.
    DenseChunkRank = "nearest chunk, by rank",
    DenseChunk = "nearest chunk (cosine), relative to the best",
    DenseFile = "file vector (cosine), relative to the best",
    LexicalChunkRank = "best chunk's words (BM25F), by rank",
    LexicalChunk = "best chunk's words (BM25F), relative to the best",
    LexicalFile = "words in the file (BM25F), relative to the best",
    Joined = "query words that form one identifier",
    CoverageFile = "share of the query's words in the file",
    CoverageNames = "share of the query's words in names it defines",
    DefinedType = "best-fitting definition, of a type",
    Exact = "defines the exact name",
    ExactType = "defines the exact name, as a type",
    FileName = "file name in the query",
    Path = "query in the path",
    Stem = "file is named like the query or a name in it",
    Qualified = "defines the exact name in the container given by the query",
    Aside = "test, example, benchmark or fixture",
    Docs = "documentation",
    Foreign = "vendored, generated or deprecated",
    Entrance = "re-exports or starts code of other files",
    Declarations = "declarations only",
    Size = "number of chunks (logarithm)",
    Depth = "depth within its project",
    Rare = "defines rare names of the query",
    Located = "in a trace, or named by the report",
    Literal = "words of a message in order",
    Boilerplate = "licence, policy, list of changes, interface dump or wrapper",
}

impl Feature {
    /// Returns the sign that the feature's weight may have.
    pub fn weight_sign(self) -> WeightSign {
        match self {
            Self::Entrance | Self::Size => WeightSign::Either,
            Self::Aside | Self::Docs | Self::Foreign | Self::Boilerplate | Self::Declarations | Self::Depth => {
                WeightSign::Against
            }
            _ => WeightSign::For,
        }
    }
}

/// The number of features.
pub const FEATURE_COUNT: usize = Feature::ALL.len();

/// Computes the features of each candidate, in the order of `candidates`.
pub(crate) fn measure_features(snapshot: &Snapshot, terms: &QueryTerms, candidates: &[CandidateFile]) -> Vec<Features> {
    let intent = QueryIntent::from_terms(snapshot, terms);
    let measure = |candidate| measure_file(snapshot, terms, &intent, candidate);
    let mut features: Vec<Features> = run_on_search_pool(|| candidates.par_iter().map(measure).collect());
    for (rank_feature, relative_feature, score) in [
        (Some(Feature::DenseChunkRank), Feature::DenseChunk, (|file| file.dense_best) as fn(&CandidateFile) -> f32),
        (None, Feature::DenseFile, |file| file.dense_file),
        (Some(Feature::LexicalChunkRank), Feature::LexicalChunk, |file| file.lexical_best),
        (None, Feature::LexicalFile, |file| file.lexical_file),
        (None, Feature::Joined, |file| file.joined),
        (None, Feature::Rare, |file| file.rare),
    ] {
        let best = candidates.iter().map(score).fold(0.0, f32::max);
        for (features, candidate) in features.iter_mut().zip(candidates) {
            features.set(relative_feature, if best > 0.0 { score(candidate).max(0.0) / best } else { 0.0 });
        }
        if let Some(rank_feature) = rank_feature {
            features
                .iter_mut()
                .zip(reciprocal_ranks(candidates, score))
                .for_each(|(features, rank)| features.set(rank_feature, rank));
        }
    }
    set_depths(snapshot, candidates, &mut features);
    features
}

/// Sets each candidate's depth below the root of its project.
///
/// The depth below the index root would depend on the location of the project in the index.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn set_depths(snapshot: &Snapshot, candidates: &[CandidateFile], features: &mut [Features]) {
    let roots = snapshot.project_folders();
    // Hashing each folder above a file costs the square of its depth.
    let lengths: HashSet<usize> = roots.iter().map(String::len).collect();
    let is_root = |folder: &str| lengths.contains(&folder.len()) && roots.contains(folder);
    for (features, candidate) in features.iter_mut().zip(candidates) {
        let folder = snapshot.files[candidate.file].path.folder();
        let above = std::iter::successors(Some(folder).filter(|folder| !folder.is_empty()), |folder| {
            folder.rsplit_once('/').map(|(above, _)| above)
        });
        let depth = above.take_while(|folder| !is_root(folder)).count();
        features.set(Feature::Depth, depth as f32 / 10.0);
    }
}

/// Returns `(K + 1) / (K + rank)` of each file, ranked by `score`; 0 where the score is not positive. Equal
/// scores share a rank.
#[expect(clippy::cast_precision_loss, reason = "ranks are below a thousand")]
fn reciprocal_ranks(files: &[CandidateFile], score: impl Fn(&CandidateFile) -> f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| score(&files[*b]).total_cmp(&score(&files[*a])));
    let mut ranks = vec![0.0; files.len()];
    let mut rank = 0;
    for (position, index) in order.iter().enumerate() {
        if position == 0 || score(&files[*index]) < score(&files[order[position - 1]]) {
            rank = position + 1;
        }
        if score(&files[*index]) > 0.0 {
            ranks[*index] = (K + 1.0) / (K + rank as f32);
        }
    }
    ranks
}

/// Computes the features of a candidate from its definitions, its words and its path.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn measure_file(snapshot: &Snapshot, terms: &QueryTerms, intent: &QueryIntent, candidate: &CandidateFile) -> Features {
    let file = &snapshot.files[candidate.file];
    let mut features = Features::default();
    features.set(Feature::CoverageFile, candidate.coverage_file);
    features.set(Feature::CoverageNames, candidate.coverage_names);
    let fit = definition_fit(terms);
    let named = candidate.named.iter().map(|chunk| snapshot.chunk(*chunk));
    for chunk in named.filter(|chunk| is_type_definition(chunk.kind, file.language)) {
        features.set(Feature::DefinedType, features.get(Feature::DefinedType).max(fit(chunk)));
    }
    for chunk in candidate.chunks.iter().filter(|chunk| chunk.defines).map(|chunk| snapshot.chunk(chunk.chunk)) {
        features.set(Feature::Exact, 1.0);
        if is_type_definition(chunk.kind, file.language) {
            features.set(Feature::ExactType, 1.0);
        }
        if terms.qualifies_name_with(chunk.container) {
            features.set(Feature::Qualified, 1.0);
        }
    }
    set_path_features(&mut features, terms, intent, file);
    features.set(Feature::Size, (1.0 + file.len() as f32).ln() / 5.0);
    features
}

/// The path classes and contents that a query mentions.
struct QueryIntent {
    tests_or_examples: bool,
    docs: bool,
    vendored: bool,
}

impl QueryIntent {
    fn from_terms(snapshot: &Snapshot, terms: &QueryTerms) -> Self {
        // A report that mentions a test means the tested code.
        let is_report = terms.kind == QueryKind::Report;
        let mentions = |list: &str| !is_report && list.split_whitespace().any(|word| terms.stems.contains_word(word));
        Self {
            tests_or_examples: mentions(EXAMPLE_WORDS) || mentions(TEST_WORDS) && !is_test_tool(snapshot),
            docs: mentions(DOCS_WORDS),
            vendored: mentions(VENDORED_WORDS),
        }
    }
}

/// Returns whether the indexed code is a testing tool; `false` for a part of a large index. Names in a testing tool
/// often contain `test`, so that a query with this word does not mean test files.
fn is_test_tool(snapshot: &Snapshot) -> bool {
    // A large index has many projects, of which few are testing tools.
    if snapshot.is_part() {
        return false;
    }
    let is_code = |file: &FileChunks| {
        language::language_content(file.language) == ContentKind::Code && !file.is_test_or_example()
    };
    let all = snapshot.files.iter().filter(|file| is_code(file)).count();
    let mut named: HashSet<usize> = HashSet::new();
    let matched = snapshot.match_word(inverted_index::hash_term("test"), |chunk, posting| {
        if posting.counts.contains(ChunkField::Name) {
            let file = snapshot.file_of_chunk(chunk);
            if is_code(&snapshot.files[file]) {
                named.insert(file);
            }
        }
    });
    matched.is_ok() && named.len() * TEST_TOOL_FILES >= all.max(1)
}

/// Sets the features that depend on the path.
fn set_path_features(features: &mut Features, terms: &QueryTerms, intent: &QueryIntent, file: &FileChunks) {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    let stem = file.path.stem();
    let path_stems = file.path_stems();
    let content = language::language_content(file.language);
    let path_class = file.path_class();
    features.set(Feature::FileName, path_stems.file_stem.fraction_in(&terms.stems));
    features.set(Feature::Path, terms.stems.fraction_in(&path_stems.path));
    features.set(Feature::Stem, flag(terms.names_file(stem)));
    features.set(Feature::Aside, flag(file.is_test_or_example() && !intent.tests_or_examples));
    features.set(Feature::Docs, flag(content == ContentKind::Docs && !intent.docs));
    features.set(Feature::Foreign, flag(path_class.vendored && !intent.vendored));
    features.set(Feature::Boilerplate, flag(path_class.boilerplate && !intent.docs));
    features.set(Feature::Entrance, flag(ENTRY_STEMS.split_whitespace().any(|entrance| entrance == stem)));
    let name = file.path.file_name();
    features.set(Feature::Declarations, flag([".d.ts", ".pyi", ".h", ".hpp"].iter().any(|end| name.ends_with(end))));
}

/// Returns whether a definition is a type.
///
/// An Elixir module counts, because it has the role of a class. In other languages a module is a namespace:
/// `mod pool;` does not define a pool.
pub(super) fn is_type_definition(kind: SymbolKind, language: Language) -> bool {
    use SymbolKind::{Class, Enum, Interface, Module, Struct, Trait, Type, Union};
    matches!(kind, Class | Struct | Union | Enum | Interface | Trait | Type) || kind == Module && language.0 == "elixir"
}

/// Returns a function that scores how well a chunk's best-fitting name fits the query, from 0 to 1.
///
/// The container's name counts with each name; a chunk that defines no name scores 0.
pub(crate) fn definition_fit(terms: &QueryTerms) -> impl Fn(ChunkMeta<'_>) -> f32 {
    move |chunk| {
        let container = chunk.container_stems();
        chunk.name_stems().map(|name| name.fit(&container, &terms.stems)).fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_recognized_by_kind_and_language() {
        use SymbolKind::{Function, Module, Trait, Union};
        for (kind, language, is) in [
            (Trait, "rust", true),
            (Union, "c", true),
            (Module, "elixir", true),
            (Module, "rust", false),
            (Function, "c", false),
        ] {
            assert_eq!(is_type_definition(kind, Language(language)), is, "{kind} {language}");
        }
    }
}
