//! What is measured of a file for a question: the numbers that the ranking weighs.
//!
//! Must never import: anything above `search`.

use rayon::prelude::*;

use super::block::ChunkMeta;
use super::candidates::CandidateFile;
use super::marks::{EXAMPLES, FOREIGN, TESTS};
use super::parts::FileChunks;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use crate::language;
use crate::types::{Content, Language, SymbolKind};

/// Reciprocal rank fusion's constant (Cormack, Clarke and Büttcher 2009), scaled so that rank 1
/// gives 1: `(K + 1) / (K + rank)`.
const K: f32 = 20.0;

/// Words by which a question asks for prose.
const ASKS_DOCS: &str = "readme documentation docs guide tutorial changelog install installation license";

/// Files that stand where a project begins, beside a readme.
const PROJECT_FILES: &str = "Cargo.toml pyproject.toml setup.py setup.cfg pom.xml build.gradle build.gradle.kts \
    settings.gradle settings.gradle.kts mix.exs pubspec.yaml build.sbt Package.swift package.yaml build.zig";

/// Names of files that gather what other files define.
const ENTRANCES: &str = "__init__ mod lib index main init";

macro_rules! features {
    ($($(#[doc = $doc:literal])* $name:ident = $words:literal,)*) => {
        /// What is measured; see [`Features`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "their names for people are their documentation")]
        pub enum Feature { $($(#[doc = $doc])* $name,)* }

        impl Feature {
            /// Every feature, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What `--explain` calls it.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            /// What a file of weights calls it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

features! {
    DenseChunkRank = "nearest chunk, by rank",
    DenseChunk = "nearest chunk (cosine), relative to the best",
    DenseMean = "three nearest chunks, relative to the best",
    DenseFileRank = "meaning of the file, by rank",
    DenseFile = "meaning of the file (cosine), relative to the best",
    LexicalChunkRank = "best chunk's words (BM25F), by rank",
    LexicalChunk = "best chunk's words (BM25F), relative to the best",
    LexicalFileRank = "words in the file (BM25F), by rank",
    LexicalFile = "words in the file (BM25F), relative to the best",
    Joined = "query words that are one identifier",
    CoverageChunk = "share of the query's words in one chunk",
    CoverageFile = "share of the query's words in the file",
    CoverageNames = "share of the query's words in names it defines",
    Definition = "best fitting definition",
    DefinedType = "best fitting definition, of a type",
    Exact = "defines the very name",
    ExactType = "defines the very name, as a type",
    FileName = "file name in the query",
    Path = "query in the path",
    Stem = "file is named as the query or a name in it",
    Qualified = "defines the very name in what the query says it is in",
    Aside = "test, example or the like",
    Docs = "prose",
    Data = "configuration or data",
    Foreign = "vendored, generated or deprecated",
    Entrance = "gathers what other files define",
    Declarations = "declarations only",
    Size = "length",
    Depth = "depth within its project",
}

/// What a feature can be evidence for; its weight has that sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The file answers.
    For,
    /// It does not.
    Against,
    /// Either, whatever is learned.
    Either,
}

impl Feature {
    /// See [`Evidence`].
    pub fn evidence(self) -> Evidence {
        match self {
            Self::Entrance | Self::Size => Evidence::Either,
            Self::Aside | Self::Docs | Self::Data | Self::Foreign | Self::Declarations | Self::Depth => {
                Evidence::Against
            }
            _ => Evidence::For,
        }
    }
}

/// Number of [`Feature`]s.
pub const FEATURES: usize = Feature::ALL.len();

/// A number for each feature, most of them from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features(pub [f32; FEATURES]);

impl Default for Features {
    fn default() -> Self {
        Self([0.0; FEATURES])
    }
}

impl Features {
    /// The number of a feature.
    pub fn of(&self, feature: Feature) -> f32 {
        self.0[feature as usize]
    }

    fn set(&mut self, feature: Feature, value: f32) {
        self.0[feature as usize] = value;
    }
}

/// Measures all candidates of a question, in their order.
pub(super) fn features(snapshot: &Snapshot, terms: &QueryTerms, candidates: &[CandidateFile]) -> Vec<Features> {
    let asks = Asks::of(terms);
    let alone = |candidate| alone(snapshot, terms, &asks, candidate);
    let mut features: Vec<Features> = candidates.par_iter().map(alone).collect();
    for (ranked, relative, score) in [
        (Some(Feature::DenseChunkRank), Feature::DenseChunk, (|file| file.dense_best) as fn(&CandidateFile) -> f32),
        (None, Feature::DenseMean, |file| file.dense_mean),
        (Some(Feature::DenseFileRank), Feature::DenseFile, |file| file.dense_file),
        (Some(Feature::LexicalChunkRank), Feature::LexicalChunk, |file| file.lexical_best),
        (Some(Feature::LexicalFileRank), Feature::LexicalFile, |file| file.lexical_file),
        (None, Feature::Joined, |file| file.joined),
    ] {
        let best = candidates.iter().map(score).fold(0.0, f32::max);
        for (features, candidate) in features.iter_mut().zip(candidates) {
            features.set(relative, if best > 0.0 { score(candidate).max(0.0) / best } else { 0.0 });
        }
        if let Some(ranked) = ranked {
            features.iter_mut().zip(ranks(candidates, score)).for_each(|(features, rank)| features.set(ranked, rank));
        }
    }
    depths(snapshot, candidates, &mut features);
    features
}

/// Sets how deep each candidate lies in its project. In a folder of many, whole paths tell which
/// project has the deeper folders, and nothing of the file.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn depths(snapshot: &Snapshot, candidates: &[CandidateFile], features: &mut [Features]) {
    let find = || {
        let begins = snapshot.files.iter().filter(|file| is_at_root(file.path.file_name()));
        begins.map(|file| file.path.folder().to_owned()).collect()
    };
    let roots = snapshot.project_folders.get_or_init(find);
    for (features, candidate) in features.iter_mut().zip(candidates) {
        let folder = snapshot.files[candidate.file].path.folder();
        let above = std::iter::successors(Some(folder).filter(|folder| !folder.is_empty()), |folder| {
            folder.rsplit_once('/').map(|(above, _)| above)
        });
        let depth = above.take_while(|folder| !roots.contains(*folder)).count();
        features.set(Feature::Depth, depth as f32 / 10.0);
    }
}

/// Whether a file of this name stands where a project begins. Of manifests these are the ones that
/// are indexed; a readme is there in nearly every project.
fn is_at_root(name: &str) -> bool {
    let starts = |start: &str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    starts("readme") || PROJECT_FILES.split_whitespace().any(|other| other == name) || name.ends_with(".gemspec")
}

/// `(K + 1) / (K + rank)` of each file by `score`, 0 where the score is; equal scores share a rank.
#[expect(clippy::cast_precision_loss, reason = "ranks are below a thousand")]
fn ranks(files: &[CandidateFile], score: impl Fn(&CandidateFile) -> f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| score(&files[*b]).total_cmp(&score(&files[*a])));
    let mut ranks = vec![0.0; files.len()];
    let mut rank = 0;
    for (place, index) in order.iter().enumerate() {
        if place == 0 || score(&files[*index]) < score(&files[order[place - 1]]) {
            rank = place + 1;
        }
        if score(&files[*index]) > 0.0 {
            ranks[*index] = (K + 1.0) / (K + rank as f32);
        }
    }
    ranks
}

/// What can be said of a candidate without the others.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn alone(snapshot: &Snapshot, terms: &QueryTerms, asks: &Asks, candidate: &CandidateFile) -> Features {
    let file = &snapshot.files[candidate.file];
    let mut features = Features::default();
    features.set(Feature::CoverageChunk, candidate.coverage_chunk);
    features.set(Feature::CoverageFile, candidate.coverage_file);
    features.set(Feature::CoverageNames, candidate.coverage_names);
    let fit = name_fit(terms);
    for chunk in candidate.named.iter().map(|chunk| snapshot.chunk(*chunk)) {
        let fit = fit(chunk);
        features.set(Feature::Definition, features.of(Feature::Definition).max(fit));
        if is_type(chunk.kind, file.language) {
            features.set(Feature::DefinedType, features.of(Feature::DefinedType).max(fit));
        }
    }
    for chunk in candidate.chunks.iter().filter(|chunk| chunk.defines).map(|chunk| snapshot.chunk(chunk.chunk)) {
        features.set(Feature::Exact, 1.0);
        if is_type(chunk.kind, file.language) {
            features.set(Feature::ExactType, 1.0);
        }
        if terms.places_name_in(chunk.container) {
            features.set(Feature::Qualified, 1.0);
        }
    }
    place(&mut features, terms, asks, file);
    features.set(Feature::Size, (1.0 + file.len() as f32).ln() / 5.0);
    features
}

/// What a question asks for by name.
struct Asks {
    aside: bool,
    docs: bool,
    foreign: bool,
}

impl Asks {
    fn of(terms: &QueryTerms) -> Self {
        let asks = |list: &str| list.split_whitespace().any(|word| terms.roots.have(word));
        Self { aside: asks(TESTS) || asks(EXAMPLES), docs: asks(ASKS_DOCS), foreign: asks(FOREIGN) }
    }
}

/// What the path says.
fn place(features: &mut Features, terms: &QueryTerms, asks: &Asks, file: &FileChunks) {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    let stem = file.path.stem();
    let words = file.path_words();
    let content = language::content(file.language);
    let marks = file.marks();
    features.set(Feature::FileName, words.stem.share(&terms.roots));
    features.set(Feature::Path, terms.roots.share(&words.all));
    features.set(Feature::Stem, flag(terms.names_file(stem)));
    features.set(Feature::Aside, flag((marks.test || marks.example) && !asks.aside));
    features.set(Feature::Docs, flag(content == Content::Docs && !asks.docs));
    features.set(Feature::Data, flag(!matches!(content, Content::Code | Content::Docs)));
    features.set(Feature::Foreign, flag(marks.foreign && !asks.foreign));
    features.set(Feature::Entrance, flag(ENTRANCES.split_whitespace().any(|entrance| entrance == stem)));
    let name = file.path.file_name();
    features.set(Feature::Declarations, flag([".d.ts", ".pyi", ".h", ".hpp"].iter().any(|end| name.ends_with(end))));
}

/// Whether a definition is what others are made of. An Elixir module is what other languages have classes for;
/// elsewhere a module is a folder of names, and `mod pool;` is not where a pool is defined.
fn is_type(kind: SymbolKind, language: Language) -> bool {
    use SymbolKind::{Class, Enum, Interface, Module, Struct, Trait, Type, Union};
    matches!(kind, Class | Struct | Union | Enum | Interface | Trait | Type) || kind == Module && language.0 == "elixir"
}

/// For a chunk, how well the best of the names it defines fits the question, the name of what it
/// stands in counted with it; a chunk that defines nothing has 0.
pub(super) fn name_fit(terms: &QueryTerms) -> impl Fn(ChunkMeta<'_>) -> f32 {
    move |chunk| {
        let container = chunk.container_roots();
        chunk.name_roots().map(|name| name.fit(&container, &terms.roots)).fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_kind_and_language() {
        use SymbolKind::{Function, Module, Trait, Union};
        for (kind, language, is) in [
            (Trait, "rust", true),
            (Union, "c", true),
            (Module, "elixir", true),
            (Module, "rust", false),
            (Function, "c", false),
        ] {
            assert_eq!(is_type(kind, Language(language)), is, "{kind} {language}");
        }
    }
}
