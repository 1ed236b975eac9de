//! A graph of files, and its cycles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A graph of files, with an edge from each file to each file whose items it names.
#[derive(Default)]
pub struct FileGraph {
    /// For each pair of file numbers, the first name and its line.
    edges: BTreeMap<(usize, usize), (String, usize)>,
}

impl FileGraph {
    /// Adds an edge, unless `from` and `to` are the same file.
    pub fn add(&mut self, from: usize, to: usize, name: String, line: usize) {
        if from != to {
            self.edges.entry((from, to)).or_insert((name, line));
        }
    }

    /// Returns the number of edges.
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Describes a shortest cycle through each file that is part of one, except the files of cycles described before.
    pub fn describe_cycles(&self, paths: &[&str]) -> Vec<String> {
        let mut described = BTreeSet::new();
        let mut cycles = Vec::new();
        for start in 0..paths.len() {
            if described.contains(&start) {
                continue;
            }
            if let Some(cycle) = self.find_cycle(start) {
                described.extend(cycle.iter().copied());
                cycles.push(self.describe(&cycle, paths));
            }
        }
        cycles
    }

    /// Finds a shortest cycle from a file back to it by breadth-first search.
    fn find_cycle(&self, start: usize) -> Option<Vec<usize>> {
        let mut before = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(file) = queue.pop_front() {
            for (_, next) in self.edges.range((file, 0)..=(file, usize::MAX)).map(|(edge, _)| *edge) {
                if next == start {
                    let mut cycle = vec![file];
                    while let Some(previous) = before.get(&cycle[cycle.len() - 1]) {
                        cycle.push(*previous);
                    }
                    cycle.reverse();
                    return Some(cycle);
                }
                if let std::collections::btree_map::Entry::Vacant(entry) = before.entry(next) {
                    entry.insert(file);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn describe(&self, cycle: &[usize], paths: &[&str]) -> String {
        let steps = cycle.iter().zip(cycle.iter().cycle().skip(1)).map(|(from, to)| {
            let (name, line) = &self.edges[&(*from, *to)];
            format!("names {name} (line {line}) of {}", paths[*to])
        });
        format!("{} {}", paths[cycle[0]], steps.collect::<Vec<_>>().join(", which "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_cycle_is_described_once() {
        let mut graph = FileGraph::default();
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 1), (2, 1), (4, 4)] {
            graph.add(from, to, "x".to_owned(), 1);
        }
        let cycles = graph.describe_cycles(&["a", "b", "c", "d", "e"]);
        assert_eq!(
            cycles,
            [
                "b names x (line 1) of c, which names x (line 1) of b",
                "d names x (line 1) of b, which \
            names x (line 1) of c, which names x (line 1) of d"
            ]
        );
        assert_eq!(graph.len(), 5);
    }
}
