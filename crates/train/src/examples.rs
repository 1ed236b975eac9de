//! Pairs as tokens, the form in which training and evaluation read them repeatedly.

use std::collections::HashMap;

use crate::pairs::{PairKind, TrainingRepository, hash_text};
use embed::static_model::StaticModel;

/// A sequence of token bags.
#[derive(Default)]
pub struct TokenBags {
    ends: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl TokenBags {
    fn push(&mut self, bag: &[(u32, f32)]) {
        self.entries.extend_from_slice(bag);
        self.ends.push(self.entries.len());
    }

    pub fn get(&self, at: usize) -> &[(u32, f32)] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.entries[start..self.ends[at]]
    }
}

/// The kind of a pair, and the keys that decide which other pairs are not its negatives.
#[derive(Clone, Copy)]
pub struct TrainingExample {
    pub kind: PairKind,
    /// Keys of the definition, the query and the passage. Pairs that share one of them are not negatives of
    /// each other.
    pub identity: [u64; 3],
}

/// The examples of one repository.
#[derive(Default)]
pub struct ExampleGroup {
    pub examples: Vec<TrainingExample>,
    pub queries: TokenBags,
    pub passages: TokenBags,
    pub paths: TokenBags,
}

/// The examples to train with.
pub struct TrainingExamples {
    pub groups: Vec<ExampleGroup>,
}

impl TrainingExamples {
    /// Splits the texts of all pairs into tokens. Omits pairs whose query or passage has no known word.
    pub fn tokenize(repositories: &[TrainingRepository], model: &StaticModel) -> Self {
        let groups = repositories.iter().map(|repository| ExampleGroup::tokenize(repository, model));
        Self { groups: groups.filter(|group| !group.examples.is_empty()).collect() }
    }
}

impl ExampleGroup {
    fn tokenize(repository: &TrainingRepository, model: &StaticModel) -> Self {
        let mut group = Self::default();
        for pair in &repository.pairs {
            let bags = model.weighted_tokens(&[&pair.query, &pair.passage, &pair.path]);
            if bags[0].is_empty() || bags[1].is_empty() {
                continue;
            }
            group.queries.push(&bags[0]);
            group.passages.push(&bags[1]);
            group.paths.push(&bags[2]);
            let identity = [pair.target, hash_text(&pair.query), hash_text(&pair.passage)];
            group.examples.push(TrainingExample { kind: pair.kind, identity });
        }
        group
    }
}

/// Held-out queries and the passages to find, to evaluate a table.
pub struct HeldOut {
    pub groups: Vec<HeldOutGroup>,
}

/// The queries and passages of one repository.
pub struct HeldOutGroup {
    /// One passage per definition.
    pub passages: TokenBags,
    pub paths: TokenBags,
    pub queries: TokenBags,
    /// The index of the passage that answers each query.
    pub answers: Vec<usize>,
}

impl HeldOut {
    /// Builds the set: the queries are the first sentences of doc comments, the passages all definitions without their
    /// doc comments. Omits queries without a known word.
    pub fn tokenize(repositories: &[TrainingRepository], model: &StaticModel) -> Self {
        let groups = repositories.iter().map(|repository| HeldOutGroup::tokenize(repository, model));
        Self { groups: groups.filter(|group| !group.answers.is_empty()).collect() }
    }
}

impl HeldOutGroup {
    fn tokenize(repository: &TrainingRepository, model: &StaticModel) -> Self {
        let (passages, paths, queries) = (TokenBags::default(), TokenBags::default(), TokenBags::default());
        let mut group = Self { passages, paths, queries, answers: Vec::new() };
        let mut passage_index: HashMap<u64, usize> = HashMap::new();
        for pair in repository.pairs.iter().filter(|pair| pair.is_definition()) {
            let next = passage_index.len();
            let answer = *passage_index.entry(pair.target).or_insert(next);
            let bags = model.weighted_tokens(&[&pair.query, &pair.passage, &pair.path]);
            if answer == next {
                group.passages.push(&bags[1]);
                group.paths.push(&bags[2]);
            }
            if pair.kind == PairKind::Doc && !bags[0].is_empty() {
                group.queries.push(&bags[0]);
                group.answers.push(answer);
            }
        }
        group
    }

    pub fn passage_count(&self) -> usize {
        self.passages.ends.len()
    }
}
