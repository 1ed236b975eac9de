//! Pairs as tokens: what training and measuring read over and over, without their text.

use std::collections::HashMap;

use super::pairs::{PairKind, Repository, hash};
use crate::embed::static_model::StaticModel;

/// Bags of tokens, one after another.
#[derive(Default)]
pub struct Bags {
    ends: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Bags {
    fn push(&mut self, bag: &[(u32, f32)]) {
        self.entries.extend_from_slice(bag);
        self.ends.push(self.entries.len());
    }

    pub fn get(&self, at: usize) -> &[(u32, f32)] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.entries[start..self.ends[at]]
    }
}

/// A pair's place in its repository's lists, and what makes another pair no negative of it.
#[derive(Clone, Copy)]
pub struct Example {
    pub kind: PairKind,
    /// Definition, text of the question, text of the passage: pairs that share one are no negatives.
    pub same: [u64; 3],
}

/// The examples of one repository.
pub struct Group {
    pub name: String,
    pub examples: Vec<Example>,
    pub queries: Bags,
    pub passages: Bags,
    pub paths: Bags,
}

/// What is trained with.
pub struct Examples {
    pub groups: Vec<Group>,
}

impl Examples {
    /// Splits the texts into tokens; a pair without a known word on either side is left out.
    pub fn of(repositories: &[Repository], model: &StaticModel) -> Self {
        let groups = repositories.iter().map(|repository| Group::of(repository, model));
        Self { groups: groups.filter(|group| !group.examples.is_empty()).collect() }
    }
}

impl Group {
    fn of(repository: &Repository, model: &StaticModel) -> Self {
        let name = repository.name.clone();
        let (queries, passages, paths) = (Bags::default(), Bags::default(), Bags::default());
        let mut group = Self { name, examples: Vec::new(), queries, passages, paths };
        for pair in &repository.pairs {
            let bags = model.weighted_tokens(&[&pair.query, &pair.passage, &pair.path]);
            if bags[0].is_empty() || bags[1].is_empty() {
                continue;
            }
            group.queries.push(&bags[0]);
            group.passages.push(&bags[1]);
            group.paths.push(&bags[2]);
            let same = [pair.target, hash(&pair.query), hash(&pair.passage)];
            group.examples.push(Example { kind: pair.kind, same });
        }
        group
    }
}

/// What is measured with: in each repository, questions and the passages that may answer them.
pub struct HeldOut {
    pub groups: Vec<HeldOutGroup>,
}

/// The questions of one repository.
pub struct HeldOutGroup {
    /// Each definition once.
    pub passages: Bags,
    pub paths: Bags,
    pub queries: Bags,
    /// For each question, the passage that answers it.
    pub answers: Vec<usize>,
}

impl HeldOut {
    /// Questions are the doc comments; passages are all definitions, without their doc comments.
    pub fn of(repositories: &[Repository], model: &StaticModel) -> Self {
        let groups = repositories.iter().map(|repository| HeldOutGroup::of(repository, model));
        Self { groups: groups.filter(|group| !group.answers.is_empty()).collect() }
    }
}

impl HeldOutGroup {
    fn of(repository: &Repository, model: &StaticModel) -> Self {
        let (passages, paths, queries) = (Bags::default(), Bags::default(), Bags::default());
        let mut group = Self { passages, paths, queries, answers: Vec::new() };
        let mut place: HashMap<u64, usize> = HashMap::new();
        for pair in repository.pairs.iter().filter(|pair| pair.is_definition()) {
            let next = place.len();
            let answer = *place.entry(pair.target).or_insert(next);
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
